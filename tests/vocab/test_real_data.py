"""LLaMA's own model and real text: shorter Chinese, the same English, and every runtime alike."""

from __future__ import annotations

import io
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from tests.cli.conftest import Shell
from tests.vocab.conftest import train

if TYPE_CHECKING:
    from pathlib import Path

TRAINED, HELD = 20_000, 1_000


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 5,000 pieces trained on real text, and lines that it was not trained on."""
    made = tmp_path_factory.mktemp("real")
    with (shared_data / "zh_text.txt.zst").open("rb") as stored:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stored), encoding="utf-8", newline="\n")
        # Lines from all over the first part: neighbours are of one source.
        lines = [line.rstrip("\n") for line in itertools.islice(text, 0, 30 * (TRAINED + HELD), 30)]
    assert len(lines) > TRAINED
    train(lines[HELD:], made / "zh.model", 5_000, character_coverage=0.9995, max_sentence_length=16_384, num_threads=2)
    (made / "zh.txt").write_text("".join(f"{line}\n" for line in lines[:HELD]), encoding="utf-8")
    return made


def certificate(folder: Path, shared_data: Path, mode: str) -> dict[str, Any]:
    shell, base = Shell(folder), shared_data / "llama.tokenizer.model"
    merge = ("vocab", "merge", "--base", base, "--add", "zh.model", "--out", mode, "--mode", mode)
    assert shell.here(*merge, "--force", "-q").code == 0
    english = f"en={shared_data / 'alpaca_en.jsonl.zst'}"
    done = shell.here(
        *("vocab", "check", mode, "--base", base, "--text", "zh=zh.txt", "--text", english),
        *("--limit", "3000", "--fuzz", "3000", "--json", "-q"),
    )
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_safe_shortens_chinese_and_leaves_english(folder: Path, shared_data: Path) -> None:
    found = certificate(folder, shared_data, "safe")
    states = {promise["name"]: promise["state"] for promise in found["promises"]}
    assert set(states.values()) == {"holds"}
    assert found["unreachable_in_base"] == 0
    assert found["texts"]["zh"]["ratio"] < 0.62
    english = found["texts"]["en"]
    assert (english["units"], english["changed_without_han"]) == (3000, 0)
    assert english["changed_share"] <= 0.001


@pytest.mark.slow
def test_the_score_zero_changes_english(folder: Path, shared_data: Path) -> None:
    found = certificate(folder, shared_data, "chinese-llama")
    assert found["texts"]["en"]["changed_without_han"] > 5
    assert found["texts"]["zh"]["ratio"] < 0.62
