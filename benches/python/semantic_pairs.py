#!/usr/bin/env python3
"""Measure how well semantic_dedup's test tells reworded prompts from other ones, and print Markdown tables.

    semantic_pairs.py [--data ../shared/data] [--threshold X] [--instruction Y] [--half even|odd] [--show]

semantic_pairs.jsonl, beside this script, holds pairs of prompts. The original of a pair is a row of a public data set,
named by its number in the file and by the hash of its text; what it is paired with is:

- ``duplicate: true``: a rewording by hand, `strength` light (most words stay), medium (another form of sentence, the
  key words stay) or strong (hardly a word but the subject stays);
- ``kind: template``: another row that asks for the same kind of thing with another content;
- ``kind: input``: another row that asks for something else about the same input;
- ``kind: edit``: the original with one thing changed by hand so that something else is asked; `change` says what.

A prompt is the row's instruction and, if there is one, its input on the lines below; a `text` with ``input: original``
stands above the original's input. A pair counts as found if the prompts have a cosine of at least the threshold, and
their first lines too (of at least Y, if it is given); and, with the guard, if it sees no difference of the prompts.

The lines of the file with an even number are for tuning, those with an odd number for measuring what came of it:
`--half` takes the one or the other, the first line being line 1.

Precision depends on how many pairs of each kind there are: compare it between thresholds, not with another benchmark.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAIRS = Path(__file__).with_name("semantic_pairs.jsonl")
DATA = Path(__file__).parents[3] / "shared" / "data"
THRESHOLDS = (0.75, 0.80, 0.85, 0.90, 0.95)
GROUPS = ("light", "medium", "strong", "template", "input", "edit")
"""The strengths of rewordings, then the kinds of pairs that are no duplicates."""


class PairsError(Exception):
    """A pair cannot be read, or the data is not that of the pairs."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two prompts and whether they ask for the same.

    Attributes:
        name: Where it stands, as ``alpaca_zh:17``.
        language: ``zh`` or ``en``.
        duplicate: Whether they do.
        group: The strength of a rewording, or the kind of a pair that is no duplicate.
        change: What was changed in an ``edit``, else empty.
        left: The original prompt.
        right: What it is compared with.
    """

    name: str
    language: str
    duplicate: bool
    group: str
    change: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Test:
    """The least cosines of a duplicate: of the prompts, and of their first lines."""

    prompt: float
    instruction: float

    def __str__(self) -> str:
        if self.prompt == self.instruction:
            return f"{self.prompt:g}"
        return f"{self.prompt:g} / {self.instruction:g}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair and what the stage would see of it.

    Attributes:
        pair: The pair.
        prompt: The cosine of the prompts.
        instruction: The cosine of their first lines.
        difference: The guard's word for what tells the prompts apart, or None.
    """

    pair: Pair
    prompt: float
    instruction: float
    difference: str | None

    def near(self, test: Test) -> bool:
        """Whether both cosines are large enough, and both prompts have an input or none has."""
        alike = ("\n" in self.pair.left) == ("\n" in self.pair.right)
        return alike and self.prompt >= test.prompt and self.instruction >= test.instruction

    def found(self, test: Test, *, guard: bool) -> bool:
        """Whether the pair counts as a duplicate."""
        return self.near(test) and not (guard and self.difference)


def read_pairs(pairs: Path = PAIRS, data: Path = DATA, half: str | None = None) -> list[Pair]:
    """Read all pairs, or those of a half, with the texts of the rows that they name.

    Raises:
        PairsError: A file is missing, or a row has not the hash that its pair has.
    """
    try:
        listed = [json.loads(line) for line in pairs.read_text("utf-8").splitlines()]
    except OSError as error:
        raise PairsError(f"{pairs}: {error.strerror}") from error
    if half is not None:
        listed = listed[half == "even" :: 2]
    rows = {file: _rows(data / f"{file}.jsonl.zst") for file in dict.fromkeys(entry["file"] for entry in listed)}
    return [_pair(entry, rows[entry["file"]]) for entry in listed]


def _rows(file: Path) -> list[tuple[str, str]]:
    """Give the instruction and the input of every row."""
    import zstandard

    try:
        with file.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as plain:
            rows = [json.loads(line) for line in io.TextIOWrapper(plain, encoding="utf-8", newline="\n")]
    except OSError as error:
        raise PairsError(f"{file}: {error.strerror}; --data names the folder of the data") from error
    return [(row["instruction"].strip(), row["input"].strip()) for row in rows]


def _pair(entry: dict[str, Any], rows: Sequence[tuple[str, str]]) -> Pair:
    left = _original(entry["file"], entry["line"], entry["sha256"], rows)
    if "text" not in entry:
        right = _original(entry["file"], entry["other_line"], entry["other_sha256"], rows)
    elif entry.get("input") == "original":
        right = _prompt(entry["text"], rows[entry["line"]][1])
    else:
        right = entry["text"]
    return Pair(
        name=f"{entry['file']}:{entry['line']}",
        language=entry["file"].removeprefix("alpaca_"),
        duplicate=entry["duplicate"],
        group=entry["strength"] if entry["duplicate"] else entry["kind"],
        change=entry.get("change", ""),
        left=left,
        right=right,
    )


def _original(file: str, line: int, wanted: str, rows: Sequence[tuple[str, str]]) -> str:
    if line >= len(rows):
        raise PairsError(
            f"{file}: has {len(rows):,} rows, a pair names row {line:,}: this is another version of the data"
        )
    text = _prompt(*rows[line])
    found = hashlib.sha256(text.encode()).hexdigest()[:16]
    if found != wanted:
        raise PairsError(
            f"{file}, row {line:,}: its hash is {found}, not {wanted}: this is another version of the data"
        )
    return text


def _prompt(instruction: str, given: str) -> str:
    return f"{instruction}\n{given}" if given else instruction


def judge(pairs: Sequence[Pair]) -> list[Judged]:
    """Embed all texts and compare them."""
    import numpy as np
    import pyarrow as pa

    from belle_data import _native
    from belle_data.embed import DEFAULT_EMBEDDER, embedder_of

    sides = [[pair.left for pair in pairs], [pair.right for pair in pairs]]
    first_lines = [[text.partition("\n")[0].strip() for text in side] for side in sides]
    texts = list(dict.fromkeys(text for side in sides + first_lines for text in side))
    rows = pa.array(range(len(texts)), pa.uint32())
    vectors = embedder_of(DEFAULT_EMBEDDER).embed(pa.array(texts, pa.large_string()), rows, precisely=True)
    place = {text: at for at, text in enumerate(texts)}

    def cosines(left: list[str], right: list[str]) -> list[float]:
        one, other = ([place[text] for text in side] for side in (left, right))
        products = (vectors[one] * vectors[other]).sum(axis=1)
        return [float(cosine) for cosine in np.where(np.equal(one, other), 1.0, products)]

    guard = _native.Guard()
    differences = pa.record_batch(guard.between(*(pa.array(side, pa.large_string()) for side in sides)))
    words = differences.column("difference").to_pylist()
    return [Judged(*each) for each in zip(pairs, cosines(*sides), cosines(*first_lines), words, strict=True)]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _quality(judged: Iterable[Judged], test: Test, *, guard: bool) -> list[str]:
    """Give precision, recall and F1, as they stand in a table."""
    counts = Counter((each.pair.duplicate, each.found(test, guard=guard)) for each in judged)
    right, wrong, missed = counts[True, True], counts[False, True], counts[True, False]
    score = 2 * right / (2 * right + wrong + missed) if right else 0.0
    return [_percent(right, right + wrong), _percent(right, right + missed), f"{score:.3f}"]


def _print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print(f"| {' | '.join(head)} |")
    print("|" + "|".join("---" if at == 0 else "---:" for at in range(len(head))) + "|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def _print_thresholds(judged: Sequence[Judged], tests: Sequence[Test]) -> None:
    marks = [f"{word}{guarded}" for guarded in ("", ", guard") for word in ("precision", "recall", "F1")]
    for language in ("zh", "en"):
        part = [each for each in judged if each.pair.language == language]
        positives = sum(each.pair.duplicate for each in part)
        print(f"{language}: {positives} rewordings, {len(part) - positives} pairs that are no duplicates\n")
        rows = [[str(test), *_quality(part, test, guard=False), *_quality(part, test, guard=True)] for test in tests]
        _print_table(["threshold", *marks], rows)


def _print_groups(judged: Sequence[Judged], tests: Sequence[Test]) -> None:
    """Print how many pairs of each group are found: of rewordings as many as can be, of the others none."""
    head = ["found", "pairs", *(f"{test}{guarded}" for test in tests for guarded in ("", ", guard"))]
    rows = []
    for language, group in product(("zh", "en"), GROUPS):
        part = [each for each in judged if (each.pair.language, each.pair.group) == (language, group)]
        if not part:
            continue
        shares = [
            _percent(sum(each.found(test, guard=guard) for each in part), len(part))
            for test in tests
            for guard in (False, True)
        ]
        rows.append([f"{language}, {group}", str(len(part)), *shares])
    _print_table(head, rows)


def _print_missed(judged: Sequence[Judged], test: Test) -> None:
    """Print which of its conditions a rewording does not meet, the first of them if there are several."""
    print(f"Why rewordings are missed at {test}\n")
    rows = []
    for language, group in product(("zh", "en"), GROUPS[:3]):
        part = [each for each in judged if (each.pair.language, each.pair.group) == (language, group)]
        far = sum(each.prompt < test.prompt for each in part)
        asked = sum(not each.near(test) for each in part) - far
        found = sum(each.found(test, guard=True) for each in part)
        rows.append(
            [f"{language}, {group}", *map(str, (len(part), found, far, asked, len(part) - found - far - asked))]
        )
    _print_table(["", "pairs", "found", "prompts too far", "first lines too far", "guard"], rows)


def _print_guard(judged: Sequence[Judged], test: Test) -> None:
    """Print what the guard says of the pairs that are close enough."""
    near = [each for each in judged if each.near(test)]
    print(f"The guard's word for the {len(near)} pairs at {test} or more\n")
    words = ("number", "negation", "name", None)
    counts = Counter((each.pair.group, each.pair.change, each.difference) for each in near)
    kinds = dict.fromkeys((each.pair.group, each.pair.change) for each in near)
    rows = [
        [", ".join(filter(None, kind)), *(str(counts[*kind, word]) for word in words)]
        for kind in sorted(kinds, key=lambda kind: (GROUPS.index(kind[0]), kind[1]))
    ]
    _print_table(["pairs", "number", "negation", "name", "no difference"], rows)


def _print_wrong(judged: Sequence[Judged], test: Test) -> None:
    """Print the pairs that are decided wrongly with the guard, and why."""
    for each in judged:
        if each.found(test, guard=True) == each.pair.duplicate:
            continue
        kind = ", ".join(filter(None, (each.pair.group, each.pair.change)))
        verdict = "missed" if each.pair.duplicate else "passes"
        why = f"guard: {each.difference}" if each.difference and each.near(test) else "cosine"
        print(f"{verdict} ({why}) {each.prompt:.3f} {each.instruction:.3f} {each.pair.name} {kind}")
        print(f"    {each.pair.left!r}\n    {each.pair.right!r}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=DATA, help="the folder with alpaca_zh.jsonl.zst and alpaca_en.jsonl.zst"
    )
    parser.add_argument(
        "--threshold", type=float, metavar="X", help="one more threshold, and the one that is looked into"
    )
    parser.add_argument(
        "--instruction", type=float, metavar="Y", help="the least cosine of the first lines (that of the stage)"
    )
    parser.add_argument("--half", choices=("even", "odd"), help="only the pairs in lines with such a number")
    parser.add_argument("--show", action="store_true", help="also print the pairs that are decided wrongly")
    return parser.parse_args()


def main() -> int:
    """Measure and print."""
    from belle_data.stages.semantic_dedup import SemanticDedupConfig

    options = _options()
    try:
        pairs = read_pairs(data=options.data, half=options.half)
    except PairsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    judged = judge(pairs)
    chosen = SemanticDedupConfig().threshold if options.threshold is None else options.threshold
    least = SemanticDedupConfig().field_threshold if options.instruction is None else options.instruction
    tests = [Test(each, least) for each in sorted({*THRESHOLDS, chosen})]
    looked_into = Test(chosen, least)
    _print_thresholds(judged, tests)
    _print_groups(judged, tests)
    _print_missed(judged, looked_into)
    _print_guard(judged, looked_into)
    if options.show:
        _print_wrong(judged, looked_into)
    return 0


if __name__ == "__main__":
    sys.exit(main())
