"""How many units have how many tokens, in a bounded amount of memory."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BORDERS = (0, 1, *(2**power for power in range(3, 14)))
"""Lower borders of the classes of the histogram, in tokens; the last has no upper one."""
_COUNTED = 1 << 16
"""Lengths below are counted in an array, the few above one by one."""


class Distribution:
    """Counts of units by their number of tokens."""

    def __init__(self) -> None:
        import numpy as np  # noqa: PLC0415

        self._counts = np.zeros(_COUNTED, np.int64)
        self._longer: Counter[int] = Counter()

    def add(self, lengths: npt.NDArray[Any]) -> None:
        """Count units, whole numbers of tokens from 0."""
        import numpy as np  # noqa: PLC0415

        long = lengths >= _COUNTED
        if long.any():
            self._longer.update(lengths[long].tolist())
            lengths = lengths[~long]
        self._counts += np.bincount(lengths, minlength=_COUNTED)

    def points(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Numbers of tokens that occur, ascending, and how many units have each."""
        import numpy as np  # noqa: PLC0415

        short = np.flatnonzero(self._counts)
        longer = sorted(self._longer.items())
        values = np.concatenate([short, np.array([value for value, _ in longer], np.int64)])
        counts = np.concatenate([self._counts[short], np.array([count for _, count in longer], np.int64)])
        return values, counts

    @property
    def units(self) -> int:
        """How many units there are."""
        return int(self._counts.sum()) + self._longer.total()

    @property
    def least(self) -> int:
        """The fewest tokens of a unit, of at least one unit."""
        return int(self.points()[0][0])

    @property
    def most(self) -> int:
        """The most tokens of a unit, of at least one unit."""
        return int(self.points()[0][-1])

    def percentile(self, percent: int) -> int:
        """Tokens of the unit that has so many percent of the others before it, rounded down, of at least one unit."""
        import numpy as np  # noqa: PLC0415

        values, counts = self.points()
        ends = np.cumsum(counts)
        return int(values[np.searchsorted(ends, (int(ends[-1]) - 1) * percent // 100, side="right")])

    def above(self, limit: int) -> tuple[int, int]:
        """Units with more tokens than `limit`, and how many tokens they have beyond it."""
        values, counts = self.points()
        over = values > limit
        return int(counts[over].sum()), int(((values[over] - limit) * counts[over]).sum())

    def classes(self) -> list[tuple[int, int | None, int]]:
        """Units with a number of tokens from each of `BORDERS` up to the next: first, last (None: no end), units.

        The classes end with the last that has a unit.
        """
        counts = self.between([*BORDERS, None])
        last = max((place for place, count in enumerate(counts) if count), default=0)
        ends = [*(border - 1 for border in BORDERS[1:]), None]
        return list(zip(BORDERS, ends, counts, strict=True))[: last + 1]

    def between(self, edges: list[Any]) -> list[int]:
        """Units from each edge up to the next; edges ascend, the last may be None for no end."""
        import numpy as np  # noqa: PLC0415

        values, counts = self.points()
        sums = np.concatenate([[0], np.cumsum(counts)])
        places = [len(values) if edge is None else int(np.searchsorted(values, edge)) for edge in edges]
        return [int(sums[end] - sums[start]) for start, end in itertools.pairwise(places)]
