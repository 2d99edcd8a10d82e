"""Input that is wrong, broken or meant to do harm, through the command line.

Whatever the input is, there is an exit code, at most one message, no traceback, and every line is accounted for.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.end_to_end.runs import Finished, clean_command, kept_bytes, ledger, rejected, run_clean
from tests.hostile.cases import CASES, ROWS, Hostile


def clear(done: Finished, code: int) -> None:
    """Check what holds for every command: the code, at most one message, no traceback, no escapes for a terminal."""
    said = done.out + done.err
    assert done.code == code, said
    assert "Traceback" not in said
    assert "panicked" not in said
    assert "not expected to happen" not in said
    assert "\x1b" not in said
    assert len(done.errors()) == (0 if code == 0 else 1), said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_input(case: Hostile, tmp_path: Path) -> None:
    path, out = tmp_path / case.file, tmp_path / "out"
    path.write_bytes(case.data)
    done = run_clean(path, "--out", out, "--json", *case.arguments)
    if case.error or (not case.rows and not case.reasons):
        clear(done, 2)
        assert re.search(case.error, done.err), done.err
        assert path.name in done.errors()[0]
        assert not (out / "manifest.json").exists() or not list((out / "shards").glob("*"))
        return
    clear(done, 0)
    report = json.loads(done.out)
    lines = report["inputs"][0]["lines"]
    assert report["rows_in"] == len(ledger(out)) == case.rows
    assert report["rows_in"] + report["rejected"] + case.blank == lines
    assert lines == case.data.count(b"\n") + (not case.data.endswith(b"\n"))
    assert report["rows_in"] - report["rows_out"] == case.removed
    entries = rejected(out)
    assert [entry["reason"] for entry in entries] == list(case.reasons)
    stripped = case.data.removeprefix(b"\xef\xbb\xbf")
    wanted = [one.strip(b" \t\r") for one in stripped.split(b"\n")]
    for one in kept_bytes(out).split(b"\n")[:-1]:
        assert one in wanted
    for entry in entries:
        bad = case.data[entry["byte"] :].split(b"\n")[0]
        assert len(bad) >= entry["length"]
        assert case.data.split(b"\n")[entry["line"] - 1].strip(b" \t\r") == bad[: entry["length"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.jsonl"], "no such file"),
        (["*.jsonl"], "no file matches"),
        (["empty"], "the folder holds no data"),
        ([""], "an input is empty"),
        (["raw.jsonl", "nothing.jsonl"], "no such file"),
        (["ftp-of-no-kind://host/file"], "protocol"),
        (["raw.txt", "--out", "raw.txt/below"], "cannot write here"),
        (["raw.txt", "--out", "raw.txt"], "cannot write here"),
        (["raw.txt", "--threads", "0"], "threads must be 1 to 1024"),
        (["raw.txt", "--limit", "0"], "limit"),
        (["raw.txt", "--stages", "no_such_stage"], "unknown stage"),
        (["raw.txt", "--set", "near_dedup.threshold=2"], "threshold"),
        (["raw.txt", "--set", "near_dedup.thresold=0.8"], "thresold"),
        (["raw.txt", "--recipe", "nothing.toml"], "recipe cannot be read"),
        (["raw.txt", "--format", "xml"], "format"),
        (["raw.txt", "--no-such-flag"], "unknown option"),
        ([], "inputs?|INPUT|required"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "raw.txt").write_bytes(ROWS)
    done = run_clean(*arguments, cwd=tmp_path)
    clear(done, 2)
    assert re.search(message, done.err), done.err
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("part-*"))


def test_a_line_above_the_limit_is_rejected_and_does_not_fill_the_memory(tmp_path: Path) -> None:
    path, out = tmp_path / "raw.jsonl", tmp_path / "out"
    with path.open("wb") as file:
        file.write(ROWS + b'{"instruction": "')
        for _ in range(100):
            file.write(b"a" * (1 << 20))
        file.write(b'", "output": "x"}\n' + ROWS.replace("诗".encode(), "歌".encode()))
    command = clean_command(path, "--out", out, "--json", "-q", "--max-line-bytes", "1MiB", "--threads", "2")
    # Without semantic_dedup, whose encoder alone is larger than the line.
    command += ["--stages", "normalise,rules,exact_dedup,near_dedup"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    clear(Finished(done.returncode, done.stdout, done.stderr), 0)
    report = json.loads(done.stdout)
    assert report["inputs"][0]["lines"] == report["rows_in"] + report["rejected"] == 11
    assert [(entry["reason"], entry["line"]) for entry in rejected(out)] == [("line_too_long", 6)]
    assert rejected(out)[0]["length"] == (100 << 20) + 34
    assert report["peak_private_bytes"] < 150 << 20


def test_a_folder_in_which_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_bytes(ROWS)
    done = run_clean(tmp_path / "raw.jsonl", "--out", "/proc/belle")
    clear(done, 2)
    assert "/proc/belle" in done.err
