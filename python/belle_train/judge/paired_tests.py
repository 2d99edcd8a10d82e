"""Whether one system is better than another, of the rows that both have a score for."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_data.evalset.categories import OTHERS
from belle_train.judge.bootstrap import (
    LEVEL,
    SAMPLES,
    bootstrap_means,
    check_sampling,
    flipped_means,
    in_order,
    mean,
    mean_of_samples,
    percentile_interval,
    permutation_p_value,
    stream,
    tidy,
)
from belle_train.judge.category_order import table_order
from belle_train.judge.statistics import check_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from belle_train.judge.bootstrap import Floats
    from belle_train.judge.statistics import ScoredRow


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better a system is than another.

    Attributes:
        rows: That both have a score for; the numbers are of these.
        mean_a: Of the first system on these rows; None if it is not known.
        mean_b: Of the second.
        difference: The first minus the second.
        low: Where the interval of the difference begins; None if it is not known.
        high: Where it ends.
        p_value: How often a difference as large comes of equally good systems; None if it is not known.
        reason: Why the difference is None, a word of `belle_train.judge.bootstrap.WHY_NULL`; None if it is known.
    """

    rows: int
    mean_a: float | None
    mean_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """With plain numbers, for JSON."""
        return {name: tidy(value) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class SystemsComparison:
    """Two systems beside each other.

    Attributes:
        rows: That both have a score for.
        left_out: The other rows, by why: ``only_a`` and ``only_b`` are in one system's file only, the others lack a
            score there.
        categories: In the order of the tables; all that a row of either system is of.
        macro: The mean of the categories' differences.
        macro_without_others: The same without ``others``.
    """

    rows: int
    left_out: dict[str, int]
    categories: dict[str, Difference]
    macro: Difference
    macro_without_others: Difference

    def to_dict(self) -> dict[str, Any]:
        """With plain numbers, for JSON."""
        return {
            "rows": self.rows,
            "left_out": dict(self.left_out),
            "categories": {name: one.to_dict() for name, one in self.categories.items()},
            "macro": self.macro.to_dict(),
            "macro_without_others": self.macro_without_others.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Means of the samples of a category, float64 [samples]."""

    again: Floats | None
    flipped: Floats


def compare_systems(
    a: Iterable[ScoredRow],
    b: Iterable[ScoredRow],
    *,
    seed: int = 0,
    samples: int = SAMPLES,
    level: float = LEVEL,
) -> SystemsComparison:
    """Compare two systems on the rows that both have a score for, row by row.

    The intervals are of a bootstrap over rows within each category, the p-values of a test that draws the signs of the
    differences anew within each category. As in `belle_train.judge.statistics.summarise` a macro average is None if a
    category has no row to compare.

    Args:
        a: Rows of the first system, in any order, which changes nothing.
        b: Rows of the second.
        seed: Of the draws.
        samples: Of the bootstrap and of the test.
        level: Of the intervals.

    Raises:
        UsageError: A row or a setting means nothing, an id stands twice, or a row has two categories.
    """
    check_sampling(seed, samples, level)
    first, second = _by_id(a), _by_id(b)
    left_out = dict.fromkeys(("only_a", "only_b", "missing_a", "missing_b", "missing_both"), 0)
    pairs: dict[str, list[tuple[float, float]]] = {}
    for name in sorted(first.keys() | second.keys()):
        one, other = first.get(name), second.get(name)
        category = (one or other).category  # type: ignore[union-attr] # it is in one of them
        inside = pairs.setdefault(category, [])
        if one is None or other is None:
            left_out["only_b" if one is None else "only_a"] += 1
            continue
        if one.category != other.category:
            message = f"the row {name!r} has two categories, so the systems were judged on different sets"
            raise UsageError(message, value=(one.category, other.category))
        if one.score is not None and other.score is not None:
            inside.append((one.score, other.score))
        else:
            lacks = "b" if one.score is not None else "a" if other.score is not None else "both"
            left_out[f"missing_{lacks}"] += 1
    categories: dict[str, Difference] = {}
    drawn: dict[str, _Drawn] = {}
    for category in sorted(pairs, key=table_order):
        categories[category], means = _category(category, pairs[category], seed, samples, level)
        if means is not None:
            drawn[category] = means
    without = {name: one for name, one in categories.items() if name != OTHERS}
    return SystemsComparison(
        rows=sum(one.rows for one in categories.values()),
        left_out=left_out,
        categories=categories,
        macro=_macro(categories, drawn, level),
        macro_without_others=_macro(without, drawn, level),
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust the p-values of several tests so that the chance of any false finding stays bounded (Holm 1979).

    Args:
        p_values: One per test; None for a test that could not be made, which does not count.

    Returns:
        The adjusted ones in the same order; None stays None.

    Raises:
        UsageError: One is not from 0 to 1.

    Examples:
        >>> holm([0.01, None, 0.04])
        [0.02, None, 0.04]
    """
    wrong = next((value for value in p_values if value is not None and not 0 <= value <= 1), None)
    if wrong is not None:
        raise UsageError("a p-value lies between 0 and 1", value=wrong)
    made = sorted((value, place) for place, value in enumerate(p_values) if value is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (value, place) in enumerate(made):
        largest = max(largest, min(1.0, value * (len(made) - rank)))
        adjusted[place] = largest
    return adjusted


def sign_test(wins: int, losses: int) -> float | None:
    """The exact two-sided p-value of wins and losses that would be equally probable; ties are not counted.

    Returns:
        At most 1; None if there are neither wins nor losses.
    """
    tries, fewer = wins + losses, min(wins, losses)
    if not tries:
        return None
    ways, term = 0, 1
    for count in range(fewer + 1):
        ways += term
        term = term * (tries - count) // (count + 1)
    return min(1.0, 2 * ways / 2**tries) if tries < 1000 else min(1.0, _ratio(2 * ways, tries))


def _ratio(count: int, power: int) -> float:
    """A whole number divided by a power of two, where neither fits a float."""
    shift = max(0, count.bit_length() - 64)
    return math.ldexp(float(count >> shift), shift - power)


def _by_id(rows: Iterable[ScoredRow]) -> dict[str, ScoredRow]:
    found = list(rows)
    check_rows(found)
    return {row.id: row for row in found}


def _category(
    name: str, pairs: Sequence[tuple[float, float]], seed: int, samples: int, level: float
) -> tuple[Difference, _Drawn | None]:
    if not pairs:
        return Difference(0, None, None, None, None, None, None, "no_rows"), None
    differences = [one - other for one, other in pairs]
    observed = math.fsum(differences) / len(differences)
    values = in_order(differences)
    again = bootstrap_means(values, samples, stream(seed, "difference", name)) if len(values) > 1 else None
    flipped = flipped_means(values, samples, stream(seed, "flips", name))
    low, high = (None, None) if again is None else percentile_interval(again, level)
    means = mean([one for one, _ in pairs]), mean([other for _, other in pairs])
    p_value = permutation_p_value(observed, flipped)
    return Difference(len(pairs), *means, observed, low, high, p_value, None), _Drawn(again, flipped)


def _macro(categories: Mapping[str, Difference], drawn: Mapping[str, _Drawn], level: float) -> Difference:
    rows = sum(one.rows for one in categories.values())
    known = [one for one in categories.values() if one.difference is not None]
    if not known or len(known) < len(categories):
        reason = "category_without_scores" if categories else "no_categories"
        return Difference(rows, None, None, None, None, None, None, reason)
    observed = math.fsum(one.difference for one in known if one.difference is not None) / len(known)
    again = [drawn[name].again for name in categories]
    whole = [one for one in again if one is not None]
    low, high = None, None
    if len(whole) == len(again):
        low, high = percentile_interval(mean_of_samples(whole), level)
    flipped = mean_of_samples([drawn[name].flipped for name in categories])
    means = (
        mean([one.mean_a for one in known if one.mean_a is not None]),
        mean([one.mean_b for one in known if one.mean_b is not None]),
    )
    return Difference(rows, *means, observed, low, high, permutation_p_value(observed, flipped), None)
