"""Coarse lists of vectors, in which pairs are looked for where there are too many vectors to compare each with each.

The centroids are those of a spherical k-means over a sample that is drawn by content. Its products are computed in
fixed blocks and its sums in a fixed order, so that they do not depend on threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from belle_data.embed.faiss_products import BASE_ROWS, Vectors, Workers, load_faiss, spans

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

PROBES = 8
"""Lists in which a row looks for others, its own among them."""
SAMPLE = 40
"""Rows of the sample for each list."""
_ROUNDS = 6
"""Times that centroids are moved."""
_SUMMED_AT_ONCE = 1 << 14


class Lists:
    """Which lists each row is in: in the first it is at home, in the others a guest.

    Args:
        vectors: Of the rows; none is zero.
        hashes: Of the content of each, ``uint64 [rows]``.
        workers: What computes.
        advance: Is told how many rows were compared with the centroids.
    """

    def __init__(
        self,
        vectors: Vectors,
        hashes: npt.NDArray[np.uint64],
        workers: Workers,
        advance: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._vectors, self._workers, self._advance = vectors, workers, advance
        self.count = list_count(len(vectors))
        probes = min(PROBES, self.count)
        self.centroids = self._trained(drawn(hashes, SAMPLE * self.count))
        self.of_rows = self._nearest(vectors, self.centroids, probes)
        """The lists of each row, the best first: ``int32 [rows, probes]``."""
        self._members = _grouped(self.of_rows[:, :1], self.count)
        self._guests = _grouped(self.of_rows[:, 1:], self.count)

    def members(self, number: int) -> npt.NDArray[np.int32]:
        """The rows that are at home in a list, ascending."""
        rows, starts = self._members
        return rows[starts[number] : starts[number + 1]]

    def guests(self, number: int) -> npt.NDArray[np.int32]:
        """The rows that are guests in a list, ascending."""
        rows, starts = self._guests
        return rows[starts[number] : starts[number + 1]]

    def meet(self, some: npt.NDArray[np.intp], others: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Whether the search compares two rows, for each pair: one is at home where the other is at home or a guest."""
        of_some, of_others = self.of_rows[some], self.of_rows[others]
        met: npt.NDArray[np.bool_] = (of_some == of_others[:, :1]).any(1) | (of_others == of_some[:, :1]).any(1)
        return met

    def _trained(self, sample: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Centroids, ``float32 [count, dimensions]``, of length one."""
        vectors = self._vectors.at(sample)
        of_sample = Vectors(vectors, np.arange(len(sample)))
        centroids = vectors[np.arange(self.count) % len(sample)]
        for _ in range(_ROUNDS):
            nearest = self._nearest(of_sample, centroids, 1)[:, 0]
            centroids = _means(vectors, nearest, centroids)
        return centroids

    def _nearest(self, vectors: Vectors, centroids: npt.NDArray[np.float32], most: int) -> npt.NDArray[np.int32]:
        """The centroids with the highest products, the best first: ``int32 [rows, most]``."""
        faiss = load_faiss()

        index = faiss.IndexFlatIP(vectors.dimensions)
        index.add(centroids)
        found = np.empty((len(vectors), most), np.int32)

        def search(span: tuple[int, int]) -> int:
            start, end = span
            found[start:end] = index.search(vectors.rows(start, end), most)[1]
            return end - start

        for rows in self._workers.in_order(search, spans(0, len(vectors), BASE_ROWS)):
            self._advance(rows)
        return found


def list_count(rows: int) -> int:
    """How many lists there are for so many rows."""
    return min(max(int(3.2 * rows**0.5), 1), max(rows, 1))


def training_steps(rows: int) -> int:
    """How many rows are compared with centroids until the lists are made."""
    return _ROUNDS * min(SAMPLE * list_count(rows), rows) + rows


def drawn(hashes: npt.NDArray[np.uint64], most: int) -> npt.NDArray[np.intp]:
    """The rows with the smallest hashes, the smallest first, of equal ones the first row."""
    return np.argsort(hashes, kind="stable")[:most]


def _means(
    vectors: npt.NDArray[np.float32], nearest: npt.NDArray[np.int32], before: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The mean direction of the vectors of each centroid; one without vectors stays where it was."""
    order = np.argsort(nearest, kind="stable")
    sums = np.zeros(before.shape, np.float64)
    # Cut at fixed places, so that the sums are always made in the same order.
    for start, end in spans(0, len(order), _SUMMED_AT_ONCE):
        rows = order[start:end]
        numbers, firsts = np.unique(nearest[rows], return_index=True)
        sums[numbers] += np.add.reduceat(vectors[rows], firsts, axis=0, dtype=np.float64)
    lengths = np.sqrt(np.add.reduce(sums * sums, axis=1, keepdims=True))
    # Vectors that point in opposite directions have no mean.
    moved = lengths > 1e-9
    lengths[~moved] = 1
    return np.where(moved, sums / lengths, before).astype(np.float32)


def _grouped(lists: npt.NDArray[np.int32], count: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The rows of each list one list after the other, ascending in each, and where each list starts."""
    per_row = lists.shape[1]
    starts = np.zeros(count + 1, np.int64)
    if per_row == 0:
        return np.zeros(0, np.int32), starts
    flat = lists.ravel()
    np.cumsum(np.bincount(flat, minlength=count), out=starts[1:])
    return (np.argsort(flat, kind="stable") // per_row).astype(np.int32), starts
