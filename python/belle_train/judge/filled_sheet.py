"""Sheets that people filled in: read as spreadsheets save them, checked against the key, and unblinded."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_train.judge.blind_sheet import COLUMNS, TEXTS
from belle_train.judge.csv_table import read_table
from belle_train.judge.sheet_key import sheet_of
from belle_train.judge.sheet_text import letters_digest, texts_digest, undefused
from belle_train.judge.win_rates import VerdictRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from belle_train.judge.csv_table import Row, Table
    from belle_train.judge.sheet_key import Key, KeyRow

LEFT, RIGHT, TIE, BAD = "left", "right", "tie", "bad"
WORDS = {
    LEFT: ("left", "l", "a", "1", "左", "左边", "左侧", "左侧更好", "左边更好", "left better", "left is better"),
    RIGHT: ("right", "r", "b", "2", "右", "右边", "右侧", "右侧更好", "右边更好", "right better", "right is better"),
    TIE: ("tie", "equal", "same", "draw", "0", "平", "平局", "一样", "相同", "一样好", "both good", "equally good"),
    BAD: ("bad", "both bad", "neither", "都差", "都不好", "一样差"),
}
"""What people may write for each verdict, whatever its case and width; both bad is a tie that is counted apart."""
_VERDICT_OF = {word: verdict for verdict, words in WORDS.items() for word in words}
_COLUMN_OF = {heading: name for name, headings in COLUMNS.items() for heading in headings}
_LONGEST_NUMBER = 9


@dataclass(frozen=True, slots=True)
class Problem:
    """A row without a verdict that counts: where it is, from line 1, and what is the matter."""

    path: str
    line: int | None
    number: int
    what: str
    value: str | None = None

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        shown = "" if self.value is None else f": {self.value[:80]!r}"
        return f"{where}: row {self.number:,}: {self.what}{shown}"


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What a person said of a row.

    Attributes:
        id: Of the row.
        category: Of the row.
        verdict: ``a``, ``b`` or ``tie``; None if it is missing.
        both_bad: Whether it is a tie because neither is good.
        left: Whose answer stood on the left.
        note: What the person wrote; empty for nothing.
    """

    id: str
    category: str
    verdict: str | None
    both_bad: bool
    left: str
    note: str

    def to_dict(self) -> dict[str, Any]:
        """As the file of human verdicts has it."""
        return {
            "id": self.id,
            "category": self.category,
            "verdict": self.verdict,
            "both_bad": self.both_bad,
            "left": self.left,
            "note": self.note or None,
        }

    def counted(self) -> VerdictRow:
        """For counting wins; the left answer is the first."""
        return VerdictRow(self.category, self.verdict, ((self.left, self.verdict),))


@dataclass(frozen=True, slots=True)
class FilledSheet:
    """The verdicts of a person.

    Attributes:
        path: The file.
        sha256: Of the file.
        sheet: Its place among the sheets of the key, from 0.
        rows: In the order of their ids; all that the key has.
        problems: Rows without a verdict, and verdicts that are none.
        unicode: Whether the file has every character, so that each text was compared whole.
    """

    path: str
    sha256: str
    sheet: int
    rows: tuple[PersonRow, ...]
    problems: tuple[Problem, ...]
    unicode: bool


def read_filled_sheets(paths: Sequence[str], key: Key) -> list[FilledSheet]:
    """Read filled sheets, one per person.

    Raises:
        UsageError: None is given, or one twice.
        SourceError: A file is no sheet, does not belong to the key, or has a row twice.
    """
    if not paths:
        raise UsageError("no sheet is given", hint="blind-sheet import --key key.json sheet.csv")
    used: Counter[int] = Counter()
    seen: set[Path] = set()
    found = []
    for path in paths:
        place = Path(path).resolve()
        if place in seen:
            raise UsageError("the sheet is given twice", path=path)
        seen.add(place)
        found.append(_filled(path, key, used))
    return found


def verdict_of(cell: str) -> str | None:
    """The verdict that a cell means: `LEFT`, `RIGHT`, `TIE` or `BAD`; None for anything else."""
    folded = " ".join(unicodedata.normalize("NFKC", undefused(cell.strip())).casefold().split())
    return _VERDICT_OF.get(folded.rstrip(".。!"))


def _filled(path: str, key: Key, used: Counter[int]) -> FilledSheet:
    table = read_table(path, lambda name: _column(name) is not None)
    places = _places(table)
    rows: dict[int, Row] = {}
    for row in table.rows:
        number = _number(table, places, row)
        if number in rows:
            message = f"the row {number:,} is there twice, first in line {rows[number].line:,}"
            raise SourceError(message, path=path, line=row.line)
        rows[number] = row
    digests = {number: _digests(row, places) for number, row in rows.items()}
    sheet = sheet_of(key, [(number, *digests[number]) for number in rows], used)
    known = key.sheets[sheet]
    _check_texts(table, rows, digests, known)
    problems: list[Problem] = []
    said = []
    for number, one in sorted(known.items(), key=lambda pair: pair[1].id):
        verdict, note = _said(path, number, rows.get(number), places, problems)
        side = None if verdict is None else _unblinded(verdict, one.left)
        said.append(PersonRow(one.id, one.category, side, verdict == BAD, one.left, note))
    problems.sort(key=lambda one: (one.line is None, one.line or one.number))
    content = sha256(Path(path).read_bytes()).hexdigest()
    return FilledSheet(path, content, sheet, tuple(said), tuple(problems), table.unicode)


def _said(
    path: str, number: int, row: Row | None, places: Mapping[str, int], problems: list[Problem]
) -> tuple[str | None, str]:
    """The verdict and the note of a row; what is the matter with it is added to the problems."""
    if row is None:
        problems.append(Problem(path, None, number, "the row is not in the sheet"))
        return None, ""
    cell = row.cells[places["verdict"]]
    verdict = verdict_of(cell)
    if not cell.strip():
        problems.append(Problem(path, row.line, number, "there is no verdict"))
    elif verdict is None:
        problems.append(Problem(path, row.line, number, "the verdict is not known", cell))
    return verdict, undefused(row.cells[places["note"]]) if "note" in places else ""


def _check_texts(
    table: Table, rows: Mapping[int, Row], digests: Mapping[int, tuple[str, str]], known: Mapping[int, KeyRow]
) -> None:
    """Refuse a sheet that is not as it was handed out."""
    for number, row in rows.items():
        if number not in known:
            hint = "is it a sheet of this key?"
            raise SourceError(
                "the key has no row of this number", path=table.path, line=row.line, value=number, hint=hint
            )
        texts, letters = digests[number]
        same = texts == known[number].texts if table.unicode else letters == known[number].letters
        if not same:
            hint = "give people a fresh copy; Excel must save as CSV UTF-8, and cuts cells above 32,767 characters"
            if not any(one.letters == digests[at][1] for at, one in known.items() if at in digests):
                hint = "is it a sheet of this key?"
            message = f"the texts of the row {number:,} are not those that were handed out"
            raise SourceError(message, path=table.path, line=row.line, hint=hint)


def _unblinded(verdict: str, left: str) -> str:
    if verdict in {TIE, BAD}:
        return "tie"
    return left if verdict == LEFT else {"a": "b", "b": "a"}[left]


def _digests(row: Row, places: Mapping[str, int]) -> tuple[str, str]:
    texts = [row.cells[places[name]] for name in TEXTS]
    return texts_digest(texts), letters_digest(texts)


def _column(name: str) -> str | None:
    return _COLUMN_OF.get(" ".join(unicodedata.normalize("NFKC", name).casefold().split()))


def _places(table: Table) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, heading in enumerate(table.header):
        name = _column(heading)
        if name in places:
            raise SourceError("two columns have the same name", path=table.path, line=1, value=heading)
        if name is not None:
            places[name] = place
    if lacks := [COLUMNS[name][0] for name in ("number", *TEXTS, "verdict") if name not in places]:
        hint = "give it as it was handed out, with only verdict and note filled in"
        raise SourceError(f"the sheet lacks columns: {', '.join(lacks)}", path=table.path, line=1, hint=hint)
    return places


def _number(table: Table, places: Mapping[str, int], row: Row) -> int:
    text = unicodedata.normalize("NFKC", undefused(row.cells[places["number"]])).strip().removesuffix(".0")
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise SourceError("the row has no number", path=table.path, line=row.line, value=text)
    return int(text)
