"""Tails of strata beside an obvious way to find them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle_data import _native
from belle_data.quality.strata import judged, tails, weights_of, with_languages


def slow_tails(
    values: list[float], strata: list[int], lowest: float, highest: float, least_rows: int
) -> tuple[set[int], set[int]]:
    low, high = set(), set()
    for stratum in set(strata):
        members = [at for at, value in enumerate(values) if strata[at] == stratum and not math.isnan(value)]
        if len(members) < least_rows:
            continue
        for at in members:
            # A row is in a tail if even the last one that equals it is within the share.
            if sum(values[other] <= values[at] for other in members) <= int(len(members) * lowest):
                low.add(at)
            if sum(values[other] >= values[at] for other in members) <= int(len(members) * highest):
                high.add(at)
    return low, high


rows = st.lists(st.tuples(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, 5.0, float("nan")]), st.integers(0, 2)))


@given(rows, st.sampled_from([0, 0.1, 0.25, 0.5]), st.sampled_from([0, 0.1, 0.25, 0.5]), st.integers(1, 6))
def test_tails_are_those_of_the_obvious_way(
    rows: list[tuple[float, int]], lowest: float, highest: float, least_rows: int
) -> None:
    values, strata = [row[0] for row in rows], [row[1] for row in rows]
    low, high = tails(np.array(values, np.float64), np.array(strata, np.int64), lowest, highest, least_rows)
    expected = slow_tails(values, strata, lowest, highest, least_rows)
    assert (set(np.flatnonzero(low).tolist()), set(np.flatnonzero(high).tolist())) == expected
    assert not (low & high).any()


def scores(**columns: Any) -> pa.Table:
    counts = {name: pa.array(values, pa.uint32()) for name, values in columns.items() if "tokens" in name}
    return pa.table({**columns, **counts})


def test_the_value_is_the_mean_over_the_tokens_that_are_asked_for() -> None:
    table = scores(
        prompt_log_probability=[-10.0, -4.0, 0.0],
        prompt_tokens=[5, 4, 0],
        answer_log_probability=[-30.0, -8.0, 0.0],
        answer_tokens=[5, 8, 0],
        language=np.array([0, 3, 5], np.uint8),
    )
    assert judged(table, "prompt")[0][:2].tolist() == [2.0, 1.0]
    assert judged(table, "output")[0][:2].tolist() == [6.0, 1.0]
    values, strata = judged(table, "conversation")
    assert values[:2].tolist() == [4.0, 1.0]
    assert np.isnan(values[2])
    # Ten and twelve tokens have four binary digits.
    assert strata.tolist() == [4, 3 * 64 + 4, 5 * 64]


@pytest.mark.parametrize(
    ("prompt", "language"), [("你好，世界", "zh"), ("How are you today, my friend?", "en"), ("1+1", "none")]
)
def test_languages_of_rows_that_stand(prompt: str, language: str) -> None:
    turns = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
    texts = [[{"role": "user", "text": text}] for text in ("fallen", prompt, "123")]
    data = _native.ArrowRows(pa.record_batch({"turns": pa.array(texts, turns)}))
    ledger = _native.Ledger(3)
    gone = [
        pa.array([0], pa.uint32()),
        pa.array([0], pa.uint8()),
        pa.nulls(1, pa.uint32()),
        pa.nulls(1, pa.float64()),
    ]
    ledger.remove(0, pa.record_batch(gone, names=["row", "reason", "kept_row", "similarity"]))
    found = with_languages(pa.table({"row": pa.array([1, 2], pa.uint32())}), data, ledger)
    assert [_native.language_names()[one] for one in found["language"].to_pylist()] == [language, "none"]


def test_texts_of_rows_come_in_the_wanted_order() -> None:
    turns = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
    texts = [[("user", "甲"), ("assistant", "乙 "), ("user", " 丙")], [], [("assistant", "丁")]]
    data = _native.ArrowRows(
        pa.record_batch({"turns": pa.array([[{"role": a, "text": b} for a, b in row] for row in texts], turns)})
    )
    found = pa.record_batch(_native.row_texts(data, pa.array([2, 0, 1], pa.uint32()))).to_pydict()
    assert found == {"prompt": ["", "甲\n丙", ""], "output": ["丁", "乙", ""]}
    with pytest.raises(ValueError, match="no row 3: there are 3"):
        _native.row_texts(data, pa.array([3], pa.uint32()))
    with pytest.raises(TypeError, match="uint32"):
        _native.row_texts(data, pa.array([1]))


def test_a_row_counts_less_the_farther_it_is_from_the_middle_of_its_like() -> None:
    table = scores(
        prompt_log_probability=[0.0] * 6,
        prompt_tokens=[0] * 6,
        answer_log_probability=[-10.0, -20.0, -30.0, -20.0, -99.0, 0.0],
        answer_tokens=[10, 10, 10, 10, 10, 0],
        language=np.array([0, 0, 0, 0, 3, 0], np.uint8),
    )
    assert weights_of(table, "conversation").tolist() == [0.625, 1.0, 0.625, 1.0, 1.0, 0.75]
    assert weights_of(table.slice(0, 0), "conversation").tolist() == []
