"""From a source to a local file with a row per line: the user's own where that is one already, else a decoded copy.

A copy is up to three files in the spool folder: ``source-<key>.jsonl`` with the rows, ``.positions`` for a JSON array,
and ``.json`` with what it was made from. The last is written last and removed first, so what it describes is complete.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from belle_data.errors import RunFolderError, SourceError
from belle_data.sources.decode import MAX_RATIO, decoded
from belle_data.sources.model import LocalFile, Source
from belle_data.sources.storage import check_unchanged, is_local, open_source, read_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from belle_data import _native
    from belle_data.sources.model import ArraySplitter

SPOOL_VERSION = 2
"""Raised when the same source would be decoded to other bytes than before, so that old copies are not used."""
LONGEST_SAMPLED_LINE = 64 << 20
"""Bytes that `sample` reads to find the end of the first line."""


def materialise(
    source: Source,
    folder: Path,
    split_array: Callable[[], ArraySplitter],
    progress: Callable[[int], None] | None = None,
    *,
    max_ratio: int = MAX_RATIO,
) -> LocalFile:
    """Make a local file with the rows of `source`, one per line; an empty one for a source without rows.

    Uncompressed local JSON lines are used where they are. Anything else is decoded into `folder`, once: a later call
    for an unchanged source finds the finished copy. The copy of a source that changed is replaced.

    Args:
        source: As `find_sources` gave it.
        folder: Where copies go; made if needed. Two processes must not use it at once.
        split_array: Makes the splitter that a JSON array is fed to.
        progress: Called with the number of source bytes read since its last call. Not called when nothing is read.
        max_ratio: What to take for a decompression bomb, as `MAX_RATIO` of `belle_data.sources.decode` says.

    Raises:
        SourceError: The source is damaged, breaks off, or changed since it was found.
        UsageError: It is gone, or a package that reads it is not installed.
        RunFolderError: `folder` cannot be written.
    """
    check_unchanged(source)
    names = source.dataset.names() if source.dataset is not None else None
    if source.kind == "jsonl" and source.compression == "none" and is_local(source) and names is None:
        return LocalFile(Path(source.location), temporary=False, positions=None)
    base = _base(folder, source.name)
    described = _described(source) if names is not None else None
    finished = _finished(source, base, described)
    if finished is not None:
        return finished
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _beside(base, ".json").unlink(missing_ok=True)
    splitter = split_array() if source.kind == "json_array" else None
    rows = _beside(base, ".jsonl")
    with open_source(source) as handle:
        if source.kind != "parquet":
            pieces = _decoded(source, handle, progress, max_ratio)
            lines = pieces if splitter is None else _split(source, pieces, splitter)
            _write(rows, lines if names is None else _renamed(lines, names))
        elif is_local(source):
            lines = _parquet(source, handle, progress, max_ratio)
            _write(rows, lines if names is None else _renamed(lines, names))
        else:
            _write_fetched(rows, source, handle, progress, max_ratio)
    check_unchanged(source)
    positions = None
    if splitter is not None:
        positions = splitter.positions()
        _write(_beside(base, ".positions"), positions)
    about = {
        **_key(source, described),
        "bytes": rows.stat().st_size,
        "rows": positions and len(positions[0]) // 8,
    }
    _write(_beside(base, ".json"), [json.dumps(about, ensure_ascii=False).encode()])
    return LocalFile(rows, temporary=True, positions=positions)


def sample(local: LocalFile, size: int = 1 << 20) -> bytes:
    """Read the first complete lines of a file, `size` bytes or less, for the detection of its format.

    A first line longer than `size` is given whole up to `LONGEST_SAMPLED_LINE`; of an even longer one nothing. The last
    line of the file needs no line feed. Empty for an empty file.

    Raises:
        SourceError: It cannot be read.
    """
    with read_errors(str(local.path)), local.path.open("rb") as handle:
        data = handle.read(size)
        # One more byte tells whether the file ends here.
        more = handle.read(1)
        if not more:
            return data
        end = data.rfind(b"\n")
        if end >= 0:
            return data[: end + 1]
        line = data + more
        if more != b"\n":
            line += handle.readline(LONGEST_SAMPLED_LINE)
        return line if len(line) <= LONGEST_SAMPLED_LINE else b""


def _beside(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)


def _described(source: Source) -> dict[str, object] | None:
    """What the copy owes to the description of the data set: the names that were replaced."""
    if source.dataset is None:
        return None
    return {"columns": dict(source.dataset.columns), "tags": dict(source.dataset.tags)}


def _renamed(pieces: Iterable[bytes], names: _native.Names) -> Iterator[bytes]:
    """Give the lines with the names of their format; pieces may end anywhere."""
    rest = b""
    for piece in pieces:
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        if newline:
            yield names.rename_lines(whole + newline)
    if rest:
        yield names.rename_lines(rest)


def _key(source: Source, described: object) -> dict[str, object]:
    return {
        "dataset": described,
        "spool": SPOOL_VERSION,
        "name": source.name,
        "size": source.size,
        "stamp": source.stamp,
        "kind": source.kind,
        "compression": source.compression,
    }


def _finished(source: Source, base: Path, described: object) -> LocalFile | None:
    """Find the copy that an earlier call finished, if it was made from just this source and is still whole."""
    try:
        about: Any = json.loads(_beside(base, ".json").read_bytes())
        rows = about.pop("rows")
        if about != {**_key(source, described), "bytes": _beside(base, ".jsonl").stat().st_size}:
            return None
        positions = None
        if source.kind == "json_array":
            both = _beside(base, ".positions").read_bytes()
            if len(both) != rows * 16:
                return None
            positions = (both[: rows * 8], both[rows * 8 :])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return LocalFile(_beside(base, ".jsonl"), temporary=True, positions=positions)


def finished_copy(folder: Path, name: str, size: int | None, stamp: str) -> LocalFile | None:
    """Find the whole copy that `materialise` made in `folder` of the source with this name, size and stamp, if any.

    The source itself is not asked: it may be gone, or have been a pipe.
    """
    base = _base(folder, name)
    try:
        about: Any = json.loads(_beside(base, ".json").read_bytes())
        source = Source(name, size, stamp, about["kind"], about["compression"], location="")
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return _finished(source, base, about.get("dataset"))


def _base(folder: Path, name: str) -> Path:
    key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return folder / f"source-{key}"


def _write_fetched(
    path: Path, source: Source, handle: BinaryIO, progress: Callable[[int], None] | None, max_ratio: int
) -> None:
    """Copy a Parquet file from a storage, then read the copy.

    A Parquet file is read from its end, which pipes and some storages cannot do and others do slowly.
    """
    fetched = path.with_suffix(".parquet")
    try:
        _write(fetched, _decoded(source, handle, progress, max_ratio))
        with _writing(fetched), fetched.open("rb") as copy:
            _write(path, _parquet(source, copy, None, max_ratio))
    finally:
        with suppress(OSError):
            fetched.unlink(missing_ok=True)


def _parquet(
    source: Source, handle: BinaryIO, progress: Callable[[int], None] | None, max_ratio: int
) -> Iterator[bytes]:
    from belle_data.sources.parquet import parquet_lines  # noqa: PLC0415 - start-up time counts

    def read(count: Callable[[int], None]) -> Iterator[bytes]:
        return parquet_lines(handle, source.size, source.name, count, max_ratio=max_ratio)

    return _read(source, read, progress)


def _decoded(
    source: Source, handle: BinaryIO, progress: Callable[[int], None] | None, max_ratio: int
) -> Iterator[bytes]:
    """Give the decompressed bytes of a source, in pieces; all of them, or an error."""
    stored = 0

    def add(number: int) -> None:
        nonlocal stored
        stored += number
        if progress is not None:
            progress(number)

    def read(count: Callable[[int], None]) -> Iterator[bytes]:
        return decoded(handle, source.compression, source.name, count, max_ratio=max_ratio)

    yield from _read(source, read, add)
    if source.size is not None and stored != source.size:
        message = f"{stored:,} of {source.size:,} bytes could be read"
        raise SourceError(
            message, path=source.name, byte=stored, hint="run again; the transfer broke off or the file changed"
        )


def _read(
    source: Source,
    reader: Callable[[Callable[[int], None]], Iterator[bytes]],
    progress: Callable[[int], None] | None,
) -> Iterator[bytes]:
    """Pass on what `reader` gives; its errors become those of the source, those of `progress` and the caller do not."""
    counts: list[int] = []
    pieces = reader(counts.append)
    while True:
        with read_errors(source.location):
            piece = next(pieces, None)
        if progress is not None:
            for number in counts:
                progress(number)
        counts.clear()
        if piece is None:
            return
        yield piece


def _split(source: Source, pieces: Iterable[bytes], splitter: ArraySplitter) -> Iterator[bytes]:
    for piece in pieces:
        with _array_errors(source):
            lines = splitter.feed(piece)
        if lines:
            yield lines
    with _array_errors(source):
        rest = splitter.finish()
    if rest:
        yield rest


@contextmanager
def _array_errors(source: Source) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        # Bytes and lines of compressed text are those of the text, where a user can look.
        message = str(getattr(error, "message", error))
        if source.compression != "none":
            message = f"{message} (line and byte of the decompressed text)"
        line, byte = getattr(error, "line", None), getattr(error, "byte", None)
        hint = "the file begins with [, so it is read as one JSON array"
        raise SourceError(message, path=source.name, line=line, byte=byte, hint=hint) from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFolderError(
            f"cannot be written ({reason})", path=path, hint="check its rights and the free space"
        ) from error


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that appears whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with _writing(path):
            with temporary.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
