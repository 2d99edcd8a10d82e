"""Whatever bytes a file holds, the answer is a local file or a `BelleError` that names it."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import ROWS, gzipped, parquet_bytes, zstandarded
from tests.sources.slow_array_splitter import SlowArraySplitter

from belle_data.errors import BelleError
from belle_data.sources import find_sources, materialise, sample

LINES = b'{"instruction": "\xe6\xb0\xb4", "output": "b"}\n' * 30
WHOLE = [
    LINES,
    b"[" + LINES.replace(b"}\n", b"},\n") + b"{}]",
    gzipped(LINES),
    zstandarded(LINES),
    parquet_bytes(pa.Table.from_pylist(ROWS[:20])),
    '{"a": 1}'.encode("utf-16"),
]
NAMES = st.sampled_from(["a.jsonl", "a.json", "a.gz", "a.jsonl.zst", "a.parquet", "a"])


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Whole files with some bytes changed, taken out, put in or put after the end."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.integers(0, 8))
        data[start:end] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(NAMES, contents() | st.binary(max_size=50))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / name
    path.write_bytes(content)
    try:
        (source,) = find_sources([str(path)])
        local = materialise(source, folder / "spool", SlowArraySplitter)
    except BelleError as error:
        assert error.path == str(path)  # noqa: PT017 - either outcome is right, and each has its rule
        return
    assert isinstance(local.path, Path)
    assert local.path.read_bytes().startswith(sample(local))
