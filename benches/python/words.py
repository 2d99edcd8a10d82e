"""Segmentation and counting beside rjieba, which must be installed in the environment: python words.py TEXT_FILE.

Processor time of one thread, the texts given line by line; the words are compared with rjieba's for the first lines.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa

from belle_data import _native

MOST_BYTES = 20_000_000
COMPARED = 2_000


def main() -> None:
    """Time both in turn, three times."""
    import rjieba

    text = Path(sys.argv[1]).read_bytes()[:MOST_BYTES].decode("utf-8", "ignore")
    lines = text.split("\n")
    megabytes = len(text.encode()) / 1e6
    column = pa.array(lines, pa.string())
    _native.set_threads(1)
    _native.count_words(pa.array(["春"], pa.string()))
    rjieba.cut("春", False)
    own = pa.record_batch(_native.cut_words(column.slice(0, COMPARED)))["words"].to_pylist()
    same = sum(words == rjieba.cut(line, False) for words, line in zip(own, lines, strict=False))
    print(f"{same} of {len(own)} lines have the same words")
    for _ in range(3):
        start = time.process_time()
        _native.count_words(column)
        native = time.process_time() - start
        start = time.process_time()
        counts: Counter[str] = Counter()
        for line in lines:
            counts.update(rjieba.cut(line, False))
        peer = time.process_time() - start
        print(
            f"belle {megabytes / native:.1f} MB/s, rjieba {megabytes / peer:.1f} MB/s, ratio {peer / native:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
