"""Products of vectors by the package faiss, on threads of our own.

Each call into faiss computes on one thread, over blocks that do not depend on how many threads there are: then neither
do the bits of a product. Between two calls a thread lets go, so that Ctrl-C is answered.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy.typing as npt

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

QUERY_ROWS = 1024
"""Vectors that are compared at once."""
BASE_ROWS = 4096
"""Vectors that they are compared with at once: even if all are alike, the pairs found take 150 MB."""
AHEAD = 16
"""Tasks that are given out before the result of the first is used. Not a matter of threads: see `Workers.in_order`."""


def load_faiss() -> Any:
    """Give the package, which few have."""
    import faiss  # noqa: PLC0415

    return faiss


class Vectors:
    """Rows of a mapped file of vectors, in another order.

    Args:
        values: ``float32 [n, dimensions]``.
        places: Where in `values` each row stands: ``[rows]``.
    """

    def __init__(self, values: npt.NDArray[np.float32], places: npt.NDArray[Any]) -> None:
        self._values, self._places = values, places
        self.dimensions = int(values.shape[1])

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, start: int, end: int) -> npt.NDArray[np.float32]:
        """The vectors of rows that follow each other: ``float32 [end - start, dimensions]``."""
        return self._at(self._places[start:end])

    def at(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The vectors of some rows: ``float32 [len(rows), dimensions]``."""
        return self._at(self._places[rows])

    def _at(self, places: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        # A copy of its own: faiss is given the address, and a mapped file may end early.
        return np.ascontiguousarray(self._values[places], np.float32)


class Workers:
    """Threads for calls into faiss. A context manager; when it is left, nothing runs any more.

    Args:
        threads: How many; 0 for one for each processor that may be used.
    """

    def __init__(self, threads: int) -> None:
        # More than `AHEAD` would have nothing to do.
        self._pool = ThreadPoolExecutor(min(threads or _processors(), AHEAD), "belle-faiss", _one_thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def in_order(self, task: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Give the results in the order of the items.

        An item is taken when the result of the one `AHEAD` before it was given out, so what an iterator of items knows
        by then of earlier results does not depend on how fast they come.
        """
        running: deque[Future[_Result]] = deque()
        for item in items:
            running.append(self._pool.submit(task, item))
            if len(running) == AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def pairs_above(
    queries: npt.NDArray[np.float32], base: npt.NDArray[np.float32], least: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Give the pairs of a query and a base vector whose product is above `least`: their places in both.

    Args:
        queries: ``float32 [n, dimensions]``, at most `QUERY_ROWS`.
        base: ``float32 [m, dimensions]``, at most `BASE_ROWS`.
        least: Products must be above it.
    """
    faiss = load_faiss()

    count, dimensions = queries.shape
    if count == 0 or len(base) == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.int64)
    result = faiss.RangeSearchResult(count)
    of_queries, of_base = faiss.swig_ptr(queries), faiss.swig_ptr(base)
    faiss.range_search_inner_product(of_queries, of_base, dimensions, count, len(base), least, result)
    limits = faiss.rev_swig_ptr(result.lims, count + 1)
    at_query = np.repeat(np.arange(count), np.diff(limits).astype(np.intp))
    return at_query, faiss.rev_swig_ptr(result.labels, len(at_query)).copy()


def spans(start: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut a range into spans of `step`, the last one shorter."""
    for first in range(start, end, step):
        yield first, min(first + step, end)


def _one_thread() -> None:
    # Holds for this thread alone.
    load_faiss().omp_set_num_threads(1)


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1
