"""The file of answers: in the order of the prompts whatever came first, and continued where it ended."""

from __future__ import annotations

import json
import os
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from belle_data.errors import RunFolderError, SourceError, UsageError
from belle_train.model_folder import json_bytes, read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_train.prompts import Prompt

STOP, LENGTH, ERROR = "stop", "length", "error"
TRANSIENT = ("timeout", "connection", "invalid_reply", "status_408", "status_409", "status_429", "status_5")
"""How the reasons begin that may be gone when the same is asked again."""
_HINT = "--force begins anew"


def may_pass(answer: dict[str, Any]) -> bool:
    """Tell whether a row has an error that another try may not meet."""
    return answer.get("finish") == ERROR and str(answer.get("error")).startswith(TRANSIENT)


class AnswersFile:
    """Takes answers in any order and writes them in the order of the prompts. A context manager.

    What was answered before is kept, a line that breaks off is cut; rows whose error may pass are asked again. Beside
    the file lies one of the same name with ``.json`` at its end, with the settings: answers of other settings are never
    mixed.

    Args:
        path: The file.
        settings: All that changes an answer.
        prompts: What is asked.
        force: Begin anew if there are answers already.
        made_from: What the model is, beyond the settings: told beside the answers, compared with nothing.

    Raises:
        UsageError: The file is somebody else's, or its answers have other settings.
        SourceError: It is damaged.
        RunFolderError: It cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        settings: dict[str, Any],
        prompts: Sequence[Prompt],
        *,
        force: bool = False,
        made_from: dict[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self._prompts = prompts
        self._beside = self.path.with_name(f"{self.path.name}.json")
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        self._check_place()
        self._settings = settings
        self._about = {"settings": settings, **({"made_from": made_from} if made_from else {})}
        kept = self._kept(force=force)
        self.kept = sum(not may_pass(line) for line in kept)
        """Rows that need not be asked."""
        self.todo = [place for place in range(len(prompts)) if place >= len(kept) or may_pass(kept[place])]
        """Places of the prompts that are to be asked."""
        self._old, self._new = kept, dict[int, dict[str, Any]]()
        self._again = any(may_pass(line) for line in kept)
        self._asked = frozenset(self.todo)
        self._next = 0 if self._again else len(kept)
        self._handle: BinaryIO | None = None
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        if not self._again:
            for line in kept:
                self._count(line)

    def __enter__(self) -> Self:
        try:
            if not self._beside.exists():
                _write_whole(self._beside, json_bytes(self._about))
            self._handle = self._temporary.open("wb") if self._again else self.path.open("ab")
        except OSError as error:
            raise self._cannot(error) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is None:
            return
        try:
            if self._again:
                # After an interruption: what was not asked again stays as it was.
                for place in range(self._next, len(self._old)):
                    self._put(self._new.get(place, self._old[place]))
            self._handle.flush()
            os.fsync(self._handle.fileno())
            self._handle.close()
            if self._again:
                self._temporary.replace(self.path)
        except OSError as error:
            raise self._cannot(error) from None
        finally:
            self._handle.close()
            self._temporary.unlink(missing_ok=True)

    def add(self, place: int, answer: dict[str, Any]) -> None:
        """Take the answer of a prompt; it is written when all before it are.

        Args:
            place: Of the prompt among the prompts.
            answer: ``answer``, ``finish`` and the rest; what repeats the prompt is put before it.

        Raises:
            RunFolderError: The file cannot be written.
        """
        self._new[place] = {**self._prompts[place].facts(), **answer}
        try:
            while self._next < len(self._prompts):
                if self._next in self._new:
                    line = self._new.pop(self._next)
                elif self._next < len(self._old) and self._next not in self._asked:
                    line = self._old[self._next]
                else:
                    break
                self._put(line)
                self._next += 1
            if self._handle is not None:
                self._handle.flush()
        except OSError as error:
            raise self._cannot(error) from None

    def _put(self, line: dict[str, Any]) -> None:
        self._count(line)
        if self._handle is not None:
            self._handle.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")

    def _count(self, line: dict[str, Any]) -> None:
        self.counts[str(line.get("finish"))] += 1
        if line.get("finish") == ERROR:
            self.errors[str(line.get("error"))] += 1

    def _check_place(self) -> None:
        if self.path.is_dir():
            raise UsageError("there is a folder where the answers are to be written", path=self.path)
        if not self.path.absolute().parent.is_dir():
            raise UsageError("the answers cannot be written here: there is no such folder", path=self.path.parent)
        if self.path.exists() and not self._beside.is_file() and self.path.stat().st_size:
            hint = "name another file; what this command did not write is never replaced"
            raise UsageError("the file is not one of answers", path=self.path, hint=hint)

    def _kept(self, *, force: bool) -> list[dict[str, Any]]:
        """Read the answers that are there and cut what is broken off; with `force` take them away."""
        try:
            if force:
                self.path.unlink(missing_ok=True)
            if not self.path.exists() or not self.path.stat().st_size:
                # Settings without an answer, as a mistyped model leaves them, bind nobody.
                self._beside.unlink(missing_ok=True)
            if not self._beside.exists():
                return []
            self._compare(read_json(self._beside).get("settings"))
            stored = self.path.read_bytes() if self.path.exists() else b""
            whole = stored[: stored.rfind(b"\n") + 1]
            if len(whole) < len(stored):
                os.truncate(self.path, len(whole))
        except OSError as error:
            raise self._cannot(error) from None
        return [self._parsed(number, line) for number, line in enumerate(whole.split(b"\n")[:-1])]

    def _compare(self, settings: object) -> None:
        if settings == self._settings:
            return
        before = settings if isinstance(settings, dict) else {}
        names = sorted(name for name in {*before, *self._settings} if before.get(name) != self._settings.get(name))
        message = f"the answers in the file were made with other settings ({', '.join(names)})"
        raise UsageError(message, path=self.path, hint=f"name another file, or {_HINT}")

    def _parsed(self, place: int, line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or answer.get("finish") not in {STOP, LENGTH, ERROR}:
            raise SourceError("the line is no answer", path=self.path, line=place + 1, hint=_HINT)
        # With fewer rows by --limit than before, the rest was asked then.
        if place < len(self._prompts):
            prompt = self._prompts[place]
            if (answer.get("id"), answer.get("row")) != (prompt.id, prompt.row):
                raise SourceError("the line answers another prompt", path=self.path, line=place + 1, hint=_HINT)
        return answer

    def _cannot(self, error: OSError) -> RunFolderError:
        return RunFolderError(f"the answers cannot be written ({error.strerror or error})", path=self.path)


def row_seed(seed: int, row: int) -> int:
    """The seed of a row, from 0 to 2^63 - 1: it depends on the seed and the row's place, and on no other row."""
    return int.from_bytes(sha256(f"{seed}:{row}".encode()).digest()[:8], "little") >> 1


def failed(reason: str, detail: str | None = None, prompt_tokens: int | None = None) -> dict[str, Any]:
    """The answer of a row that has none."""
    more = {} if detail is None else {"detail": detail}
    return {
        "answer": None,
        "finish": ERROR,
        "error": reason,
        **more,
        "prompt_tokens": prompt_tokens,
        "answer_tokens": 0,
    }


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
