"""Time of the choice: 500,000 of 1.5 million rows, beside reading their words.

    python benches/python/diversity.py SHARDS [--rows N] [--target N] [--threads N]

SHARDS is a folder of JSON lines, such as the shards of a run with --stages exact_dedup,near_dedup.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import pyarrow as pa

from belle_data import _native

TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
ROWS_AT_ONCE = 100_000


def main() -> None:
    """Read, choose, measure; each with its time."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("shards", type=Path)
    words.add_argument("--rows", type=int, default=1_500_000)
    words.add_argument("--target", type=int, default=500_000)
    words.add_argument("--threads", type=int, default=0)
    options = words.parse_args()
    _native.set_threads(options.threads)
    rows = pa.Table.from_batches(list(batches(options.shards, options.rows)))
    say(f"{rows.num_rows:,} rows")
    native = _native.Diversity(prompt_weight=3, length_normalisation=1.0)
    with Step("words of the rows"):
        found = _native.Words.read(_native.ArrowRows(rows), None, native)
    with Step(f"choice of {options.target:,}"):
        scores, _ = native.choose(found, options.target, cap=None, weights=None)
    scores = pa.record_batch(scores)
    chosen = scores.filter(scores["rank"].is_valid())["row"]
    with Step("measures"):
        measures = {
            "before": found.measure(),
            "chosen": found.measure(chosen),
            "by chance": found.measure(pa.record_batch(found.by_chance(len(chosen)))["row"]),
            "longest": found.measure(pa.record_batch(found.longest(len(chosen)))["row"]),
        }
    for name, values in measures.items():
        say(
            f"  {name:<10} entropy {values['entropy']:.3f} bits, top 100 {values['top_100_share']:.4f}, distinct words "
            f"{values['distinct_words']:,}, distinct-2 {values['distinct_2']:.4f}, Zipf {values['zipf_slope']:.3f}"
        )


def batches(folder: Path, most: int) -> object:
    """Batches of the column ``turns``."""
    turns: list[list[dict[str, str]]] = []
    left = most
    for path in sorted(folder.iterdir()):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                asked = "\n".join(filter(None, (row["instruction"], row.get("input"))))
                turns.append([{"role": "user", "text": asked}, {"role": "assistant", "text": row["output"]}])
                left -= 1
                if len(turns) == ROWS_AT_ONCE or not left:
                    yield pa.record_batch({"turns": pa.array(turns, TURNS)})
                    turns = []
                if not left:
                    return
    if turns:
        yield pa.record_batch({"turns": pa.array(turns, TURNS)})


class Step:
    """Says how long something took."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        say(f"  {self.name}: {time.perf_counter() - self.wall:.2f} s, {time.process_time() - self.cpu:.2f} CPU s")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
