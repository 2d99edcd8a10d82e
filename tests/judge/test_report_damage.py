"""`report` with folders that are damaged or not finished, and with wrong use: each mistake is named with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.judge.made_runs import made_rows, write_comparison, write_run
from tests.judge.test_report_command import report
from tests.train.conftest import command

if TYPE_CHECKING:
    from pathlib import Path

DAMAGE: list[tuple[str, str, str, str]] = [
    ("manifest.json", '"kind": "judge"', '"kind": "<b>"', "kind must be judge or compare: '<b>'"),
    ("manifest.json", '"kind": "judge"', '"kind": 7', "kind must be a string: 7"),
    ("manifest.json", "{", "", "it is not JSON"),
    ("manifest.json", '"name": "a"', '"name": null', "name must be a string, and is null or not there"),
    ("manifest.json", '"rows": 9', '"rows": 9}, "evaluation": {', "evaluation.sha256 must be a string"),
    ("summary.json", '"rows": 9', '"rows": 8', "rows is not the number of lines of scores.jsonl, which has 9: 8"),
    ("summary.json", '"rows": 9', '"rows": -1', "rows must be a whole number, not negative: -1"),
    ("summary.json", '"others": {', '"poetry": {', "categories.poetry is none of the nine categories"),
    ("summary.json", '"mean": 0.', '"mean": 7.', "mean must be a number from 0 to 1, or null: 7."),
    ("summary.json", '"mean": 0.', '"mean": NaN, "x": 0.', "it is not JSON"),
    ("summary.json", '"missing": {', '"missing": {"timeout": 1', "does not add up to the rows of scores.jsonl"),
    (
        "scores.jsonl",
        '"score": 0.',
        '"score": "0.5", "x": 0.',
        ":1: score must be a number from 0 to 1, or null: '0.5'",
    ),
    ("scores.jsonl", '"score": 0.', '"score": null, "x": 0.', ":1: score does not go with the scores of the repeats"),
    ("scores.jsonl", '"category": "others"', '"category": "\\u001b[2J"', ":1: category is none of the nine categories"),
    ("scores.jsonl", '"missing": [null]', '"missing": ["bored"]', ":1: missing has a reason that is not known"),
    ("scores.jsonl", '"prompt": "', '"prompt": 3, "x": "', ":1: prompt must be a string: 3"),
    ("scores.jsonl", "eval-set-1", "eval-set-2", "two rows have the same id"),
    ("scores.jsonl", "}\n", "\n", ":1: it is not JSON"),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), DAMAGE, ids=[f"{one[0]} {one[2]}" for one in DAMAGE])
def test_damaged_files_are_named(name: str, old: str, new: str, message: str, tmp_path: Path) -> None:
    write_run(tmp_path, "a", made_rows(9))
    path = tmp_path / "a" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = report(tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert str(path) in done.err
    assert message in done.err
    assert "\x1b" not in done.err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("name", ["summary.json", "scores.jsonl", "manifest.json"])
def test_a_folder_that_is_not_finished_is_refused(name: str, tmp_path: Path) -> None:
    write_run(tmp_path, "a", made_rows(9))
    (tmp_path / "a" / name).unlink()
    done = report(tmp_path)
    assert done.code == 2
    assert name in done.err
    assert "hint: " in done.err


def test_a_file_that_breaks_off_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, "a", made_rows(9))
    path = tmp_path / "a" / "scores.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    done = report(tmp_path)
    assert (done.code, "scores.jsonl:9: the file breaks off" in done.err) == (2, True)
    path.write_bytes(b"\xff\n")
    assert "scores.jsonl:1: it is not UTF-8" in report(tmp_path).err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"verdict": "a"', '"verdict": "c"', "verdict must be one of a, b, tie, or null: 'c'"),
        ('"first": "a"', '"first": "b"', "orders must be two, one with each answer first"),
        ('"missing": null', '"missing": "bored"', "orders has a reason that is not known"),
        ('"orders": [', '"orders": 7, "x": [', "orders must be a list: 7"),
    ],
)
def test_damaged_verdicts_are_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = write_comparison(tmp_path, "pair", "x", "y", made_rows(9)) / "verdicts.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    done = report(tmp_path)
    assert (done.code, f"verdicts.jsonl:1: {message}" in done.err) == (2, True), done.err


def test_wrong_use(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "a", made_rows(9))
    out = ("--out", tmp_path / "page.html")
    for arguments, message in (
        ([folder, folder, *out], "the folder is given twice"),
        ([folder, *out, "--cases", "0"], "'0' is not a whole number from 1, and not all"),
        ([folder, *out, "--language", "fr"], "unknown language: 'fr'"),
        ([folder, "--out", tmp_path / "page.txt"], "must end in .html"),
        ([folder], "--out"),
        ([tmp_path / "none", *out], "there is no such folder"),
        ([folder / "scores.jsonl", *out], "there is no such folder"),
        ([tmp_path, *out], "the folder has no manifest.json"),
        (out, "FOLDER"),
    ):
        done = command("report", *arguments)
        assert done.code == 2, arguments
        assert message in done.err
        assert done.out == ""
    assert not (tmp_path / "page.html").exists()
