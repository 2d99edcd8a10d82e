"""The folder that judging or comparing leaves: results first, the manifest last, and never over other results."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import RunFolderError, SourceError, UsageError
from belle_data.temporary import temporary_folder
from belle_train.judge.reply_store import LOCK, REPLIES, ReplyStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SCORES, VERDICTS = "scores.jsonl", "verdicts.jsonl"
SUMMARY, MANIFEST = "summary.json", "manifest.json"


class JudgedFolder:
    """A folder for results of one judgement.

    Args:
        path: The folder; it is made when something is written.
        settings: All that results depend on besides the replies: results of others are not replaced.
        force: Replace them.

    Raises:
        UsageError: It is a file, holds something else, or results of other settings.
        SourceError: Its manifest is damaged.
    """

    def __init__(self, path: str | Path, settings: dict[str, Any], *, force: bool = False) -> None:
        self.path = Path(path)
        self._settings = settings
        self._force = force
        self._check()

    def replies(self, notify: Callable[[str], object]) -> ReplyStore:
        """The stored replies; the folder is made where it is missing.

        Raises:
            RunFolderError: It cannot be made.
        """
        with self._errors():
            self.path.mkdir(parents=True, exist_ok=True)
        return ReplyStore(self.path, notify)

    @contextmanager
    def stored_replies(self) -> Iterator[ReplyStore]:
        """The replies that are there, for an estimate: nothing in the folder is made or changed.

        Raises:
            SourceError: They are damaged.
        """
        with temporary_folder("belle-judge-") as copy:
            with self._errors():
                if (self.path / REPLIES).is_file():
                    shutil.copyfile(self.path / REPLIES, Path(copy) / REPLIES)
            try:
                with ReplyStore(copy) as store:
                    yield store
            except SourceError as error:
                error.path = str(self.path / REPLIES)
                raise

    def write(
        self, results: str, lines: Iterable[dict[str, Any]], summary: dict[str, Any], manifest: dict[str, Any]
    ) -> None:
        """Write results, then the summary, then the manifest: a folder with a manifest is whole.

        Args:
            results: `SCORES` or `VERDICTS`.
            lines: One object for each row.
            summary: What is counted of them.
            manifest: How they came about; the settings are added.

        Raises:
            RunFolderError: The folder cannot be written.
        """
        content = b"".join(_json(line) + b"\n" for line in lines)
        with self._errors():
            (self.path / MANIFEST).unlink(missing_ok=True)
            self._put(results, content)
            self._put(SUMMARY, _json(summary, indent=2) + b"\n")
            self._put(MANIFEST, _json({**manifest, "settings": self._settings}, indent=2) + b"\n")

    def _put(self, name: str, content: bytes) -> None:
        temporary = self.path / f".{name}.tmp"
        try:
            with temporary.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(self.path / name)
        finally:
            temporary.unlink(missing_ok=True)

    def _check(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError("this is a file, where the folder for the scores should be", path=self.path)
        with self._errors():
            names = {entry.name for entry in self.path.iterdir()} if self.path.is_dir() else set()
        if names <= {LOCK}:
            return
        if not names & {MANIFEST, REPLIES}:
            hint = "name a folder that is empty or not there"
            raise UsageError("the folder holds something else", path=self.path, value=min(names), hint=hint)
        if MANIFEST in names and not self._force:
            self._compare(self._read_settings())

    def _read_settings(self) -> dict[str, Any]:
        path = self.path / MANIFEST
        try:
            manifest = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            manifest = None
        settings = manifest.get("settings") if isinstance(manifest, dict) else None
        if not isinstance(settings, dict):
            raise SourceError("the manifest is damaged", path=path, hint="--force writes the results anew")
        return settings

    def _compare(self, before: dict[str, Any]) -> None:
        now = json.loads(_json(self._settings))
        names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if names:
            hint = "name another folder, or --force replaces these results; stored replies are kept either way"
            message = f"the folder holds results of other settings ({', '.join(names)})"
            raise UsageError(message, path=self.path, hint=hint)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"the folder cannot be written ({error.strerror or error})"
            raise RunFolderError(message, path=self.path, hint="name another with --out") from None


def _json(value: object, indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "backslashreplace")
