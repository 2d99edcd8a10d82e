"""A run that is killed and started again ends with the bytes of one that was left alone."""

import gzip
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.end_to_end.runs import (
    STAGE_FILES,
    clean_command,
    cleaned,
    kill_group,
    rejected,
    results,
    run_clean,
    start_clean,
    temporary_files,
)

from belle_data.config import Recipe
from belle_data.pipeline import STAGES

MOMENTS = (
    "work/*.jsonl.tmp",
    "rejected/*.tmp",
    "work/inputs.json",
    *(f"stages/{name}" for name in STAGE_FILES),
    "shards/*.tmp",
    "rows.parquet.tmp",
    "rows.parquet",
    "report.json",
)
"""Files whose appearance is a moment to kill at: together they are every step of a run."""


TEXT_STAGES = ("--stages", "normalise,rules,exact_dedup,near_dedup")
"""For corpora whose prompts would take minutes to embed; the small ones go through every stage."""
AS_TEXT = ("--set", "normalise.apply=text")
DEADLY = """
import os, signal, sys
from belle_data.cli import main
from belle_data.pipeline import STAGES

def die(*given):
    os.kill(os.getpid(), signal.SIGKILL)

next(stage for stage in STAGES if stage.name == sys.argv[1]).finish = die
sys.exit(main(sys.argv[2:]))
"""
"""The command line, killed when the stage that the first argument names is to decide."""


class Interrupted:
    """One command over one corpus: left alone once, then killed and started again as often as asked."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.folder = folder
        self.arguments = arguments
        began = time.monotonic()
        done = run_clean(*arguments, "--out", folder / "whole")
        self.seconds = time.monotonic() - began
        assert done.code == 0, done.err
        self.expected = results(folder / "whole")
        assert rejected(folder / "whole")
        stages = json.loads((folder / "whole" / "manifest.json").read_text(encoding="utf-8"))["stages"]
        assert [stage["name"] for stage in stages if sum(stage["removed"].values())] == [
            stage.name for stage in STAGES if stage.reasons and stage.name in Recipe().stages
        ]
        assert {f"stages/{name}" for name in STAGE_FILES} < self.expected.keys()
        self.killed = 0

    def check(self, name: str, moment: Callable[[Path, float], bool]) -> bool:
        """Kill a run of its own when `moment` holds for its folder and age, then run the same command to its end.

        False if the run had ended before that moment came; the folder is checked all the same.
        """
        out = self.folder / name
        process = start_clean(*self.arguments, "--out", out)
        began = time.monotonic()
        while process.poll() is None and not moment(out, time.monotonic() - began):
            time.sleep(0.001)
        killed = kill_group(process)
        if not killed:
            self.seconds = time.monotonic() - began
        done = run_clean(*self.arguments, "--out", out)
        assert done.code == 0, f"{name}: {done.err}"
        assert results(out) == self.expected, name
        assert temporary_files(out) == [], name
        shutil.rmtree(out)
        self.killed += killed
        return killed

    def at_random(self, kills: int, seed: int) -> None:
        """Kill so many times, at a random moment in each of equal parts of the time that a run takes.

        Where the machine has become faster meanwhile and the run was over before its moment, another takes its place.
        """
        rng = random.Random(seed)
        for number in range(kills):
            for again in range(5):
                share = (number + rng.random()) / kills
                age = share * self.seconds
                if self.check(f"random-{number}-{again}", lambda _, now, age=age: now >= age):  # type: ignore[misc]
                    break

    def at_files(self) -> None:
        """Kill as soon as a file appears."""
        for number, pattern in enumerate(MOMENTS):
            self.check(f"file-{number}", lambda out, _, pattern=pattern: any(out.glob(pattern)))  # type: ignore[misc]


def test_killed_at_random_moments(corpus: Path, tmp_path: Path) -> None:
    runs = Interrupted(tmp_path, corpus, "--shard-rows", 700)
    runs.at_random(3, seed=1)
    assert runs.killed == 3


def test_killed_at_each_step(corpus: Path, tmp_path: Path) -> None:
    packed = tmp_path / "raw.jsonl.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes(), 1))
    runs = Interrupted(tmp_path, packed, "--shard-rows", 700, "--compress", "zst", "--to", "messages", *AS_TEXT)
    runs.at_files()
    assert runs.killed >= len(MOMENTS) // 2


@pytest.mark.parametrize("setting", [(), AS_TEXT], ids=["comparison", "text"])
def test_killed_between_stages(corpus: Path, tmp_path: Path, setting: tuple[str, ...]) -> None:
    """The stages before the one that was to decide are not repeated, and all bytes are the same."""
    whole, names = tmp_path / "whole", [stage.name for stage in STAGES]
    evaluation = tmp_path / "evaluation.jsonl"
    evaluation.write_bytes(b"".join(corpus.read_bytes().splitlines(keepends=True)[:20]))
    setting = (*setting, "--against", str(evaluation), "--target-rows", "1000")
    cleaned(corpus, *setting, out=whole)
    told = json.loads((whole / "manifest.json").read_text(encoding="utf-8"))["stages"]
    assert {stage["name"]: sum(stage["removed"].values()) > 0 for stage in told} == {
        stage.name: bool(stage.reasons) for stage in STAGES
    }
    for number, name in enumerate(names):
        out = tmp_path / name
        command = clean_command(corpus, *setting, "--out", out)
        # Without the interpreter and `-m belle_data`.
        process = subprocess.run([sys.executable, "-c", DEADLY, name, *command[3:]], capture_output=True, check=False)
        assert process.returncode == -signal.SIGKILL, process.stderr
        assert not (out / "shards").exists()
        report = cleaned(corpus, *setting, out=out)
        assert [stage["name"] for stage in report["stages"]] == names
        assert [stage["reused"] for stage in report["stages"]] == [place < number for place in range(len(names))]
        assert results(out) == results(whole)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(large_corpus: Path, tmp_path: Path) -> None:
    runs = Interrupted(tmp_path, large_corpus, "--shard-rows", 20_000, *TEXT_STAGES)
    runs.at_random(20, seed=2)
    assert runs.killed == 20


@pytest.mark.slow
def test_killed_again_and_again(large_corpus: Path, tmp_path: Path) -> None:
    runs = Interrupted(tmp_path, large_corpus, "--shard-rows", 20_000, *TEXT_STAGES)
    rng = random.Random(3)
    for _ in range(10):
        process = start_clean(*runs.arguments, "--out", tmp_path / "again")
        time.sleep(rng.random() * runs.seconds)
        kill_group(process)
    runs.check("again", lambda _, now: now >= runs.seconds / 2)
