import datetime as dt
import io
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import ROWS, parquet_bytes
from tests.sources.slow_array_splitter import SlowArraySplitter

from belle_data.errors import SourceError
from belle_data.sources import LocalFile, find_sources, materialise
from belle_data.sources.arrow_json import JsonWriter
from belle_data.sources.parquet import BATCH_ROWS, parquet_lines

ReadOne = Callable[[str | Path], LocalFile]


def rows_of(table: pa.Table, **options: object) -> list[object]:
    data = parquet_bytes(table, **options)
    lines = b"".join(parquet_lines(pa.BufferReader(data), len(data), "a.parquet"))
    assert lines == b"" or lines.endswith(b"\n")
    return [json.loads(line) for line in lines.splitlines()]


def test_rows_and_progress(tmp_path: Path) -> None:
    rows = ROWS * 20
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet_bytes(pa.Table.from_pylist(rows), row_group_size=BATCH_ROWS + 100, compression="zstd"))
    (source,) = find_sources([str(path)])
    read: list[int] = []
    local = materialise(source, tmp_path, SlowArraySplitter, read.append)
    assert [json.loads(line) for line in local.path.read_bytes().split(b"\n")[:-1]] == rows
    assert len(read) >= 3
    assert sum(read) == source.size


def test_through_fsspec(memory: MemoryFileSystem, read_one: ReadOne) -> None:
    memory.pipe("/a.parquet", parquet_bytes(pa.Table.from_pylist(ROWS)))
    lines = read_one("memory://a.parquet").path.read_bytes().split(b"\n")[:-1]
    assert [json.loads(line) for line in lines] == ROWS
    memory.pipe("/a.parquet", WHOLE[:-4])
    with pytest.raises(SourceError, match=r"memory://a\.parquet \(byte \d+\): the Parquet file is damaged"):
        read_one("memory://a.parquet")


def test_through_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(WHOLE)))
    (source,) = find_sources(["-"])
    read: list[int] = []
    local = materialise(source, tmp_path / "spool", SlowArraySplitter, read.append)
    assert [json.loads(line) for line in local.path.read_bytes().split(b"\n")[:-1]] == ROWS
    assert sum(read) == len(WHOLE)
    assert {file.suffix for file in (tmp_path / "spool").iterdir()} == {".jsonl", ".json"}


UTC = dt.UTC
MOMENT = dt.datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pa.string(), '引"号\\\n\u2028\x00', '引"号\\\n\u2028\x00'),
        (pa.large_string(), "a", "a"),
        (pa.string_view(), "a", "a"),
        (pa.dictionary(pa.int32(), pa.string()), "a", "a"),
        (pa.int8(), -5, -5),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
        (pa.bool_(), True, True),
        (pa.null(), None, None),
        (pa.float64(), 1e300, 1e300),
        (pa.float64(), float("nan"), None),
        (pa.float32(), float("-inf"), None),
        (pa.float16(), 1.5, 1.5),
        (pa.timestamp("us", "UTC"), MOMENT, "2024-02-29 12:30:01.000005Z"),
        (pa.timestamp("ns"), dt.datetime(2024, 2, 29), "2024-02-29 00:00:00.000000000"),  # noqa: DTZ001
        (pa.date32(), dt.date(2024, 2, 29), "2024-02-29"),
        (pa.time64("us"), dt.time(1, 2, 3), "01:02:03.000000"),
        (pa.duration("ms"), dt.timedelta(seconds=2), 2000),
        (pa.decimal128(10, 2), Decimal("1.50"), "1.50"),
        (pa.binary(), "文".encode(), "文"),
        (pa.binary(), b"\xff\xfe", "//4="),
        (pa.large_binary(), b"a", "a"),
        (pa.list_(pa.string()), ["a", None], ["a", None]),
        (pa.list_(pa.float64()), [1.0, float("inf")], [1.0, None]),
        (pa.list_(pa.int16(), 2), [1, 2], [1, 2]),
        (pa.large_list(pa.date32()), [dt.date(2024, 1, 1)], ["2024-01-01"]),
        (pa.struct({"from": pa.string(), "at": pa.date32()}), {"from": "人", "at": None}, {"from": "人", "at": None}),
        (pa.list_(pa.struct({"n": pa.decimal128(4, 1)})), [{"n": Decimal("0.5")}], [{"n": "0.5"}]),
        (pa.map_(pa.string(), pa.int32()), [("k", 1)], [["k", 1]]),
        (pa.struct({"b": pa.binary()}), {"b": b"\xff"}, {"b": "/w=="}),
    ],
)
def test_types(kind: pa.DataType, value: object, expected: object) -> None:
    table = pa.table({"列%s": pa.array([value, None], kind)})
    assert rows_of(table) == [{"列%s": expected}, {"列%s": None}]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
TURN = st.none() | st.fixed_dictionaries({"from": st.none() | TEXT, "ok": st.none() | st.booleans()})
VALUES = st.fixed_dictionaries(
    {
        "text": st.none() | TEXT,
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "share": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "turns": st.none() | st.lists(TURN, max_size=3),
        "pair": st.none() | st.lists(st.none() | st.integers(0, 9), min_size=2, max_size=2),
        "map": st.none() | st.lists(st.tuples(TEXT, st.none() | TEXT), max_size=2),
        "deep": st.none() | st.lists(st.none() | st.lists(st.none() | TEXT, max_size=2), max_size=2),
    }
)
SCHEMA = pa.schema(
    {
        "text": pa.string(),
        "number": pa.int64(),
        "share": pa.float64(),
        "pair": pa.list_(pa.int8(), 2),
        "map": pa.map_(pa.string(), pa.string()),
        "deep": pa.large_list(pa.list_(pa.string())),
        "turns": pa.list_(pa.struct({"from": pa.string(), "ok": pa.bool_()})),
    }
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, max_size=20), st.integers(1, 7))
def test_any_rows(rows: list[dict[str, object]], row_group_size: int) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    expected = json.loads(json.dumps(rows))
    assert rows_of(table, row_group_size=row_group_size) == expected
    # A slice shares the buffers of the whole, which the writer must not look beyond.
    writer = JsonWriter()
    for batch in table.combine_chunks().to_batches():
        middle = batch.slice(1, 2)
        assert [json.loads(line) for line in writer.lines(middle).split(b"\n")[:-1]] == expected[1:3]


def test_text_that_is_not_utf8_stays_in_its_row() -> None:
    bad = pa.array([b"good", b"\xff\xfe", None], pa.binary()).view(pa.string())
    data = parquet_bytes(pa.table({"a": bad}))
    lines = b"".join(parquet_lines(pa.BufferReader(data), len(data), "a.parquet"))
    assert lines == b'{"a": "good"}\n{"a": "\xff\xfe"}\n{"a": null}\n'


def test_no_rows_and_no_columns(tmp_path: Path, read_one: ReadOne) -> None:
    empty = tmp_path / "empty.parquet"
    empty.write_bytes(parquet_bytes(pa.table({"a": pa.array([], pa.string())})))
    assert read_one(empty).path.read_bytes() == b""
    bare = tmp_path / "bare.parquet"
    bare.write_bytes(parquet_bytes(pa.table({})))
    with pytest.raises(SourceError, match=r"bare\.parquet: the Parquet file has no columns"):
        read_one(bare)


def test_two_columns_of_one_name() -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["x", "x"])
    with pytest.raises(SourceError, match="two columns of the Parquet file have the same name: 'x'"):
        rows_of(table)


WHOLE = parquet_bytes(pa.Table.from_pylist(ROWS), compression="none", write_page_checksum=True)


@pytest.mark.parametrize("size", [4, 5, 8, 100, len(WHOLE) // 2, len(WHOLE) - 9, len(WHOLE) - 4, len(WHOLE) - 1])
def test_truncated(tmp_path: Path, read_one: ReadOne, size: int) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(WHOLE[:size])
    with pytest.raises(SourceError, match="the Parquet file is damaged") as caught:
        read_one(path)
    assert caught.value.path == str(path)
    assert caught.value.byte == size


def test_damaged_pages_are_found(tmp_path: Path, read_one: ReadOne) -> None:
    path = tmp_path / "a.parquet"
    middle = len(WHOLE) // 2
    path.write_bytes(WHOLE[:middle] + bytes(200) + WHOLE[middle + 200 :])
    with pytest.raises(SourceError, match="the Parquet file is damaged near row 1 "):
        read_one(path)


def test_a_bomb_in_parquet() -> None:
    text = pa.array(["x" * 100_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), text)
    with pytest.raises(SourceError, match="decompression bomb"):
        rows_of(pa.table({"a": column}), compression="zstd")
