"""Decompression in bounded memory: gzip with several members, zstd with several frames, every defect with its byte."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

from belle_data.errors import SourceError
from belle_data.sources.optional import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from belle_data.sources.model import Compression

CHUNK_BYTES = 1 << 18
"""Stored bytes read at a time."""
OUTPUT_BYTES = 1 << 20
"""Decoded bytes handed on at a time, about."""
ZSTD_SLICE_BYTES = 1 << 12
"""Stored bytes given to zstd at a time.

Four of them can stand for 128 KiB, so this bounds one call's output to 128 MiB.
"""
MAX_RATIO = 1_000
"""Decoded bytes per stored byte above which data is taken for a decompression bomb, unless the user allows more.

`RATIO_WINDOW_BYTES` of output in a row have to exceed it. Text compresses 3 to 10 times, rows that differ in a number
30 to 300 times, one row again and again 300 times in gzip and 10,000 in zstd; gzip itself ends at 1,032.
"""
RATIO_WINDOW_BYTES = 256 << 20
"""What may come of any number of stored bytes: as much as does no harm, so that no small file is ever refused."""

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_MAGIC = b"\x2a\x4d\x18"  # after a byte from 0x50 to 0x5f


def decoded(
    handle: BinaryIO,
    compression: Compression,
    name: str,
    progress: Callable[[int], None] | None = None,
    *,
    max_ratio: int = MAX_RATIO,
) -> Iterator[bytes]:
    """Decode all bytes of `handle`, in order and in non-empty pieces; none for an empty uncompressed file.

    Args:
        handle: Open at its first byte; read to its end.
        compression: How its bytes are compressed.
        name: The source's name, for errors.
        progress: Called with the number of stored bytes after each read.
        max_ratio: What to take for a decompression bomb, as `MAX_RATIO` says.

    Raises:
        SourceError: The data breaks off, is damaged, is followed by something else, or expands beyond `max_ratio`;
            with the byte in the stored file.
    """
    stored = _chunks(handle, progress)
    match compression:
        case "none":
            return stored
        case "gzip":
            return _gunzip(stored, name, RatioGuard(name, max_ratio))
        case "zstd":
            return _unzstd(stored, name, RatioGuard(name, max_ratio))


class RatioGuard:
    """Stops a decompression bomb: see `MAX_RATIO`."""

    def __init__(self, name: str, max_ratio: int) -> None:
        self._name = name
        self._max_ratio = max_ratio
        self._stored = 0
        self._decoded = 0

    def add(self, stored: int, produced: int, byte: int) -> None:
        """Count `stored` bytes that gave `produced` bytes, the last of them at offset `byte`.

        Raises:
            SourceError: The last `RATIO_WINDOW_BYTES` of output came from too few bytes.
        """
        self._stored += stored
        self._decoded += produced
        if self._decoded < RATIO_WINDOW_BYTES:
            return
        if self._decoded > self._max_ratio * self._stored:
            # A Parquet file of few columns may have no byte for its first rows.
            ratio = self._decoded // max(self._stored, 1) + 1
            message = (
                f"{self._stored:,} stored bytes expand to {self._decoded:,}:"
                f" more than {self._max_ratio:,} times is taken for a decompression bomb"
            )
            raise SourceError(
                message,
                path=self._name,
                byte=byte,
                hint=f"if the file can be trusted, allow more, for example with --max-ratio {10 ** len(str(ratio))}",
            )
        self._stored = 0
        self._decoded = 0


def _chunks(handle: BinaryIO, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    while chunk := handle.read(CHUNK_BYTES):
        yield chunk
        if progress is not None:
            progress(len(chunk))


def _gunzip(stored: Iterator[bytes], name: str, guard: RatioGuard) -> Iterator[bytes]:
    position = 0
    members = 0
    member_start = 0
    member: zlib._Decompress | None = None
    for chunk in stored:
        data = chunk
        while data:
            if member is None:
                if members:
                    # Tapes and some writers pad the last block with zeros, which gzip's own tool ignores too.
                    position += len(data)
                    data = data.lstrip(b"\0")
                    position -= len(data)
                    if not data:
                        break
                    if not _GZIP_MAGIC.startswith(data[:2]):
                        raise _trailing(name, position, data, "gzip")
                member = zlib.decompressobj(wbits=31)
                member_start = position
            before = member.copy()
            try:
                output = member.decompress(data, OUTPUT_BYTES)
            except zlib.error as error:
                byte = position + _failing_byte(before, data)
                if members and byte - member_start < 2:
                    raise _trailing(name, member_start, data, "gzip") from error
                raise _damaged(name, byte, "gzip", str(error).rpartition(": ")[2]) from error
            left = member.unused_data if member.eof else member.unconsumed_tail
            position += len(data) - len(left)
            guard.add(len(data) - len(left), len(output), position)
            data = left
            if output:
                yield output
            if member.eof:
                member = None
                members += 1
    if member is not None or not members:
        raise _broken_off(name, position, "gzip")


def _failing_byte(member: Any, data: bytes) -> int:
    """Find the offset in `data` at which `member`, as it was before, fails; zlib does not say it by itself."""
    for offset in range(len(data)):
        try:
            member.decompress(data[offset : offset + 1])
        except zlib.error:
            return offset
    return len(data)


def _unzstd(stored: Iterator[bytes], name: str, guard: RatioGuard) -> Iterator[bytes]:
    zstandard = load("zstandard", "reading zstd")
    decompressor = zstandard.ZstdDecompressor()
    position = 0
    frames = 0
    frame: Any = None
    frame_start = 0
    pending: list[bytes] = []
    pending_bytes = 0
    for chunk in stored:
        for start in range(0, len(chunk), ZSTD_SLICE_BYTES):
            data = chunk[start : start + ZSTD_SLICE_BYTES]
            while data:
                if frame is None:
                    if frames and not _may_be_zstd(data[:4]):
                        raise _trailing(name, position, data, "zstd")
                    frame = decompressor.decompressobj()
                    frame_start = position
                try:
                    output = frame.decompress(data)
                except zstandard.ZstdError as error:
                    if frames and "nknown frame" in str(error):
                        raise _trailing(name, frame_start, b"", "zstd") from error
                    raise _damaged(name, position, "zstd", str(error).rpartition(": ")[2]) from error
                left = frame.unused_data if frame.eof else b""
                position += len(data) - len(left)
                guard.add(len(data) - len(left), len(output), position)
                data = left
                pending.append(output)
                pending_bytes += len(output)
                if frame.eof:
                    frame = None
                    frames += 1
                if pending_bytes >= OUTPUT_BYTES:
                    yield b"".join(pending)
                    pending.clear()
                    pending_bytes = 0
    if pending_bytes:
        yield b"".join(pending)
    if frame is not None or not frames:
        raise _broken_off(name, position, "zstd")


def _may_be_zstd(start: bytes) -> bool:
    """Tell whether up to four bytes can begin a frame, a skippable one included."""
    return _ZSTD_MAGIC.startswith(start) or (0x50 <= start[0] <= 0x5F and _SKIPPABLE_MAGIC.startswith(start[1:]))


def _broken_off(name: str, byte: int, what: str) -> SourceError:
    message = "the file is empty" if byte == 0 else f"the {what} data breaks off"
    return SourceError(
        message if byte else f"{message}, which no {what} file is",
        path=name,
        byte=byte,
        hint="copy or download the file again; its end is missing",
    )


def _damaged(name: str, byte: int, what: str, reason: str) -> SourceError:
    hint = "copy or download the file again, or write it again"
    if "too much memory" in reason or "window" in reason.lower():
        hint = "compress it again without --long or --ultra, or decompress it and name the result"
    return SourceError(f"the {what} data is damaged ({reason})", path=name, byte=byte, hint=hint)


def _trailing(name: str, byte: int, data: bytes, what: str) -> SourceError:
    return SourceError(
        f"something else follows the end of the {what} data",
        path=name,
        byte=byte,
        value=data[:16] or None,
        hint="cut the file off at this byte if what follows is no data",
    )
