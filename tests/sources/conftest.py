"""What the tests of sources share: rows in every form of file."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from fsspec.implementations.memory import MemoryFileSystem
from tests.sources.slow_array_splitter import SlowArraySplitter

from belle_data.sources import LocalFile, find_sources, materialise

ROWS = [
    {"instruction": f"第{number}题:请说明“水”的性质。", "input": "", "output": "无色\n无味\t" * (number % 9)}
    for number in range(300)
]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zstandarded(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def parquet_bytes(table: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return bytes(sink.getvalue().to_pybytes())


@pytest.fixture
def read_one(tmp_path: Path) -> Callable[[str | Path], LocalFile]:
    """Take one input to its local file, with the copies in one folder of the test."""

    def read(given: str | Path) -> LocalFile:
        (source,) = find_sources([str(given)])
        return materialise(source, tmp_path / "spool", SlowArraySplitter)

    return read


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    system = MemoryFileSystem()
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]
