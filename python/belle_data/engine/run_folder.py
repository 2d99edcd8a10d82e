"""A run folder: what a run leaves behind, what lets it go on after a crash, and the lock that keeps two runs apart.

    manifest.json           inputs with size and hash, recipe, versions, per stage fingerprint and counts
    report.json             what was measured: times, rates, memory
    report.html             the same and more for people: one page that fetches nothing
    rows.parquet            one line per row of the input: kept, or removed by which stage, why and for which row
    stages/<stage>.parquet  what each stage removed; beside it what else it wrote down, as <stage>.<name>.parquet
    shards/part-NNNNN.jsonl the kept rows, with .gz or .zst after it if compressed
    rejected/rejected.jsonl the lines that are no rows
    vectors/                vectors of texts, for runs that decide anew; may be deleted
    work/                   decoded copies of inputs, and how the inputs were found; may be deleted
    dataset_info.json       the shards described for LLaMA-Factory, if they can be
    .lock                   locked while a run is at work; its content marks the folder as a run's

Every file appears by write to a temporary name, fsync and rename, so each is whole or not there.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from belle_data.errors import RunFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYOUT = 2
"""Version of the folder's layout."""
TEMPORARY = ".tmp"
REPORT_HTML = "report.html"
DATASET_INFO = "dataset_info.json"
"""Describes the shards as LLaMA-Factory wants it; in the run folder."""
LOCK_MARK = b"belle_data run folder\n"
"""What `.lock` holds: a folder is known by it before the first manifest is written."""
_FOLDERS = ("stages", "shards", "rejected", "work", "vectors")
_SHARD = re.compile(r"part-\d{5,}\.jsonl(\.gz|\.zst)?")
_STAGE = re.compile(r"([a-z][a-z0-9_]*)(\.[a-z][a-z0-9_]*)?\.parquet")
_WORK = re.compile(r"inputs\.json|source-[0-9a-f]+\.(jsonl|json|positions|parquet)")
_VECTORS = re.compile(r"vectors\.(json|f32)|texts\.bin|index\.faiss")
_PAID = re.compile(r"openai-[A-Za-z0-9._-]+\.vectors")
"""Vectors that were paid for: they are never removed."""
_LOCK_IN_MAKING = re.compile(r"\.belle_data-\d+-\d+\.tmp")


class RunFolder:
    """The files of one run. Only files with the names that a run gives are ever removed.

    Args:
        path: The folder; made if it does not exist.

    Raises:
        RunFolderError: It cannot be made, or holds something that is not surely a run's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made: list[Path] = []
        with _errors(path):
            self._make()
            others = sorted(entry.name for entry in path.iterdir() if not _LOCK_IN_MAKING.fullmatch(entry.name))
        if others and not is_run_folder(path):
            raise RunFolderError(
                "the folder holds files that are not a run's",
                path=path,
                value=others[0],
                hint="name an empty folder with --out",
            )
        for name in _FOLDERS:
            if (path / name).is_symlink():
                raise RunFolderError(
                    "the path is a symbolic link, and a run writes and removes files only in folders of its own",
                    path=path / name,
                    hint="let the run folder itself be on the other disk, with --out",
                )

    def _make(self) -> None:
        missing = []
        for folder in (self.path, *self.path.parents):
            if folder.exists():
                break
            missing.append(folder)
        self.path.mkdir(parents=True, exist_ok=True)
        self._made = missing

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other run out of the folder. If what is done meanwhile fails, a new folder without use goes.

        Raises:
            RunFolderError: Another run is at work in it.
        """
        with _errors(self.path):
            handle = self._open_lock()
        with handle:
            with _errors(self.path):
                self._remove_half_written()
            try:
                yield
            except Exception:
                self._discard_if_useless()
                raise

    def _open_lock(self) -> BinaryIO:
        """Open `.lock` and lock it; made with the mark in it, so that it is never there without."""
        path = self.path / ".lock"
        while True:
            if not path.is_symlink() and not path.exists():
                self._make_lock(path)
            handle = os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another run may have removed it in between, with the folder that it had made.
                if not path.exists() or not os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                    handle.close()
                    self.path.mkdir(parents=True, exist_ok=True)
                    continue
                if not handle.read(1):
                    # Of a finished run of a version that left it empty.
                    handle.write(LOCK_MARK)
                    handle.flush()
            except BlockingIOError:
                handle.close()
                raise RunFolderError(
                    "another run is at work in this folder",
                    path=self.path,
                    hint="wait for it, or name another folder with --out",
                ) from None
            except BaseException:
                handle.close()
                raise
            return handle

    def _make_lock(self, path: Path) -> None:
        # Linked into place whole: no moment has a lock without the mark, whenever the run is killed.
        making = self.path / f".belle_data-{os.getpid()}-{threading.get_ident()}.tmp"
        try:
            making.write_bytes(LOCK_MARK)
            os.link(making, path)
        except (FileExistsError, FileNotFoundError):
            return
        except OSError:
            # A file system without hard links, or a full one. There an empty lock must not stay: the next run would
            # take it for a file of somebody else.
            try:
                with path.open("xb") as handle:
                    handle.write(LOCK_MARK)
            except FileExistsError:
                return
            except OSError:
                path.unlink(missing_ok=True)
                raise
        finally:
            making.unlink(missing_ok=True)

    def _remove_half_written(self) -> None:
        """Remove what a run was writing when it was killed."""
        for name in ("manifest.json", "report.json", REPORT_HTML, "rows.parquet", DATASET_INFO):
            (self.path / (name + TEMPORARY)).unlink(missing_ok=True)
        for path in self.path.iterdir():
            if _LOCK_IN_MAKING.fullmatch(path.name):
                path.unlink(missing_ok=True)
        for folder in _FOLDERS:
            for path in self._own_files(folder):
                if path.name.endswith(TEMPORARY):
                    path.unlink(missing_ok=True)

    def _own_files(self, folder: str) -> list[Path]:
        """The files of a folder with the names that a run gives them, half-written ones too, sorted."""
        path = self.path / folder
        if not path.is_dir() or path.is_symlink():
            return []
        return [
            entry
            for entry in sorted(path.iterdir())
            if self._is_own(folder, entry.name) and (entry.is_symlink() or not entry.is_dir())
        ]

    def _is_own(self, folder: str, name: str) -> bool:
        whole = name.removesuffix(TEMPORARY)
        if folder == "shards":
            return _SHARD.fullmatch(whole) is not None
        if folder == "vectors":
            return _VECTORS.fullmatch(whole) is not None
        if folder == "work":
            return _WORK.fullmatch(whole) is not None
        if folder == "rejected":
            return whole == "rejected.jsonl"
        match = _STAGE.fullmatch(whole)
        return match is not None and (whole != name or match[1] in self._stage_names())

    def _stage_names(self) -> set[str]:
        from belle_data.pipeline import STAGES  # noqa: PLC0415 - to look for inputs must not wait for the models

        stages = (self.read_json("manifest.json") or {}).get("stages")
        before = [str(one.get("name")) for one in stages if isinstance(one, dict)] if isinstance(stages, list) else []
        return {*before, *(stage.name for stage in STAGES)}

    def clear(self) -> None:
        """Remove everything that a run made; what has another name stays."""
        with _errors(self.path):
            for folder in _FOLDERS:
                for path in self._own_files(folder):
                    path.unlink(missing_ok=True)
                self._remove_if_empty(self.path / folder)
            for name in ("rows.parquet", "report.json", REPORT_HTML, DATASET_INFO, "manifest.json"):
                (self.path / name).unlink(missing_ok=True)

    def _discard_if_useless(self) -> None:
        """After a failure: remove a folder that this run made, unless it tells or saves something."""
        useful = [
            self.path / "manifest.json",
            self.path / "rejected" / "rejected.jsonl",
            *self._own_files("stages"),
            *self._own_files("vectors"),
            *(path for path in self._own_files("work") if path.suffix == ".jsonl"),
        ]
        if not self._made or any(path.exists() and path.stat().st_size for path in useful):
            return
        # What cannot be removed does no harm, and the user waits for another message.
        with suppress(OSError, RunFolderError):
            self.clear()
            if [path.name for path in self.path.iterdir()] == [".lock"]:
                (self.path / ".lock").unlink()
            for folder in self._made:
                folder.rmdir()

    def _remove_if_empty(self, folder: Path) -> None:
        with suppress(OSError):
            folder.rmdir()

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read a JSON file of the folder; None if it is not there or not whole."""
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
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

    def remove(self, name: str) -> None:
        """Remove a file of the folder, if it is there."""
        with _errors(self.path):
            (self.path / name).unlink(missing_ok=True)

    def copy_from(self, other: Path, folder: str) -> None:
        """Copy the files of a run's folder that are a run's own, if there are any.

        Raises:
            RunFolderError: They cannot be read, or not written.
        """
        with _errors(self.path / folder):
            if not (other / folder).is_dir():
                return
            (self.path / folder).mkdir(exist_ok=True)
            for path in sorted((other / folder).iterdir()):
                if path.is_file() and self._is_own(folder, path.name) and not path.name.endswith(TEMPORARY):
                    shutil.copyfile(path, self.path / folder / path.name)

    def work(self) -> Path:
        """The folder for decoded copies of inputs."""
        path = self.path / "work"
        with _errors(path):
            path.mkdir(exist_ok=True)
        return path

    def remove_except(self, folder: str, keep: set[str]) -> None:
        """Remove a run's files of a folder whose names are not in `keep`: left by another recipe, or half written."""
        with _errors(self.path / folder):
            for path in self._own_files(folder):
                if path.name not in keep:
                    path.unlink(missing_ok=True)


def is_run_folder(path: Path) -> bool:
    """Tell whether a folder is surely a run's: by its manifest, or by the mark in the lock before there is one."""
    manifest, lock = path / "manifest.json", path / ".lock"
    try:
        if stat.S_ISREG(lock.lstat().st_mode):
            with lock.open("rb") as handle:
                if handle.read(len(LOCK_MARK)) == LOCK_MARK:
                    return True
    except OSError:
        pass
    try:
        if not stat.S_ISREG(manifest.lstat().st_mode):
            return False
        values = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and {"layout", "belle_data"} <= values.keys()


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or path
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        raise RunFolderError(
            f"cannot write here ({error.strerror or error})",
            path=where,
            hint="there is a file where a folder must be: name another folder with --out"
            if in_the_way
            else "check the rights and the free space, or name another folder with --out",
        ) from None
