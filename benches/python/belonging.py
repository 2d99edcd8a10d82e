"""Measures whether swapped answers are told from true ones: the learned score beside plain cosines.

    python benches/python/belonging.py [--rows N] [NAME ...]

Answers are swapped between rows of nearly one length. Needs the corpora in ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

from belle_data import _native
from belle_data.embed import DEFAULT_EMBEDDER, embedder_of
from belle_data.quality.belonging import belonging_scores

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ANSWER_CHARACTERS = 400
SWAPPED = (0.01, 0.05, 0.2, 0.5)


def main() -> None:
    """Measure the corpora that the command line names."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    words.add_argument("--rows", type=int, default=12_000)
    words.add_argument("names", nargs="*", default=("alpaca_zh", "sharegpt_zh", "alpaca_en"))
    options = words.parse_args()
    _native.set_threads(1)
    kernel: Any = embedder_of(DEFAULT_EMBEDDER).kernel  # type: ignore[attr-defined]
    for name in options.names:
        measure(name, pairs(options.data, name, options.rows), kernel)


def measure(name: str, rows: list[tuple[str, str]], kernel: Any) -> None:
    """Print areas under the curve, and what the thresholds that lose 1 % and 5 % of true pairs find."""
    began = time.process_time()
    prompts = embedded(kernel, [asked for asked, _ in rows])
    answers = embedded(kernel, [answer[:ANSWER_CHARACTERS] for _, answer in rows])
    say(f"{name}: {len(rows):,} pairs, embedded in {time.process_time() - began:.1f} s of CPU")
    chance = np.random.default_rng(3)
    keys = chance.integers(0, 2**63, len(rows), dtype=np.uint64)
    other = partners([len(answer) for _, answer in rows])
    for share in SWAPPED:
        swapped = chance.random(len(rows)) < share
        given = np.where(swapped[:, None], answers[other], answers)
        began = time.process_time()
        scores = belonging_scores(prompts, given, keys)
        seconds = time.process_time() - began
        cosines = (prompts * given).sum(axis=1)
        found = []
        for lost in (0.01, 0.05):
            threshold = np.quantile(scores[~swapped], lost)
            found.append(f"at {threshold:.3f}, which loses {lost:.0%}: {(scores[swapped] < threshold).mean():.1%}")
        areas = f"{area(scores, swapped):.4f} (cosine {area(cosines, swapped):.4f})"
        say(f"  {share:.0%} swapped: {areas}; {'; '.join(found)}; {len(rows) / seconds:,.0f} rows/s")


def partners(lengths: list[int]) -> Any:
    """For each row another one whose answer has nearly its length."""
    chance = random.Random(3)
    order = sorted(range(len(lengths)), key=lambda row: (lengths[row], chance.random()))
    partner = np.arange(len(lengths))
    for start in range(0, len(order), 8):
        block = order[start : start + 8]
        step = chance.randrange(1, len(block)) if len(block) > 1 else 0
        for place, row in enumerate(block):
            partner[row] = block[(place + step) % len(block)]
    return partner


def area(scores: Any, swapped: Any) -> float:
    """The chance that a true pair has a higher score than a swapped one."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(1, len(scores) + 1)
    true = int((~swapped).sum())
    return float((ranks[~swapped].sum() - true * (true + 1) / 2) / (true * int(swapped.sum())))


def embedded(kernel: Any, texts: list[str]) -> Any:
    """The vectors of texts."""
    column = pa.record_batch(kernel.embed(pa.array(texts, pa.large_string())))["vector"]
    return column.values.to_numpy().reshape(len(texts), -1)


def pairs(data: Path, name: str, most: int) -> list[tuple[str, str]]:
    """Prompts and answers of a corpus; of a conversation each question with its answer."""
    with zstandard.open(data / f"{name}.jsonl.zst", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found = []
    for row in rows:
        turns = row.get("conversations")
        if turns is None:
            found.append(("\n".join(filter(None, (row["instruction"], row["input"]))), row["output"]))
            continue
        for asked, answer in pairwise(turns):
            if asked["from"] == "human" and answer["from"] != "human":
                found.append((asked["value"], answer["value"]))
    found = [pair for pair in found if pair[0].strip() and pair[1].strip()]
    random.Random(1).shuffle(found)
    return found[:most]


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
