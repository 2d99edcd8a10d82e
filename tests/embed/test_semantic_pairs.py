"""The labelled pairs by which semantic dedup is measured are what they say."""

import hashlib
import json
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PAIRS = Path(__file__).parents[2] / "benches/python/semantic_pairs.jsonl"
NAMED = {"file", "line", "sha256", "duplicate"}
CHANGES = {"number", "negation", "name", "language", "opposite", "unit", "length", "other"}


@pytest.fixture(scope="module")
def entries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in PAIRS.read_text("utf-8").splitlines()]


def test_every_pair_has_its_fields(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        fields = set(entry) - NAMED - {"input"}
        assert set(entry) >= NAMED
        assert entry["file"] in {"alpaca_zh", "alpaca_en"}
        assert entry.get("input", "original") == "original"
        if entry["duplicate"]:
            assert fields == {"strength", "text"}
            assert entry["strength"] in {"light", "medium", "strong"}
        elif entry["kind"] == "edit":
            assert fields == {"kind", "change", "text"}
            assert entry["change"] in CHANGES
        else:
            assert entry["kind"] in {"template", "input"}
            assert fields == {"kind", "other_line", "other_sha256"}
            assert entry["line"] != entry["other_line"]
        assert entry.get("text", "text").strip() == entry.get("text", "text") != ""


def test_no_pair_stands_twice(entries: list[dict[str, Any]]) -> None:
    pairs = [(entry["file"], entry["line"], entry.get("other_line"), entry.get("text")) for entry in entries]
    assert len(set(pairs)) == len(pairs)
    reworded = [(entry["file"], entry["line"]) for entry in entries if entry["duplicate"]]
    assert len(set(reworded)) == len(reworded)


def test_there_are_enough_of_each_class(entries: list[dict[str, Any]]) -> None:
    counts = Counter((entry["file"], entry["duplicate"]) for entry in entries)
    assert min(counts["alpaca_zh", True], counts["alpaca_zh", False]) >= 260
    assert min(counts["alpaca_en", True], counts["alpaca_en", False]) >= 40
    assert sum(entry.get("kind") == "edit" for entry in entries) >= 80


def test_the_rows_are_those_of_the_pairs(
    entries: list[dict[str, Any]], shared_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(PAIRS.parent)
    script = import_module("semantic_pairs")
    read = script.read_pairs(PAIRS, shared_data)
    assert [pair.duplicate for pair in read] == [entry["duplicate"] for entry in entries]
    assert all(pair.left != pair.right for pair in read)
    left = hashlib.sha256(read[0].left.encode()).hexdigest()
    assert left[:16] == entries[0]["sha256"]

    other = tmp_path / "pairs.jsonl"
    other.write_text(json.dumps(entries[0] | {"line": entries[0]["line"] + 1}) + "\n", "utf-8")
    with pytest.raises(script.PairsError, match=rf"row {entries[0]['line'] + 1:,}: its hash is"):
        script.read_pairs(other, shared_data)
    with pytest.raises(script.PairsError, match="--data names the folder"):
        script.read_pairs(PAIRS, tmp_path)
