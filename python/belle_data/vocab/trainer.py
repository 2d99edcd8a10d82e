"""Starts the trainer's process, feeds it lines, shows what it does, and reads the model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.errors import InternalError, SourceError, UsageError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from belle_data.engine.progress import Listener

_LOG_LINES = 20
_MERGES = re.compile(r"merges=(\d+)")
_TOO_LARGE = re.compile(r"set it to a value <= (\d+)")
_TOO_SMALL = re.compile(r"smaller than required_chars\. (\d+) vs (\d+)")
_OUT_OF_MEMORY = re.compile(r"bad_alloc|MemoryError|[Oo]ut of memory|Cannot allocate memory")


@dataclass(frozen=True, slots=True)
class Trained:
    """What the trainer made.

    Attributes:
        model: The bytes of the model.
        peak: The most memory of its process, in bytes; None where the system does not say.
    """

    model: bytes
    peak: int | None


class Trainer:
    """The trainer's process; it is ended when the ``with`` block is left, however that happens.

    Args:
        options: The options of `sentencepiece.SentencePieceTrainer`.
        memory: Bytes of memory that the process may have.
        listener: Is told about the merges, and what is logged if `verbose`.
        verbose: Show what the trainer logs.
    """

    def __init__(self, options: dict[str, Any], memory: int, listener: Listener, *, verbose: bool) -> None:
        self._options, self._memory, self._listener, self._verbose = options, memory, listener, verbose
        self._log: deque[str] = deque(maxlen=_LOG_LINES)

    def __enter__(self) -> Self:
        settings = json.dumps({"options": self._options, "memory": self._memory})
        # It finds packages where this process does, and nowhere else: not in the folder that it happens to run in.
        places = os.pathsep.join(place for place in sys.path if place)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "belle_data.vocab.trainer_process", settings],
            env={**os.environ, "PYTHONPATH": places},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._logging = threading.Thread(target=self._read_log, daemon=True, name="belle-trainer-log")
        self._logging.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._logging.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue

    def feed(self, lines: Any) -> None:
        """Give the trainer an Arrow array of lines, none of which holds a line feed."""
        if self._process.stdin is None:
            raise InternalError("the trainer has no standard input")
        try:
            self._process.stdin.write("".join(f"{line}\n" for line in lines.to_pylist()).encode("utf-8"))
        except BrokenPipeError:
            self._result()
            raise

    def finish(self) -> Trained:
        """Say that there are no more lines, and wait for the model.

        Raises:
            UsageError: The vocabulary is too large or too small for the text, or the memory too small.
            SourceError: The trainer failed for another reason.
        """
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
        except BrokenPipeError:
            pass
        return self._result()

    def _result(self) -> Trained:
        output = b"" if self._process.stdout is None else self._process.stdout.read()
        code = self._process.wait()
        self._logging.join()
        head, _, model = output.partition(b"\n")
        try:
            answer = json.loads(head)
        except ValueError:
            answer = {"memory": True} if _OUT_OF_MEMORY.search("\n".join(self._log)) else {"error": f"exit code {code}"}
        if "peak" in answer and model:
            return Trained(model, answer["peak"])
        raise self._failure(answer)

    def _failure(self, answer: dict[str, Any]) -> UsageError | SourceError:
        size = self._options["vocab_size"]
        if answer.get("memory"):
            return UsageError(
                "training needs more memory than was promised, because nearly every pair of characters is another one",
                value=self._memory, hint="allow more with --max-memory, or train on fewer lines with --lines N",
            )  # fmt: skip
        message = str(answer.get("error"))
        large, small = _TOO_LARGE.search(message), _TOO_SMALL.search(message)
        if large:
            text = f"the text does not fill a vocabulary of {size:,} pieces; the largest possible is {int(large[1]):,}"
            return UsageError(text, hint=f"--size {large[1]}, or more text")
        if small:
            text = f"a vocabulary of {size:,} pieces is too small: the characters, bytes and special pieces of this"
            hint = f"--size {small[2]} at least, or a lower --character-coverage"
            return UsageError(f"{text} text are {int(small[2]):,} already", hint=hint)
        return SourceError(f"the trainer failed: {message}", hint="-v shows what it logs")

    def _read_log(self) -> None:
        if self._process.stderr is None:
            return
        for line in self._process.stderr:
            text = line.decode("utf-8", "replace").rstrip()
            self._log.append(text)
            merges = _MERGES.search(text)
            if merges:
                self._listener.update(int(merges[1]))
            if self._verbose:
                self._listener.message(text)
