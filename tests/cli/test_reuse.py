"""What a second run takes from the first: the content of the input decides, not its times."""

from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from belle_data.pipeline import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

Rows = list[dict[str, Any]]
NOTHING = "nothing changed since the last run: its result is reported again\n"


def results(run: Path) -> dict[str, bytes]:
    """Everything but what says how a run went."""
    names = [path for path in run.rglob("*") if path.is_file() and path.parent.name != "work"]
    told = {"report.json", "report.html"}
    return {str(path.relative_to(run)): path.read_bytes() for path in names if path.name not in told}


def changed(path: Path) -> None:
    """A time of change that is another, whatever the clock of the file system."""
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 2_000_000_000))


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each batch that a stage is shown, by every stage."""
    seen: list[int] = []

    def watch(kind: Any) -> None:
        scan = kind.scan

        def watched(stage: Any, batch: Any) -> None:
            seen.append(batch.num_rows)
            scan(stage, batch)

        monkeypatch.setattr(kind, "scan", watched)

    for kind in STAGES:
        watch(kind)
    return seen


def test_a_touched_input_computes_nothing(belle: Shell, rows: Rows, scanned: list[int]) -> None:
    source = belle.write("raw.jsonl", rows)
    first = belle.here("clean", "raw.jsonl", "--json", "--out", "run").json()
    before, times = results(belle.folder / "run"), (belle.folder / "run" / "rows.parquet").stat().st_mtime_ns
    assert scanned == [7] * 4
    changed(source)
    again = belle.here("clean", "raw.jsonl", "--json", "--out", "run")
    assert (again.json(), again.err.endswith(NOTHING)) == (first, True)
    assert scanned == [7] * 4
    assert results(belle.folder / "run") == before
    assert (belle.folder / "run" / "rows.parquet").stat().st_mtime_ns == times
    # What was found is remembered: the third run need not even read.
    assert belle.here("clean", "raw.jsonl", "--json", "--out", "run").err == NOTHING
    assert "changed since the run" not in belle.here("explain", "run", "a").out


def test_a_copy_that_is_compressed_again_computes_nothing(belle: Shell, rows: Rows) -> None:
    data = belle.write("raw.jsonl", rows).read_bytes()
    packed = belle.folder / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(data, 9))
    assert belle.here("clean", "packed.jsonl.gz").code == 0
    packed.write_bytes(gzip.compress(data, 0))
    again = belle.here("clean", "packed.jsonl.gz", "--json")
    assert again.err.endswith(NOTHING)
    assert again.json()["inputs"][0]["size"] == packed.stat().st_size
    manifest = json.loads((belle.folder / "runs" / "packed" / "manifest.json").read_text())
    assert manifest["inputs"] == again.json()["inputs"]


@pytest.mark.parametrize("touched", [True, False])
def test_other_content_of_the_same_size_is_seen(belle: Shell, rows: Rows, scanned: list[int], touched: bool) -> None:
    """Also with the time of change that it had, as some copies have it, once something is left to do."""
    source = belle.write("raw.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    old = source.stat()
    source.write_bytes(source.read_bytes().replace("秋风起，落叶黄".encode(), "春风起，绿叶生".encode()))
    if touched:
        changed(source)
    else:
        os.utime(source, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert source.stat().st_size == old.st_size
    done = belle.here("clean", "raw.jsonl", "--out", "run", "--compress", "gz", "--json")
    assert [stage["reused"] for stage in done.json()["stages"]] == [False] * 6
    assert scanned == [7] * 8
    assert belle.here("clean", "raw.jsonl", "--out", "fresh", "--compress", "gz").code == 0
    assert results(belle.folder / "run") == results(belle.folder / "fresh")


def test_the_same_from_a_pipe_computes_nothing(belle: Shell, rows: Rows) -> None:
    data = belle.write("raw.jsonl", rows).read_bytes()
    first = belle("clean", "-", "--json", stdin=data)
    again = belle("clean", "-", "--json", stdin=data)
    assert again.err.endswith(NOTHING)
    assert again.json() == first.json()
    other = belle("clean", "-", "--json", stdin=data[data.index(b"\n") + 1 :])
    assert [stage["reused"] for stage in other.json()["stages"]] == [False] * 6


@pytest.mark.parametrize(
    "setting", [("--max-bad-lines", "5"), ("--limit", "100"), ("--format", "alpaca"), ("--threads", "1")]
)
def test_a_setting_that_changes_nothing_repeats_nothing(belle: Shell, rows: Rows, setting: tuple[str, str]) -> None:
    belle.write("raw.jsonl", [*rows, "{"])
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    done = belle.here("clean", "raw.jsonl", "--out", "run", *setting)
    assert done.err.endswith(NOTHING)
    assert belle.here("clean", "raw.jsonl", "--out", "fresh", *setting).code == 0
    assert results(belle.folder / "run") == results(belle.folder / "fresh")
    too_many = belle.here("clean", "raw.jsonl", "--out", "run", "--max-bad-lines", "0")
    assert "1 of 8 lines were rejected, 0 are allowed" in too_many.err


@pytest.mark.parametrize(
    "damage", ['"inputs": 5', '"stages": null', '"inputs": [{}]', '"recipe": []', '"stages": [{}]']
)
def test_a_manifest_that_makes_no_sense_is_made_again(belle: Shell, rows: Rows, damage: str) -> None:
    belle.write("raw.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    path = belle.folder / "run" / "manifest.json"
    whole = path.read_bytes()
    path.write_text(json.dumps({**json.loads(whole), **json.loads(f"{{{damage}}}")}))
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    assert path.read_bytes() == whole
