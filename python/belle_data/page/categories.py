"""The category of each row, where rows have a field that says it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from belle_data import _native
    from belle_data.engine.progress import Listener

FIELDS = ("category", "class", "type")
"""Keys of a row that are looked for, the first one first."""
MOST_CATEGORIES = 1_000
"""Different values above which a field says something else."""
_LOOKED_AT = 100
_AT_ONCE = 50_000
_NONE = -1


class Categories:
    """The category of each row.

    Attributes:
        field: The key of a row that says it.
        names: The categories, in the order in which they come first.
        codes: ``int16 [rows]``, the place of each row's category in `names`; -1 for a row without one.
    """

    def __init__(self, field: str, rows: int) -> None:
        self.field = field
        self.names: list[str] = []
        self.codes: npt.NDArray[np.int16] = np.full(rows, _NONE, np.int16)
        self._places: dict[str, int] = {}

    def enter(self, start: int, column: pa.Array) -> bool:
        """Enter the categories of rows from `start` on; False if there are more than `MOST_CATEGORIES`."""
        encoded = column.dictionary_encode()
        places = np.full(len(encoded.dictionary) + 1, _NONE, np.int16)
        for at, name in enumerate(encoded.dictionary.to_pylist()):
            if name == "":
                continue
            place = self._places.setdefault(name, len(self.names))
            if place == MOST_CATEGORIES:
                return False
            if place == len(self.names):
                self.names.append(name)
            places[at] = place
        # The last place is that of rows without one.
        indices = pc.fill_null(encoded.indices, pa.scalar(len(encoded.dictionary), pa.int32())).to_numpy()
        self.codes[start : start + len(column)] = places[indices]
        return True


def read_categories(corpus: _native.Corpus, field: str | None, listener: Listener) -> Categories | None:
    """Read the category of each row.

    A category is a text, a number or a truth value, written as JSON writes it; an empty text is none.

    Args:
        corpus: The rows.
        field: The key of a row that says it; without it the first of `FIELDS` that some of the first hundred rows of a
            file have.
        listener: Is told about the progress.

    Returns:
        The categories; None where rows have no such field, or it has too many different values to be one.

    Raises:
        UsageError: The field that was named is on no row, or has more than `MOST_CATEGORIES` different values.
    """
    chosen = field if field is not None else _field(corpus)
    if chosen is None:
        return None
    rows = len(corpus)
    categories = Categories(chosen, rows)
    listener.begin("categories", rows, "rows")
    for start in range(0, rows, _AT_ONCE):
        lines = [corpus.line(row) for row in range(start, min(rows, start + _AT_ONCE))]
        if not categories.enter(start, _column(lines, chosen)):
            listener.end("none")
            _tell_too_many(chosen, named=field is not None, listener=listener)
            return None
        listener.update(start + len(lines))
    if not categories.names:
        listener.end("none")
        raise UsageError("no row has a category in the field", value=chosen, hint="name a key of the rows")
    listener.end(f"{len(categories.names):,} in the field {chosen}")
    return categories


def _tell_too_many(field: str, *, named: bool, listener: Listener) -> None:
    if named:
        hint = "name a field that says of which kind a row is"
        raise UsageError(f"the field has more than {MOST_CATEGORIES:,} different values", value=field, hint=hint)
    listener.message(f"note: the field {field} has more than {MOST_CATEGORIES:,} different values and is no category")


def _field(corpus: _native.Corpus) -> str | None:
    found = set()
    for row in _first_rows(corpus):
        values = _object(corpus.line(row))
        found |= {name for name in FIELDS if _category(values.get(name))}
    return next((name for name in FIELDS if name in found), None)


def _first_rows(corpus: _native.Corpus) -> Iterator[int]:
    starts = corpus.first_rows()
    for start, end in zip(starts, [*starts[1:], len(corpus)], strict=True):
        yield from range(start, min(end, start + _LOOKED_AT))


def _column(lines: list[bytes], field: str) -> pa.Array:
    """The categories of rows, one for each line; null for none."""
    schema = pa.schema([(field, pa.string())])
    size = sum(map(len, lines)) + len(lines) + 1
    try:
        table = pj.read_json(
            io.BytesIO(b"\n".join(lines)),
            read_options=pj.ReadOptions(use_threads=False, block_size=min(size, 1 << 30)),
            parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
        if len(table) == len(lines):
            return cast("pa.ChunkedArray", table[field]).combine_chunks()
    except pa.ArrowInvalid:
        # Values that are no texts, and what Arrow refuses in other fields, are read slowly.
        pass
    return pa.array([_category(_object(line).get(field)) for line in lines], pa.string())


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _category(value: object) -> str | None:
    """A value as the name of a category; None for what is none."""
    if isinstance(value, str):
        return value or None
    return json.dumps(value) if isinstance(value, bool | int | float) else None
