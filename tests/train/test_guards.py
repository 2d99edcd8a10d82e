"""What would fail without a word is refused: lost processes, wrong recipes, damaged weights, broken checkpoints."""

from __future__ import annotations

import os
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.train.conftest import Done, command
from tests.train.training_runs import rows_file, words
from tests.vocab.conftest import chinese_lines

from belle_data.errors import BelleError, RecipeError, UsageError
from belle_train import resuming
from belle_train.processes import (
    EXPECTED,
    Nodes,
    Place,
    child_environment,
    command_line,
    join_slurm,
    place,
    processes_wanted,
)
from belle_train.recipe import TrainingRecipe, load_training_recipe, preset_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """The variables of this process without those of a launcher; put back as they were."""
    before = dict(os.environ)
    for name in [*os.environ]:
        if name in {"RANK", "WORLD_SIZE", "LOCAL_RANK", EXPECTED} or name.startswith("SLURM_"):
            del os.environ[name]
    try:
        yield os.environ  # type: ignore[misc]
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def train(environment: dict[str, str], tmp_path: Path) -> Callable[..., Done]:  # noqa: ARG001
    """Run `sft` or `pretrain` for a step in this process."""
    data, text = rows_file(tmp_path / "rows.jsonl", 8), tmp_path / "text.txt"
    text.write_text("\n".join(chinese_lines(20)) + "\n", encoding="utf-8")

    def run(kind: str, model: Path, *given: str) -> Done:
        what = ("--data", data) if kind == "sft" else ("--text", text, "--only", "all")
        return command(*words(kind, tmp_path / "out", "--model", model, *what, "--max-steps", "1", *given)[3:])

    return run


def refused(done: Done, told: str, out: Path) -> None:
    assert done.code == 2, done.err
    assert told in done.err
    assert "Traceback" not in done.err
    assert not (out / "train_report.json").exists()
    assert not list(out.glob("*.safetensors"))


# Processes.


@pytest.mark.parametrize(
    ("environment_of_process", "found"),
    [
        ({}, None),
        ({"RANK": "1", "WORLD_SIZE": "4"}, Place(1, 4)),
        ({"RANK": "0", "WORLD_SIZE": "1"}, Place(0, 1)),
        ({"RANK": "1"}, None),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "3"}, Place(3, 4)),
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, None),
        ({"SLURM_NTASKS": "4"}, None),
        ({"RANK": "1", "WORLD_SIZE": "2", "SLURM_NTASKS": "8", "SLURM_PROCID": "5"}, Place(1, 2)),
    ],
)
def test_a_process_knows_its_place(environment_of_process: dict[str, str], found: Place | None) -> None:
    assert place(environment_of_process) == found


@pytest.mark.parametrize(
    "contradicting",
    [
        {"RANK": "2", "WORLD_SIZE": "2"},
        {"RANK": "-1", "WORLD_SIZE": "2"},
        {"RANK": "0", "WORLD_SIZE": "0"},
        {"RANK": "x", "WORLD_SIZE": "2"},
        {"RANK": "", "WORLD_SIZE": "2"},
        {"SLURM_NTASKS": "2", "SLURM_PROCID": "2"},
        {"SLURM_NTASKS": "two", "SLURM_PROCID": "0"},
    ],
)
def test_variables_that_contradict_each_other_are_refused(contradicting: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="of the environment") as found:
        place(contradicting)
    assert "torchrun" in str(found.value.hint)


def test_slurms_variables_get_the_names_that_torch_knows() -> None:
    slurm = {"SLURM_NTASKS": "4", "SLURM_PROCID": "3", "SLURM_LOCALID": "1"}
    joined = {**slurm, "MASTER_ADDR": "10.0.0.1"}
    join_slurm(joined)
    assert joined == {**slurm, "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500", "RANK": "3", "LOCAL_RANK": "1",
                      "WORLD_SIZE": "4"}  # fmt: skip
    with pytest.raises(UsageError, match="MASTER_ADDR must name the first machine") as found:
        join_slurm(dict(slurm))
    assert "scontrol" in str(found.value.hint)


@pytest.mark.parametrize(
    "alone",
    [
        {},
        {"SLURM_NTASKS": "1", "SLURM_PROCID": "0"},
        {"RANK": "0", "WORLD_SIZE": "2", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"},
        # A shell that salloc gave: there are to be tasks, and this is none of them.
        {"SLURM_NTASKS": "2"},
    ],
)
def test_without_slurms_tasks_nothing_is_joined(alone: dict[str, str]) -> None:
    joined = dict(alone)
    join_slurm(joined)
    assert joined == alone


@pytest.mark.parametrize(
    ("asked", "found", "gpus", "nodes", "wanted"),
    [
        (None, None, 0, 1, 1),
        (None, None, 8, 1, 8),
        (None, None, 8, 2, 16),
        (2, None, 0, 1, 2),
        (2, None, 8, 3, 6),
        (None, Place(0, 4), 0, 1, 4),
        (4, Place(0, 4), 0, 1, 4),
        (2, Place(0, 4), 2, 2, 4),
    ],
)
def test_how_many_processes_there_are(
    asked: int | None, found: Place | None, gpus: int, nodes: int, wanted: int
) -> None:
    assert processes_wanted(asked, found, gpus, nodes) == wanted


@pytest.mark.parametrize(
    ("asked", "found", "gpus", "told"),
    [
        (2, Place(0, 4), 0, "--processes asks for 2, and 4 were started"),
        (0, None, 0, "at least 1 process"),
        (4, None, 2, "--processes asks for 4, and this machine has 2 GPUs"),
    ],
)
def test_a_number_of_processes_that_cannot_be_is_refused(asked: int, found: Place | None, gpus: int, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        processes_wanted(asked, found, gpus, 1)


def test_processes_on_a_cpu_have_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert child_environment(2, cpu=True, threads=None)["OMP_NUM_THREADS"] == "1"
    assert child_environment(2, cpu=True, threads=3)["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in child_environment(2, cpu=False, threads=None)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert "OMP_NUM_THREADS" not in child_environment(2, cpu=True, threads=None)
    assert child_environment(2, cpu=True, threads=None)[EXPECTED] == "2"


def test_the_command_is_shown_as_one_would_write_it() -> None:
    assert command_line(["sft", "--data", "a b"], 2, Nodes()) == (
        "torchrun --standalone --nproc-per-node=2 -m belle_train sft --data 'a b'"
    )
    assert command_line(["sft"], 8, Nodes(2, 1, "10.0.0.1:29500")) == (
        "torchrun --nnodes=2 --node-rank=1 --master-addr=10.0.0.1 --master-port=29500 --nproc-per-node=8 "
        "-m belle_train sft"
    )


def test_processes_that_do_not_know_of_each_other_are_refused() -> None:
    from belle_train.trainer import TrainingError, check_world

    check_world(1)
    with pytest.raises(TrainingError, match="2 processes were to train one model, and this one knows of 1"):
        check_world(2)


@pytest.mark.parametrize(
    ("knows", "world", "zero", "on", "told"),
    [
        (1, 1, 0, False, None),
        (2, 2, 3, True, None),
        (1, 2, 0, False, "2 processes were to train one model"),
        (2, 1, 0, False, "the trainer knows of 1"),
        (2, 2, 2, False, "ZeRO 2 was asked for, and the trainer has DeepSpeed off"),
        (2, 2, 0, True, "the trainer has DeepSpeed on"),
    ],
)
def test_a_trainer_that_lost_processes_or_deepspeed_is_refused(
    knows: int, world: int, zero: int, on: bool, told: str | None
) -> None:
    from belle_train.trainer import TrainingError, check_trainer

    trainer: Any = SimpleNamespace(
        accelerator=SimpleNamespace(num_processes=knows),
        args=SimpleNamespace(world_size=world),
        is_deepspeed_enabled=on,
    )
    if told is None:
        check_trainer(trainer, world, zero)
        return
    with pytest.raises(TrainingError, match=told):
        check_trainer(trainer, max(knows, world), zero)


def test_a_process_that_lost_the_others_does_not_train(
    train: Callable[..., Done], environment: dict[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    import torch

    environment[EXPECTED] = "2"
    try:
        done = train("pretrain", tiny_model, "--cpu")
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    refused(done, "2 processes were to train one model, and this one knows of 1", tmp_path / "out")


def test_asking_for_other_processes_than_were_started_is_refused(
    train: Callable[..., Done], environment: dict[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    environment |= {"RANK": "0", "WORLD_SIZE": "2"}
    done = train("sft", tiny_model, "--processes", "4")
    refused(done, "--processes asks for 4, and 2 were started", tmp_path / "out")


# Recipes.


def recipe(**training: Any) -> TrainingRecipe:
    return TrainingRecipe.model_validate({"training": training})


@pytest.mark.parametrize(
    ("whole", "micro", "processes", "expected"),
    [
        (32, None, 1, (4, 8)),
        (32, None, 8, (4, 1)),
        (32, None, 16, (2, 1)),
        (32, 8, 2, (8, 2)),
        (6, None, 1, (3, 2)),
        (7, None, 1, (1, 7)),
        (1, None, 1, (1, 1)),
    ],
)
def test_a_step_is_split_to_the_same_whole(
    whole: int, micro: int | None, processes: int, expected: tuple[int, int]
) -> None:
    from belle_train.training import batch_sizes

    found = batch_sizes(recipe(global_batch=whole, micro_batch=micro), processes)
    assert found == expected
    assert found[0] * found[1] * processes == whole


@pytest.mark.parametrize(
    ("whole", "micro", "processes", "told", "hint"),
    [
        (32, None, 3, "a step of 32 sequences cannot be split over 3 processes", "--set training.global_batch=33"),
        (4, None, 8, "a step of 4 sequences cannot be split over 8 processes", "--set training.global_batch=8"),
        (32, 5, 1, "the 32 sequences .* cannot be split into micro batches of 5", "--set training.micro_batch=4"),
        (8, 8, 2, "the 4 sequences .* cannot be split into micro batches of 8", "--set training.micro_batch=4"),
    ],
)
def test_a_step_that_cannot_be_split_is_refused_with_one_that_can(
    whole: int, micro: int | None, processes: int, told: str, hint: str
) -> None:
    from belle_train.training import batch_sizes

    with pytest.raises(UsageError, match=told) as found:
        batch_sizes(recipe(global_batch=whole, micro_batch=micro), processes)
    assert found.value.hint == hint
    key, value = hint.rpartition(".")[2].split("=")
    batch_sizes(recipe(**{"global_batch": whole, "micro_batch": micro, key: int(value)}), processes)


def test_the_recipe_of_the_paper_has_its_values() -> None:
    assert "sft-belle-7b" in preset_names()
    found = load_training_recipe("sft-belle-7b")
    training = found.training
    assert (training.precision, training.epochs, training.global_batch) == ("bf16", 3, 32)
    assert (training.learning_rate, training.weight_decay) == (5e-6, 0)
    assert (training.warmup_ratio, training.schedule) == (0.03, "cosine")
    assert found.data.max_length == 2048


@pytest.mark.parametrize("name", preset_names())
def test_recipes_that_come_along_can_be_used(name: str) -> None:
    assert isinstance(load_training_recipe(name), TrainingRecipe)


def test_settings_go_on_top_of_the_recipe_and_flags_on_top_of_them() -> None:
    settings = ["training.epochs=1", "training.seed=7", "data.packing=true"]
    found = load_training_recipe("sft-belle-7b", settings, {"training": {"epochs": "2.5"}})
    assert (found.training.epochs, found.training.seed, found.data.packing) == (2.5, 7, True)
    assert found.training.learning_rate == 5e-6


def test_all_mistakes_of_a_recipe_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        '[data]\nmax_lenght = 5\npacking = "perhaps"\n[training]\nepochs = 0\nschedule = "cosinus"\n'
        'learning_rate = "fast"\nzero = 1\n[trainning]\n'
    )
    with pytest.raises(RecipeError) as found:
        load_training_recipe(path, ["training.seed=-1", "wrong"])
    text = str(found.value)
    assert len(found.value.mistakes) == 9
    for told in (
        "`data.max_lenght` is no setting",
        "did you mean max_length?",
        "`data.packing`",
        "`training.epochs`",
        "`training.schedule` has an unknown value",
        "did you mean cosine?",
        "`training.learning_rate`",
        "`training.zero`",
        "`trainning` is no setting",
        "did you mean training?",
        "`training.seed`",
        "a setting must be table.key=value",
    ):
        assert told in text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--set", "training.leaning_rate=1"), "did you mean learning_rate?"),
        (("--zero", "1"), "known here: 0, 2, 3"),
        (("--precision", "fp16"), "known here: bf16, fp32"),
        (("--epochs", "-1"), "`training.epochs`"),
        (("--recipe", "sft-belle-8b"), "sft-belle-7b"),
        (("--processes", "3"), "--set training.global_batch=9"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_made(
    given: tuple[str, ...], told: str, train: Callable[..., Done], tiny_model: Path, tmp_path: Path
) -> None:
    done = train("sft", tiny_model, *given)
    refused(done, told, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Models.


@pytest.mark.parametrize("kind", ["sft", "pretrain"])
def test_a_tokenizer_with_more_pieces_than_rows_is_refused(
    kind: str, train: Callable[..., Done], tiny_base: Path, tiny_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(tiny_base / name, model / name)
    done = train(kind, model)
    refused(done, "rows of embeddings", tmp_path / "out")
    assert "extend gives a model the rows" in done.err


@pytest.mark.parametrize("kind", ["sft", "pretrain"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run(
    kind: str, value: float, train: Callable[..., Done], tiny_model: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    tensors = load_file(model / "model.safetensors")
    tensors["model.norm.weight"][3] = value
    save_file(tensors, model / "model.safetensors", {"format": "pt"})
    done = train(kind, model)
    refused(done, "the loss of step 1 is nan", tmp_path / "out")
    assert "hint: a lower learning rate" in done.err


# Checkpoints.


def checkpoint(folder: Path, step: int, *, whole: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "weights").write_bytes(b"w")
    if whole:
        resuming.mark(path, {"step": step, "模型": "a"})
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_whole_checkpoint_is_gone_on_with(tmp_path: Path) -> None:
    assert resuming.newest(tmp_path / "missing") is None
    assert resuming.newest(tmp_path) is None
    checkpoint(tmp_path, 90)
    hundred = checkpoint(tmp_path, 100)
    checkpoint(tmp_path, 110, whole=False)
    (tmp_path / "checkpoint-abc").mkdir()
    (tmp_path / "checkpoint-200").write_text("no folder")
    assert resuming.newest(tmp_path) == (hundred, {"step": 100, "模型": "a"})
    assert names(hundred) == ["belle.json", "inner"]


def test_broken_checkpoints_are_removed_and_nothing_else(tmp_path: Path) -> None:
    resuming.remove_broken(tmp_path / "missing")
    checkpoint(tmp_path, 5)
    checkpoint(tmp_path, 10, whole=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "checkpoint-x").mkdir()
    resuming.remove_broken(tmp_path)
    assert names(tmp_path) == ["checkpoint-5", "checkpoint-x", "other"]


@pytest.mark.parametrize(
    ("keep", "left"),
    [(1, {"checkpoint-30", "checkpoint-40"}), (2, {"checkpoint-9", "checkpoint-30", "checkpoint-40"})],
)
def test_the_newest_whole_checkpoints_stay(keep: int, left: set[str], tmp_path: Path) -> None:
    for step in (3, 9, 30):
        checkpoint(tmp_path, step)
    checkpoint(tmp_path, 20, whole=False)
    # Newer than the newest whole one: another process may be writing it.
    checkpoint(tmp_path, 40, whole=False)
    resuming.prune(tmp_path, keep)
    assert set(names(tmp_path)) == left


def test_without_a_whole_checkpoint_nothing_is_pruned(tmp_path: Path) -> None:
    checkpoint(tmp_path, 20, whole=False)
    resuming.prune(tmp_path, 1)
    assert names(tmp_path) == ["checkpoint-20"]


def test_a_checkpoint_that_cannot_be_marked_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BelleError, match="the checkpoint cannot be written"):
        resuming.mark(tmp_path / "missing", {})


FACTS: dict[str, Any] = {
    "processes": 2,
    "zero": 2,
    "sequences": 10,
    "prepared": "p",
    "recipe": "r",
    "model": "m",
    "lora": False,
    "only": "all",
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"processes": 4}, "another processes: 4 there, 2 now"),
        ({"zero": 3}, "another stage of ZeRO: 3 there, 2 now"),
        ({"prepared": "q"}, "another data"),
        ({"recipe": "q"}, "another recipe"),
        ({"model": "q"}, "another model"),
        ({"lora": True}, "another use of LoRA: True there, False now"),
        ({"only": "new-rows"}, "another choice of what learns: 'new-rows' there, 'all' now"),
        ({"sequences": 11, "prepared": "q"}, "the data has 10 sequences, and had 11 at"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint-5"
    resuming.check_same({"step": 5, **FACTS}, FACTS, path)
    with pytest.raises(UsageError, match=told) as found:
        resuming.check_same({"step": 5, **FACTS, **change}, FACTS, path)
    assert "--force" in str(found.value.hint)
