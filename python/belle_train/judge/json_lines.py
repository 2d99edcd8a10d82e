"""Files with one JSON object on each line, read strictly: what cannot be read is named with its line."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from belle_data.errors import SourceError, UsageError

_SHOWN = 80


def read_json_lines(path: str | Path, what: str) -> tuple[list[tuple[int, dict[str, Any]]], str]:
    """Read a file.

    Args:
        path: The file; blank lines count for nothing.
        what: What it should be, for messages.

    Returns:
        Lines, from 1, with their objects, and the SHA-256 of the file.

    Raises:
        UsageError: There is no such file.
        SourceError: It cannot be read, or a line is no JSON object in UTF-8.
    """
    place = Path(path)
    if not place.is_file():
        wrong = "this is a folder" if place.is_dir() else "there is no such file"
        raise UsageError(f"{wrong}, where {what} should be", path=path)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise SourceError(f"{what} cannot be read ({error.strerror or error})", path=path) from None
    found = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            shown = line[:_SHOWN].decode("utf-8", "replace")
            hint = f"{what} has an object on each line"
            raise SourceError("the line is no JSON object", path=path, line=number, value=shown, hint=hint)
        found.append((number, value))
    return found, sha256(content).hexdigest()
