"""`evalset build`: labels, ids, references and formats, what it refuses, and that it gives the same bytes."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evalset.conftest import QUESTIONS, about, build, questions, rows_of

from belle_data.evalset.categories import CATEGORIES, WITHOUT_REFERENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cli.conftest import Shell

LABELS = {
    "open qa": "open_qa",
    "Open QA": "open_qa",
    "  OPEN_qa ": "open_qa",
    "closed\u00a0qa": "closed_qa",
    "Closed\u3000-\u2009QA": "closed_qa",
    "ｍａｔｈ": "others",
    "Code": "others",
    "others": "others",
    "Brain-storming": None,
    "brainstorming\t": "brainstorming",
}


def test_labels_are_matched_whatever_their_case_and_blanks(belle: Shell) -> None:
    known = {label: category for label, category in LABELS.items() if category}
    assert len(known) == 9
    belle.write("raw.jsonl", questions(*known))
    done = build(belle, "--json")
    assert done.code == 0, done.err
    rows = rows_of(belle)
    assert [row["category"] for row in rows] == list(known.values())
    assert all(list(row) == ["id", "category", "prompt", "reference"] for row in rows)
    labels = about(belle)["input"]["labels"]
    assert labels == {label: {"category": category, "rows": 1} for label, category in known.items()}
    counts = {name: one["rows"] for name, one in done.json()["categories"].items()}
    assert list(counts) == list(CATEGORIES)
    assert counts == {name: list(known.values()).count(name) for name in CATEGORIES}


def test_ids_are_those_of_category_and_prompt_or_the_rows_own(belle: Shell) -> None:
    rows = questions("open qa", "math")
    belle.write("raw.jsonl", [rows[0], {"id": 7, **rows[1]}, {**rows[0], "class": "OPEN QA"}, rows[0]])
    assert build(belle, "--no-dedup").code == 0
    made = "eval-" + sha256(f"open_qa\n{QUESTIONS[0]}".encode()).hexdigest()[:16]
    assert [row["id"] for row in rows_of(belle)] == [made, "7", f"{made}.2", f"{made}.3"]


def test_references_are_left_out_where_nothing_is_judged_by_them(belle: Shell) -> None:
    belle.write("raw.jsonl", questions(*CATEGORIES))
    done = build(belle)
    assert done.code == 0, done.err
    assert {row["category"] for row in rows_of(belle) if row["reference"] is None} == WITHOUT_REFERENCE
    assert about(belle)["references_left_out"] == 3
    assert "3 references are left out" in done.out
    assert "warning" not in done.err


def test_rows_without_a_reference_are_named_and_written(belle: Shell) -> None:
    rows = questions(*CATEGORIES, id=None)
    for number, nothing in ((0, ""), (6, None), (8, " \n"), (1, "")):
        rows[number] = {**rows[number], "std_answer": nothing, "id": f"row {number}"}
    belle.write("raw.jsonl", rows)
    done = build(belle)
    assert done.code == 0
    assert "warning: 3 rows have no reference, and a category that is judged by one" in done.err
    for name in ("line 1: row 0 (others)", "line 7: row 6 (open_qa)", "line 9: row 8 (closed_qa)"):
        assert name in done.err
    assert "row 1" not in done.err
    assert about(belle)["without_reference"] == [
        {"id": "row 0", "line": 1, "category": "others"},
        {"id": "row 6", "line": 7, "category": "open_qa"},
        {"id": "row 8", "line": 9, "category": "closed_qa"},
    ]
    assert len(rows_of(belle)) == 9
    assert [row["reference"] for row in rows_of(belle) if row["id"] in {"row 0", "row 6", "row 8"}] == [None] * 3
    whole = (belle.folder / "eval.jsonl").read_bytes()
    strict = build(belle, "--strict")
    assert (strict.code, (belle.folder / "eval.jsonl").read_bytes()) == (1, whole)
    belle.write("raw.jsonl", questions(*CATEGORIES))
    assert build(belle, "--strict").code == 0


def test_all_unknown_labels_come_in_one_error(belle: Shell) -> None:
    rows = questions("poetry", "open qa", "诗\u202e", "poetry", "Brain-storming", "x", "x", "y" * 200)
    del rows[5]["class"]
    rows[6]["class"] = " "
    belle.write("raw.jsonl", rows)
    done = build(belle)
    assert done.code == 2
    error, *listed, hint = done.err.splitlines()[-7:]
    assert error == "error: raw.jsonl: 5 labels mean no category"
    assert listed == [
        "  'poetry': 2 rows, first on line 1",
        "  '诗\\\\u202e': 1 row, first on line 3",
        "  'Brain-storming': 1 row, first on line 5",
        "  no label: 2 rows, first on line 6",
        f"  '{'y' * 80}'…: 1 row, first on line 8",
    ]
    assert "open qa, brainstorming, closed qa, math or code" in hint
    assert [path.name for path in belle.folder.iterdir()] == ["raw.jsonl"]


def test_the_field_of_the_category_can_be_named(belle: Shell) -> None:
    belle.write("raw.jsonl", [{**row, "kind": "open qa"} for row in questions("poetry", "rhyme")])
    assert "2 labels mean no category" in build(belle).err
    assert build(belle, "--category-field", "kind").code == 0
    assert {row["category"] for row in rows_of(belle)} == {"open_qa"}
    missing = build(belle, "--category-field", "sort", out="other.jsonl")
    assert (missing.code, "no label: 2 rows, first on line 1" in missing.err) == (2, True)
    assert "under sort what it is" in missing.err


WRONG: dict[str, tuple[Sequence[dict[str, Any] | str], tuple[str, ...]]] = {
    "empty prompt": (
        [*questions("open qa"), "", {"question": " \n", "class": "open qa"}],
        ("raw.jsonl:3: the prompt is empty",),
    ),
    "several empty prompts": (
        [{"instruction": "", "output": "x", "class": "math"}] * 12,
        ("raw.jsonl:1: the prompt is empty on 12 lines (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …)",),
    ),
    "plain text": ([{"text": "春天来了。", "class": "math"}], ("raw.jsonl:1: the prompt is empty",)),
    "several turns": (
        [{"instruction": "Human: 一\nAssistant: 二\nHuman: 三\nAssistant:", "output": "四", "category": "math"}],
        ("raw.jsonl:1: the prompt is not a single turn of a user", "leave out the other turns"),
    ),
    "a system turn": (
        [{"instruction": "一", "system": "你是诗人。", "output": "四", "category": "math"}],
        ("raw.jsonl:1: the prompt is not a single turn of a user",),
    ),
    "equal ids": (
        questions("math", "math", "math", id="same"),
        ("raw.jsonl:2: the id 'same' stands on the lines 1, 2, 3", "give each row its own"),
    ),
    "many equal ids": (
        questions("math", "math", id="a") + [{"question": "甲", "id": "b", "class": "code"}] * 2,
        ("raw.jsonl:2: 2 ids stand on more than one row, such as the id 'a' on the lines 1, 2",),
    ),
    "no JSON": (
        [*questions("math"), "春天"],
        ("raw.jsonl:2: the line is no row because not_json", "rejected/ of its run folder"),
    ),
    "half a character": (
        ['{"question": "half \\ud800", "class": "math"}'],
        ("raw.jsonl:1: the line is no row",),
    ),
    "no question": (
        [{"topic": "春天", "class": "math"}, {"question": 3, "class": "math"}, "[]"],
        ("raw.jsonl:1: 3 lines are no rows (2 missing_field, 1 not_an_object), the first", "question or prompt"),
    ),
    "nothing": ([], ("raw.jsonl (byte 0): there is no row in the input",)),
    "blank lines": (["", " "], ("raw.jsonl (byte 0): there is no row in the input",)),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_judged_is_refused_with_its_line(name: str, belle: Shell) -> None:
    rows, said = WRONG[name]
    belle.write("raw.jsonl", rows)
    done = build(belle)
    assert (done.code, done.out) == (2, "")
    assert [part for part in said if part not in done.err] == [], done.err
    assert "Traceback" not in done.err
    assert [path.name for path in belle.folder.iterdir()] == ["raw.jsonl"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x28\xb5\x2f\xfd broken", "raw.jsonl"),
        (b"PAR1 broken PAR1", "raw.jsonl"),
        (b'[{"question": "\xe7\x94\xb2"', "raw.jsonl"),
        (
            '{"question": "中", "class": "math"}'.encode("gb18030"),
            "raw.jsonl:1: the line is no row because invalid_utf8",
        ),
        (b"\x00\xff\xfe", "raw.jsonl"),
        (b'{"question": ' + b"[" * 100_000, "raw.jsonl:1"),
    ],
)
def test_broken_files_are_an_error(content: bytes, said: str, belle: Shell) -> None:
    (belle.folder / "raw.jsonl").write_bytes(content)
    done = build(belle)
    assert (done.code, said in done.err) == (2, True), done.err
    assert "hint: this is not expected" not in done.err
    assert [path.name for path in belle.folder.iterdir()] == ["raw.jsonl"]


def test_lines_of_an_array_are_those_of_its_file(belle: Shell) -> None:
    rows = questions("math", "poetry")
    text = "[\n" + ",\n\n".join(json.dumps(row, ensure_ascii=False, indent=1) for row in rows) + "]"
    (belle.folder / "raw.json").write_text(text, encoding="utf-8")
    assert "'poetry': 1 row, first on line 8" in build(belle, raw="raw.json").err


def test_every_format_gives_the_same_rows(belle: Shell) -> None:
    labels = ("math", "open qa", "rewrite", "closed qa")
    rows = questions(*labels)
    answers = [{"question": row["question"], "answer": row["std_answer"], "category": row["class"]} for row in rows]
    turns = [[("user", row["question"]), ("assistant", row["std_answer"])] for row in rows]
    forms: dict[str, list[dict[str, Any]]] = {
        "published": rows,
        "answer": answers,
        "prompt": [
            {"prompt": row["question"], "reference": row["answer"], "category": row["category"]} for row in answers
        ],
        "alpaca": [
            {"instruction": row["question"], "input": "", "output": row["answer"], "category": row["category"]}
            for row in answers
        ],
        "messages": [
            {"messages": [{"role": role, "content": text} for role, text in one], "class": label}
            for one, label in zip(turns, labels, strict=True)
        ],
    }
    for name, form in forms.items():
        belle.write(f"{name}.jsonl", form)
    text = (belle.folder / "published.jsonl").read_bytes()
    (belle.folder / "packed.jsonl.zst").write_bytes(zstandard.compress(text))
    (belle.folder / "array.json").write_bytes(json.dumps(rows).encode())
    pq.write_table(pa.Table.from_pylist(rows), belle.folder / "table.parquet")
    names = [*(f"{name}.jsonl" for name in forms), "packed.jsonl.zst", "array.json", "table.parquet"]
    written = []
    for name in names:
        done = build(belle, raw=name, out=f"{name}.eval")
        assert done.code == 0, done.err
        written.append((belle.folder / f"{name}.eval").read_bytes())
    assert len(written) == 8
    assert set(written) == {written[0]}
    piped = belle("evalset", "build", "-", "--out", "piped.eval", stdin=text)
    assert (piped.code, (belle.folder / "piped.eval").read_bytes()) == (0, written[0]), piped.err


def test_instruction_and_input_are_one_prompt(belle: Shell) -> None:
    belle.write("raw.jsonl", [{"instruction": "翻译。", "input": "春天", "output": "spring", "category": "open qa"}])
    assert build(belle).code == 0
    assert [(row["prompt"], row["reference"]) for row in rows_of(belle)] == [("翻译。\n春天", "spring")]


def test_its_own_result_gives_the_same_bytes(belle: Shell) -> None:
    rows = questions(*CATEGORIES)
    belle.write("raw.jsonl", [{**rows[0], "id": "own"}, *rows[1:], {**rows[0], "std_answer": None}])
    for count, options in ((10, ("--no-dedup",)), (9, ())):
        assert build(belle, *options).code == 0
        assert build(belle, *options, raw="eval.jsonl", out="again.jsonl").code == 0
        assert len(rows_of(belle)) == count
        assert rows_of(belle)[0]["id"] == "own"
        assert (belle.folder / "again.jsonl").read_bytes() == (belle.folder / "eval.jsonl").read_bytes()


def test_threads_and_runs_give_the_same_bytes(belle: Shell) -> None:
    belle.write("raw.jsonl", [*questions(*CATEGORIES), *questions(*CATEGORIES, "math")])
    belle.write("train.jsonl", [{"instruction": text, "output": "好。"} for text in QUESTIONS])
    seen = set()
    for threads in ("1", "2", "2"):
        arguments = ("evalset", "build", "raw.jsonl", "--out", "eval.jsonl", "--against", "train.jsonl", "--json",
                     "--html", "page.html", "--threads", threads, "-q", "--lang", "en")  # fmt: skip
        done = belle(*arguments)
        assert (done.code, done.err) == (0, "")
        files = ("eval.jsonl", "eval.jsonl.json", "page.html")
        seen.add((done.out, *((belle.folder / name).read_bytes() for name in files)))
    assert len(seen) == 1
    assert sorted(path.name for path in belle.folder.iterdir()) == [
        "eval.jsonl", "eval.jsonl.json", "page.html", "raw.jsonl", "train.jsonl",
    ]  # fmt: skip


def test_one_row_is_a_set(belle: Shell) -> None:
    belle.write("raw.jsonl", questions("math"))
    done = build(belle, "--html", "page.html")
    assert done.code == 0, done.err
    assert len(rows_of(belle)) == 1
    assert "1 of 1 rows" in done.out
    assert ["open", "qa", "0", "0", "%", "–", "–", "–"] in [line.split() for line in done.out.splitlines()]
    assert about(belle)["categories"]["open_qa"] == {"rows": 0, "share": 0.0, "without_reference": 0, "prompt": None}


ANY = st.text(st.characters(codec="utf-8"), max_size=20)
TEXT = ANY.filter(lambda text: text.strip() != "")
ROW = st.tuples(TEXT, st.none() | ANY, st.sampled_from([*LABELS]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=8, unique_by=lambda row: row[0]))
def test_any_rows_are_written_as_they_are(belle: Shell, rows: list[tuple[str, str | None, str]]) -> None:
    known = [row for row in rows if LABELS[row[2]]]
    belle.write("raw.jsonl", [{"question": text, "answer": answer, "class": label} for text, answer, label in known])
    done = build(belle, "--no-dedup", "--json", "-q")
    if not known:
        assert done.code == 2
        return
    assert (done.code, done.err) == (0, "")
    expected = []
    for text, answer, label in known:
        reference = answer if answer and answer.strip() and LABELS[label] not in WITHOUT_REFERENCE else None
        expected.append((LABELS[label], text, reference))
    written = rows_of(belle)
    assert [(row["category"], row["prompt"], row["reference"]) for row in written] == expected
    assert len({row["id"] for row in written}) == len(written)
    found = done.json()
    assert found["output"] == {
        "sha256": sha256((belle.folder / "eval.jsonl").read_bytes()).hexdigest(),
        "rows": len(known),
    }
    for name, one in found["categories"].items():
        lengths = [len(text.strip(" \t\n\x0c\r")) for text, _, label in known if LABELS[label] == name]
        assert one["rows"] == len(lengths)
        if lengths:
            assert one["prompt"]["mean"] == sum(lengths) / len(lengths)
            assert one["prompt"]["max"] == max(lengths)


def test_nothing_that_is_not_its_own_is_replaced(belle: Shell) -> None:
    belle.write("raw.jsonl", questions("math", "code"))
    belle.write("other.jsonl", ["precious"])
    for force in ((), ("--force",)):
        done = build(belle, *force, out="other.jsonl")
        assert (done.code, "the file is not one of this command" in done.err) == (2, True)
        assert "the result would take the place of the input" in build(belle, *force, out="raw.jsonl").err
    assert (belle.folder / "other.jsonl").read_text(encoding="utf-8") == "precious\n"
    belle.write("notes.jsonl.json", ['{"kind": "notes"}'])
    assert "is no description of an evaluation set" in build(belle, "--force", out="notes.jsonl").err
    (belle.folder / "folder").mkdir()
    assert "there is a folder" in build(belle, out="folder").err
    assert "there is no such folder" in build(belle, out="gone/eval.jsonl").err
    assert "the name of the page must end in .html" in build(belle, "--html", "page.txt").err
    assert "the page and the set have the same name" in build(belle, "--html", "page.html", out="./page.html").err
    assert "cannot be written here" in build(belle, out="n" * 300).err
    assert not (belle.folder / "eval.jsonl").exists()


def test_its_own_result_is_replaced_unless_somebody_changed_it(belle: Shell) -> None:
    belle.write("raw.jsonl", questions("math", "code"))
    assert build(belle).code == 0
    belle.write("raw.jsonl", questions("math", "code", "open qa"))
    assert build(belle).code == 0
    assert len(rows_of(belle)) == 3
    with (belle.folder / "eval.jsonl").open("a", encoding="utf-8") as handle:
        handle.write("{}\n")
    refused = build(belle)
    assert (refused.code, "was changed since it was written" in refused.err) == (2, True)
    assert len(rows_of(belle)) == 4
    assert build(belle, "--force").code == 0
    assert len(rows_of(belle)) == 3
    itself = build(belle, raw="eval.jsonl")
    assert (itself.code, "would take the place of the input" in itself.err) == (2, True)


def test_texts_cannot_steer_a_terminal(belle: Shell) -> None:
    evil = "\x1b[31m\u202e\r"
    rows = [{"id": evil + "a", "question": evil + "甲乙", "class": "math"}]
    belle.write("raw.jsonl", [*rows, {**rows[0], "id": evil + "b"}])
    belle.write("train.jsonl", [{"id": evil, "instruction": evil + "甲乙", "output": ""}])
    done = build(belle, "--against", "train.jsonl", "-v")
    assert done.code == 0, done.err
    assert "in training data: 1" in done.out
    for text in (done.out, done.err):
        assert "31m" in text
        assert not {"\x1b", "\u202e", "\r"} & set(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--threshold", "2"), "semantic_dedup.threshold"),
        (("--threshold", "near"), "semantic_dedup.threshold"),
        (("--threshold", "nan"), "semantic_dedup.threshold"),
        (("--threshold", "0.9", "--no-dedup"), "a threshold is of no use without dedup"),
        (("--drop-overlap",), "name the training data with --against"),
        (("--against", "gone.jsonl"), "gone.jsonl"),
        (("--threads", "0"), "threads must be 1 to 1024"),
        (("--lang", "fr"), "unknown language"),
        (("--no-dedupe",), "did you mean --no-dedup?"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], said: str, belle: Shell) -> None:
    belle.write("raw.jsonl", questions("math"))
    done = build(belle, *arguments)
    assert (done.code, said in done.err) == (2, True), done.err
    assert [path.name for path in belle.folder.iterdir()] == ["raw.jsonl"]


def test_actions(belle: Shell) -> None:
    assert "the only action is build" in belle.here("evalset").err
    assert "did you mean build?" in belle.here("evalset", "biuld").err
    assert "RAW" in belle.here("evalset", "build", "--out", "x").err
    assert "--out" in belle.here("evalset", "build", "x").err
    shown = belle.here("evalset", "--help")
    assert (shown.code, "\n  build  make a set" in shown.out) == (0, True)
