"""What the texts of a run are like before and after it: lengths, languages and words, of an even sample of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from belle_data import _native

SAMPLE = 20_000
"""Rows that are measured before and after: words are told apart by how many there are, so both counts are the same."""
WORDS_SHOWN = 60
LENGTH_BORDERS = (0, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
"""Lower borders of the classes of length, in characters; the last has no upper one."""
PERCENTILES = (1, 25, 50, 75, 99)
_RANKS = 40


def text_statistics(corpus: _native.Corpus, kept: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Measure the texts of rows before and after a run.

    Args:
        corpus: The rows.
        kept: Which of them stand, one for each row.

    Returns:
        ``before`` and ``after``, each with ``rows`` (how many were measured), ``of`` (out of how many), ``words``
        (`belle_data._native.Words.measure`), ``top_words`` (word and count, the most frequent first), ``ranks`` (rank
        and count of words at ranks of even ratio), ``languages`` (rows of each), and for ``prompt`` and ``output``
        ``percentiles`` and ``classes`` (rows with a length from each of `LENGTH_BORDERS` up), in characters. With no
        row there is nothing but ``rows`` 0 and ``of`` 0.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    import numpy as np  # noqa: PLC0415

    every = np.arange(len(kept), dtype=np.uint32)
    return {"before": _measured(corpus, every), "after": _measured(corpus, every[kept])}


def evenly(rows: npt.NDArray[np.uint32], most: int = SAMPLE) -> npt.NDArray[np.uint32]:
    """At most `most` of the rows, spread evenly over them."""
    import numpy as np  # noqa: PLC0415

    if len(rows) <= most:
        return rows
    return rows[np.arange(most, dtype=np.int64) * len(rows) // most]


def _measured(corpus: _native.Corpus, rows: npt.NDArray[np.uint32]) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    from belle_data import _native  # noqa: PLC0415

    sample = evenly(rows)
    if not len(sample):
        return {"rows": 0, "of": 0}
    ledger = _only(len(corpus), sample)
    words = _native.Words.read(corpus, ledger)
    top = pa.record_batch(words.top(1 << 30))
    texts = pa.record_batch(_native.row_texts(corpus, pa.array(sample)))
    names = _native.language_names()
    languages = np.asarray(pa.record_batch(_native.row_languages(corpus, ledger))["language"])
    counts = np.bincount(languages, minlength=len(names)).tolist()
    return {
        "rows": len(sample),
        "of": len(rows),
        "words": words.measure(),
        "top_words": [[one["word"], one["count"]] for one in top.slice(0, WORDS_SHOWN).to_pylist()],
        "ranks": [[rank, top["count"][rank - 1].as_py()] for rank in ranks_of(top.num_rows)],
        "languages": {name: count for name, count in zip(names, counts, strict=True) if count},
        **{part: _lengths(np.asarray(pc.utf8_length(texts[part]))) for part in ("prompt", "output")},
    }


def _only(count: int, rows: npt.NDArray[np.uint32]) -> _native.Ledger:
    """A ledger in which only some rows stand."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    from belle_data import _native  # noqa: PLC0415
    from belle_data.stages.stage import removals_schema  # noqa: PLC0415

    others = np.ones(count, bool)
    others[rows] = False
    gone = np.flatnonzero(others).astype(np.uint32)
    reason = pa.array(np.zeros(len(gone), np.uint8))
    columns = [pa.array(gone), reason, pa.nulls(len(gone), pa.uint32()), pa.nulls(len(gone), pa.float64())]
    ledger = _native.Ledger(count)
    ledger.remove(0, pa.record_batch(columns, schema=removals_schema()))
    return ledger


def _lengths(lengths: npt.NDArray[Any]) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415

    found = np.percentile(lengths, PERCENTILES, method="lower").tolist()
    classes = np.searchsorted(LENGTH_BORDERS, lengths, side="right") - 1
    return {
        "percentiles": {str(one): int(value) for one, value in zip(PERCENTILES, found, strict=True)},
        "mean": round(float(lengths.mean()), 2),
        "classes": np.bincount(classes, minlength=len(LENGTH_BORDERS)).tolist(),
    }


def ranks_of(most: int) -> list[int]:
    """Ranks from 1 to `most`, each about as many times the one before."""
    if not most:
        return []
    return sorted({round(most ** (step / (_RANKS - 1))) for step in range(_RANKS)})
