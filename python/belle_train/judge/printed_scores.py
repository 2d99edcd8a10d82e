"""Scores of categories as a paper prints them, and whether a printed row goes with its own categories."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle_data.errors import SourceError
from belle_data.evalset.categories import CATEGORIES, category_of
from belle_train.judge.csv_table import read_table
from belle_train.judge.statistics import macro_averages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from belle_train.judge.csv_table import Row, Table

NAME, MACRO, WITHOUT_OTHERS = "name", "macro", "macro_without_others"
LABELS = ("base", "data", "factor")
"""Columns with words: the base model, the training data, and what the row is there to show."""
_SPELLINGS = {
    "name": NAME,
    "model": NAME,
    "system": NAME,
    "模型": NAME,
    "名称": NAME,
    "macro": MACRO,
    "macroave": MACRO,
    "macroavg": MACRO,
    "macroaverage": MACRO,
    "宏平均": MACRO,
    "macrowithoutothers": WITHOUT_OTHERS,
    "macrowoothers": WITHOUT_OTHERS,
    "macroavewoothers": WITHOUT_OTHERS,
    "macroavewithoutothers": WITHOUT_OTHERS,
    "macroaveragewoothers": WITHOUT_OTHERS,
    "macroaveragewithoutothers": WITHOUT_OTHERS,
    "宏平均不含其他": WITHOUT_OTHERS,
    "base": "base",
    "basemodel": "base",
    "data": "data",
    "trainingdata": "data",
    "factor": "factor",
}
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class PrintedScores:
    """A row of a printed table.

    Attributes:
        name: Of the model.
        line: Of the file, from 1.
        categories: Scores from 0 to 1 by canonical name, in the order of the tables.
        macro: As printed; None if it is not.
        macro_without_others: As printed; None if it is not.
        labels: Of `LABELS`, those that the row has.
    """

    name: str
    line: int
    categories: dict[str, float]
    macro: float | None
    macro_without_others: float | None
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Consistency:
    """Whether printed averages go with the printed scores; true if they do.

    Attributes:
        macro: The average of the printed categories.
        macro_without_others: The same without ``others``.
        disagreements: Which of the two is printed otherwise, ``macro`` or ``macro_without_others``.
    """

    macro: float
    macro_without_others: float
    disagreements: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.disagreements


def printed_row_consistent(
    category_scores: Mapping[str, float],
    printed_macro: float | None,
    printed_macro_without: float | None,
    tolerance: float = 0.001,
) -> Consistency:
    """Compare printed averages with those of the printed categories.

    Args:
        category_scores: By canonical name of the category.
        printed_macro: The macro average; None if none is printed, which is no disagreement.
        printed_macro_without: The same without ``others``.
        tolerance: How far they may be apart; numbers rounded to thousandths and averaged are apart by 0.001 at most.

    Raises:
        UsageError: There is no category besides ``others``.
    """
    macro, without = macro_averages(category_scores)
    apart = [
        name
        for name, computed, printed in ((MACRO, macro, printed_macro), (WITHOUT_OTHERS, without, printed_macro_without))
        if printed is not None and not abs(computed - printed) <= tolerance + _ROUNDING
    ]
    return Consistency(macro, without, tuple(apart))


def read_category_scores(path: str | Path) -> list[PrintedScores]:
    """Read the scores of categories from a table in a file, as a paper prints them.

    The columns are ``name`` (or ``model``), the nine categories in any spelling of `category_of`, and, if they are
    printed, ``macro``, ``macro_without_others`` and `LABELS`.

    Raises:
        SourceError: The file cannot be read, lacks a column or has one twice or one that is not known, or a value is no
            number from 0 to 1; with the line and the column.
    """
    table = read_table(path, lambda name: _column(name) is not None)
    places = _places(table)
    found = [_printed(table, places, row) for row in table.rows]
    if not found:
        raise SourceError("the table has no rows", path=path)
    return found


def _column(name: str) -> str | None:
    """What a column is, by its name in the header."""
    folded = "".join(one for one in unicodedata.normalize("NFKC", name).casefold() if one.isalnum())
    return _SPELLINGS.get(folded) or category_of(name)


def _places(table: Table) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, name in enumerate(table.header):
        column = _column(name)
        if column is None and not name:
            continue
        if column is None:
            hint = f"known are {', '.join((NAME, *CATEGORIES, MACRO, WITHOUT_OTHERS, *LABELS))}"
            raise SourceError("unknown column", path=table.path, line=1, value=name, hint=hint)
        if column in places:
            raise SourceError(f"two columns mean {column}", path=table.path, line=1, value=name)
        places[column] = place
    if lacks := [name for name in (NAME, *CATEGORIES) if name not in places]:
        raise SourceError(f"the table lacks columns: {', '.join(lacks)}", path=table.path, line=1)
    return places


def _printed(table: Table, places: Mapping[str, int], row: Row) -> PrintedScores:
    name = row.cells[places[NAME]].strip()
    if not name:
        raise SourceError(f"the column {table.header[places[NAME]]!r} is empty", path=table.path, line=row.line)
    return PrintedScores(
        name=name,
        line=row.line,
        categories={category: _score(table, places[category], row) for category in CATEGORIES},
        macro=_score_or_none(table, places.get(MACRO), row),
        macro_without_others=_score_or_none(table, places.get(WITHOUT_OTHERS), row),
        labels={label: text for label in LABELS if label in places and (text := row.cells[places[label]].strip())},
    )


def _score_or_none(table: Table, place: int | None, row: Row) -> float | None:
    return None if place is None or not row.cells[place].strip() else _score(table, place, row)


def _score(table: Table, place: int, row: Row) -> float:
    text = unicodedata.normalize("NFKC", row.cells[place]).strip()
    if table.separator != ",":
        text = text.replace(",", ".")
    number = float(text) if _NUMBER.fullmatch(text) else None
    if number is None or number > 1:
        message = f"the column {table.header[place]!r} has no number from 0 to 1"
        hint = "a score in percent is divided by 100" if number is not None else None
        raise SourceError(message, path=table.path, line=row.line, value=row.cells[place], hint=hint)
    return number
