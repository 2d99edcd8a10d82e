"""decontaminate: what counts as text of an evaluation row, beside a slow and plain version of the same."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import zstandard

from belle_data import _native
from belle_data.errors import UsageError
from belle_data.kernels import run_stage
from belle_data.stages.decontaminate import Decontaminate, DecontaminateConfig

if TYPE_CHECKING:
    from pathlib import Path

TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
QUESTION = "请用三句话介绍一下中国古代四大发明对世界文明的影响。"
ENGLISH = "Explain in three sentences how the invention of paper changed the history of the world."


def conversations(texts: list[tuple[str, str]]) -> pa.RecordBatch:
    turns = [[{"role": "user", "text": asked}, {"role": "assistant", "text": answer}] for asked, answer in texts]
    return pa.record_batch({"turns": pa.array(turns, TURNS)})


def found(evaluation: list[tuple[str, str]], data: list[tuple[str, str]], **settings: Any) -> list[dict[str, Any]]:
    known = {"ngram": 13, "common_texts": 10, "answers": True, "shortest_answer": 40, **settings}
    rows = _native.EvaluationRows(_native.ArrowRows(conversations(evaluation)), **known)
    matches: list[dict[str, Any]] = pa.record_batch(rows.find(_native.ArrowRows(conversations(data)))).to_pylist()
    return matches


def stage(folder: Path, evaluation: list[tuple[str, str]], **settings: Any) -> Decontaminate:
    lines = [json.dumps({"instruction": asked, "output": answer}) for asked, answer in evaluation]
    path = folder / "evaluation.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Decontaminate(DecontaminateConfig(against=(str(path),), **settings))


def folded(text: str) -> str:
    """Letters and digits, for the characters of these tests."""
    return "".join(one for one in unicodedata.normalize("NFKC", text).lower() if one.isalnum())


def edits(pattern: str, text: str) -> int:
    """The fewest edits that make the pattern of any part of the text, by the plain table."""
    row = [0] * (len(text) + 1)
    for number, letter in enumerate(pattern, start=1):
        last, row = row, [number]
        for place, other in enumerate(text):
            row.append(min(last[place] + (letter != other), last[place + 1] + 1, row[place] + 1))
    return min(row)


def edited(text: str, share: float, chance: random.Random) -> str:
    """The text with so large a share of its characters replaced, doubled by others, or left out."""
    characters = list(text)
    for _ in range(int(len(text) * share)):
        place, other = chance.randrange(len(characters)), chance.choice("天地人山水火风雨木石")
        kind = chance.randrange(3)
        characters[place : place + (kind > 0)] = [] if kind == 2 else [other]
    return "".join(characters)


@pytest.mark.parametrize("text", [QUESTION, ENGLISH], ids=["Chinese", "English"])
def test_a_copy_is_found_whole_with_its_place(text: str) -> None:
    data = [(text, ""), ("前言。" + text.upper().replace("，", " ") + "后记", "好"), ("别的", "答：" + text)]
    matches = found([(text, "")], data)
    spans = [(one["row"], one["turn"], one["similarity"], one["covered"]) for one in matches]
    assert spans == [(0, 0, 1.0, 1.0), (1, 0, 1.0, 1.0), (2, 1, 1.0, 1.0)]
    for one in matches:
        within = data[one["row"]][one["turn"]][one["start"] : one["end"]]
        assert folded(within) == folded(text)


def test_the_similarity_is_that_of_the_plain_table() -> None:
    chance = random.Random(7)
    characters = "春夏秋冬花雪月云江河湖海星辰东西南北"
    texts = ["".join(chance.choices(characters, k=length)) for length in range(13, 60)]
    data = []
    for text in texts * 4:
        at = chance.randrange(len(text))
        data.append((text[at:] + edited(text, chance.choice([0.0, 0.05, 0.1, 0.15]), chance) + text[:at], ""))
    matches = {(one["row"], one["evaluation_row"]): one for one in found([(text, "") for text in texts], data)}
    checked = 0
    for row, (asked, _) in enumerate(data):
        text = texts[row % len(texts)]
        fewest = edits(text, asked)
        one = matches.get((row, row % len(texts)))
        similarity = None if one is None else one["similarity"]
        if similarity is not None:
            assert similarity == 1 - fewest / len(text)
            checked += 1
        elif fewest <= len(text) * 0.1:
            pytest.fail(f"{asked} holds {text} with {fewest} edits")
    assert checked > 150


def test_the_covered_share_is_that_of_a_plain_search() -> None:
    chance = random.Random(8)
    characters = [chr(point) for point in range(0x4E00, 0x4F00)]
    texts = ["".join(chance.choices(characters, k=chance.randrange(20, 90))) for _ in range(60)]
    data = []
    for text in texts:
        pieces = []
        for _ in range(4):
            start = chance.randrange(len(text))
            pieces.append(text[start : start + chance.randrange(8, 40)] + "".join(chance.choices(characters, k=3)))
        data.append(("，".join(pieces), ""))
    matches = {(one["row"], one["evaluation_row"]): one for one in found([(text, "") for text in texts], data)}
    checked = 0
    for row, (asked, _) in enumerate(data):
        text, given = texts[row], folded(asked)
        shared = [text[at : at + 13] in given for at in range(len(text) - 12)]
        covered = [any(shared[max(0, place - 12) : place + 1]) for place in range(len(text))]
        expected = sum(covered) / len(text)
        one = matches.get((row, row))
        if expected >= 0.1:
            assert one is not None
            assert one["covered"] == expected
            checked += 1
        else:
            assert one is None or one["similarity"] is not None or one["covered"] == expected
    assert checked > 40


def test_short_prompts_are_compared_whole() -> None:
    evaluation = [("写一首诗", ""), ("3+5=?", ""), ("", "x")]
    data = [
        ("写一首诗。", "好"),
        ("写一首诗给我", "好"),
        ("3+5＝？", "8"),
        ("3*5=?", "15"),
        ("好", "写一首诗"),
        ("", ""),
    ]
    assert [(one["row"], one["evaluation_row"]) for one in found(evaluation, data)] == [(0, 0), (2, 1)]


def test_phrases_of_templates_count_for_nothing() -> None:
    template = "请根据下面给出的这一段文字回答后面的问题："
    subjects = "春夏秋冬风花雪月山水云雨江河湖海"
    evaluation = [(template + one * 3 + "是什么" + one * 2 + "为什么" + one, "") for one in subjects]
    data = [(template + "苹果树一年要浇几次水才够呢", "三次")]
    assert found(evaluation, data) == []
    assert found(evaluation, data, common_texts=100)[0]["covered"] > 0.5


def test_answers_are_looked_for_if_they_are_long() -> None:
    answer = "造纸术、印刷术、火药和指南针这四样发明改变了知识的传播、战争的样子和航海的边界，世界因此连在一起。"
    data = [("说说历史", answer)]
    assert [one["part"] for one in found([("中国有哪些重要的古代发明", answer)], data)] == ["answer"]
    assert found([("中国有哪些重要的古代发明", answer)], data, answers=False) == []
    assert found([("中国有哪些重要的古代发明", answer)], data, shortest_answer=80) == []


def test_thresholds_decide_and_reasons_are_told(tmp_path: Path) -> None:
    long = "第一，" + QUESTION + "第二，说明丝绸之路怎样把这些发明带到西方，并谈谈它们今天的意义在哪里。"
    data = [(long, "好"), (QUESTION + "还有别的吗", "好"), (long.replace("丝绸", "海上"), "好")]
    one = stage(tmp_path, [(long, "")])
    removals = run_stage(one, conversations(data)).to_pylist()
    assert [(row["row"], one.reasons[row["reason"]]) for row in removals] == [
        (0, "near_evaluation_row"),
        (2, "near_evaluation_row"),
    ]
    assert one.evidence()["evaluation"].to_pylist()[0]["rows"] == 2
    assert one.notes() == ["decontaminate: 1 of 1 evaluation rows were found in the data"]
    lower = stage(tmp_path, [(long, "")], covered=0.3, threshold="off")
    removals = run_stage(lower, conversations(data)).to_pylist()
    assert [(row["row"], row["reason"]) for row in removals] == [(0, 0), (1, 0), (2, 0)]
    assert removals[1]["similarity"] < 0.5
    stretch = stage(tmp_path, [(long, "")], covered="off", threshold="off", run=24)
    assert [row["row"] for row in run_stage(stretch, conversations(data)).to_pylist()] == [0, 1, 2]


def test_evidence_does_not_depend_on_the_order_of_evaluation_rows(tmp_path: Path) -> None:
    evaluation = [(QUESTION, ""), (ENGLISH, ""), ("写一首诗", ""), (QUESTION, "好")]
    data = conversations([(QUESTION, "x"), (ENGLISH, "y"), ("写一首诗", "z")])
    forward = run_stage(stage(tmp_path, evaluation), data)
    assert run_stage(stage(tmp_path, evaluation[::-1]), data).equals(forward)
    assert forward.num_rows == 3


def test_without_a_file_it_says_what_to_name() -> None:
    with pytest.raises(UsageError, match="no evaluation rows to look for"):
        run_stage(Decontaminate(), conversations([("问", "答")]))


@pytest.mark.parametrize(
    "text", ["哈" * 30_000, "ab" * 30_000, "\u0000" * 50, "한국어" * 9_000, "😀" * 99, "e\u0301" * 999]
)
def test_texts_that_repeat_themselves_end_soon(text: str) -> None:
    matches = found([(text[:2_000], ""), (QUESTION, text)], [(text, text), (text[::-1], "")])
    assert all(one["end"] <= len(text) for one in matches)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.1])
def test_planted_copies_of_real_prompts_are_found(shared_data: Path, share: float) -> None:
    def lines(name: str) -> list[dict[str, Any]]:
        with zstandard.open(shared_data / name, "rt", encoding="utf-8") as handle:
            return [json.loads(line) for line in handle]

    chance = random.Random(11)
    evaluation = [(row["question"], row["std_answer"] or "") for row in lines("belle_eval_set.jsonl.zst")]
    others = lines("alpaca_zh.jsonl.zst")[:5_000]
    weight = [sum(3 if ord(one) > 0x2E80 else 1 for one in folded(asked)) for asked, _ in evaluation]
    chosen = [number for number, one in enumerate(weight) if one >= 39]
    assert len(chosen) > 900
    data = []
    for number in chosen:
        output = chance.choice(others)["output"]
        at = chance.randrange(len(output) + 1)
        copy = edited(evaluation[number][0], share, chance)
        data.append((copy, output) if number % 2 else ("续写", output[:at] + copy + output[at:]))
    hits = set()
    for one in found(evaluation, data):
        same = evaluation[one["evaluation_row"]][0] == evaluation[chosen[one["row"]]][0]
        if same and ((one["similarity"] or 0) >= 0.85 or one["covered"] >= 0.6):
            hits.add(one["row"])
    assert len(hits) >= 0.99 * len(data)
