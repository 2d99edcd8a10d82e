"""Arrow record batches as lines of JSON, written by Arrow's own kernels: no Python object per row."""

from __future__ import annotations

import json
from binascii import b2a_base64
from functools import partial
from typing import TYPE_CHECKING, Any

from belle_data.sources.optional import load

if TYPE_CHECKING:
    from collections.abc import Callable

# What a JSON string may not hold as it is; the backslash first, because the others put in new ones.
_ESCAPES = [("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")]
_ESCAPES += [(chr(code), f"\\u{code:04x}") for code in range(0x20) if chr(code) not in "\n\r\t"]


class JsonWriter:
    """Writes record batches as lines of JSON objects.

    Times and decimals become strings (times with a zone in UTC, marked Z), durations integers of their unit, bytes
    their text or else base64, maps lists of pairs, NaN and infinity null. Strings are not checked: bytes that are not
    UTF-8 stay.
    """

    def __init__(self) -> None:
        self._arrow = load("pyarrow", "reading Parquet")
        self._compute = load("pyarrow.compute", "reading Parquet")
        self._text = self._arrow.large_string()

    def lines(self, batch: Any) -> bytes:
        """Write each row of a record batch as one line; empty for a batch without rows.

        Raises:
            pyarrow.ArrowException: A type that has no form in JSON.
        """
        if batch.num_rows == 0:
            return b""
        rows = self._object(batch.schema.names, batch.columns, "}\n")
        offsets, data = rows.buffers()[1:3]
        end = memoryview(offsets).cast("q")[len(rows)]
        return bytes(memoryview(data)[:end])

    def _texts(self, column: Any) -> Any:
        """Write one JSON text for each value of a column, none of them null."""
        if isinstance(column, self._arrow.ExtensionArray):
            return self._texts(column.storage)
        writer = self._writer(column.type)
        return self._compute.fill_null(writer(column), "null")

    def _writer(self, kind: Any) -> Callable[[Any], Any]:
        """Choose how columns of a type are written: a function to JSON texts, null where a value is."""
        types = self._arrow.types
        choices: list[tuple[Callable[[Any], bool], Callable[[Any], Any]]] = [
            (types.is_dictionary, lambda column: self._texts(column.dictionary_decode())),
            (types.is_string, self._string),
            (types.is_large_string, self._string),
            (types.is_string_view, self._string),
            (types.is_floating, self._number),
            (types.is_timestamp, self._timestamp),
            (types.is_duration, lambda column: column.cast(self._arrow.int64()).cast(self._text)),
            (types.is_temporal, self._quoted),
            (types.is_decimal, self._quoted),
            (types.is_binary, self._bytes),
            (types.is_large_binary, self._bytes),
            (types.is_fixed_size_binary, self._bytes),
            (types.is_binary_view, self._bytes),
            (types.is_struct, self._struct),
            (types.is_map, self._map),
            (types.is_nested, self._list),
        ]
        for is_kind, writer in choices:
            if is_kind(kind):
                return writer
        return partial(_cast, kind=self._text)

    def _joined(self, *parts: Any) -> Any:
        """Concatenate columns and fixed strings; null where a column is."""
        texts = [self._arrow.scalar(part, self._text) if isinstance(part, str) else part for part in parts]
        return self._compute.binary_join_element_wise(*texts, self._arrow.scalar("", self._text))

    def _object(self, names: list[str], columns: list[Any], end: str) -> Any:
        parts: list[Any] = []
        for index, (name, column) in enumerate(zip(names, columns, strict=True)):
            key = json.dumps(name, ensure_ascii=False)
            parts += [f"{', ' if index else '{'}{key}: ", self._texts(column)]
        return self._joined(*parts, end)

    def _string(self, column: Any) -> Any:
        column = column.cast(self._text)
        data = column.buffers()[2]
        held = b"" if data is None else bytes(data)
        for character, escape in _ESCAPES:
            # Looking for the character costs far less than a copy of the column, and most are not there.
            if character.encode() in held:
                column = self._compute.replace_substring(column, pattern=character, replacement=escape)
        return self._joined('"', column, '"')

    def _quoted(self, column: Any) -> Any:
        return self._joined('"', column.cast(self._text), '"')

    def _timestamp(self, column: Any) -> Any:
        if column.type.tz is None:
            return self._quoted(column)
        # By way of the bare number, because names of zones need a database that not every machine has.
        moment = column.cast(self._arrow.int64()).cast(self._arrow.timestamp(column.type.unit))
        return self._joined('"', moment.cast(self._text), 'Z"')

    def _number(self, column: Any) -> Any:
        if self._arrow.types.is_float16(column.type):
            column = column.cast(self._arrow.float32())
        nothing = self._arrow.scalar(None, self._text)
        return self._compute.if_else(self._compute.is_finite(column), column.cast(self._text), nothing)

    def _bytes(self, column: Any) -> Any:
        """Write text where bytes are UTF-8, which old writers do not mark as text, or else base64."""
        return self._string(self._arrow.array([_text_of(value) for value in column.to_pylist()], self._text))

    def _struct(self, column: Any) -> Any:
        names = [column.type.field(index).name for index in range(column.type.num_fields)]
        return self._where_valid(column, self._object(names, column.flatten(), "}"))

    def _map(self, column: Any) -> Any:
        pair = self._arrow.struct([("key", column.type.key_type), ("value", column.type.item_type)])
        return self._list(column.cast(self._arrow.large_list(pair)), pairs=True)

    def _list(self, column: Any, *, pairs: bool = False) -> Any:
        arrow, compute = self._arrow, self._compute
        if not arrow.types.is_large_list(column.type):
            column = column.cast(arrow.large_list(column.type.value_type))
        values = column.flatten()
        if pairs:
            key, value = values.flatten()
            texts = self._joined("[", self._texts(key), ", ", self._texts(value), "]")
        else:
            texts = self._texts(values)
        lengths = compute.fill_null(compute.list_value_length(column), 0)
        offsets = arrow.concat_arrays([arrow.array([0], arrow.int64()), compute.cumulative_sum(lengths)])
        joined = compute.binary_join(arrow.LargeListArray.from_arrays(offsets, texts), arrow.scalar(", ", self._text))
        return self._where_valid(column, self._joined("[", joined, "]"))

    def _where_valid(self, column: Any, texts: Any) -> Any:
        return self._compute.if_else(column.is_valid(), texts, self._arrow.scalar(None, self._text))


def _cast(column: Any, kind: Any) -> Any:
    return column.cast(kind)


def _text_of(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return b2a_base64(value, newline=False).decode("ascii")
