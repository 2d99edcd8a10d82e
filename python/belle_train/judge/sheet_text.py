"""Texts in the cells of a sheet: that spreadsheets run nothing of them, and that a changed one is noticed."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from belle_data.page.shown import shown_text

if TYPE_CHECKING:
    from collections.abc import Sequence

MARK = "'"
"""Stands before a text that a spreadsheet would take for a formula; one such mark is removed when a cell is read."""
LONGEST_CELL = 32_767
"""Characters that Excel keeps of a cell; the rest is lost when it saves."""
_RISKY = re.compile(r"'|[\t\r\n]|\s*[=+\-@＝＋－＠]")


def sheet_text(text: str) -> str:
    """A text as a sheet shows it: whole, its lines ended by line feeds, and what cannot be seen as its number."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return shown_text(lines, len(lines))


def defused(text: str) -> str:
    """Put `MARK` before a text that could be a formula, and before one that begins with the mark itself."""
    return MARK + text if _RISKY.match(text) else text


def undefused(cell: str) -> str:
    """The text of a cell that `defused` may have changed."""
    return cell.removeprefix(MARK)


def utf16_length(text: str) -> int:
    """Characters as spreadsheets count them: those beyond the basic plane are two."""
    return len(text) + sum(character > "\uffff" for character in text)


def texts_digest(texts: Sequence[str]) -> str:
    """A digest of the texts of a row that does not depend on how a spreadsheet ends lines or shows the mark.

    Args:
        texts: With the mark or without.
    """
    plain = [text.replace("\r\n", "\n").replace("\r", "\n").lstrip(MARK) for text in texts]
    return sha256(json.dumps(plain).encode("ascii")).hexdigest()


def letters_digest(texts: Sequence[str]) -> str:
    """A digest of the letters and digits of a row that old Chinese encodings have.

    A spreadsheet that saves in such an encoding puts question marks for all that it lacks.
    """
    return sha256(json.dumps([_letters(text) for text in texts]).encode("ascii")).hexdigest()


def _letters(text: str) -> str:
    letters = "".join(filter(str.isalnum, text))
    return letters.encode("gb2312", "ignore").decode("gb2312")
