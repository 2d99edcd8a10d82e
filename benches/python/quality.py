"""Measures whether perplexity finds garbage: real rows that no model saw, beside the same rows shuffled.

    python benches/python/quality.py [--data FOLDER]

An n-gram model of one half of alpaca_zh scores the other half, as it is, and with the characters or the words of each
row, or only those of its answer, shuffled. Printed is the area under the curve: how often a shuffled row has a higher
perplexity than a real one, over all pairs, and within the strata of language and length by which rows go.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

from belle_data import _native
from belle_data.quality.strata import judged, with_languages

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
MEMORY = 2 << 30


def main() -> None:
    """Print the areas under the curve."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    options = words.parse_args()
    pairs = rows_of(options.data / "alpaca_zh.jsonl.zst")
    random.Random(1).shuffle(pairs)
    seen, held_out = pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]
    model = _native.LanguageModel.train_rows(arrow_rows(seen), None, order=5, memory=MEMORY)
    print(f"{len(seen):,} rows trained on, {len(held_out):,} rows scored")
    chance = random.Random(2)
    real = scored(model, held_out)
    asked, said = words_of([asked for asked, _ in held_out]), words_of([said for _, said in held_out])
    shuffled = {
        "characters of the row": [(mixed(list(one), chance), mixed(list(other), chance)) for one, other in held_out],
        "words of the row": [
            (mixed(one, chance), mixed(other, chance)) for one, other in zip(asked, said, strict=True)
        ],
        "characters of the answer": [(one, mixed(list(other), chance)) for one, other in held_out],
        "words of the answer": [(one, mixed(cut, chance)) for (one, _), cut in zip(held_out, said, strict=True)],
    }
    for name, pairs in shuffled.items():
        scores = scored(model, pairs)
        for part in ("conversation", "output"):
            print(f"{name:<24} text={part:<12} {report(real, scores, part)}")


def rows_of(path: Path) -> list[tuple[str, str]]:
    """Prompt and answer of each row whose answer can be shuffled at all."""
    with path.open("rb") as handle:
        text = zstandard.ZstdDecompressor().stream_reader(handle).read().decode("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    pairs = [("\n".join(filter(None, (row["instruction"], row["input"]))), row["output"]) for row in rows]
    return [(asked, said) for asked, said in pairs if len(set(said)) > 3]


def words_of(texts: list[str]) -> list[list[str]]:
    """The words of texts, of which each is the whole."""
    cut: list[list[str]] = pa.record_batch(_native.cut_words(pa.array(texts)))["words"].to_pylist()
    return cut


def mixed(parts: list[str], chance: random.Random) -> str:
    """The parts in another order."""
    parts = parts.copy()
    chance.shuffle(parts)
    return "".join(parts)


def arrow_rows(pairs: list[tuple[str, str]]) -> Any:
    """Rows as the kernels read them."""
    turns = [[{"role": "user", "text": asked}, {"role": "assistant", "text": said}] for asked, said in pairs]
    return _native.ArrowRows(pa.record_batch({"turns": pa.array(turns, TURNS)}))


def scored(model: Any, pairs: list[tuple[str, str]]) -> pa.Table:
    """The scores of `quality`."""
    rows = arrow_rows(pairs)
    return with_languages(pa.Table.from_batches([pa.record_batch(model.score_rows(rows, None))]), rows, None)


def report(real: pa.Table, shuffled: pa.Table, part: str) -> str:
    """The area over all pairs, and the mean of those within strata, weighed by their rows."""
    (values, strata), (others, of_others) = judged(real, part), judged(shuffled, part)
    inside, weights = [], []
    for stratum in np.unique(strata):
        mine, theirs = values[strata == stratum], others[of_others == stratum]
        if len(mine) >= 100 and len(theirs) >= 100:
            inside.append(area(mine, theirs))
            weights.append(len(mine))
    return f"AUC {area(values, others):.4f}, within strata {np.average(inside, weights=weights):.4f}"


def area(lower: Any, higher: Any) -> float:
    """How often one of the second is higher than one of the first, equal ones by half."""
    lower, higher = np.sort(lower[~np.isnan(lower)]), higher[~np.isnan(higher)]
    below = np.searchsorted(lower, higher, "left") + np.searchsorted(lower, higher, "right")
    return float(below.mean() / (2 * len(lower)))


if __name__ == "__main__":
    main()
