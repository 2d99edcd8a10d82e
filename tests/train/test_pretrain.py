"""`pretrain`: the frozen stays bit for bit, whatever the stage of ZeRO, the processes, the precision and the decay."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.train.conftest import command
from tests.train.training_runs import Run, run_and_kill, run_well, words
from tests.vocab.conftest import chinese_lines, english_lines

if TYPE_CHECKING:
    from pathlib import Path

    Given = tuple[str | Path, ...]

INPUT, OUTPUT = "model.embed_tokens.weight", "lm_head.weight"
HIDDEN = 64
DECAY = {"training__weight_decay": "0.1", "training__learning_rate": "1e-2"}
KINDS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "plain-2": ("--processes", "2"),
    "zero2": ("--zero", "2"),
    "zero2-2": ("--zero", "2", "--processes", "2"),
    "zero3": ("--zero", "3"),
    "zero3-2": ("--zero", "3", "--processes", "2"),
}
IN_PROCESS = {("plain", "embeddings", "fp32"), ("plain", "new-rows", "bf16")}
QUICK = {*IN_PROCESS, ("zero3-2", "new-rows", "bf16")}
MATRIX = [
    pytest.param(kind, only, precision, marks=() if (kind, only, precision) in QUICK else pytest.mark.slow)
    for kind in KINDS
    for only in ("embeddings", "new-rows")
    for precision in ("fp32", "bf16")
]


@dataclass(frozen=True)
class Extended:
    """A model with new rows."""

    folder: Path
    old: int
    rows: int


def within(out: Path, *given: str | int | Path, **settings: str) -> Run:
    """Run `pretrain` in this process, and leave its variables as they were."""
    before = dict(os.environ)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        os.environ.pop(name, None)
    try:
        done = command(*words("pretrain", out, *map(str, given), **settings)[3:])
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Run(done.code, done.out, done.err, out)


def extended_model(base: Path, vocabulary: Path, out: Path) -> Extended:
    done = command("extend", "--model", base, "--tokenizer", vocabulary, "--out", out)
    assert done.code == 0, done.err
    facts = json.loads((out / "extend.json").read_bytes())
    rows = weights(out)[INPUT].shape[0]
    assert 0 < facts["old_rows"] < rows
    return Extended(out, facts["old_rows"], rows)


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


def same_bits(one: Any, other: Any) -> bool:
    import torch

    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(torch.equal(one.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8)))


def check_only(model: Extended, run: Run, only: str, *, learned: tuple[str, ...] = (INPUT, OUTPUT)) -> None:
    """What was frozen is the old model's bit for bit, in the file and by the hashes; what learned has moved."""
    before, after = weights(model.folder), weights(run.folder)
    assert set(before) == set(after)
    first = model.old if only == "new-rows" else 0
    for name, tensor in before.items():
        if name not in learned:
            assert same_bits(tensor, after[name]), name
            continue
        assert same_bits(tensor[:first], after[name][:first]), name
        moved = (tensor != after[name]).any(dim=1)
        assert moved[model.old :].any(), name
        assert only == "new-rows" or moved[: model.old].any(), name
        assert after[name].isfinite().all()
    report = run.report
    assert len(report["frozen_sha256"]) == 2
    assert report["frozen_sha256"][0] == report["frozen_sha256"][1]
    # With new rows, the old ones are frozen tensors of their own.
    assert report["frozen_tensors"] == len(before) - (0 if only == "new-rows" else len(learned))
    assert report["learned_parameters"] == len(learned) * (model.rows - first) * HIDDEN
    assert report["parameters"] == sum(tensor.numel() for tensor in before.values())


@pytest.fixture(scope="module")
def extended(tiny_base: Path, merged_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Extended:
    return extended_model(tiny_base, merged_folder, tmp_path_factory.mktemp("extended") / "model")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    lines = [line for pair in zip(chinese_lines(150), english_lines(150), strict=True) for line in pair]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("kind", "only", "precision"), MATRIX)
def test_what_is_frozen_does_not_move(
    kind: str, only: str, precision: str, extended: Extended, text: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given: Given = ("--model", extended.folder, "--text", text, "--only", only, "--max-steps", "4", *KINDS[kind])
    changed = {**DECAY, "training__precision": precision}
    if (kind, only, precision) in IN_PROCESS:
        run = within(out, *given, **changed)
        assert run.code == 0, run.err
    else:
        run = run_well("pretrain", out, *given, **changed)
    check_only(extended, run, only)
    assert run.report["processes"] == (2 if kind.endswith("-2") else 1)
    assert run.report["zero"] == (int(kind[4]) if kind.startswith("zero") else 0)
    assert len(run.losses) == 4
    assert run.losses[-1] < run.losses[0]


@pytest.mark.parametrize("only", ["new-rows", "embeddings"])
def test_a_model_with_one_matrix_for_both(
    only: str, base_piece_model: Path, merged_folder: Path, text: Path, tmp_path: Path
) -> None:
    done = command("init-tiny", "--tokenizer", base_piece_model, "--out", tmp_path / "base", "--tie")
    assert done.code == 0, done.err
    model = extended_model(tmp_path / "base", merged_folder, tmp_path / "model")
    assert OUTPUT not in weights(model.folder)
    run = within(tmp_path / "out", "--model", model.folder, "--text", text, "--only", only, "--max-steps", "3", **DECAY)
    assert run.code == 0, run.err
    check_only(model, run, only, learned=(INPUT,))

    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(run.folder)
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight


def test_rows_are_rounded_to_the_type_that_is_stored(
    base_piece_model: Path, merged_folder: Path, text: Path, tmp_path: Path
) -> None:
    import torch

    done = command("init-tiny", "--tokenizer", base_piece_model, "--out", tmp_path / "base", "--dtype", "bfloat16")
    assert done.code == 0, done.err
    model = extended_model(tmp_path / "base", merged_folder, tmp_path / "model")
    run = within(tmp_path / "out", "--model", model.folder, "--text", text, "--max-steps", "3", **DECAY)
    assert run.code == 0, run.err
    check_only(model, run, "new-rows")
    assert {tensor.dtype for tensor in weights(run.folder).values()} == {torch.bfloat16}


def test_a_model_of_several_files_stays_one(extended: Extended, text: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    parts = tmp_path / "parts"
    shutil.copytree(extended.folder, parts)
    (parts / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(extended.folder).save_pretrained(parts, max_shard_size="200KB")
    files = sorted(path.name for path in parts.glob("*.safetensors"))
    assert len(files) > 1
    run = within(tmp_path / "out", "--model", parts, "--text", text, "--max-steps", "3", **DECAY)
    assert run.code == 0, run.err
    check_only(Extended(parts, extended.old, extended.rows), run, "new-rows")
    assert sorted(path.name for path in run.folder.glob("*.safetensors")) == files
    index = "model.safetensors.index.json"
    assert (run.folder / index).read_bytes() == (parts / index).read_bytes()


def test_what_learns_changes_no_loss_before_the_first_step(extended: Extended, text: Path, tmp_path: Path) -> None:
    runs = {
        only: within(tmp_path / only, "--model", extended.folder, "--text", text, "--only", only, "--max-steps", "2",
                     data__held_out="0.2")
        for only in ("new-rows", "embeddings", "all")
    }  # fmt: skip
    assert all(run.code == 0 for run in runs.values()), [run.err for run in runs.values()]
    reports = {only: run.report for only, run in runs.items()}
    before = [report["held_out_loss_before"] for report in reports.values()]
    assert before == pytest.approx([before[0]] * 3, abs=1e-6)
    assert [run.losses[0] for run in runs.values()] == pytest.approx([runs["all"].losses[0]] * 3, abs=1e-6)
    assert reports["all"]["learned_parameters"] == reports["all"]["parameters"]
    learned = [reports[only]["learned_parameters"] for only in ("new-rows", "embeddings", "all")]
    assert learned == sorted(set(learned))
    # The whole model learns: no tensor is as it was.
    old, new = weights(extended.folder), weights(runs["all"].folder)
    assert not any(same_bits(tensor, new[name]) for name, tensor in old.items())


@pytest.mark.parametrize("only", ["new-rows", "embeddings"])
def test_a_frozen_tensor_that_moves_ends_the_run(
    only: str, extended: Extended, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from belle_train.trainer import Watch

    def on_step_end(watch: Any, *_: Any, **__: Any) -> None:
        frozen = next(one for one in watch.trainer.model.parameters() if not one.requires_grad)
        with torch.no_grad():
            frozen.view(-1)[0] += 1e-3

    monkeypatch.setattr(Watch, "on_step_end", on_step_end)
    out = tmp_path / "out"
    run = within(out, "--model", extended.folder, "--text", text, "--only", only, "--max-steps", "2")
    assert run.code != 0
    assert "a frozen tensor has changed" in run.err
    assert "Traceback" not in run.err
    assert not list(out.glob("*.safetensors"))
    assert not (out / "train_report.json").exists()


def test_new_rows_are_known_by_extend_or_by_name(tiny_model: Path, text: Path, tmp_path: Path) -> None:
    given = ("--model", tiny_model, "--text", text, "--max-steps", "2")
    run = within(tmp_path / "out", *given, **DECAY)
    assert run.code == 2
    assert "the model has no extend.json" in run.err
    assert "--old-rows" in run.err
    assert not (tmp_path / "out").exists()
    rows = weights(tiny_model)[INPUT].shape[0]
    named = within(tmp_path / "named", *given, "--old-rows", rows - 100, **DECAY)
    assert named.code == 0, named.err
    check_only(Extended(tiny_model, rows - 100, rows), named, "new-rows")


@pytest.mark.parametrize("more", [0, 1])
def test_old_rows_that_leave_no_new_one_are_refused(more: int, tiny_model: Path, text: Path, tmp_path: Path) -> None:
    rows = weights(tiny_model)[INPUT].shape[0] + more
    run = within(tmp_path / "out", "--model", tiny_model, "--text", text, "--max-steps", "1", "--old-rows", rows)
    assert run.code == 2
    assert "the model has no new rows" in run.err
    assert str(rows) in run.err.replace(",", "")
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_an_unknown_choice_is_refused(tiny_model: Path, text: Path, tmp_path: Path) -> None:
    run = within(tmp_path / "out", "--model", tiny_model, "--text", text, "--only", "heads")
    assert run.code == 2
    assert "embeddings, new-rows or all" in run.err


def test_text_with_a_special_piece_is_left_out(extended: Extended, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("我们可以学习\n说</s>然后继续\n\n   \n中文分词模型\n", encoding="utf-8")
    run = within(tmp_path / "out", "--model", extended.folder, "--text", path, "--max-steps", "1")
    assert run.code == 0, run.err
    data = run.report["data"]
    assert data["left_out"] == {"special_piece": 1}
    assert data["conversations"] == 2
    assert "left out: special_piece" in run.out


@pytest.mark.parametrize("content", ["", "\n\n  \n", "</s>\n"])
def test_no_text_is_an_error(content: str, extended: Extended, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(content, encoding="utf-8")
    run = within(tmp_path / "out", "--model", extended.folder, "--text", path)
    assert run.code == 2
    assert "no text is left to learn" in run.err
    assert ("special_piece" in run.err) == ("</s>" in content)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_no_file_is_an_error(extended: Extended, tmp_path: Path) -> None:
    run = within(tmp_path / "out", "--model", extended.folder)
    assert run.code == 2
    assert "--text" in run.err


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "zero2-2", "zero3-2"])
def test_a_killed_run_goes_on_to_the_same_bits(kind: str, extended: Extended, text: Path, tmp_path: Path) -> None:
    given: Given = ("--model", extended.folder, "--text", text, "--max-steps", "12", "--epochs", "10", *KINDS[kind])
    changed = {**DECAY, "training__save_every": "4"}
    whole = run_well("pretrain", tmp_path / "whole", *given, **changed)
    out = tmp_path / "killed"
    run_and_kill("pretrain", out, out / "checkpoints" / "checkpoint-4" / "belle.json", *given, **changed)
    assert not (out / "train_report.json").exists()
    again = run_well("pretrain", out, *given, **changed)
    assert again.report["resumed_from_step"] >= 4
    assert again.losses == whole.losses
    assert (out / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    check_only(extended, again, "new-rows")
