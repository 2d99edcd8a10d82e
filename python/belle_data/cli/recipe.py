"""``recipe``: what a recipe comes to, and whether it is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness
from belle_data.cli.terminal import emit, emit_json
from belle_data.errors import escaped

if TYPE_CHECKING:
    import argparse


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "recipe",
        usage="recipe show|validate [FILE] [OPTIONS]",
        description="show prints a recipe whole, every setting with what it means; validate says whether it is one, "
        "and what it changes. All mistakes are told at once. Without FILE it is the recipe of the defaults.",
        epilog=EXIT_CODES,
    )
    words.add_argument("action", metavar="ACTION", choices=("show", "validate"), help="show or validate")
    words.add_argument("file", metavar="FILE", nargs="?", help="a recipe in TOML")
    words.add_argument(
        "--set", metavar="TABLE.KEY=VALUE", action="append", default=[], dest="settings", help="a setting on top of it"
    )
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Print the whole of a recipe, or what it changes.

    Raises:
        RecipeError: There are mistakes; all of them are named.
    """
    from belle_data.config import changed_settings, load_recipe  # noqa: PLC0415 - a tenth of a second

    recipe = load_recipe(options.file, options.settings)
    changes = changed_settings(recipe)
    if options.action == "validate":
        if options.json:
            emit_json({"file": options.file, "valid": True, "stages": list(recipe.stages), "changes": changes})
        else:
            emit(_verdict(options.file, list(recipe.stages), changes))
    elif options.json:
        emit_json(recipe.model_dump(mode="json"))
    else:
        from belle_data.recipe_docs import recipe_toml  # noqa: PLC0415

        emit(recipe_toml(recipe).rstrip("\n"))
    return 0


def _verdict(file: str | None, stages: list[str], changes: dict[str, Any]) -> str:
    lines = [f"{escaped(file or 'the default recipe')} is a valid recipe; it runs {', '.join(stages) or 'no stage'}"]
    lines += [f"  {name} = {_shown(value)}" for name, value in changes.items()]
    if not changes:
        lines.append("  every setting has its default")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
