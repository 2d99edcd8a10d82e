"""semantic_dedup through the command line: what it shows, what a second run takes over, and what goes wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.cli.conftest import EXAMPLE

from belle_data.config import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

PROMPTS = [
    "怎样才能学好英语？",
    "如何才能学好英语？",
    "怎样才能学好数学？",
    "当前美元兑日元的汇率是多少？",
    "当前美元兑加元的汇率是多少？",
    "写一首关于春天的诗。",
    "创作一首描写春天的诗歌。",
    "红烧肉为什么要先焯水？",
    "Explain how a bill becomes a law.",
    "列出三种可再生能源。",
]


def rows(prompts: list[str]) -> list[dict[str, Any]]:
    answers = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
    return [
        {"id": f"q{place}", "instruction": prompt, "output": f"{answers[place]}：这是第{place}个回答，没有别的了。"}
        for place, prompt in enumerate(prompts)
    ]


def result(run: Path) -> dict[str, bytes]:
    """Shards, ledger and decisions, and the manifest without the output's name."""
    names = [path for folder in ("shards", "stages") for path in sorted((run / folder).iterdir())]
    return {path.name: path.read_bytes() for path in [*names, run / "rows.parquet", run / "manifest.json"]}


@pytest.fixture
def finished(belle: Shell) -> Shell:
    """A shell in whose folder the example data was cleaned into `run`."""
    assert belle.here("clean", EXAMPLE, "--out", "run", "-q").code == 0
    return belle


def test_what_asks_for_the_same_goes_and_says_for_which_row(belle: Shell) -> None:
    belle.write("raw.jsonl", rows(PROMPTS))
    done = belle.here("clean", "raw.jsonl", "--out", "run")
    assert "semantic_dedup: semantic_duplicate" in done.out
    ledger = {row["id"]: row for row in pq.read_table(belle.folder / "run" / "rows.parquet").to_pylist()}
    gone = {row_id: row["kept_id"] for row_id, row in ledger.items() if not row["kept"]}
    assert {frozenset(pair) for pair in gone.items()} == {frozenset({"q0", "q1"}), frozenset({"q5", "q6"})}
    for row_id in gone:
        explained = belle.here("explain", "run", row_id).out
        assert "removed by semantic_dedup: semantic_duplicate" in explained
        assert "the threshold is 0.85" in explained
    kept = belle.here("explain", "run", "q3").out
    assert "nearly removed by semantic_dedup: similarity 0." in kept
    assert "it stayed because the two differ in a name" in kept
    shown = belle.here("inspect", "run", "--stage", "semantic_dedup")
    assert "just stayed (" in shown.out
    assert "it stayed because the two differ in a name" in shown.out
    found = belle.here("inspect", "run", "--stage", "semantic_dedup", "--json").json()["inspections"][0]
    assert {"name"} <= {example["why"] for example in found["stayed"]}
    assert all(example["why"] is None for example in found["went"])


def test_the_same_bytes_for_any_threads_order_and_engine(belle: Shell) -> None:
    pytest.importorskip("faiss", reason="needs the package faiss-cpu")
    table = rows(PROMPTS)
    belle.write("raw.jsonl", table)
    for name, options in {
        "one": ("--threads", "1"),
        "many": ("--threads", "5"),
        "exact": ("--set", "semantic_dedup.mode=exact"),
        "faiss": ("--set", "semantic_dedup.engine=faiss"),
    }.items():
        assert belle.here("clean", "raw.jsonl", "--out", name, *options, "-q").code == 0
    ledgers = {name: (belle.folder / name / "rows.parquet").read_bytes() for name in ("one", "many", "exact", "faiss")}
    assert len(set(ledgers.values())) == 1
    assert result(belle.folder / "one") == result(belle.folder / "many")
    belle.write("turned.jsonl", table[::-1])
    assert belle.here("clean", "turned.jsonl", "--out", "turned", "-q").code == 0
    kept = [
        sorted((belle.folder / name / "shards" / "part-00000.jsonl").read_bytes().splitlines())
        for name in ("one", "turned")
    ]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("setting", ["semantic_dedup.threshold=0.95", "semantic_dedup.threshold=0.7",
                                     "semantic_dedup.guard=false", "near_dedup.threshold=0.9"])  # fmt: skip
def test_another_setting_gives_the_bytes_of_a_fresh_run_and_embeds_nothing_again(finished: Shell, setting: str) -> None:
    done = finished.here("rethreshold", "run", "--set", setting, "--out", "made")
    assert done.code == 0, done.err
    if setting.startswith("semantic_dedup"):
        assert "embed:" not in done.err
    assert finished.here("clean", EXAMPLE, "--set", setting, "--out", "fresh", "-q").code == 0
    run, made, fresh = (result(finished.folder / name) for name in ("run", "made", "fresh"))
    # What near_dedup would need to decide again is not what a fresh run needs.
    own = {"near_dedup.components.parquet", "near_dedup.near_misses.parquet", "manifest.json"}
    for name in own if setting.startswith("near_dedup") else ():
        del made[name], fresh[name]
    assert made == fresh
    assert made["rows.parquet"] != run["rows.parquet"]


@pytest.mark.parametrize("stage", ["near_dedup", "semantic_dedup"])
def test_undo_gives_the_bytes_of_a_run_without_the_stage(finished: Shell, stage: str) -> None:
    stages = [name for name in Recipe().stages if name != stage]
    assert finished.here("undo", "run", "--stage", stage, "--out", "made", "-q").code == 0
    assert finished.here("clean", EXAMPLE, "--stages", ",".join(stages), "--out", "fresh", "-q").code == 0
    assert result(finished.folder / "made") == result(finished.folder / "fresh")


def test_another_embedder_is_refused_with_the_command(finished: Shell) -> None:
    np.save(finished.folder / "v.npy", np.ones((1_241, 3), np.float32))
    refused = finished.here("rethreshold", "run", "--set", "semantic_dedup.embedder=numpy:v.npy", "--out", "made")
    assert refused.code == 2
    assert "with another embedder, every text must be embedded again" in refused.err
    assert "--set semantic_dedup.embedder=numpy:v.npy" in refused.err


def test_a_second_run_embeds_only_what_is_new(belle: Shell) -> None:
    belle.write("raw.jsonl", rows(PROMPTS[:6]))
    command = ("clean", "raw.jsonl", "--out", "run", "--stages", "semantic_dedup")
    assert "embed: 6 texts" in belle.here(*command).err
    assert "embed:" not in belle.here(*command, "--set", "semantic_dedup.threshold=0.7").err
    belle.write("raw.jsonl", rows(PROMPTS))
    again = belle.here(*command)
    assert "embed: 4 texts" in again.err
    assert belle.here("clean", "raw.jsonl", "--out", "fresh", "--stages", "semantic_dedup").code == 0
    assert result(belle.folder / "run") == result(belle.folder / "fresh")
    for name in ("vectors.f32", "texts.bin", "vectors.json"):
        (belle.folder / "run" / "vectors" / name).unlink()
        assert "embed: 10 texts" in belle.here(*command, "--set", "semantic_dedup.threshold=0.8").err
        assert "embed:" not in belle.here(*command).err
    assert result(belle.folder / "run") == result(belle.folder / "fresh")
    assert "embed: 10 texts" in belle.here(*command, "--force").err


@pytest.mark.parametrize("damage", ["vectors.f32", "texts.bin", "vectors.json"])
def test_damaged_vectors_are_made_anew(belle: Shell, damage: str) -> None:
    belle.write("raw.jsonl", rows(PROMPTS))
    command = ("clean", "raw.jsonl", "--out", "run", "--stages", "semantic_dedup")
    assert belle.here(*command, "-q").code == 0
    before = result(belle.folder / "run")
    path = belle.folder / "run" / "vectors" / damage
    data = bytearray(path.read_bytes())
    for cut in (data[: len(data) // 2], data[:7] + b"\xff\x00" + data[9:], b"", b"{}" * 50):
        path.write_bytes(cut)
        assert belle.here(*command, "--set", "semantic_dedup.threshold=0.9", "-q").code == 0
        done = belle.here(*command, "-q")
        assert (done.code, result(belle.folder / "run")) == (0, before), done.err


def test_a_changed_file_of_vectors_is_seen(belle: Shell) -> None:
    belle.write("raw.jsonl", rows(PROMPTS))
    settings = ("--set", "semantic_dedup.embedder=numpy:v.npy", "--set", "semantic_dedup.guard=false")
    command = ("clean", "raw.jsonl", "--out", "run", "--stages", "semantic_dedup", "--json", *settings)
    np.save(belle.folder / "v.npy", np.eye(10, dtype=np.float32))
    assert belle.here(*command).json()["rows_out"] == 10
    np.save(belle.folder / "v.npy", np.ones((10, 10), np.float16))
    assert belle.here(*command).json()["rows_out"] == 1
    assert "nothing changed" in belle.here(*command).err
    np.save(belle.folder / "v.npy", np.ones((9, 10), np.float16))
    refused = belle.here(*command)
    assert (refused.code, "the vectors of 9 rows" in refused.err) == (2, True)


@pytest.mark.parametrize("moment", range(4))
def test_kill_9_at_any_moment_leaves_what_a_second_run_finishes(belle: Shell, moment: int) -> None:
    many = [f"{prompt[:-1]}，请说得详细一些，第{number}次。" for number in range(500) for prompt in PROMPTS]
    belle.write("raw.jsonl", [{"instruction": prompt, "output": "好"} for prompt in many])
    command = (
        "clean",
        "raw.jsonl",
        "--out",
        "run",
        "--stages",
        "semantic_dedup",
        "--set",
        "semantic_dedup.guard=false",
    )
    process = subprocess.Popen(
        belle.command(*command), cwd=belle.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    vectors = belle.folder / "run" / "vectors" / ("vectors.json" if moment else "")
    for _ in range(6_000):
        if vectors.exists() or process.poll() is not None:
            break
        time.sleep(0.01)
    time.sleep(0.25 * moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = belle(*command, "--json")
    assert resumed.code == 0, resumed.err
    assert belle("clean", "raw.jsonl", "--out", "whole", *command[4:], "-q").code == 0
    assert result(belle.folder / "run") == result(belle.folder / "whole")
    for name in ("vectors.f32", "texts.bin"):
        run, whole = (belle.folder / run / "vectors" / name for run in ("run", "whole"))
        assert run.read_bytes() == whole.read_bytes()


def test_the_report_says_what_was_compared(finished: Shell) -> None:
    report = json.loads((finished.folder / "run" / "report.json").read_bytes())
    statistics = report["stages"][4]["statistics"]
    assert statistics["groups"] <= statistics["texts"]
    assert statistics["judged"] >= sum(statistics["refused"].values())
    assert {"number", "name"} <= statistics["refused"].keys()
    assert "statistics" in json.loads((finished.folder / "run" / "manifest.json").read_bytes())["stages"][-1]
