"""Pairs that are made by rule, and the file of labelled ones."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from belle_data.calibration.other_content import OtherWords, a_denial, another_number, same_template
from belle_data.calibration.pairs import MOST_OF_ONE_EDIT, made_pairs, read_pairs
from belle_data.calibration.prompts import Prompt
from belle_data.calibration.rewordings import REWORDINGS, rewordings
from belle_data.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

CITIES = ("北京", "上海", "广州", "成都", "武汉", "西安", "杭州", "南京", "Paris", "London")


def prompts() -> list[Prompt]:
    texts = [f"介绍{city}的三个著名景点。" for city in CITIES]
    texts += [f"What are the advantages of living in {city}?" for city in CITIES]
    texts += [f"写一首关于{city}的诗。\n要有{number}行，可以不押韵。" for number, city in enumerate(CITIES, 4)]
    return [Prompt.of_text(text) for text in texts]


@pytest.mark.parametrize(
    ("rule", "turn", "among"),
    [
        ("politeness", "列出三种水果。", "麻烦你列出三种水果。"),
        ("politeness", "请列出三种水果。", "列出三种水果。"),
        ("politeness", "列出三种水果。\n不要苹果。", "你能列出三种水果吗？\n不要苹果。"),
        ("politeness", "List three fruits.", "Could you list three fruits?"),
        ("punctuation", "列出三种水果，要红的。", "列出三种水果,要红的."),
        ("synonym", "列出三种水果。", "列举三种水果。"),
        ("synonym", "请写一首诗。", "请写一首诗。"),
        ("synonym", "写一首诗。", "创作一首诗。"),
        ("synonym", "Write a poem.", "Compose a poem."),
        ("question", "列出三种水果。", "有哪些水果？请说出三种。"),
        ("question", "What is a monad?", "Explain what a monad is."),
        ("order", "根据下面的信息，写一篇文章。", "写一篇文章，根据下面的信息。"),
        ("several", "列出三种水果。", "请帮我罗列三种水果。"),
    ],
)
def test_rewordings(rule: str, turn: str, among: str) -> None:
    found = rewordings(turn, rule)
    assert turn not in found
    assert (among in found) == (among != turn)


def test_what_no_rule_knows_is_left_alone() -> None:
    for text in ("", "\n", "。", "😀", "123", "说明书", "a"):
        for rule in REWORDINGS:
            assert all(one and one != text for one in rewordings(text, rule))
        for edit in (another_number, a_denial, OtherWords([]).in_place):
            edited = edit(text)
            assert edited is None or edited.text != text
    assert rewordings("说明书在哪里", "synonym") == []


def test_edits_change_one_thing() -> None:
    number = another_number("列出三种水果。")
    assert number is not None
    assert number.text != "列出三种水果。"
    assert number.text.endswith("种水果。")
    denial = a_denial("坚持锻炼有哪些好处？")
    assert denial is not None
    assert denial.text == "坚持锻炼有哪些坏处？"
    undone = a_denial("不可以带什么上飞机？")
    assert undone is not None
    assert undone.text == "可以带什么上飞机？"
    # 优缺点 has no opposite, and a word that is denied is not denied twice.
    assert a_denial("比较它们的优缺点。") is None
    assert a_denial("他不喜欢什么？") is not None


def test_templates_have_other_content() -> None:
    found = same_template(["介绍北京的景点。", "介绍上海的景点。", "写一首诗。", "写一首诗"])
    assert found == [("介绍上海的景点。", "介绍北京的景点。", "上海", "北京")]
    for alike in (
        ["将给定的句子改为被动语态。", "将以下句子改为被动语态。"],
        ["列出三种常见的水果。", "列举三种常见的水果。"],
        ["Rewrite the following sentence.", "Rewrite this sentence."],
        ["天气很好", "天气很好"],
    ):
        assert same_template(alike) == []


def test_pairs_do_not_depend_on_the_order_of_prompts() -> None:
    some = prompts()
    made = made_pairs(some)
    for seed in range(3):
        random.Random(seed).shuffle(some)
        assert made_pairs(some) == made
    kinds = {pair.kind for pair in made}
    assert {"same_template", "number", "negation", "name", "politeness", "several"} <= kinds
    assert all(pair.left.text != pair.right.text for pair in made)
    assert {pair.duplicate for pair in made if pair.kind in REWORDINGS} == {True}
    assert {pair.duplicate for pair in made if pair.kind not in REWORDINGS} == {False}
    assert {pair.kind for pair in made_pairs(some, reworded=False)} == {"same_template"}


def test_only_the_users_last_turn_is_changed() -> None:
    system, earlier = "你是一个助手。", "列出五种颜色。"
    text = f"{system}\n{earlier}\n列出三种水果。\n要红的。"
    prompt = Prompt(text, len(f"{system}\n{earlier}\n"), len(text))
    assert prompt.instruction == "列出三种水果。"
    made = made_pairs([prompt])
    assert len(made) >= 4
    for pair in made:
        assert pair.left == prompt
        assert pair.right.text.startswith(f"{system}\n{earlier}\n")
        assert pair.right.text.endswith(pair.right.asked)


def test_no_single_edit_makes_more_than_a_few_pairs() -> None:
    many = [Prompt.of_text(f"坚持{chr(0x4E00 + at)}有哪些好处？") for at in range(200)]
    assert sum(pair.kind == "negation" for pair in made_pairs(many)) == MOST_OF_ONE_EDIT


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "the line is no JSON"),
        ("[1]", "the line is no JSON object: [1]"),
        ("[" * 100_000, "the line is no JSON"),
        ('{"left": "a", "duplicate": true}', "the pair has no right"),
        ('{"left": 1, "right": "b", "duplicate": true}', "left must be a text: 1"),
        ('{"left": "a", "right": "b", "duplicate": 1}', "duplicate must be true or false: 1"),
        ('{"left": " ", "right": "b", "duplicate": true}', "left is empty: ' '"),
        ('{"left": "a", "right": "\\ud800", "duplicate": true}', "right holds half of a surrogate pair"),
    ],
)
def test_a_line_that_is_no_pair_has_its_place(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "pairs.jsonl"
    good = '{"left": "甲", "right": "乙", "duplicate": false, "note": 3}'
    path.write_text(f"{good}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(SourceError) as raised:
        read_pairs(str(path))
    assert (raised.value.line, raised.value.byte) == (3, len(good.encode()) + 2)
    assert said in str(raised.value)
    assert "duplicate" in str(raised.value.hint)


def test_pairs_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes('\ufeff{"left": " 甲 ", "right": "乙", "duplicate": false}\n'.encode())
    assert [(one.left.text, one.right.text, one.duplicate, one.kind) for one in read_pairs(str(path))] == [
        ("甲", "乙", False, "labelled")
    ]
    for content in (b"", b"\n \n", b"\xff\n"):
        path.write_bytes(content)
        with pytest.raises(SourceError):
            read_pairs(str(path))
    for wrong in (str(tmp_path), str(tmp_path / "none"), "a\0b"):
        with pytest.raises(SourceError):
            read_pairs(wrong)
