"""The kernel of `near_dedup` against the slow twin of its rules."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_data import _native
from belle_data._reference import (
    first_maximal_independent_set,
    greedy_by_shared_shingles,
    is_east_asian,
    jaccard,
    shingles,
    words_of,
)

THRESHOLDS = [0.5, 2 / 3, 0.8, 0.95, 1.0]
MANY_BANDS = {"permutations": 256, "bands": 256, "rows_per_band": 1}
WEAK_BANDS = {"permutations": 16, "bands": 1, "rows_per_band": 16}
DEFAULT_BANDS = {"permutations": 64, "bands": 16, "rows_per_band": 4}


@dataclass
class Result:
    """Texts as the reader gave them, the order of keeping, and for each removed row the kept one and the similarity."""

    texts: list[str]
    order: list[int]
    removals: dict[int, tuple[int, float]]

    @property
    def kept(self) -> list[int]:
        return [row for row in range(len(self.texts)) if row not in self.removals]


def near_dedup(
    texts: Sequence[str], *, threshold: float, exact: bool, bands: dict[str, int], characters: int = 5, words: int = 3
) -> Result:
    lines = [json.dumps({"text": text}).encode() for text in texts]
    corpus = _native.Corpus()
    source = corpus.add_source(b"".join(line + b"\n" for line in lines), "text")
    _, rows, rejected = corpus.read(source, 0, 1 << 30, 1 << 30, 1 << 31)
    assert rejected is None
    batch = pa.record_batch(rows)
    hashes = batch.column("content_hash").to_pylist()
    stage = _native.NearDedup(
        field="conversation",
        fold=[],
        shingle_characters=characters,
        shingle_words=words,
        threshold=threshold,
        seed=1,
        exact=exact,
        **bands,
    )
    stage.scan(batch)
    found = pa.record_batch(stage.finish(corpus)[0]).to_pydict()
    assert found["row"] == sorted(set(found["row"]))
    return Result(
        texts=["".join(turn["text"] for turn in turns) for turns in batch.column("turns").to_pylist()],
        order=sorted(range(len(lines)), key=lambda row: (hashes[row], lines[row], row)),
        removals=dict(zip(found["row"], zip(found["kept_row"], found["similarity"], strict=True), strict=True)),
    )


def check_evidence(result: Result, threshold: float, characters: int = 5, words: int = 3) -> None:
    rank = {row: place for place, row in enumerate(result.order)}
    for row, (kept_row, similarity) in result.removals.items():
        assert kept_row not in result.removals
        assert rank[kept_row] < rank[row]
        left, right = (shingles(result.texts[number], characters, words) for number in (row, kept_row))
        assert similarity == jaccard(left, right)
        assert similarity >= threshold


def edited(texts: list[str], edits: list[tuple[int, int, str]]) -> list[str]:
    """Texts with copies of them, each with one character replaced: of copies too, so that chains arise."""
    texts = list(texts)
    for source, place, replacement in edits:
        text = texts[source % len(texts)]
        at = place % (len(text) + 1)
        texts.append(text[:at] + replacement + text[at + 1 :])
    return texts


TEXT = st.one_of(
    st.text("甲乙丙丁", max_size=16),
    st.text("甲乙", max_size=9),
    st.text("一二三四五六", min_size=1, max_size=6).map("请把下面的句子翻译成英文：{}。".format),
    st.lists(st.sampled_from("abc"), max_size=9).map(" ".join),
    st.text(max_size=20),
)
EDIT = st.tuples(st.integers(0, 999), st.integers(0, 999), st.text("甲乙丙", max_size=2))
CORPUS = st.builds(edited, st.lists(TEXT, min_size=1, max_size=25), st.lists(EDIT, max_size=30))


@given(texts=CORPUS, threshold=st.sampled_from(THRESHOLDS), bands=st.sampled_from([WEAK_BANDS, DEFAULT_BANDS]))
@settings(deadline=None, max_examples=150)
def test_exact_mode_is_the_first_maximal_independent_set(
    texts: list[str], threshold: float, bands: dict[str, int]
) -> None:
    result = near_dedup(texts, threshold=threshold, exact=True, bands=bands, characters=2, words=2)
    check_evidence(result, threshold, 2, 2)
    assert result.kept == first_maximal_independent_set(result.texts, result.order, threshold, 2, 2)


@given(texts=CORPUS, threshold=st.sampled_from(THRESHOLDS))
@settings(deadline=None, max_examples=50)
def test_removals_of_the_banded_mode_are_true(texts: list[str], threshold: float) -> None:
    check_evidence(near_dedup(texts, threshold=threshold, exact=False, bands=DEFAULT_BANDS), threshold)


@given(texts=CORPUS)
@settings(deadline=None, max_examples=50)
def test_the_faster_twin_gives_the_same(texts: list[str]) -> None:
    order = range(len(texts))
    assert greedy_by_shared_shingles(texts, order, 0.6, 2, 2) == first_maximal_independent_set(texts, order, 0.6, 2, 2)


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_many_bands_find_what_the_exact_mode_finds(threshold: float) -> None:
    names = ["金木水火土" * repeats for repeats in range(1, 8)]
    sentences = [f"第{n % 40}题：请说明“{names[n % 7]}”的第{n}种性质。" for n in range(400)]
    sentences += sentences[:20]
    banded, exact = (near_dedup(sentences, threshold=threshold, exact=mode, bands=MANY_BANDS) for mode in (False, True))
    assert banded.kept == exact.kept
    assert 0 < len(exact.kept) < len(sentences)


def test_exactly_at_the_threshold_is_a_duplicate() -> None:
    left, right = "甲乙丙丁戊己庚辛壬癸", "甲乙丙丁戊己庚辛壬子"
    assert jaccard(shingles(left, 2), shingles(right, 2)) == 0.8
    result = near_dedup([left, right], threshold=0.8, exact=True, bands=WEAK_BANDS, characters=2)
    assert [similarity for _, similarity in result.removals.values()] == [0.8]
    assert not near_dedup([left, right], threshold=0.8000000001, exact=True, bands=WEAK_BANDS, characters=2).removals


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_and_row_order_change_nothing(threads: int) -> None:
    doors = [f"今天天气很好，我们去公园{number}号门。" for number in range(60)]
    texts = edited(doors, [(number, number * 7, "雨") for number in range(200)])
    _native.set_threads(threads)
    try:
        result = near_dedup(texts, threshold=0.7, exact=True, bands=WEAK_BANDS)
        turned = near_dedup(texts[::-1], threshold=0.7, exact=True, bands=WEAK_BANDS)
    finally:
        _native.set_threads(0)
    assert result.kept == first_maximal_independent_set(result.texts, result.order, 0.7)
    assert sorted(result.texts[row] for row in result.kept) == sorted(turned.texts[row] for row in turned.kept)


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_real_rows(shared_data: Path, threshold: float) -> None:
    with (shared_data / "alpaca_zh.jsonl.zst").open("rb") as raw:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), encoding="utf-8")
        rows = [json.loads(line) for line in islice(lines, 5_000)]
    texts = [row["instruction"] + "\n" + row["output"][:40] for row in rows]
    assert len(texts) == 5_000
    for bands in (DEFAULT_BANDS, WEAK_BANDS):
        result = near_dedup(texts, threshold=threshold, exact=True, bands=bands)
        check_evidence(result, threshold)
        assert result.kept == greedy_by_shared_shingles(result.texts, result.order, threshold)
    banded = near_dedup(texts, threshold=threshold, exact=False, bands=DEFAULT_BANDS)
    check_evidence(banded, threshold)


def test_shingles() -> None:
    assert shingles("今天天气很好") == {("characters", "今天天气很"), ("characters", "天天气很好")}
    assert shingles("你好") == {("short characters", "你好")}
    assert shingles("one  two\u3000three four") == {("words", "one", "two", "three"), ("words", "two", "three", "four")}
    assert shingles("") == {("short words", "")}
    assert shingles(" ") != shingles("")
    assert words_of("a\x1cb\u00a0c\u200bd") == ["a\x1cb", "c\u200bd"]
    assert is_east_asian("abc가")
    assert not is_east_asian("abc，。")
