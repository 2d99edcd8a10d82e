"""Writing: the kept rows as shards, and the ledger with a line for every row."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from belle_data import _native
    from belle_data.config import OutputConfig
    from belle_data.engine.progress import Listener
    from belle_data.engine.run_folder import RunFolder
    from belle_data.stages.stage import Stage

BYTES_AT_ONCE = 1 << 20
"""Bytes of lines that are gathered at once: they are still in the cache when they are written."""
ROWS_AT_ONCE = 8_192
"""Rows that are converted at once."""
LEDGER_ROWS_AT_ONCE = 1 << 17


DESCRIBED_KEYS = ("system", "history", "tools", "images", "videos", "audios", "target")
"""Keys of rows that the description of a data set depends on."""


class Stopped(Exception):  # noqa: N818 - no error: another writer failed, or the user stopped the run
    """Ends a writer whose work is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of kept rows."""

    name: str
    rows: int
    bytes: int
    keys: tuple[str, ...] = ()
    """Of the keys that a description of the data names, those that a row has."""


def write_output(
    corpus: _native.Corpus,
    ledger: _native.Ledger,
    *,
    files: Sequence[str],
    stages: Sequence[Stage],
    config: OutputConfig,
    folder: RunFolder,
    threads: int,
    listener: Listener,
) -> list[Shard]:
    """Write shards/ and rows.parquet, several files at a time; the bytes do not depend on how many.

    Raises:
        RunFolderError: A file cannot be written.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    bounds = ledger.shard_bounds(config.shard_rows)
    spans = list(pairwise(bounds)) if ledger.kept() else []
    writer = _Writer(corpus, ledger, config, folder, listener, passes=2 if spans else 1)
    listener.begin("write", len(ledger), "rows")
    jobs: list[Callable[[], Shard | None]] = [lambda: writer.write_ledger(files, stages)]
    jobs += [
        lambda number=number, span=span: writer.write_shard(number, *span)  # type: ignore[misc]
        for number, span in enumerate(spans)
    ]
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="belle-write") as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            writer.stop.set()
            finished = all(future.done() and not future.exception() for future in futures)
            if finished:
                writer.stop.clear()
            else:
                pool.shutdown(wait=True, cancel_futures=True)
    failures = [error for future in futures if not future.cancelled() and (error := future.exception())]
    for error in sorted(failures, key=lambda error: isinstance(error, Stopped)):
        raise error
    shards = [shard for future in futures if (shard := future.result()) is not None]
    folder.remove_except("shards", {shard.name for shard in shards})
    listener.end(f"{ledger.kept():,} rows in {len(shards):,} shard{'s' if len(shards) != 1 else ''}")
    return shards


class _Writer:
    """The writers of one run; each method runs in a thread of its own."""

    def __init__(
        self, corpus: Any, ledger: Any, config: OutputConfig, folder: RunFolder, listener: Listener, *, passes: int
    ) -> None:
        self.corpus, self.ledger, self.config, self.folder = corpus, ledger, config, folder
        # Each row goes by once for the ledger, and once for the shards if there are any.
        self._passes = passes
        self.stop = threading.Event()
        self._listener, self._lock, self._done = listener, threading.Lock(), 0

    def write_shard(self, number: int, start: int, end: int) -> Shard:
        from belle_data import _native  # noqa: PLC0415 - the command line must answer before it is loaded

        ending = {"none": "", "gz": ".gz", "zst": ".zst"}[self.config.compress]
        name = f"part-{number:05d}.jsonl{ending}"
        to = None if self.config.to == "same" else self.config.to
        rows = 0
        with self.folder.writing(f"shards/{name}") as handle:
            write, close = _compressed(handle, self.config.compress)
            search = _native.KeySearch(DESCRIBED_KEYS)
            for first, last, count, lines in self._lines(start, end, to):
                search.look(lines)
                write(lines)
                rows += count
                self._advance(last - first)
            close()
            size = handle.tell()
        return Shard(name, rows, size, tuple(search.seen()))

    def _lines(self, start: int, end: int, to: str | None) -> Iterator[tuple[int, int, int, memoryview | bytes]]:
        """Pieces of a shard: first row, row after the last, number of kept rows, their lines."""
        if to is not None:
            for first in range(start, end, ROWS_AT_ONCE):
                last = min(first + ROWS_AT_ONCE, end)
                lines = self.corpus.convert_kept_lines(first, last, self.ledger, to)
                yield first, last, lines.count(b"\n"), lines
            return
        buffer = bytearray(BYTES_AT_ONCE)
        first = start
        while first < end:
            last, count, size = self.corpus.fill_kept_lines(first, end, self.ledger, buffer)
            if last == first:
                buffer = bytearray(2 * len(buffer))
                continue
            with memoryview(buffer) as view:
                yield first, last, count, view[:size]
            first = last

    def write_ledger(self, files: Sequence[str], stages: Sequence[Stage]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - the command line must answer before Arrow is loaded
        import pyarrow.parquet as pq  # noqa: PLC0415

        named = [(stage.name, list(stage.reasons)) for stage in stages]
        with self.folder.writing("rows.parquet") as handle:
            writer = None
            try:
                for first in range(0, max(len(self.ledger), 1), LEDGER_ROWS_AT_ONCE):
                    last = min(first + LEDGER_ROWS_AT_ONCE, len(self.ledger))
                    batch = pa.record_batch(self.ledger.rows(self.corpus, first, last, list(files), named))
                    writer = writer or pq.ParquetWriter(
                        handle,
                        batch.schema,
                        compression="lz4",
                        use_dictionary=["file", "stage", "reason"],
                        column_encoding={"line": "DELTA_BINARY_PACKED", "byte": "DELTA_BINARY_PACKED"},
                        write_statistics=False,
                    )
                    writer.write_batch(batch)
                    self._advance(last - first)
            finally:
                # Also when the run is stopped: a writer that is left open complains about its closed file.
                if writer is not None:
                    writer.close()

    def _advance(self, rows: int) -> None:
        if self.stop.is_set():
            raise Stopped
        with self._lock:
            self._done += rows
            self._listener.update(self._done // self._passes)


def _compressed(handle: BinaryIO, kind: str) -> tuple[Callable[[Any], object], Callable[[], object]]:
    if kind == "gz":
        import gzip  # noqa: PLC0415

        # Without a name and a time in the header the same rows are the same bytes.
        file = gzip.GzipFile(filename="", mode="wb", fileobj=handle, compresslevel=6, mtime=0)
        return file.write, file.close
    if kind == "zst":
        import zstandard  # noqa: PLC0415

        compressor = zstandard.ZstdCompressor(level=3).compressobj()
        return (lambda data: handle.write(compressor.compress(data))), (lambda: handle.write(compressor.flush()))
    return handle.write, lambda: None
