"""Settings in TOML files: read, put together with those of the command line, checked, every mistake told at once."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from belle_data.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LARGEST_RECIPE = 1 << 20
"""Bytes; a larger file was not meant to be one, and may have no end."""

_PLAIN_MESSAGES = {
    "dict_type": "must be a table",
    "model_attributes_type": "must be a table",
    "model_type": "must be a table",
    "tuple_type": "must be a list",
}
"""What pydantic says in words of Python, in those of TOML."""


def apply_settings(values: dict[str, Any], settings: Sequence[str], example: str) -> list[RecipeError]:
    """Put ``table.key=value`` settings on top of values.

    Args:
        values: Nested as the recipe is; changed in place.
        settings: The settings, the last of one name counts.
        example: A setting, for the hint of a mistake.

    Returns:
        The mistakes.
    """
    mistakes = []
    for setting in settings:
        try:
            _apply(values, setting, example)
        except RecipeError as error:
            mistakes.append(error)
    return mistakes


def read_toml(path: Path, presets: Sequence[str]) -> dict[str, Any]:
    """Read a recipe file.

    Args:
        path: The file.
        presets: Names of recipes that the user may have meant.

    Raises:
        RecipeError: It cannot be read, or is not TOML.
    """
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
            hint=f"name a file, or a recipe that comes with belle: {', '.join(presets)}",
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


def _apply(values: dict[str, Any], setting: str, example: str) -> None:
    name, equals, text = setting.partition("=")
    keys = [key.strip() for key in name.split(".")]
    if not equals or not all(keys):
        raise RecipeError("a setting must be table.key=value", value=setting, hint=f"for example {example}")
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


def mistake_of(error: Any, root: type[BaseModel]) -> RecipeError:
    """Say what pydantic found wrong in words of TOML.

    Args:
        error: One of the errors of a ``ValidationError``.
        root: The model of the whole recipe.
    """
    where = ".".join(str(part) for part in error["loc"])
    kind = error["type"]
    if kind == "extra_forbidden":
        table: type[BaseModel] = root
        for part in error["loc"][:-1]:
            annotation = table.model_fields[str(part)].annotation if str(part) in table.model_fields else None
            table = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else table
        hint = _suggestion(error["loc"][-1], table.model_fields)
        return RecipeError(f"`{where}` is no setting", value=error["input"], hint=hint)
    if kind == "literal_error":
        expected = error["ctx"]["expected"]
        known = re.findall(r"'([^']*)'", expected) or re.findall(r"\d+", expected)
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
