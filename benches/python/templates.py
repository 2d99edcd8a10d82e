"""Writes a corpus of many rows of one template, the bad case of near_dedup.

    python benches/python/templates.py KIND ROWS FILE

Kinds, with the default settings of near_dedup:

- ``below``: rows of some 100 characters of which 15 are the row's own; no pair reaches the threshold.
- ``within``: five characters are the row's own; one row removes nearly all others.
- ``slots``: six places, each filled from a list of 60 words; every word is in thousands of rows.
- ``half``: 30 of 100 characters are the row's own; pairs share a band, but many agree in too few lanes.
- ``chain``: each row is the one before with two characters changed, so that neighbours are near duplicates.
- ``copies``: 1,000 rows of ``below``, each with many copies in which one character differs.
- ``long``: rows of 100,000 characters of which a quarter is the row's own.
"""

from __future__ import annotations

import json
import random
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_HAN, LAST_HAN = 0x4E00, 0x9FA5


def han(draw: random.Random, count: int) -> str:
    """Give that many Chinese characters without a meaning."""
    return "".join(map(chr, draw.choices(range(FIRST_HAN, LAST_HAN), k=count)))


def filled(draw: random.Random, common: int, own: int) -> Iterator[str]:
    """Give texts with `common` characters of one template and `own` characters of their own behind them."""
    template = han(draw, common)
    while True:
        yield template + han(draw, own)


def slots(draw: random.Random) -> Iterator[str]:
    """Give texts with six places that are filled from short lists."""
    template = [han(draw, 12) for _ in range(7)]
    words = [[han(draw, 4) for _ in range(60)] for _ in range(6)]
    while True:
        yield template[0] + "".join(
            draw.choice(choices) + part for choices, part in zip(words, template[1:], strict=True)
        )


def chain(draw: random.Random) -> Iterator[str]:
    """Give texts of 100 characters, each the one before with two of them changed."""
    text = list(han(draw, 100))
    while True:
        yield "".join(text)
        for at in draw.sample(range(100), 2):
            text[at] = han(draw, 1)


def copies(draw: random.Random) -> Iterator[str]:
    """Give copies of 1,000 texts of one template in which one character differs."""
    originals = list(islice(filled(draw, 75, 25), 1_000))
    while True:
        text, at = draw.choice(originals), draw.randrange(100)
        yield text[:at] + han(draw, 1) + text[at + 1 :]


KINDS: dict[str, Callable[[random.Random], Iterator[str]]] = {
    "below": lambda draw: filled(draw, 85, 15),
    "within": lambda draw: filled(draw, 92, 5),
    "half": lambda draw: filled(draw, 70, 30),
    "slots": slots,
    "chain": chain,
    "copies": copies,
    "long": lambda draw: filled(draw, 75_000, 25_000),
}


def main(kind: str, rows: str, file: str) -> None:
    """Write the corpus."""
    texts = islice(KINDS[kind](random.Random(0)), int(rows))
    with Path(file).open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)


if __name__ == "__main__":
    main(*sys.argv[1:])
