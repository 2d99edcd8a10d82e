"""How many prompts a threshold removes: a row goes if one that is kept before it is near enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def removed_at(
    count: int,
    earlier: npt.NDArray[np.integer],
    later: npt.NDArray[np.integer],
    cosine: npt.NDArray[np.float64],
    thresholds: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """Count the rows that go at each threshold.

    Rows are taken in their order. A row goes if it makes a pair at or above the threshold with an earlier row that
    stays; a row that went removes none.

    Args:
        count: Number of rows.
        earlier: The first row of each pair, ``[pairs]``.
        later: The second row of each pair, which has the larger number; pairs are ordered by it.
        cosine: ``float64 [pairs]``.
        thresholds: Ascending, ``float64 [thresholds]``.

    Returns:
        ``int64 [thresholds]``.
    """
    kept = np.ones((count, len(thresholds)), dtype=bool)
    levels = np.searchsorted(thresholds, cosine, side="right")
    rows, starts = np.unique(later, return_index=True)
    at = np.arange(len(thresholds))
    for row, start, end in zip(rows, starts, np.append(starts, len(later))[1:], strict=True):
        reached = at < levels[start:end, None]
        kept[row] = ~(reached & kept[earlier[start:end]]).any(axis=0)
    return np.asarray(count - kept.sum(axis=0), dtype=np.int64)
