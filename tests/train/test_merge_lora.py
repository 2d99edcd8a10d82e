"""`merge-lora`: the same logits as model and adapter apart, the base's type, and adapters of other models."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.train.conftest import Done, command

if TYPE_CHECKING:
    from pathlib import Path


def adapter_of(model: Path, out: Path, **settings: Any) -> Path:
    """A LoRA adapter with random matrices, none of them zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model, dtype="auto")
    adapted = get_peft_model(base, LoraConfig(**{"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM", **settings}))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    adapted.save_pretrained(out)
    return out


@pytest.fixture(scope="module")
def adapter(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapter_of(tiny_model, tmp_path_factory.mktemp("adapter") / "lora")


def logits(model: Any, tokenizer: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(**tokenizer("今天天气很好。 the language", return_tensors="pt")).logits.float()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.05)])
def test_the_merged_model_says_the_same(tmp_path: Path, merged_folder: Path, dtype: str, tolerance: float) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    command("init-tiny", "--tokenizer", merged_folder, "--out", tmp_path / "m", "--dtype", dtype)
    adapter_of(tmp_path / "m", tmp_path / "lora")
    done = command("merge-lora", "--adapter", tmp_path / "lora", "--out", tmp_path / "out", "--json")
    assert done.code == 0
    assert {key: done.json()[key] for key in ("rank", "alpha", "dtype")} == {"rank": 4, "alpha": 8, "dtype": dtype}
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert str(merged.dtype) == f"torch.{dtype}"
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype="auto")
    alone = logits(base, tokenizer)
    apart = logits(PeftModel.from_pretrained(base, tmp_path / "lora"), tokenizer)
    assert (logits(merged, tokenizer) - apart).abs().max() < tolerance
    assert (alone - apart).abs().max() > 10 * tolerance
    for name in ("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "m" / name).read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"m", "lora", "out"}


def test_the_same_bytes_again_and_a_copy_of_the_base(tmp_path: Path, tiny_model: Path, adapter: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "copy")
    assert merge(adapter, tmp_path / "one").code == 0
    assert merge(adapter, tmp_path / "two", "--model", tmp_path / "copy").code == 0
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) >= 7
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert "already" in merge(adapter, tmp_path / "one").err
    assert merge(adapter, tmp_path / "one", "--force").code == 0


def test_the_tokenizer_beside_the_adapter_is_taken(tmp_path: Path, tiny_model: Path, adapter: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(adapter, own)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model / name, own / name)
    config = json.loads((own / "tokenizer_config.json").read_text(encoding="utf-8"))
    (own / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": "mine"}), encoding="utf-8")
    assert merge(own, tmp_path / "out").code == 0
    assert (tmp_path / "out" / "tokenizer_config.json").read_bytes() == (own / "tokenizer_config.json").read_bytes()


def merge(adapter: Path, out: Path, *options: str | Path) -> Done:
    return command("merge-lora", "--adapter", adapter, "--out", out, *options)


def test_another_base_is_refused(
    tmp_path: Path, tiny_model: Path, tiny_base: Path, merged_folder: Path, adapter: Path
) -> None:
    out = tmp_path / "out"
    done = merge(adapter, out, "--model", tiny_base)
    assert done.code == 2
    assert f"the adapter was trained on {tiny_model}, and this is another model" in done.err
    # Where the named base is gone, shapes tell.
    moved = tmp_path / "moved"
    shutil.copytree(adapter, moved)
    config = json.loads((moved / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = str(tmp_path / "gone")
    (moved / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "the base that the adapter names is not here" in merge(moved, out).err
    assert merge(moved, tmp_path / "good", "--model", tiny_model).code == 0
    for name, options, message in (
        ("wide", ("--hidden", 128), "in the model, and the adapter was made for another: [4, 64]"),
        ("flat", ("--layers", 1), "the model has no model.layers.1.self_attn."),
    ):
        command("init-tiny", "--tokenizer", merged_folder, "--out", tmp_path / name, *options)
        done = merge(moved, out, "--model", tmp_path / name)
        assert (done.code, message in done.err) == (2, True), done.err
        assert f"hint: the adapter was trained on {tmp_path / 'gone'}" in done.err
    assert not out.exists()


def test_damage(tmp_path: Path, tiny_model: Path, adapter: Path) -> None:
    weights, settings = "adapter_model.safetensors", "adapter_config.json"
    whole = (adapter / weights).read_bytes()
    for place, (name, content, message) in enumerate(
        (
            (settings, None, "so it is no adapter"),
            (settings, b"{", "the file is not valid JSON"),
            (settings, b'{"peft_type": "IA3"}', "this is no LoRA adapter: 'IA3'"),
            (weights, None, f"the folder has no {weights}"),
            (weights, whole[:-1], "bytes, and its header says"),
            (weights, (tiny_model / "model.safetensors").read_bytes(), "there is no LoRA matrix in the file"),
        )
    ):
        folder = tmp_path / str(place)
        shutil.copytree(adapter, folder)
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        done = merge(folder, tmp_path / "out")
        assert (done.code, message in done.err) == (2, True), done.err
    assert "there is no such folder" in merge(tmp_path / "nowhere", tmp_path / "out").err
    assert "an adapter is made a model by merge-lora" in merge(adapter, tmp_path / "out", "--model", adapter).err
    own = merge(adapter, tiny_model, "--force")
    assert "holds other files" in own.err
    assert not (tmp_path / "out").exists()
