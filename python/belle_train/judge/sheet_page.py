"""A blind sheet as a page: it reads well on a phone, and gives the verdicts back as a table."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from belle_data.evalset.categories import CATEGORY_NAMES
from belle_data.page.bilingual import Both
from belle_data.page.render import render
from belle_data.page.script import inline_script
from belle_train.judge.blind_sheet import COLUMNS, category_name
from belle_train.judge.filled_sheet import BAD, LEFT, RIGHT, TIE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_train.judge.blind_sheet import SheetRow

_CHOICES = (
    (LEFT, Both("the left one", "左侧回答")),
    (RIGHT, Both("the right one", "右侧回答")),
    (TIE, Both("neither: equally good", "一样好")),
    (BAD, Both("neither: both are bad", "都不好")),
)
_CODE_DIGITS = 12


def sheet_page(rows: Sequence[SheetRow], table: bytes, language: str) -> str:
    """Make the page of a sheet, the same bytes for the same rows.

    Args:
        rows: Of one person.
        table: The same sheet as CSV, whose hash tells pages apart where a browser keeps the choices.
        language: In which it opens, ``en`` or ``zh``; it holds both. The headings of its table are in this one.

    Returns:
        HTML that fetches nothing and runs one script of this package.

    Raises:
        UsageError: The language is none of the two.
    """
    script, source = inline_script("blind_sheet.js")
    return render(
        "blind_sheet.html.j2",
        language=language,
        source=source,
        script=script,
        code=sha256(table).hexdigest()[:_CODE_DIGITS],
        head=[heading[language == "zh"] for heading in COLUMNS.values()],
        choices=_CHOICES,
        rows=[
            {
                "number": row.number,
                "category": CATEGORY_NAMES.get(row.pair.category, row.pair.category),
                "category_word": category_name(row.pair.category, language),
                **dict(zip(("prompt", "reference", "left", "right"), row.texts, strict=True)),
            }
            for row in rows
        ],
    )
