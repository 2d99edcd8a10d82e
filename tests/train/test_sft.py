"""`sft` through the command line: what is learned, equal steps on any number of processes, going on after a kill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.train.training_runs import Run, rows_file, run, run_and_kill, run_well

if TYPE_CHECKING:
    from pathlib import Path

KINDS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "plain-2": ("--processes", "2"),
    "zero2": ("--zero", "2"),
    "zero2-2": ("--zero", "2", "--processes", "2"),
    "zero3": ("--zero", "3"),
    "zero3-2": ("--zero", "3", "--processes", "2"),
}
QUICK = {"plain-2", "zero3-2"}


def _slow_but(quick: set[str]) -> list[Any]:
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in KINDS]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rows_file(tmp_path_factory.mktemp("rows") / "rows.jsonl")


@pytest.fixture(scope="module")
def plain(tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """20 steps on one process, with a tenth of the rows held out."""
    out = tmp_path_factory.mktemp("sft") / "plain"
    given: tuple[str | Path, ...] = ("--model", tiny_model, "--data", rows, "--max-steps", "20", "--epochs", "10")
    return run_well("sft", out, *given, data__held_out="0.1")


def test_the_loss_falls_and_the_folder_is_a_model(plain: Run, tiny_model: Path) -> None:
    assert len(plain.losses) == 20
    assert plain.losses[-1] < plain.losses[0] - 0.2
    report = plain.report
    assert report["held_out_loss_after"] < report["held_out_loss_before"] - 0.2
    assert report["data"]["held_out"] == 6
    assert report["data"]["sources"][0]["rows"] == 60
    assert not (plain.folder / "checkpoints").exists()
    assert (plain.folder / "tokenizer.json").read_bytes() == (tiny_model / "tokenizer.json").read_bytes()

    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(plain.folder)
    assert model.get_input_embeddings().weight.shape[0] >= len(AutoTokenizer.from_pretrained(plain.folder))
    assert "held-out loss" in plain.out


@pytest.mark.parametrize("kind", _slow_but(QUICK))
def test_the_same_steps_on_any_number_of_processes(
    kind: str, plain: Run, tiny_model: Path, rows: Path, tmp_path: Path
) -> None:
    given: tuple[str | Path, ...] = (
        "--model",
        tiny_model,
        "--data",
        rows,
        "--max-steps",
        "20",
        "--epochs",
        "10",
        *KINDS[kind],
    )
    found = run_well("sft", tmp_path / kind, *given, data__held_out="0.1")
    assert found.losses == pytest.approx(plain.losses, abs=1e-5)
    assert found.report["processes"] == (2 if kind.endswith("-2") else 1)
    assert found.report["held_out_loss_after"] == pytest.approx(plain.report["held_out_loss_after"], abs=1e-5)
    if kind.endswith("-2"):
        assert "starts: torchrun" in found.err


def test_the_micro_batch_changes_no_step(plain: Run, tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    given: tuple[str | Path, ...] = ("--model", tiny_model, "--data", rows, "--max-steps", "5", "--epochs", "10")
    one = run_well("sft", tmp_path / "one", *given, data__held_out="0.1", training__micro_batch="1",
                   training__schedule="constant")  # fmt: skip
    four = run_well("sft", tmp_path / "four", *given, data__held_out="0.1", training__schedule="constant")
    assert one.report["accumulated"] == 8
    assert four.report["accumulated"] == 2
    assert one.losses == pytest.approx(four.losses, abs=1e-5)
    assert one.losses[0] == pytest.approx(plain.losses[0], abs=1e-5)


@pytest.mark.parametrize(
    "kind",
    [
        "plain",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("plain-2", "zero2-2", "zero3-2", "lora", "zero2")),
    ],
)
def test_a_killed_run_goes_on_to_the_same_bits(kind: str, tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    flags = ("--lora",) if kind == "lora" else KINDS[kind]
    given: tuple[str | Path, ...] = (
        "--model",
        tiny_model,
        "--data",
        rows,
        "--max-steps",
        "24",
        "--epochs",
        "10",
        *flags,
    )
    settings = {"training__save_every": "4", "data__held_out": "0.1"}
    whole = run_well("sft", tmp_path / "whole", *given, **settings)
    out = tmp_path / "killed"
    run_and_kill("sft", out, out / "checkpoints" / "checkpoint-4" / "belle.json", *given, **settings)
    assert not (out / "train_report.json").exists()
    again = run_well("sft", out, *given, **settings)
    assert again.report["resumed_from_step"] >= 4
    assert again.losses == whole.losses
    assert again.report["held_out_loss_before"] == whole.report["held_out_loss_before"]
    assert again.report["held_out_loss_after"] == whole.report["held_out_loss_after"]
    name = "adapter_model.safetensors" if kind == "lora" else "model.safetensors"
    assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_checkpoint_that_is_not_whole_is_not_used(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    given: tuple[str | Path, ...] = ("--model", tiny_model, "--data", rows, "--max-steps", "30", "--epochs", "10")
    out = tmp_path / "out"
    run_and_kill("sft", out, out / "checkpoints" / "checkpoint-4" / "belle.json", *given, training__save_every="2")
    for path in (out / "checkpoints").iterdir():
        (path / "belle.json").unlink(missing_ok=True)
    again = run_well("sft", out, *given, training__save_every="2")
    assert again.report["resumed_from_step"] == 0


@pytest.fixture(scope="module")
def interrupted(tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after a checkpoint."""
    out = tmp_path_factory.mktemp("interrupted") / "out"
    given: tuple[str | Path, ...] = ("--model", tiny_model, "--data", rows, "--max-steps", "40", "--epochs", "10")
    run_and_kill("sft", out, out / "checkpoints" / "checkpoint-4" / "belle.json", *given, training__save_every="4")
    return out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--processes", "2"), "another processes: 1 there, 2 now"),
        (("--learning-rate", "0.5"), "another recipe"),
        (("--lora",), "another use of LoRA"),
        (("--limit", "20"), "the data has"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    change: tuple[str, ...], told: str, interrupted: Path, tiny_model: Path, rows: Path
) -> None:
    given: tuple[str | Path, ...] = (
        "--model",
        tiny_model,
        "--data",
        rows,
        "--max-steps",
        "40",
        "--epochs",
        "10",
        *change,
    )
    settings = {} if change[0] != "--learning-rate" else {"training__learning_rate": "0.5"}
    found = run("sft", interrupted, *given, **settings)
    assert found.code == 2
    assert told in found.err
    assert found.err.count("error: ") == 1
    assert "--force" in found.err


def _prepared(
    tiny_model: Path, folder: Path, rows: list[dict[str, Any]], **settings: str
) -> tuple[Run, list[dict[str, Any]]]:
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    found = run("sft", folder / "out", "--model", tiny_model, "--data", data, "--max-steps", "1", **settings)
    named = folder / "out" / "prepared" / "left_out.jsonl"
    return found, [json.loads(line) for line in named.read_text().splitlines()] if named.exists() else []


def test_a_folder_is_trained_into_by_one_at_a_time(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        (out / "log.jsonl").touch()
        found = run("sft", out, "--model", tiny_model, "--data", rows, "--max-steps", "1", "--processes", "1")
    assert found.code == 2
    assert "another training works in this folder" in found.err


def test_rows_that_cannot_be_learned_are_named(tiny_model: Path, tmp_path: Path) -> None:
    user, assistant = {"role": "user", "content": "问题是什么"}, {"role": "assistant", "content": "答案在这里"}
    rows = [
        {"id": "good", "messages": [user, assistant]},
        {"id": "silent", "messages": [user]},
        {"id": "hostile", "messages": [{"role": "user", "content": "说</s>"}, assistant]},
        {"id": "long", "messages": [{"role": "user", "content": "问" * 500}, assistant]},
    ]
    found, named = _prepared(tiny_model, tmp_path, rows)
    assert found.code == 0, found.err
    assert {row["id"]: row["reason"] for row in named} == {
        "silent": "no_answer",
        "hostile": "special_piece",
        "long": "nothing_learned",
    }
    assert "left out: special_piece" in found.out


def test_an_unknown_role_is_an_error_or_left_out(tiny_model: Path, tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "问"},
        {"role": "tool", "content": "工具"},
        {"role": "assistant", "content": "答"},
    ]
    rows = [{"id": "tool", "messages": turns}, {"id": "good", "messages": [turns[0], turns[2]]}]
    found, _ = _prepared(tiny_model, tmp_path, rows)
    assert found.code == 2
    assert "'tool'" in found.err
    assert "data.other_roles=leave-out" in found.err
    # Into the same folder, which the error has left without a model.
    found, named = _prepared(tiny_model, tmp_path, rows, data__other_roles='"leave-out"')
    assert found.code == 0, found.err
    assert named == [{"source": "data", "row": 0, "id": "tool", "reason": "other_role"}]
