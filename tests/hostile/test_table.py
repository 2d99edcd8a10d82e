"""Every case of the table, through the command line.

There is an exit code, at most one message with the place and a hint, no traceback, and every line is accounted for.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.end_to_end.runs import Finished, kept_lines, ledger, rejected
from tests.hostile.table import CASES, RAW, Case

from belle_data.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def called(folder: Path, command: Sequence[str]) -> Finished:
    """Run a command in a folder, within this process: a process of its own costs half a second."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(command))
    return Finished(code, out.getvalue(), err.getvalue())


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def clear(done: Finished, error: str, hint: str = "", more_lines: int = 0) -> None:
    """Check what is said: nothing but the error and its hint, nothing that steers a terminal."""
    said = done.out + done.err
    for unwanted in ("Traceback", "panicked", "not expected to happen", "\x1b", "\x07", "\r"):
        assert unwanted not in said, said
    assert done.code == (2 if error else 0), said
    assert len(done.errors()) == (1 if error else 0), said
    if not error:
        return
    assert done.out == ""
    lines = done.err.splitlines()
    at = lines.index(done.errors()[0])
    assert matches(f"error: {error}", lines[at]), done.err
    after = lines[at + 1 :]
    assert len(after) == more_lines + (1 if hint else 0), done.err
    if hint:
        assert matches(f"hint: {hint}", after[0]), done.err


def accounted(out: Path, *, lines: int, rejected_lines: dict[str, int], blank: int, removed: int) -> None:
    """Check that each line of the input is a kept row, a removed one, a rejected line or blank."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert sum(one["lines"] for one in report["inputs"]) == lines
    assert report["rows_in"] + report["rejected"] + blank == lines
    rows = ledger(out)
    assert len(rows) == report["rows_in"]
    assert sum(row["kept"] for row in rows) == report["rows_out"] == len(kept_lines(out))
    assert report["rows_in"] - report["rows_out"] == removed
    entries = rejected(out)
    assert len(entries) == report["rejected"]
    assert Counter(entry["reason"] for entry in entries) == rejected_lines
    assert all(entry["line"] >= 1 and entry["detail"] for entry in entries)


def test_the_table_is_large() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_case(case: Case, tmp_path: Path) -> None:
    if isinstance(case.make, bytes):
        (tmp_path / RAW).write_bytes(case.make)
    else:
        case.make(tmp_path)
    done = called(tmp_path, case.command)
    clear(done, case.error, case.hint, case.more_lines)
    out = tmp_path / "out"
    if case.error:
        assert not list(tmp_path.glob("**/part-*"))
        return
    accounted(out, lines=case.lines, rejected_lines=dict(case.rejected), blank=case.blank, removed=case.removed)
