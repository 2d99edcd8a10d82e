"""Near-duplicate removal with datasketch as its documentation does it: MinHash and MinHashLSH, nothing verified.

Usage: datasketch_dedup.py corpus/raw.jsonl kept_ids.txt [--limit N]
"""

import argparse
import json
from itertools import islice
from pathlib import Path

from datasketch import MinHash, MinHashLSH

PERMUTATIONS = 128
THRESHOLD = 0.8


def text_of(row: dict[str, str]) -> str:
    """The fields that are not empty, one per line."""
    return "\n".join(filter(None, (row["instruction"], row.get("input"), row["output"])))


def shingles(text: str) -> set[bytes]:
    """Five characters in a row; a shorter text is its own."""
    return {text[start : start + 5].encode() for start in range(max(len(text) - 4, 1))}


def main() -> None:
    """Write the ids of the rows that stay."""
    parser = argparse.ArgumentParser(description="near-duplicate removal with datasketch")
    parser.add_argument("source", type=Path)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    with arguments.source.open(encoding="utf-8") as source, arguments.kept.open("w", encoding="utf-8") as kept:
        rows = [json.loads(line) for line in islice(source, arguments.limit)]
        sketches = MinHash.generator((shingles(text_of(row)) for row in rows), num_perm=PERMUTATIONS)
        for number, (row, sketch) in enumerate(zip(rows, sketches, strict=True)):
            if not index.query(sketch):
                index.insert(number, sketch, check_duplication=False)
                kept.write(f"{row['id']}\n")


if __name__ == "__main__":
    main()
