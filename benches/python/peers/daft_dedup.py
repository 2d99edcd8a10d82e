"""Near-duplicate removal with daft as its documentation does it: minhash, bands, rows that share one form a component.

Usage: daft_dedup.py corpus/raw.jsonl kept_ids.txt [--limit N]

Daft splits at spaces, so the characters are set apart by spaces. Of each component the first row stays; nothing is
verified.
"""

import argparse
from pathlib import Path

import daft
from daft import col
from daft.functions import get, length, list_agg, minhash, monotonically_increasing_id

PERMUTATIONS = 128
BANDS, ROWS_PER_BAND = 16, 8


def signatures(source: Path, limit: int | None) -> daft.DataFrame:
    """Row number, id and signature of every row."""
    rows = daft.read_json(str(source))
    if limit is not None:
        rows = rows.limit(limit)
    fields = [col(name).fill_null("") for name in ("instruction", "input", "output")]
    text = fields[0] + "\n" + fields[1] + "\n" + fields[2]
    spaced = text.regexp_replace(r"\s", "_").regexp_replace(r"(.)", "$1 ")
    sketch = minhash(spaced, num_hashes=PERMUTATIONS, ngram_size=5, seed=42, hash_function="xxhash")
    return rows.select(col("id"), sketch.alias("sketch"))


def main() -> None:
    """Write the ids of the rows that stay."""
    parser = argparse.ArgumentParser(description="near-duplicate removal with daft")
    parser.add_argument("source", type=Path)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    rows = signatures(arguments.source, arguments.limit)
    rows = rows.with_column("row", monotonically_increasing_id()).collect()
    parents = list(range(len(rows)))

    def root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for band in range(BANDS):
        lanes = [get(col("sketch"), band * ROWS_PER_BAND + lane) for lane in range(ROWS_PER_BAND)]
        named = [lane.alias(f"lane{number}") for number, lane in enumerate(lanes)]
        keys = rows.select(col("row"), *named)
        groups = keys.groupby(*(f"lane{number}" for number in range(ROWS_PER_BAND))).agg(list_agg(col("row")))
        for members in groups.where(length(col("row")) > 1).to_pydict()["row"]:
            for member in members:
                left, right = sorted((root(members[0]), root(member)))
                parents[right] = left
    ids = rows.sort("row").to_pydict()["id"]
    with arguments.kept.open("w", encoding="utf-8") as kept:
        kept.writelines(f"{name}\n" for row, name in enumerate(ids) if root(row) == row)


if __name__ == "__main__":
    main()
