import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from tests.sources.conftest import LINES, ROWS, gzipped, zstandarded
from tests.sources.slow_array_splitter import SlowArraySplitter

from belle_data.errors import BelleError, RunFolderError, SourceError, UsageError
from belle_data.sources import LocalFile, Source, check_unchanged, find_sources, materialise, sample

ReadOne = Callable[[str | Path], LocalFile]
ARRAY = json.dumps(ROWS, ensure_ascii=False, indent=2).encode()


def only(path: Path | str) -> Source:
    (source,) = find_sources([str(path)])
    return source


def test_plain_lines_are_used_where_they_are(tmp_path: Path, read_one: ReadOne) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    assert read_one(path) == LocalFile(path, temporary=False, positions=None)
    assert not (tmp_path / "spool").exists()


def test_an_empty_file(tmp_path: Path, read_one: ReadOne) -> None:
    path = tmp_path / "a.jsonl"
    path.touch()
    local = read_one(path)
    assert local.path.read_bytes() == sample(local) == b""


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl.gz", gzipped(LINES), LINES),
        ("a.jsonl.gz", gzipped(LINES[:1000]) + gzipped(LINES[1000:]), LINES),
        ("a.jsonl.zst", zstandarded(LINES[:1000]) + zstandarded(b"") + zstandarded(LINES[1000:]), LINES),
        ("a.jsonl", zstandarded(LINES), LINES),
        ("a.gz", gzipped(b""), b""),
        ("a.gz", gzipped(b"\xef\xbb\xbf{}\r\n{}"), b"\xef\xbb\xbf{}\r\n{}"),
    ],
)
def test_compressed_lines(tmp_path: Path, read_one: ReadOne, name: str, content: bytes, expected: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    local = read_one(path)
    assert local.temporary
    assert local.positions is None
    assert local.path.read_bytes() == expected


@pytest.mark.parametrize("write", [bytes, gzipped, zstandarded])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\n \n"])
def test_arrays(tmp_path: Path, read_one: ReadOne, write: Callable[[bytes], bytes], mark: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(write(mark + ARRAY))
    first, again = read_one(path), read_one(path)
    assert first == again
    assert [json.loads(line) for line in first.path.read_bytes().splitlines()] == ROWS
    assert first.positions is not None
    offsets, lines = (memoryview(buffer).cast("Q").tolist() for buffer in first.positions)
    assert len(offsets) == len(lines) == len(ROWS)
    text = mark + ARRAY
    for row, offset, line in zip(ROWS, offsets, lines, strict=True):
        assert text[offset : offset + 1] == b"{"
        assert text.count(b"\n", 0, offset) == line - 1
        assert text.find(json.dumps(row["instruction"], ensure_ascii=False).encode()) < offset + 60


@pytest.mark.parametrize("content", [b"[]", b" [ ] \n"])
def test_an_empty_array(tmp_path: Path, read_one: ReadOne, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    for _ in range(2):
        local = read_one(path)
        assert local.path.read_bytes() == b""
        assert local.positions == (b"", b"")


@pytest.mark.parametrize(
    ("content", "where"),
    [(ARRAY[:-2], (1501, len(ARRAY) - 2)), (b"[{}\n,]", (2, 5)), (b"[{}] x", (1, 5)), (b"[", (1, 1))],
)
@pytest.mark.parametrize("write", [bytes, gzipped])
def test_arrays_that_break_off(
    tmp_path: Path, read_one: ReadOne, content: bytes, where: tuple[int, int], write: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(write(content))
    with pytest.raises(SourceError) as caught:
        read_one(path)
    assert (caught.value.path, caught.value.line, caught.value.byte) == (str(path), *where)
    assert ("of the decompressed text" in str(caught.value)) == (write is gzipped)
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_fsspec_opens(memory: MemoryFileSystem, read_one: ReadOne) -> None:
    memory.pipe("/a.jsonl", LINES)
    memory.pipe("/b.jsonl.gz", gzipped(LINES))
    memory.pipe("/c.json", ARRAY)
    for name in ("a.jsonl", "b.jsonl.gz"):
        local = read_one(f"memory://{name}")
        assert local.temporary
        assert local.path.read_bytes() == LINES
    assert len(read_one("memory://c.json").path.read_bytes().splitlines()) == len(ROWS)


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LINES)))
    source = only("-")
    assert materialise(source, tmp_path, SlowArraySplitter).path.read_bytes() == LINES
    assert materialise(source, tmp_path, SlowArraySplitter).path.read_bytes() == LINES
    with pytest.raises(SourceError, match="-: a pipe can be read only once"):
        materialise(source, tmp_path / "other", SlowArraySplitter)


def test_a_finished_copy_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzipped(LINES))
    first = materialise(only(path), tmp_path / "spool", SlowArraySplitter)
    status = first.path.stat()
    read: list[int] = []
    assert materialise(only(path), tmp_path / "spool", SlowArraySplitter, read.append) == first
    assert (first.path.stat().st_ino, read) == (status.st_ino, [])
    # The source changed: the old copy is not taken for it.
    path.write_bytes(gzipped(LINES + b"{}\n"))
    changed = materialise(only(path), tmp_path / "spool", SlowArraySplitter)
    assert changed.path == first.path
    assert changed.path.read_bytes() == LINES + b"{}\n"
    # Another way of decoding: neither.
    monkeypatch.setattr("belle_data.sources.spool.SPOOL_VERSION", 1_000)
    materialise(only(path), tmp_path / "spool", SlowArraySplitter, read.append)
    assert sum(read) == path.stat().st_size


@pytest.mark.parametrize("damage", ["short", "no json", "bad json", "other json", "no positions", "short positions"])
def test_a_copy_that_is_not_whole_is_made_again(tmp_path: Path, read_one: ReadOne, damage: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(ARRAY)
    first = read_one(path)
    expected = first.path.read_bytes()
    about, positions = first.path.with_suffix(".json"), first.path.with_suffix(".positions")
    match damage:
        case "short":
            first.path.write_bytes(expected[:-5])
        case "no json":
            about.unlink()
        case "bad json":
            about.write_bytes(b'{"rows')
        case "other json":
            about.write_bytes(b"[1]")
        case "no positions":
            positions.unlink()
        case _:
            positions.write_bytes(positions.read_bytes()[:-8])
    assert read_one(path) == first
    assert first.path.read_bytes() == expected


def test_an_interrupted_copy_leaves_nothing_that_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzipped(LINES))

    def interrupt(_count: int) -> NoReturn:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        materialise(only(path), tmp_path / "spool", SlowArraySplitter, interrupt)
    assert list((tmp_path / "spool").iterdir()) == []
    # A kill leaves the temporary file behind; it is written over.
    local = materialise(only(path), tmp_path / "spool", SlowArraySplitter)
    local.path.with_suffix(".json").unlink()
    local.path.with_name(local.path.name + ".tmp").write_bytes(b"half" * 1_000_000)
    assert materialise(only(path), tmp_path / "spool", SlowArraySplitter).path.read_bytes() == LINES
    assert {file.suffix for file in (tmp_path / "spool").iterdir()} == {".jsonl", ".json"}


def test_errors_of_the_caller_stay_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzipped(LINES))

    def fail(_count: int) -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        materialise(only(path), tmp_path / "spool", SlowArraySplitter, fail)


def test_progress_adds_up_to_the_size(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzipped(os.urandom(1_000_000).hex().encode()))
    read: list[int] = []
    materialise(only(path), tmp_path / "spool", SlowArraySplitter, read.append)
    assert len(read) > 2
    assert sum(read) == path.stat().st_size


def test_a_source_that_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    source = only(path)
    check_unchanged(source)
    path.write_bytes(LINES + LINES)
    for action in (check_unchanged, lambda source: materialise(source, tmp_path, SlowArraySplitter)):
        with pytest.raises(SourceError, match="the file changed while it was read: it had"):
            action(source)
    path.unlink()
    with pytest.raises(UsageError, match="no such file"):
        check_unchanged(source)


def test_a_source_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(ARRAY)

    def touch(_count: int) -> None:
        os.utime(path, ns=(1, 1))

    with pytest.raises(SourceError, match="the file changed while it was read"):
        materialise(only(path), tmp_path / "spool", SlowArraySplitter, touch)
    assert not list((tmp_path / "spool").glob("*.json"))


def test_a_transfer_that_breaks_off(memory: MemoryFileSystem, tmp_path: Path) -> None:
    memory.pipe("/a.jsonl", LINES)
    source = only("memory://a.jsonl")
    memory.pipe("/a.jsonl", LINES[:-100])
    with pytest.raises(SourceError, match=r"of .* bytes could be read") as caught:
        materialise(source, tmp_path, SlowArraySplitter)
    assert caught.value.byte == len(LINES) - 100


def test_a_storage_that_fails(memory: MemoryFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OddError(Exception):
        pass

    def fail(*_arguments: object) -> NoReturn:
        message = "throttled"
        raise OddError(message)

    memory.pipe("/a.jsonl", LINES)
    source = only("memory://a.jsonl")
    monkeypatch.setattr(MemoryFile, "read", fail)
    with pytest.raises(SourceError, match=r"memory://a\.jsonl: cannot be read \(OddError: throttled\)"):
        materialise(source, tmp_path, SlowArraySplitter)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzipped(LINES))
    (tmp_path / "spool").write_bytes(b"a file")
    with pytest.raises(RunFolderError, match="spool: cannot be written") as caught:
        materialise(only(path), tmp_path / "spool", SlowArraySplitter)
    assert caught.value.hint == "check its rights and the free space"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzipped(LINES))
    local = materialise(only(path), tmp_path / "spool", SlowArraySplitter)
    local.path.with_suffix(".json").unlink()
    local.path.with_name(local.path.name + ".tmp").symlink_to("/dev/full")
    with pytest.raises(RunFolderError, match="No space left on device"):
        materialise(only(path), tmp_path / "spool", SlowArraySplitter)


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [
        (b"{}\n{}\n", 100, b"{}\n{}\n"),
        (b"{}\n{}", 100, b"{}\n{}"),
        (b"{}\n{}", 5, b"{}\n{}"),
        (b"{}\n{}\n{}\n", 7, b"{}\n{}\n"),
        (b"{}\n{}\n{}\n", 6, b"{}\n{}\n"),
        (b"{1234567}\n{}\n", 4, b"{1234567}\n"),
        (b"{123}\n{}\n", 5, b"{123}\n"),
        (b"{1234567}", 4, b"{1234567}"),
    ],
)
def test_samples(tmp_path: Path, content: bytes, size: int, expected: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    assert sample(LocalFile(path, temporary=False, positions=None), size) == expected


def test_the_sample_of_an_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belle_data.sources.spool.LONGEST_SAMPLED_LINE", 1_000)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x" * 5_000 + b"\n{}\n")
    assert sample(LocalFile(path, temporary=False, positions=None), 10) == b""
    with pytest.raises(BelleError, match="no such file"):
        sample(LocalFile(tmp_path / "gone", temporary=False, positions=None))
