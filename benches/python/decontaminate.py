"""Measures decontamination: copies that are planted and found, false hits to read, and rows per CPU second.

    python benches/python/decontaminate.py recall           copies of evaluation prompts, edited, planted into real rows
    python benches/python/decontaminate.py hits [NAME]      what real corpora hold of it, strongest first
    python benches/python/decontaminate.py speed RAW.jsonl  one thread, beside a plain set of 13-grams in Python

Needs the corpora in ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard

from belle_data import _native
from belle_data.stages.decontaminate import DecontaminateConfig, fired_matches

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
EVALUATION = "belle_eval_set"
CORPORA = ("alpaca_zh", "sharegpt_zh", "alpaca_en")
SHARES = (0.0, 0.02, 0.05, 0.1)
PEER_ROWS = 20_000
"""The plain version is too slow for more."""
TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))


def main() -> None:
    """Run what the command line names."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    commands = words.add_subparsers(required=True)
    commands.add_parser("recall").set_defaults(run=lambda options: recall(options.data))
    command = commands.add_parser("hits")
    command.add_argument("names", nargs="*", default=CORPORA)
    command.set_defaults(run=lambda options: hits(options.data, options.names))
    command = commands.add_parser("speed")
    command.add_argument("raw", type=Path)
    command.set_defaults(run=lambda options: speed(options.data, options.raw))
    options = words.parse_args()
    _native.set_threads(1)
    options.run(options)


def recall(data: Path) -> None:
    """Plant each prompt of the evaluation set once for each share of edits, as a prompt and inside an answer."""
    evaluation, others = conversations(data, EVALUATION), conversations(data, "alpaca_zh")
    index = indexed(evaluation)
    letters = [letter for row in others[:2_000] for letter in row[0][1]]
    prompts = [row[0][1] for row in evaluation]
    chosen = [number for number, prompt in enumerate(prompts) if weight(prompt) >= 3 * DecontaminateConfig().ngram]
    say(f"{len(chosen)} of {len(prompts)} prompts are long enough not to be compared whole")
    for kind in ("substitute", "insert", "delete", "mixed"):
        for inside in (False, True):
            found = [planted(index, prompts, chosen, others, letters, kind, share, inside=inside) for share in SHARES]
            shares = "  ".join(f"{share:.0%}: {one:.4f}" for share, one in zip(SHARES, found, strict=True))
            say(f"{kind:<10} {'inside a longer text' if inside else 'the whole prompt':<22} {shares}")


def planted(
    index: _native.EvaluationRows,
    prompts: list[str],
    chosen: list[int],
    others: list[list[tuple[str, str]]],
    letters: list[str],
    kind: str,
    share: float,
    *,
    inside: bool,
) -> float:
    """The share of copies that are found."""
    chance = random.Random(f"{kind}{share}{inside}")
    rows = []
    for number in chosen:
        (_, asked), (_, answer), *_ = chance.choice(others)
        copy = edited(prompts[number], share, kind, letters, chance)
        at = chance.randrange(len(answer) + 1)
        rows.append(
            [("user", asked), ("assistant", answer[:at] + copy + answer[at:])]
            if inside
            else [("user", copy), ("assistant", answer)]
        )
    fired = fired_matches(matches(index, rows), DecontaminateConfig())
    pairs = zip(fired["row"].to_pylist(), fired["evaluation_row"].to_pylist(), strict=True)
    return len({row for row, found in pairs if prompts[found] == prompts[chosen[row]]}) / len(chosen)


def edited(text: str, share: float, kind: str, letters: list[str], chance: random.Random) -> str:
    """The text with this share of its characters edited."""
    characters = list(text)
    for _ in range(int(len(text) * share + 1e-9)):
        how = chance.choice(("substitute", "insert", "delete")) if kind == "mixed" else kind
        place = chance.randrange(len(characters))
        characters[place : place + (how != "insert")] = [] if how == "delete" else [chance.choice(letters)]
    return "".join(characters)


def hits(data: Path, names: list[str]) -> None:
    """Print what fires in real corpora, and what comes near."""
    evaluation = conversations(data, EVALUATION)
    index = indexed(evaluation)
    for name in names:
        rows = conversations(data, name)
        found = matches(index, rows)
        fired = fired_matches(found, DecontaminateConfig())
        say(f"{name}: {len(set(fired['row'].to_pylist()))} of {len(rows)} rows go; {found.num_rows} matches")
        for one in sorted(found.to_pylist(), key=lambda one: -max(one["similarity"] or 0.0, one["covered"])):
            text = rows[one["row"]][one["turn"]][1][one["start"] : one["end"]]
            asked = evaluation[one["evaluation_row"]][0 if one["part"] == "prompt" else 1][1]
            say(f"  {one['similarity']} {one['covered']:.2f} row {one['row']}: {asked[:100]!r} in {text[:100]!r}")


def speed(data: Path, raw: Path) -> None:
    """Look for the evaluation set in a file, and in some of it with a set of 13-grams in Python."""
    index = indexed(conversations(data, EVALUATION))
    corpus = _native.Corpus()
    content = raw.read_bytes()
    corpus.add_source(content, _native.detect_format(content[: 1 << 20].rpartition(b"\n")[0]) or "mixed")
    batches = []
    at = 0
    while at < len(content):
        at, batch, _ = corpus.read(0, at, 1 << 26, 1 << 26, 2**32)
        batches.append(pa.record_batch(batch))
    texts = [text for batch in batches for text in batch["turns"].values.field("text").to_pylist()]
    characters = sum(map(len, texts))
    began = time.process_time()
    found = pa.record_batch(index.find(corpus))
    ours = time.process_time() - began
    say(f"{len(corpus):,} rows, {characters:,} characters: {ours:.2f} s of CPU, {found.num_rows:,} matches")
    say(f"{characters / ours / 1e6:.1f} M characters/s, with reading the lines again")
    peer(conversations(data, EVALUATION), texts[: 2 * PEER_ROWS], characters / ours)


def peer(evaluation: list[list[tuple[str, str]]], texts: list[str], ours: float) -> None:
    """A set of 13-grams, as most tools decontaminate: no edits, no folding, no spans."""
    began = time.process_time()
    grams = {text[at : at + 13] for row in evaluation for _, text in row for at in range(len(text) - 12)}
    hit = sum(any(text[at : at + 13] in grams for at in range(len(text) - 12)) for text in texts)
    seconds = time.process_time() - began
    rate = sum(map(len, texts)) / seconds
    say(
        f"a set in Python: {rate / 1e6:.2f} M characters/s, {hit} texts of {len(texts)}; {ours / rate:.1f} times slower"
    )


def indexed(evaluation: list[list[tuple[str, str]]]) -> _native.EvaluationRows:
    """The evaluation rows with the default settings."""
    names = ("ngram", "common_texts", "answers", "shortest_answer")
    settings: Any = {name: getattr(DecontaminateConfig(), name) for name in names}
    return _native.EvaluationRows(arrow_rows(evaluation), **settings)


def matches(index: _native.EvaluationRows, rows: list[list[tuple[str, str]]]) -> pa.Table:
    """What rows hold of the evaluation rows."""
    return pa.table(pa.record_batch(index.find(arrow_rows(rows))))


def arrow_rows(rows: list[list[tuple[str, str]]]) -> _native.ArrowRows:
    """Turns as the kernels take them."""
    turns = [[{"role": role, "text": text} for role, text in row] for row in rows]
    return _native.ArrowRows(pa.record_batch({"turns": pa.array(turns, TURNS)}))


def conversations(data: Path, name: str) -> list[list[tuple[str, str]]]:
    """The turns of every row of a corpus, as role and text."""
    with zstandard.open(data / f"{name}.jsonl.zst", "rt", encoding="utf-8") as lines:
        return [turns_of(json.loads(line)) for line in lines]


def turns_of(row: dict[str, Any]) -> list[tuple[str, str]]:
    """The turns of a row of one of the corpora."""
    if "conversations" in row:
        return [("user" if one["from"] == "human" else "assistant", one["value"]) for one in row["conversations"]]
    if "question" in row:
        return [("user", row["question"]), ("assistant", row["std_answer"] or "")]
    return [("user", "\n".join(filter(None, (row["instruction"], row["input"])))), ("assistant", row["output"])]


def weight(text: str) -> int:
    """About what the kernel weighs: three for what stands above the alphabets, one for other letters and digits."""
    return sum(3 if ord(one) > 0x2E80 else 1 for one in text if one.isalnum())


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
