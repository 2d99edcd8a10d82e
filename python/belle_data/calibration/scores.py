"""What thresholds do with pairs of which it is known whether they are duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from belle_data.calibration.rates import Rate, rate_of, removed, smallest_threshold
from belle_data.calibration.result import Example, Kind, Level, Proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from belle_data.calibration.pairs import Pair

EXAMPLES = 10
"""Pairs that are shown of each side."""


class Scores:
    """Pairs with what was measured of them.

    Args:
        pairs: The pairs.
        cosine: ``float64 [pairs]``.
        differences: ``object [pairs]``, what the guard sees, None if nothing.
        apart: ``bool [pairs]``, whether something else than the guard keeps them, at any threshold.
        thresholds: Those to choose from, ascending.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        cosine: npt.NDArray[np.float64],
        differences: npt.NDArray[np.object_],
        apart: npt.NDArray[np.bool_],
        thresholds: npt.NDArray[np.float64],
    ) -> None:
        self._thresholds = thresholds
        self.pairs, self.cosine, self.differences = pairs, cosine, differences
        self.duplicate = np.array([pair.duplicate for pair in pairs], dtype=bool)
        self.guarded = any_of(differences)
        self._stays = {True: self.guarded | apart, False: apart}

    def _rate(self, threshold: float | None, *, duplicate: bool, guard: bool) -> Rate:
        chosen = self.duplicate == duplicate
        if threshold is None:
            return Rate(0, int(chosen.sum()), None, None, None)
        gone = removed(self.cosine, self._stays[guard], threshold)
        return rate_of(int((gone & chosen).sum()), int(chosen.sum()))

    def proposal(self, wanted: float, *, guard: bool) -> Proposal:
        """The smallest threshold that keeps to the wanted rate."""
        different = ~self.duplicate
        differs = self._stays[guard][different]
        threshold, sure = (
            smallest_threshold(self.cosine[different], differs, wanted, self._thresholds, surely=surely)
            for surely in (False, True)
        )
        return Proposal(
            threshold,
            sure,
            self._rate(threshold, duplicate=False, guard=guard),
            self._rate(threshold, duplicate=True, guard=guard),
        )

    def level(self, threshold: float, rows: int, guarded: int, *, known: bool, guard: bool) -> Level:
        """What a threshold does; `rows` and `guarded` count only if they are known."""
        return Level(
            threshold,
            rows if known else None,
            guarded if known else None,
            self._rate(threshold, duplicate=False, guard=guard).share,
            self._rate(threshold, duplicate=True, guard=guard).share,
            self._rate(threshold, duplicate=False, guard=False).share,
        )

    def kinds(self, threshold: float | None) -> list[Kind]:
        """The pairs by kind, duplicates last."""
        found = []
        names = np.array([pair.kind for pair in self.pairs], dtype=np.object_)
        for kind, duplicate in sorted(
            {(pair.kind, pair.duplicate) for pair in self.pairs}, key=lambda one: (one[1], one[0])
        ):
            chosen = (names == kind) & (self.duplicate == duplicate)
            gone = [
                None if threshold is None else int(removed(self.cosine[chosen], differs[chosen], threshold).sum())
                for differs in (self._stays[True], self._stays[False])
            ]
            found.append(Kind(kind, duplicate, int(chosen.sum()), *gone))
        return found

    def closest_different(self, *, guard: bool) -> list[Example]:
        """Those that set the threshold, the closest first."""
        chosen = np.flatnonzero(~self.duplicate & ~self._stays[guard])
        return self._examples(chosen[np.argsort(-self.cosine[chosen], kind="stable")])

    def farthest_duplicates(self) -> list[Example]:
        """Those that a threshold misses first, the farthest first."""
        chosen = np.flatnonzero(self.duplicate)
        return self._examples(chosen[np.argsort(self.cosine[chosen], kind="stable")])

    def _examples(self, chosen: npt.NDArray[np.integer]) -> list[Example]:
        return [
            Example(
                self.pairs[at].left.text,
                self.pairs[at].right.text,
                self.pairs[at].duplicate,
                self.pairs[at].kind,
                float(self.cosine[at]),
                self.differences[at],
            )
            for at in chosen[:EXAMPLES]
        ]


def any_of(differences: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Where the guard sees a difference."""
    return np.array([one is not None for one in differences], dtype=bool)
