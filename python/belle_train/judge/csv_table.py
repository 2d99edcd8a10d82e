"""Tables of spreadsheets, as Excel and others save them: several separators and encodings."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from belle_data.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

SEPARATORS = (",", ";", "\t")
_LONGEST_CELL = (1 << 31) - 1
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the line where it begins, from 1, and its cells, as many as the header has."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a header.

    Attributes:
        path: The file.
        header: The names of the columns, without blanks around them.
        rows: Those below the header that are not blank.
        separator: Between cells.
        unicode: Whether the encoding has every character, so that none was lost when the file was saved.
    """

    path: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    separator: str
    unicode: bool


def read_table(path: str | Path, known: Callable[[str], bool]) -> Table:
    """Read a table whose cells are separated by commas, semicolons or tabs.

    The encoding is UTF-8 or UTF-16 as a mark at the beginning says, else UTF-8, else GB18030. Rows that are shorter
    than the header are filled with empty cells, as spreadsheets leave out those at the end.

    Args:
        path: The file.
        known: Tells whether a text is the name of a column; the separator is the one that gives most of them.

    Raises:
        SourceError: The file cannot be read, is no table, or has a row that is longer than the header.
    """
    text, encoding = _decoded(path)
    lines_before = 0
    first, _, rest = text.partition("\n")
    if first.strip("\r\"' ").lower().startswith("sep=") and len(first.strip()) <= 8:
        # Excel's own note of the separator.
        text, lines_before = rest, 1
    tables = {separator: _header(text, separator) for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda one: sum(map(known, tables[one])))
    header = tables[separator]
    if not any(map(known, header)):
        hint = "the first line names the columns, separated by commas, semicolons or tabs"
        raise SourceError("the file is no table of the kind wanted here", path=path, value=first[:80], hint=hint)
    rows: list[Row] = []
    begin = 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        for cells in reader:
            line, begin = begin + lines_before, reader.line_num + 1
            if line == 1 + lines_before or not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                message = f"the row has {len(cells)} cells, and the header {len(header)}"
                raise SourceError(message, path=path, line=line, hint="a cell with a separator in it needs quotes")
            filled = [*cells, *[""] * (len(header) - len(cells))]
            rows.append(Row(line, tuple(filled[: len(header)])))
    except csv.Error as error:
        message = f"the quotes of the row do not match ({error})"
        raise SourceError(message, path=path, line=begin + lines_before) from None
    finally:
        csv.field_size_limit(limit)
    return Table(str(path), header, tuple(rows), separator, encoding != "gb18030")


def _decoded(path: str | Path) -> tuple[str, str]:
    """The text of a file and its encoding."""
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"the file cannot be read ({reason})", path=path) from None
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        hint = "save it in the spreadsheet as CSV UTF-8"
        raise SourceError("the file is a workbook, and not a table as text", path=path, hint=hint)
    marked = next((encoding for mark, encoding in _BOMS if content.startswith(mark)), None)
    wrong: UnicodeDecodeError | None = None
    for encoding in [marked] if marked else ["utf-8", "gb18030"]:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError as error:
            wrong = wrong or error
    names = "UTF-8 and not GB18030" if marked is None else marked.upper().removesuffix("-SIG")
    hint = "save it in the spreadsheet as CSV UTF-8"
    raise SourceError(f"the file is not {names}", path=path, byte=wrong.start if wrong else 0, hint=hint)


def _header(text: str, separator: str) -> tuple[str, ...]:
    try:
        cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    except csv.Error:
        return ()
    return tuple(cell.strip() for cell in cells)
