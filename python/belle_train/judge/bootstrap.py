"""Intervals by drawing rows again, and what all statistics of judged rows share: their seeds, and why one is null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SAMPLES = 10_000
LEVEL = 0.95
WHY_NULL = {
    "no_rows": "there are no rows",
    "no_scores": "no row has a score",
    "no_categories": "there is no category to average over",
    "category_without_scores": "a category has rows, and none of them has a score",
    "too_few_rows": "there are too few rows",
    "no_spread": "all values are equal",
    "one_verdict": "there is one verdict only, so agreement by chance is certain",
    "no_decided_rows": "no row is decided for either side",
}
"""Every reason for a statistic that is null, and what it says; the list is closed."""
_BLOCK = 1 << 22
"""Rows drawn at a time, so that memory is bounded."""
_DIGITS = 12
"""Of a result after the point: processors add in different orders, and the last digits differ."""
_TOLERANCE = 1e-12
"""Sums of tenths in another order differ by less; differences that matter are far larger."""


def check_sampling(seed: int, samples: int, level: float) -> None:
    """Refuse settings of the draws that mean nothing.

    Raises:
        UsageError: The seed is below 0, there are no samples, or the level is not between 0 and 1.
    """
    if seed < 0:
        raise UsageError("a seed is a whole number from 0", value=seed)
    if not 1 <= samples <= 10_000_000:
        raise UsageError("there are 1 to 10,000,000 samples", value=samples)
    if not 0 < level < 1:
        raise UsageError("the level of an interval lies between 0 and 1", value=level)


def stream(seed: int, purpose: str, name: str = "") -> np.random.Generator:
    """Random numbers of their own for each purpose and name, so that one more category changes no other.

    Args:
        seed: From 0.
        purpose: What is drawn.
        name: For which category.
    """
    return np.random.default_rng([seed, *f"{purpose}\0{name}".encode("utf-8", "surrogatepass")])


def in_order(values: Iterable[float]) -> Floats:
    """The values sorted: then what is drawn of them does not depend on the order of the rows."""
    return np.sort(np.fromiter(values, dtype=np.float64))


def mean(values: Sequence[float]) -> float | None:
    """The mean, the same for any order; None for no values."""
    return math.fsum(values) / len(values) if values else None


def bootstrap_means(values: Floats, samples: int, draws: np.random.Generator) -> Floats:
    """Means of rows drawn with replacement (Efron 1979).

    Args:
        values: One per row, sorted; float64 [rows], at least one.
        samples: How often all rows are drawn.
        draws: Where the random numbers come from.

    Returns:
        float64 [samples].
    """
    rows = len(values)
    means = np.empty(samples)
    block = max(1, _BLOCK // rows)
    for start in range(0, samples, block):
        size = min(block, samples - start)
        means[start : start + size] = values[draws.integers(0, rows, size=(size, rows))].mean(axis=1)
    return means


def flipped_means(values: Floats, samples: int, draws: np.random.Generator) -> Floats:
    """Means of differences whose signs are drawn anew, as they would be if both systems were equally good.

    Args:
        values: The differences, sorted; float64 [rows], at least one.
        samples: How often all signs are drawn.
        draws: Where the random numbers come from.

    Returns:
        float64 [samples].
    """
    rows = len(values)
    means = np.empty(samples)
    block = max(1, _BLOCK // rows)
    for start in range(0, samples, block):
        size = min(block, samples - start)
        signs = draws.integers(0, 2, size=(size, rows), dtype=np.int8).astype(np.float64)
        means[start : start + size] = (2 * (signs @ values) - values.sum()) / rows
    return means


def mean_of_samples(means: Sequence[Floats]) -> Floats:
    """The macro average of each sample.

    Args:
        means: Of each category, at least one; float64 [samples] each.

    Returns:
        float64 [samples].
    """
    whole: Floats = np.mean(np.stack(means), axis=0)
    return whole


def percentile_interval(means: Floats, level: float) -> tuple[float, float]:
    """The middle share of the samples.

    Args:
        means: Of the samples; at least one.
        level: The share, such as 0.95.
    """
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def permutation_p_value(observed: float, means: Floats) -> float:
    """The two-sided p-value, with the observed mean counted as a sample so that it is never 0.

    (1 + samples as far from 0) / (1 + samples), see Phipson and Smyth 2010.
    """
    as_far = int(np.count_nonzero(np.abs(means) >= abs(observed) - _TOLERANCE))
    return (1 + as_far) / (1 + len(means))


def tidy(value: float | None) -> float | None:
    """A number as it is written; None stays None.

    Raises:
        ValueError: It is not finite: then it should have been None.
    """
    if value is None:
        return None
    if not math.isfinite(value):
        message = "a statistic is not finite"
        raise ValueError(message)
    return round(float(value), _DIGITS) + 0.0
