"""Tables 2 and 5 of the paper for runs of one's own, with intervals and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle_data.evalset.categories import CATEGORIES, CATEGORY_NAMES
from belle_data.page.bilingual import Both
from belle_train.judge.report_words import DASH, between, name_text, score_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.page.bilingual import Text
    from belle_train.judge.judged_runs import Figures, JudgedRun
    from belle_train.judge.printed_scores import PrintedScores

MACRO, MACRO_WITHOUT_OTHERS = "macro", "macro_without_others"
COLUMNS = (*CATEGORIES, MACRO, MACRO_WITHOUT_OTHERS)
"""Of Table 5, in its order."""
COLUMN_NAMES: dict[str, Both] = {
    **CATEGORY_NAMES,
    MACRO: Both("macro average", "宏平均"),
    MACRO_WITHOUT_OTHERS: Both("macro average without others", "宏平均（不含其他）"),
}
BEST, PERHAPS_BEST = "best", "perhaps"


@dataclass(slots=True)
class Cell:
    """A mean score as a table shows it.

    Attributes:
        score: With three digits; a dash if there is none.
        reason: Why there is none.
        interval: Of the mean; None if it is not known.
        missing: Rows without a score.
        bounds: The mean if all of these were 0, and if all were 1; None if nothing is missing.
        mark: `BEST` of its column; `PERHAPS_BEST` if missing scores could change that; empty for all others.
    """

    score: str
    reason: Text | None = None
    interval: str | None = None
    missing: int = 0
    bounds: str | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of Table 2.

    Attributes:
        name: Of the run.
        base: Base model; None if neither it nor the data has a label, and the name stands for both.
        data: Training data.
        cell: The score without others.
    """

    name: str
    base: str | None
    data: str
    cell: Cell


def figures_of(run: JudgedRun, column: str) -> Figures | None:
    """The figures of a column of Table 5; None for a category without rows."""
    if column == MACRO:
        return run.macro
    return run.macro_without_others if column == MACRO_WITHOUT_OTHERS else run.categories.get(column)


def cell(figures: Figures | None) -> Cell:
    """A cell with no mark."""
    if figures is None or not figures.rows:
        return Cell(DASH, Both("no rows", "没有数据"))
    bounds = between(figures.bound_low, figures.bound_high) if figures.missing else None
    if figures.mean is None:
        whole = figures.missing == figures.rows
        why = Both("no score", "没有分数") if whole else Both("a category has no score", "有类别没有分数")
        return Cell(DASH, why, None, figures.missing, bounds)
    return Cell(score_text(figures.mean), None, between(figures.low, figures.high), figures.missing, bounds)


def score_cells(runs: Sequence[JudgedRun], comparable: Sequence[int]) -> list[list[Cell]]:
    """The cells of Table 5, a row for each run.

    Args:
        runs: From the top.
        comparable: Places of the runs among which the best is found: those of the same evaluation set.
    """
    cells = [[cell(figures_of(run, column)) for column in COLUMNS] for run in runs]
    if len(comparable) > 1:
        for number, column in enumerate(COLUMNS):
            found = {place: figures_of(runs[place], column) for place in comparable}
            for place, mark in _marks({place: one for place, one in found.items() if one is not None}).items():
                cells[place][number].mark = mark
    return cells


def printed_cells(row: PrintedScores) -> list[Cell]:
    """The cells of a row of a paper's table: no intervals, nothing missing."""
    averages = {MACRO: row.macro, MACRO_WITHOUT_OTHERS: row.macro_without_others}
    values = [averages[column] if column in averages else row.categories.get(column) for column in COLUMNS]
    not_printed = Both("not printed", "未给出")
    return [Cell(DASH, not_printed) if value is None else Cell(score_text(value)) for value in values]


def _marks(found: dict[int, Figures]) -> dict[int, str]:
    """The best, by the digits that are shown; of equal ones each."""
    there = {place: round(one.mean, 3) for place, one in found.items() if one.mean is not None}
    if not there:
        return {}
    most = max(there.values())
    best = [place for place, mean in there.items() if mean == most]
    # What the others could reach, and what is left of the best, if the missing scores were the worst for it.
    least = min(_end(found[place].bound_low, found[place]) for place in best)
    others = [_end(one.bound_high, one, 1.0) for place, one in found.items() if place not in best]
    sure = all(one <= least for one in others)
    return dict.fromkeys(best, BEST if sure else PERHAPS_BEST)


def _end(bound: float | None, figures: Figures, otherwise: float = 0.0) -> float:
    """A mean with the worst or best for its missing scores."""
    if figures.missing == 0 and figures.mean is not None:
        return figures.mean
    return otherwise if bound is None else bound


def factors(
    runs: Sequence[JudgedRun], names: Sequence[str], cells: Sequence[list[Cell]]
) -> list[tuple[str, list[Line]]]:
    """The rows of Table 2 by factor, both in the order of the runs."""
    found: dict[str, list[Line]] = {}
    for run, name, row in zip(runs, names, cells, strict=True):
        labels = run.manifest.get("labels")
        known = (
            {key: value for key, value in labels.items() if isinstance(value, str)} if isinstance(labels, dict) else {}
        )
        base, data, factor = (known.get(key) or "" for key in ("base", "data", "factor"))
        line = Line(
            name, name_text(base) if base or data else None, name_text(data), row[COLUMNS.index(MACRO_WITHOUT_OTHERS)]
        )
        found.setdefault(name_text(factor), []).append(line)
    return list(found.items())
