"""Runs of ``sft`` and ``pretrain`` as a user starts them, and what they leave."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {
    "training.precision": "fp32",
    "training.learning_rate": "1e-3",
    "training.global_batch": "8",
    "training.log_every": "1",
    "data.max_length": "96",
}
TIME_LIMIT = 300


@dataclass(frozen=True)
class Run:
    """A finished run."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def losses(self) -> list[float]:
        return [json.loads(line)["loss"] for line in (self.folder / "log.jsonl").read_text().splitlines()]

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "train_report.json").read_bytes())
        return report

    def tensors(self, name: str = "model.safetensors") -> dict[str, Any]:
        from safetensors.torch import load_file

        return dict(load_file(self.folder / name))


def words(command: str, out: Path, *given: str | Path, **settings: str) -> list[str]:
    """The command line, with `settings` (``training__zero``) on top of `SETTINGS`."""
    changed = {**SETTINGS, **{name.replace("__", "."): value for name, value in settings.items()}}
    flags = [word for name, value in changed.items() for word in ("--set", f"{name}={value}")]
    return [sys.executable, "-m", "belle_train", command, *map(str, given), "--out", str(out), *flags]


def environment() -> dict[str, str]:
    """Without what a test runner may set for itself."""
    dropped = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "OMP_NUM_THREADS"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def run(command: str, out: Path, *given: str | Path, **settings: str) -> Run:
    """Run a command: in this process, which has imported torch, unless it takes several or DeepSpeed."""
    if "--processes" not in given and "--zero" not in given:
        from tests.train.conftest import command as run_here

        here = run_here(*words(command, out, *given, **settings)[3:])
        return Run(here.code, here.out, here.err, out)
    done = subprocess.run(
        words(command, out, *given, **settings),
        check=False,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        env=environment(),
    )
    return Run(done.returncode, done.stdout, done.stderr, out)


def run_well(command: str, out: Path, *given: str | Path, **settings: str) -> Run:
    """Run a command that must end well."""
    done = run(command, out, *given, **settings)
    assert done.code == 0, done.err
    return done


def run_and_kill(command: str, out: Path, until: Path, *given: str | Path, **settings: str) -> None:
    """Run a command and kill all of its processes, without a warning, as soon as a file is there."""
    process = subprocess.Popen(
        words(command, out, *given, **settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    end = time.monotonic() + TIME_LIMIT
    while not until.exists():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end, f"{until} did not appear"
        time.sleep(0.01)
    # The launcher gives each of its processes a group of its own.
    started = import_module("psutil").Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    for one in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)
    process.wait()


def rows_file(path: Path, count: int = 60) -> Path:
    """Conversations of one and two turns, of different lengths."""
    from tests.vocab.conftest import chinese_lines

    lines = chinese_lines(count * 3)
    rows = []
    for number in range(count):
        first, second, third = lines[3 * number : 3 * number + 3]
        turns = [{"role": "user", "content": first}, {"role": "assistant", "content": second}]
        if number % 3 == 0:
            turns += [{"role": "user", "content": third}, {"role": "assistant", "content": first[: 5 + number % 7]}]
        rows.append(json.dumps({"id": f"r{number}", "messages": turns}, ensure_ascii=False))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path
