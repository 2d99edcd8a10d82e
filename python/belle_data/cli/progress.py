"""The progress of a run on standard error: one redrawn line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from belle_data.cli.terminal import cells, cut, human_bytes, human_seconds, is_terminal, padded, width
from belle_data.engine.progress import Listener, Silent, private_memory
from belle_data.errors import escaped, was_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REDRAW_SECONDS = 0.1
PLAIN_SECONDS = 10.0
_STEP_CELLS = 12
_BAR_CELLS = 20
_SHORTEST_BAR = 5
_ERASE = "\r\x1b[K"


class ClosingListener(Listener, Protocol):
    """A listener that leaves the terminal in order when the run ends, in whatever way."""

    def close(self) -> None:
        """Show nothing more."""


class Quiet(Silent):
    """Shows nothing."""

    def close(self) -> None:
        """Show nothing."""


def progress_for(stream: TextIO | None, *, quiet: bool) -> ClosingListener:
    """Make the listener that suits a stream."""
    if quiet or stream is None:
        return Quiet()
    return TerminalProgress(stream) if is_terminal(stream) else PlainProgress(stream)


@contextmanager
def listening(*, quiet: bool, interrupted: str = "nothing was written") -> Iterator[ClosingListener]:
    """The listener for standard error while a command works.

    Args:
        quiet: Whether nothing is shown.
        interrupted: What Ctrl-C leaves behind, as the user is told.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C; with what is told about it.
    """
    listener = progress_for(sys.stderr, quiet=quiet)
    try:
        yield listener
    except (KeyboardInterrupt, Exception) as error:
        if not was_interrupted(error):
            raise
        raise KeyboardInterrupt(f"interrupted: {interrupted}") from None
    finally:
        listener.close()


class _Steps:
    """Counts and times the steps; subclasses show them.

    Methods may be called from any thread. What cannot be written is not shown: a run does not fail for that.
    """

    every: float
    """Seconds between two looks at a step that goes on."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._lock = threading.Lock()
        self._step, self._unit = "", ""
        self._done, self._total = 0, 0
        self._began = self._working = self._shown = clock()

    def begin(self, step: str, total: int, unit: str) -> None:
        """Announce a step with so many units of work (0: unknown)."""
        with self._lock:
            self._step, self._unit = escaped(step), unit
            self._done, self._total = 0, total
            self._began = self._working = self._shown = self._clock()
            self._show_begin()

    def update(self, done: int, total: int | None = None) -> None:
        """Tell how many units of the step are done, and how many there are if that changed."""
        if self._done == 0:
            # What comes before the first unit, such as the making of candidates, says nothing about the rate.
            self._working = self._clock()
        self._done = done
        if total is not None:
            self._total = total
        if self._clock() - self._shown >= self.every and self._lock.acquire(blocking=False):
            try:
                self._shown = self._clock()
                self._show_update()
            finally:
                self._lock.release()

    def end(self, summary: str) -> None:
        """Tell that the step is over, with its result in a few words."""
        with self._lock:
            took = human_seconds(self._clock() - self._began)
            self._show_end(escaped(summary), took)
            self._step = ""

    def message(self, text: str) -> None:
        """Say something that the user should know."""
        with self._lock:
            lines = "\n".join(escaped(line) for line in text.split("\n"))
            self._write(f"{self._erase()}{lines}\n")

    def close(self) -> None:
        """Take away what is half drawn."""
        with self._lock:
            self._write(self._erase())

    def _show_begin(self) -> None:
        raise NotImplementedError

    def _show_update(self) -> None:
        raise NotImplementedError

    def _show_end(self, summary: str, took: str) -> None:
        raise NotImplementedError

    def _erase(self) -> str:
        return ""

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            return

    def _share(self) -> float | None:
        return min(self._done / self._total, 1.0) if self._total else None

    def _amount(self) -> list[str]:
        """What is done in the step's unit; steps have no size, so that only their share means something."""
        if self._unit == "steps":
            return [] if self._total else [human_seconds(self._clock() - self._began)]
        if self._unit == "B":
            total = f" of {human_bytes(self._total)}" if self._total else ""
            return [f"{human_bytes(self._done)}{total}"]
        total = f" of {self._total:,}" if self._total else ""
        return [f"{self._done:,}{total} {self._unit}"]

    def _speed(self) -> list[str]:
        """Rate and time left, as far as they mean anything yet."""
        seconds = self._clock() - self._working
        if seconds < 0.2 or self._done <= 0:
            return []
        rate = self._done / seconds
        parts = []
        if self._unit == "B":
            parts.append(f"{human_bytes(rate)}/s")
        elif self._unit != "steps":
            parts.append(f"{rate:,.0f} {self._unit}/s")
        if self._total > self._done:
            parts.append(f"{human_seconds((self._total - self._done) / rate)} left")
        return parts


def _memory() -> list[str]:
    memory = private_memory()
    return [] if memory is None else [human_bytes(memory)]


class PlainProgress(_Steps):
    """A line for each finished step, and one every `PLAIN_SECONDS` of a step that takes long."""

    every = PLAIN_SECONDS

    def _show_begin(self) -> None:
        return

    def _show_update(self) -> None:
        share = self._share()
        percent = [] if share is None else [f"{share:.0%}"]
        parts = [*percent, *self._amount(), *self._speed(), *_memory()]
        self._write(f"{self._step}: {', '.join(parts)}\n")

    def _show_end(self, summary: str, took: str) -> None:
        result = f"{summary}, " if summary else ""
        self._write(f"{self._step}: {result}{took}\n")


class TerminalProgress(_Steps):
    """One line that is drawn again and again, and stays with its result when the step is over."""

    every = REDRAW_SECONDS

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock)
        encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
        self._full, self._empty = ("━", "─") if encoding == "utf8" else ("#", "-")

    def _erase(self) -> str:
        return _ERASE

    def _show_begin(self) -> None:
        self._draw(self._line())

    def _show_update(self) -> None:
        self._draw(self._line())

    def _show_end(self, summary: str, took: str) -> None:
        room = width(self._stream) - 1
        step = cut(padded(self._step, _STEP_CELLS), max(_STEP_CELLS, room - cells(summary) - len(took) - 4))
        parts = [step, summary, took] if summary else [step, took]
        self._draw("  ".join(parts))
        self._write("\n")

    def _line(self) -> str:
        share, room = self._share(), width(self._stream) - 1
        percent = [] if share is None else [f"{share:4.0%}"]
        rest = [*percent, *self._amount(), *self._speed(), *_memory()]
        # The name gives way first, then the bar, then what stands last.
        while rest and cells("  ".join(rest)) + 2 + _STEP_CELLS > room:
            rest.pop()
        free = room - cells("  ".join(rest)) - 2
        step = cut(padded(self._step, _STEP_CELLS), max(_STEP_CELLS, free - 2 - _BAR_CELLS))
        bar = [] if share is None else self._bar(share, free - cells(step) - 2)
        return "  ".join([step, *bar, *rest])

    def _bar(self, share: float, room: int) -> list[str]:
        length = min(room, _BAR_CELLS)
        if length < _SHORTEST_BAR:
            return []
        full = int(share * length)
        return [self._full * full + self._empty * (length - full)]

    def _draw(self, line: str) -> None:
        # The last cell stays free: some terminals break the line when it is filled.
        self._write(_ERASE + cut(line, width(self._stream) - 1))
