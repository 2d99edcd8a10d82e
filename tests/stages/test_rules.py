"""The stage `rules`: which rows go, by which rule, and deciding again from stored values."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from belle_data import _native
from belle_data.kernels import run_stage
from belle_data.stages.rules import Rules, RulesConfig, decide_by_scores

if TYPE_CHECKING:
    from collections.abc import Iterator

TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))


@pytest.fixture(autouse=True)
def _all_threads_again() -> Iterator[None]:
    yield
    _native.set_threads(0)
    _native.set_instruction_set(None)


def rows(texts: list[tuple[str, str]]) -> pa.RecordBatch:
    turns = [[{"role": "user", "text": asked}, {"role": "assistant", "text": answer}] for asked, answer in texts]
    parts = pa.array([0] * len(texts), pa.uint16())
    return pa.record_batch({"turns": pa.array(turns, TURNS), "non_text_parts": parts})


GONE = {
    "empty_answer": ("几点了？", " "),
    "mojibake": ("几点了？", "三点\ufffd"),
    "answer_is_instruction": ("请你介绍一下杭州西湖。", "请你介绍一下，杭州西湖！"),
    "repetition": ("说说春天", "春天来了，花儿开了，鸟儿在唱。" * 30),
    "speaks_as_ai": ("你累吗？", "作为一个人工智能，我不会累。"),
    "refusal": ("画一只猫", "很抱歉，我无法画图。"),
    "other_language": (
        "西湖怎么样？",
        "The lake is one of the most famous places in the city and many people come to see it.",
    ),
    "placeholder": ("画出订货的过程", "[插入流程图]"),
    "link_or_media": ("图里有几个人？\n![合影](a.png)", "三个。"),
}
STAYS = [
    ("几点了？", "三点。"),
    ("把“你好”译成英文", "Hello."),
    ("写首诗", "床前明月光，疑是地上霜。"),
    ("你好", "你好！"),
]


def corpus(count: int) -> pa.RecordBatch:
    chance = random.Random(5)
    return rows([chance.choice([*GONE.values(), *STAYS]) for _ in range(count)])


def decided(stage: Rules, data: Any) -> list[tuple[int, str]]:
    return [(one["row"], stage.reasons[one["reason"]]) for one in run_stage(stage, data).to_pylist()]


def test_each_row_goes_for_its_reason() -> None:
    data = rows([*GONE.values(), *STAYS])
    assert decided(Rules(RulesConfig(media_in_prompt=1)), data) == list(enumerate(GONE))


def test_settings_are_the_rules_of_the_kernel() -> None:
    measures = _native.Rules.measures()
    assert [name for name, _, _ in measures] == list(RulesConfig.model_fields)
    assert tuple(dict.fromkeys(reason for _, reason, _ in measures)) == Rules.reasons
    assert len(measures) >= 20


def test_a_rule_that_is_off_takes_nothing() -> None:
    every: Any = dict.fromkeys(RulesConfig.model_fields, "off")
    assert decided(Rules(RulesConfig(**every)), rows(list(GONE.values()))) == []


@pytest.mark.parametrize(
    "changed", [{}, {"refusal": "off"}, {"short_answer": 4, "long_answer": 20}, {"top_2gram": 0.1}]
)
def test_deciding_again_is_deciding(changed: dict[str, Any]) -> None:
    data = corpus(300)
    first = Rules()
    run_stage(first, data)
    scores = first.evidence()["scores"]
    assert scores.schema.names == ["row", *RulesConfig.model_fields]
    config = RulesConfig(**changed)
    assert decide_by_scores(scores, config).equals(run_stage(Rules(config), data))


def test_nothing_depends_on_batches_threads_and_instructions() -> None:
    data = corpus(700)
    expected = decided(Rules(), data)
    assert len(expected) > 100
    for level in _native.instruction_sets():
        _native.set_instruction_set(level)
        for threads, size in ((1, 1), (4, 7), (2, 1000)):
            _native.set_threads(threads)
            batches = [data.slice(start, size) for start in range(0, data.num_rows, size)]
            assert decided(Rules(), pa.Table.from_batches(batches)) == expected


def test_findings_show_where() -> None:
    answer = GONE["refusal"][1]
    found = pa.record_batch(Rules()._kernel.findings(rows([GONE["refusal"]]))).to_pylist()
    fired = [one for one in found if one["fired"]]
    assert [(one["rule"], one["value"], one["threshold"], one["turn"]) for one in fired] == [("refusal", 1.0, 1.0, 1)]
    assert answer.encode()[fired[0]["start"] : fired[0]["end"]].decode() == "抱歉，我无法"
    off = next(one for one in found if one["rule"] == "missing_name")
    assert off["threshold"] is None
    assert not off["fired"]


def test_plain_texts_have_no_values_of_answers() -> None:
    stage = Rules()
    stage.scan(pa.table({"turns": pa.array(["一段文字。" * 20])}))
    scores = stage.evidence()["scores"].to_pylist()[0]
    assert scores["mojibake"] == 0.0
    assert scores["repeated_10grams"] > 0.9
    assert [scores[name] for name in ("empty_answer", "short_answer", "refusal", "other_language")] == [None] * 4


def test_no_row() -> None:
    stage = Rules()
    assert stage.evidence()["scores"].num_rows == 0


def test_mistakes_are_said() -> None:
    with pytest.raises(ValueError, match="no rule is called"):
        _native.Rules(no_such_rule=1.0)
    with pytest.raises(ValueError, match="refusal = 255: no more than 254 are counted"):
        _native.Rules(refusal=255.0)
    with pytest.raises(IndexError, match="there are 0"):
        _native.Rules().values(0, 1)
    with pytest.raises(ValueError, match="refusal"):
        _native.Rules.decide(pa.table({"row": pa.array([0], pa.uint32())}), {"refusal": 1.0})
    with pytest.raises(ValueError, match="greater than or equal"):
        RulesConfig(refusal=0)
