"""How often one system wins against another, and what the place of an answer changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_train.judge.bootstrap import (
    LEVEL,
    SAMPLES,
    bootstrap_means,
    check_sampling,
    in_order,
    mean,
    percentile_interval,
    stream,
    tidy,
)
from belle_train.judge.category_order import table_order
from belle_train.judge.paired_tests import sign_test

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERDICTS = ("a", "b", "tie")


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row on which two systems were compared, or should have been.

    Attributes:
        category: As it stands in the evaluation set.
        verdict: ``a``, ``b`` or ``tie``; None if it is missing.
        orders: For each time that it was asked, whose answer stood first (``a`` or ``b``) and the verdict then, None
            if it is missing; empty if the place is not known.
    """

    category: str
    verdict: str | None
    orders: tuple[tuple[str, str | None], ...] = ()

    def check(self) -> None:
        """Refuse words that are no verdict.

        Raises:
            UsageError: One is none.
        """
        for verdict in (self.verdict, *(verdict for _, verdict in self.orders)):
            if verdict is not None and verdict not in VERDICTS:
                raise UsageError("a verdict is a, b or tie", value=verdict)
        for first, _ in self.orders:
            if first not in VERDICTS[:2]:
                raise UsageError("the first answer is that of a or b", value=first)


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often the first system, a, wins.

    Attributes:
        rows: That it is about.
        wins: Rows for a.
        losses: Rows for b.
        ties: Rows for neither.
        missing: Rows without a verdict.
        win_rate: Wins and half of the ties among the rows with a verdict; None if there is none.
        low: Where its interval begins; None if it is not known.
        high: Where it ends.
        bound_low: The win rate if every missing verdict were for b; None without rows.
        bound_high: The same for a.
        p_value: Of an exact sign test of wins and losses; None if there are neither.
        both_orders: Rows with a verdict in both orders.
        consistent: Share of these in which both are the same; None if there are none.
        placed: Verdicts for one side, of any order, where it is known which side stood first.
        first_place: Share of these for the side that stood first, 0.5 without bias; None if there are none.
        reason: Why the win rate is None, a word of `belle_train.judge.bootstrap.WHY_NULL`; None if it is known.
    """

    rows: int
    wins: int
    losses: int
    ties: int
    missing: int
    win_rate: float | None
    low: float | None
    high: float | None
    bound_low: float | None
    bound_high: float | None
    p_value: float | None
    both_orders: int
    consistent: float | None
    placed: int
    first_place: float | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``summary.json`` of a comparison."""
        return {name: tidy(value) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class WinRates:
    """How often the first system wins, in all rows and in each category, in the order of the tables."""

    overall: WinRate
    categories: dict[str, WinRate]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``summary.json`` of a comparison."""
        return {
            "overall": self.overall.to_dict(),
            "categories": {name: one.to_dict() for name, one in self.categories.items()},
        }


def win_rates(rows: Iterable[VerdictRow], *, seed: int = 0, samples: int = SAMPLES, level: float = LEVEL) -> WinRates:
    """Count verdicts. A missing verdict is never a tie.

    Args:
        rows: In any order, which changes nothing.
        seed: Of the draws.
        samples: Of the bootstrap.
        level: Of the intervals.

    Raises:
        UsageError: A row or a setting means nothing.
    """
    check_sampling(seed, samples, level)
    whole = list(rows)
    found: dict[str, list[VerdictRow]] = {}
    for row in whole:
        row.check()
        found.setdefault(row.category, []).append(row)

    def rate(name: str, inside: Sequence[VerdictRow]) -> WinRate:
        worth = [{"a": 1.0, "tie": 0.5, "b": 0.0}[row.verdict] for row in inside if row.verdict is not None]
        low, high = None, None
        if len(worth) > 1:
            drawn = bootstrap_means(in_order(worth), samples, stream(seed, "win rate", name))
            low, high = percentile_interval(drawn, level)
        return _counted(inside, worth, low, high)

    return WinRates(
        overall=rate("", whole),
        categories={name: rate(f"category {name}", found[name]) for name in sorted(found, key=table_order)},
    )


def _counted(rows: Sequence[VerdictRow], worth: list[float], low: float | None, high: float | None) -> WinRate:
    wins, losses = worth.count(1.0), worth.count(0.0)
    missing = len(rows) - len(worth)
    both = [orders for row in rows if len(orders := [verdict for _, verdict in row.orders if verdict is not None]) > 1]
    placed = [(first, verdict) for row in rows for first, verdict in row.orders if verdict in {"a", "b"}]
    return WinRate(
        rows=len(rows),
        wins=wins,
        losses=losses,
        ties=len(worth) - wins - losses,
        missing=missing,
        win_rate=mean(worth),
        low=low,
        high=high,
        bound_low=sum(worth) / len(rows) if rows else None,
        bound_high=(sum(worth) + missing) / len(rows) if rows else None,
        p_value=sign_test(wins, losses),
        both_orders=len(both),
        consistent=mean([float(len(set(orders)) == 1) for orders in both]),
        placed=len(placed),
        first_place=mean([float(first == verdict) for first, verdict in placed]),
        reason=None if worth else "no_rows" if not rows else "no_scores",
    )
