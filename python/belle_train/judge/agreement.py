"""How far scores and verdicts agree: of repeats, of a judge and people, of two people."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_train.judge.bootstrap import LEVEL, SAMPLES, check_sampling, mean, percentile_interval, stream, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from belle_train.judge.bootstrap import Floats


@dataclass(frozen=True, slots=True)
class RepeatAgreement:
    """How far a judge agrees with itself.

    Attributes:
        rows: Rows of which at least two repeats have a score; the numbers are of these.
        left_out: Rows with fewer.
        equal: Share of the rows whose scores are all equal; None without rows.
        mean_absolute_difference: Between two repeats of a row, averaged over pairs and then rows.
        standard_deviation: Within rows: the root of the mean variance.
        alpha: Krippendorff's, for intervals: 1 is full agreement, 0 what chance gives.
        reason: Why something is None, a word of `belle_train.judge.bootstrap.WHY_NULL`.
    """

    rows: int
    left_out: int
    equal: float | None
    mean_absolute_difference: float | None
    standard_deviation: float | None
    alpha: float | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``summary.json``."""
        return _tidy(asdict(self))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two series of scores agree.

    Attributes:
        rows: Rows that have both; the numbers are of these.
        left_out: Rows that have one only.
        pearson: Correlation of the scores.
        spearman: Correlation of their ranks.
        mean_absolute_error: Between the two.
        kappa: Cohen's with quadratic weights, on tenths.
        alpha: Krippendorff's, for intervals.
        reason: Why something is None, a word of `belle_train.judge.bootstrap.WHY_NULL`.
    """

    rows: int
    left_out: int
    pearson: float | None
    spearman: float | None
    mean_absolute_error: float | None
    kappa: float | None
    alpha: float | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``summary.json``."""
        return _tidy(asdict(self))


@dataclass(frozen=True, slots=True)
class Kappa:
    """How far two series of verdicts agree beyond chance.

    Attributes:
        rows: Rows that have both verdicts; the numbers are of these.
        left_out: Rows that lack one.
        agreement: Share of rows with the same verdict; None without rows.
        kappa: Cohen's: 1 is full agreement, 0 what chance gives; None where it is not defined.
        low: Where its interval begins; None if it is not known.
        high: Where it ends.
        reason: Why kappa is None, a word of `belle_train.judge.bootstrap.WHY_NULL`; None if it is known.
    """

    rows: int
    left_out: int
    agreement: float | None
    kappa: float | None
    low: float | None
    high: float | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """With plain numbers, for JSON."""
        return _tidy(asdict(self))


def repeat_agreement(rows: Iterable[Sequence[float | None]]) -> RepeatAgreement:
    """Compare the scores that a judge gave the same answers.

    Args:
        rows: The scores of each row; those that are missing are left out.
    """
    present = [[score for score in row if score is not None] for row in rows]
    several = [row for row in present if len(row) > 1]
    left_out = len(present) - len(several)
    if not several:
        return RepeatAgreement(0, left_out, None, None, None, None, "no_rows")
    differences = [math.fsum(abs(a - b) for a, b in combinations(row, 2)) / math.comb(len(row), 2) for row in several]
    variances = [_squares(row) / (len(row) - 1) for row in several]
    alpha = krippendorff_alpha(several)
    return RepeatAgreement(
        rows=len(several),
        left_out=left_out,
        equal=sum(min(row) == max(row) for row in several) / len(several),
        mean_absolute_difference=mean(differences),
        standard_deviation=math.sqrt(math.fsum(variances) / len(variances)),
        alpha=alpha,
        reason="no_spread" if alpha is None else None,
    )


def human_agreement(pairs: Iterable[tuple[float | None, float | None]]) -> Agreement:
    """Compare the scores of a judge with those of a person.

    Args:
        pairs: Both scores of each row, from 0 to 1; rows that lack one are counted and left out.
    """
    whole = list(pairs)
    both = [(one, other) for one, other in whole if one is not None and other is not None]
    left_out = len(whole) - len(both)
    if not both:
        return Agreement(0, left_out, None, None, None, None, None, "no_rows")
    first, second = np.array(sorted(both), dtype=np.float64).T
    values = (pearson(first, second), spearman(first, second), quadratic_kappa(first, second), krippendorff_alpha(both))
    reason = "no_spread" if None in values else None
    return Agreement(
        rows=len(both),
        left_out=left_out,
        pearson=values[0],
        spearman=values[1],
        mean_absolute_error=mean([abs(one - other) for one, other in both]),
        kappa=values[2],
        alpha=values[3],
        reason=reason if len(both) > 1 else "too_few_rows",
    )


def cohens_kappa(
    pairs: Iterable[tuple[str | None, str | None]], *, seed: int = 0, samples: int = SAMPLES, level: float = LEVEL
) -> Kappa:
    """Compare two series of verdicts (Cohen 1960).

    The result is the same for the two in either order, and for rows in any order. The interval is that of a bootstrap
    over rows; draws in which kappa is not defined have no part in it, and fewer than three rows give none.

    Args:
        pairs: Both verdicts of each row; rows that lack one are counted and left out.
        seed: Of the draws.
        samples: Of the bootstrap.
        level: Of the interval.

    Raises:
        UsageError: A setting means nothing.
    """
    check_sampling(seed, samples, level)
    whole = list(pairs)
    counts = Counter((one, other) for one, other in whole if one is not None and other is not None)
    rows = counts.total()
    left_out = len(whole) - rows
    if not rows:
        return Kappa(0, left_out, None, None, None, None, "no_rows")
    words = sorted({word for pair in counts for word in pair})
    table = np.array([[counts[one, other] for other in words] for one in words], dtype=np.int64)
    if table.T.ravel().tolist() < table.ravel().tolist():
        table = table.T
    agreement = int(np.trace(table)) / rows
    kappa = float(_kappas(table[None])[0])
    if math.isnan(kappa):
        return Kappa(rows, left_out, agreement, None, None, None, "one_verdict")
    low, high = None, None
    if rows > 2:
        drawn = stream(seed, "kappa").multinomial(rows, table.ravel() / rows, size=samples)
        kappas = _kappas(drawn.reshape(samples, len(words), len(words)))
        defined = kappas[~np.isnan(kappas)]
        if len(defined):
            low, high = percentile_interval(defined, level)
    return Kappa(rows, left_out, agreement, kappa, low, high, None)


def krippendorff_alpha(units: Iterable[Sequence[float | None]]) -> float | None:
    """Krippendorff's alpha with the metric of intervals (Krippendorff 2004, chapter 11).

    Args:
        units: The values that each unit got, by anybody; missing ones are None, and units with fewer than two values
            say nothing.

    Returns:
        At most 1; None if there is no unit with two values, or if all values are equal.
    """
    pairable = [row for unit in units if len(row := [value for value in unit if value is not None]) > 1]
    values = [value for row in pairable for value in row]
    if not values or min(values) == max(values):
        return None
    # The squared differences of all pairs of n values are n times their squares around the mean.
    observed = math.fsum(len(row) * _squares(row) / (len(row) - 1) for row in pairable) / len(values)
    expected = _squares(values) / (len(values) - 1)
    return 1 - observed / expected


def quadratic_kappa(first: Floats, second: Floats) -> float | None:
    """Cohen's kappa with quadratic weights, of scores rounded to tenths.

    Args:
        first: From 0 to 1; float64 [rows].
        second: In the same order of rows.

    Returns:
        At most 1; None if there are no rows, or both have one and the same value only.
    """
    one, other = (np.floor(values * 10 + 0.5 + 1e-9) for values in (first, second))
    if not len(one):
        return None
    expected = float(one.var() + other.var() + (one.mean() - other.mean()) ** 2)
    return 1 - float(((one - other) ** 2).mean()) / expected if expected > 1e-12 else None


def pearson(first: Floats, second: Floats) -> float | None:
    """The correlation; None if there are fewer than two rows or one side has a single value.

    Args:
        first: float64 [rows].
        second: In the same order of rows.
    """
    if len(first) < 2 or first.min() == first.max() or second.min() == second.max():
        return None
    one, other = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(one @ one)) * math.sqrt(float(other @ other))
    return max(-1.0, min(1.0, float(one @ other) / scale)) if scale else None


def spearman(first: Floats, second: Floats) -> float | None:
    """The correlation of ranks; None as for `pearson`.

    Args:
        first: float64 [rows].
        second: In the same order of rows.
    """
    return pearson(ranks(first), ranks(second))


def ranks(values: Floats) -> Floats:
    """The rank of each value from 1; equal values share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean_ranks: Floats = (ends - (counts - 1) / 2)[places]
    return mean_ranks


def _squares(values: Sequence[float]) -> float:
    """Squared differences from the mean, added up."""
    middle = math.fsum(values) / len(values)
    return math.fsum((value - middle) ** 2 for value in values)


def _kappas(tables: np.ndarray[Any, np.dtype[np.int64]]) -> Floats:
    """Cohen's kappa of tables of counts, int64 [tables, words, words]; NaN where it is not defined."""
    rows = tables.sum(axis=(1, 2)).astype(np.int64)
    same = np.trace(tables, axis1=1, axis2=2)
    by_chance = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1)
    defined = by_chance != rows**2
    kappas = np.full(len(tables), np.nan)
    # Whole numbers up to here, so that whether it is defined does not depend on rounding.
    np.divide(same * rows - by_chance, rows**2 - by_chance, out=kappas, where=defined)
    return kappas


def _tidy(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tidy(value) if isinstance(value, float) else value for name, value in values.items()}
