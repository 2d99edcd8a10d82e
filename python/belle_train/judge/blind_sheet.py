"""Sheets on which people compare two systems without knowing which is which, and the key that tells."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_data.evalset.categories import CATEGORY_NAMES
from belle_train.judge.bootstrap import stream
from belle_train.judge.category_order import table_order
from belle_train.judge.sheet_text import LONGEST_CELL, defused, letters_digest, texts_digest, utf16_length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from belle_train.judge.sheet_answers import Pair, Pairs

KIND = "blind-sheet"
COLUMNS = {
    "number": ("number", "编号"),
    "category": ("category", "类别"),
    "prompt": ("prompt", "题目"),
    "reference": ("reference", "参考答案"),
    "left": ("left answer", "左侧回答"),
    "right": ("right answer", "右侧回答"),
    "verdict": ("verdict", "判断"),
    "note": ("note", "备注"),
}
"""The columns of a sheet, each with its heading in English and in Chinese."""
TEXTS = ("prompt", "reference", "left", "right")
"""The columns whose texts belong to the key."""
MOST_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row as one person sees it.

    Attributes:
        number: In the sheet, from 1.
        pair: The row.
        left: Whose answer stands on the left, ``a`` or ``b``.
    """

    number: int
    pair: Pair
    left: str

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """Prompt, reference, and the answers on the left and on the right."""
        answers = (self.pair.a, self.pair.b) if self.left == "a" else (self.pair.b, self.pair.a)
        return (self.pair.prompt, self.pair.reference, *answers)

    def to_dict(self) -> dict[str, Any]:
        """As the key has it."""
        return {
            "number": self.number,
            "id": self.pair.id,
            "category": self.pair.category,
            "left": self.left,
            "texts": texts_digest(self.texts),
            "letters": letters_digest(self.texts),
        }


def draw(rows: Sequence[Pair], count: int | None, seed: int) -> list[Pair]:
    """Draw rows evenly over categories: a category with fewer gives all it has, and the others more.

    Args:
        rows: In any order, which changes nothing.
        count: How many; None or more than there are takes all.
        seed: Of the draws.
    """
    by_category: dict[str, list[Pair]] = {}
    for row in sorted(rows, key=lambda row: row.id):
        by_category.setdefault(row.category, []).append(row)
    if count is None or count >= len(rows):
        return [row for category in sorted(by_category, key=table_order) for row in by_category[category]]
    names = sorted(by_category)
    # Which categories give one more where the number does not divide evenly is chance too.
    names = [names[place] for place in stream(seed, "draw categories").permutation(len(names))]
    shares = dict.fromkeys(names, 0)
    left = count
    while left:
        for name in names:
            if left and shares[name] < len(by_category[name]):
                shares[name] += 1
                left -= 1
    drawn = []
    for name in sorted(names, key=table_order):
        places = stream(seed, "draw rows", name).permutation(len(by_category[name]))[: shares[name]]
        drawn += [by_category[name][place] for place in sorted(places)]
    return drawn


def arrange(rows: Sequence[Pair], seed: int, person: int) -> list[SheetRow]:
    """Shuffle rows and sides for one person; each system stands on the left in half of the rows.

    Args:
        rows: Those of the sheet.
        seed: Of the draws.
        person: From 1; each has an order and sides of their own.
    """
    order = stream(seed, "order", str(person)).permutation(len(rows))
    chance = stream(seed, "sides", str(person))
    # Where the number is odd chance decides which system has one more.
    sides = ("ab" if chance.integers(0, 2) else "ba") * (len(rows) // 2 + 1)
    shuffled = chance.permutation(len(rows))
    return [SheetRow(at + 1, rows[place], sides[shuffled[at]]) for at, place in enumerate(order)]


def sheet_csv(rows: Sequence[SheetRow], language: str) -> bytes:
    """The sheet as a spreadsheet opens it, with the verdicts to be filled in.

    UTF-8 with its mark, without which Excel shows Chinese as nonsense; texts that could be formulas are defused.

    Args:
        rows: Of one person.
        language: Of the headings, ``en`` or ``zh``.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([heading[language == "zh"] for heading in COLUMNS.values()])
    for row in rows:
        writer.writerow(
            [row.number, defused(category_name(row.pair.category, language)), *map(defused, row.texts), "", ""]
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def category_name(category: str, language: str) -> str:
    """The name of a category for people."""
    return getattr(CATEGORY_NAMES[category], language) if category in CATEGORY_NAMES else category


def long_cells(rows: Sequence[SheetRow]) -> list[int]:
    """The numbers of the rows with a text that Excel would cut when it saves the sheet."""
    return [row.number for row in rows if any(utf16_length(defused(text)) > LONGEST_CELL for text in row.texts)]


def naming(rows: Sequence[Pair], names: Sequence[str]) -> int:
    """How many rows have a text with the name of a system in it, whatever its case."""
    folded = [name.casefold() for name in names if name.strip()]
    texts = (f"{row.prompt}\n{row.reference}\n{row.a}\n{row.b}".casefold() for row in rows)
    return sum(any(name in text for name in folded) for text in texts)


def key_of(
    pairs: Pairs, names: tuple[str, str], sheets: Sequence[tuple[Sequence[SheetRow], bytes]], seed: int
) -> dict[str, Any]:
    """What tells which answer is whose: to be kept apart from the sheets.

    Args:
        pairs: Where the rows come from.
        names: Of both systems.
        sheets: The rows of each person and the bytes of their sheet.
        seed: With which they were drawn.
    """
    from belle_train.model_folder import versions  # noqa: PLC0415

    systems = zip(("a", "b"), names, pairs.digests, strict=True)
    return {
        "kind": KIND,
        "seed": seed,
        **{side: {"name": name, "sha256": digest} for side, name, digest in systems},
        "sheets": [
            {"sha256": sha256(content).hexdigest(), "rows": [row.to_dict() for row in rows]} for rows, content in sheets
        ],
        "made_by": versions(),
    }


def check_names(names: Mapping[str, str]) -> None:
    """Refuse names by which systems cannot be told apart.

    Args:
        names: By the option that gives them.

    Raises:
        UsageError: One is empty, or both are the same.
    """
    for option, name in names.items():
        if not name.strip():
            raise UsageError("a system needs a name", value=name, hint=f"{option} NAME")
    if len(set(names.values())) < len(names):
        raise UsageError("both systems have the same name", value=next(iter(names.values())), hint="; ".join(names))
