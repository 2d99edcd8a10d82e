"""Which runs differ: paired tests between all runs of the same rows, as a list and as a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from belle_data.evalset.categories import OTHERS
from belle_train.judge.paired_tests import compare_systems, holm
from belle_train.judge.report_words import DASH, null_text
from belle_train.judge.statistics import ScoredRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.engine.progress import Listener
    from belle_data.page.bilingual import Text
    from belle_train.judge.judged_runs import JudgedRow, JudgedRun
    from belle_train.judge.paired_tests import Difference, SystemsComparison

LEVEL = 0.05
"""Below it a difference is marked."""
_SMALLEST = 0.001


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two runs on the rows that both have a score for.

    Attributes:
        first: Place of a run among the runs.
        second: Place of the other.
        found: All that was compared; the macro average without others is what the page shows.
        left_out: Rows of the categories of that average that one of both has no score for.
        adjusted: Its p-value, adjusted for the number of pairs; None if there is none.
    """

    first: int
    second: int
    found: SystemsComparison
    left_out: int
    adjusted: float | None

    @property
    def difference(self) -> Difference:
        """Of the macro averages without others, the first minus the second."""
        return self.found.macro_without_others

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """All of it as JSON knows it."""
        there = {"a": names[self.first], "b": names[self.second], "p_value_holm": self.adjusted}
        return {**there, **self.found.to_dict()}

    def shown(self, names: Sequence[str]) -> dict[str, Any]:
        """As the list of the page has it."""
        one = self.difference
        return {
            "first": names[self.first],
            "second": names[self.second],
            "rows": one.rows,
            "left_out": self.left_out,
            "means": (_score(one.mean_a), _score(one.mean_b)),
            "cell": _cell(one, self.adjusted),
            "p_value": p_text(one.p_value),
        }


@dataclass(frozen=True, slots=True)
class PairCell:
    """A difference as the page shows it.

    Attributes:
        difference: With its sign; a dash if there is none.
        interval: None if it is not known.
        p_value: Adjusted.
        kind: ``more`` or ``less`` if it is below the level, else empty.
        reason: Why there is none.
    """

    difference: str
    interval: str | None
    p_value: str
    kind: str
    reason: Text | None = None


def compared(runs: Sequence[tuple[int, JudgedRun]], listener: Listener) -> list[PairedTest]:
    """Test all pairs of runs, each with its place among all runs; p-values are adjusted together (Holm 1979)."""
    scored = {place: [_scored(row) for row in run.rows] for place, run in runs}
    pairs = list(combinations(scored, 2))
    found = []
    if pairs:
        listener.begin("comparing", len(pairs), "pairs")
        for one, other in pairs:
            found.append(compare_systems(scored[one], scored[other]))
            listener.update(len(found))
        listener.end(f"{len(pairs):,} pairs of {len(scored):,} systems")
    adjusted = holm([one.macro_without_others.p_value for one in found])
    return [
        PairedTest(one, other, result, _rows(scored[one], scored[other]) - result.macro_without_others.rows, value)
        for (one, other), result, value in zip(pairs, found, adjusted, strict=True)
    ]


def _rows(one: Sequence[ScoredRow], other: Sequence[ScoredRow]) -> int:
    """Rows of either, without those of the category others."""
    return len({row.id for rows in (one, other) for row in rows if row.category != OTHERS})


def _scored(row: JudgedRow) -> ScoredRow:
    reason = next((reason for reason in row.missing if reason is not None), None)
    return ScoredRow(id=row.id, category=row.category, score=row.score, missing=reason)


def matrix(
    pairs: Sequence[PairedTest], places: Sequence[int], names: Sequence[str]
) -> list[tuple[str, list[PairCell | None]]]:
    """A row for each run with its differences to all others; None where it would be compared with itself."""
    found: dict[tuple[int, int], PairCell] = {}
    for pair in pairs:
        found[pair.first, pair.second] = _cell(pair.difference, pair.adjusted)
        found[pair.second, pair.first] = _cell(pair.difference, pair.adjusted, -1)
    return [(names[one], [found.get((one, other)) for other in places]) for one in places]


def _cell(found: Difference, adjusted: float | None, sign: int = 1) -> PairCell:
    if found.difference is None:
        return PairCell(DASH, None, DASH, "", null_text(found.reason))
    value = sign * found.difference
    interval = None
    if found.low is not None and found.high is not None:
        low, high = sorted((sign * found.low, sign * found.high))
        interval = f"{_signed(low)} … {_signed(high)}"
    clear = adjusted is not None and adjusted < LEVEL
    kind = ("more" if value > 0 else "less") if clear else ""
    return PairCell(_signed(value), interval, p_text(adjusted), kind)


def _signed(value: float) -> str:
    text = f"{value:+.3f}".replace("-", "−")
    return "0.000" if text in {"+0.000", "−0.000"} else text


def p_text(value: float | None) -> str:
    """A p-value; a dash for none."""
    if value is None:
        return DASH
    return f"< {_SMALLEST}" if value < _SMALLEST else f"{value:.3f}"


def _score(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"
