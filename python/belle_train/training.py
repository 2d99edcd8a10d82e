"""Fine-tuning and pretraining, from the recipe to the written model. Read `train` first: it is the whole way.

The loop is that of transformers (`pretrain`) and TRL (`sft`). What is ours is before it (the sequences, the order, what
may learn), around it (guards, checkpoints, proof) and after it (what is written).
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from belle_data.errors import RunFolderError, UsageError
from belle_data.vocab.merged_folder import names_in_place
from belle_train import resuming
from belle_train.model_folder import check_model, json_bytes, read_json, versions
from belle_train.packing import Collator, training_order
from belle_train.prepare_rows import prepare_conversations
from belle_train.prepare_text import prepare_text
from belle_train.prepared import HELD_OUT, TRAIN, read_prepared
from belle_train.processes import Place, child_environment, free_port, join_slurm
from belle_train.quiet_libraries import quiet_libraries
from belle_train.tokenizer import check_fits, load_tokenizer, pad_id

if TYPE_CHECKING:
    from pathlib import Path

    from belle_data.engine.progress import Listener
    from belle_train.prepared import Prepared
    from belle_train.recipe import TrainingRecipe

REPORT, LOG, PREPARED, CHECKPOINTS, BOARD = "train_report.json", "log.jsonl", "prepared", "checkpoints", "tensorboard"
LOCK = ".lock"
"""Held while a training writes into the folder."""
MOST_AT_ONCE = 4
"""Sequences of a micro batch, if the recipe does not say."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained.

    Attributes:
        kind: ``sft`` or ``pretrain``.
        model: The folder of the model.
        out: The folder for the new one.
        recipe: Every setting.
        data: Files of rows, for ``sft``.
        sources: ``NAME=PATH`` for a mixture, for ``sft``.
        text: Files of text, for ``pretrain``.
        only: What learns, for ``pretrain``: ``embeddings``, ``new-rows`` or ``all``.
        old_rows: Rows that stay with ``new-rows``; None for what ``extend.json`` of the model says.
        lora: Whether adapters are trained in place of the model.
        limit: Only so many rows or lines.
        cpu: Train without a GPU, also where there is one.
        force: Begin anew where a training has ended or was interrupted.
    """

    kind: Literal["sft", "pretrain"]
    model: Path
    out: Path
    recipe: TrainingRecipe
    data: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    only: str = "all"
    old_rows: int | None = None
    lora: bool = False
    limit: int | None = None
    cpu: bool = False
    force: bool = False


@dataclass(slots=True)
class Report:
    """What ``train_report.json`` says."""

    kind: str
    model: str
    steps: int
    epochs: float
    sequences_a_step: int
    micro_batch: int
    accumulated: int
    processes: int
    zero: int
    device: str
    precision: str
    lora: bool
    only: str
    parameters: int
    learned_parameters: int
    data: dict[str, Any]
    recipe: dict[str, Any]
    recipe_sha256: str
    loss_first: float | None = None
    loss_last: float | None = None
    held_out_loss_before: float | None = None
    held_out_loss_after: float | None = None
    frozen_tensors: int = 0
    frozen_sha256: list[str] = field(default_factory=list)
    resumed_from_step: int = 0
    seconds: float = 0.0
    tokens_per_second: float | None = None
    peak_memory_bytes: int = 0
    versions: dict[str, str] = field(default_factory=dict)


def check_job(job: Job, processes: int) -> Job:
    """Refuse what cannot work, before any process is started and anything is loaded.

    Returns:
        The job, with the number of old rows.

    Raises:
        UsageError: Something is missing, or does not go together.
    """
    check_model(job.model)
    out = job.out.absolute()
    if out == job.model.absolute():
        raise UsageError("the new model cannot go where the old one is", path=job.out)
    present = names_in_place(out) - {LOCK}
    if present and not present & {REPORT, PREPARED, CHECKPOINTS, LOG}:
        raise UsageError("the folder holds other files", path=job.out, value=min(present), hint="name another folder")
    batch_sizes(job.recipe, processes)
    if job.kind == "pretrain" and job.only == "new-rows" and job.old_rows is None:
        extend = job.model / "extend.json"
        if not extend.is_file():
            hint = "extend writes it; or name the rows that stay with --old-rows N"
            raise UsageError("the model has no extend.json, so its new rows are not known", path=job.model, hint=hint)
        return replace(job, old_rows=int(read_json(extend)["old_rows"]))
    return job


def batch_sizes(recipe: TrainingRecipe, processes: int) -> tuple[int, int]:
    """Split the global batch.

    Args:
        recipe: Says how many sequences a step has, and how many a process takes at once.
        processes: In all.

    Returns:
        Sequences of a micro batch, and how many micro batches are accumulated: their product with the processes is the
        global batch, whatever the processes are.

    Raises:
        UsageError: It cannot be split.
    """
    whole, micro = recipe.training.global_batch, recipe.training.micro_batch
    hint = f"--set training.global_batch={-(-whole // processes) * processes}"
    if whole % processes:
        raise UsageError(f"a step of {whole} sequences cannot be split over {processes} processes", hint=hint)
    each = whole // processes
    if micro is None:
        micro = next(size for size in range(min(each, MOST_AT_ONCE), 0, -1) if each % size == 0)
    if each % micro:
        message = f"the {each} sequences that a process has in a step cannot be split into micro batches of {micro}"
        raise UsageError(
            message, hint=f"--set training.micro_batch={next(n for n in range(micro, 0, -1) if each % n == 0)}"
        )
    return micro, each // micro


def train(job: Job, here: Place, listener: Listener) -> dict[str, Any] | None:
    """Train as one of the processes.

    Args:
        job: What; checked by `check_job`.
        here: Which process this is.
        listener: Is told about the progress.

    Returns:
        What ``train_report.json`` says, in the first process; else None.

    Raises:
        BelleError: Input, model or settings cannot be used, a guard found something, or the result cannot be written.
    """
    with quiet_libraries():
        _begin(job, here)
        _prepare_folder(job, here)
        prepared = _prepare(job, here, listener)
        return _train(job, here, prepared, listener)


def _begin(job: Job, here: Place) -> None:
    """Let the processes find each other, before anything waits for another."""
    import torch  # noqa: PLC0415 - seconds

    cpu = job.cpu or not torch.cuda.is_available()
    # The library reads these when it is first imported.
    os.environ.update(child_environment(here.size, cpu=cpu, threads=None))
    if "OMP_NUM_THREADS" in os.environ:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    join_slurm(os.environ)  # type: ignore[arg-type]
    if here.size > 1 or job.recipe.training.zero:
        for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("MASTER_PORT", str(free_port()))
        if not torch.distributed.is_initialized():
            from datetime import timedelta  # noqa: PLC0415

            if not cpu:
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            # The first process may cut millions of rows into pieces while the others wait.
            torch.distributed.init_process_group("gloo" if cpu else "nccl", timeout=timedelta(hours=3))
    if job.recipe.training.zero:
        from belle_train.deepspeed_settings import begin_deepspeed  # noqa: PLC0415

        begin_deepspeed("gloo" if cpu else "nccl")
    from belle_train.trainer import check_world  # noqa: PLC0415

    check_world(here.size)


def _prepare_folder(job: Job, here: Place) -> None:
    if here.rank:
        return
    try:
        job.out.mkdir(exist_ok=True)
        _lock(job.out)
        if job.force:
            for name in (REPORT, LOG):
                (job.out / name).unlink(missing_ok=True)
            for name in (CHECKPOINTS, BOARD):
                shutil.rmtree(job.out / name, ignore_errors=True)
        resuming.remove_broken(job.out / CHECKPOINTS)
    except OSError as error:
        raise RunFolderError(f"the folder cannot be written ({error.strerror})", path=job.out) from None


_LOCKS: list[Any] = []


def _lock(folder: Path) -> None:
    """Keep the folder for this process until it ends, also if it is killed.

    Raises:
        RunFolderError: Another training has it.
    """
    import fcntl  # noqa: PLC0415 - not on every system

    while _LOCKS:
        _LOCKS.pop().close()
    handle = (folder / LOCK).open("w", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        hint = "wait for it, or end it: pgrep -f belle_train lists such processes"
        raise RunFolderError("another training works in this folder", path=folder, hint=hint) from None
    _LOCKS.append(handle)


def _prepare(job: Job, here: Place, listener: Listener) -> Prepared:
    """Make the sequences in the first process; the others wait, then find them made."""
    from belle_train.prepared import Prepared  # noqa: PLC0415
    from belle_train.trainer import wait_for_all  # noqa: PLC0415

    folder, config = job.out / PREPARED, job.recipe.data
    if here.rank == 0:
        if job.kind == "sft":
            prepared = prepare_conversations(job.data, job.sources, job.model, config, folder, listener, job.limit)
        else:
            prepared = prepare_text(job.text, job.model, config, folder, listener, job.limit)
        wait_for_all()
        return prepared
    wait_for_all()
    return Prepared(**read_json(folder / "prepared.json"))


def _train(job: Job, here: Place, prepared: Prepared, listener: Listener) -> dict[str, Any] | None:
    import torch  # noqa: PLC0415 - seconds
    from datasets import Dataset  # noqa: PLC0415 - seconds
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - seconds

    from belle_train import trainer as trainers  # noqa: PLC0415 - imports torch
    from belle_train.arguments import lora_settings, trainer_arguments  # noqa: PLC0415
    from belle_train.frozen_rows import freeze  # noqa: PLC0415
    from belle_train.written import write_result  # noqa: PLC0415

    began, settings = time.perf_counter(), job.recipe.training
    micro, accumulated = batch_sizes(job.recipe, here.size)
    order = training_order(prepared.sequences, settings.epochs, settings.global_batch, settings.seed)
    steps = min(len(order) // settings.global_batch, settings.max_steps or len(order))
    order = order[: steps * settings.global_batch]
    tokenizer = load_tokenizer(job.model)
    sequences = _with_filler(read_prepared(job.out / PREPARED, TRAIN), pad_id(tokenizer))
    order[order < 0] = len(sequences) - 1
    dataset = Dataset(sequences).select(order)
    # Before the model is loaded: ZeRO-3 spreads it while it is read.
    arguments = trainer_arguments(job, micro, accumulated, steps)
    dtype = torch.bfloat16 if settings.zero and settings.precision == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        str(job.model), dtype=dtype, attn_implementation=settings.attention, local_files_only=True
    )
    embeddings: Any = model.get_input_embeddings()
    check_fits(tokenizer, getattr(embeddings.weight, "ds_shape", embeddings.weight.shape)[0], job.model)
    if job.kind == "pretrain":
        freeze(model, job.only, job.old_rows)
    facts = _facts(job, here, prepared)
    found = resuming.newest(job.out / CHECKPOINTS)
    if found is not None:
        resuming.check_same(found[1], facts, found[0])
    collator = Collator(pad_id(tokenizer), flat=settings.attention == "flash_attention_2")
    held_out = Dataset(read_prepared(job.out / PREPARED, HELD_OUT)) if prepared.held_out else None
    watch = trainers.Watch(
        listener,
        job.out / LOG,
        job.out / CHECKPOINTS,
        settings.keep_checkpoints,
        facts,
        None if held_out is None else lambda: trainers.held_out_loss(trainer, held_out, collator, micro),
        settings.zero,
        _two_conversations(sequences) if job.recipe.data.packing else None,
        None if found is None else found[1].get("held_out_loss_before"),
    )
    common: dict[str, Any] = {
        "model": model,
        "args": arguments,
        "data_collator": collator,
        "train_dataset": dataset,
        "processing_class": tokenizer,
        "callbacks": [watch],
    }
    trainer: Any
    if job.kind == "sft":
        trainer = trainers.AnswerTrainer(**common, peft_config=lora_settings(job.recipe.lora) if job.lora else None)
    else:
        trainer = trainers.TextTrainer(**common)
    watch.trainer = trainer
    trainers.check_trainer(trainer, here.size, settings.zero)
    _remove_printing(trainer)
    trainer.train(resume_from_checkpoint=None if found is None else str(found[0]))
    trainers.check_frozen(watch.frozen_before, watch.frozen_after)
    report = Report(
        kind=job.kind,
        model=str(job.model),
        steps=steps,
        epochs=round(
            steps
            * settings.global_batch
            / max(1, -(-prepared.sequences // settings.global_batch) * settings.global_batch),
            6,
        ),
        sequences_a_step=settings.global_batch,
        micro_batch=micro,
        accumulated=accumulated,
        processes=here.size,
        zero=settings.zero,
        device="cpu" if arguments.device.type == "cpu" else torch.cuda.get_device_name(),
        precision=settings.precision,
        lora=job.lora,
        only=job.only,
        parameters=_count(trainer.model, learned=False),
        learned_parameters=_count(trainer.model, learned=True),
        data=prepared.to_dict(),
        recipe=job.recipe.model_dump(mode="json"),
        recipe_sha256=facts["recipe"],
        held_out_loss_before=watch.held_out_before,
        held_out_loss_after=watch.held_out_after,
        frozen_tensors=watch.frozen_before[0] if watch.frozen_before else 0,
        frozen_sha256=[one[1] for one in (watch.frozen_before, watch.frozen_after) if one],
        resumed_from_step=0 if found is None else int(found[1]["step"]),
        versions=versions("torch", "transformers", "trl", "peft", "accelerate", "deepspeed"),
    )
    if watch.losses:
        report.loss_first, report.loss_last = watch.losses[0]["loss"], watch.losses[-1]["loss"]
    seen = watch.steps_done * settings.global_batch / max(1, prepared.sequences) * prepared.tokens
    report.tokens_per_second = round(seen / watch.seconds, 1) if watch.seconds and watch.steps_done else None
    report.peak_memory_bytes = _peak_memory(cpu=arguments.device.type == "cpu")
    report.seconds = round(time.perf_counter() - began, 2)
    write_result(job, trainer, report, watch.losses)
    return asdict(report) if here.rank == 0 else None


def _with_filler(sequences: Any, pad: int) -> Any:
    """The sequences, and after them one of which nothing is learned, for the steps that are not full."""
    import pyarrow as pa  # noqa: PLC0415

    filler = pa.table({"input_ids": [[pad]], "labels": [[-100]], "seq_lengths": [[1]]}).cast(sequences.schema)
    return pa.concat_tables([sequences, filler])


def _facts(job: Job, here: Place, prepared: Prepared) -> dict[str, Any]:
    """What must be the same for a checkpoint to be gone on with."""
    recipe = job.recipe.model_dump(mode="json")
    # These change no weight.
    for name in ("log_every", "save_every", "keep_checkpoints", "micro_batch"):
        recipe["training"].pop(name)
    model = [[path.name, path.stat().st_size] for path in sorted(job.model.glob("*.safetensors"))]
    config = (job.model / "config.json").read_text(encoding="utf-8")
    return {
        "processes": here.size,
        "zero": job.recipe.training.zero,
        "sequences": prepared.sequences,
        "prepared": prepared.fingerprint,
        "recipe": sha256(json_bytes(recipe)).hexdigest(),
        "model": sha256(json_bytes([model, config])).hexdigest(),
        "lora": job.lora,
        "only": job.only,
    }


def _remove_printing(trainer: Any) -> None:
    """Losses go to the log, not between the lines of a command."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback  # noqa: PLC0415

    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)


def _two_conversations(sequences: Any) -> tuple[list[int], list[int]]:
    """Pieces of the first sequence as two conversations, cut short."""
    ids = sequences["input_ids"][0].as_py()
    first = ids[: max(2, min(64, len(ids) // 2))]
    return first, ids[len(first) : len(first) + 64] or first


def _count(model: Any, *, learned: bool) -> int:
    return sum(
        getattr(parameter, "ds_numel", parameter.numel())
        for parameter in model.parameters()
        if parameter.requires_grad or not learned
    )


def _peak_memory(*, cpu: bool) -> int:
    """Bytes that this process has used at most: of the GPU where there is one."""
    import resource  # noqa: PLC0415

    import torch  # noqa: PLC0415

    if not cpu:
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
