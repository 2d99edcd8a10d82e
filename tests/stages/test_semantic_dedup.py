"""semantic_dedup against an obvious comparison of all rows, and what tells near prompts apart."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_data import _native
from belle_data.embed import DEFAULT_EMBEDDER, embedder_of
from belle_data.errors import SourceError, UsageError
from belle_data.kernels import run_stage
from belle_data.stages.semantic_dedup import SemanticDedup, SemanticDedupConfig

if TYPE_CHECKING:
    from pathlib import Path

Vectors = npt.NDArray[np.float32]
TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))


def conversations(prompts: list[str], answers: list[str] | None = None) -> pa.RecordBatch:
    answers = answers or ["答"] * len(prompts)
    turns = [
        [{"role": "user", "text": asked}, {"role": "assistant", "text": answer}]
        for asked, answer in zip(prompts, answers, strict=True)
    ]
    return pa.record_batch({"turns": pa.array(turns, TURNS)})


def decided(data: pa.RecordBatch, **given_settings: Any) -> tuple[dict[int, tuple[int, float]], SemanticDedup]:
    """The removed rows with the kept row and the similarity, and the stage."""
    stage = SemanticDedup(SemanticDedupConfig(**given_settings))
    removals = run_stage(stage, data).to_pylist()
    return {one["row"]: (one["kept_row"], one["similarity"]) for one in removals}, stage


def why(stage: SemanticDedup, row: int, other: int) -> str | None:
    """Why a pair stayed, if it was noted."""
    pairs = stage.evidence()["near_misses"].to_pylist()
    found = [pair["why"] for pair in pairs if {pair["row"], pair["other_row"]} == {row, other}]
    return found[0] if found else None


def brute_force(data: pa.RecordBatch, vectors: Vectors, threshold: float) -> set[int]:
    """The rows that go, by the rule itself: in the order of keeping, whatever is near a kept row goes."""
    texts = _native.ComparedTexts.read(_native.ArrowRows(pa.table(data)), None, ["prompt"])
    order = pa.record_batch(texts.group_column())["row"].to_pylist()
    kept, count = np.zeros_like(vectors), 0
    gone = set(range(data.num_rows)) - set(order)
    for row in order:
        if vectors[row].any() and (kept[:count] @ vectors[row] >= threshold).any():
            gone.add(row)
        else:
            kept[count] = vectors[row]
            count += 1
    return gone


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 120),
    dimensions=st.sampled_from([1, 2, 3, 16, 40]),
    centres=st.integers(1, 30),
    noise=st.floats(0, 1.5),
    threshold=st.sampled_from([0.3, 0.7, 0.85, 0.99]),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_goes_is_what_brute_force_says(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    dimensions: int,
    centres: int,
    noise: float,
    threshold: float,
    seed: int,
) -> None:
    chance = np.random.default_rng(seed)
    middles = chance.normal(size=(centres, dimensions))
    vectors = middles[chance.integers(0, centres, rows)] + noise * chance.normal(size=(rows, dimensions))
    vectors[chance.random(rows) < 0.05] = 0
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)
    products = unit @ unit.T
    # A cosine that is the threshold but for its last digits may be on either side of it.
    threshold = float(np.float32(threshold))
    while (np.abs(products - threshold) < 2e-6).any():
        threshold -= 1e-5
    file = tmp_path_factory.mktemp("vectors") / "vectors.npy"
    np.save(file, unit)
    data = conversations([f"第{row}个问题" for row in range(rows)])
    gone, _ = decided(data, embedder=f"numpy:{file}", threshold=threshold, guard=False)
    assert set(gone) == brute_force(data, unit, threshold)
    for row, (kept, similarity) in gone.items():
        assert kept not in gone
        assert similarity == pytest.approx(products[row, kept], abs=1e-6)


def real_prompts(shared_data: Path, count: int) -> list[str]:
    with zstandard.open(shared_data / "alpaca_zh.jsonl.zst", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, count)]
    return [f"{row['instruction']}\n{row['input']}".strip() for row in rows]


def test_on_real_prompts_the_fast_way_decides_as_float32_does(shared_data: Path) -> None:
    """Bytes find the pairs, a second look settles those near the threshold: the result is that of precise vectors."""
    prompts = real_prompts(shared_data, 4_000)
    data = conversations(prompts)
    embedder = embedder_of(DEFAULT_EMBEDDER)
    vectors = embedder.embed(pa.array(prompts), pa.array(range(len(prompts)), pa.uint32()), precisely=True)
    gone, stage = decided(data, fields=("prompt",), guard=False, threshold=0.8)
    assert set(gone) == brute_force(data, vectors, 0.8)
    assert len(gone) > 20
    assert stage.statistics()["clusters"] == 0


def test_rewordings_go_and_other_questions_stay() -> None:
    prompts = [
        "怎样才能学好英语？",
        "如何才能学好英语？",
        "怎样才能学好数学？",
        "请推荐三本历史书。",
        "What is the capital of France?",
    ]
    gone, stage = decided(conversations(prompts))
    assert len(set(gone) & {0, 1}) == 1
    assert not set(gone) & {2, 3, 4}
    (kept, similarity) = next(iter(gone.values()))
    assert kept in {0, 1}
    assert 0.85 <= similarity <= 1
    assert stage.statistics()["groups"] == 5


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ("法国的首都是哪里？", "多米尼加的首都是哪里？", "name"),
        ("写一篇300字的作文，题目是我的家乡。", "写一篇800字的作文，题目是我的家乡。", "number"),
        ("列出吸烟对身体的影响。", "列出不吸烟对身体的影响。", "negation"),
    ],
)
def test_a_pair_that_differs_in_what_matters_stays(left: str, right: str, reason: str) -> None:
    data = conversations([left, right])
    gone, stage = decided(data, threshold=0.3, field_threshold=0.3)
    assert (gone, why(stage, 0, 1)) == ({}, reason)
    assert stage.statistics()["refused"] == {reason: 1}
    gone, stage = decided(data, threshold=0.3, field_threshold=0.3, guard=False)
    assert len(gone) == 1
    assert stage.statistics()["refused"] == {}


LONG = "据新华社报道，今年前三季度全国居民人均可支配收入同比增长百分之六点三，农村居民收入增速继续快于城镇居民。" * 3


def test_one_long_input_with_two_instructions_is_two_questions() -> None:
    prompts = [f"总结下面的新闻。\n{LONG}", f"把下面的新闻翻译成法语。\n{LONG}"]
    gone, stage = decided(conversations(prompts), guard=False)
    assert (gone, why(stage, 0, 1)) == ({}, "instruction")
    assert len(decided(conversations(prompts), guard=False, fields=("prompt",))[0]) == 1


def test_a_question_about_an_input_is_not_the_question_alone() -> None:
    prompts = ["找出下面句子中的动词，并说明它的时态。", "找出下面句子中的动词，并说明它的时态。\n她走了。"]
    gone, stage = decided(conversations(prompts), guard=False)
    assert (gone, why(stage, 0, 1)) == ({}, "input")


def test_answers_count_if_the_recipe_says_so() -> None:
    prompts = ["给小猫起一个名字。"] * 3
    answers = ["它可以叫豆豆。", "股市今天大幅下跌，投资者纷纷离场。", "它可以叫豆豆！"]
    data = conversations(prompts, answers)
    gone, _ = decided(data)
    assert len(gone) == 2
    assert all(similarity == 1 for _, similarity in gone.values())
    gone, stage = decided(data, fields=("prompt", "output"))
    assert len(gone) == 1
    assert set(gone) < {0, 2}
    assert stage.statistics()["refused"]["output"] >= 1


def test_rows_of_a_group_follow_their_first_row() -> None:
    """Equal prompts go for the row for which the first of them goes."""
    prompts = ["怎样才能学好英语？"] * 4 + ["如何才能学好英语？"] * 4
    gone, _ = decided(conversations(prompts, [f"答{number}" for number in range(8)]))
    assert len(gone) == 7
    assert len({kept for kept, _ in gone.values()}) == 1
    assert {similarity == 1 for _, similarity in gone.values()} == {True, False}


def test_more_answers_to_a_prompt_stay_if_the_recipe_says_so() -> None:
    prompts = ["写一首关于春天的诗。"] * 4 + ["请写一首关于春天的诗。"] * 2
    data = conversations(prompts, [f"诗{number}" for number in range(6)])
    for rows_per_prompt in (1, 2, 3, 9):
        gone, _ = decided(data, threshold=0.8, rows_per_prompt=rows_per_prompt)
        equal = [set(range(4)) - set(gone), set(range(4, 6)) - set(gone)]
        # One of the two prompts is kept with so many of its rows, the other goes with all of them.
        assert sorted(len(stay) for stay in equal) in ([0, min(rows_per_prompt, 4)], [0, min(rows_per_prompt, 2)])
        first = decided(data, threshold=0.8)[0]
        assert set(gone) <= set(first)
        assert all(first[row] == removal for row, removal in gone.items())


def test_a_row_without_a_prompt_is_compared_with_none() -> None:
    turns = [[{"role": "text", "text": "一段话"}], [{"role": "text", "text": "一段话"}]]
    turns += [[{"role": "user", "text": " \n"}, {"role": "assistant", "text": "好"}]] * 2
    gone, stage = decided(pa.record_batch({"turns": pa.array(turns, TURNS)}))
    assert (gone, stage.statistics()["groups"]) == ({}, 0)


def test_clusters_say_how_many_pairs_they_find(tmp_path: Path) -> None:
    """Above 100,000 groups not every pair is looked at."""
    chance = np.random.default_rng(5)
    middles = chance.normal(size=(30_000, 16))
    vectors = np.repeat(middles, 5, axis=0)[:120_000] + 0.28 * chance.normal(size=(120_000, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(tmp_path / "v.npy", vectors.astype(np.float16))
    data = conversations([f"{row}" for row in range(len(vectors))])
    gone, stage = decided(data, embedder=f"numpy:{tmp_path / 'v.npy'}", guard=False, threshold=0.95, recall_rows=500)
    statistics = stage.statistics()
    assert statistics["clusters"] > 100
    rows, pairs, found = statistics["recall"]
    assert rows == 500
    assert pairs > 100
    assert found / pairs > 0.98
    assert f"{found / pairs:.2%} of the {pairs:,} pairs" in stage.notes()[0]
    assert len(gone) > 1_000
    _, exact = decided(data.slice(0, 300), embedder=f"numpy:{tmp_path / 'v.npy'}", threshold=0.95)
    assert exact.statistics()["recall"] is None
    assert exact.notes() == []


def test_what_the_embedder_cannot_give_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", np.ones((1, 4), np.float32))
    with pytest.raises(SourceError, match="the vectors of 1 rows"):
        decided(conversations(["甲", "乙"]), embedder=f"numpy:{tmp_path / 'short.npy'}")
    with pytest.raises(UsageError, match="no such embedder"):
        decided(conversations(["甲"]), embedder="bert")
    with pytest.raises(ValueError, match="each once"):
        SemanticDedupConfig(fields=("prompt", "prompt"))
    with pytest.raises(ValueError, match="each once"):
        SemanticDedupConfig(fields=())


class _Precise:
    """An embedder whose fast vectors are off by a little, and whose precise ones come from Python."""

    name, of_rows, dimensions, batch, fingerprint = "precise", False, 4, 8, "precise"

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[str] = []
        self._fails = fails

    def tolerance(self, cosine: float) -> float:
        del cosine
        return 0.05

    def cost(self, texts: pa.Array) -> None:
        del texts

    def close(self) -> None:
        pass

    def embed(self, texts: pa.Array, rows: pa.Array, *, precisely: bool = False) -> Vectors:
        del rows
        if precisely and self._fails:
            message = "no more precise vectors"
            raise SourceError(message)
        self.asked += texts.to_pylist() if precisely else []
        angles = {"甲": 0.0, "乙": np.arccos(0.83 if precisely else 0.86), "丙": np.pi / 2}
        return np.array([[np.cos(angles[one]), np.sin(angles[one]), 0, 0] for one in texts.to_pylist()], np.float32)


def test_a_second_look_may_come_from_python(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = _Precise()
    monkeypatch.setattr("belle_data.embed.embedder_of", lambda *_, **__: embedder)
    gone, stage = decided(conversations(["甲", "乙", "丙"]), guard=False)
    assert (gone, why(stage, 0, 1)) == ({}, "below_threshold")
    assert sorted(embedder.asked) == ["乙", "甲"]
    assert stage.evidence()["near_misses"]["similarity"][0].as_py() == pytest.approx(0.83, abs=1e-6)


def test_an_error_of_the_second_look_is_the_users_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belle_data.embed.embedder_of", lambda *_, **__: _Precise(fails=True))
    with pytest.raises(SourceError, match="no more precise vectors"):
        decided(conversations(["甲", "乙"]), guard=False)
