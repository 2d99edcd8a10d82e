"""Scores of a judged system: means of categories, macro averages, their intervals, and what missing ones could do."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_data.evalset.categories import OTHERS
from belle_train.judge.agreement import Agreement, RepeatAgreement, human_agreement, repeat_agreement
from belle_train.judge.bootstrap import (
    LEVEL,
    SAMPLES,
    bootstrap_means,
    check_sampling,
    in_order,
    mean,
    mean_of_samples,
    percentile_interval,
    stream,
    tidy,
)
from belle_train.judge.category_order import table_order
from belle_train.judge.length_bias import LengthBias, length_bias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from belle_train.judge.bootstrap import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """A row that was judged, or should have been.

    Attributes:
        id: Of the row in the evaluation set; rows of two systems with the same one belong together.
        category: As it stands in the evaluation set.
        score: From 0 to 1; None if it is missing.
        missing: Why, a word of `belle_train.judge.replies.REASONS`; None if there is a score.
        characters: How long the answer is; None if there is no answer.
        scores: Of each repeat; empty if it was judged once.
        human: A person's score, from 0 to 1; None if there is none.
    """

    id: str
    category: str
    score: float | None
    missing: str | None = None
    characters: int | None = None
    scores: tuple[float | None, ...] = ()
    human: float | None = None

    def check(self) -> None:
        """Refuse a row that would make numbers wrong.

        Raises:
            UsageError: A score is not from 0 to 1, or a row has not one of a score and a reason.
        """
        for score in (self.score, self.human, *self.scores):
            if score is not None and not 0 <= score <= 1:
                raise UsageError(f"a score of the row {self.id!r} is not a number from 0 to 1", value=score)
        if (self.score is None) is (self.missing is None):
            raise UsageError("a row has either a score or a reason why it is missing", value=self.id)


@dataclass(frozen=True, slots=True)
class Average:
    """A mean of scores, or of such means.

    Attributes:
        rows: That it is about.
        scored: Rows with a score.
        missing: How many rows have none, by reason.
        mean: Of the scores, from 0 to 1; None if there is none.
        low: Where the interval begins; None if it is not known.
        high: Where it ends.
        bound_low: The mean if every missing score were 0; None without rows.
        bound_high: The same with 1.
        reason: Why the mean is None, a word of `belle_train.judge.bootstrap.WHY_NULL`; None if it is known.
    """

    rows: int
    scored: int
    missing: dict[str, int]
    mean: float | None
    low: float | None
    high: float | None
    bound_low: float | None
    bound_high: float | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``summary.json``."""
        return {
            "rows": self.rows,
            "scored": self.scored,
            "missing": dict(self.missing),
            "mean": tidy(self.mean),
            "low": tidy(self.low),
            "high": tidy(self.high),
            "bound_low": tidy(self.bound_low),
            "bound_high": tidy(self.bound_high),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """What the scores of a system say.

    Attributes:
        rows: How many there are.
        scored: How many of them have a score.
        missing: How many have none, by reason.
        categories: In the order of the tables, then by name; only those that have rows.
        macro: The mean of the categories' means.
        macro_without_others: The same without ``others``.
        length: How the length of answers and the score go together.
        repeats: How far repeats agree; None if every row was judged once.
        human: How far the judge agrees with a person; None if there are no scores of one.
    """

    rows: int
    scored: int
    missing: dict[str, int]
    categories: dict[str, Average]
    macro: Average
    macro_without_others: Average
    length: LengthBias
    repeats: RepeatAgreement | None
    human: Agreement | None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``summary.json``."""
        return {
            "rows": self.rows,
            "scored": self.scored,
            "missing": dict(self.missing),
            "categories": {name: average.to_dict() for name, average in self.categories.items()},
            "macro": self.macro.to_dict(),
            "macro_without_others": self.macro_without_others.to_dict(),
            "length": self.length.to_dict(),
            "repeats": None if self.repeats is None else self.repeats.to_dict(),
            "human": None if self.human is None else self.human.to_dict(),
        }


def summarise(rows: Iterable[ScoredRow], *, seed: int = 0, samples: int = SAMPLES, level: float = LEVEL) -> Summary:
    """Compute what the scores of a system say.

    A missing score is never a number. The macro average is over all categories that have rows; if one of them has no
    score at all it is None, and not silently an average over fewer categories. Its interval is that of a bootstrap
    within each category. A category with a single score has no interval, and neither has a macro average over it.

    Args:
        rows: In any order, which changes nothing.
        seed: Of the draws.
        samples: Of the bootstrap.
        level: Of the intervals.

    Raises:
        UsageError: A row or a setting means nothing, or an id stands twice.
    """
    check_sampling(seed, samples, level)
    found = list(rows)
    check_rows(found)
    categories: dict[str, Average] = {}
    means: dict[str, Floats] = {}
    for category, inside in by_category(found).items():
        categories[category], drawn = _category(category, inside, seed, samples, level)
        if drawn is not None:
            means[category] = drawn
    repeats = [row.scores for row in found if len(row.scores) > 1]
    human = [(row.score, row.human) for row in found if row.human is not None]
    return Summary(
        rows=len(found),
        scored=sum(row.score is not None for row in found),
        missing=_reasons(found),
        categories=categories,
        macro=_macro(categories, means, level),
        macro_without_others=_macro({name: one for name, one in categories.items() if name != OTHERS}, means, level),
        length=length_bias(((row.category, row.characters, row.score) for row in found), level=level),
        repeats=repeat_agreement(repeats) if repeats else None,
        human=human_agreement(human) if human else None,
    )


def macro_averages(category_scores: Mapping[str, float]) -> tuple[float, float]:
    """Average scores of categories, with ``others`` and without.

    Args:
        category_scores: By canonical name of the category.

    Returns:
        The mean of all, and the mean of all but ``others``.

    Raises:
        UsageError: There is no category besides ``others``.

    Examples:
        >>> macro_averages({"others": 0.5, "extract": 0.8, "rewrite": 0.7})
        (0.6666666666666666, 0.75)
    """
    without = mean([score for name, score in category_scores.items() if name != OTHERS])
    whole = mean(list(category_scores.values()))
    if whole is None or without is None:
        raise UsageError("a macro average needs a category besides others", value=sorted(category_scores))
    return whole, without


def by_category(rows: Iterable[ScoredRow]) -> dict[str, list[ScoredRow]]:
    """The rows of each category that has some, in the order of the tables; categories of other names follow by name."""
    found: dict[str, list[ScoredRow]] = {}
    for row in rows:
        found.setdefault(row.category, []).append(row)
    return {name: found[name] for name in sorted(found, key=table_order)}


def check_rows(rows: Sequence[ScoredRow]) -> None:
    """Refuse rows that would make numbers wrong.

    Raises:
        UsageError: A row is none, or an id stands twice.
    """
    seen: set[str] = set()
    for row in rows:
        row.check()
        if row.id in seen:
            raise UsageError("two rows have the same id", value=row.id)
        seen.add(row.id)


def _category(
    name: str, rows: Sequence[ScoredRow], seed: int, samples: int, level: float
) -> tuple[Average, Floats | None]:
    scores = [row.score for row in rows if row.score is not None]
    drawn, low, high = None, None, None
    if len(scores) > 1:
        drawn = bootstrap_means(in_order(scores), samples, stream(seed, "mean", name))
        low, high = percentile_interval(drawn, level)
    total, missing = math.fsum(scores), len(rows) - len(scores)
    average = Average(
        rows=len(rows),
        scored=len(scores),
        missing=_reasons(rows),
        mean=mean(scores),
        low=low,
        high=high,
        bound_low=total / len(rows),
        bound_high=(total + missing) / len(rows),
        reason=None if scores else "no_scores",
    )
    return average, drawn


def _macro(categories: Mapping[str, Average], means: Mapping[str, Floats], level: float) -> Average:
    inside = list(categories.values())
    known = [one.mean for one in inside if one.mean is not None]
    whole = bool(inside) and len(known) == len(inside)
    low, high = None, None
    if whole and all(name in means for name in categories):
        low, high = percentile_interval(mean_of_samples([means[name] for name in categories]), level)
    missing: Counter[str] = Counter()
    for one in inside:
        missing.update(one.missing)
    reason = None if whole else "category_without_scores" if inside else "no_categories"
    return Average(
        rows=sum(one.rows for one in inside),
        scored=sum(one.scored for one in inside),
        missing=dict(sorted(missing.items())),
        mean=mean(known) if whole else None,
        low=low,
        high=high,
        bound_low=mean([one.bound_low for one in inside if one.bound_low is not None]),
        bound_high=mean([one.bound_high for one in inside if one.bound_high is not None]),
        reason=reason,
    )


def _reasons(rows: Iterable[ScoredRow]) -> dict[str, int]:
    return dict(sorted(Counter(row.missing for row in rows if row.missing is not None).items()))
