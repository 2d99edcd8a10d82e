"""What a file is taken for: its first bytes decide, its name has to agree."""

import io
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from tests.sources.conftest import LINES, gzipped, parquet_bytes, zstandarded

from belle_data.errors import SourceError
from belle_data.sources import find_sources

ARRAY = b'[\n  {"instruction": "a", "output": "b"}\n]\n'
PARQUET = parquet_bytes(pa.table({"instruction": ["a"], "output": ["b"]}))
ZIP = io.BytesIO()
with zipfile.ZipFile(ZIP, "w") as _zip:
    _zip.writestr("a.jsonl", LINES)
TAR = io.BytesIO()
with tarfile.open(fileobj=TAR, mode="w") as _tar:
    _tar.addfile(tarfile.TarInfo("a.jsonl"))
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"


@pytest.mark.parametrize(
    ("name", "content", "kind", "compression"),
    [
        ("a.jsonl", LINES, "jsonl", "none"),
        ("a.json", LINES, "jsonl", "none"),
        ("a.jsonl", b"", "jsonl", "none"),
        ("a.jsonl", b"\n \n", "jsonl", "none"),
        ("a.jsonl", b"\xef\xbb\xbf" + LINES, "jsonl", "none"),
        ("a.json", ARRAY, "json_array", "none"),
        ("a.jsonl", ARRAY, "json_array", "none"),
        ("a", b"\xef\xbb\xbf \r\n" + ARRAY, "json_array", "none"),
        ("a.json", b"[]", "json_array", "none"),
        ("a.json", b'[{"a":1}]', "json_array", "none"),
        ("a.json", b'[{"a":1}]\n\n', "json_array", "none"),
        ("a.json", b"[" * 70_000, "json_array", "none"),
        ("a.json", b'[{"a":1},\n{"a":2}]', "json_array", "none"),
        # A row of the wrong kind at the start of JSON lines is one bad line.
        ("a.jsonl", b"[1, 2]\n" + LINES, "jsonl", "none"),
        ("a.jsonl", b"[" * 5_000 + b"]" * 5_000 + b"\n{}\n", "json_array", "none"),
        ("a.jsonl.gz", gzipped(LINES), "jsonl", "gzip"),
        ("a.jsonl", gzipped(LINES), "jsonl", "gzip"),
        ("a.zst", gzipped(LINES), "jsonl", "gzip"),
        ("a.json.zst", zstandarded(ARRAY), "json_array", "zstd"),
        ("a.json.zst", SKIPPABLE + zstandarded(ARRAY), "json_array", "zstd"),
        ("a.gz", gzipped(b""), "jsonl", "gzip"),
        ("a.parquet", PARQUET, "parquet", "none"),
        ("a.jsonl", PARQUET, "parquet", "none"),
        ("a.jsonl", b'{"a":"\0"}\n', "jsonl", "none"),
    ],
)
def test_kinds(tmp_path: Path, name: str, content: bytes, kind: str, compression: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (source,) = find_sources([str(path)])
    assert (source.kind, source.compression) == (kind, compression)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.jsonl.gz", LINES, "(byte 0): the file is not what its name says: it ends in .gz, but does not begin"),
        ("a.jsonl.zst", LINES, "it ends in .zst, but does not begin like one: b'{\"instruction\": '"),
        ("a.parquet", LINES, "it ends in .parquet, but does not begin like one"),
        ("a.parquet", gzipped(LINES), "it ends in .parquet, but holds gzip data"),
        ("a.gz", b"", "(byte 0): the file is not what its name says"),
        ("a.parquet", b"", "(byte 0): the file is not what its name says"),
        ("a.jsonl", b"\xff\xfe" + "{}".encode("utf-16-le"), "UTF-16 or UTF-32, not UTF-8"),
        ("a.jsonl", b"\xfe\xff" + "{}".encode("utf-16-be"), "UTF-16 or UTF-32, not UTF-8"),
        ("a.jsonl", '{"a": 1}\n'.encode("utf-16-le"), "looks like UTF-16"),
        ("a.jsonl", '{"a": 1}\n'.encode("utf-16-be"), "looks like UTF-16"),
        ("a.jsonl.gz", gzipped('{"a": 1}'.encode("utf-16")), "UTF-16 or UTF-32, not UTF-8"),
        ("a.jsonl", b"\x7fELF\0\0\0", "(byte 4): the file is binary, not text"),
        ("a.jsonl", ZIP.getvalue(), "the file is a ZIP archive"),
        ("a.jsonl.gz", gzipped(TAR.getvalue()), "the gzip data holds a tar archive"),
        ("a.zst", zstandarded(gzipped(LINES)), "the zstd data holds gzip"),
        ("a.parquet.gz", gzipped(PARQUET), "the gzip data holds Parquet"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        ("a.jsonl", b"\n<!DOCTYPE html><html>", "the file is a web page"),
        ("a.jsonl.xz", b"\xfd7zXZ\x00abc", "the file is xz data"),
    ],
)
def test_files_that_are_not_what_they_say(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        find_sources([str(path)])
    assert str(caught.value).startswith(str(path))
    assert text in str(caught.value)
