"""Lines of text files as Arrow arrays: decoded piece by piece, so that a file of any size takes a few blocks of memory.

No string of Python is made of a line: a block of bytes is cut at its line feeds and checked once.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from belle_data.engine.corpus import SMALLEST_ALLOWANCE
from belle_data.errors import SourceError, UsageError
from belle_data.sources.decode import decoded
from belle_data.sources.sniff import HEAD_BYTES, compression_of
from belle_data.vocab.text_blocks import NO_TEXT, BadLine, Block, CutBlock, MeasuredTexts, blocks, cut_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from belle_data.config import InputConfig
    from belle_data.engine.progress import Listener

BAD_LINES_NAMED = 10
"""Bad lines that are named with their place; the others are counted."""
_LONGEST = 1 << 30
_MOST_CUTTING, _AHEAD = 4, 2


@dataclass(slots=True)
class TextFile:
    """What was read of a file.

    Attributes:
        name: Its path.
        size: Bytes as they are stored.
        lines: Lines that were given, empty ones too.
        bad: Lines that are no text, or too long.
    """

    name: str
    size: int
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
        threads: Threads that cut and check blocks; with several, some blocks ahead of the caller.
    """

    names: Sequence[str]
    limits: InputConfig
    threads: int = 1
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

    def batches(self, listener: Listener, step: str) -> Iterator[MeasuredTexts]:
        """Give all lines in order, some thousands at once.

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
            for lines in self._of_file(file, listener, before, left):
                file.lines += len(lines.texts)
                left -= len(lines.texts)
                yield lines
                if not left:
                    break
            before += file.size
            if not left:
                break
        self._check()

    def _of_file(self, file: TextFile, listener: Listener, before: int, left: int) -> Iterator[MeasuredTexts]:
        """Give at most `left` lines of a file, some thousands at once."""
        try:
            with Path(file.name).open("rb") as opened:
                handle = _Counted(opened)
                compression = compression_of(opened.read(HEAD_BYTES))
                opened.seek(0)
                pieces = decoded(cast("BinaryIO", handle), compression, file.name, max_ratio=self.limits.max_ratio)
                line, byte = 1, 0
                for cut in self._cut(pieces):
                    listener.update(before + handle.count)
                    for earlier, bad in enumerate(cut.bad):
                        # Behind the last line that is wanted nothing is looked at.
                        if bad.line - earlier < left:
                            self._reject(file, BadLine(file.name, line + bad.line, byte + bad.byte, bad.reason))
                    line, byte = line + cut.line_count, byte + cut.size
                    given = cut.lines if len(cut.lines.texts) <= left else MeasuredTexts(cut.lines.texts[:left])
                    left -= len(given.texts)
                    yield given
        except OSError as error:
            raise SourceError(f"the file cannot be read ({error.strerror})", path=file.name) from None

    def _cut(self, pieces: Iterator[bytes]) -> Iterator[CutBlock]:
        """Cut the blocks of a file, with several threads some ahead of the caller."""
        longest = min(self.limits.max_line_bytes, _LONGEST)
        read = blocks(pieces, longest)
        if self.threads > 1:
            return _ahead(read, longest, self.threads)
        return (cut_block(block, longest) for block in read)

    def _reject(self, file: TextFile, bad: BadLine) -> None:
        if bad.reason == NO_TEXT:
            raise SourceError(
                "this is no text: it holds a NUL", path=file.name, line=bad.line, byte=bad.byte,
                hint="files of text have a text on each line; name rows by their .jsonl, .json or .parquet",
            )  # fmt: skip
        file.bad += 1
        if len(self.bad_lines) < BAD_LINES_NAMED:
            self.bad_lines.append(bad)

    def _check(self) -> None:
        lines, bad = self.lines, self.bad
        allowed = self.limits.max_bad_lines
        if allowed is None:
            allowed = max(SMALLEST_ALLOWANCE, (lines + bad) // 100)
        if bad and (bad > allowed or not lines):
            first = self.bad_lines[0]
            message = (
                f"{bad:,} of {lines + bad:,} lines cannot be read, {allowed:,} are allowed; the first: {first.reason}"
            )
            hint = "convert the file with iconv, or allow more with --max-bad-lines"
            raise SourceError(message, path=first.file, line=first.line, byte=first.byte, hint=hint)
        if not lines:
            raise SourceError("there is no line in the input", path=", ".join(self.names), byte=0)


def _ahead(read: Iterator[Block], longest: int, threads: int) -> Iterator[CutBlock]:
    """Cut blocks on threads of their own, some more than there are threads ahead of the caller."""
    # A few cut faster than any number of threads encodes, and each block that waits takes memory.
    threads = min(threads, _MOST_CUTTING)
    with ThreadPoolExecutor(threads, thread_name_prefix="belle-lines") as pool:
        waiting: deque[Future[CutBlock]] = deque()
        for block in read:
            waiting.append(pool.submit(cut_block, block, longest))
            if len(waiting) > threads + _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def bad_lines_text(reader: TextLines) -> str | None:
    """A note about the lines that were left out; None if all were read."""
    if not reader.bad:
        return None
    places = ", ".join(f"{one.file}:{one.line} (byte {one.byte}, {one.reason})" for one in reader.bad_lines)
    more = f" and {reader.bad - len(reader.bad_lines):,} more" if reader.bad > len(reader.bad_lines) else ""
    return f"note: {reader.bad:,} lines were left out: {places}{more}"


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
    """A file that counts what is read of it."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle, self.count = handle, 0

    def read(self, size: int = -1) -> bytes:
        data = self._handle.read(size)
        self.count += len(data)
        return data
