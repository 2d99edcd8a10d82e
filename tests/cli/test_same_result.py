"""The result does not depend on threads, on how the input is cut into files, or on its order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import EXAMPLE
from tests.end_to_end.runs import STAGE_FILES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Shell

EVERYTHING = ["manifest.json", "rows.parquet", "rejected", "shards", "stages"]


def contents(run: Path) -> dict[str, bytes]:
    """Every file of a run that is a result; the report, which has times, is none."""
    files = {}
    for name in EVERYTHING:
        for path in [run / name] if (run / name).is_file() else sorted((run / name).iterdir()):
            files[str(path.relative_to(run))] = path.read_bytes()
    return files


def test_threads_do_not_change_a_byte(belle: Shell) -> None:
    options = ["--shard-rows", "100", "--compress", "zst"]
    for threads in ("1", "2", "5"):
        assert belle("clean", EXAMPLE, "--threads", threads, "--out", threads, "-q", *options).code == 0
    first = contents(belle.folder / "1")
    assert len(first) > 10
    assert {*(f"stages/{name}" for name in STAGE_FILES), "shards/part-00008.jsonl.zst"} <= first.keys()
    assert contents(belle.folder / "2") == first
    assert contents(belle.folder / "5") == first


def test_files_and_order_do_not_change_what_is_kept(belle: Shell, kept_lines: Callable[[Path], list[bytes]]) -> None:
    lines = EXAMPLE.read_bytes().splitlines(keepends=True)
    assert belle("clean", EXAMPLE, "--out", "whole", "-q").code == 0
    for part in range(3):
        (belle.folder / f"part{part}.jsonl").write_bytes(b"".join(lines[part * 400 : part * 400 + 400 + part * 99]))
    assert belle("clean", "part0.jsonl", "part1.jsonl", "part2.jsonl", "--out", "split", "-q").code == 0
    lines = [line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf") + b"\n" for line in lines]
    random.Random(7).shuffle(lines)
    (belle.folder / "shuffled.jsonl").write_bytes(b"".join(lines))
    assert belle("clean", "shuffled.jsonl", "--out", "shuffled", "-q").code == 0
    whole = kept_lines(belle.folder / "whole")
    assert 800 < len(whole) < 1000
    assert kept_lines(belle.folder / "split") == whole
    assert kept_lines(belle.folder / "shuffled") != whole
    assert sorted(kept_lines(belle.folder / "shuffled")) == sorted(whole)


@pytest.mark.parametrize("kind", ["json", "jsonl.gz"])
def test_the_kind_of_file_does_not_change_what_is_kept(
    belle: Shell, kept_lines: Callable[[Path], list[bytes]], kind: str
) -> None:
    import gzip
    import json

    rows = []
    for line in EXAMPLE.read_bytes().splitlines():
        try:
            row = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    plain = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace")
    (belle.folder / "plain.jsonl").write_bytes(plain)
    other = belle.folder / f"other.{kind}"
    other.write_bytes(gzip.compress(plain) if kind == "jsonl.gz" else b"[" + b",\n".join(plain.splitlines()) + b"]\n")
    for name in ("plain.jsonl", other.name):
        assert belle("clean", name, "--out", f"run-{name}", "-q").code == 0
    assert kept_lines(belle.folder / f"run-{other.name}") == kept_lines(belle.folder / "run-plain.jsonl")
