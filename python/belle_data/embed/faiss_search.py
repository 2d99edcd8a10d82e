"""Pairs of near vectors, found by the package faiss.

Up to `EXACT_BELOW` rows, and always with ``mode = "exact"``, each row is compared with all rows before it. Beyond, rows
meet in coarse lists: those at home in a list with each other and with its guests. Both are products of matrices; the
pairs they give are candidates, over which the kernels of this package decide by a product of their own.

`search_memory` says how much memory that takes.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from belle_data import _native
from belle_data.embed.faiss_index import flat_index, list_index, write_index
from belle_data.embed.faiss_lists import PROBES, SAMPLE, Lists, drawn, list_count, training_steps
from belle_data.embed.faiss_pairs import Pairs, blocks, keys_of, split
from belle_data.embed.faiss_products import AHEAD, BASE_ROWS, QUERY_ROWS, Vectors, Workers, pairs_above, spans
from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from belle_data.stages.semantic_dedup import SemanticDedupConfig
    from belle_data.stages.stage import Workplace

EXACT_BELOW = 100_000
"""Rows below which every pair is looked at: that is faster there."""
_MOST_AT_ONCE = 1 << 22
"""Pairs that a task may find; rows that have more are compared in parts."""
_MOST_OF_LIST = 1 << 23
"""Pairs of a list that are held at once."""
_MOST_OF_WINDOW = 1 << 24
"""Pairs of all lists that are held at once."""

Block = tuple[int, "npt.NDArray[np.uint32]", "npt.NDArray[np.uint32]"]
"""All pairs whose later group is before the first number and in no block before: the later and the earlier groups."""


def check_installed() -> None:
    """See whether the package is there, without loading it.

    Raises:
        UsageError: It is not.
    """
    if find_spec("faiss") is None:
        raise UsageError('engine = "faiss" needs the package faiss', hint='pip install faiss-cpu, or engine = "native"')


def search_memory(rows: int, dimensions: int, *, exact: bool, saved: bool = True, threads: int = 16) -> int:
    """Give the bytes of memory that the search of so many vectors needs at most, beside the mapped vectors.

    Args:
        rows: How many there are.
        dimensions: Numbers in a vector.
        exact: Every pair is looked at, however many rows there are.
        saved: The index is written, for which the vectors are in memory once.
        threads: Of which at most `AHEAD` are used.
    """
    # Pairs found, waiting and being sorted; blocks of vectors and what faiss finds in them.
    always = 16 * (_MOST_OF_WINDOW + _MOST_AT_ONCE) + 24 * rows
    each = 4 * dimensions * (QUERY_ROWS + BASE_ROWS) + 40 * QUERY_ROWS * BASE_ROWS
    index = 4 * rows * dimensions if saved else 0
    blocks_in_use = min(threads, AHEAD) * each
    if exact or rows < EXACT_BELOW:
        return always + blocks_in_use + index
    making = 2 * 4 * dimensions * (SAMPLE + 2) * list_count(rows) + 16 * PROBES * rows
    return always + max(blocks_in_use, making, index) + 8 * PROBES * rows


class FaissSearch:
    """Finds the pairs of groups of rows whose vectors are near.

    Args:
        settings: `threshold`, `mode` and `recall_rows` count.
        texts: What is compared.
        vectors: ``float32 [n, dimensions]``, read-only; norms are 1, or 0: such a vector is in no pair.
        places: ``uint32 [texts]``: where in `vectors` that of each text stands.
        workplace: Into its folder goes ``index.faiss``, which `faiss.read_index` opens.
        tolerance: How far the cosine of two of the vectors may be from the one that counts.

    Raises:
        UsageError: faiss is not installed.
    """

    def __init__(
        self,
        settings: SemanticDedupConfig,
        texts: _native.ComparedTexts,
        vectors: npt.NDArray[np.float32],
        places: npt.NDArray[np.uint32],
        workplace: Workplace,
        *,
        tolerance: float = 0.0,
    ) -> None:
        check_installed()
        self._settings, self._folder, self._threads = settings, workplace.vectors, workplace.threads
        self._all, self._done, self._total = vectors, 0, 0
        groups = pa.record_batch(texts.group_column())
        of_groups = places[groups["text"].to_numpy()]
        self._groups = len(of_groups)
        # A product of blocks may be off by the rounding of each of its terms, and the one that decides too.
        rounding = 2 * vectors.shape[1] * 2.0**-24
        self._least = settings.threshold - max(tolerance, _native.SemanticDedup.JUST_BELOW) - rounding
        self._numbers = _not_zero(vectors, of_groups)
        """Group of each row of the search: all but those whose vector is zero."""
        self._rows = groups["row"].to_numpy()[self._numbers].astype(np.int64)
        self._places = of_groups[self._numbers]
        self._vectors = Vectors(vectors, self._places)
        count = len(self._numbers)
        self.exact = settings.mode == "exact" or count < max(EXACT_BELOW, 1)
        self._hashes = np.zeros(0, np.uint64)
        self._lists: Lists | None = None

    def progress(self) -> tuple[int, int]:
        """Steps that are done, and how many there are; may be asked from another thread."""
        return self._done, self._total

    def candidates(self) -> Iterator[Block]:
        """Give all pairs that may be near, in blocks in the order of the later group.

        Raises:
            RunFolderError: The index cannot be written.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        with Workers(self._threads) as workers:
            found = self._exact(workers) if self.exact else self._in_lists(workers)
            for end, keys in found:
                later, earlier = split(keys)
                rows = len(self._numbers)
                end_group = int(self._numbers[end]) if end < rows else self._groups
                if rows < self._groups:
                    later, earlier = self._numbers[later], self._numbers[earlier]
                yield end_group, later, earlier

    def statistics(self) -> dict[str, Any]:
        """What was seen: ``clusters``, the lists, and ``recall``, or None if every pair was looked at.

        The recall is the rows of a sample, the pairs that they are in, and how many of these rows that meet in lists.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        if self._lists is None:
            return {"clusters": 0, "recall": None}
        recall = self._recall(self._lists) if self._settings.recall_rows else None
        return {"clusters": self._lists.count, "recall": recall}

    def _exact(self, workers: Workers) -> Iterator[tuple[int, npt.NDArray[np.uint64]]]:
        """Each row with all rows before it."""
        rows = len(self._numbers)
        self._begin(sum(end for _, end in spans(0, rows, QUERY_ROWS)))
        self._save(flat_index(self._vectors, self._rows) if self._folder else None)
        for span, found in workers.in_order(self._before, spans(0, rows, QUERY_ROWS)):
            yield from self._in_parts(workers, span, found)
            self._advance(span[1])

    def _in_parts(
        self, workers: Workers, span: tuple[int, int], found: npt.NDArray[np.uint64] | int
    ) -> Iterator[tuple[int, npt.NDArray[np.uint64]]]:
        """The pairs of a span of rows; where only their number is known, they are too many, and are found in parts."""
        start, end = span
        if isinstance(found, int):
            step = max((end - start) * _MOST_AT_ONCE // (2 * found), 1)
            for part, of_part in workers.in_order(self._before, spans(start, end, min(step, (end - start + 1) // 2))):
                yield from self._in_parts(workers, part, of_part)
        else:
            yield end, found

    def _before(self, span: tuple[int, int]) -> tuple[tuple[int, int], npt.NDArray[np.uint64] | int]:
        """Compare some rows with all before them; with too many pairs, about how many there are."""
        start, end = span
        queries = self._vectors.rows(start, end)
        parts, count = [], 0
        for first, last in spans(0, end, BASE_ROWS):
            at_query, at_base = pairs_above(queries, self._vectors.rows(first, last), self._least)
            later, earlier = at_query + start, at_base + first
            before = earlier < later
            parts.append(keys_of(later[before], earlier[before]))
            count += len(parts[-1])
            if count > _MOST_AT_ONCE and end - start > 1:
                return span, count * end // last
        return span, np.concatenate(parts)

    def _in_lists(self, workers: Workers) -> Iterator[tuple[int, npt.NDArray[np.uint64]]]:
        """The rows that meet in lists, in windows of later rows."""
        rows = len(self._numbers)
        self._begin(training_steps(rows) + rows)
        self._hashes = np.frombuffer(_native.vector_checksums(self._all, self._all.shape[1]), "<u8")[self._places]
        self._lists = lists = Lists(self._vectors, self._hashes, workers, self._advance)
        self._save(list_index(lists, self._vectors, self._rows) if self._folder else None)
        before, start = self._done, 0
        while start < rows:
            pairs = Pairs(start, rows, _MOST_OF_WINDOW)
            # A generator: each list is given the window as it is when it is its turn.
            windows = ((lists, number, pairs.start, pairs.end) for number in range(lists.count))
            for found in workers.in_order(self._of_list, windows):
                pairs.end = min(pairs.end, found.end)
                pairs.add(found.sorted())
            yield from blocks(pairs.sorted(), pairs.end, _MOST_AT_ONCE)
            start = pairs.end
            self._done = before + start

    def _of_list(self, task: tuple[Lists, int, int, int]) -> Pairs:
        """The pairs of a list whose later row is in a window; the window that they are of in the end may be shorter."""
        lists, number, start, end = task
        found = Pairs(start, end, _MOST_OF_LIST)
        home, guests = (
            rows[: np.searchsorted(rows, found.end)] for rows in (lists.members(number), lists.guests(number))
        )
        before, guests_before = np.searchsorted(home, found.start), np.searchsorted(guests, found.start)
        self._meet(home[before:], home, found, ordered=True)
        self._meet(home[before:], guests, found)
        self._meet(home[:before], guests[guests_before:], found)
        return found

    def _meet(
        self, some: npt.NDArray[np.int32], others: npt.NDArray[np.int32], found: Pairs, *, ordered: bool = False
    ) -> None:
        """Compare some rows with others, all ascending; `ordered`: only with those before each."""
        for start, end in spans(0, len(others), BASE_ROWS):
            base_rows = others[start:end]
            base = self._vectors.at(base_rows) if len(some) else None
            for first, last in spans(0, len(some), QUERY_ROWS):
                rows = some[first:last]
                # The window may have become shorter.
                if base is None or rows[0] >= found.end or base_rows[0] >= found.end:
                    continue
                if ordered and base_rows[0] > rows[-1]:
                    continue
                at_query, at_base = pairs_above(self._vectors.at(rows), base, self._least)
                one, other = rows[at_query], base_rows[at_base]
                if ordered:
                    before = other < one
                    one, other = one[before], other[before]
                found.add(keys_of(one, other))

    def _recall(self, lists: Lists) -> tuple[int, int, int]:
        """Rows of a sample, the pairs that they are in with any other row, and how many of these the lists find."""
        # Other rows than those from which the lists were made.
        sample = drawn(~self._hashes, self._settings.recall_rows)
        vectors, rows = self._vectors.at(sample), len(self._numbers)
        # faiss gives what is above the limit, and the threshold itself counts.
        least = float(np.nextafter(np.float32(self._settings.threshold), np.float32(-2)))
        self._begin(rows)

        def compare(span: tuple[int, int]) -> tuple[int, int, int]:
            base = self._vectors.rows(*span)
            there = met = 0
            for first, last in spans(0, len(sample), QUERY_ROWS):
                at_query, at_base = pairs_above(vectors[first:last], base, least)
                some, others = sample[first:last][at_query], at_base + span[0]
                other = some != others
                there += int(other.sum())
                met += int(lists.meet(some[other], others[other]).sum())
            return len(base), there, met

        pairs = found = 0
        with Workers(self._threads) as workers:
            for compared, there, met in workers.in_order(compare, spans(0, rows, BASE_ROWS)):
                pairs, found = pairs + there, found + met
                self._advance(compared)
        return len(sample), pairs, found

    def _save(self, index: Any) -> None:
        if index is not None and self._folder is not None:
            write_index(index, self._folder)

    def _begin(self, total: int) -> None:
        self._done, self._total = 0, total

    def _advance(self, steps: int) -> None:
        self._done += steps


def _not_zero(vectors: npt.NDArray[np.float32], places: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Which of the places have a vector that is not zero."""
    parts = [
        start + np.flatnonzero(vectors[places[start:end]].any(axis=1))
        for start, end in spans(0, len(places), BASE_ROWS)
    ]
    return (np.concatenate(parts) if parts else np.zeros(0)).astype(np.uint32)
