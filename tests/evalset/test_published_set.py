"""`evalset build` on the paper's evaluation set, as it was published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from tests.cli.conftest import Shell
from tests.evalset.conftest import about, build, rows_of

from belle_data.engine.progress import Silent
from belle_data.evalset.categories import WITHOUT_REFERENCE, category_of
from belle_train.prompts import read_prompts

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = {
    "others": 113,
    "rewrite": 131,
    "classification": 65,
    "generation": 98,
    "summarization": 40,
    "extract": 37,
    "open_qa": 285,
    "brainstorming": 179,
    "closed_qa": 52,
}


@pytest.fixture(scope="module")
def published(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("published"))
    (shell.folder / "raw.jsonl.zst").write_bytes((shared_data / "belle_eval_set.jsonl.zst").read_bytes())
    done = build(shell, "--no-dedup", "--strict", raw="raw.jsonl.zst")
    assert done.code == 0, done.err
    return shell


def raw_rows(shell: Shell) -> list[dict[str, Any]]:
    packed = (shell.folder / "raw.jsonl.zst").read_bytes()
    text = zstandard.ZstdDecompressor().decompressobj().decompress(packed).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def test_every_row_has_its_category(published: Shell) -> None:
    rows, raw = rows_of(published), raw_rows(published)
    assert len(rows) == len(raw) == 1000
    assert [row["prompt"] for row in rows] == [row["question"] for row in raw]
    assert [row["category"] for row in rows] == [category_of(row["class"]) for row in raw]
    assert {name: one["rows"] for name, one in about(published)["categories"].items()} == COUNTS
    assert sum(COUNTS.values()) == 1000
    for row, before in zip(rows, raw, strict=True):
        assert row["reference"] == (None if row["category"] in WITHOUT_REFERENCE else before["std_answer"])
    assert about(published)["references_left_out"] == 39
    assert about(published)["without_reference"] == []
    assert about(published)["input"]["labels"]["closed\u00a0qa"] == {"category": "closed_qa", "rows": 52}
    assert len({row["id"] for row in rows}) == 1000


def test_duplicates_at_the_default_and_below(published: Shell) -> None:
    done = build(published, raw="raw.jsonl.zst", out="dedup.jsonl")
    assert done.code == 0, done.err
    assert about(published, "dedup.jsonl")["duplicates"] == []
    assert (published.folder / "dedup.jsonl").read_bytes() == (published.folder / "eval.jsonl").read_bytes()
    assert build(published, "--threshold", "0.75", raw="raw.jsonl.zst", out="less.jsonl").code == 0
    gone = about(published, "less.jsonl")["duplicates"]
    assert {frozenset((one["line"], one["kept"]["line"])) for one in gone} == {
        frozenset((110, 860)),
        frozenset((310, 615)),
    }
    assert len(rows_of(published, "less.jsonl")) == 998


def test_generate_reads_what_is_written(published: Shell) -> None:
    prompts, _ = read_prompts(published.folder / "eval.jsonl", Silent())
    rows = rows_of(published)
    assert [(one.id, one.category, one.reference) for one in prompts] == [
        (row["id"], row["category"], row["reference"]) for row in rows
    ]
    assert [one.turns for one in prompts] == [({"role": "user", "content": row["prompt"]},) for row in rows]


def test_overlap_with_real_data(published: Shell, shared_data: Path) -> None:
    against = shared_data / "alpaca_zh.jsonl.zst"
    done = build(published, "--against", against, "--no-dedup", raw="raw.jsonl.zst", out="overlap.jsonl")
    assert done.code == 0, done.err
    found = about(published, "overlap.jsonl")["overlap"]
    assert (found["rows_read"], found["training_rows"], found["looked_for"]) == (52_002, 1, 1000)
    assert [one["line"] for one in found["rows"]] == [364]
    assert found["rows"][0]["prompt"] == rows_of(published, "overlap.jsonl")[363]["prompt"]
