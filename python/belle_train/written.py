"""What a training leaves: the model, or the adapters, with the tokenizer, the report and the picture of the losses."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from belle_data.errors import RunFolderError
from belle_train.model_folder import GENERATION_CONFIG, LICENCES, MODEL_CONFIG, TOKENIZER_FILES, json_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from belle_train.training import Job, Report


def write_result(job: Job, trainer: Any, report: Report, losses: list[dict[str, Any]]) -> None:
    """Write the result of a training; every process has to call it.

    The files of the model appear when all of them are written; ``train_report.json`` is the last. Checkpoints go then.

    Raises:
        RunFolderError: It cannot be written.
    """
    from belle_train.loss_picture import loss_page  # noqa: PLC0415
    from belle_train.trainer import wait_for_all  # noqa: PLC0415
    from belle_train.training import CHECKPOINTS, REPORT  # noqa: PLC0415

    first = trainer.is_world_process_zero()
    temporary = job.out / ".model.tmp"
    try:
        if first:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
        wait_for_all()
        if job.kind == "pretrain" and job.only != "all":
            _write_rows(job, trainer, temporary, first=first)
        else:
            trainer.save_model(str(temporary))
        wait_for_all()
        if not first:
            return
        for pattern in ("training_args.bin", "README.md"):
            (temporary / pattern).unlink(missing_ok=True)
        _copy_companions(job, temporary)
        (temporary / "loss.html").write_text(loss_page(asdict(report), losses), encoding="utf-8")
        for path in sorted(temporary.iterdir()):
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
            path.rename(job.out / path.name)
        temporary.rmdir()
        last = job.out / f".{REPORT}.tmp"
        last.write_bytes(json_bytes(asdict(report)))
        last.rename(job.out / REPORT)
        shutil.rmtree(job.out / CHECKPOINTS, ignore_errors=True)
    except OSError as error:
        raise RunFolderError(f"the model cannot be written ({error.strerror or error})", path=job.out) from None


def _write_rows(job: Job, trainer: Any, folder: Path, *, first: bool) -> None:
    """Write the model anew with the rows that learned; every other byte is the old model's."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config  # noqa: PLC0415 - seconds

    from belle_train.frozen_rows import learned_rows  # noqa: PLC0415 - imports torch
    from belle_train.row_replacement import replace_rows  # noqa: PLC0415 - imports torch

    rows = {name: (start, values) for name, start, values in learned_rows(trainer.model, job.only)}
    # The model's shapes are looked up on one process; ZeRO-3 would spread that model too, and wait for the others.
    unset_hf_deepspeed_config()
    if first:
        replace_rows(job.model, folder, rows)


def _copy_companions(job: Job, folder: Path) -> None:
    """The tokenizer as it is in the old model's folder, its licences, and what says how it was extended."""
    names = [*TOKENIZER_FILES, GENERATION_CONFIG, "extend.json", "row_map.json"]
    if not (job.kind == "sft" and job.lora):
        names += [MODEL_CONFIG] if job.kind == "pretrain" else []
    paths = [job.model / name for name in names] + [path for one in LICENCES for path in job.model.glob(one)]
    for path in paths:
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
