"""What the command line knows about terminals: who may write colours, how wide text is, what must not reach one."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN_WIDTH = 80
"""Cells in a line where no terminal says how many it has."""


def make_streams_safe() -> None:
    """Let no character stop the output: what the encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def emit(text: str) -> None:
    """Print a result to standard output, and see that it arrives.

    A reader that has enough, such as ``head``, ends the printing without a word.

    Raises:
        UsageError: Standard output cannot be written.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        reason = error.strerror or str(error)
        raise UsageError(f"the result cannot be written to standard output ({reason})") from None


def _silence() -> None:
    """Lead standard output to nowhere, or Python complains about it once more when it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def emit_json(value: Any) -> None:
    """Print one JSON object to standard output; characters that could steer a terminal are escaped.

    Raises:
        UsageError: Standard output cannot be written.
    """
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-")
    text = json.dumps(value, ensure_ascii=encoding not in {"utf-8", "utf8"}, indent=2)
    emit(re.sub(r"[^\n -~]", _json_escape, text))


def _json_escape(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable() or character == "\u3000":
        return character
    return json.dumps(character)[1:-1]


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal on which a line can be drawn again."""
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:
        return False


def may_colour(stream: TextIO | None) -> bool:
    """Tell whether colours are wanted: a terminal, and no NO_COLOR (see no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def width(stream: TextIO | None) -> int:
    """Cells in a line of the terminal behind a stream; `PLAIN_WIDTH` where there is none."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError):
        columns = 0
    return columns or PLAIN_WIDTH


def cells(text: str) -> int:
    """Cells that a text takes on a terminal: two for a wide character, none for a mark that joins the one before."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def cut(text: str, most: int) -> str:
    """Give the start of a text that takes at most so many cells, with ``…`` in place of what is left out."""
    if cells(text) <= most:
        return text
    if most < 1:
        return ""
    kept, taken = [], 0
    for character in text:
        taken += _cells_of(character)
        if taken > most - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def padded(text: str, to: int) -> str:
    """Fill a text up with spaces to so many cells."""
    return text + " " * max(0, to - cells(text))


def human_bytes(count: float) -> str:
    """Write a number of bytes with a unit: ``512 B``, ``1.5 KiB``, ``23 MiB``."""
    unit = "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1000 or unit == "TiB":
            break
        count /= 1024
    return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.3g} {unit}"


def human_seconds(seconds: float) -> str:
    """Write a time: ``0.31 s``, ``12.3 s``, ``4:05 min``, ``2:03:04 h``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"


def closest(wrong: str, known: Iterable[str]) -> str | None:
    """The known word that is most like a wrong one, if any is."""
    import difflib  # noqa: PLC0415 - needed for a mistake only

    return next(iter(difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.6)), None)
