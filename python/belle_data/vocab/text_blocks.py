"""Blocks of text, cut at their line feeds into Arrow arrays and checked once: no line becomes a string of Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 2 << 20
"""Decoded bytes whose lines are given together, about."""
NO_TEXT = "no_text"
"""The reason of a NUL: a file with one is no text."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is left out: its number from 1, its first wrong byte in the decoded file from 0, and the reason.

    Within a block both are counted from 0 at its start.
    """

    file: str
    line: int
    byte: int
    reason: str


class MeasuredTexts:
    """Texts with their sizes.

    Args:
        texts: An Arrow array of strings, none null.
        characters: How many they have, if that is known.

    Attributes:
        texts: The texts.
        sizes: The bytes of each in UTF-8: ``int32 [texts]``.
        bytes: The bytes of all.
        characters: The characters of all.
    """

    def __init__(self, texts: Any, characters: int | None = None) -> None:
        import numpy as np  # noqa: PLC0415 - a wrong path must be told before it is loaded

        self.texts = texts
        _, offsets, data = texts.buffers()
        ends = np.zeros(1, np.int32)
        if len(texts):
            ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        self.sizes = np.diff(ends)
        first, last = int(ends[0]), int(ends[-1])
        self.bytes = last - first
        if characters is None:
            # Bytes that go on with a character are 80 to BF in hexadecimal digits: below -64 as signed ones.
            stored = np.frombuffer(data, np.int8)[first:last] if self.bytes else np.zeros(0, np.int8)
            characters = int(np.count_nonzero(stored >= -64))
        self.characters = characters


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a file, the first `end` of which are whole lines; or a line that is too long and was not kept.

    Attributes:
        data: The bytes.
        end: How many of them are of this block; 0 for a line that is too long.
        first: Whether it is the first block of the file.
        dropped: Bytes of the line that is too long.
    """

    data: bytes
    end: int
    first: bool
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class CutBlock:
    """The lines of a block.

    Attributes:
        lines: Those that are text, without their ends.
        bad: The others.
        line_count: How many lines the block has, bad ones too.
        size: Bytes of the block.
    """

    lines: MeasuredTexts
    bad: list[BadLine] = field(default_factory=list)
    line_count: int = 0
    size: int = 0


def blocks(pieces: Iterator[bytes], longest: int) -> Iterator[Block]:
    """Join and cut decoded bytes into blocks of whole lines; only a line of more than `longest` bytes is not kept."""
    waiting: list[bytes] = []
    size = dropped = 0
    first = True
    for piece in pieces:
        data = piece
        if dropped:
            end = data.find(b"\n") + 1
            dropped += end or len(data)
            if not end:
                continue
            yield Block(b"", 0, first, dropped)
            data, dropped, first = data[end:], 0, False
        waiting.append(data)
        size += len(data)
        if size < BLOCK_BYTES:
            continue
        block = b"".join(waiting)
        end = block.rfind(b"\n") + 1
        if end:
            yield Block(block, end, first)
            first = False
        waiting, size = [block[end:]], len(block) - end
        # A byte order mark and a carriage return may still go.
        if size > longest + len(_BYTE_ORDER_MARK) + 1:
            waiting, size, dropped = [], 0, size
    if dropped:
        yield Block(b"", 0, first, dropped)
    if size:
        yield Block(b"".join(waiting), size, first)


def cut_block(block: Block, longest: int) -> CutBlock:
    """Cut a block into lines.

    A line ends with a line feed, or with a carriage return and a line feed. What is no UTF-8, or longer than `longest`
    bytes, is bad; a NUL ends the block with a bad line of the reason `NO_TEXT`.
    """
    import pyarrow as pa  # noqa: PLC0415 - a wrong path must be told before it is loaded

    from belle_data import _native  # noqa: PLC0415

    data, end = block.data, block.end
    if block.dropped:
        none = MeasuredTexts(pa.array([], pa.string()))
        return CutBlock(none, [BadLine("", 0, 0, "line_too_long")], 1, block.dropped)
    nul = data.find(b"\0", 0, end)
    if nul >= 0:
        bad = BadLine("", data.count(b"\n", 0, nul), nul, NO_TEXT)
        return CutBlock(MeasuredTexts(pa.array([], pa.string())), [bad], 0, end)
    skipped = len(_BYTE_ORDER_MARK) if block.first and data.startswith(_BYTE_ORDER_MARK) else 0
    lines = _native.cut_lines(data, skipped, end, longest)
    if lines is not None:
        return CutBlock(MeasuredTexts(*lines), [], len(lines[0]), end)
    return _line_by_line(data[:end], skipped, longest)


def _line_by_line(data: bytes, skipped: int, longest: int) -> CutBlock:
    """The same for a block in which a line is bad."""
    import pyarrow as pa  # noqa: PLC0415

    good: list[str] = []
    bad: list[BadLine] = []
    at, number = skipped, 0
    while at < len(data):
        end = data.find(b"\n", at)
        line = data[at : len(data) if end < 0 else end]
        following = at + len(line) + 1
        line = line.removesuffix(b"\r") if end >= 0 else line
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            bad.append(BadLine("", number, at + error.start, "invalid_utf8"))
        else:
            if len(line) > longest:
                bad.append(BadLine("", number, at, "line_too_long"))
            else:
                good.append(text)
        at, number = following, number + 1
    return CutBlock(MeasuredTexts(pa.array(good, pa.string())), bad, number, len(data))
