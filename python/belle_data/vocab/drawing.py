"""Which lines are drawn: even over a text, by a seed, and known for any part of it without what comes before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Draw:
    """So many of the numbers from 0, one from each of as many even parts.

    The same arguments give the same numbers on every machine: they come from a hash (splitmix64), not from a generator
    that a library may change.

    Attributes:
        of: How many numbers there are.
        count: How many of them are drawn, 0 to `of`.
        seed: Another one draws others.
        stream: Draws of one seed that have different ones are independent.
    """

    of: int
    count: int
    seed: int
    stream: int

    def between(self, start: int, end: int) -> npt.NDArray[np.int64]:
        """The numbers drawn from `start` up to `end`, ascending: ``int64 [drawn]``."""
        import numpy as np  # noqa: PLC0415

        if not self.count or end <= start:
            return np.zeros(0, np.int64)
        if self.count == self.of:
            return np.arange(start, min(end, self.of))
        # Part j goes from j * of // count up to (j + 1) * of // count: these are the parts that touch the range.
        first = max(0, start * self.count // self.of - 1)
        last = min(self.count, end * self.count // self.of + 2)
        parts = np.arange(first, last, dtype=np.int64)
        low, high = parts * self.of // self.count, (parts + 1) * self.of // self.count
        drawn: npt.NDArray[np.int64] = low + (self._hashes(parts) % (high - low).astype(np.uint64)).astype(np.int64)
        return drawn[(drawn >= start) & (drawn < end)]

    def _hashes(self, parts: npt.NDArray[np.int64]) -> Any:
        import numpy as np  # noqa: PLC0415

        begin = (self.seed * 0x9E3779B97F4A7C15 + self.stream * 0xD1B54A32D192ED03) % 2**64
        value = parts.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(begin)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))
