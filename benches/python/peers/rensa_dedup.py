"""Near-duplicate removal with rensa as its documentation does it: R-MinHash and LSH, nothing verified.

Usage: rensa_dedup.py corpus/raw.jsonl kept_ids.txt [--limit N]
"""

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rensa import RMinHashDeduplicator

PERMUTATIONS = 128
THRESHOLD = 0.8
ROWS_AT_ONCE = 10_000


def text_of(row: dict[str, str]) -> str:
    """The fields that are not empty, one per line."""
    return "\n".join(filter(None, (row["instruction"], row.get("input"), row["output"])))


def shingles(text: str) -> list[str]:
    """Five characters in a row; a shorter text is its own."""
    return [text[start : start + 5] for start in range(max(len(text) - 4, 1))]


def main() -> None:
    """Write the ids of the rows that stay."""
    parser = argparse.ArgumentParser(description="near-duplicate removal with rensa")
    parser.add_argument("source", type=Path)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    index = RMinHashDeduplicator(threshold=THRESHOLD, num_perm=PERMUTATIONS, use_lsh=True)
    with arguments.source.open(encoding="utf-8") as source, arguments.kept.open("w", encoding="utf-8") as kept:
        for lines in chunks(islice(source, arguments.limit)):
            rows = [json.loads(line) for line in lines]
            stay = index.add_pairs((row["id"], shingles(text_of(row))) for row in rows)
            kept.writelines(f"{row['id']}\n" for row, stays in zip(rows, stay, strict=True) if stays)


def chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    """Some thousand lines at a time."""
    while chunk := list(islice(lines, ROWS_AT_ONCE)):
        yield chunk


if __name__ == "__main__":
    main()
