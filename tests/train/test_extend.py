"""`extend`: old rows bit for bit, new ones the mean of their parts, one file or several, and every wrong input."""

from __future__ import annotations

import json
import os
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from tests.train.conftest import Done, command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INPUT, OUTPUT = "model.embed_tokens.weight", "lm_head.weight"


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


def same_bits(one: Any, other: Any) -> bool:
    import torch

    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(torch.equal(one.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8)))


def extend(model: Path, vocabulary: Path, out: Path, *options: str | int) -> Done:
    return command("extend", "--model", model, "--tokenizer", vocabulary, "--out", out, *options)


def row_map(vocabulary: Path) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((vocabulary / "row_map.json").read_text(encoding="utf-8"))
    return rows


def check_rows(before: dict[str, Any], after: dict[str, Any], rows: dict[str, Any], grown: tuple[str, ...]) -> None:
    """Compare with the slow and obvious: each new row by itself, added up one part after the other."""
    import torch

    assert set(after) == set(before)
    for name, tensor in before.items():
        if name not in grown:
            assert same_bits(tensor, after[name]), name
            continue
        old = tensor.shape[0]
        assert after[name].shape[0] == rows["rows"]
        assert same_bits(tensor, after[name][:old]), name
        for row in rows["new"]:
            mean = sum(tensor[part].double() for part in row["from"]) / len(row["from"])
            assert torch.equal(after[name][row["id"]], mean.to(tensor.dtype)), (name, row)
        everything = tensor.double().mean(dim=0)
        for number in rows["padded"]:
            torch.testing.assert_close(after[name][number].double(), everything, rtol=1e-2, atol=1e-4)
        assert torch.equal(after[name][rows["padded"][0]], after[name][rows["padded"][-1]])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_new_rows_are_means_and_the_rest_stays(
    tmp_path: Path, base_piece_model: Path, merged_folder: Path, dtype: str
) -> None:
    assert command("init-tiny", "--tokenizer", base_piece_model, "--out", tmp_path / "m", "--dtype", dtype).code == 0
    done = extend(tmp_path / "m", merged_folder, tmp_path / "out", "--json")
    assert (done.code, done.err.startswith("extend: ")) == (0, True)
    rows = row_map(merged_folder)
    assert len(rows["new"]) > 100
    assert len(rows["padded"]) > 1
    assert max(len(row["from"]) for row in rows["new"]) > 3
    before, after = weights(tmp_path / "m"), weights(tmp_path / "out")
    assert before[INPUT].dtype == after[INPUT].dtype
    assert str(before[INPUT].dtype) == f"torch.{dtype}"
    check_rows(before, after, rows, (INPUT, OUTPUT))
    summary = done.json()
    assert {key: summary[key] for key in ("old_rows", "new_rows", "padded", "rows", "init", "tied", "tensors")} == {
        "old_rows": 600, "new_rows": len(rows["new"]), "padded": len(rows["padded"]), "rows": rows["rows"],
        "init": "subtoken-mean", "tied": False, "tensors": [INPUT, OUTPUT],
    }  # fmt: skip


def test_the_folder_is_a_model_with_the_merged_tokenizer(tmp_path: Path, tiny_base: Path, merged_folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "out"
    done = extend(tiny_base, merged_folder, out)
    assert done.code == 0
    assert done.out.split("\n")[0] == f"{out}  new rows by subtoken-mean"
    assert "its tokenizer.model is the base of the vocabulary" in done.out
    rows = row_map(merged_folder)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert model.config.vocab_size == rows["rows"]
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(merged_folder).chat_template
    # A text of old pieces has the old logits at the old pieces.
    ids = tokenizer("the language model", return_tensors="pt")
    assert int(ids["input_ids"].max()) < 600
    old = AutoModelForCausalLM.from_pretrained(tiny_base)(**ids).logits
    assert (model(**ids).logits[..., :600] - old).abs().max() < 1e-6
    changed = {**json.loads((tiny_base / "config.json").read_text(encoding="utf-8")), "vocab_size": rows["rows"]}
    assert json.loads((out / "config.json").read_text(encoding="utf-8")) == changed
    assert (out / "generation_config.json").is_file()
    summary = json.loads((out / "extend.json").read_text(encoding="utf-8"))
    assert {path.name for path in out.iterdir()} == {*summary["files"], "extend.json"}
    for name, files in summary["files"].items():
        assert files["result"] == sha256((out / name).read_bytes()).hexdigest(), name
        own = tiny_base / name
        assert files["source"] == (sha256(own.read_bytes()).hexdigest() if own.exists() else None), name
    assert summary["row_map"] == sha256((merged_folder / "row_map.json").read_bytes()).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_several_files_give_the_same_tensors(tmp_path: Path, tiny_base: Path, merged_folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    parts = tmp_path / "parts"
    AutoModelForCausalLM.from_pretrained(tiny_base).save_pretrained(parts, max_shard_size="200KB")
    (parts / "LICENSE.txt").write_text("mine", encoding="utf-8")
    for path in parts.glob("*.safetensors"):
        content = path.read_bytes()
        size = int.from_bytes(content[:8], "little")
        header = json.dumps(json.loads(content[8 : 8 + size]), indent=2).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + size :])
    index = json.loads((parts / "model.safetensors.index.json").read_text(encoding="utf-8"))
    assert len(set(index["weight_map"].values())) >= 3
    done = extend(parts, merged_folder, tmp_path / "out", "--json")
    assert done.code == 0
    assert done.json()["base_checked_by"] is None
    check_rows(weights(parts), weights(tmp_path / "out"), row_map(merged_folder), (INPUT, OUTPUT))
    grown = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text(encoding="utf-8"))
    assert grown["weight_map"] == index["weight_map"]
    sizes = [tensor.numel() * tensor.element_size() for tensor in weights(tmp_path / "out").values()]
    assert grown["metadata"]["total_size"] == sum(sizes)
    assert (tmp_path / "out" / "LICENSE.txt").read_text(encoding="utf-8") == "mine"
    AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    # A shard without embeddings is the very same file, however its header is written.
    homes = {index["weight_map"][INPUT], index["weight_map"][OUTPUT]}
    same = sorted(set(index["weight_map"].values()) - homes)
    assert same
    for name in same:
        assert (tmp_path / "out" / name).read_bytes() == (parts / name).read_bytes()
        assert len(set(done.json()["files"][name].values())) == 1


def test_one_matrix_for_both(tmp_path: Path, base_piece_model: Path, merged_folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    command("init-tiny", "--tokenizer", base_piece_model, "--out", tmp_path / "m", "--tie")
    done = extend(tmp_path / "m", merged_folder, tmp_path / "out", "--json")
    assert (done.json()["tied"], done.json()["tensors"]) == (True, [INPUT])
    check_rows(weights(tmp_path / "m"), weights(tmp_path / "out"), row_map(merged_folder), (INPUT,))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_an_architecture_with_other_names_and_a_bias(
    tmp_path: Path, base_piece_model: Path, merged_folder: Path
) -> None:
    from transformers import PhiConfig, PhiForCausalLM

    config = PhiConfig(vocab_size=600, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
    PhiForCausalLM(config).save_pretrained(tmp_path / "m")
    shutil.copy(base_piece_model, tmp_path / "m" / "tokenizer.model")
    done = extend(tmp_path / "m", merged_folder, tmp_path / "out", "--json")
    assert done.code == 0
    names = (INPUT, OUTPUT, "lm_head.bias")
    assert tuple(done.json()["tensors"]) == names
    check_rows(weights(tmp_path / "m"), weights(tmp_path / "out"), row_map(merged_folder), names)


def test_the_other_starts(tmp_path: Path, tiny_base: Path, merged_folder: Path) -> None:
    import torch

    for name, options in {
        "mean": ("--init", "mean"),
        "one": ("--init", "random"),
        "same": ("--init", "random", "--seed", 42),
        "other": ("--init", "random", "--seed", 43),
    }.items():
        assert extend(tiny_base, merged_folder, tmp_path / name, *options).code == 0
    made = {name: weights(tmp_path / name) for name in ("mean", "one", "same", "other")}
    count = 600 + len(row_map(merged_folder)["new"])
    old = weights(tiny_base)
    for name in (INPUT, OUTPUT):
        mean = old[name].double().mean(dim=0)
        torch.testing.assert_close(made["mean"][name][600:].double(), mean.expand(len(made["mean"][name]) - 600, -1))
        drawn = made["one"][name][600:count]
        assert abs(float(drawn.std()) - 0.02) < 0.001
        assert abs(float(drawn.mean())) < 0.001
        assert torch.equal(made["one"][name], made["same"][name])
        assert not torch.equal(drawn, made["other"][name][600:count])
        assert torch.equal(made["one"][name][count:], made["mean"][name][count:])
        assert all(torch.equal(old[name], one[name][:600]) for one in made.values())
    assert not torch.equal(made["one"][INPUT][600:count], made["one"][OUTPUT][600:count])


def test_threads_change_nothing(tmp_path: Path, tiny_base: Path, merged_folder: Path) -> None:
    import torch

    threads = torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            assert extend(tiny_base, merged_folder, tmp_path / str(count)).code == 0
    finally:
        torch.set_num_threads(threads)
    files = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert len(files) >= 7
    for name in files:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes(), name


def test_ids_of_special_pieces_are_put_right(tmp_path: Path, tiny_base: Path, merged_folder: Path) -> None:
    model = tmp_path / "m"
    shutil.copytree(tiny_base, model)
    edits: dict[str, dict[str, Any]] = {
        "config.json": {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": -1},
        "generation_config.json": {"eos_token_id": [2, 5], "pad_token_id": 0, "temperature": 0.5},
    }
    for name, changes in edits.items():
        content = json.loads((model / name).read_text(encoding="utf-8"))
        (model / name).write_text(json.dumps({**content, **changes}), encoding="utf-8")
    assert extend(model, merged_folder, tmp_path / "out").code == 0
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert [config[f"{role}_token_id"] for role in ("bos", "eos", "pad")] == [1, 2, None]
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text(encoding="utf-8"))
    assert [generation[f"{role}_token_id"] for role in ("bos", "eos", "pad")] == [1, [2, 5], 0]
    assert generation["temperature"] == 0.5


def test_force_and_what_stays(tmp_path: Path, tiny_base: Path, merged_folder: Path) -> None:
    out = tmp_path / "out"
    assert extend(tiny_base, merged_folder, out).code == 0
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert "there is a model of this command already" in extend(tiny_base, merged_folder, out).err
    assert extend(tiny_base, merged_folder, out, "--force").code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    (out / "mine.py").write_text("", encoding="utf-8")
    assert "the folder holds other files: 'mine.py'" in extend(tiny_base, merged_folder, out, "--force").err
    # A model that this command did not write, above all the source, is never replaced.
    base = tmp_path / "base"
    shutil.copytree(tiny_base, base, ignore=lambda *_: ["tiny.json"])
    assert "holds other files: 'config.json'" in extend(tiny_base, merged_folder, base, "--force").err
    assert "holds other files: 'config.json'" in extend(base, merged_folder, base, "--force").err
    shutil.rmtree(base)
    shutil.copytree(out, base, ignore=lambda *_: ["mine.py"])
    assert "cannot be replaced by itself" in extend(base, merged_folder, base, "--force").err


def test_ctrl_c_leaves_nothing(
    tmp_path: Path, tiny_base: Path, merged_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from belle_train import extension

    out = tmp_path / "out"
    assert extend(tiny_base, merged_folder, out).code == 0
    first = {path.name: path.read_bytes() for path in out.iterdir()}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(extension, "_write_rest", interrupted)
    done = extend(tiny_base, merged_folder, out, "--force", "--init", "mean")
    assert (done.code, done.err.split("\n")[-2]) == (130, "interrupted: nothing was written")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def cut(name: str, size: int) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, size)


def write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def longer(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as handle:
        handle.write(b"\0")


def only_bin(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def other_tokenizer(folder: Path) -> None:
    with (folder / "tokenizer.model").open("ab") as handle:
        handle.write(b"\x12\x00")


def other_pieces(folder: Path) -> None:
    (folder / "tokenizer.model").unlink()
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"].popitem()
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")


def not_a_number(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors[INPUT][300] = float("nan")
    save_file(tensors, folder / "model.safetensors")


def quantised(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors[INPUT] = tensors[INPUT].to(torch.float8_e4m3fn)
    save_file(tensors, folder / "model.safetensors")


def other_layers(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**content, "intermediate_size": 64}), encoding="utf-8")


def without_head(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors[OUTPUT]
    save_file(tensors, folder / "model.safetensors")


def index(**changes: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        from safetensors import safe_open

        with safe_open(folder / "model.safetensors", "pt") as file:
            places: dict[str, object] = dict.fromkeys(file.keys(), "a.safetensors")
        (folder / "model.safetensors").rename(folder / "a.safetensors")
        content = json.dumps({"weight_map": {**places, **changes}})
        (folder / "model.safetensors.index.json").write_text(content, encoding="utf-8")

    return change


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (remove("config.json"), "the folder has no config.json, so it is no model"),
    "config": (write("config.json", b"{"), "config.json: the file is not valid JSON"),
    "config list": (write("config.json", b"[]"), "config.json: the file holds no JSON object"),
    "unknown model": (write("config.json", b'{"model_type": "nothing"}'), "transformers do not take the configuration"),
    "no language model": (write("config.json", b'{"model_type": "vit"}'), "make no causal language model"),
    "no weights": (remove("model.safetensors"), "the folder has neither model.safetensors nor"),
    "bin": (only_bin, "weights in .bin files are programs when they are read"),
    "empty": (cut("model.safetensors", 0), "this is no safetensors file, or it is cut short"),
    "header cut": (cut("model.safetensors", 100), "this is no safetensors file, or it is cut short"),
    "cut": (cut("model.safetensors", 100_000), "the file has 100,000 bytes, and its header says"),
    "longer": (longer, "bytes, and its header says"),
    "text": (write("model.safetensors", b"hello, this is no model"), "this is no safetensors file"),
    "header": (write("model.safetensors", b"\2\0\0\0\0\0\0\0[]"), "is no JSON object"),
    "place": (
        write("model.safetensors", b"\x36" + bytes(7) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}}12345'),
        "a tensor's type, shape and place do not fit: 'a'",
    ),
    "shape": (write("config.json", b'{"model_type": "llama", "vocab_size": 601}'), "and config.json says: [601, "),
    "other base": (other_tokenizer, "is another vocabulary than the model's"),
    "other pieces": (other_pieces, "has other pieces than the model's"),
    "nan": (not_a_number, "a new row would not be finite"),
    "quantised": (quantised, "rows of the type F8_E4M3 cannot be added"),
    "layers": (other_layers, "does not fit the configuration with the new vocabulary: 'model.layers.0.mlp.down_proj"),
    "no head": (without_head, "the weights have no such tensor: 'lm_head.weight'"),
    "index": (write("model.safetensors.index.json", b"{}"), ""),
    "missing shard": (index(more="b.safetensors"), "the index names a file that is not there: 'b.safetensors'"),
    "outside": (index(more="../a.safetensors"), "names no safetensors file of its folder: '../a.safetensors'"),
    "too much": (index(more="a.safetensors"), "the index says a.safetensors for a tensor that is in none: 'more'"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_damage(tmp_path: Path, tiny_base: Path, merged_folder: Path, case: str) -> None:
    model = tmp_path / "m"
    shutil.copytree(tiny_base, model)
    change, message = CASES[case]
    change(model)
    done = extend(model, merged_folder, tmp_path / "out")
    if not message:
        # An index beside a whole file is not looked at, as transformers do.
        assert done.code == 0
        return
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_vocabulary_that_does_not_fit(tmp_path: Path, tiny_model: Path, tiny_base: Path, merged_folder: Path) -> None:
    done = extend(tiny_model, merged_folder, tmp_path / "out")
    assert done.code == 2
    assert "has 600 pieces, and the embeddings of the model have other rows: " in done.err
    assert "hint: the model has the rows of the merged vocabulary already" in done.err
    changed = tmp_path / "changed"
    shutil.copytree(merged_folder, changed)
    with (changed / "row_map.json").open("a", encoding="utf-8") as handle:
        handle.write("\n")
    assert "row_map.json: the file is not the one that vocab merge wrote" in extend(
        tiny_base, changed, tmp_path / "out"
    ).err  # fmt: skip
    assert "no merge.json" in extend(tiny_base, tiny_base, tmp_path / "out").err
    assert "unknown start for the new rows: 'zero'" in extend(
        tiny_base, merged_folder, tmp_path / "out", "--init", "zero"
    ).err  # fmt: skip
    assert "there is no such folder" in extend(tmp_path / "nowhere", merged_folder, tmp_path / "out").err
    assert [path.name for path in tmp_path.iterdir()] == ["changed"]


def test_a_map_with_gaps_is_refused(tmp_path: Path, tiny_base: Path, merged_folder: Path) -> None:
    changes: list[Callable[[dict[str, Any]], object]] = [
        lambda rows: rows["new"].pop(3),
        lambda rows: rows["new"][3].update({"from": []}),
        lambda rows: rows["new"][3].update({"from": [600]}),
        lambda rows: rows["padded"].pop(),
        lambda rows: rows["base"].pop("pieces"),
    ]
    for place, change in enumerate(changes):
        folder = tmp_path / str(place)
        shutil.copytree(merged_folder, folder)
        rows = row_map(merged_folder)
        change(rows)
        content = json.dumps(rows).encode()
        (folder / "row_map.json").write_bytes(content)
        summary = json.loads((folder / "merge.json").read_text(encoding="utf-8"))
        summary["files"]["row_map.json"] = sha256(content).hexdigest()
        (folder / "merge.json").write_text(json.dumps(summary), encoding="utf-8")
        assert "the map of rows has gaps" in extend(tiny_base, folder, tmp_path / "out").err, place
