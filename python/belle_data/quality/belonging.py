"""Whether answers belong to their questions: how near each answer's vector is to the one that its prompt lets expect.

What to expect is learned from the rows themselves, most of which belong together: ridge regression (Hoerl and Kennard
1970) from the vector of a prompt to that of its answer, drawn towards the prompt itself where there are few rows. Each
row is judged by the regression of the fold that it is not in, so it never vouches for itself.

Everything is computed in whole numbers, or in steps whose order is fixed: the scores are the same bytes on every
machine, for any number of threads and any order of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Vectors = NDArray[np.float32] | NDArray[np.int8]
    Doubles = NDArray[np.float64]

MOST_LEARNED = 65_536
"""Rows of a fold that the regression learns from: those with the smallest keys."""
BLOCK = 1_024
"""Rows in one matrix product: sums of so many products of two 7-bit numbers are exact in float32."""
LEAST_ROWS = 64
"""Rows below which nothing is learned, and every score is NaN."""
_LARGEST = 127
_SHRINK = (0.3, 1_500.0)
"""The ridge, in units of the mean variance: the first, and the second divided by the rows."""


def belonging_scores(
    prompts: Vectors,
    answers: Vectors,
    keys: NDArray[np.uint64],
    *,
    advance: Callable[[int], None] | None = None,
) -> Floats:
    """Score how well each answer belongs to its prompt; higher is better, about 0 for answers of other rows.

    Args:
        prompts: ``float32 [rows, dimensions]``, vectors of length one; a row of zeros or NaN for none. Or what
            `whole_numbers` makes of them, ``int8``: the scores are the same.
        answers: The same for the answers.
        keys: ``uint64 [rows]``, a hash of each row's content: they say which rows are in which fold, and which are
            learned from.
        advance: Called with the number of rows that are done since the last call; may raise to stop.

    Returns:
        ``float32 [rows]``: the cosine, -1 to 1, of the answer's vector and the expected one, both less their means. NaN
        for a row without a vector, and for all rows if fewer than `LEAST_ROWS` of a fold have both. Empty for no row.

    Raises:
        UsageError: The shapes do not go together.
    """
    if prompts.ndim != 2 or prompts.shape != answers.shape or keys.shape != prompts.shape[:1]:
        shapes = [list(one.shape) for one in (prompts, answers, keys)]
        raise UsageError("prompts, answers and keys must be of the same rows", value=shapes)
    scores = np.full(len(keys), np.nan, np.float32)
    if not len(keys):
        return scores
    whole = _has_vector(prompts) & _has_vector(answers)
    # The lowest bit alone could be one that a hash of few values leaves constant.
    fold = (_mixed(keys) >> np.uint64(63)).astype(bool)
    for judged in (False, True):
        learned = np.flatnonzero(whole & (fold != judged))
        if len(learned) >= LEAST_ROWS:
            rows = learned[np.argsort(keys[learned], kind="stable")[:MOST_LEARNED]]
            expectation = _Expectation(prompts, answers, rows)
            wanted = np.flatnonzero(whole & (fold == judged))
            for start in range(0, len(wanted), BLOCK):
                part = wanted[start : start + BLOCK]
                scores[part] = expectation.scores(prompts[part], answers[part])
                if advance is not None:
                    advance(len(part))
    return scores


class _Expectation:
    """The regression of some rows, in whole numbers."""

    def __init__(self, prompts: Vectors, answers: Vectors, rows: NDArray[np.int64]) -> None:
        sides = [_Sums(side, rows) for side in (prompts, answers)]
        self._prompt, self._answer = sides
        dimensions = prompts.shape[1]
        gram, cross = np.zeros((dimensions, dimensions)), np.zeros((dimensions, dimensions))
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            left, right = _whole(prompts[part]), _whole(answers[part])
            gram += left.T @ left
            cross += left.T @ right
        count = len(rows)
        gram -= _outer(self._prompt.total, self._prompt.total) / count
        cross -= _outer(self._prompt.total, self._answer.total) / count
        spread, together = float(_sum(np.diagonal(gram))), float(_sum(np.diagonal(cross)))
        ridge = (_SHRINK[0] + _SHRINK[1] / count) * max(spread, 1.0) / dimensions
        # Few rows tell little beyond that an answer is about what its prompt is about.
        towards = ridge * together / max(spread, 1.0)
        for place in range(dimensions):
            gram[place, place] += ridge
            cross[place, place] += towards
        weights = _solved(gram, cross)
        largest = float(np.max(np.abs(weights)))
        whole = np.rint(weights * (_LARGEST / largest if largest else 1.0))
        # Sums of more products than this would not be exact in float32.
        self._weights: Any = whole.astype(np.float32 if dimensions <= BLOCK else np.float64)
        self._base = self._prompt.mean @ whole

    def scores(self, prompts: Vectors, answers: Vectors) -> Doubles:
        """The cosines of some rows."""
        expected = (_whole(prompts) @ self._weights).astype(np.float64) - self._base
        # Without the last bits the squares of the numbers and their sum are exact too.
        expected = np.floor(expected / 64)
        given = _whole(answers).astype(np.float64) - self._answer.mean
        products = _row_sums(expected * given)
        norms = np.sqrt(_row_sums(expected * expected)) * np.sqrt(_row_sums(given * given))
        cosines: Doubles = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
        return cosines


class _Sums:
    """One side of the pairs in whole numbers, with its sums and means."""

    def __init__(self, vectors: Vectors, rows: NDArray[np.int64]) -> None:
        self.total = np.zeros(vectors.shape[1])
        for start in range(0, len(rows), BLOCK):
            self.total += _whole(vectors[rows[start : start + BLOCK]]).sum(axis=0, dtype=np.float64)
        self.mean = np.rint(self.total / len(rows))


def whole_numbers(vectors: Vectors) -> NDArray[np.int8]:
    """Vectors of length one as whole numbers, -127 to 127, which take a quarter of the memory.

    Args:
        vectors: ``float32 [rows, dimensions]``; ``int8`` is given back as it is.

    Returns:
        ``int8 [rows, dimensions]``; zeros for a row that is not finite.
    """
    if vectors.dtype == np.int8:
        return vectors.astype(np.int8, copy=False)
    finite = np.isfinite(vectors).all(axis=1, keepdims=True)
    # Vectors of length one in many dimensions have small parts; few of them are beyond five times the usual size.
    scale = np.float32(_LARGEST * np.sqrt(vectors.shape[1]) / 5)
    return np.clip(np.rint(np.where(finite, vectors, 0) * scale), -_LARGEST, _LARGEST).astype(np.int8)


def _whole(vectors: Vectors) -> Floats:
    """The vectors as whole numbers for matrix products."""
    numbers: Floats = whole_numbers(vectors).astype(np.float32)
    return numbers


def _solved(gram: Doubles, cross: Doubles) -> Doubles:
    """Solve ``gram @ x = cross`` by Cholesky's method, row by row: a library's order depends on the machine."""
    lower, found = gram.copy(), cross.copy()
    size = len(gram)
    for place in range(size):
        pivot = np.sqrt(lower[place, place])
        lower[place:, place] /= pivot
        found[place] /= pivot
        column = lower[place + 1 :, place]
        lower[place + 1 :, place + 1 :] -= _outer(column, column)
        found[place + 1 :] -= _outer(column, found[place])
    for place in range(size - 1, -1, -1):
        found[place] /= lower[place, place]
        found[:place] -= _outer(lower[place, :place], found[place])
    return found


def _outer(column: Doubles, row: Doubles) -> Doubles:
    """All products: no sums, so nothing that could be added in another order."""
    return column[:, None] * row[None, :]


def _sum(values: Any) -> Doubles:
    """The sum from the first to the last."""
    total: Doubles = np.add.accumulate(np.asarray(values, np.float64))[-1]
    return total


def _row_sums(values: Doubles) -> Doubles:
    """The sums of whole numbers, exact in any order below 2^53."""
    sums: Doubles = values.sum(axis=1)
    return sums


def _has_vector(vectors: Vectors) -> NDArray[np.bool_]:
    """Which rows have a vector: all parts are finite, and one is not 0."""
    found = np.zeros(len(vectors), bool)
    for start in range(0, len(vectors), BLOCK):
        part = vectors[start : start + BLOCK]
        found[start : start + BLOCK] = np.isfinite(part).all(axis=1) & (part != 0).any(axis=1)
    return found


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The keys with their bits spread: the fold must not be the order."""
    mixed: NDArray[np.uint64] = (keys ^ (keys >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return mixed
