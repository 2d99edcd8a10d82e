"""Pairs of rows that are found in any order, brought into the order of the later row, in bounded memory.

A pair is one number, its key: the later row in the upper 32 bits, the earlier one in the lower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt


def keys_of(some: npt.NDArray[np.integer], others: npt.NDArray[np.integer]) -> npt.NDArray[np.uint64]:
    """The keys of pairs, whichever of the two is the later row."""
    later, earlier = np.maximum(some, others).astype(np.uint64), np.minimum(some, others).astype(np.uint64)
    keys: npt.NDArray[np.uint64] = (later << np.uint64(32)) | earlier
    return keys


def split(keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """The later and the earlier rows of pairs."""
    return (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)


class Pairs:
    """Collects the pairs whose later row is in a window of rows, each once.

    If there are too many, the window becomes shorter: pairs of its last rows are dropped and must be looked for again,
    in a window that starts where this one then ends. A window of one row holds all of its pairs.

    Args:
        start: The first row of the window.
        end: The row after it.
        most: Pairs that are held at once; while they are sorted, they take twice the memory.
    """

    def __init__(self, start: int, end: int, most: int) -> None:
        self.start, self.end, self._most = start, end, most
        self._parts: list[npt.NDArray[np.uint64]] = []
        self._count = 0

    def add(self, keys: npt.NDArray[np.uint64]) -> None:
        """Take the keys of pairs; those of other later rows are left out."""
        keys = keys[(keys >= _key(self.start)) & (keys < _key(self.end))]
        if len(keys) == 0:
            return
        self._parts.append(keys)
        self._count += len(keys)
        if self._count > self._most:
            self._shorten()

    def sorted(self) -> npt.NDArray[np.uint64]:
        """The keys of the window, ascending."""
        if not self._parts:
            return np.zeros(0, np.uint64)
        keys = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
        self._parts.clear()
        keys.sort()
        # The window may have become shorter since they came.
        keys = keys[: np.searchsorted(keys, _key(self.end))]
        first = np.ones(len(keys), np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=first[1:])
        keys = keys if first.all() else keys[first]
        self._parts.append(keys)
        self._count = len(keys)
        return keys

    def _shorten(self) -> None:
        keys = self.sorted()
        if len(keys) <= self._most // 2:
            return
        middle = int(keys[self._most // 2] >> np.uint64(32))
        self.end = max(middle, self.start + 1)
        kept = keys[: np.searchsorted(keys, _key(self.end))].copy()
        self._parts, self._count = [kept], len(kept)


def blocks(keys: npt.NDArray[np.uint64], end: int, most: int) -> Iterator[tuple[int, npt.NDArray[np.uint64]]]:
    """Cut sorted keys between two later rows, where about `most` of them are together.

    Yields:
        The row before which the later rows of the block are, and its keys; the last block is for the rows up to `end`.
    """
    done = 0
    while len(keys) - done > most:
        row = int(keys[done + most] >> np.uint64(32))
        cut = int(np.searchsorted(keys, _key(row)))
        if cut == done:
            # One row has more of them.
            row += 1
            cut = int(np.searchsorted(keys, _key(row)))
        yield row, keys[done:cut]
        done = cut
    yield end, keys[done:]


def _key(row: int) -> np.uint64:
    return np.uint64(row << 32)
