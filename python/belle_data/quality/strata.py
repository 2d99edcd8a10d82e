"""Strata, rows of one language and about one length, and the tails of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from belle_data import _native

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

PARTS = {"conversation": ("prompt", "answer"), "prompt": ("prompt",), "output": ("answer",)}
"""Of which sums the score of a text is made."""


def with_languages(
    scores: pa.Table, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None
) -> pa.Table:
    """The scores with ``language``, the number of each row's in `_native.language_names`.

    Args:
        scores: ``row``, ascending, and what else there is.
        rows: The rows.
        ledger: Says which of them stand.
    """
    languages = pa.record_batch(_native.row_languages(rows, ledger))
    places = np.searchsorted(languages["row"].to_numpy(), scores["row"].to_numpy())
    return scores.append_column("language", languages["language"].take(pa.array(places)))


def judged(scores: pa.Table, text: str) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The cross-entropy of each row, and its stratum.

    Args:
        scores: The sums of `belle_data.quality.scorers.Scorer.score`, and ``language``.
        text: A key of `PARTS`.

    Returns:
        ``float64 [rows]`` in nats for each token, the logarithm of the perplexity, NaN without a token; and
        ``int64 [rows]``, equal for rows of one language whose numbers of tokens have equally many binary digits.
    """
    rows = scores.num_rows
    total, tokens = np.zeros(rows), np.zeros(rows, np.int64)
    for part in PARTS[text]:
        total += scores[f"{part}_log_probability"].to_numpy()
        tokens += scores[f"{part}_tokens"].to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(tokens > 0, -total / tokens, np.nan)
    digits = np.frexp(tokens.astype(np.float64))[1].astype(np.int64)
    return values, scores["language"].to_numpy().astype(np.int64) * 64 + digits


def tails(
    values: Floats, strata: npt.NDArray[np.int64], lowest: float, highest: float, least_rows: int
) -> tuple[Mask, Mask]:
    """The rows in the tails of their stratum.

    At most the given share of a stratum is in each tail: of equal values at its border all are outside.

    Args:
        values: ``float64 [rows]``, NaN for a row that is in no tail.
        strata: ``int64 [rows]``.
        lowest: Share of a stratum in the lower tail, 0 to 0.5.
        highest: Share in the upper one.
        least_rows: A stratum with fewer rows has no tails.

    Returns:
        ``bool [rows]`` each, the lower and the upper tail.
    """
    low, high = np.zeros(len(values), np.bool_), np.zeros(len(values), np.bool_)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(strata[known], kind="stable")]
    borders = np.flatnonzero(np.diff(strata[order])) + 1
    for members in np.split(order, borders):
        if len(members) < max(least_rows, 1):
            continue
        own = values[members]
        ranked = np.sort(own)
        below, above = int(len(own) * lowest), int(len(own) * highest)
        # The first value that is outside the tail; whatever equals it is outside too.
        low[members] = own < ranked[below]
        high[members] = own > ranked[len(own) - 1 - above]
    return low, high


def weights_of(scores: pa.Table, text: str) -> Floats:
    """How much rows count for their quality: 1 for the median perplexity of the stratum, less on both sides.

    Args:
        scores: As for `judged`.
        text: A key of `PARTS`.

    Returns:
        ``float64 [rows]``, 0.5 at the ends of a stratum to 1 in its middle; 0.75 for a row that was not judged.
    """
    values, strata = judged(scores, text)
    weights = np.full(len(values), 0.75)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.lexsort((values[known], strata[known]))]
    for members in np.split(order, np.flatnonzero(np.diff(strata[order])) + 1):
        own = values[members]
        # Equal values have equal ranks: the middle of theirs.
        middle = (np.searchsorted(own, own, "left") + np.searchsorted(own, own, "right") - 1) / 2
        weights[members] = 1 - np.abs((middle + 0.5) / max(len(own), 1) - 0.5)
    return weights
