"""The key of sheets as it is read again, and which of its sheets a file is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError
from belle_train.judge.blind_sheet import KIND
from belle_train.model_folder import read_json

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

_HINT = "name the file that blind-sheet export wrote with --key"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row of a sheet, as the key knows it; see `belle_train.judge.blind_sheet.SheetRow`."""

    number: int
    id: str
    category: str
    left: str
    texts: str
    letters: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Attributes:
        path: The file.
        names: Of both systems.
        digests: The SHA-256 of their answers.
        sheets: Of each, its rows by number.
    """

    path: str
    names: tuple[str, str]
    digests: tuple[str, str]
    sheets: tuple[dict[int, KeyRow], ...]


def read_key(path: str | Path) -> Key:
    """Read a key.

    Raises:
        SourceError: It cannot be read, or is no key.
    """
    value = read_json(Path(path))
    try:
        kind = value["kind"]
        names, digests = zip(
            *((_text(value[side], "name"), _text(value[side], "sha256")) for side in "ab"), strict=True
        )
        sheets = tuple(_sheet(sheet["rows"]) for sheet in value["sheets"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SourceError("the file is no key of blind sheets, or damaged", path=path, hint=_HINT) from None
    if kind != KIND:
        raise SourceError("the file is no key of blind sheets", path=path, value=kind, hint=_HINT)
    if not sheets or len({frozenset(row.id for row in sheet.values()) for sheet in sheets}) != 1:
        raise SourceError("the key is damaged: its sheets do not have the same rows", path=path, hint=_HINT)
    return Key(str(path), (names[0], names[1]), (digests[0], digests[1]), sheets)


def sheet_of(key: Key, digests: Sequence[tuple[int, str, str]], used: Counter[int]) -> int:
    """Find the sheet of a key that fits most rows; of several the one that was found least often.

    Args:
        key: The key.
        digests: Of each row its number and both digests.
        used: How often each sheet was found; counted on.
    """

    def fits(place: int) -> tuple[int, int]:
        rows = key.sheets[place]
        same = sum(number in rows and rows[number].letters == letters for number, _, letters in digests)
        return same, -used[place]

    found = max(range(len(key.sheets)), key=fits)
    used[found] += 1
    return found


def _sheet(rows: Any) -> dict[int, KeyRow]:
    found: dict[int, KeyRow] = {}
    for row in rows:
        number, left = row["number"], row["left"]
        if isinstance(number, bool) or not isinstance(number, int) or number in found or left not in {"a", "b"}:
            raise ValueError
        words = [_text(row, name) for name in ("id", "category", "left", "texts", "letters")]
        found[number] = KeyRow(number, *words)
    if not found or len({row.id for row in found.values()}) != len(found):
        raise ValueError
    return found


def _text(fields: Any, name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError
    return value
