"""From a sample of prompts to cosines, rates and a proposal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from belle_data import _native
from belle_data.calibration.pairs import Pair, made_pairs
from belle_data.calibration.rates import pairs_needed
from belle_data.calibration.removal import removed_at
from belle_data.calibration.result import Calibration, Histogram
from belle_data.calibration.scores import Scores, any_of
from belle_data.calibration.similarity import cosines, histogram, neighbours, random_pairs
from belle_data.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from belle_data.calibration.prompts import Sample
    from belle_data.embed import Embedder
    from belle_data.engine.progress import Listener

THRESHOLDS = np.arange(70, 101) / 100
"""Thresholds that are looked at; cosines below them are the embedder's noise as much as likeness."""
MOST_PAIRS = 1_000_000
"""Pairs of prompts that are looked at one by one; where there are more, only higher thresholds are."""
_GUARDED_AT_ONCE = 8192


class Measure:
    """Measures one sample with one embedder.

    Args:
        embedder: Gives the vectors.
        sample: The prompts.
        listener: Is told about the progress.
    """

    def __init__(self, embedder: Embedder, sample: Sample, listener: Listener) -> None:
        self._embedder, self._sample, self._listener = embedder, sample, listener
        self._guard: Any = None
        self._notes: list[str] = []

    def calibration(
        self, inputs: list[str], pairs_from: str | None, labelled: Sequence[Pair] | None, wanted: float
    ) -> Calibration:
        """Compare the prompts and judge the pairs.

        Raises:
            SourceError: There are fewer than two prompts.
        """
        self._check_sample(inputs)
        texts = self._sample.texts
        exists = self._embedder.name.startswith("numpy:")
        pairs = list(labelled) if labelled is not None else made_pairs(texts, reworded=not exists)
        if exists:
            self._notes.append(
                "vectors of a file are there for the rows alone: no prompt was reworded, so recall is unknown"
            )
        vectors = self._embed(texts, self._sample.rows, "embed", precisely=False)
        found = neighbours(
            vectors, [float(one) for one in THRESHOLDS], self._embedder.tolerance, MOST_PAIRS, self._listener
        )
        cosine = self._cosines_of(vectors, found.earlier, found.later)
        levels = np.greater_equal(THRESHOLDS, found.floor - 1e-9)
        at = cosine >= (THRESHOLDS[levels][0] if levels.any() else 2.0)
        earlier, later, cosine = found.earlier[at], found.later[at], cosine[at]
        if not levels.all():
            self._notes.append(
                f"more than {MOST_PAIRS:,} pairs of prompts are alike: rows are counted for higher thresholds only"
            )
        differences = self._differences([texts[one] for one in later], [texts[one] for one in earlier], "guard")
        rows = removed_at(len(texts), earlier, later, cosine, THRESHOLDS)
        alike = ~any_of(differences)
        guarded = removed_at(len(texts), earlier[alike], later[alike], cosine[alike], THRESHOLDS)
        scores = Scores(pairs, self._pair_cosines(pairs, vectors), self._pair_differences(pairs), THRESHOLDS)
        histograms = [
            _histogram("nearest", found.nearest),
            _histogram("random", random_pairs(vectors)),
            _histogram("duplicates", scores.cosine[scores.duplicate]),
            _histogram("different", scores.cosine[~scores.duplicate]),
        ]
        proposal, unguarded = scores.proposal(wanted, guard=True), scores.proposal(wanted, guard=False)
        result = Calibration(
            inputs=inputs,
            rows=self._sample.rows_read,
            empty_prompts=self._sample.empty,
            distinct_prompts=self._sample.distinct,
            sampled_prompts=len(texts),
            embedder=self._embedder.name,
            fingerprint=self._embedder.fingerprint,
            pairs_from=pairs_from,
            wanted=wanted,
            pairs_needed=pairs_needed(wanted),
            proposal=proposal,
            unguarded=unguarded,
            guard_differences=dict(sorted(Counter(one for one in differences if one is not None).items())),
            histograms=histograms,
            levels=[
                scores.level(float(threshold), int(rows[place]), int(guarded[place]), known=bool(levels[place]))
                for place, threshold in enumerate(THRESHOLDS)
            ],
            kinds=scores.kinds(proposal.threshold),
            closest_different=scores.closest_different(),
            farthest_duplicates=scores.farthest_duplicates(),
            notes=self._notes,
        )
        self._note_pairs(result)
        return result

    def _check_sample(self, inputs: list[str]) -> None:
        sample, where = self._sample, ", ".join(inputs)
        if sample.distinct == 0:
            raise SourceError(
                f"none of the {sample.rows_read:,} rows has a prompt",
                path=where,
                hint="calibrate compares what is asked; rows of plain text ask nothing",
            )
        if sample.distinct == 1:
            rows = sample.rows_read - sample.empty
            same = "there is only one row with a prompt" if rows == 1 else f"all {rows:,} rows have the same prompt"
            raise SourceError(f"{same}: there is nothing to compare", path=where, hint="name more data")

    def _embed(
        self, texts: Sequence[str], rows: npt.NDArray[np.int64], step: str, *, precisely: bool
    ) -> npt.NDArray[np.float32]:
        column = pa.array(texts, pa.large_string())
        cost = self._embedder.cost(column)
        if cost is not None:
            self._listener.message(f"{self._embedder.name}: {cost}")
        self._listener.begin(step, len(texts), "prompts")
        parts, size = [], max(1, self._embedder.batch)
        if precisely or self._embedder.tolerance > 0:
            # So that progress is shown, and Ctrl-C heard, a few times a second.
            size = min(size, 2048)
        for start in range(0, len(texts), size):
            numbers = pa.array(rows[start : start + size], pa.uint32())
            parts.append(self._embedder.embed(column.slice(start, size), numbers, precisely=precisely))
            self._listener.update(min(start + size, len(texts)))
        self._listener.end(f"{len(texts):,} prompts")
        return np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)

    def _cosines_of(
        self, vectors: npt.NDArray[np.float32], earlier: npt.NDArray[np.int32], later: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """The cosines that count: of vectors made precisely, where the embedder has two ways."""
        if self._embedder.tolerance == 0 or len(later) == 0:
            return cosines(vectors, earlier, later)
        involved = np.unique(np.concatenate([earlier, later]))
        texts = [self._sample.texts[one] for one in involved]
        again = self._embed(texts, self._sample.rows[involved], "embed again", precisely=True)
        return cosines(again, np.searchsorted(involved, earlier), np.searchsorted(involved, later))

    def _pair_cosines(self, pairs: Sequence[Pair], vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        if not pairs:
            return np.empty(0, dtype=np.float64)
        if self._embedder.name.startswith("numpy:"):
            number = {text: at for at, text in enumerate(self._sample.texts)}
        else:
            number = {
                text: at for at, text in enumerate(dict.fromkeys(one for p in pairs for one in (p.left, p.right)))
            }
            rows = np.arange(len(number), dtype=np.int64)
            vectors = self._embed(list(number), rows, "embed pairs", precisely=True)
        left, right = (
            np.array([number[one] for one in side]) for side in zip(*((p.left, p.right) for p in pairs), strict=True)
        )
        return cosines(vectors, left, right)

    def _pair_differences(self, pairs: Sequence[Pair]) -> npt.NDArray[np.object_]:
        return self._differences([pair.left for pair in pairs], [pair.right for pair in pairs], "guard pairs")

    def _differences(self, left: Sequence[str], right: Sequence[str], step: str) -> npt.NDArray[np.object_]:
        """What the guard sees in pairs of texts: a word for each, or None."""
        if self._guard is None:
            self._guard = _native.Guard()
        found: list[str | None] = []
        self._listener.begin(step, len(left), "pairs")
        for start in range(0, len(left), _GUARDED_AT_ONCE):
            end = start + _GUARDED_AT_ONCE
            ones, others = (pa.array(side[start:end], pa.large_string()) for side in (left, right))
            found += pa.record_batch(self._guard.between(ones, others)).column("difference").to_pylist()
            self._listener.update(min(end, len(left)))
        self._listener.end(f"{len(left):,} pairs")
        return np.array([*found, None], dtype=np.object_)[:-1]

    def _note_pairs(self, result: Calibration) -> None:
        count, needed = result.proposal.false_removal.pairs, result.pairs_needed
        if count == 0:
            self._notes.append("there is no pair that is no duplicate, so that no threshold can be proposed")
        elif result.is_too_small:
            self._notes.append(
                f"{count:,} pairs that are no duplicates are too few to show a rate of {result.wanted:.4g}: "
                f"it takes {needed:,}, even if none of them is removed"
            )
        if count and result.proposal.threshold is None:
            self._notes.append(
                "no threshold up to 1 keeps to the wanted rate: look at the closest pairs, are they labelled right?"
            )
        if result.proposal.recall.pairs == 0:
            self._notes.append("there is no pair of duplicates, so that recall is unknown")
        if result.pairs_from is None:
            self._notes.append(
                "the pairs were made by rule: made duplicates are nearer to each other than what people reword, and a few "
                "pairs taken for different ask for the same. Label pairs of your own with --pairs"
            )
        if result.sampled_prompts < result.distinct_prompts:
            self._notes.append(
                "rows are counted in the sample: in more data each prompt has more neighbours, and a larger share goes"
            )


def _histogram(name: str, values: npt.NDArray[np.floating]) -> Histogram:
    return Histogram(name, len(values), histogram(values))
