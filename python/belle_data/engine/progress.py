"""What an engine tells about its work while it goes on: a listener that shows it, and the memory it takes."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SAMPLE_SECONDS = 0.1
_STATUS = Path("/proc/self/status")


class Listener(Protocol):
    """Shows the progress of a run. All calls come from one thread at a time."""

    def begin(self, step: str, total: int, unit: str) -> None:
        """Announce a step with so many units of work (0: unknown)."""

    def update(self, done: int, total: int | None = None) -> None:
        """Tell how many units of the step are done, and how many there are if that changed."""

    def end(self, summary: str) -> None:
        """Tell that the step is over, with its result in a few words."""

    def message(self, text: str) -> None:
        """Say something that the user should know."""


class Silent:
    """A listener that shows nothing."""

    def begin(self, step: str, total: int, unit: str) -> None:
        """Show nothing."""

    def update(self, done: int, total: int | None = None) -> None:
        """Show nothing."""

    def end(self, summary: str) -> None:
        """Show nothing."""

    def message(self, text: str) -> None:
        """Show nothing."""


@contextmanager
def polled(listener: Listener, state: Callable[[], tuple[int, int]]) -> Iterator[None]:
    """Ask for the state of a long computation every tenth of a second and pass it on."""
    over = threading.Event()

    def poll() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            done, total = state()
            listener.update(done, total)

    thread = threading.Thread(target=poll, daemon=True, name="belle-progress")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def private_memory() -> int | None:
    """Bytes of this process's own memory, mapped files not counted; None where the system does not say."""
    try:
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


class MemoryWatch:
    """Samples the private memory ten times a second and remembers the peak."""

    def __init__(self) -> None:
        self._peak = self._lap = private_memory()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="belle-memory")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        now = private_memory()
        if now is not None:
            self._peak, self._lap = max(self._peak or 0, now), max(self._lap or 0, now)

    def peak(self) -> int | None:
        """Largest private memory so far, in bytes; None where the system does not say."""
        self._sample()
        return self._peak

    def lap(self) -> int | None:
        """The same since the last lap, which ends here."""
        self._sample()
        peak, self._lap = self._lap, None
        return peak


class Stopwatch:
    """Seconds by the wall and of the processor since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Give ``seconds`` and ``cpu_seconds``, rounded to milliseconds."""
        return {
            "seconds": round(time.perf_counter() - self._wall, 3),
            "cpu_seconds": round(time.process_time() - self._cpu, 3),
        }
