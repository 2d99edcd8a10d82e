"""From a sample of prompts to cosines, rates and a proposal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from belle_data import _native
from belle_data.calibration.pairs import made_pairs
from belle_data.calibration.rates import pairs_needed
from belle_data.calibration.removal import removed_at
from belle_data.calibration.result import Calibration, Histogram
from belle_data.calibration.scores import Scores, any_of
from belle_data.calibration.similarity import cosines, histogram, neighbours, random_pairs
from belle_data.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from belle_data.calibration.pairs import Pair
    from belle_data.calibration.prompts import Prompt, Sample
    from belle_data.embed import Embedder
    from belle_data.engine.progress import Listener
    from belle_data.stages.semantic_dedup import SemanticDedupConfig

THRESHOLDS = np.arange(70, 101) / 100
"""Thresholds that are looked at; cosines below them are the embedder's noise as much as likeness."""
MOST_PAIRS = 1_000_000
"""Pairs of prompts that are looked at one by one; where there are more, only higher thresholds are."""
_EMBEDDED_AT_ONCE = 2048
_GUARDED_AT_ONCE = 8192
_TEXT_OF: dict[str, Callable[[Prompt], str]] = {
    "prompt": lambda prompt: prompt.text,
    "instruction": lambda prompt: prompt.instruction,
}
"""Of the fields that the stage compares, those that a prompt alone tells."""


class Measure:
    """Measures one sample with one embedder.

    Args:
        embedder: Gives the vectors.
        sample: The prompts.
        settings: Those of `semantic_dedup`: which texts must be near, and whether there is a guard.
        listener: Is told about the progress.
    """

    def __init__(self, embedder: Embedder, sample: Sample, settings: SemanticDedupConfig, listener: Listener) -> None:
        self._embedder, self._sample, self._listener = embedder, sample, listener
        self._with_guard, self._field_threshold = settings.guard, settings.field_threshold
        self._guard = _native.Guard()
        self._notes: list[str] = []
        # A file has one vector for each row, not one for each of its texts.
        self._fields: list[str] = ["prompt"]
        if not embedder.of_rows:
            self._fields += [field for field in settings.fields if field in _TEXT_OF and field != "prompt"]
        if unjudged := [field for field in settings.fields if field not in self._fields]:
            self._notes.append(f"the recipe also compares {' and '.join(unjudged)}, which is not looked at here")

    def calibration(
        self, inputs: list[str], pairs_from: str | None, labelled: Sequence[Pair] | None, wanted: float
    ) -> Calibration:
        """Compare the prompts and judge the pairs.

        Raises:
            SourceError: There are fewer than two prompts.
        """
        sample, of_rows = self._sample, self._embedder.of_rows
        self._check_sample(inputs)
        pairs = list(labelled) if labelled is not None else made_pairs(sample.prompts, reworded=not of_rows)
        vectors = self._embed([prompt.text for prompt in sample.prompts], sample.rows, "embed", precisely=False)
        rows, guarded, known, found = self._removed(vectors)
        left, right = [pair.left for pair in pairs], [pair.right for pair in pairs]
        cosine, apart = self._cosines(left, right, vectors, "embed pairs")
        scores = Scores(pairs, cosine, self._differences(left, right, "guard pairs"), apart, THRESHOLDS)
        result = Calibration(
            inputs=inputs,
            rows=sample.rows_read,
            empty_prompts=sample.empty,
            distinct_prompts=sample.distinct,
            sampled_prompts=len(sample.prompts),
            embedder=self._embedder.name,
            fingerprint=self._embedder.fingerprint,
            fields=self._fields,
            field_threshold=self._field_threshold,
            guard=self._with_guard,
            pairs_from=pairs_from,
            wanted=wanted,
            pairs_needed=pairs_needed(wanted),
            proposal=scores.proposal(wanted, guard=self._with_guard),
            without_guard=scores.proposal(wanted, guard=False),
            guard_differences=found,
            histograms=[
                _histogram("nearest", self._nearest),
                _histogram("random", random_pairs(vectors)),
                _histogram("duplicates", scores.cosine[scores.duplicate]),
                _histogram("different", scores.cosine[~scores.duplicate], scores.guarded[~scores.duplicate]),
            ],
            levels=[
                scores.level(float(threshold), int(gone), int(fewer), known=bool(is_known), guard=self._with_guard)
                for threshold, gone, fewer, is_known in zip(THRESHOLDS, rows, guarded, known, strict=True)
            ],
            kinds=scores.kinds(scores.proposal(wanted, guard=self._with_guard).threshold),
            closest_different=scores.closest_different(guard=self._with_guard),
            farthest_duplicates=scores.farthest_duplicates(),
            notes=self._notes,
        )
        self._note_result(result)
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

    def _removed(
        self, vectors: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_], dict[str, int]]:
        """Rows that go at each threshold, without and with the guard; where that is known; what the guard saw."""
        prompts, floors = self._sample.prompts, [float(one) for one in THRESHOLDS]
        found = neighbours(vectors, floors, self._embedder.tolerance(floors[0]), MOST_PAIRS, self._listener)
        self._nearest = found.nearest
        earlier, later = found.earlier, found.later
        ones, others = [prompts[one] for one in earlier], [prompts[one] for one in later]
        cosine, apart = self._cosines(ones, others, vectors, "embed again")
        known = np.greater_equal(THRESHOLDS, found.floor - 1e-9)
        if not known.all():
            self._notes.append(
                f"more than {MOST_PAIRS:,} pairs of prompts are alike: rows are counted for higher thresholds only"
            )
        near = (cosine >= found.floor) & ~apart
        earlier, later, cosine = earlier[near], later[near], cosine[near]
        differences = self._differences([prompts[one] for one in later], [prompts[one] for one in earlier], "guard")
        alike = ~any_of(differences)
        rows = removed_at(len(prompts), earlier, later, cosine, THRESHOLDS)
        guarded = removed_at(len(prompts), earlier[alike], later[alike], cosine[alike], THRESHOLDS)
        return rows, guarded, known, dict(sorted(Counter(one for one in differences if one is not None).items()))

    def _embed(
        self, texts: Sequence[str], rows: npt.NDArray[np.int64], step: str, *, precisely: bool
    ) -> npt.NDArray[np.float32]:
        column = pa.array(texts, pa.large_string())
        cost = self._embedder.cost(column)
        if cost is not None:
            self._listener.message(f"{self._embedder.name}: {cost}")
        self._listener.begin(step, len(texts), "texts")
        # Not more, so that progress is shown and Ctrl-C heard a few times a second.
        size = max(1, min(self._embedder.batch, _EMBEDDED_AT_ONCE))
        parts = []
        for start in range(0, len(texts), size):
            numbers = pa.array(rows[start : start + size], pa.uint32())
            parts.append(self._embedder.embed(column.slice(start, size), numbers, precisely=precisely))
            self._listener.update(min(start + size, len(texts)))
        self._listener.end(f"{len(texts):,} texts")
        return np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)

    def _cosines(
        self, left: Sequence[Prompt], right: Sequence[Prompt], vectors: npt.NDArray[np.float32], step: str
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """The cosines of prompts, of precise vectors; and where texts of a further field are too far apart."""
        if self._embedder.of_rows:
            number = {prompt: at for at, prompt in enumerate(self._sample.prompts)}
            return cosines(vectors, _numbers(left, number), _numbers(right, number)), np.zeros(len(left), dtype=bool)
        every = dict.fromkeys(
            _TEXT_OF[field](prompt) for side in (left, right) for prompt in side for field in self._fields
        )
        texts = {text: at for at, text in enumerate(every)}
        precise = self._embed(list(texts), np.arange(len(texts), dtype=np.int64), step, precisely=True)
        found = []
        for field in self._fields:
            one, other = (_numbers([_TEXT_OF[field](prompt) for prompt in side], texts) for side in (left, right))
            found.append(cosines(precise, one, other))
        apart = np.zeros(len(left), dtype=bool)
        for further in found[1:]:
            apart |= further < self._field_threshold
        return found[0], apart

    def _differences(self, left: Sequence[Prompt], right: Sequence[Prompt], step: str) -> npt.NDArray[np.object_]:
        """What the guard sees in pairs of prompts: a word for each, or None."""
        found: list[str | None] = []
        self._listener.begin(step, len(left), "pairs")
        for start in range(0, len(left), _GUARDED_AT_ONCE):
            end = start + _GUARDED_AT_ONCE
            ones, others = (
                pa.array([prompt.text for prompt in side[start:end]], pa.large_string()) for side in (left, right)
            )
            found += pa.record_batch(self._guard.between(ones, others)).column("difference").to_pylist()
            self._listener.update(min(end, len(left)))
        self._listener.end(f"{len(left):,} pairs")
        differences = np.empty(len(found), dtype=np.object_)
        differences[:] = found
        return differences

    def _note_result(self, result: Calibration) -> None:
        count, needed = result.proposal.false_removal.pairs, result.pairs_needed
        if count == 0:
            self._notes.append("there is no pair that is no duplicate, so that no threshold can be proposed")
        elif result.is_too_small:
            self._notes.append(
                f"of pairs that are no duplicates there are too few to show a rate of {result.wanted:.4g}: "
                f"{count:,}, where it takes {needed:,}, even if none of them is removed"
            )
        if count and result.proposal.threshold is None:
            self._notes.append(
                "no threshold up to 1 keeps to the wanted rate: look at the closest pairs, are they labelled right?"
            )
        if result.proposal.threshold == THRESHOLDS[0]:
            self._notes.append(f"{THRESHOLDS[0]:g} is the lowest threshold that is looked at")
        if result.proposal.recall.pairs == 0:
            why = "; a file has vectors for rows alone, so that none was reworded" if self._embedder.of_rows else ""
            self._notes.append(f"there is no pair of duplicates, so that recall is unknown{why}")
        if result.pairs_from is None:
            self._notes.append(
                "the pairs were made by rule: made duplicates are nearer to each other than what people reword, and a "
                "few pairs taken for different ask for the same. Label pairs of your own with --pairs"
            )
        if result.sampled_prompts < result.distinct_prompts:
            self._notes.append(
                "rows are counted in the sample: in more data each prompt has more neighbours, and a larger share goes"
            )


def _numbers(keys: Sequence[Any], number: dict[Any, int]) -> npt.NDArray[np.int64]:
    return np.array([number[key] for key in keys], dtype=np.int64)


def _histogram(name: str, values: npt.NDArray[np.floating], apart: npt.NDArray[np.bool_] | None = None) -> Histogram:
    return Histogram(
        name, len(values), histogram(values), histogram(values[apart] if apart is not None else values[:0])
    )
