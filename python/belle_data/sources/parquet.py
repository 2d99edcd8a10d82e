"""Parquet files as lines of JSON, in bounded memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from belle_data.errors import SourceError
from belle_data.sources.arrow_json import JsonWriter
from belle_data.sources.decode import MAX_RATIO, RatioGuard
from belle_data.sources.optional import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH_ROWS = 2_048
"""Rows in memory at a time, at most."""
BATCH_BYTES = 16 << 20
"""Bytes in memory at a time, about, going by the mean row of the file; a row is always whole."""


def parquet_lines(
    handle: BinaryIO,
    size: int | None,
    name: str,
    progress: Callable[[int], None] | None = None,
    *,
    max_ratio: int = MAX_RATIO,
) -> Iterator[bytes]:
    """Write the rows of a Parquet file as JSON objects, one per line, in pieces of some thousand rows.

    `JsonWriter` says what each type becomes. A string that is not UTF-8 keeps its bytes, so that the reading of lines
    rejects its row and no other.

    Args:
        handle: The file, open and seekable.
        size: Its bytes, if known.
        name: The source's name, for errors.
        progress: Called after each piece with the bytes of the file that it stands for; they add up to `size`.
        max_ratio: What to take for a decompression bomb, as `MAX_RATIO` says.

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
    writer = JsonWriter()
    total = max(file.metadata.num_rows, 1)
    guard = RatioGuard(name, max_ratio)
    rows = told = 0
    groups = [file.metadata.row_group(index).total_byte_size for index in range(file.metadata.num_row_groups)]
    batch_rows = max(1, min(BATCH_ROWS, BATCH_BYTES * total // max(sum(groups), 1)))
    with _damage(arrow, name, "the Parquet file is damaged", None):
        batches = file.iter_batches(batch_size=batch_rows, use_threads=False)
    while True:
        with _damage(arrow, name, f"the Parquet file is damaged near row {rows + 1:,}", None):
            batch = next(batches, None)
        if batch is None:
            break
        with _damage(arrow, name, f"the Parquet rows from {rows + 1:,} on cannot be read", None):
            output = writer.lines(batch)
        rows += batch.num_rows
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
