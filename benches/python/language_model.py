"""Measures the n-gram language model: training, size, and scoring on one thread beside the package kenlm.

    python benches/python/language_model.py train        time and memory of lm train on zh_text, bytes of the model
    python benches/python/language_model.py score WORK   characters per CPU second on rows that were not trained on

Needs the corpora in ../shared/data, and for the comparison the package kenlm. WORK keeps the model and its ARPA file.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard
from processes import measure

from belle_data import _native
from belle_data.language_model import Model, open_model

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def main() -> None:
    """Run what the command line names."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    commands = words.add_subparsers(required=True)
    command = commands.add_parser("train")
    command.add_argument("--memory", default="2GiB")
    command.set_defaults(run=lambda options: measure_training(options.data, options.memory))
    command = commands.add_parser("score")
    command.add_argument("work", type=Path)
    command.add_argument("--rounds", type=int, default=5)
    command.set_defaults(run=lambda options: measure_scoring(options.data, options.work, options.rounds))
    options = words.parse_args()
    options.run(options)


def training(data: Path, out: Path, *more: str) -> list[str]:
    """The command that trains on zh_text."""
    return [
        sys.executable,
        "-m",
        "belle_data",
        "lm",
        "train",
        str(data / "zh_text.txt"),
        "--out",
        str(out),
        "-q",
        *more,
    ]


def measure_training(data: Path, memory: str) -> None:
    """Train on zh_text, decoded before; print what it took and what a probing file of KenLM would take."""
    with tempfile.TemporaryDirectory() as work:
        decode(data, Path(work))
        out = Path(work) / "model.lm"
        cost = measure(training(Path(work), out, "--memory", memory))
        info = open_model(out).info
        size = {"bytes": info["bytes"], "kenlm_probing_bytes": probing_bytes(info["ngrams"])}
    print(json.dumps({"memory": memory, **cost_of(cost), "ngrams": info["ngrams"], **size}, indent=2))


def cost_of(cost: Any) -> dict[str, Any]:
    """What a process took, in seconds and bytes."""
    return {"seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds, "peak_private_bytes": cost.peak_private}


def probing_bytes(ngrams: list[int]) -> int:
    """Bytes of a probing file of KenLM, computed from its layout: build_binary is seldom at hand.

    Entries are a hash of 8 bytes with probability and back-off weight of 4 each (the longest without the second), one
    and a half places for each; words are a hash and a number; unigrams an array (Heafield 2011, section 3.1).
    """
    middle, longest = sum(ngrams[1:-1]), ngrams[-1] if len(ngrams) > 1 else 0
    return math.ceil(1.5 * (16 * middle + 12 * longest + 12 * ngrams[0])) + 8 * (ngrams[0] + 1)


def decode(data: Path, work: Path) -> None:
    """Write zh_text as plain text."""
    with (data / "zh_text.txt.zst").open("rb") as stored, (work / "zh_text.txt").open("wb") as plain:
        zstandard.ZstdDecompressor().copy_stream(stored, plain)


def measure_scoring(data: Path, work: Path, rounds: int) -> None:
    """Score the texts of alpaca_zh by a model of zh_text, by turns with kenlm and its model in the same ARPA file."""
    work.mkdir(parents=True, exist_ok=True)
    out, arpa = work / "zh_text.lm", work / "zh_text.arpa"
    if not (out.exists() and arpa.exists()):
        decode(data, work)
        subprocess.run(training(work, out, "--arpa", str(arpa)), check=True)
    with zstandard.open(data / "alpaca_zh.jsonl.zst", "rt", encoding="utf-8") as lines:
        texts = [row[key] for row in map(json.loads, lines) for key in ("instruction", "output")]
    # In memory of its own, which lies in huge pages; a mapped file depends on how the system holds it.
    models = {"in memory": Model(_native.LanguageModel(out.read_bytes())), "mapped": open_model(out)}
    theirs = kenlm_model(arpa)
    as_words = [" ".join(f"<U+{ord(one):04X}>" if one.isspace() else one for one in text) for text in texts]
    _native.set_threads(1)
    column, characters = pa.array(texts), sum(map(len, texts))
    best = dict.fromkeys([*models, "kenlm"], math.inf)
    for _ in range(rounds):
        for name, model in models.items():
            began = time.process_time()
            model.native.score_texts(column)
            best[name] = min(best[name], time.process_time() - began)
        if theirs is not None:
            began = time.process_time()
            for text in as_words:
                theirs.score(text, bos=True, eos=True)
            best["kenlm"] = min(best["kenlm"], time.process_time() - began)
    for name, seconds in best.items():
        if seconds < math.inf:
            rate, ratio = characters / seconds / 1e6, best["kenlm"] / seconds
            print(f"{name:<10} {rate:6.1f} M characters/s of CPU, {ratio:5.2f} times kenlm")


def kenlm_model(arpa: Path) -> Any:
    """The package's model, or None where the package is absent."""
    try:
        import kenlm
    except ImportError:
        print("kenlm is not installed: nothing to compare with", file=sys.stderr)
        return None
    return kenlm.Model(str(arpa))


if __name__ == "__main__":
    main()
