"""Runs a command to its end and says what it took: the wall, the processor, memory."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and all its children took."""

    seconds: float
    """By the wall."""
    cpu_seconds: float
    """User and system time."""
    peak_rss: int
    """Bytes, mapped files counted."""
    peak_private: int | None
    """Bytes that belong to the processes alone, sampled; None where the system does not say."""


class CommandError(Exception):
    """A command ended with an exit code other than 0; the text is the end of what it said."""


def measure(command: list[str], environment: dict[str, str] | None = None) -> Cost:
    """Run a command and give its cost.

    Raises:
        CommandError: It failed.
    """
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
    ) as process:
        said: list[bytes] = []
        reader = threading.Thread(target=lambda: said.append(process.stdout.read() if process.stdout else b""))
        watch = _PrivateMemory(process.pid)
        reader.start()
        watch.start()
        # The pipe may close before the process has ended, so the usage is asked of the system, once.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.stop()
        reader.join()
    if process.returncode != 0:
        text = b"".join(said).decode("utf-8", "backslashreplace").strip()
        raise CommandError(f"{' '.join(command)} left with {process.returncode}: {text[-800:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, watch.peak)


class _PrivateMemory(threading.Thread):
    """Samples the private memory of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak: int | None = None
        self._pid, self._over = pid, threading.Event()

    def run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            now = _private(self._pid)
            if now is not None:
                self.peak = max(self.peak or 0, now)

    def stop(self) -> None:
        self._over.set()
        self.join()


def _private(pid: int) -> int | None:
    total = None
    process = Path(f"/proc/{pid}")
    try:
        for line in (process / "status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("RssAnon:"):
                total = int(line.split()[1]) * 1024
        children = (process / "task" / str(pid) / "children").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return total
    return sum(filter(None, map(_private, map(int, children))), total or 0) or total
