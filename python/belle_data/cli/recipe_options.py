"""Options that are settings of a recipe, for the commands that read rows as ``clean`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from belle_data.config import Recipe

FORMATS = ("auto", "alpaca", "belle", "sharegpt", "messages", "text", "mixed")

# Flag, place in the recipe. The recipe knows what is allowed, so all mistakes are found together.
RECIPE_FLAGS = {
    "limit": ("input", "limit"),
    "dataset_info": ("input", "dataset_info"),
    "format": ("input", "format"),
    "max_bad_lines": ("input", "max_bad_lines"),
    "max_line_bytes": ("input", "max_line_bytes"),
    "max_ratio": ("input", "max_ratio"),
    "to": ("output", "to"),
    "shard_rows": ("output", "shard_rows"),
    "compress": ("output", "compress"),
    "lm": ("quality", "model"),
    "target_rows": ("diversity", "target_rows"),
    "against": ("decontaminate", "against"),
}
"""The table and the setting that a flag is for. A stage whose setting is given runs, also if no recipe names it."""


def add_recipe(words: argparse._ActionsContainer, example: str) -> None:
    """Add ``--recipe`` and ``--set``, the second with an example."""
    words.add_argument(
        "--recipe",
        metavar="FILE",
        help="settings in TOML, or the name of a recipe that comes with belle, such as belle-0.5m; recipes/clean.toml "
        "shows all with their defaults",
    )
    words.add_argument(
        "--set",
        metavar="TABLE.KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help=f"one setting on top of the recipe, such as {example}; may be repeated",
    )


def add_reading(words: argparse._ActionsContainer) -> None:
    """Add the options that say how rows are read."""
    words.add_argument("--format", metavar="NAME", help=f"shape of the rows: {', '.join(FORMATS)}")
    words.add_argument(
        "--dataset-info",
        metavar="FILE[:NAME]",
        help="a dataset_info.json as LLaMA-Factory has it: says how the columns of the input are named",
    )
    words.add_argument("--limit", metavar="N", help="only the first N rows")
    words.add_argument(
        "--max-bad-lines",
        metavar="N",
        help="fail above so many lines that are no rows (1 %% of the lines, at least 10)",
    )
    words.add_argument("--max-line-bytes", metavar="SIZE", help="a longer line is no row (64MiB)")
    words.add_argument(
        "--max-ratio", metavar="N", help="compressed data that grows more than so many times is a bomb (1000)"
    )


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe, with ``--set`` on top of the file, and on top of these the flags that the command has.

    Raises:
        RecipeError: There are mistakes; all of them are named.
    """
    from belle_data.config import load_recipe  # noqa: PLC0415 - a tenth of a second

    overrides: dict[str, Any] = {}
    for flag, (table, key) in RECIPE_FLAGS.items():
        value = getattr(options, flag, None)
        if value is not None:
            overrides.setdefault(table, {})[key] = value
    asked_for = [table for table in overrides if table not in {"input", "output"}]
    stages = getattr(options, "stages", None)
    if stages is not None:
        overrides["stages"] = [name.strip() for name in stages.split(",") if name.strip()]
    recipe = load_recipe(options.recipe, options.settings, overrides)
    missing = tuple(name for name in asked_for if name not in recipe.stages)
    if missing:
        recipe = recipe.model_copy(update={"stages": (*recipe.stages, *missing)})
    return recipe


def inputs_of(options: argparse.Namespace, recipe: Recipe) -> tuple[str, ...]:
    """The named inputs; none are needed where a ``dataset_info.json`` names them.

    Raises:
        UsageError: None is named, and there is no such file.
    """
    if not options.inputs and recipe.input.dataset_info is None:
        hint = f"python -m belle_data {options.command} --help lists the options"
        raise UsageError("the following arguments are required: INPUT", hint=hint)
    return tuple(options.inputs)
