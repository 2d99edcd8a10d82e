"""What a second run over the same folder computes again, and what it does not."""

import fcntl
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.runs import (
    STAGE_FILES,
    cleaned,
    kept_rows,
    kill_group,
    ledger,
    results,
    run_clean,
    start_clean,
    temporary_files,
)

from belle_data.engine.run_folder import LOCK_MARK

NAMES = ["normalise", "rules", "exact_dedup", "near_dedup", "semantic_dedup", "quality"]
ALL = dict.fromkeys(NAMES, True)
NONE = dict.fromkeys(NAMES, False)


def all_before(stage: str) -> dict[str, bool]:
    """A decision rests on those before it."""
    return {name: NAMES.index(name) < NAMES.index(stage) for name in NAMES}


def reused(report: dict[str, Any]) -> dict[str, bool]:
    return {stage["name"]: stage["reused"] for stage in report["stages"]}


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that nobody may change."""
    out = tmp_path_factory.mktemp("finished") / "out"
    assert reused(cleaned(corpus, out=out)) == NONE
    return out


@pytest.fixture
def first(finished: Path, tmp_path: Path) -> Path:
    """A finished run."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def test_a_stage_that_finished_before_the_kill_is_not_repeated(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start_clean(corpus, "--out", out)
    manifest = out / "manifest.json"
    while process.poll() is None and not manifest.exists():
        time.sleep(0.0005)
    assert kill_group(process)
    done = json.loads(manifest.read_text(encoding="utf-8"))
    names = [stage["name"] for stage in done["stages"]]
    assert 1 <= len(names) <= len(NAMES)
    assert names == NAMES[: len(names)]
    assert reused(cleaned(corpus, out=out)) == {name: name in names for name in NAMES}
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert reused(report)["normalise"]


def test_the_same_command_again_computes_nothing(corpus: Path, first: Path) -> None:
    before = results(first)
    times = {path: path.stat().st_mtime_ns for path in (first / "shards").iterdir()}
    cleaned(corpus, out=first)
    assert results(first) == before
    assert {path: path.stat().st_mtime_ns for path in (first / "shards").iterdir()} == times


@pytest.mark.parametrize(
    ("stage", "setting"),
    [
        ("near_dedup", "threshold=0.97"),
        ("exact_dedup", "field=prompt"),
        ("rules", "refusal=off"),
        ("rules", "short_answer=60"),
        ("normalise", "trailing_blanks=false"),
        ("normalise", "apply=text"),
    ],
)
def test_a_changed_setting_repeats_its_stage_and_those_that_follow(
    corpus: Path, first: Path, tmp_path: Path, stage: str, setting: str
) -> None:
    before = kept_rows(first), results(first)["rows.parquet"]
    change = ("--set", f"{stage}.{setting}")
    assert reused(cleaned(corpus, *change, out=first)) == all_before(stage)
    # A later stage may take what an earlier one took before: then only the ledger shows it.
    assert (kept_rows(first), results(first)["rows.parquet"]) != before
    cleaned(corpus, *change, out=tmp_path / "fresh")
    assert results(first) == results(tmp_path / "fresh")


def test_a_setting_and_back_again(corpus: Path, first: Path, finished: Path) -> None:
    cleaned(corpus, "--set", "rules.refusal=off", out=first)
    assert reused(cleaned(corpus, out=first)) == all_before("rules")
    assert results(first) == results(finished)


def test_changed_output_repeats_no_stage(corpus: Path, first: Path, tmp_path: Path) -> None:
    changed = ("--shard-rows", "5000", "--compress", "gz", "--to", "sharegpt")
    assert reused(cleaned(corpus, *changed, out=first)) == ALL
    cleaned(corpus, *changed, out=tmp_path / "fresh")
    assert results(first) == results(tmp_path / "fresh")


@pytest.mark.parametrize("without", NAMES)
def test_a_stage_that_is_left_out_leaves_nothing_behind(
    corpus: Path, first: Path, tmp_path: Path, without: str
) -> None:
    names = [name for name in NAMES if name != without]
    report = cleaned(corpus, "--stages", ",".join(names), out=first)
    assert reused(report) == {name: all_before(without)[name] for name in names}
    files = {path.name for path in (first / "stages").iterdir()}
    assert files == {name for name in STAGE_FILES if name.split(".")[0] != without}
    cleaned(corpus, "--stages", ",".join(names), out=tmp_path / "fresh")
    assert results(first) == results(tmp_path / "fresh")


def test_every_file_of_stages_is_known_and_in_the_manifest(first: Path) -> None:
    """A file that nobody names is never looked at, and never removed."""
    manifest = json.loads((first / "manifest.json").read_text(encoding="utf-8"))
    assert {name for stage in manifest["stages"] for name in stage["files"]} == set(STAGE_FILES)
    assert all(name.split(".")[0] == stage["name"] for stage in manifest["stages"] for name in stage["files"])
    assert {path.name for path in (first / "stages").iterdir()} == set(STAGE_FILES)


def test_no_stage_at_all(corpus: Path, first: Path, tmp_path: Path) -> None:
    report = cleaned(corpus, "--stages", "", out=first)
    assert report["stages"] == []
    assert report["rows_out"] == report["rows_in"] == len(kept_rows(first)) == 5_000
    cleaned(corpus, "--stages", "", out=tmp_path / "fresh")
    assert results(first) == results(tmp_path / "fresh")


def test_stale_shards_disappear(corpus: Path, first: Path) -> None:
    cleaned(corpus, "--shard-rows", "50", out=first)
    many = len(list((first / "shards").iterdir()))
    assert many > 20
    cleaned(corpus, "--shard-rows", "10000", out=first)
    assert 1 <= len(list((first / "shards").iterdir())) < 5


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, damage) for name in STAGE_FILES for damage in ("changed", "gone")),
        *((f"{name}.parquet", "cut") for name in NAMES),
    ],
)
def test_a_damaged_decision_is_computed_again(corpus: Path, first: Path, name: str, damage: str) -> None:
    before = results(first)
    path = first / "stages" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    (first / "rows.parquet").unlink()
    assert reused(cleaned(corpus, out=first)) == all_before(name.split(".", maxsplit=1)[0])
    assert results(first) == before


@pytest.mark.parametrize(
    "name", ["rows.parquet", "report.json", "manifest.json", "shards/part-00000.jsonl", "work/inputs.json"]
)
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_result_is_made_again(corpus: Path, first: Path, name: str, damage: str) -> None:
    before = results(first)
    path = first / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    cleaned(corpus, out=first)
    assert results(first) == before


def test_a_changed_input_repeats_everything(corpus: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "raw.jsonl", tmp_path / "out"
    source.write_bytes(corpus.read_bytes())
    cleaned(source, out=out)
    lines = corpus.read_bytes().splitlines(keepends=True)
    source.write_bytes(b"".join(lines[5_000:]))
    assert reused(cleaned(source, out=out)) == NONE
    changed = results(out)
    cleaned(source, "--force", out=out)
    assert results(out) == changed


def test_an_input_that_changed_before_a_kill_is_not_taken_for_the_old_one(corpus: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "raw.jsonl", tmp_path / "out"
    source.write_bytes(corpus.read_bytes())
    cleaned(source, out=out)
    stale = (out / "work" / "inputs.json").read_bytes()
    lines = corpus.read_bytes().splitlines(keepends=True)
    source.write_bytes(b"".join(lines[5_000:]))
    process = start_clean(source, "--out", out)
    while process.poll() is None and (out / "work" / "inputs.json").read_bytes() == stale:
        time.sleep(0.0005)
    assert kill_group(process)
    report = cleaned(source, out=out)
    assert (
        report["rows_in"]
        == len(ledger(out))
        == sum(line.startswith(b'{"id"') and line.endswith(b'"}\n') for line in lines[5_000:])
    )


def test_temporary_files_of_a_killed_run_disappear(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start_clean(corpus, "--out", out, "--shard-rows", "100")
    while process.poll() is None and not any(out.glob("shards/*.tmp")):
        time.sleep(0.0005)
    kill_group(process)
    for name in (
        "shards/part-99999.jsonl.tmp",
        "stages/gone.parquet.tmp",
        "stages/rules.scores.parquet.tmp",
        "manifest.json.tmp",
        "report.json.tmp",
        "rows.parquet.tmp",
        "rejected/rejected.jsonl.tmp",
        "work/inputs.json.tmp",
        "work/source-0.jsonl.tmp",
    ):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(b"half")
    cleaned(corpus, out=out)
    assert temporary_files(out) == []
    assert not (out / "stages" / "gone.parquet").exists()


def test_two_runs_at_once(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".lock").write_bytes(LOCK_MARK)
    with (out / ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = run_clean(corpus, "--out", out)
    assert done.code == 2
    assert len(done.errors()) == 1
    assert "another run is at work" in done.err
    assert [path.name for path in out.iterdir()] == [".lock"]


def test_a_second_process_is_kept_out_and_does_no_harm(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start_clean(corpus, "--out", out)
    while process.poll() is None and not (out / "rejected").exists():
        time.sleep(0.0005)
    os.killpg(process.pid, signal.SIGSTOP)
    done = run_clean(corpus, "--out", out)
    os.killpg(process.pid, signal.SIGCONT)
    assert done.code == 2
    assert "another run is at work" in done.err
    assert process.wait() == 0
    cleaned(corpus, out=tmp_path / "alone")
    assert results(out) == results(tmp_path / "alone")


def test_the_lock_of_a_killed_run_is_free(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start_clean(corpus, "--out", out)
    while process.poll() is None and not (out / "rejected").exists():
        time.sleep(0.0005)
    assert kill_group(process)
    assert (out / ".lock").exists()
    assert run_clean(corpus, "--out", out).code == 0


def test_another_input_is_refused(corpus: Path, first: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "一行"}\n', encoding="utf-8")
    before = results(first)
    done = run_clean(other, "--out", first)
    assert (done.code, len(done.errors())) == (2, 1)
    assert "belongs to a run over other input" in done.err
    assert results(first) == before
    assert cleaned(other, "--force", out=first)["rows_in"] == 1
    assert corpus.exists()


def test_a_folder_of_something_else_is_refused(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    done = run_clean(corpus, "--out", tmp_path / "out")
    assert (done.code, len(done.errors())) == (2, 1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]
