"""examples/raw.jsonl is what its generator writes, and holds what examples/README.md says."""

import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from belle_data import _native, clean

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RAW = (EXAMPLES / "raw.jsonl").read_bytes()


# The generator is a script: its modules lie beside its data, in no package.
sys.path.insert(0, str(EXAMPLES))
try:
    import make_raw
    import variants
finally:
    sys.path.remove(str(EXAMPLES))

LINES = make_raw.plan()


def text_of(row: dict[str, Any]) -> str:
    """Return the texts of a row in any of the file's formats, one turn after the other."""
    if "messages" in row:
        contents = [turn["content"] for turn in row["messages"]]
        return "\n".join(c if isinstance(c, str) else "".join(part.get("text", "") for part in c) for c in contents)
    if "conversations" in row:
        return "\n".join(turn["value"] for turn in row["conversations"])
    if "text" in row:
        return str(row["text"])
    if "target" in row:
        question = row["input"].removeprefix("Human: ").removesuffix("\n\nAssistant:")
        return f"{question}\n{row['target']}"
    return "\n".join(filter(None, [row["instruction"], row["input"], row["output"]]))


def tidy(text: str) -> str:
    """Return the text as `normalise` leaves it, as far as the planted copies need it."""
    text = re.sub("[\\x00-\\x08\\x0e-\\x1f\\u200b\\ufeff]", "", text.replace("\r\n", "\n"))
    return "\n".join(line.rstrip() for line in unicodedata.normalize("NFC", text).split("\n")).rstrip()


def test_generator_writes_the_same_bytes_and_table(tmp_path: Path) -> None:
    target = tmp_path / "raw.jsonl"
    done = subprocess.run(
        [sys.executable, EXAMPLES / "make_raw.py", "--out", target], check=True, capture_output=True, encoding="utf-8"
    )
    assert target.read_bytes() == RAW
    assert done.stdout in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_every_kind_is_named_and_planted() -> None:
    kinds = Counter(line.kind for line in LINES)
    assert set(kinds) == set(make_raw.KINDS)
    assert sum(kinds.values()) >= 1200
    assert kinds["bad_line"] == 9


def test_enough_is_written_by_hand() -> None:
    questions = {(example.prompt, example.answer) for example in make_raw.hand_written()}
    chinese = [pair for pair in questions if variants.HAN.search("".join(pair))]
    assert len(chinese) >= 150
    assert len(questions) - len(chinese) >= 25


def test_line_ends() -> None:
    assert RAW.count(b"\r\n") == 1
    assert sum(not line.strip() for line in RAW.split(b"\n")) == 3
    assert not RAW.endswith(b"\n")
    assert not RAW.startswith(b"\xef\xbb\xbf")


def test_bad_lines_are_bad_and_the_others_are_rows() -> None:
    bad = []
    for line in LINES:
        try:
            row = json.loads(line.data.decode("utf-8"))
            text_of(row).encode("utf-8")
        except (ValueError, KeyError, TypeError):
            bad.append(line.kind)
        else:
            assert line.kind != "bad_line"
    assert bad == ["bad_line"] * 9


def test_ids_repeat_only_where_planted() -> None:
    rows = [json.loads(line.data) for line in LINES if line.kind != "bad_line"]
    ids = Counter(row["id"] for row in rows if "id" in row)
    assert sum(count - 1 for count in ids.values()) == 12
    assert sum("id" not in row for row in rows) > 150


def test_no_two_rows_are_similar_unless_planted() -> None:
    """Count the pairs at 0.8 or above: each changed copy has one with its example and none with any other row."""
    from_kinds: Counter[str] = Counter()
    pieces: list[frozenset[str]] = []
    holders: defaultdict[str, list[int]] = defaultdict(list)
    lines = [line for line in LINES if line.kind != "bad_line"]
    originals = {"clean", "clean_conversation", "template"}
    for number, line in enumerate(lines):
        own = variants.shingles(tidy(text_of(json.loads(line.data))))
        pieces.append(own)
        shared: Counter[int] = Counter()
        for piece in own:
            shared.update(holders[piece])
            holders[piece].append(number)
        for other, common in shared.items():
            if common / (len(own) + len(pieces[other]) - common) >= 0.8:
                pair = {line.kind, lines[other].kind}
                changed = pair - originals
                assert changed, f"{line.data!r} and {lines[other].data!r} are similar by accident"
                from_kinds["+".join(sorted(changed))] += 1
    planted = Counter(line.kind for line in lines)
    copies = [kind for kind in make_raw.KINDS if kind.startswith(("exact_", "copy_", "near_", "chain_middle"))]
    assert len(copies) == 12
    assert from_kinds == {**{kind: planted[kind] for kind in copies}, "chain_end+chain_middle": planted["chain_end"]}


def test_the_rules_take_what_the_table_says(tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_bytes(RAW)
    report = clean(tmp_path / "raw.jsonl", out=tmp_path / "run")
    kinds = [line.kind for line in LINES if line.kind != "bad_line"]
    assert report.rows_in == len(kinds)
    taken: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows = pq.read_table(tmp_path / "run" / "rows.parquet", columns=["stage", "reason"]).to_pylist()
    for kind, row in zip(kinds, rows, strict=True):
        if row["stage"] == "rules":
            taken[kind][row["reason"]] += 1
    assert taken == make_raw.TAKEN


def test_normalise_has_something_to_do_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_bytes(RAW)
    clean(tmp_path / "raw.jsonl", out=tmp_path / "run")
    names = _native.change_names()
    kinds = [line.kind for line in LINES if line.kind != "bad_line"]
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in pq.read_table(tmp_path / "run" / "stages" / "normalise.changes.parquet").to_pylist():
        for bit, name in enumerate(names):
            found[name][kinds[row["row"]]] += row["changes"] >> bit & 1
    planted = Counter(kinds)
    assert found["composition"]["copy_nfd"] == planted["copy_nfd"]
    assert found["control_characters"]["copy_controls"] == planted["copy_controls"]
    assert found["trailing_blanks"]["copy_blanks"] == planted["copy_blanks"]
    assert found["trailing_blanks"]["blanks"] == planted["blanks"]
