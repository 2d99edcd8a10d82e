"""What a run may do to a folder: it never touches what a run did not write, and leaves nothing useless behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from belle_data.engine.run_folder import LOCK_MARK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

Rows = list[dict[str, Any]]

OURS = (
    "shards/part-00000.jsonl",
    "rows.parquet",
    "report.json",
    "stages/near_dedup.parquet",
    "rejected/rejected.jsonl",
)
NOT_OURS = (
    "shards/weights.bin",
    "shards/part-1.jsonl",
    "shards/notes.tmp",
    "stages/photo.parquet",
    "stages/near_dedup.parquet.bak",
    "rejected/mine.txt",
    "work/thesis.tex",
    "work/figures/a.png",
    "thesis.tmp",
)


def plant(folder: Path, names: dict[str, bytes]) -> None:
    for name, data in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "planted",
    [
        {"shards/part-00000.jsonl": b"mine"},
        {"stages/near_dedup.parquet": b"mine"},
        {"shards/weights.bin": b"mine"},
        {"work/inputs.json": b"{}"},
        {"rejected/rejected.jsonl": b"mine"},
        {"rows.parquet": b"mine"},
        {".lock": b""},
        {".lock": b"another tool"},
        {".lock": b"", "shards/weights.bin": b"mine"},
        {"manifest.json": b'{"layout": "wide", "name": "an extension of a browser"}', "shards/a": b"mine"},
        {"manifest.json": b"not JSON"},
        {"manifest.json": b"[" * 100_000},
        {"thesis.txt": b"mine"},
    ],
    ids="+".join,
)
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_a_folder_that_is_not_surely_ours_is_left_alone(
    belle: Shell, rows: Rows, planted: dict[str, bytes], force: tuple[str, ...]
) -> None:
    belle.write("raw.jsonl", rows)
    plant(belle.folder / "mine", planted)
    done = belle.here("clean", "raw.jsonl", "--out", "mine", *force)
    assert (done.code, done.out) == (2, "")
    assert "mine: the folder holds files that are not a run's: " in done.err
    assert "hint: name an empty folder with --out" in done.err
    assert files(belle.folder / "mine") == planted
    dry = belle.here("clean", "raw.jsonl", "--out", "mine", "--dry-run")
    assert "(holds files that are not a run's: the run would stop)" in dry.out


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_only_files_with_names_of_a_run_are_removed(belle: Shell, rows: Rows, force: tuple[str, ...]) -> None:
    belle.write("raw.jsonl", rows)
    run = belle.folder / "run"
    assert belle.here("clean", "raw.jsonl", "--out", "run", "--shard-rows", "1").code == 0
    mine = dict.fromkeys(NOT_OURS, b"mine")
    plant(run, mine)
    half = dict.fromkeys(
        ("shards/part-00009.jsonl.gz.tmp", "stages/old.parquet.tmp", "work/source-0.jsonl.tmp"), b"half"
    )
    plant(run, half)
    assert belle.here("clean", "raw.jsonl", "--out", "run", *force).code == 0
    after = files(run)
    assert {name: after[name] for name in NOT_OURS} == mine
    assert not half.keys() & after.keys()
    assert [name for name in after if name.startswith("shards/part-0")] == ["shards/part-00000.jsonl"]


@pytest.mark.parametrize("name", ["shards", "stages", "rejected", "work"])
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_a_link_leads_to_no_deletion_elsewhere(belle: Shell, rows: Rows, name: str, force: tuple[str, ...]) -> None:
    belle.write("raw.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    precious = dict.fromkeys(("part-00007.jsonl", "near_dedup.parquet", "rejected.jsonl", "inputs.json"), b"precious")
    plant(belle.folder / "elsewhere", precious)
    for path in (belle.folder / "run" / name).iterdir():
        path.unlink()
    (belle.folder / "run" / name).rmdir()
    (belle.folder / "run" / name).symlink_to(belle.folder / "elsewhere")
    done = belle.here("clean", "raw.jsonl", "--out", "run", *force)
    assert (done.code, done.out) == (2, "")
    assert f"run/{name}: the path is a symbolic link" in done.err
    assert files(belle.folder / "elsewhere") == precious


def test_a_lock_that_is_a_link_is_not_written_to(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    plant(belle.folder, {"precious": b""})
    (belle.folder / "run" / ".lock").unlink()
    (belle.folder / "run" / ".lock").symlink_to(belle.folder / "precious")
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 2
    assert (belle.folder / "precious").read_bytes() == b""


@pytest.mark.parametrize(
    "left",
    [
        {".belle_data-17-4.tmp": b""},
        {".belle_data-17-4.tmp": LOCK_MARK},
        {".lock": LOCK_MARK, ".belle_data-17-4.tmp": LOCK_MARK},
        {".lock": LOCK_MARK},
        {".lock": LOCK_MARK, "rejected/rejected.jsonl.tmp": b"", "work/source-0.jsonl.tmp": b"half"},
        {".lock": LOCK_MARK, "rejected/rejected.jsonl": b"", "work/inputs.json": b"{}", "manifest.json.tmp": b"{"},
        {".lock": LOCK_MARK, "manifest.json": b"{", "shards/part-00000.jsonl": b"old"},
    ],
    ids="+".join,
)
def test_what_a_killed_run_leaves_is_gone_on_with(belle: Shell, rows: Rows, left: dict[str, bytes]) -> None:
    belle.write("raw.jsonl", rows)
    plant(belle.folder / "run", left)
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    assert belle.here("clean", "raw.jsonl", "--out", "whole").code == 0
    run, whole = files(belle.folder / "run"), files(belle.folder / "whole")
    assert run.keys() == whole.keys()
    assert {name: run[name] for name in OURS if name != "report.json"} == {
        name: whole[name] for name in OURS if name != "report.json"
    }


def test_a_finished_run_with_an_empty_lock_is_still_a_run(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--out", "run").code == 0
    (belle.folder / "run" / ".lock").write_bytes(b"")
    assert belle.here("clean", "raw.jsonl", "--out", "run", "--force").code == 0
    assert (belle.folder / "run" / ".lock").read_bytes() == LOCK_MARK


@pytest.mark.parametrize(
    ("name", "data", "arguments"),
    [
        ("empty.jsonl", b"", ()),
        ("blank.jsonl", b"\n \n", ()),
        ("broken.jsonl.gz", b"\x1f\x8b\x08\x00", ()),
        ("raw.jsonl", b'{"text": "a"}\n', ("--threads", "0")),
        ("raw.jsonl", b'{"text": "a"}\n', ("--instruction-set", "mmx")),
    ],
)
def test_a_failed_run_leaves_no_folder_behind(belle: Shell, name: str, data: bytes, arguments: tuple[str, ...]) -> None:
    plant(belle.folder, {name: data})
    assert belle.here("clean", name, *arguments).code == 2
    assert [path.name for path in belle.folder.iterdir()] == [name]
    (belle.folder / "mine").mkdir()
    assert belle.here("clean", name, "--out", "mine/deep/run", *arguments).code == 2
    assert [path.name for path in (belle.folder / "mine").iterdir()] == []
    assert belle.here("clean", name, "--out", "mine", *arguments).code == 2
    assert (belle.folder / "mine").is_dir()


def test_a_failed_run_leaves_what_is_of_use(belle: Shell, rows: Rows) -> None:
    """The rejected lines, which the message names, and other runs beside it."""
    belle.write("raw.jsonl", rows)
    belle.write("bad.jsonl", ["{"] * 3)
    (belle.folder / "empty.jsonl").write_bytes(b"")
    assert belle.here("clean", "bad.jsonl").code == 2
    lines = (belle.folder / "runs" / "bad" / "rejected" / "rejected.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in lines] == [1, 2, 3]
    assert belle.here("clean", "raw.jsonl").code == 0
    assert belle.here("clean", "empty.jsonl").code == 2
    assert sorted(path.name for path in (belle.folder / "runs").iterdir()) == ["bad", "raw"]


def test_what_a_run_wrote_is_no_input(belle: Shell, rows: Rows) -> None:
    """A second run over the same folder must not read the first one's shards, copies and rejected lines as data."""
    (belle.folder / "data").mkdir()
    belle.write("data/raw.jsonl", rows)
    for run in ("data/runs/one", "data/runs/two"):
        report = belle.here("clean", "data", "--out", run, "--json").json()
        assert [one["name"] for one in report["inputs"]] == ["data/raw.jsonl"]
    found = belle.here("clean", "data/**/*.jsonl", "--out", "three", "--json").json()
    assert [one["name"] for one in found["inputs"]] == ["data/raw.jsonl"]
    again = belle.here("clean", "data/runs/one/shards", "--out", "four", "--json").json()
    assert again["rows_in"] == again["rows_out"] == 5
    named = belle.here("clean", "data/runs/one", "--out", "five")
    assert named.code == 2
    assert named.err == (
        "error: data/runs/one: the folder is that of a run, not of data\n"
        "hint: to clean the rows that it kept, name data/runs/one/shards\n"
    )
    nothing = belle.here("clean", "data/runs", "--out", "five")
    assert (nothing.code, "data/runs: the folder holds no data" in nothing.err) == (2, True)


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_a_file_where_the_folder_must_be(belle: Shell, rows: Rows, out: str) -> None:
    belle.write("raw.jsonl", rows)
    plant(belle.folder, {"taken": b"mine"})
    done = belle.here("clean", "raw.jsonl", "--out", out)
    assert done.code == 2
    assert "hint: there is a file where a folder must be: name another folder with --out" in done.err
    assert files(belle.folder).keys() == {"raw.jsonl", "taken"}
