"""Cosines: of every prompt to its nearest other one, of pairs at or above a floor, and of random pairs.

Cosines of many pairs come from matrix products over vectors whose numbers are rounded to whole ones so small that
every sum is exact in float32. So the result does not depend on how a library splits the product, nor on the number of
threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from belle_data.engine.progress import Listener

BINS = 50
"""Bins of a histogram, over cosines from 0 to 1; what is below 0 counts in the first."""
_LARGEST_SUM = 4096
"""Two vectors of at most this norm have a product of at most 2**24, up to which float32 holds every whole number."""
_ROUNDING = 0.001
"""More than rounding moves a cosine."""
_TILE_ROWS, _TILE_COLUMNS = 1024, 4096
_PAIRS_AT_ONCE = 8192
_SHIFTS = 10


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the comparison of all pairs of prompts gives.

    Attributes:
        nearest: ``float32 [n]``, cosine of each prompt to the nearest other one; within 0.001.
        earlier: ``int32 [pairs]``, the first prompt of each pair that may be at or above the floor.
        later: ``int32 [pairs]``, its second prompt; pairs are ordered by it, then by `earlier`.
        floor: The least cosine of which no pair is missing; above 1 if even equal vectors are too many.
    """

    nearest: npt.NDArray[np.float32]
    earlier: npt.NDArray[np.int32]
    later: npt.NDArray[np.int32]
    floor: float


def neighbours(
    vectors: npt.NDArray[np.float32], floors: Sequence[float], margin: float, most: int, listener: Listener
) -> Neighbours:
    """Compare every prompt with every other one.

    Args:
        vectors: ``float32 [n, d]`` of norm 1, or 0.
        floors: Ascending cosines; pairs are wanted from the first on, and from a later one if they are too many.
        margin: How far a cosine that counts may be from that of these vectors.
        most: Pairs that are kept, at most.
        listener: Is told about the progress.
    """
    count = len(vectors)
    whole, unit = _whole_numbers(vectors)
    nearest = np.full(count, -unit, dtype=np.float32)
    pairs = _Pairs([(floor - margin - _ROUNDING) * unit for floor in floors], most)
    listener.begin("compare", count * count // 2, "pairs")
    done = 0
    for start in range(0, count, _TILE_ROWS):
        end = min(start + _TILE_ROWS, count)
        for first in range(0, end, _TILE_COLUMNS):
            last = min(first + _TILE_COLUMNS, end)
            tile = whole[start:end] @ whole[first:last].T
            if last > start:
                # Each pair once: a prompt and those before it.
                tile[np.arange(first, last)[None, :] >= np.arange(start, end)[:, None]] = -2 * unit
            np.maximum(nearest[start:end], tile.max(axis=1), out=nearest[start:end])
            np.maximum(nearest[first:last], tile.max(axis=0), out=nearest[first:last])
            pairs.add(tile, start, first)
            done += (end - start) * (last - first)
            listener.update(min(done, count * count // 2))
    listener.end(f"{count:,} prompts")
    earlier, later, level = pairs.sorted()
    floor = floors[level] if level < len(floors) else math.inf
    return Neighbours(np.clip(nearest / unit, -1, 1).astype(np.float32), earlier, later, floor)


def _whole_numbers(vectors: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], float]:
    """Vectors of whole numbers, and the product of two equal ones before rounding."""
    scale = math.floor(_LARGEST_SUM - math.sqrt(vectors.shape[1]) / 2)
    return np.rint(vectors * np.float32(scale)), float(scale * scale)


class _Pairs:
    """Pairs with large values; where they are too many, the bound rises through the given ones."""

    def __init__(self, bounds: list[float], most: int) -> None:
        self._bounds, self._most, self._level = bounds, most, 0
        empty = np.empty(0, dtype=np.int32)
        self._held = [(empty, empty, np.empty(0, dtype=np.float32))]
        self._count = 0

    def add(self, tile: npt.NDArray[np.float32], start: int, first: int) -> None:
        if self._level == len(self._bounds):
            return
        later, earlier = np.nonzero(tile >= self._bounds[self._level])
        if not len(later):
            return
        values = tile[later, earlier]
        self._held.append(((later + start).astype(np.int32), (earlier + first).astype(np.int32), values))
        self._count += len(later)
        if self._count > self._most:
            self._raise_bound()

    def _raise_bound(self) -> None:
        later, earlier, values = self._joined()
        while self._level < len(self._bounds) and np.count_nonzero(values >= self._bounds[self._level]) > self._most:
            self._level += 1
        bound = self._bounds[self._level] if self._level < len(self._bounds) else math.inf
        keep = values >= bound
        self._held = [(later[keep], earlier[keep], values[keep])]
        self._count = int(keep.sum())

    def _joined(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        later, earlier, values = zip(*self._held, strict=True)
        return np.concatenate(later), np.concatenate(earlier), np.concatenate(values)

    def sorted(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], int]:
        later, earlier, _ = self._joined()
        order = np.lexsort((earlier, later))
        return earlier[order], later[order], self._level


def cosines(
    vectors: npt.NDArray[np.float32], left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """The cosines of pairs of vectors, summed in float64 and rounded, so that the order of a sum does not show.

    Args:
        vectors: ``float32 [n, d]`` of norm 1, or 0.
        left: Numbers of vectors, ``[pairs]``.
        right: As many.

    Returns:
        ``float64 [pairs]`` from -1 to 1.
    """
    found = np.empty(len(left), dtype=np.float64)
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        products = vectors[left[part]].astype(np.float64) * vectors[right[part]]
        found[part] = products.sum(axis=1)
    return np.clip(np.round(found, 7), -1, 1)


def random_pairs(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The cosines of about ten random pairs for each prompt; the order of the prompts is random already."""
    count = len(vectors)
    shifts = [shift for shift in range(1, _SHIFTS + 1) if 2 * shift < count or (shift == 1 and count == 2)]
    at = np.arange(count)
    found = [cosines(vectors, at, (at + shift) % count) for shift in shifts]
    return np.concatenate(found) if found else np.empty(0, dtype=np.float64)


def histogram(values: npt.NDArray[np.floating]) -> list[int]:
    """How many cosines are in each of `BINS` bins of equal width from 0 to 1."""
    # A cosine such as 0.58 lies a little below it in binary and still counts from there on.
    places = np.floor(np.asarray(values, dtype=np.float64) * BINS + 1e-6).astype(np.int64)
    return [int(count) for count in np.bincount(np.clip(places, 0, BINS - 1), minlength=BINS)]
