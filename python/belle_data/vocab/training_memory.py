"""How much memory the trainer takes, and how many lines fit into what it may take.

The trainer keeps each character of each different word, and each pair of neighbours that it has seen. Peaks of
sentencepiece 0.2.3 with 50,000 pieces, in bytes over those of an empty process: of Chinese text 134 per character with
1.7 million characters, 85 with 17 million, 70 with 33 million; 316 where nearly every pair of characters is another
(random ideographs, 2 million characters); of English text 6 to 10, because words come again. The bound here is above
all of them: docs/vocabulary-training.md has the table.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEAST = 512 << 20
"""The least memory that may be promised, in bytes."""
READING = 256 << 20
"""Bytes for the process that reads the text and feeds the trainer."""
_FIXED = 64 << 20
_OF_SYMBOL, _OF_PAIR = 100, 280
_OF_ROW = 300
_OF_PIECE, _MEASURED_PIECES = 1 << 10, 50_000
# Different pairs grow at least this slowly with the text: 0.44 to 0.6 was measured on Chinese text.
_PAIRS_EXPONENT = 0.4
_TABLE = 1 << 24
_CODE_POINTS = 0x110000
_CHARACTERS_AT_ONCE = 1 << 17


@dataclass(frozen=True, slots=True)
class TextSize:
    """How large a text is, for the trainer.

    Attributes:
        lines: Its lines.
        characters: Their characters.
        pairs: About how many different pairs of neighbouring characters there are.
    """

    lines: int
    characters: int
    pairs: int

    def needed(self, size: int, share: float = 1.0) -> int:
        """Bytes that the trainer takes at most for an even share of the text, with `size` pieces."""
        symbols = (self.characters + self.lines) * share
        pairs = min(self.pairs * share**_PAIRS_EXPONENT, symbols)
        more = max(0, size - _MEASURED_PIECES) * _OF_PIECE
        return _FIXED + more + int(_OF_SYMBOL * symbols + _OF_PAIR * pairs)

    def lines_within(self, memory: int, size: int) -> int:
        """How many lines of the text, drawn evenly, the trainer may take in so many bytes."""
        if self.needed(size) <= memory:
            return self.lines
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.needed(size, middle) <= memory else (low, middle)
        return int(self.lines * low)


class TextMeasure:
    """Measures a text batch by batch: lines, characters, and about how many different pairs of neighbours."""

    def __init__(self) -> None:
        import numpy as np  # noqa: PLC0415

        self.lines = self.characters = 0
        self._seen = np.zeros(_TABLE, np.bool_)

    def add(self, lines: Any) -> None:
        """Measure an Arrow array of strings, none null or empty."""
        import numpy as np  # noqa: PLC0415

        self.lines += len(lines)
        text = _joined(lines)
        for start in range(0, len(text), _CHARACTERS_AT_ONCE):
            part = text[start : start + _CHARACTERS_AT_ONCE]
            self._add(np.frombuffer(part.encode("utf-32-le"), np.uint32))

    def _add(self, characters: npt.NDArray[np.uint32]) -> None:
        import numpy as np  # noqa: PLC0415

        self.characters += len(characters)
        pairs = characters[:-1].astype(np.uint64) * np.uint64(_CODE_POINTS) + characters[1:]
        pairs = (pairs ^ (pairs >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        self._seen[(pairs >> np.uint64(40)).astype(np.int64)] = True

    def size(self) -> TextSize:
        """What was measured; pairs by linear counting (Whang et al. 1990), about 0.1 % off for millions."""
        import math  # noqa: PLC0415

        free = max(1, _TABLE - int(self._seen.sum()))
        return TextSize(self.lines, self.characters, round(-_TABLE * math.log(free / _TABLE)))


def _joined(lines: Any) -> str:
    """The characters of an array of strings, one line after another."""
    import numpy as np  # noqa: PLC0415

    _, offsets, data = lines.buffers()
    if not len(lines) or data is None:
        return ""
    ends = np.frombuffer(offsets, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return str(memoryview(data)[int(ends[0]) : int(ends[-1])], "utf-8")


def reading_memory(rows: int, stored: int, text: TextSize) -> int:
    """Bytes that reading takes at most beside the trainer.

    Files of text are read block by block. Rows are mapped, an escaped character has six bytes, and where each row is
    must be known.

    Args:
        rows: Rows that are read; 0 for files of text.
        stored: Bytes of the files of rows.
        text: How large the text is.
    """
    return READING + (max(6 * text.characters, stored) + _OF_ROW * rows if rows else 0)


def machine_memory() -> int:
    """Bytes of memory of this machine, or of what its container may use; 4 GiB where the system does not say."""
    known = []
    with suppress(ValueError, OSError, AttributeError):
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(ValueError, OSError):
            known.append(int(Path("/sys/fs/cgroup", name).read_text(encoding="ascii")))
    return min((size for size in known if size > 0), default=4 << 30)


def peak_memory() -> int | None:
    """The most memory that this process had at once, in bytes; None where the system does not say.

    Not what `getrusage` gives: that counts the process which started this one too.
    """
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None
