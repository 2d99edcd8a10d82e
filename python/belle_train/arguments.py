"""What a recipe means to the trainers of transformers and TRL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from belle_train.recipe import LoraConfig
    from belle_train.training import Job


def trainer_arguments(job: Job, micro: int, accumulated: int, steps: int) -> Any:
    """The arguments of the trainer of transformers or TRL.

    Args:
        job: What is trained.
        micro: Sequences of a micro batch.
        accumulated: Micro batches of a step.
        steps: In all.
    """
    import torch  # noqa: PLC0415 - seconds
    from transformers import TrainingArguments  # noqa: PLC0415 - seconds
    from trl import SFTConfig  # noqa: PLC0415 - seconds

    from belle_train.deepspeed_settings import deepspeed_settings  # noqa: PLC0415

    settings = job.recipe.training
    cpu = job.cpu or not torch.cuda.is_available()
    if cpu and settings.zero:
        # accelerate drops DeepSpeed where it is told to use the CPU, and forgets the other processes where it is not.
        # So it is told for the processes alone, and then that DeepSpeed is on.
        from accelerate import DistributedType, PartialState  # noqa: PLC0415

        PartialState(cpu=True, backend="gloo").distributed_type = DistributedType.DEEPSPEED
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(job.out / "tensorboard")
    common: dict[str, Any] = {
        "output_dir": str(job.out / "checkpoints"),
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": accumulated,
        "max_steps": steps,
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "warmup_steps": round(settings.warmup_ratio * steps),
        "lr_scheduler_type": settings.schedule,
        "max_grad_norm": settings.max_gradient_norm,
        "bf16": settings.precision == "bf16",
        "use_cpu": cpu,
        "seed": settings.seed,
        "data_seed": settings.seed,
        "logging_steps": settings.log_every,
        "logging_first_step": True,
        # A loss that is not a number is an error, and not to be filtered out of the log.
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": settings.save_every,
        "report_to": _boards(),
        "remove_unused_columns": False,
        "dataloader_drop_last": False,
        "dataloader_pin_memory": not cpu,
        "disable_tqdm": True,
        "activation_checkpointing": settings.gradient_checkpointing,
        "average_tokens_across_devices": True,
        "ddp_find_unused_parameters": False,
        "ddp_backend": "gloo" if cpu and torch.distributed.is_initialized() else None,
        "accelerator_config": {
            "split_batches": False,
            "dispatch_batches": False,
            "even_batches": True,
            "use_configured_state": cpu and settings.zero > 0,
        },
        "deepspeed": deepspeed_settings(settings.zero, settings.precision) if settings.zero else None,
    }
    if job.kind == "pretrain":
        return TrainingArguments(**common)
    return SFTConfig(**common, max_length=None, packing=False, dataset_kwargs={"skip_prepare_dataset": True})


def _boards() -> list[str]:
    from importlib.util import find_spec  # noqa: PLC0415

    boards = ["tensorboard"] if find_spec("tensorboard") else []
    if find_spec("wandb") and (os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_MODE") == "offline"):
        boards.append("wandb")
    return boards


def lora_settings(settings: LoraConfig) -> Any:
    """The adapters of a recipe, as peft takes them."""
    from peft import LoraConfig as PeftConfig  # noqa: PLC0415 - seconds

    return PeftConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.modules),
    )
