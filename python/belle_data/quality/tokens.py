"""Which tokens made the perplexity of the strangest rows high."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from belle_data import _native
from belle_data.quality.strata import PARTS, judged, tails

if TYPE_CHECKING:
    from belle_data.quality.scorers import Scorer
    from belle_data.stages.quality import QualityConfig

EXPLAINED = 0.02
"""Share of each stratum with the highest perplexity whose tokens are looked at: whatever the thresholds are, so that
other thresholds can be tried later."""
TOKENS_SHOWN = 8
_ROWS_AT_ONCE = 1 << 12
_COLUMNS = {"prompt": "prompt", "answer": "output"}

SCHEMA = pa.schema(
    [
        pa.field("row", pa.uint32(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("start", pa.uint32(), nullable=False),
        pa.field("end", pa.uint32(), nullable=False),
        pa.field("log_probability", pa.float64(), nullable=False),
    ]
)


def strangest_tokens(
    scorer: Scorer, rows: _native.Corpus | _native.ArrowRows, scores: pa.Table, settings: QualityConfig
) -> pa.Table:
    """The least probable tokens of the rows with the highest perplexity of their stratum.

    Returns:
        With the columns of `SCHEMA`, up to `TOKENS_SHOWN` for each row, ordered by row and place: ``part`` is prompt
        or output, ``start`` and ``end`` are characters of it, its turns joined by line feeds.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    values, strata = judged(scores, settings.text)
    _, high = tails(values, strata, 0.0, EXPLAINED, settings.least_rows)
    numbers, folds = scores["row"].to_numpy()[high], scores["fold"].to_numpy()[high]
    found = []
    for start in range(0, len(numbers), _ROWS_AT_ONCE):
        some = numbers[start : start + _ROWS_AT_ONCE]
        texts = pa.record_batch(_native.row_texts(rows, pa.array(some, pa.uint32())))
        for at, row in enumerate(some):
            parts = [_COLUMNS[part] for part in PARTS[settings.text]]
            asked = {part: texts[part][at].as_py() for part in parts}
            tokens = _strangest(scorer, int(row), asked, int(folds[start + at]))
            if tokens is None:
                return SCHEMA.empty_table()
            found.append(tokens)
    return pa.concat_tables(found) if found else SCHEMA.empty_table()


def _strangest(scorer: Scorer, row: int, texts: dict[str, str], fold: int) -> pa.Table | None:
    tables = []
    for part, text in texts.items():
        tokens = scorer.tokens(text, fold)
        if tokens is None:
            return None
        count = tokens.num_rows
        columns = [
            pa.array(np.full(count, row), pa.uint32()),
            pa.array([part] * count, pa.string()),
            tokens["start"],
            tokens["end"],
            tokens["log_probability"],
        ]
        tables.append(pa.table(columns, schema=SCHEMA))
    table = pa.concat_tables(tables).combine_chunks()
    # What has no character of its own is the end of the text.
    table = table.filter(pa.array(table["end"].to_numpy() > table["start"].to_numpy()))
    least = np.argsort(table["log_probability"].to_numpy(), kind="stable")[:TOKENS_SHOWN]
    return table.take(pa.array(np.sort(least)))
