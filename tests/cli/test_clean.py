"""`clean` through the command line: what it leaves behind, what each flag does, and how a second run goes on."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
import zstandard
from tests.cli.conftest import EXAMPLE
from tests.end_to_end.runs import STAGE_FILES, results

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Shell

Rows = list[dict[str, Any]]


def test_summary_on_stdout_and_progress_on_stderr(belle: Shell, rows: Rows) -> None:
    rows[-1]["output"] = ""
    belle.write("raw.jsonl", rows)
    done = belle("clean", "raw.jsonl")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "runs/raw"
    assert lines[1].split() == ["rows", "in", "7"]
    removed = [line.split() for line in lines if line.split()[0] == "removed" and not line.endswith("nothing")]
    assert removed == [
        ["removed", "1", "14.29%", "rules:", "empty_answer"],
        ["removed", "1", "14.29%", "exact_dedup:", "same_text"],
        ["removed", "1", "14.29%", "near_dedup:", "near_duplicate"],
    ]
    assert lines[-2].split() == ["rows", "out", "4", "57.14%", "in", "1", "shard"]
    assert lines[-1].endswith("MiB of memory at most")
    steps = [line.partition(":")[0] for line in done.err.splitlines()]
    stages = ["normalise", "rules", "exact_dedup", "near_dedup", "embed", "semantic_dedup", "quality"]
    assert steps == ["read", *stages, "write"]


def test_the_run_folder_is_complete(belle: Shell, rows: Rows, kept_lines: Callable[[Path], list[bytes]]) -> None:
    rows[4]["output"] = ""
    rows[5]["output"] += " \r\n"
    source = belle.write("raw.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--out", "run", "-q").err == ""
    run = belle.folder / "run"
    ledger = pq.read_table(run / "rows.parquet").to_pylist()
    lines = source.read_bytes().splitlines()
    assert kept_lines(run) == [line for line, row in zip(lines, ledger, strict=True) if row["kept"]]
    assert [row["id"] for row in ledger] == ["a", "b", "c", "d", "raw.jsonl:5", "f", "g"]
    gone = {row["id"]: (row["stage"], row["reason"], row["kept_id"]) for row in ledger if not row["kept"]}
    assert {(stage, reason) for stage, reason, _ in gone.values()} == {
        ("rules", "empty_answer"), ("exact_dedup", "same_text"), ("near_dedup", "near_duplicate"),
    }  # fmt: skip
    assert gone.pop("raw.jsonl:5") == ("rules", "empty_answer", None)
    assert {frozenset((row_id, kept_id)) for row_id, (_, _, kept_id) in gone.items()} == {
        frozenset("ac"), frozenset("bd"),
    }  # fmt: skip
    assert sorted(path.name for path in (run / "stages").iterdir()) == sorted(STAGE_FILES)
    assert pq.read_table(run / "stages" / "normalise.changes.parquet")["row"].to_pylist() == [5]
    assert len(pq.read_table(run / "stages" / "rules.scores.parquet")) == 7
    assert (run / "rejected" / "rejected.jsonl").read_bytes() == b""
    assert json.loads((run / "manifest.json").read_text())["complete"] is True


def test_json_is_one_object_and_the_report(belle: Shell) -> None:
    done = belle("clean", EXAMPLE, "--json", "--out", "run", "-q")
    assert (done.code, done.err) == (0, "")
    report = done.json()
    assert report == json.loads((belle.folder / "run" / "report.json").read_text())
    removed = sum(count for stage in report["stages"] for count in stage["removed"].values())
    assert report["rows_in"] == report["rows_out"] + removed
    assert removed > 100
    assert report["rejected"] > 0
    assert report["rows_per_second"] > 0


def test_stages_and_settings(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)
    near = belle.here("clean", "raw.jsonl", "--stages", "near_dedup", "--json", "--out", "near").json()
    assert [stage["name"] for stage in near["stages"]] == ["near_dedup"]
    assert near["rows_out"] == 5
    texts = ("--stages", "normalise,rules,exact_dedup,near_dedup")
    strict = belle.here("clean", "raw.jsonl", "--set", "near_dedup.threshold=1", "--json", "--out", "strict", *texts)
    assert strict.json()["rows_out"] == 6
    whole = belle.here("clean", "raw.jsonl", "--set", "near_dedup.threshold=1", "--json", "--out", "whole").json()
    assert [stage["name"] for stage in whole["stages"]][-1] == "quality"
    assert whole["rows_out"] == 5
    none = belle.here("clean", "raw.jsonl", "--stages", "", "--json", "--out", "none").json()
    assert (none["rows_out"], none["stages"]) == (7, [])


def test_a_recipe_then_set_then_flags(belle: Shell, rows: Rows) -> None:
    """Each on top of the one before."""
    belle.write("raw.jsonl", rows)
    (belle.folder / "my.toml").write_text(
        'stages = ["near_dedup"]\n[input]\nlimit = 2\n[near_dedup]\nthreshold = 0.5\n'
    )
    plan = belle.here(
        "clean", "raw.jsonl", "--recipe", "my.toml", "--set", "near_dedup.threshold=0.6", "--set", "input.limit=3",
        "--limit", "4", "--dry-run", "--json",
    ).json()  # fmt: skip
    assert [stage["name"] for stage in plan["stages"]] == ["near_dedup"]
    assert plan["stages"][0]["settings"]["threshold"] == 0.6
    assert plan["input"]["limit"] == 4


def test_limit_and_shard_rows(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)
    report = belle.here("clean", "raw.jsonl", "--limit", "5", "--shard-rows", "2", "--json", "--out", "run").json()
    assert (report["rows_in"], report["shards"]) == (5, 2)
    sizes = [len(part.read_bytes().splitlines()) for part in sorted((belle.folder / "run" / "shards").iterdir())]
    assert sizes == [2, 1]


@pytest.mark.parametrize(
    ("kind", "ending", "opened"),
    [
        ("none", ".jsonl", bytes),
        ("gz", ".jsonl.gz", gzip.decompress),
        ("zst", ".jsonl.zst", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
    ],
)
def test_compress(belle: Shell, rows: Rows, kind: str, ending: str, opened: Callable[[bytes], bytes]) -> None:
    belle.write("raw.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--compress", kind, "--out", "run").code == 0
    part = belle.folder / "run" / "shards" / f"part-00000{ending}"
    assert len(opened(part.read_bytes()).splitlines()) == 5


def test_to_another_format(belle: Shell, rows: Rows, kept_lines: Callable[[Path], list[bytes]]) -> None:
    belle.write("raw.jsonl", rows)
    for form, key in [("sharegpt", "conversations"), ("messages", "messages"), ("alpaca", "instruction")]:
        assert belle.here("clean", "raw.jsonl", "--to", form, "--out", form).code == 0
        assert all(key in json.loads(line) for line in kept_lines(belle.folder / form))
    assert json.loads(kept_lines(belle.folder / "messages")[-1])["messages"][-1]["content"] == "秋风起，落叶黄。"


def test_format_is_obeyed(belle: Shell) -> None:
    belle.write("raw.jsonl", ['{"text": "你好", "instruction": "问", "output": "答"}'])
    assert belle.here("clean", "raw.jsonl", "--format", "text", "--to", "messages", "--out", "run").code == 0
    assert (
        json.loads((belle.folder / "run" / "shards" / "part-00000.jsonl").read_text())["messages"][0]["content"]
        == "你好"
    )


def test_bad_lines(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", [*rows, "{broken", "[]"])
    done = belle.here("clean", "raw.jsonl", "--json", "--out", "run")
    assert (done.code, done.json()["rejected"]) == (0, 2)
    rejected = [json.loads(line) for line in (belle.folder / "run" / "rejected" / "rejected.jsonl").open()]
    assert [(line["file"], line["line"]) for line in rejected] == [("raw.jsonl", 8), ("raw.jsonl", 9)]
    failed = belle.here("clean", "raw.jsonl", "--max-bad-lines", "1", "--out", "other")
    assert (failed.code, failed.out) == (2, "")
    assert "2 of 9 lines were rejected, 1 are allowed" in failed.err
    assert "hint: see other/rejected/rejected.jsonl" in failed.err


@pytest.mark.parametrize("size", ["300", "0.3kB", "300 B"])
def test_max_line_bytes_takes_units(belle: Shell, rows: Rows, size: str) -> None:
    belle.write("raw.jsonl", [*rows, {"instruction": "长" * 100, "output": "答"}])
    report = belle.here("clean", "raw.jsonl", "--max-line-bytes", size, "--json", "--out", "run").json()
    assert report["rejected"] == 1


@pytest.mark.parametrize("name", ["empty.jsonl", "blank.jsonl"])
def test_an_input_without_a_row(belle: Shell, name: str) -> None:
    (belle.folder / name).write_text("" if name == "empty.jsonl" else "\n \n")
    done = belle("clean", name)
    assert (done.code, done.out) == (2, "")
    assert f"error: {name} (byte 0): there is no row in the input" in done.err


def test_input_from_a_pipe_is_read_once(belle: Shell, rows: Rows) -> None:
    """Also with -v, which shows the plan: nothing may look at the pipe before the run does."""
    source = belle.write("raw.jsonl", rows)
    done = belle("clean", "-", "-v", "--json", "--out", "run", stdin=source.read_bytes())
    assert done.json()["rows_in"] == 7
    assert "threshold = 0.8" in done.err
    assert "0.80 0.999" in done.err


def test_dry_run_writes_nothing(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)
    (belle.folder / "rows.json").write_text(json.dumps(rows))
    with gzip.open(belle.folder / "packed.jsonl.gz", "wb") as file:
        file.write(b'{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hi"}]}\n')
    before = sorted(path.name for path in belle.folder.rglob("*"))
    inputs = ["raw.jsonl", "rows.json", "packed.jsonl.gz"]
    done = belle("clean", *inputs, "--dry-run", "--json", "--set", "near_dedup.target_recall=0.9999")
    assert (done.code, done.err) == (0, "")
    plan = done.json()
    found = [(one["name"], one["kind"], one["compression"], one["format"]) for one in plan["inputs"]]
    assert found == [
        ("raw.jsonl", "jsonl", "none", "alpaca"),
        ("rows.json", "json_array", "none", "alpaca"),
        ("packed.jsonl.gz", "jsonl", "gzip", "messages"),
    ]
    assert plan["inputs"][0]["size"] == (belle.folder / "raw.jsonl").stat().st_size
    assert [stage["name"] for stage in plan["stages"]] == [
        "normalise", "rules", "exact_dedup", "near_dedup", "semantic_dedup", "quality",
    ]  # fmt: skip
    near = plan["stages"][3]
    assert near["derived"] == ["bands", "rows_per_band"]
    bands, width = near["settings"]["bands"], near["settings"]["rows_per_band"]
    assert dict(map(tuple, near["candidate_curve"]))[0.8] == pytest.approx(1 - (1 - 0.8**width) ** bands)
    assert dict(map(tuple, near["candidate_curve"]))[0.8] >= 0.9999
    estimate = plan["stages"][4]["estimate"]
    # As many prompts as rows at most; how many a compressed file has is not known.
    assert (estimate["rows_at_most"], estimate["rows"], estimate["cost"]) == (None, 1_000_000, None)
    assert 10 < estimate["seconds"] < 100_000
    assert 1 << 29 < estimate["memory_bytes"] < 1 << 33
    assert estimate["disk_bytes"] >= 1_000_000 * 512 * 4
    known = belle.here("clean", "raw.jsonl", "--dry-run", "--json").json()["stages"][4]["estimate"]
    assert known["rows_at_most"] == 7
    assert plan["output"]["folder"] == "runs/raw"
    text = belle("clean", *inputs, "--dry-run")
    assert text.code == 0
    assert "packed.jsonl.gz: 107 B, jsonl, gzip, format messages" in text.out or "gzip, format messages" in text.out
    assert "folder: runs/raw (holds nothing)" in text.out
    assert "for 1,000,000 different prompts: about" in text.out
    assert sorted(path.name for path in belle.folder.rglob("*")) == before


def test_dry_run_says_what_the_folder_holds(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)
    belle.write("other.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    assert "(holds a run over this input)" in belle.here("clean", "raw.jsonl", "--out", "run", "--dry-run").out
    assert "(holds a run over other input)" in belle.here("clean", "other.jsonl", "--out", "run", "--dry-run").out


def test_the_same_command_again_does_nothing(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)
    first = belle("clean", "raw.jsonl", "--json")
    again = belle("clean", "raw.jsonl", "--json")
    assert again.json() == first.json()
    assert again.err == "nothing changed since the last run: its result is reported again\n"
    forced = belle("clean", "raw.jsonl", "--json", "--force")
    assert [stage["reused"] for stage in forced.json()["stages"]] == [False] * 6


def test_a_changed_recipe_repeats_what_depends_on_it(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)

    def reused(*arguments: str) -> list[bool]:
        return [stage["reused"] for stage in belle.here("clean", "raw.jsonl", "--json", *arguments).json()["stages"]]

    assert reused() == [False] * 6
    assert reused("--set", "semantic_dedup.threshold=0.9") == [True, True, True, True, False, False]
    assert reused("--set", "near_dedup.threshold=0.9") == [True, True, True, False, False, False]
    assert reused("--set", "near_dedup.threshold=0.9", "--compress", "gz") == [True] * 6
    assert reused("--set", "exact_dedup.field=prompt") == [True, True, False, False, False, False]
    assert reused("--set", "rules.refusal=off") == [True, False, False, False, False, False]
    assert reused("--set", "normalise.width=true") == [False] * 6
    assert sorted(path.name for path in (belle.folder / "runs" / "raw" / "shards").iterdir()) == ["part-00000.jsonl"]


def test_other_input_needs_force(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)
    belle.write("other.jsonl", rows[:3])
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    refused = belle.here("clean", "other.jsonl", "--out", "run")
    assert refused.code == 2
    assert "the folder belongs to a run over other input (raw.jsonl)" in refused.err
    assert belle.here("clean", "other.jsonl", "--out", "run", "--force", "--json").json()["rows_in"] == 3


def test_a_second_run_at_the_same_time_stops(belle: Shell, rows: Rows) -> None:
    """The first one waits at a pipe that nobody has finished writing."""
    os.mkfifo(belle.folder / "pipe.jsonl")
    belle.write("raw.jsonl", rows)
    first = subprocess.Popen(belle.command("clean", "pipe.jsonl", "--out", "run", "-q"), cwd=belle.folder)
    try:
        with (belle.folder / "pipe.jsonl").open("wb") as pipe:
            # More than is looked at before the folder is locked.
            pipe.write((json.dumps(rows[0], ensure_ascii=False).encode() + b"\n") * 1000)
            pipe.flush()
            _wait_for(belle.folder / "run" / ".lock")
            second = belle("clean", "raw.jsonl", "--out", "run")
    finally:
        code = first.wait(60)
    assert second.code == 2
    assert "error: run: another run is at work in this folder" in second.err
    assert "\nhint: " in second.err
    assert code == 0


@pytest.mark.parametrize("name", ["auto", "avx512", "avx2", "baseline"])
def test_instruction_sets_give_the_same_bytes(
    belle: Shell, kept_lines: Callable[[Path], list[bytes]], name: str
) -> None:
    done = belle.here("clean", EXAMPLE, "--instruction-set", name, "--threads", "1", "--out", "run")
    if done.code == 2:
        assert f"this processor has no {name}" in done.err
        assert "hint: this processor has baseline" in done.err
        return
    assert belle.here("clean", EXAMPLE, "--out", "plain").code == 0
    assert kept_lines(belle.folder / "run") == kept_lines(belle.folder / "plain")


def _wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} does not appear"
        time.sleep(0.01)


def _many_rows(path: Path, count: int) -> None:
    """Rows of about 400 bytes, a third of them near to another one."""
    words = "春夏秋冬风花雪月山水云雨江河湖海天地日月星辰东西南北金木水火土人口手足耳目心言语文字书画琴棋诗酒茶"
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            base = number - number % 3
            output = "".join(
                words[(base * 31 + place * place * 7 + base // (place + 1)) % len(words)] for place in range(110)
            )
            row = {"id": str(number), "instruction": f"第{base}个问题", "input": "", "output": f"{output}{number}"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


@pytest.mark.parametrize(
    ("count", "within"),
    [(60_000, 3.0), pytest.param(500_000, 3.0, marks=pytest.mark.slow)],
)
def test_ctrl_c_ends_at_once_and_the_same_command_goes_on(belle: Shell, count: int, within: float) -> None:
    """A second is promised; the test grants more, for machines that do other things too."""
    _many_rows(belle.folder / "raw.jsonl", count)
    # To embed so many prompts takes minutes: the next test interrupts that.
    stages = ("--stages", "normalise,rules,exact_dedup,near_dedup,quality")
    for after in (".lock", "work/inputs.json", "manifest.json", "stages/near_dedup.parquet"):
        process = subprocess.Popen(
            belle.command("clean", "raw.jsonl", "--out", "run", *stages),
            cwd=belle.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        _wait_for(belle.folder / "run" / after)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert time.monotonic() - began < within
        assert out == ""
        assert err.splitlines()[-1] == "interrupted: the same command goes on where this one ended"
        assert "Traceback" not in err
    resumed = belle("clean", "raw.jsonl", "--out", "run", *stages, "--json").json()
    # The manifest appears with the first finished stage in it.
    assert resumed["stages"][0]["reused"]
    assert resumed["rows_out"] < resumed["rows_in"] * 0.9
    assert belle("clean", "raw.jsonl", "--out", "whole", *stages).code == 0
    whole = results(belle.folder / "whole")
    assert results(belle.folder / "run") == whole
    assert {f"stages/{name}" for name in STAGE_FILES if not name.startswith("semantic_dedup")} < whole.keys()


def test_ctrl_c_while_prompts_are_embedded_loses_none_that_are_done(belle: Shell) -> None:
    _many_rows(belle.folder / "raw.jsonl", 60_000)
    command = ("clean", "raw.jsonl", "--out", "run", "--stages", "semantic_dedup")
    process = subprocess.Popen(
        belle.command(*command), cwd=belle.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    vectors = belle.folder / "run" / "vectors" / "vectors.f32"
    _wait_for(vectors)
    while vectors.stat().st_size == 0:
        time.sleep(0.01)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert time.monotonic() - began < 3.0
    assert (out, err.splitlines()[-1]) == ("", "interrupted: the same command goes on where this one ended")
    done = vectors.stat().st_size
    assert 0 < done < 20_000 * 2048
    # A torn vector is cut off, and a damaged one is made anew.
    with vectors.open("r+b") as file:
        file.seek(5_000)
        file.write(b"damage")
        file.seek(0, 2)
        file.write(b"half")
    assert belle(*command, "--limit", "20000", "-q").code == 0
    assert belle("clean", "raw.jsonl", "--out", "whole", *command[4:], "--limit", "20000", "-q").code == 0
    assert results(belle.folder / "run") == results(belle.folder / "whole")


@pytest.mark.parametrize("missing", ["sched_getaffinity", "both"])
def test_a_system_that_does_not_say_which_processors_are_ours(
    belle: Shell, rows: Rows, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """As macOS does not."""
    belle.write("raw.jsonl", rows)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None if missing == "both" else 3)
    done = belle.here("clean", "raw.jsonl", "--json", "-q")
    assert (done.code, done.err) == (0, "")
    assert done.json()["threads"] == (1 if missing == "both" else 3)
