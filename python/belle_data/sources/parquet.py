"""Parquet rows as lines of JSON, a batch at a time.

Columns are turned to JSON text as a whole, which is faster than row by row.
"""

from __future__ import annotations

import base64
import json
import math
from contextlib import contextmanager
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, BinaryIO

from belle_data.errors import SourceError
from belle_data.sources.decode import RatioGuard
from belle_data.sources.optional import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH_ROWS = 2_048
"""Rows in memory at a time."""


def parquet_lines(
    handle: BinaryIO, size: int | None, name: str, progress: Callable[[int], None] | None = None
) -> Iterator[bytes]:
    """Write the rows of a Parquet file as JSON objects, one per line, in pieces of some thousand rows.

    Times and decimals become strings, durations integers of their unit, bytes their text or else base64, maps lists of
    pairs, NaN and infinity null. A string that is not UTF-8 keeps its bytes, so that the reading of lines rejects its
    row and no other.

    Args:
        handle: The file, open and seekable.
        size: Its bytes, if known.
        name: The source's name, for errors.
        progress: Called after each piece with the bytes of the file that it stands for; they add up to `size`.

    Raises:
        SourceError: The file is damaged, has no column, has two columns of one name, or expands like a bomb.
    """
    arrow = load("pyarrow", "reading Parquet")
    parquet = load("pyarrow.parquet", "reading Parquet")
    with _damage(arrow, name, "the Parquet file is damaged", size):
        # Without buffering ahead, memory holds some pages of a row group and not all of it.
        file = parquet.ParquetFile(handle, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True)
        schema = file.schema_arrow
    if len(schema) == 0:
        raise SourceError("the Parquet file has no columns", path=name)
    names = list(schema.names)
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise SourceError("two columns of the Parquet file have the same name", path=name, value=twice[0])
    template = (
        "{"
        + ", ".join(f"{encode_basestring(column)}: %s".replace("%", "%%", column.count("%")) for column in names)
        + "}\n"
    )
    total = max(file.metadata.num_rows, 1)
    guard = RatioGuard(name)
    rows = told = 0
    with _damage(arrow, name, "the Parquet file is damaged", None):
        batches = file.iter_batches(batch_size=BATCH_ROWS)
    while True:
        with _damage(arrow, name, f"the Parquet file is damaged near row {rows + 1:,}", None):
            batch = next(batches, None)
        if batch is None:
            break
        with _damage(arrow, name, f"the Parquet rows from {rows + 1:,} on cannot be read", None):
            columns = [_texts(arrow, column) for column in batch.columns]
        rows += batch.num_rows
        output = "".join([template % row for row in zip(*columns, strict=True)]).encode("utf-8", "surrogateescape")
        done = (size or 0) * rows // total
        guard.add(done - told, len(output), done)
        if output:
            yield output
        if progress is not None and size is not None:
            progress(done - told)
        told = done
    if rows != file.metadata.num_rows:
        message = f"the Parquet file promises {file.metadata.num_rows:,} rows and holds {rows:,}"
        raise SourceError(message, path=name)


@contextmanager
def _damage(arrow: Any, name: str, message: str, byte: int | None) -> Iterator[None]:
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = "copy or download the file again"
        raise SourceError(f"{message} ({reason})", path=name, byte=byte, hint=hint) from error


def _texts(arrow: Any, column: Any) -> list[str]:
    """Write each value of a column as JSON text."""
    plain = _plain(arrow, column.type)
    if plain != column.type:
        column = column.cast(plain)
    types = arrow.types
    if types.is_string(plain) or types.is_large_string(plain) or types.is_string_view(plain):
        try:
            values = column.to_pylist()
        except UnicodeDecodeError:
            values = [_kept_bytes(value) for value in column.cast(arrow.large_binary()).to_pylist()]
        return ["null" if value is None else encode_basestring(value) for value in values]
    if types.is_integer(plain):
        return ["null" if value is None else str(value) for value in column.to_pylist()]
    if types.is_floating(plain):
        return [repr(value) if value is not None and math.isfinite(value) else "null" for value in column.to_pylist()]
    return [_encoded(value) for value in column.to_pylist()]


def _plain(arrow: Any, kind: Any) -> Any:
    """Choose the type that a column is cast to: without times, decimals, dictionaries and extensions."""
    types = arrow.types
    if isinstance(kind, arrow.BaseExtensionType):
        return _plain(arrow, kind.storage_type)
    if types.is_dictionary(kind):
        return _plain(arrow, kind.value_type)
    if types.is_nested(kind):
        return _plain_nested(arrow, kind)
    if types.is_duration(kind):
        return arrow.int64()
    if types.is_temporal(kind) or types.is_decimal(kind):
        return arrow.string()
    return arrow.float32() if types.is_float16(kind) else kind


def _plain_nested(arrow: Any, kind: Any) -> Any:
    types = arrow.types
    if types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return arrow.struct([field.with_type(_plain(arrow, field.type)) for field in fields])
    if types.is_map(kind):
        return arrow.map_(_plain(arrow, kind.key_type), _plain(arrow, kind.item_type))
    if types.is_fixed_size_list(kind):
        return arrow.list_(kind.value_field.with_type(_plain(arrow, kind.value_type)), kind.list_size)
    if types.is_large_list(kind):
        return arrow.large_list(kind.value_field.with_type(_plain(arrow, kind.value_type)))
    if types.is_list(kind):
        return arrow.list_(kind.value_field.with_type(_plain(arrow, kind.value_type)))
    return kind


def _kept_bytes(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _from_bytes(value: object) -> str:
    """Give bytes as their text where they are UTF-8, which old writers do not mark as text, or else as base64."""
    if not isinstance(value, bytes):
        message = f"a value of type {type(value).__name__} has no form in JSON"
        raise ValueError(message)  # noqa: TRY004 - the caller reports a ValueError with its row
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


_strict = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_from_bytes)


def _encoded(value: object) -> str:
    if value is None:
        return "null"
    try:
        return _strict.encode(value)
    except ValueError:
        return _strict.encode(_finite(value))


def _finite(value: object) -> object:
    """Put null for what JSON has no number for."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case _:
            return value
