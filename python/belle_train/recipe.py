"""Recipes of training: every setting with its default, range and unit, in one place.

The defaults are those of Table 3 of "Towards Better Instruction Following Language Models for Chinese" (arXiv
2304.07854), where it names one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from belle_data.errors import RecipeError
from belle_data.toml_settings import apply_settings, mistake_of, read_toml

if TYPE_CHECKING:
    from collections.abc import Sequence

_PRESETS = Path(__file__).with_name("recipes")
_EXAMPLE = "training.learning_rate=1e-5"
_OF_A_JUDGE = ("judge-", "compare-")
"""How the names of recipes in the same folder begin that `belle_train.judge.judge_prompts` reads."""

Zero = Literal[0, 2, 3]


class DataConfig(BaseModel):
    """How rows become sequences of tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_length: Annotated[int, Field(ge=8, le=1 << 20)] = Field(
        2048, description="Tokens of a sequence; what is longer is cut at its end."
    )
    packing: bool = Field(
        True,
        description="Put several conversations into a sequence; none sees another, and each begins at position 0.",
    )
    other_roles: Literal["error", "leave-out"] = Field(
        "error", description="What is done with a row that has turns of other roles than system, user and assistant."
    )
    held_out: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0, description="Share of the conversations that are not learned, for the held-out loss; at least one."
    )
    mixture: str | None = Field(
        None,
        description="Which rows of which data sets: names joined by +, with zh(…) or en(…) around those of which only "
        "the rows in that language count; without it all rows of `--data`.",
    )


class TrainingConfig(BaseModel):
    """How it is learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Literal["bf16", "fp32"] = Field("bf16", description="Numbers of the forward and backward pass.")
    epochs: Annotated[float, Field(gt=0, le=1000)] = Field(3.0, description="How often each sequence is seen.")
    max_steps: Annotated[int, Field(ge=1)] | None = Field(None, description="End after so many steps, if before.")
    global_batch: Annotated[int, Field(ge=1, le=1 << 20)] = Field(
        32, description="Sequences of a step, over all processes and accumulated micro batches."
    )
    micro_batch: Annotated[int, Field(ge=1, le=1 << 16)] | None = Field(
        None,
        description="Sequences that a process takes at once; without it the global batch divided by the processes, "
        "at most 4.",
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(5e-6, description="The highest, after the warm-up.")
    weight_decay: Annotated[float, Field(ge=0, le=10)] = Field(0.0, description="Of AdamW.")
    warmup_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        0.03, description="Share of the steps in which the learning rate rises."
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="How the learning rate falls after the warm-up."
    )
    max_gradient_norm: Annotated[float, Field(gt=0)] = Field(1.0, description="Longer gradients are scaled to it.")
    zero: Zero = Field(0, description="Stage of DeepSpeed's ZeRO: 2, 3, or 0 for none.")
    gradient_checkpointing: bool = Field(False, description="Compute activations again in place of keeping them.")
    attention: Literal["sdpa", "eager", "flash_attention_2"] = Field(
        "sdpa", description="Implementation of the attention; flash_attention_2 needs its package and a GPU."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(42, description="Of the order of sequences and of LoRA.")
    log_every: Annotated[int, Field(ge=1)] = Field(10, description="Steps between two lines of the log.")
    save_every: Annotated[int, Field(ge=1)] = Field(500, description="Steps between two checkpoints.")
    keep_checkpoints: Annotated[int, Field(ge=1)] = Field(2, description="The newest so many stay while it trains.")


class LoraConfig(BaseModel):
    """Low-rank adapters (arXiv 2106.09685), used with ``--lora``; the defaults are Baize's (arXiv 2304.01196)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: Annotated[int, Field(ge=1, le=4096)] = Field(8, description="Rank of the matrices.")
    alpha: Annotated[float, Field(gt=0)] = Field(16, description="Scale, divided by the rank.")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.05, description="Share of inputs that is dropped.")
    modules: tuple[str, ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        description="Linear layers that get adapters, by the end of their names.",
    )


class TrainingRecipe(BaseModel):
    """All settings of ``sft`` and ``pretrain``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: DataConfig = Field(default_factory=DataConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    lora: LoraConfig = Field(default_factory=LoraConfig)


def preset_names() -> list[str]:
    """The recipes of training that come with belle, by the names that `load_training_recipe` knows."""
    return sorted(path.stem for path in _PRESETS.glob("*.toml") if not path.stem.startswith(_OF_A_JUDGE))


def load_training_recipe(
    path: str | Path | None, settings: Sequence[str] = (), overrides: dict[str, dict[str, Any]] | None = None
) -> TrainingRecipe:
    """Read a recipe file, apply ``table.key=value`` settings, then `overrides` (nested as the recipe is).

    Args:
        path: The file, or the name of one of `preset_names`; a file of that name goes before it.
        settings: On top of it.
        overrides: On top of these.

    Raises:
        RecipeError: The file cannot be read or is not TOML, or it has mistakes; all of them are named at once.
    """
    values: dict[str, Any] = {}
    if path is not None:
        preset = str(path) in preset_names() and not Path(path).is_file()
        values = read_toml(_PRESETS / f"{path}.toml" if preset else Path(path), preset_names())
    mistakes = apply_settings(values, settings, _EXAMPLE)
    for table, entries in (overrides or {}).items():
        if isinstance(values.setdefault(table, {}), dict):
            values[table].update(entries)
    try:
        recipe = TrainingRecipe.model_validate(values)
    except ValidationError as error:
        mistakes.extend(mistake_of(one, TrainingRecipe) for one in error.errors(include_url=False))
        raise RecipeError.of(mistakes, path) from None
    if mistakes:
        raise RecipeError.of(mistakes, path)
    return recipe
