"""Lines of text files as Arrow arrays: decoded piece by piece, so that a file of any size takes a few blocks of memory.

No string of Python is made of a line: a block of bytes is cut at its line feeds and checked once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from belle_data.engine.corpus import SMALLEST_ALLOWANCE
from belle_data.errors import SourceError, UsageError
from belle_data.sources.decode import decoded
from belle_data.sources.sniff import HEAD_BYTES, compression_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from belle_data.config import InputConfig
    from belle_data.engine.progress import Listener

BLOCK_BYTES = 4 << 20
"""Decoded bytes whose lines are given together, about."""
BAD_LINES_NAMED = 10
"""Bad lines that are named with their place; the others are counted."""
_LONGEST = 1 << 30
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is left out: its number from 1, its first wrong byte in the decoded file from 0, and the reason."""

    file: str
    line: int
    byte: int
    reason: str


@dataclass(slots=True)
class TextFile:
    """What was read of a file.

    Attributes:
        name: Its path.
        size: Bytes as they are stored.
        sha256: Of these bytes, in hexadecimal digits; None if nobody asked for it.
        lines: Lines that were given, empty ones too.
        bad: Lines that are no text, or too long.
    """

    name: str
    size: int
    sha256: str | None = None
    lines: int = 0
    bad: int = 0


@dataclass(slots=True)
class TextLines:
    """Reads text files, line by line.

    A line ends with a line feed, or with a carriage return and a line feed; a byte order mark at the start of a file
    is no part of it. What is no UTF-8 is left out, counted and named.

    Args:
        names: The files: plain, or compressed with gzip or zstd.
        limits: Says how many lines at most are read, how long one may be, how many may be bad, and what is a bomb.
        hashed: Compute the SHA-256 of the files.
    """

    names: Sequence[str]
    limits: InputConfig
    hashed: bool = False
    files: list[TextFile] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """Lines that were given so far."""
        return sum(file.lines for file in self.files)

    @property
    def bad(self) -> int:
        """Lines that were left out so far."""
        return sum(file.bad for file in self.files)

    def batches(self, listener: Listener, step: str) -> Iterator[pa.StringArray]:
        """Give all lines in order, some thousands at once, none of them null.

        Raises:
            UsageError: There is no such file.
            SourceError: A file cannot be read, is damaged or no text, or too many lines are bad.
        """
        self.files, self.bad_lines = [], []
        total, before = sum(_size(name) for name in self.names), 0
        listener.begin(step, total, "B")
        left = self.limits.limit or 2**62
        for name in self.names:
            file = TextFile(name, _size(name))
            self.files.append(file)
            for lines in self._of_file(file, listener, before):
                given = lines[:left]
                file.lines += len(given)
                left -= len(given)
                yield given
                if not left:
                    break
            before += file.size
            if not left:
                break
        self._check()

    def _of_file(self, file: TextFile, listener: Listener, before: int) -> Iterator[pa.StringArray]:
        try:
            with Path(file.name).open("rb") as opened:
                handle = _Counted(opened, hashed=self.hashed)
                compression = compression_of(opened.read(HEAD_BYTES))
                opened.seek(0)
                pieces = decoded(cast("BinaryIO", handle), compression, file.name, max_ratio=self.limits.max_ratio)
                cut = _Cut(file, self.limits.max_line_bytes, self.bad_lines)
                for lines in cut.batches(pieces):
                    listener.update(before + handle.count)
                    yield lines
                file.sha256 = handle.digest()
        except OSError as error:
            raise SourceError(f"the file cannot be read ({error.strerror})", path=file.name) from None

    def _check(self) -> None:
        lines, bad = self.lines, self.bad
        allowed = self.limits.max_bad_lines
        if allowed is None:
            allowed = max(SMALLEST_ALLOWANCE, (lines + bad) // 100)
        if bad and (bad > allowed or not lines):
            first = self.bad_lines[0]
            message = (
                f"{bad:,} of {lines + bad:,} lines are no text, {allowed:,} are allowed; the first: {first.reason}"
            )
            hint = "convert the file with iconv, or allow more with --max-bad-lines"
            raise SourceError(message, path=first.file, line=first.line, byte=first.byte, hint=hint)
        if not lines:
            raise SourceError("there is no line in the input", path=", ".join(self.names), byte=0)


def bad_lines_text(reader: TextLines) -> str | None:
    """A note about the lines that were left out; None if all were read."""
    if not reader.bad:
        return None
    places = ", ".join(f"{one.file}:{one.line} (byte {one.byte}, {one.reason})" for one in reader.bad_lines)
    more = f" and {reader.bad - len(reader.bad_lines):,} more" if reader.bad > len(reader.bad_lines) else ""
    return f"note: {reader.bad:,} lines are no text and were left out: {places}{more}"


def _size(name: str) -> int:
    path = Path(name)
    try:
        if path.is_dir():
            raise SourceError("this is a folder, not a file of text", path=name)
        return path.stat().st_size
    except FileNotFoundError:
        raise UsageError("there is no such file", path=name) from None
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", path=name) from None


class _Counted:
    """A file that counts, and hashes if it is asked to, what is read of it."""

    def __init__(self, handle: BinaryIO, *, hashed: bool) -> None:
        self._handle, self.count = handle, 0
        self._hash = sha256() if hashed else None

    def read(self, size: int = -1) -> bytes:
        data = self._handle.read(size)
        self.count += len(data)
        if self._hash is not None:
            self._hash.update(data)
        return data

    def digest(self) -> str | None:
        return None if self._hash is None else self._hash.hexdigest()


class _Cut:
    """Cuts the decoded bytes of a file into lines."""

    def __init__(self, file: TextFile, longest: int, bad_lines: list[BadLine]) -> None:
        self._file, self._longest, self._bad_lines = file, min(longest, _LONGEST), bad_lines
        self._line, self._byte = 1, 0

    def batches(self, pieces: Iterator[bytes]) -> Iterator[pa.StringArray]:
        waiting = bytearray()
        first, dropped = True, 0
        for piece in pieces:
            data = piece
            if dropped:
                end = data.find(b"\n") + 1
                if not end:
                    dropped += len(data)
                    continue
                self._reject("line_too_long", 0, 0)
                self._line, self._byte = self._line + 1, self._byte + dropped + end
                data, dropped = data[end:], 0
            waiting += data
            if len(waiting) < BLOCK_BYTES:
                continue
            end = waiting.rfind(b"\n") + 1
            if end:
                yield self._block(bytes(waiting[:end]), first=first)
                del waiting[:end]
                first = False
            if len(waiting) > self._longest:
                dropped = len(waiting)
                waiting.clear()
        if dropped:
            self._reject("line_too_long", 0, 0)
        if waiting:
            yield self._block(bytes(waiting), first=first)

    def _block(self, block: bytes, *, first: bool) -> pa.StringArray:
        """The lines of a block that begins with a line and ends with one."""
        import pyarrow.compute as pc  # noqa: PLC0415 - a wrong path must be told before it is loaded

        if b"\0" in block:
            at = block.index(b"\0")
            line = self._line + block.count(b"\n", 0, at)
            raise SourceError(
                "this is no text: it holds a NUL", path=self._file.name, line=line, byte=self._byte + at,
                hint="files of text have a text on each line; name rows by their .jsonl, .json or .parquet",
            )  # fmt: skip
        stored = len(block)
        skipped = len(_BYTE_ORDER_MARK) if first and block.startswith(_BYTE_ORDER_MARK) else 0
        text = block[skipped:] if skipped else block
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        lines = _split(text)
        if not _is_utf8(lines) or pc.max(pc.binary_length(lines)).as_py() > self._longest:
            lines = self._checked(block, skipped)
        else:
            self._line += len(lines)
        self._byte += stored
        return lines

    def _checked(self, block: bytes, skipped: int) -> pa.StringArray:
        """The same line by line, for a block in which a line is bad."""
        import pyarrow as pa  # noqa: PLC0415

        good, at = [], skipped
        while at < len(block):
            end = block.find(b"\n", at)
            line = block[at : len(block) if end < 0 else end]
            following = at + len(line) + 1
            line = line.removesuffix(b"\r") if end >= 0 else line
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                self._reject("invalid_utf8", at, error.start)
            else:
                if len(line) > self._longest:
                    self._reject("line_too_long", at, 0)
                else:
                    good.append(text)
            self._line += 1
            at = following
        return pa.array(good, pa.string())

    def _reject(self, reason: str, at: int, wrong: int) -> None:
        self._file.bad += 1
        if len(self._bad_lines) < BAD_LINES_NAMED:
            self._bad_lines.append(BadLine(self._file.name, self._line, self._byte + at + wrong, reason))


def _split(text: bytes) -> Any:
    """Cut bytes at their line feeds, unchecked; the last line may have none."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    size = len(text) - text.endswith(b"\n")
    whole = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, size], np.int32)), pa.py_buffer(text))
    return pc.split_pattern(whole, "\n").flatten()


def _is_utf8(lines: Any) -> bool:
    import pyarrow as pa  # noqa: PLC0415

    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
