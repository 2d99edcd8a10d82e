"""Replies that were paid for, in a file that a crash does not harm: a line per reply, put there as it comes.

A line is a JSON object with ``key``, the SHA-256 of the request, and the fields of a `Reply`. Beside these lines are
some of two other kinds: ``structured`` says whether a server takes a schema, ``unanswered`` how many tokens requests
may have cost that brought no reply. No line has anything of the key of a server, or a time of this machine.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from belle_data.errors import RunFolderError, SourceError
from belle_train.judge.budget import Tokens
from belle_train.judge.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REPLIES = "replies.jsonl"
LOCK = ".lock"
_HINT = "take the line away, and its question is asked again"
_FIELDS = ("text", "finish", "model", "created", "prompt_tokens", "answer_tokens")
_UNANSWERED = "unanswered"
_DIGITS = frozenset("0123456789abcdef")


class ReplyStore:
    """The replies of a folder. A context manager, which keeps the folder for this process.

    Args:
        folder: It is made if it is not there.
        notify: Is told when a line that breaks off was cut.
    """

    def __init__(self, folder: str | Path, notify: Callable[[str], object] | None = None) -> None:
        self.folder = Path(folder)
        self.path = self.folder / REPLIES
        self._notify = notify
        self._replies: dict[str, Reply] = {}
        self._lines: dict[str, bytes] = {}
        self._decisions: dict[str, bool] = {}
        self._unanswered = Tokens()
        self._spent = Tokens()
        self.spent_before = Tokens()
        """What `spent` was when the store was opened."""
        self._lock: Any = None
        self._file: int | None = None
        self._ordered: tuple[str, ...] | None = None

    def __enter__(self) -> Self:
        """Open the store.

        Raises:
            RunFolderError: The folder cannot be written, or another process has it.
            SourceError: The file is damaged elsewhere than at its end.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            self._take_lock()
            self._read()
            self.spent_before = self.spent
            self._open()
        except OSError as error:
            self.close()
            raise self._cannot(error) from None
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file and the folder; what was put stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __len__(self) -> int:
        return len(self._replies)

    @property
    def spent(self) -> Tokens:
        """Tokens of all stored replies, and those that requests without a reply may have cost."""
        return self._spent + self._unanswered

    def get(self, key: str) -> Reply | None:
        """The reply to a request."""
        return self._replies.get(key)

    def put(self, key: str, reply: Reply, spent: Tokens) -> None:
        """Keep a reply; when this returns, the end of this process does not lose it.

        Args:
            key: Of the request, which has no reply yet.
            reply: It.
            spent: What it counts for; written down if the server counted no tokens.

        Raises:
            RunFolderError: It cannot be written.
        """
        record: dict[str, Any] = {"key": key, **{field: getattr(reply, field) for field in _FIELDS}}
        if (reply.prompt_tokens, reply.answer_tokens) != (spent.prompt, spent.answer):
            record["counted_as"] = [spent.prompt, spent.answer]
        self._append(key, record)
        self._replies[key] = reply
        self._spent += spent

    def decision(self, key: str) -> bool | None:
        """Tell whether a server takes a schema; None if it was not tried."""
        return self._decisions.get(key)

    def decide(self, key: str, structured: bool) -> None:
        """Keep whether a server takes a schema.

        Raises:
            RunFolderError: It cannot be written.
        """
        self._append(key, {"key": key, "structured": structured})
        self._decisions[key] = structured

    def add_unanswered(self, tokens: Tokens) -> None:
        """Keep what a request may have cost that brought no reply.

        Raises:
            RunFolderError: It cannot be written.
        """
        self._write(_line({_UNANSWERED: [tokens.prompt, tokens.answer]}))
        self._unanswered += tokens
        self._ordered = None

    def finish(self, order: Sequence[str]) -> None:
        """Put the lines in the order of the questions, so that the same replies give the same bytes.

        First comes what is neither question nor reply, then the replies to `order`, then those to other requests by
        their keys.

        Args:
            order: Keys of the requests, with or without a reply.

        Raises:
            RunFolderError: The file cannot be written.
        """
        wanted = dict.fromkeys(order)
        others = sorted(key for key in self._lines if key not in wanted and key not in self._decisions)
        keys = [*sorted(self._decisions), *(key for key in wanted if key in self._lines), *others]
        if self._ordered == tuple(keys):
            return
        first = [_line({_UNANSWERED: [self._unanswered.prompt, self._unanswered.answer]})] * bool(
            self._unanswered.total
        )
        temporary = self.path.with_name(f".{REPLIES}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as handle:
                handle.writelines(first)
                handle.writelines(self._lines[key] for key in keys)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(self.path)
            if self._file is not None:
                os.close(self._file)
            self._open()
        except OSError as error:
            raise self._cannot(error) from None
        finally:
            temporary.unlink(missing_ok=True)
        self._ordered = tuple(keys)

    def _append(self, key: str, record: dict[str, Any]) -> None:
        line = _line(record)
        self._write(line)
        self._lines[key] = line
        self._ordered = None

    def _write(self, line: bytes) -> None:
        if self._file is None:
            message = "the store of replies is not open"
            raise ValueError(message)
        try:
            written = os.write(self._file, line)
            if written < len(line):
                # As on a full disk: the half must not stand before the next line.
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise RunFolderError("the replies cannot be written (no space left)", path=self.path)
        except OSError as error:
            raise self._cannot(error) from None

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _take_lock(self) -> None:
        import fcntl  # noqa: PLC0415 - not on every system

        self._lock = (self.folder / LOCK).open("w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "wait for it, or end it: pgrep -f belle_train lists such processes"
            raise RunFolderError("another process asks a judge for this folder", path=self.folder, hint=hint) from None

    def _read(self) -> None:
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
            if self._notify is not None:
                self._notify(f"{self.path}: the last line broke off and was cut; its question is asked again")
        for number, line in enumerate(whole.split(b"\n")[:-1], 1):
            try:
                self._take(json.loads(line), line + b"\n")
            except (ValueError, TypeError, KeyError, RecursionError):
                raise SourceError("the line is no reply of a judge", path=self.path, line=number, hint=_HINT) from None

    def _take(self, record: Any, line: bytes) -> None:
        if _UNANSWERED in record:
            self._unanswered += _tokens(record[_UNANSWERED])
            return
        key = record["key"]
        if not isinstance(key, str) or len(key) != 64 or not _DIGITS.issuperset(key) or key in self._lines:
            raise ValueError(key)
        if "structured" in record:
            if not isinstance(record["structured"], bool):
                raise ValueError(record)
            self._decisions[key] = record["structured"]
        else:
            reply = Reply(**{field: record[field] for field in _FIELDS})
            _check(reply)
            self._replies[key] = reply
            counted = record.get("counted_as", [reply.prompt_tokens, reply.answer_tokens])
            self._spent += _tokens(counted)
        self._lines[key] = line

    def _cannot(self, error: OSError) -> RunFolderError:
        return RunFolderError(f"the replies cannot be written ({error.strerror or error})", path=self.path)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _tokens(pair: Any) -> Tokens:
    prompt, answer = pair
    if not (_is_count(prompt) and _is_count(answer)):
        raise ValueError(pair)
    return Tokens(prompt, answer)


def _check(reply: Reply) -> None:
    text: object = reply.text
    texts = (reply.finish, reply.model)
    counts = (reply.created, reply.prompt_tokens, reply.answer_tokens)
    if not (
        isinstance(text, str)
        and all(one is None or isinstance(one, str) for one in texts)
        and all(count is None or _is_count(count) for count in counts)
    ):
        raise ValueError(reply)
