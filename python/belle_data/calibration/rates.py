"""Rates with their uncertainty, and the threshold that keeps to a wanted one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

NORMAL_95 = 1.959963984540054
"""Standard deviations on each side of the mean that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share that was counted: `hits` of `pairs`, with its 95 % interval after Wilson; None where there are none."""

    hits: int
    pairs: int
    share: float | None
    low: float | None
    high: float | None


def rate_of(hits: int, pairs: int) -> Rate:
    """The rate of `hits` among `pairs`."""
    if pairs == 0:
        return Rate(0, 0, None, None, None)
    share, square = hits / pairs, NORMAL_95 * NORMAL_95
    middle = (share + square / (2 * pairs)) / (1 + square / pairs)
    half = math.sqrt(share * (1 - share) / pairs + square / (4 * pairs * pairs)) * NORMAL_95 / (1 + square / pairs)
    low, high = (0.0 if hits == 0 else middle - half), (1.0 if hits == pairs else middle + half)
    return Rate(hits, pairs, share, low, high)


def pairs_needed(wanted: float) -> int:
    """How many pairs, none of them hit, show with 95 % that a rate is at most `wanted`."""
    needed = math.ceil(NORMAL_95 * NORMAL_95 * (1 - wanted) / wanted)
    # The bound is met by the real number that was rounded up; floating point may need one more.
    while (rate_of(0, needed).high or 0.0) > wanted:
        needed += 1
    return needed


def removed(cosine: npt.NDArray[np.float64], differs: npt.NDArray[np.bool_], threshold: float) -> npt.NDArray[np.bool_]:
    """Which pairs are taken for duplicates: at or above the threshold, and the guard sees no difference."""
    return np.asarray((cosine >= threshold) & ~differs, dtype=np.bool_)


def smallest_threshold(
    cosine: npt.NDArray[np.float64],
    differs: npt.NDArray[np.bool_],
    wanted: float,
    thresholds: npt.NDArray[np.float64],
    *,
    surely: bool = False,
) -> float | None:
    """The smallest threshold at which at most the wanted share of pairs that are no duplicates would be removed.

    Args:
        cosine: Of pairs that are no duplicates, ``float64 [pairs]``.
        differs: Whether the guard keeps them apart, ``bool [pairs]``.
        wanted: The share, 0 to 1.
        thresholds: Those to choose from, ascending.
        surely: The upper end of the rate's 95 % interval is to be at most the share, not the rate itself.

    Returns:
        None if there is no pair, or if even the largest threshold removes too many.
    """
    if len(cosine) == 0:
        return None
    # The share falls as the threshold rises.
    for threshold in thresholds:
        rate = rate_of(int(removed(cosine, differs, float(threshold)).sum()), len(cosine))
        share = rate.high if surely else rate.share
        if share is not None and share <= wanted:
            return float(threshold)
    return None
