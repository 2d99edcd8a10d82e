"""Fields of JSON that somebody may have damaged: each is taken with its type, a wrong one told with its place."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Fields:
    """An object of JSON, and where it stands.

    Args:
        value: As the parser gives it.
        path: Its file.
        line: Its line in the file, from 1; None if it is all of the file.
        name: What of the file or line it is, for messages; empty for all of it.

    Raises:
        SourceError: It is no object.
    """

    def __init__(self, value: object, path: Path, line: int | None = None, name: str = "") -> None:
        self._path, self._line, self._name = path, line, name
        if not isinstance(value, dict):
            raise self._wrong("must be an object", value)
        self.values: dict[str, Any] = value

    def text(self, key: str) -> str:
        """A string that has to be there."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self._wrong("must be a string", value, key)
        return value

    def text_or_none(self, key: str) -> str | None:
        """A string; None where there is none."""
        return None if self.values.get(key) is None else self.text(key)

    def count(self, key: str) -> int:
        """A whole number, not negative."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong("must be a whole number, not negative", value, key)
        return value

    def share_or_none(self, key: str) -> float | None:
        """A number from 0 to 1; None where there is none."""
        return self._share(self.values.get(key), key)

    def shares(self, key: str) -> list[float | None]:
        """A list of numbers from 0 to 1, and of null."""
        return [self._share(value, key) for value in self._list(key)]

    def texts(self, key: str) -> list[str | None]:
        """A list of strings, and of null."""
        values = self._list(key)
        for value in values:
            if value is not None and not isinstance(value, str):
                raise self._wrong("must be a list of strings and null", value, key)
        return values

    def table(self, key: str) -> Fields:
        """An object within this one."""
        return Fields(self.values.get(key), self._path, self._line, self._of(key))

    def table_or_none(self, key: str) -> Fields | None:
        """An object within this one; None where there is none."""
        return None if self.values.get(key) is None else self.table(key)

    def tables(self, key: str) -> list[Fields]:
        """A list of objects."""
        return [Fields(value, self._path, self._line, self._of(key)) for value in self._list(key)]

    def refused(self, message: str, key: str) -> SourceError:
        """The error that a field is for another reason."""
        return self._wrong(message, self.values.get(key), key)

    def _list(self, key: str) -> list[Any]:
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self._wrong("must be a list", value, key)
        return value

    def _share(self, value: object, key: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self._wrong("must be a number from 0 to 1, or null", value, key)
        return float(value)

    def _of(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _wrong(self, message: str, value: object, key: str = "") -> SourceError:
        name = self._of(key) if key else self._name
        hint = "the folder is damaged: judge or compare again into the same folder, stored replies cost nothing"
        text = f"{name or 'it'} {message}" + (", and is null or not there" if value is None else "")
        return SourceError(text, path=self._path, line=self._line, value=value, hint=hint)


def read_object(path: Path) -> Fields:
    """Read a file that holds one object of JSON.

    Raises:
        SourceError: The file is not there, cannot be read, or holds something else.
    """
    return Fields(_parsed(_content(path), path, None), path)


def read_lines(path: Path) -> Iterator[Fields]:
    """Read a file with an object of JSON on each line; an empty file gives nothing.

    Raises:
        SourceError: The file is not there or cannot be read, or a line holds something else.
    """
    lines = _content(path).split(b"\n")
    if lines[-1]:
        hint = "the last line has no end: the command that writes the folder was interrupted; run it again"
        raise SourceError("the file breaks off", path=path, line=len(lines), hint=hint)
    for number, line in enumerate(lines[:-1], 1):
        yield Fields(_parsed(line, path, number), path, number)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "a folder that judge or compare has finished has it"
        raise SourceError(f"cannot be read ({error.strerror or error})", path=path, hint=hint) from None


def _parsed(content: bytes, path: Path, line: int | None) -> object:
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        # A UnicodeDecodeError names the bytes, which may be many.
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else "it is not JSON"
        raise SourceError(reason, path=path, line=line, value=content[:80]) from None


def _no_number(name: str) -> float:
    message = f"{name} is no number"
    raise ValueError(message)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _too_large(text)
    return value


def _too_large(text: str) -> ValueError:
    return ValueError(f"{text} is too large")
