"""Rows that are written in another shape are the same conversations when they are read again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.end_to_end.runs import cleaned, kept_bytes

from belle_data import _native

FORMATS = ("alpaca", "belle", "sharegpt", "messages")


def conversations(lines: bytes, form: str | None = None) -> list[tuple[str | None, list[tuple[str, str]]]]:
    """Id and turns of every line, as the reader sees them."""
    corpus = _native.Corpus()
    found: list[tuple[str | None, list[tuple[str, str]]]] = []
    source, at = corpus.add_source(lines, form or _native.detect_format(lines) or "mixed"), 0
    while at < len(lines):
        at, rows, bad = corpus.read(source, at, 1 << 22, 1 << 30, 1 << 31)
        assert bad is None, pa.record_batch(bad).to_pylist()[:3]
        for row in pa.record_batch(rows).to_pylist():
            turns = [(turn["role"], turn["text"]) for turn in row["turns"]]
            found.append((row["id"] if row["has_id"] else None, turns))
    return found


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("name", ["alpaca_zh", "sharegpt_zh"])
def test_conversations_survive(real: Callable[[str], Path], tmp_path: Path, name: str, to: str) -> None:
    limit = ("--limit", "3000", "--shard-rows", "700")
    cleaned(real(name), *limit, out=tmp_path / "same")
    report: dict[str, Any] = cleaned(real(name), *limit, "--to", to, out=tmp_path / to)
    before = conversations(kept_bytes(tmp_path / "same"))
    after = conversations(kept_bytes(tmp_path / to))
    assert len(after) == report["rows_out"]
    assert after == before


@pytest.mark.parametrize("compress", ["none", "gz", "zst"])
def test_packed_shards_hold_the_same_lines(sample: Path, plain: Path, tmp_path: Path, compress: str) -> None:
    report = cleaned(sample, "--compress", compress, "--shard-rows", "500", out=tmp_path / "out")
    assert kept_bytes(tmp_path / "out") == kept_bytes(plain)
    shards = list((tmp_path / "out" / "shards").iterdir())
    assert len(shards) == report["shards"] == -(-report["rows_out"] // 500)
