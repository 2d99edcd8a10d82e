"""Settings of DeepSpeed's ZeRO (arXiv 1910.02054).

They name no optimiser and no schedule: those are the trainer's, so that the cosine stays a cosine.
"""

from __future__ import annotations

from typing import Any


def deepspeed_settings(stage: int, precision: str) -> dict[str, Any]:
    """The settings of a stage.

    Args:
        stage: 2 spreads gradients and the optimiser's state over the processes, 3 the parameters too.
        precision: ``bf16`` or ``fp32``.
    """
    zero: dict[str, Any] = {
        "stage": stage,
        "overlap_comm": False,
        "contiguous_gradients": True,
        "reduce_bucket_size": 50_000_000,
    }
    if stage == 2:
        zero |= {"allgather_partitions": True, "reduce_scatter": True, "allgather_bucket_size": 50_000_000}
    else:
        zero |= {
            "stage3_prefetch_bucket_size": "auto",
            "stage3_param_persistence_threshold": "auto",
            "stage3_gather_16bit_weights_on_model_save": True,
        }
    return {
        "zero_optimization": zero,
        "bf16": {"enabled": precision == "bf16"},
        "gradient_clipping": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        # torch's AdamW, which needs no compiler.
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "wall_clock_breakdown": False,
        "steps_per_print": 2**31,
    }


def begin_deepspeed(backend: str) -> None:
    """Let DeepSpeed know the other processes, quietly and without a compiler.

    Else it compiles its shared-memory collectives at first use; gloo does the same without.
    """
    import logging  # noqa: PLC0415

    import deepspeed  # noqa: PLC0415 - seconds
    from deepspeed.utils import logger  # noqa: PLC0415

    logger.setLevel(logging.ERROR)
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(dist_backend=backend, auto_mpi_discovery=False, verbose=False)
