"""`init-tiny`: a folder that transformers load, with the tokenizer's rows and special pieces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.train.conftest import command

if TYPE_CHECKING:
    from pathlib import Path


def test_transformers_load_the_model_with_its_tokenizer(tiny_model: Path, merged_folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = json.loads((merged_folder / "row_map.json").read_text(encoding="utf-8"))["rows"]
    assert rows % 64 == 0
    assert model.get_input_embeddings().weight.shape == (rows, 64)
    assert model.get_output_embeddings().weight is not model.get_input_embeddings().weight
    assert (model.config.bos_token_id, model.config.eos_token_id) == (1, 2)
    assert model.config.pad_token_id is None
    for name in ("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        assert (tiny_model / name).read_bytes() == (merged_folder / name).read_bytes()
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "今天天气"}], add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    with torch.no_grad():
        assert model(**ids).logits.shape == (1, ids["input_ids"].shape[1], rows)


def test_a_sentencepiece_model_is_a_tokenizer(tmp_path: Path, base_piece_model: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    out = tmp_path / "base"
    done = command("init-tiny", "--tokenizer", base_piece_model, "--out", out, "--hidden", 32, "--heads", 2, "--tie",
                   "--dtype", "bfloat16", "--layers", 1, "--positions", 128, "--json")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    summary = done.json()
    assert summary["folder"] == str(out)
    assert {key: summary[key] for key in ("rows", "tied", "dtype", "positions")} == {
        "rows": 600, "tied": True, "dtype": "bfloat16", "positions": 128,
    }  # fmt: skip
    config = AutoConfig.from_pretrained(out)
    assert (config.vocab_size, config.tie_word_embeddings, str(config.dtype)) == (600, True, "torch.bfloat16")
    assert (out / "tokenizer.model").read_bytes() == base_piece_model.read_bytes()
    assert AutoTokenizer.from_pretrained(out)("the language")["input_ids"][0] == 1


def test_a_folder_with_a_tokenizer_is_one(tmp_path: Path, tiny_base: Path) -> None:
    done = command("init-tiny", "--tokenizer", tiny_base, "--out", tmp_path / "again", "--json")
    assert done.code == 0
    assert done.json()["rows"] == 600
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (tiny_base / "model.safetensors").read_bytes()


def test_the_same_bytes_again(tmp_path: Path, merged_folder: Path, tiny_model: Path) -> None:
    import torch

    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    for name, seed in (("same", 42), ("other", 43)):
        assert command("init-tiny", "--tokenizer", merged_folder, "--out", tmp_path / name, "--seed", seed).code == 0
    assert torch.equal(torch.random.get_rng_state(), before)
    for path in tiny_model.iterdir():
        assert (tmp_path / "same" / path.name).read_bytes() == path.read_bytes(), path.name
    weights = "model.safetensors"
    assert (tmp_path / "other" / weights).read_bytes() != (tiny_model / weights).read_bytes()


def test_what_somebody_else_wrote_stays(tmp_path: Path, base_piece_model: Path) -> None:
    out = tmp_path / "model"
    make = ("init-tiny", "--tokenizer", base_piece_model, "--out", out)
    out.mkdir()
    (out / "config.json").write_text("{}", encoding="utf-8")
    refused = command(*make, "--force")
    assert refused.code == 2
    assert refused.err.startswith(f"error: {out}: the folder holds other files: 'config.json'\nhint: ")
    (out / "config.json").unlink()
    assert command(*make).code == 0
    assert "there is a model of this command already\nhint: --force replaces it" in command(*make).err
    assert command(*make, "--force").code == 0
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    assert "the folder holds other files: 'notes.txt'" in command(*make, "--force").err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hidden", "30"], "the hidden size is a multiple of twice the heads: 30"),
        (["--heads", "0"], "the number for heads is from 1 to 65,536: 0"),
        (["--dtype", "int8"], "unknown dtype: 'int8'"),
        (["--tokenizer", "nowhere"], "nowhere: there is no such file or folder"),
        (["--tokenizer", "empty"], "empty: the folder has no tokenizer"),
        (["--tokenizer", "damaged"], "damaged: the tokenizer cannot be read ("),
    ],
)
def test_wrong_use(
    tmp_path: Path, base_piece_model: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "tokenizer.json").write_text("{", encoding="utf-8")
    done = command("init-tiny", "--tokenizer", base_piece_model, "--out", "out", *options)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}")
    assert not (tmp_path / "out").exists()
