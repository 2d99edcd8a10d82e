"""``python -m belle_data.recipe_docs [FOLDER]``: writes the pages about recipes from the models that hold the defaults.

They are ``recipes/clean.toml``, every setting with its default, and ``docs/recipes.md``, the same as tables. A test
compares both with the models.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from belle_data.config import Recipe
from belle_data.pipeline import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 100

_TOML_HEAD = """\
Every setting of `clean`, with its default. A recipe needs only what it changes. A setting without a value here is not
set unless a recipe sets it. Written by `python -m belle_data.recipe_docs`; copy it to change it."""

_PAGE_HEAD = """\
# Recipes

A recipe is a TOML file with all that decides the result of `clean`: a table for the input, one for the output, and one
for each stage. `recipes/clean.toml` holds every setting with its default. A recipe needs only what it changes:

```toml
stages = ["near_dedup"]

[near_dedup]
threshold = 0.85
```

```sh
python -m belle_data clean raw.jsonl --recipe mine.toml
python -m belle_data clean raw.jsonl --recipe mine.toml --set near_dedup.threshold=0.9 --limit 10000
python -m belle_data clean raw.jsonl --recipe mine.toml --dry-run
```

`--set` goes on top of the file, and a flag of its own name (`--limit` is `input.limit`) on top of both. All mistakes of
a recipe are told at once. `--dry-run` shows what a recipe comes to, with the settings that are derived from others.
`--threads` and `--instruction-set` are no part of a recipe: the result does not depend on them.

This page is written by `python -m belle_data.recipe_docs` from the models in `belle_data/config.py` and
`belle_data/stages/`.
"""


def recipe_toml(recipe: Recipe | None = None) -> str:
    """A recipe as TOML, every setting with what it means; without one the text of ``recipes/clean.toml``.

    A value that is not the default has the default beside it.
    """
    values = (recipe or Recipe()).model_dump(mode="json")
    lines = [] if recipe else [*_comment(_TOML_HEAD), ""]
    for name, about in _settings(Recipe):
        lines += [*_comment(_described(about)), _toml_line(name, values[name], about["default"]), ""]
    for table, model in _tables():
        lines += [f"[{table}]", *_comment(_first_line(model)), ""]
        for name, about in _settings(model):
            lines += [*_comment(_described(about)), _toml_line(name, values[table][name], about["default"]), ""]
    return "\n".join(lines[:-1]) + "\n"


def recipe_page() -> str:
    """The text of ``docs/recipes.md``."""
    parts = [_PAGE_HEAD, _table(Recipe)]
    for table, model in _tables():
        parts += [f"## `[{table}]`\n\n{_stage_text(table) or _first_line(model)}\n", _table(model)]
    return "\n".join(parts)


def write(folder: Path) -> list[Path]:
    """Write both files below a folder, the root of the project, and say which they are."""
    pages = {folder / "recipes" / "clean.toml": recipe_toml(), folder / "docs" / "recipes.md": recipe_page()}
    for path, text in pages.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(pages)


def _tables() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, setting in Recipe.model_fields.items():
        if isinstance(setting.annotation, type) and issubclass(setting.annotation, BaseModel):
            yield name, setting.annotation


def _settings(model: type[BaseModel]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and JSON schema of each setting of a table, without the tables in it."""
    schema = model.model_json_schema()
    for name, about in schema["properties"].items():
        if "$ref" not in about:
            yield name, about


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").partition("\n")[0]


def _stage_text(table: str) -> str | None:
    """What the stage of a table does, and its reasons; None for a table of no stage."""
    for stage in STAGES:
        if stage.name == table:
            reasons = ", ".join(f"`{reason}`" for reason in stage.reasons)
            return f"{inspect.cleandoc(stage.__doc__ or '')}\n\nReasons in the ledger: {reasons}."
    return None


def _described(about: dict[str, Any]) -> str:
    allowed = _allowed(about)
    return f"{about['description']} {allowed[:1].upper()}{allowed[1:]}."


def _allowed(about: dict[str, Any]) -> str:
    """What a setting may be, in words."""
    if "anyOf" in about:
        return " or ".join(_allowed(one) for one in about["anyOf"] if one.get("type") != "null")
    if "enum" in about:
        return "one of " + ", ".join(f"`{value}`" for value in about["enum"])
    if about["type"] == "array":
        known = about["items"].get("enum")
        return "a list of texts" if known is None else "any of " + ", ".join(f"`{value}`" for value in known)
    noun = {"integer": "a whole number", "number": "a number", "string": "a text", "boolean": "true or false"}
    bounds = []
    for key, words in (("minimum", "from"), ("exclusiveMinimum", "above")):
        if key in about:
            bounds.append(f"{words} {about[key]:,}")
    for key, words in (("maximum", "to"), ("exclusiveMaximum", "below")):
        if key in about:
            bounds.append(f"{words} {about[key]:,}")
    return " ".join([noun[about["type"]], *bounds])


def _toml_line(name: str, value: Any, default: Any) -> str:
    # JSON writes these kinds of values as TOML does; TOML has no null.
    line = f"#{name} =" if value is None else f"{name} = {json.dumps(value, ensure_ascii=False)}"
    if value == default:
        return line
    return f"{line}  # default: {'not set' if default is None else json.dumps(default, ensure_ascii=False)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH - 2)]


def _table(model: type[BaseModel]) -> str:
    lines = ["| Setting | Default | Allowed | |", "|---|---|---|---|"]
    for name, about in _settings(model):
        default = "not set" if about["default"] is None else f"`{json.dumps(about['default'], ensure_ascii=False)}`"
        lines.append(f"| `{name}` | {default} | {_allowed(about)} | {about['description']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else ".")):
        sys.stdout.write(f"{written}\n")
