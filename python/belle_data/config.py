"""Recipes: every setting of a run, with its default, range and unit, in one place.

A recipe is a TOML file with a table for the input, the output and each stage. What it leaves out has the default of
the models here; what the command line sets with ``--set table.key=value`` comes on top.
"""

from __future__ import annotations

import difflib
import re
import tomllib
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Format = Literal["auto", "alpaca", "belle", "sharegpt", "messages", "text", "mixed"]
OutputFormat = Literal["same", "alpaca", "belle", "sharegpt", "messages"]
StageName = Literal[
    "normalise", "rules", "exact_dedup", "near_dedup", "semantic_dedup", "decontaminate", "quality", "diversity"
]

_PRESETS = Path(__file__).with_name("recipes")
LARGEST_RECIPE = 1 << 20
"""Bytes; a larger file was not meant to be one, and may have no end."""
MOST_ROWS = 2**32
"""Row numbers have 32 bits."""

_PLAIN_MESSAGES = {
    "dict_type": "must be a table",
    "model_attributes_type": "must be a table",
    "model_type": "must be a table",
    "tuple_type": "must be a list",
}
"""What pydantic says in words of Python, in those of TOML."""


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
        values = _read_toml(_preset(path) or Path(path))
    mistakes = _apply_all(values, settings)
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
    return _validated(values, _apply_all(values, settings), None)


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


def _apply_all(values: dict[str, Any], settings: Sequence[str]) -> list[RecipeError]:
    """Put settings on top of values; gives the mistakes."""
    mistakes = []
    for setting in settings:
        try:
            _apply(values, setting)
        except RecipeError as error:
            mistakes.append(error)
    return mistakes


def _validated(values: dict[str, Any], mistakes: list[RecipeError], path: str | Path | None) -> Recipe:
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        mistakes.extend(_mistake(one) for one in error.errors(include_url=False))
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


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as handle:
            data = handle.read(LARGEST_RECIPE + 1)
        if len(data) > LARGEST_RECIPE:
            raise RecipeError(
                f"the file is larger than {LARGEST_RECIPE >> 20} MiB, which no recipe is",
                path=path,
                hint="was the input meant? name it without --recipe",
            )
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise RecipeError(
            f"the recipe cannot be read ({error.strerror})",
            path=path,
            hint=f"name a file, or a recipe that comes with belle: {', '.join(preset_names())}",
        ) from None
    except UnicodeDecodeError as error:
        raise RecipeError("the recipe is not UTF-8", path=path, byte=error.start) from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"the recipe is not TOML: {error}", path=path) from None
    except RecursionError:
        raise RecipeError("the recipe is nested too deeply", path=path) from None
    except ValueError as error:
        # A number of thousands of digits, or a NUL in the path.
        raise RecipeError(f"the recipe cannot be read ({error})", path=path) from None


def _apply(values: dict[str, Any], setting: str) -> None:
    name, equals, text = setting.partition("=")
    keys = [key.strip() for key in name.split(".")]
    if not equals or not all(keys):
        raise RecipeError(
            "a setting must be table.key=value", value=setting, hint="for example near_dedup.threshold=0.85"
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        # Not TOML, nested without end, or a number of thousands of digits: the text is then judged as it stands.
        value = text.strip()
    table = values
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise RecipeError(f"`{key}` is no table", value=setting)
    table[keys[-1]] = value


def _mistake(error: Any) -> RecipeError:
    where = ".".join(str(part) for part in error["loc"])
    kind = error["type"]
    if kind == "extra_forbidden":
        table: type[BaseModel] = Recipe
        for part in error["loc"][:-1]:
            annotation = table.model_fields[str(part)].annotation if str(part) in table.model_fields else None
            table = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else table
        hint = _suggestion(error["loc"][-1], table.model_fields)
        return RecipeError(f"`{where}` is no setting", value=error["input"], hint=hint)
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        what = "unknown stage" if error["loc"][:1] == ("stages",) else f"`{where}` has an unknown value"
        return RecipeError(what, value=error["input"], hint=_suggestion(error["input"], known))
    if kind in _PLAIN_MESSAGES:
        return RecipeError(f"`{where}` {_PLAIN_MESSAGES[kind]}", value=error["input"])
    if kind in {"setting_conflict", "value_error"}:
        # About several settings of the table: all of it is no value to show.
        context = error.get("ctx", {})
        return RecipeError(f"`{where}`: {context.get('error', error['msg'])}", hint=context.get("hint"))
    message = str(error["msg"])
    message = message[:1].lower() + message[1:]
    return RecipeError(f"`{where}`: {message}" if where else message, value=error["input"])


def _suggestion(wrong: object, known: Iterable[str]) -> str:
    """Name what is known, first what is most like the wrong word."""
    words = list(known)
    near = difflib.get_close_matches(str(wrong), words, n=1, cutoff=0.6)
    start = f"did you mean {near[0]}? " if near else ""
    return f"{start}known here: {', '.join(words)}"
