"""Whether longer answers get better scores."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_train.judge.agreement import pearson, ranks
from belle_train.judge.bootstrap import LEVEL, mean, tidy
from belle_train.judge.category_order import table_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from belle_train.judge.bootstrap import Floats


@dataclass(frozen=True, slots=True)
class LengthCorrelation:
    """The length of answers beside their scores.

    Attributes:
        answers: How many there are.
        mean_characters: Of the answers, scored or not; None without answers.
        rows: Answers with a score; the correlation is of these.
        spearman: Correlation of the ranks of length and score; None where it is not defined.
        low: Where its interval begins; None if it is not known.
        high: Where it ends.
        reason: Why the correlation is None, a word of `belle_train.judge.bootstrap.WHY_NULL`; None if it is known.
    """

    answers: int
    mean_characters: float | None
    rows: int
    spearman: float | None
    low: float | None
    high: float | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``summary.json``."""
        return {name: tidy(value) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class LengthBias:
    """How length and score go together.

    Attributes:
        overall: Of all rows.
        within_categories: With ranks taken within each category: categories with long answers and high scores have no
            part in it.
        categories: Of each category alone.
    """

    overall: LengthCorrelation
    within_categories: LengthCorrelation
    categories: dict[str, LengthCorrelation]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``summary.json``."""
        return {
            "overall": self.overall.to_dict(),
            "within_categories": self.within_categories.to_dict(),
            "categories": {name: one.to_dict() for name, one in self.categories.items()},
        }


def length_bias(rows: Iterable[tuple[str, int | None, float | None]], *, level: float = LEVEL) -> LengthBias:
    """Compute how length and score go together.

    Args:
        rows: Category, characters of the answer and score of each row, in any order; None for what is missing.
        level: Of the intervals.
    """
    whole = sorted(rows, key=lambda row: (table_order(row[0]), row[1] or 0, row[2] or 0))
    found: dict[str, list[tuple[int | None, float | None]]] = {}
    for category, characters, score in whole:
        found.setdefault(category, []).append((characters, score))
    everything = [row for inside in found.values() for row in inside]
    return LengthBias(
        overall=_correlation([everything], level),
        within_categories=_correlation(list(found.values()), level),
        categories={name: _correlation([inside], level) for name, inside in found.items()},
    )


def _correlation(strata: Sequence[Sequence[tuple[int | None, float | None]]], level: float) -> LengthCorrelation:
    """The correlation of ranks within strata; one stratum gives Spearman's."""
    lengths = [characters for rows in strata for characters, _ in rows if characters is not None]
    first: list[Floats] = []
    second: list[Floats] = []
    used = 0
    for rows in strata:
        both = [(characters, score) for characters, score in rows if characters is not None and score is not None]
        if not both:
            continue
        used += 1
        pairs = np.array(both, dtype=np.float64)
        for column, into in ((pairs[:, 0], first), (pairs[:, 1], second)):
            # Centred, and as shares: ranks of large and small strata are then of one scale.
            into.append((ranks(column) - (len(both) + 1) / 2) / len(both))
    count = sum(len(one) for one in first)
    value = pearson(np.concatenate(first), np.concatenate(second)) if count else None
    low, high = _interval(value, count - used - 2, level)
    reason = None if value is not None else "no_rows" if not count else "too_few_rows" if count < 2 else "no_spread"
    return LengthCorrelation(len(lengths), mean(lengths), count, value, low, high, reason)


def _interval(value: float | None, freedom: int, level: float) -> tuple[float | None, float | None]:
    """Fisher's transformation with the variance of Bonett and Wright 2000 for ranks; None where it has none."""
    if value is None or freedom < 1 or abs(value) > 1 - 1e-12:
        return None, None
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt((1 + value * value / 2) / freedom)
    middle = math.atanh(value)
    return math.tanh(middle - half), math.tanh(middle + half)
