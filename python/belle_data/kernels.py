"""The kernels on Arrow data: duplicates in a column of texts or of conversations, without a run folder.

Data is any object with the Arrow PyCapsule interface: an array, a chunked array or a table of pyarrow, a series or a
data frame of polars, a result of DuckDB. Texts are strings of any layout; conversations are a column ``turns`` of lists
of structs of ``role`` and ``text``. A list of Python strings is taken too, at the price of a copy.

    >>> import pyarrow as pa
    >>> from belle_data import kernels
    >>> texts = pa.array(["把这句话翻译成英文：今天天气很好。", "饭放多少水？", "把这句话翻译成英文：今天天气很好！"])
    >>> kernels.near_dedup(texts, threshold=0.7).to_pylist()
    [{'row': 2, 'kept_row': 0, 'similarity': 0.8571428571428571}]

A row is removed only for a row that stays, and which one stays does not depend on the order of the rows, nor on how
they are cut into chunks, nor on the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_data.engine.local import use_threads
from belle_data.errors import UsageError
from belle_data.stages.near_dedup import candidate_probability
from belle_data.stages.stage import removals_schema, row_numbers

if TYPE_CHECKING:
    import pyarrow as pa

    from belle_data.stages.stage import Stage

__all__ = ["candidate_probability", "exact_dedup", "near_dedup", "run_stage", "use_threads"]

_EVIDENCE = ["row", "kept_row", "similarity"]


def exact_dedup(texts: Any, **settings: Any) -> pa.RecordBatch:
    """Find the rows whose text is that of another row, which stays.

    Args:
        texts: Texts or conversations; null is the empty text.
        **settings: Those of `ExactDedupConfig`: ``field`` and ``fold``.

    Returns:
        A line for every row to remove, ascending: ``row`` and ``kept_row`` uint32, places from 0 in `texts`, and
        ``similarity`` float64, 1.0. No line for empty input.

    Raises:
        pydantic.ValidationError: A setting is unknown or out of range.
        UsageError: `texts` is no Arrow data, or holds neither texts nor conversations.

    Example:
        >>> exact_dedup(["你好", "再见", "你好"]).to_pylist()
        [{'row': 2, 'kept_row': 0, 'similarity': 1.0}]
        >>> exact_dedup(["ＡＢＣ。", "abc."], fold=["width", "case", "punctuation"]).num_rows
        1
    """
    from belle_data.stages.exact_dedup import ExactDedup, ExactDedupConfig  # noqa: PLC0415 - loads the native code

    return run_stage(ExactDedup(ExactDedupConfig(**settings)), texts).select(_EVIDENCE)


def near_dedup(texts: Any, **settings: Any) -> pa.RecordBatch:
    """Find the rows that have a Jaccard similarity of at least ``threshold`` to a row which stays.

    Args:
        texts: Texts or conversations; null is the empty text.
        **settings: Those of `NearDedupConfig`, such as ``threshold`` (0.8), ``mode`` or ``target_recall``.

    Returns:
        A line for every row to remove, ascending: ``row`` and ``kept_row`` uint32, places from 0 in `texts`, and
        ``similarity`` float64, the exact Jaccard similarity of their shingle sets. No line for empty input.

    Raises:
        pydantic.ValidationError: A setting is unknown or out of range.
        UsageError: `texts` is no Arrow data, or holds neither texts nor conversations.

    Example:
        >>> texts = ["春天的风吹过田野，带来泥土的香气。", "春天的风吹过田野，带来泥土的香味。"]
        >>> near_dedup(texts).num_rows
        0
        >>> near_dedup(texts, threshold=0.7).num_rows
        1
    """
    from belle_data.stages.near_dedup import NearDedup, NearDedupConfig  # noqa: PLC0415 - loads the native code

    return run_stage(NearDedup(NearDedupConfig(**settings)), texts).select(_EVIDENCE)


def run_stage(stage: Stage, data: Any) -> pa.RecordBatch:
    """Run one stage by itself over Arrow data.

    Args:
        stage: A new instance: it remembers what it scans.
        data: Texts, conversations, or a table with the columns that ``stage.needs`` names; ``row`` is made here.

    Returns:
        What the stage removes, with the columns of `belle_data.stages.stage.removals_schema`: ``row`` and
        ``kept_row`` are places from 0 in `data`, ``reason`` the place in ``stage.reasons``.

    Raises:
        UsageError: `data` is no Arrow data, or lacks a column that the stage needs.

    Example:
        >>> from belle_data.stages.exact_dedup import ExactDedup
        >>> run_stage(ExactDedup(), ["你好", "你好"])["row"].to_pylist()
        [1]
    """
    import pyarrow as pa  # noqa: PLC0415 - importing this module must be quick

    from belle_data import _native  # noqa: PLC0415

    batches = _numbered(data)
    for batch in batches:
        missing = [column for column in stage.needs if column not in batch.schema.names]
        if missing:
            hint = f"there are {', '.join(batch.schema.names[1:])}"
            raise UsageError(f"{stage.name} needs a column that the data lacks", value=missing[0], hint=hint)
    try:
        rows = _native.ArrowRows(pa.Table.from_batches(batches))
        for batch in batches:
            stage.scan(batch)
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from None
    stage.finish(rows, None)
    # A stage may write down more than the columns that every decision has.
    names = removals_schema().names
    removals = pa.Table.from_batches([stage.decide(batch).select(names) for batch in batches], removals_schema())
    columns = [column.combine_chunks() for column in removals.columns]
    return pa.record_batch(columns, schema=removals_schema())


def _numbered(data: Any) -> list[pa.RecordBatch]:
    """Any data as batches with a column ``row`` that counts from 0; at least one batch."""
    import pyarrow as pa  # noqa: PLC0415

    batches, first = [], 0
    for chunk in _chunks(data):
        columns = {name: column for name, column in _columns(chunk).items() if name != "row"}
        batches.append(pa.record_batch({"row": row_numbers(first, len(chunk)), **columns}))
        first += len(chunk)
    return batches


def _chunks(data: Any) -> list[pa.Array]:
    import pyarrow as pa  # noqa: PLC0415

    try:
        if isinstance(data, list | tuple):
            data = pa.array(data, pa.string())
        if isinstance(data, pa.RecordBatch):
            return [data.to_struct_array()]
        if isinstance(data, pa.Table):
            return [batch.to_struct_array() for batch in data.to_batches()] or [_empty(data.schema)]
        if hasattr(data, "__arrow_c_stream__"):
            chunked = pa.chunked_array(data)
            return list(chunked.chunks) or [pa.array([], chunked.type)]
        if hasattr(data, "__arrow_c_array__"):
            return [pa.array(data)]
    except (pa.ArrowException, UnicodeError, TypeError, ValueError) as error:
        raise UsageError(f"the data cannot be read as Arrow data ({error})") from None
    hint = "pass an array, a chunked array, a series or a table"
    raise UsageError("the data is no Arrow data: it has no __arrow_c_stream__", value=type(data).__name__, hint=hint)


def _empty(schema: pa.Schema) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415

    return pa.record_batch([pa.array([], one.type) for one in schema], schema=schema).to_struct_array()


def _columns(chunk: pa.Array) -> dict[str, pa.Array]:
    """The columns of a chunk; texts by themselves become turns that nobody speaks."""
    import pyarrow.types as kinds  # noqa: PLC0415

    if kinds.is_struct(chunk.type):
        columns = {one.name: chunk.field(number) for number, one in enumerate(chunk.type)}
    else:
        columns = {"turns": chunk}
    turns = columns.get("turns")
    if turns is not None and _is_text(turns.type):
        columns["turns"] = _turns_of(turns)
    elif turns is not None:
        columns["turns"] = _plain_turns(turns)
    return columns


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds  # noqa: PLC0415

    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def _plain_turns(turns: pa.Array) -> pa.Array:
    """Conversations in the layout of the kernels: other libraries have wider offsets and other dictionaries."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.types as kinds  # noqa: PLC0415

    kind = turns.type
    if not (kinds.is_list(kind) or kinds.is_large_list(kind)) or not kinds.is_struct(kind.value_type):
        raise UsageError("neither texts nor turns", value=str(kind), hint="texts, or lists of role and text")
    fields = [
        pa.field(one.name, pa.string())
        if kinds.is_dictionary(one.type) and not kinds.is_int8(one.type.index_type)
        else one
        for one in kind.value_type
    ]
    plain = pa.list_(pa.field("item", pa.struct(fields)))
    try:
        return turns if turns.type == plain else turns.cast(plain)
    except pa.ArrowException as error:
        raise UsageError(f"the turns cannot be read ({error})") from None


def _turns_of(texts: pa.Array) -> pa.Array:
    """Each text as a conversation of one turn."""
    import pyarrow as pa  # noqa: PLC0415

    role = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), len(texts)), pa.array(["text"]))
    turn = pa.StructArray.from_arrays([role, texts], ["role", "text"])
    return pa.ListArray.from_arrays(row_numbers(0, len(texts) + 1).cast(pa.int32()), turn)
