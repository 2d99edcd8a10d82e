"""Recipes: every setting of a run, with its default, range and unit, in one place.

A recipe is a TOML file with a table for the input, the output and each stage. What it leaves out has the default of
the models here; what the command line sets with ``--set table.key=value`` comes on top.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from belle_data.errors import RecipeError
from belle_data.sizes import bytes_of
from belle_data.sources.decode import MAX_RATIO
from belle_data.stages.decontaminate import NO_EVALUATION_FILE, DecontaminateConfig
from belle_data.stages.diversity import DiversityConfig
from belle_data.stages.exact_dedup import ExactDedupConfig
from belle_data.stages.near_dedup import NearDedupConfig
from belle_data.stages.normalise import NormaliseConfig
from belle_data.stages.quality import QualityConfig
from belle_data.stages.rules import RulesConfig
from belle_data.stages.semantic_dedup import SemanticDedupConfig
from belle_data.toml_settings import apply_settings, mistake_of, read_toml

if TYPE_CHECKING:
    from collections.abc import Sequence

Format = Literal["auto", "alpaca", "belle", "sharegpt", "messages", "text", "mixed"]
OutputFormat = Literal["same", "alpaca", "belle", "sharegpt", "messages"]
StageName = Literal[
    "normalise", "rules", "exact_dedup", "near_dedup", "semantic_dedup", "decontaminate", "quality", "diversity"
]

_PRESETS = Path(__file__).with_name("recipes")
_EXAMPLE = "near_dedup.threshold=0.85"
MOST_ROWS = 2**32
"""Row numbers have 32 bits."""


class InputConfig(BaseModel):
    """How the input is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format = Field("auto", description="Shape of the rows; `auto` looks at the first 100 rows of each file.")
    max_line_bytes: Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(bytes_of)] = Field(
        64 << 20, description='Longer lines are rejected; in bytes, or as a text with a unit such as "64MiB".'
    )
    max_ratio: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        MAX_RATIO,
        description="Compressed data that becomes more than so many times larger, over 256 MiB of text in a row, "
        "is taken for a decompression bomb, and the run fails.",
    )
    max_bad_lines: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Rejected lines above which the run fails; without it 1 % of the lines, at least 10."
    )
    dataset_info: str | None = Field(
        None,
        description="A `dataset_info.json` as LLaMA-Factory has it, or `FILE:name` for one data set of it: says how "
        "the columns of the input are named.",
    )
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = Field(
        None, description="Read only so many rows, from the start."
    )


class OutputConfig(BaseModel):
    """How the kept rows are written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: OutputFormat = Field("same", description="Shape of the written rows; `same` leaves every byte as it came.")
    shard_rows: Annotated[int, Field(ge=1, le=MOST_ROWS)] = Field(100_000, description="Kept rows in a shard.")
    compress: Literal["none", "gz", "zst"] = Field("none", description="Compression of the shards.")


class Recipe(BaseModel):
    """All settings of a run of `clean`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: tuple[StageName, ...] = Field(
        ("normalise", "rules", "exact_dedup", "near_dedup", "semantic_dedup", "quality"),
        description="The stages that run, each at most once, in the order of the pipeline.",
    )
    input: InputConfig = Field(default_factory=InputConfig)
    output: OutputConfig = Field(default_factory=OutputConfig)
    normalise: NormaliseConfig = Field(default_factory=NormaliseConfig)
    rules: RulesConfig = Field(default_factory=RulesConfig)
    exact_dedup: ExactDedupConfig = Field(default_factory=ExactDedupConfig)
    near_dedup: NearDedupConfig = Field(default_factory=NearDedupConfig)
    semantic_dedup: SemanticDedupConfig = Field(default_factory=SemanticDedupConfig)
    decontaminate: DecontaminateConfig = Field(default_factory=DecontaminateConfig)
    quality: QualityConfig = Field(default_factory=QualityConfig)
    diversity: DiversityConfig = Field(default_factory=DiversityConfig)


def load_recipe(
    path: str | Path | None, settings: Sequence[str] = (), overrides: dict[str, Any] | None = None
) -> Recipe:
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
        values = read_toml(_preset(path) or Path(path), preset_names())
    mistakes = apply_settings(values, settings, _EXAMPLE)
    for table, entries in (overrides or {}).items():
        if not isinstance(entries, dict):
            values[table] = entries
        elif isinstance(values.setdefault(table, {}), dict):
            values[table].update(entries)
    return _validated(values, mistakes, path)


def preset_names() -> list[str]:
    """The recipes that come with belle, by the names that `load_recipe` knows."""
    return sorted(path.stem for path in _PRESETS.glob("*.toml"))


def _preset(path: str | Path) -> Path | None:
    """The file of a recipe that comes with belle, if its name is given and no file has it."""
    if str(path) not in preset_names() or Path(path).is_file():
        return None
    return _PRESETS / f"{path}.toml"


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """A recipe with ``table.key=value`` settings on top.

    Raises:
        RecipeError: There are mistakes; all of them are named at once.
    """
    values = recipe.model_dump(mode="json")
    return _validated(values, apply_settings(values, settings, _EXAMPLE), None)


def changed_settings(recipe: Recipe) -> dict[str, Any]:
    """The settings that are not at their default, by their dotted name."""
    defaults = Recipe().model_dump(mode="json")
    changed: dict[str, Any] = {}
    for name, value in recipe.model_dump(mode="json").items():
        if isinstance(value, dict):
            inner = {f"{name}.{key}": one for key, one in value.items() if one != defaults[name][key]}
            changed.update(inner)
        elif value != defaults[name]:
            changed[name] = value
    return changed


def _validated(values: dict[str, Any], mistakes: list[RecipeError], path: str | Path | None) -> Recipe:
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        mistakes.extend(mistake_of(one, Recipe) for one in error.errors(include_url=False))
        raise RecipeError.of(mistakes, path) from None
    missing = recipe.diversity.missing() if "diversity" in recipe.stages else None
    if missing is not None:
        hint = f"for example --set diversity.{missing}={500_000 if missing == 'target_rows' else 1000}"
        mistakes.append(RecipeError(f"the stage diversity needs `diversity.{missing}`", hint=hint))
    if len(set(recipe.stages)) != len(recipe.stages):
        mistakes.append(RecipeError("a stage is named twice", value=list(recipe.stages), hint="name each stage once"))
    if "decontaminate" in recipe.stages and not recipe.decontaminate.against:
        mistakes.append(RecipeError("decontaminate has no evaluation rows to look for", hint=NO_EVALUATION_FILE))
    if mistakes:
        raise RecipeError.of(mistakes, path)
    return recipe
