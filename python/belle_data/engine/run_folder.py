"""A run folder: what a run leaves behind, what lets it go on after a crash, and the lock that keeps two runs apart.

    manifest.json           inputs with size and hash, recipe, versions, per stage fingerprint and counts
    report.json             what was measured: times, rates, memory
    rows.parquet            one line per row of the input: kept, or removed by which stage, why and for which row
    stages/<stage>.parquet  what each stage removed
    shards/part-*           the kept rows
    rejected/rejected.jsonl the lines that are no rows
    work/                   decoded copies of inputs, and how the inputs were found; may be deleted

Every file appears by write to a temporary name, fsync and rename, so each is whole or not there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from belle_data.errors import RunFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYOUT = 1
"""Version of the folder's layout."""
TEMPORARY = ".tmp"
_OWN_NAMES = {
    "manifest.json",
    "report.json",
    "rows.parquet",
    "stages",
    "shards",
    "rejected",
    "work",
    ".lock",
}


class RunFolder:
    """The files of one run.

    Args:
        path: The folder; made if it does not exist.

    Raises:
        RunFolderError: It cannot be made, or holds files that are not a run's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _errors(path):
            path.mkdir(parents=True, exist_ok=True)
            foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in _OWN_NAMES)
        if foreign and not (path / "manifest.json").exists() and not (path / ".lock").exists():
            raise RunFolderError(
                "the folder holds files that are not a run's",
                path=path,
                value=foreign[0],
                hint="name an empty folder with --out",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other run out of the folder.

        Raises:
            RunFolderError: Another run is at work in it.
        """
        with _errors(self.path):
            handle = (self.path / ".lock").open("a")
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunFolderError(
                    "another run is at work in this folder",
                    path=self.path,
                    hint="wait for it, or name another folder with --out",
                ) from None
            with _errors(self.path):
                self._remove_half_written()
            yield

    def _remove_half_written(self) -> None:
        """Remove what a run was writing when it was killed."""
        for name in _OWN_NAMES:
            (self.path / (name + TEMPORARY)).unlink(missing_ok=True)
            for path in (self.path / name).glob(f"*{TEMPORARY}"):
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything that a run made."""
        with _errors(self.path):
            for name in ("manifest.json", "report.json", "rows.parquet"):
                (self.path / name).unlink(missing_ok=True)
            for name in ("stages", "shards", "rejected", "work"):
                shutil.rmtree(self.path / name, ignore_errors=True)

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read a JSON file of the folder; None if it is not there or not whole."""
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def size_of(self, name: str) -> int | None:
        """Size of a file of the folder in bytes; None if it is not there."""
        try:
            return (self.path / name).stat().st_size
        except OSError:
            return None

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON file of the folder.

        Raises:
            RunFolderError: It cannot be written.
        """
        with self.writing(name) as handle:
            handle.write(json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n")

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file of the folder that appears under its name only when it is whole.

        Raises:
            RunFolderError: It cannot be written.
        """
        path = self.path / name
        temporary = path.with_name(path.name + TEMPORARY)
        with _errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as handle:
                    yield handle
                    handle.flush()
                    os.fsync(handle.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def work(self) -> Path:
        """The folder for decoded copies of inputs."""
        path = self.path / "work"
        with _errors(path):
            path.mkdir(exist_ok=True)
        return path

    def remove_except(self, folder: str, keep: set[str]) -> None:
        """Remove the files of a folder whose names are not in `keep`: left by another recipe, or half written."""
        path = self.path / folder
        if path.is_dir():
            with _errors(path):
                for entry in path.iterdir():
                    if entry.name not in keep:
                        entry.unlink()


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise RunFolderError(
            f"cannot write here ({error.strerror or error})",
            path=where,
            hint="check the rights and the free space, or name another folder with --out",
        ) from None
