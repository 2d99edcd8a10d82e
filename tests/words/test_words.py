"""Words by the native code: cut, counted and measured."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from belle_data import _native


def cut(*texts: str) -> list[list[str]]:
    words: list[list[str]] = pa.record_batch(_native.cut_words(pa.array(texts, pa.string())))["words"].to_pylist()
    return words


def test_words_are_cut_and_together_are_the_text() -> None:
    texts = ["我来到北京清华大学", "abc网球拍卖会def", "C++ 和 4S店\r\n😀", ""]
    found = cut(*texts)
    assert found[0] == ["我", "来到", "北京", "清华大学"]
    assert found[1] == ["abc", "网球", "拍卖会", "def"]
    assert found[2] == ["C++", " ", "和", " ", "4S店", "\r\n", "😀"]
    assert ["".join(words) for words in found] == texts
    assert cut() == []


def test_content_words_are_counted() -> None:
    counts = pa.record_batch(_native.count_words(pa.array(["写一首诗", "Write a Poem, a poem。", None], pa.string())))
    found = list(zip(counts["word"].to_pylist(), counts["count"].to_pylist(), strict=True))
    assert found == [("poem", 2), ("write", 1), ("写", 1), ("诗", 1)]


def test_rows_are_measured() -> None:
    words = _native.Words.read(_native.ArrowRows(pa.array(["春天 夏天", "春天 秋天", "，。"], pa.string())))
    assert len(words) == 3
    measures = words.measure()
    assert (measures["rows"], measures["words"], measures["distinct_words"], measures["pairs"]) == (3, 4, 3, 2)
    assert math.isclose(measures["entropy"], 1.5)
    # Texts that nobody asked for have no kind of task.
    assert (measures["kinds"], measures["kinds_entropy"]) == (0, None)
    one = words.measure(pa.array([2], pa.uint32()))
    assert (one["rows"], one["words"], one["entropy"], one["distinct_2"], one["zipf_slope"]) == (1, 0, None, None, None)
    assert pa.record_batch(words.top(1)).to_pylist() == [{"word": "春天", "count": 2}]
    assert pa.record_batch(words.longest(2))["row"].to_pylist() == [0, 1]
    assert len(pa.record_batch(words.by_chance(9))["row"]) == 3


def test_wrong_arguments_are_told() -> None:
    words = _native.Words.read(_native.ArrowRows(pa.array(["春天"], pa.string())))
    with pytest.raises(ValueError, match="row 7 was not read"):
        words.measure(pa.array([7], pa.uint32()))
    with pytest.raises(TypeError, match="uint32"):
        words.measure(pa.array([0], pa.int64()))
    with pytest.raises(TypeError, match="strings"):
        _native.cut_words(pa.array([1]))
    with pytest.raises(ValueError, match="prompt_weight"):
        _native.Diversity(prompt_weight=-1)
    kernel = _native.Diversity(prompt_weight=1)
    with pytest.raises(ValueError, match="2 weights for 1 rows"):
        kernel.choose(words, 1, weights=pa.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="from 0 to 1000"):
        kernel.choose(words, 1, weights=pa.array([float("nan")]))
