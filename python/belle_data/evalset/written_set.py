"""The files of an evaluation set: they replace nothing that is not theirs, and are whole when they appear."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from belle_data.errors import RunFolderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from belle_data.evalset.evaluation_rows import EvaluationRow

KIND = "evalset"
"""What the description says it is of; a file is known by it to be one of this command."""


def description_path(path: Path) -> Path:
    """Where the description of an evaluation set lies: beside it, with ``.json`` at the end."""
    return path.with_name(f"{path.name}.json")


def check_place(path: Path, raw: str, *, force: bool) -> None:
    """Refuse a place where something else would be replaced.

    Args:
        path: Where the set is to be written.
        raw: What it is made of.
        force: Replace a set of this command that was changed afterwards.

    Raises:
        UsageError: There is no such folder, or something stands there that this command did not write as it is now.
    """
    try:
        there = path.is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"the evaluation set cannot be written here ({reason})", path=path) from None
    if there:
        raise UsageError("there is a folder where the evaluation set is to be written", path=path)
    if not path.absolute().parent.is_dir():
        raise UsageError("the evaluation set cannot be written here: there is no such folder", path=path.parent)
    beside = description_path(path)
    for one in (path, beside):
        if "://" not in raw and _same_file(one, raw):
            raise UsageError("the result would take the place of the input", path=one, hint="name another file")
    before = _description(beside)
    elsewhere = "name another file with --out; what this command did not write is never replaced"
    if beside.exists() and before is None:
        raise UsageError("the file is no description of an evaluation set", path=beside, hint=elsewhere)
    if not path.exists() or (force and before is not None):
        return
    if before is None:
        raise UsageError("the file is not one of this command", path=path, hint=elsewhere)
    if before.get("output", {}).get("sha256") != _digest(path):
        hint = "name another file with --out, or replace it with --force"
        raise UsageError("the evaluation set was changed since it was written", path=path, hint=hint)


def rows_bytes(rows: Sequence[EvaluationRow]) -> bytes:
    """The rows as the file holds them: one JSON object a line, its keys in a fixed order."""
    lines = [{"id": row.id, "category": row.category, "prompt": row.prompt, "reference": row.reference} for row in rows]
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def write_set(path: Path, rows: bytes, description: dict[str, Any]) -> None:
    """Write the set and its description.

    Raises:
        RunFolderError: They cannot be written.
    """
    about = json.dumps(description, ensure_ascii=False, indent=2).encode() + b"\n"
    # The description first: a file without one is taken for somebody else's.
    _write_whole(description_path(path), about)
    _write_whole(path, rows)


def _same_file(path: Path, other: str) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False


def _description(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value.get("kind") == KIND else None


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror or error})", path=path) from None


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFolderError(f"the evaluation set cannot be written ({reason})", path=path) from None
    finally:
        temporary.unlink(missing_ok=True)
