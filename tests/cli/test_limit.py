"""`--limit`: what is said about a source that was read in part."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from belle_data.engine import corpus

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

SPACED = [
    '{"text": "第一行"}', "", "{broken", '{"text": "第二行"}  ', "{broken too", "",
    '{"text": "第三行"}', "[]", "", '{"text": "第四行"}',
]  # fmt: skip
"""Rows on lines 1, 4, 7 and 10, with bad and blank lines between them."""


def inputs_with(belle: Shell, monkeypatch: pytest.MonkeyPatch, limit: int, chunk: int) -> list[dict[str, Any]]:
    monkeypatch.setattr(corpus, "CHUNK_BYTES", chunk)
    run = f"{limit}-{chunk}"
    done = belle.here("clean", "raw.jsonl", "more.jsonl", "--limit", str(limit), "--json", "-q", "--out", run)
    assert done.code == 0, done.err
    rejected = (belle.folder / run / "rejected" / "rejected.jsonl").read_text().splitlines()
    inputs: list[dict[str, Any]] = done.json()["inputs"]
    assert sum(one["rejected"] for one in inputs) == len(rejected)
    manifest = json.loads((belle.folder / run / "manifest.json").read_text())
    assert manifest["inputs"] == inputs
    return inputs


@pytest.mark.parametrize(
    ("limit", "lines", "rejected"),
    [(1, (1, 0), (0, 0)), (2, (4, 0), (1, 0)), (3, (7, 0), (2, 0)), (4, (10, 0), (3, 0)), (5, (10, 1), (3, 0)),
     (9, (10, 3), (3, 1))],
)  # fmt: skip
def test_reading_ends_with_the_last_row_whatever_the_chunks(
    belle: Shell, monkeypatch: pytest.MonkeyPatch, limit: int, lines: tuple[int, int], rejected: tuple[int, int]
) -> None:
    source = belle.write("raw.jsonl", SPACED)
    belle.write("more.jsonl", ['{"text": "第五行"}', "{", '{"text": "第六行"}'])
    found = [inputs_with(belle, monkeypatch, limit, chunk) for chunk in (1, 20, 45, 90, 1 << 20)]
    assert all(inputs == found[0] for inputs in found)
    assert tuple(one["lines"] for one in found[0]) == lines
    assert tuple(one["rejected"] for one in found[0]) == rejected
    # The hash is that of the lines that were read: the file cut after them has the same.
    source.write_bytes(b"".join(source.read_bytes().splitlines(keepends=True)[: lines[0]]))
    cut = inputs_with(belle, monkeypatch, limit + 100, 1 << 20)
    assert cut[0]["hash"] == found[0][0]["hash"]


def test_what_is_written_after_the_last_row_changes_nothing(belle: Shell) -> None:
    belle.write("raw.jsonl", SPACED)
    first = belle.here("clean", "raw.jsonl", "--limit", "2", "--json", "-q").json()
    belle.write("raw.jsonl", [*SPACED, "{", '{"text": "第五行"}'])
    again = belle.here("clean", "raw.jsonl", "--limit", "2", "--json")
    assert again.json()["inputs"][0]["hash"] == first["inputs"][0]["hash"]
    assert "nothing changed since the last run" in again.err
