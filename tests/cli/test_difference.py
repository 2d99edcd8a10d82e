"""The difference of two texts: joined again it gives both, and no text makes it slow."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from belle_data.report.difference import Part, difference, turn_differences


def joined(parts: list[Part], without: str) -> str:
    return "".join(text for kind, text in parts if kind != without)


@given(some.text("春夏，。ab\n", max_size=30), some.text("春夏，。ab\n", max_size=30))
def test_the_parts_give_both_texts(removed: str, kept: str) -> None:
    for steps in (10, 400_000):
        parts = difference(removed, kept, steps)
        assert joined(parts, "kept") == removed
        assert joined(parts, "removed") == kept
        assert all(text for _, text in parts)
        assert all(left != right for (left, _), (right, _) in pairwise(parts))


def test_only_what_differs_is_marked() -> None:
    assert difference("红烧肉为什么要焯水", "红烧鱼为什么要先焯水呢") == [
        ("same", "红烧"), ("removed", "肉"), ("kept", "鱼"), ("same", "为什么要"), ("kept", "先"), ("same", "焯水"),
        ("kept", "呢"),
    ]  # fmt: skip
    assert difference("一样", "一样") == [("same", "一样")]
    assert difference("", "") == []


def test_long_texts_are_compared_by_clauses() -> None:
    words = random.Random(1)
    clauses = ["".join(words.choice("天地玄黄宇宙洪荒日月盈昃") for _ in range(20)) + "，" for _ in range(400)]
    other = [clause if number % 9 else "全部换掉的另一句话，" for number, clause in enumerate(clauses)]
    parts = difference("".join(clauses), "".join(other))
    assert sum(len(text) for kind, text in parts if kind == "same") > 0.8 * len("".join(other))


@pytest.mark.parametrize(
    ("removed", "kept"),
    [
        ("x," * 3000, "x," * 1500 + "y," * 1500),
        ("a" * 100_000, "b" * 100_000),
        ("ab," * 50_000, "ba," * 50_000),
        ("," * 30_000, ",x" * 15_000),
    ],
)
def test_no_text_makes_it_slow(removed: str, kept: str) -> None:
    """A comparison by the textbook takes minutes for some of these."""
    began = time.process_time()
    parts = difference(removed, kept)
    assert time.process_time() - began < 5
    assert joined(parts, "kept") == removed


def test_turns_side_by_side() -> None:
    turns = turn_differences(
        [("user", "问"), ("assistant", "答")], [("system", "问"), ("assistant", "答"), ("user", "谢")]
    )
    assert turns == [
        ("user / system", [("same", "问")]), ("assistant", [("same", "答")]), ("user", [("kept", "谢")]),
    ]  # fmt: skip
