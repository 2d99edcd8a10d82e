"""``recipe``: what a recipe comes to, and whether it is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from belle_data.cli.terminal import emit, emit_json
from belle_data.errors import escaped

if TYPE_CHECKING:
    import argparse


def recipe_command(options: argparse.Namespace) -> int:
    """Print the whole of a recipe, or what it changes.

    Raises:
        RecipeError: There are mistakes; all of them are named.
    """
    from belle_data.config import Recipe, load_recipe  # noqa: PLC0415 - a tenth of a second

    recipe = load_recipe(options.file, options.settings)
    changes = _changes(recipe.model_dump(mode="json"), Recipe().model_dump(mode="json"))
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


def _changes(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings that are not at their default, by their dotted name."""
    changes = {}
    for name, value in values.items():
        if isinstance(value, dict):
            inner = _changes(value, defaults[name])
            changes.update({f"{name}.{key}": change for key, change in inner.items()})
        elif value != defaults[name]:
            changes[name] = {"value": value, "default": defaults[name]}
    return changes


def _verdict(file: str | None, stages: list[str], changes: dict[str, dict[str, Any]]) -> str:
    lines = [f"{escaped(file or 'the default recipe')} is a valid recipe; it runs {', '.join(stages) or 'no stage'}"]
    lines += [f"  {name} = {_shown(one['value'])}  (default {_shown(one['default'])})" for name, one in changes.items()]
    if not changes:
        lines.append("  every setting has its default")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
