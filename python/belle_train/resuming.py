"""Checkpoints that are whole, and from which the same training goes on.

A checkpoint counts when its mark is there, which is written last and at once. So a process that is killed while it
saves leaves a folder without a mark, which is removed, and the checkpoint before it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from belle_data.errors import RunFolderError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

MARK = "belle.json"
_FOLDER = re.compile(r"checkpoint-(\d+)")
_WORDS = {
    "processes": "processes",
    "zero": "stage of ZeRO",
    "prepared": "data",
    "recipe": "recipe",
    "model": "model",
    "lora": "use of LoRA",
    "only": "choice of what learns",
}


def mark(folder: Path, facts: dict[str, Any]) -> None:
    """Say that a checkpoint is whole, after all of its files are on the disk.

    Raises:
        RunFolderError: It cannot be written.
    """
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                _flush(path)
        temporary = folder / f".{MARK}.tmp"
        temporary.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        _flush(temporary)
        temporary.rename(folder / MARK)
        _flush(folder)
    except OSError as error:
        raise RunFolderError(f"the checkpoint cannot be written ({error.strerror})", path=folder) from None


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep` whole checkpoints, and those that are not whole and older than the newest."""
    whole = _whole(folder)
    kept = {path for _, path in whole[-keep:]}
    newest = whole[-1][0] if whole else 0
    for step, path in _all(folder):
        if path not in kept and step <= newest:
            # Without its mark first, so that a kill leaves nothing that looks whole.
            (path / MARK).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


def newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole checkpoint and what its mark says; None if there is none."""
    whole = _whole(folder)
    if not whole:
        return None
    path = whole[-1][1]
    facts: dict[str, Any] = json.loads((path / MARK).read_bytes())
    return path, facts


def remove_broken(folder: Path) -> None:
    """Remove checkpoints that have no mark."""
    for _, path in _all(folder):
        if not (path / MARK).is_file():
            shutil.rmtree(path, ignore_errors=True)


def check_same(found: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """Refuse a checkpoint of another training.

    Args:
        found: What its mark says.
        wanted: The same of this training.
        path: Where it is.

    Raises:
        UsageError: They differ; each difference is named.
    """
    hint = "--force begins anew; or use the settings of the checkpoint"
    if found.get("sequences", 0) > wanted.get("sequences", 0):
        raise UsageError(
            f"the data has {wanted['sequences']:,} sequences, and had {found['sequences']:,} at the checkpoint",
            path=path,
            hint=hint,
        )
    for name, word in _WORDS.items():
        if found.get(name) == wanted.get(name):
            continue
        shown = name in {"processes", "zero", "lora", "only"}
        detail = f": {found.get(name)!r} there, {wanted.get(name)!r} now" if shown else ""
        raise UsageError(f"the checkpoint was written with another {word}{detail}", path=path, hint=hint)


def _all(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    found = [(match, path) for path in folder.iterdir() if (match := _FOLDER.fullmatch(path.name)) and path.is_dir()]
    return sorted((int(match[1]), path) for match, path in found)


def _whole(folder: Path) -> list[tuple[int, Path]]:
    return [(step, path) for step, path in _all(folder) if (path / MARK).is_file()]


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
