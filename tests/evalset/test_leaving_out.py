"""What `evalset build` leaves out: rows that ask for the same as another, and rows that training data holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from tests.evalset.conftest import QUESTIONS, about, build, questions, rows_of

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

CHAIN = "讲讲什么是潮汐发电，以及它用在哪些地方。"
CHAIN_AGAIN = "请说明潮汐发电是什么，它可以用在哪些地方？"


def asked(*prompts: str, answer: str | None = "好。", **more: Any) -> list[dict[str, Any]]:
    return [{"question": prompt, "std_answer": answer, "class": "open qa", **more} for prompt in prompts]


def test_of_equal_prompts_the_first_stays_and_one_with_a_reference_before_one_without(belle: Shell) -> None:
    one, other = QUESTIONS[:2]
    rows = [*asked(one, answer=None), *asked(other, answer="甲"), *asked(one, answer="乙"), *asked(one, answer="丙")]
    rows += asked(other, answer="丁")
    # The answer is no part of it, nor the category.
    rows[4]["class"] = "rewrite"
    belle.write("raw.jsonl", rows)
    done = build(belle)
    assert done.code == 0, done.err
    assert [(row["prompt"], row["reference"]) for row in rows_of(belle)] == [(other, "甲"), (one, "乙")]
    left_out = [(entry["line"], entry["kept"]["line"], entry["similarity"]) for entry in about(belle)["duplicates"]]
    assert left_out == [(1, 3, 1.0), (4, 3, 1.0), (5, 2, 1.0)]
    assert {entry["stage"] for entry in about(belle)["duplicates"]} == {"exact_dedup"}
    assert "left out, as they ask for the same as another: 3" in done.out
    assert "warning" not in done.err


def test_prompts_that_ask_for_the_same_go_with_evidence(belle: Shell) -> None:
    belle.write("raw.jsonl", [*questions("math", "code"), *asked(CHAIN, CHAIN_AGAIN)])
    done = build(belle, "--threshold", "0.7")
    assert done.code == 0, done.err
    (entry,) = about(belle)["duplicates"]
    prompts = {entry["prompt"], entry["kept"]["prompt"]}
    assert prompts == {CHAIN, CHAIN_AGAIN}
    assert 0.7 <= entry["similarity"] < 1
    assert entry["stage"] == "semantic_dedup"
    assert {entry["line"], entry["kept"]["line"]} == {3, 4}
    kept = [row["prompt"] for row in rows_of(belle)]
    assert kept == [*QUESTIONS[:2], entry["kept"]["prompt"]]
    assert entry["kept"]["id"] == rows_of(belle)[2]["id"]
    assert f"  {entry['similarity']:.4f}  {entry['id']}" in done.out
    settings = about(belle)["settings"]["dedup"]
    assert (settings["semantic_dedup"]["threshold"], settings["exact_dedup"]["field"]) == (0.7, "prompt")


def test_without_dedup_every_row_stays(belle: Shell) -> None:
    belle.write("raw.jsonl", asked(CHAIN, CHAIN, CHAIN_AGAIN))
    assert build(belle, "--no-dedup").code == 0
    assert len(rows_of(belle)) == 3
    assert (about(belle)["duplicates"], about(belle)["settings"]["dedup"]) == (None, None)
    assert build(belle, "--threshold", "0.95").code == 0
    assert len(rows_of(belle)) == 2


def test_a_low_threshold_is_that_of_whole_prompts(belle: Shell) -> None:
    belle.write("raw.jsonl", asked("请推荐几道适合夏天的凉菜", "请推荐几道适合夏天在家做的凉菜和汤"))
    assert build(belle, "--threshold", "0.5").code == 0
    settings = about(belle)["settings"]["dedup"]["semantic_dedup"]
    assert (settings["threshold"], settings["field_threshold"]) == (0.5, 0.5)
    assert len(rows_of(belle)) == 1


TRAINING = [
    {"id": "t1", "instruction": "翻译成英文：" + QUESTIONS[3], "input": "", "output": "Name three fruits."},
    {"instruction": "春天有哪些花？", "input": "", "output": "迎春、桃花。"},
    {"id": "t3", "instruction": "说说潮汐。", "input": "", "output": "用一句话说明潮汐的成因：月亮吸引海水。"},
    {"id": "t4", "instruction": QUESTIONS[4] + "请回答。", "input": "", "output": "一百摄氏度。"},
    {"id": "t5", "instruction": QUESTIONS[4], "input": "", "output": "一百度。"},
]
LONG = "在地球、太阳和月亮之间的引力作用下，海水每天两次涨落，沿岸的人们据此安排出海与晒盐，也用它来发电，这就是潮汐。"


@pytest.fixture
def training(belle: Shell) -> Shell:
    (belle.folder / "shards").mkdir()
    for number, rows in enumerate((TRAINING[:2], [*TRAINING[2:], {"instruction": "甲", "input": "", "output": LONG}])):
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
        (belle.folder / "shards" / f"part-{number:05d}.jsonl.zst").write_bytes(zstandard.compress(text))
    rows = questions(*["open qa"] * 6)
    rows[0]["std_answer"] = LONG
    belle.write("raw.jsonl", [{**row, "id": f"e{number}"} for number, row in enumerate(rows)])
    return belle


def test_rows_that_training_data_holds_are_found_with_evidence(training: Shell) -> None:
    done = build(training, "--against", "shards")
    assert done.code == 0, done.err
    found = about(training)["overlap"]
    assert [(one["id"], one["training_rows"], one["part"]) for one in found["rows"]] == [
        ("e0", 1, "reference"),
        ("e4", 2, "prompt"),
    ]
    second = found["rows"][1]
    assert (second["similarity"], second["strongest"]["line"]) == (1.0, 2)
    assert second["strongest"]["file"].endswith("part-00001.jsonl.zst")
    assert second["strongest"]["id"] == "t4"
    assert second["strongest"]["text"] == QUESTIONS[4].rstrip("？")
    assert found["rows"][0]["strongest"]["text"] == LONG.rstrip("。")
    assert (found["rows_read"], found["training_rows"], found["looked_for"], found["dropped"]) == (6, 3, 6, False)
    assert [one["rows"] for one in found["against"]] == [2, 4]
    assert len(rows_of(training)) == 6
    assert "rows that occur in training data: 2, held by 3 of 6 training rows" in done.out
    assert "  1.0000  e4 (line 5): its prompt in 2 training rows, " in done.out
    assert "t4 (shards/part-00001.jsonl.zst:2)" in done.out


def test_what_is_found_can_be_left_out(training: Shell) -> None:
    done = build(training, "--against", "shards/part-00000.jsonl.zst", "shards/part-00001.jsonl.zst", "--drop-overlap")
    assert done.code == 0, done.err
    assert [row["id"] for row in rows_of(training)] == ["e1", "e2", "e3", "e5"]
    found = about(training)
    assert [one["id"] for one in found["overlap"]["rows"]] == ["e0", "e4"]
    assert (found["overlap"]["dropped"], found["output"]["rows"], found["input"]["rows"]) == (True, 4, 6)
    assert found["categories"]["open_qa"]["rows"] == 4
    assert "left out, as they occur in training data: 2" in done.out


def test_nothing_in_common(training: Shell) -> None:
    done = build(training, "--against", "shards/part-00000.jsonl.zst", "--drop-overlap")
    assert done.code == 0, done.err
    assert about(training)["overlap"]["rows"] == []
    assert "no row occurs in 2 training rows" in done.out
    assert len(rows_of(training)) == 6


def test_a_set_of_which_nothing_is_left_is_not_written(training: Shell) -> None:
    training.write("raw.jsonl", asked(QUESTIONS[4]))
    done = build(training, "--against", "shards", "--drop-overlap")
    assert (done.code, "no row is left" in done.err) == (2, True)
    assert not (training.folder / "eval.jsonl").exists()
    assert not (training.folder / "eval.jsonl.json").exists()


def test_training_data_that_cannot_be_read_is_an_error(training: Shell) -> None:
    training.write("bad.jsonl", ["春天"] * 30)
    done = build(training, "--against", "bad.jsonl")
    assert (done.code, "bad.jsonl" in done.err, "of the training data: no line" in done.err) == (2, True, True)
    training.write("most.jsonl", [*TRAINING, *["春天"] * 30])
    refused = build(training, "--against", "most.jsonl").err
    assert "30 of 35 lines were rejected" in refused
    assert "--max-bad-lines" not in refused
    assert not (training.folder / "eval.jsonl").exists()
