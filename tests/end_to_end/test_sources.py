"""The same rows from any kind of source give the same result."""

import bz2
import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from tests.end_to_end.runs import cleaned, kept_bytes, kept_rows, ledger, run_clean

Make = Callable[[bytes, Path], str]


def halves(data: bytes) -> tuple[bytes, bytes]:
    middle = data.index(b"\n", len(data) // 2) + 1
    return data[:middle], data[middle:]


def as_gzip(data: bytes, folder: Path) -> str:
    (folder / "raw.jsonl.gz").write_bytes(gzip.compress(data))
    return "raw.jsonl.gz"


def as_two_gzip_members(data: bytes, folder: Path) -> str:
    (folder / "raw.jsonl.gz").write_bytes(b"".join(map(gzip.compress, halves(data))))
    return "raw.jsonl.gz"


def as_zstd(data: bytes, folder: Path) -> str:
    (folder / "raw.jsonl.zst").write_bytes(zstandard.compress(data))
    return "raw.jsonl.zst"


def as_array(data: bytes, folder: Path) -> str:
    rows = [json.loads(line) for line in data.splitlines()]
    (folder / "raw.json").write_text(json.dumps(rows, ensure_ascii=False, indent=2), encoding="utf-8")
    return "raw.json"


def as_packed_array(data: bytes, folder: Path) -> str:
    (folder / "raw.json.gz").write_bytes(gzip.compress(b"[" + b",".join(data.splitlines()) + b"]"))
    return "raw.json.gz"


def as_parquet(data: bytes, folder: Path) -> str:
    rows = [json.loads(line) for line in data.splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), folder / "raw.parquet", row_group_size=700)
    return "raw.parquet"


def as_folder(data: bytes, folder: Path) -> str:
    first, second = halves(data)
    (folder / "rows" / "below").mkdir(parents=True)
    (folder / "rows" / "a.jsonl").write_bytes(first)
    (folder / "rows" / "below" / "b.jsonl.gz").write_bytes(gzip.compress(second))
    (folder / "rows" / "notes.txt").write_text("no data")
    return "rows"


def as_glob(data: bytes, folder: Path) -> str:
    for number, half in enumerate(halves(data)):
        (folder / f"part-{number}.jsonl").write_bytes(half)
    return "part-*.jsonl"


def as_windows_text(data: bytes, folder: Path) -> str:
    (folder / "raw.jsonl").write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    return "raw.jsonl"


MAKERS: list[Make] = [
    as_gzip,
    as_two_gzip_members,
    as_zstd,
    as_array,
    as_packed_array,
    as_parquet,
    as_folder,
    as_glob,
    as_windows_text,
]
BYTES_STAY = {"as_gzip", "as_two_gzip_members", "as_zstd", "as_packed_array", "as_folder", "as_glob", "as_windows_text"}


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_kept_rows_are_those_of_plain_lines(make: Make, sample: Path, plain: Path, tmp_path: Path) -> None:
    data = sample.read_bytes()
    report = cleaned(tmp_path / make(data, tmp_path), out=tmp_path / "out")
    assert report["rows_in"] == data.count(b"\n")
    assert report["rows_out"] < report["rows_in"]
    assert kept_rows(tmp_path / "out") == kept_rows(plain)
    if make.__name__ in BYTES_STAY:
        assert kept_bytes(tmp_path / "out") == kept_bytes(plain)
    decisions = [
        [
            (row["id"], row["kept"], row["stage"], row["reason"], row["kept_id"], row["similarity"])
            for row in ledger(out)
        ]
        for out in (tmp_path / "out", plain)
    ]
    assert decisions[0] == decisions[1]


def test_several_inputs_are_one(sample: Path, plain: Path, tmp_path: Path) -> None:
    first, second = halves(sample.read_bytes())
    (tmp_path / "first.jsonl").write_bytes(first)
    (tmp_path / "second.jsonl.zst").write_bytes(zstandard.compress(second))
    cleaned(tmp_path / "first.jsonl", tmp_path / "second.jsonl.zst", out=tmp_path / "out")
    assert kept_bytes(tmp_path / "out") == kept_bytes(plain)
    files = {Path(row["file"]).name for row in ledger(tmp_path / "out")}
    assert files == {"first.jsonl", "second.jsonl.zst"}


def test_places_are_those_of_the_file(sample: Path, tmp_path: Path) -> None:
    name = as_array(sample.read_bytes(), tmp_path)
    cleaned(tmp_path / name, out=tmp_path / "out")
    lines = (tmp_path / name).read_bytes().split(b"\n")
    for row in ledger(tmp_path / "out")[:50]:
        assert lines[row["line"] - 1].strip() == b"{"
        assert json.dumps(row["id"]).encode() in lines[row["line"]]


def test_a_packing_that_is_not_known_is_refused(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl.bz2").write_bytes(bz2.compress(sample.read_bytes()))
    done = run_clean(tmp_path / "raw.jsonl.bz2", "--out", tmp_path / "out")
    assert (done.code, len(done.errors())) == (2, 1)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
