"""Wins, ties, what the missing could change, and what the place of an answer does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_data.errors import UsageError
from belle_train.judge.win_rates import VerdictRow, win_rates

if TYPE_CHECKING:
    import random

FEW = 300
WORDS = st.sampled_from(["a", "b", "tie", None])
ORDERS = st.lists(st.tuples(st.sampled_from(["a", "b"]), WORDS), max_size=2).map(tuple)
ROWS = st.lists(st.builds(VerdictRow, st.sampled_from(["others", "extract"]), WORDS, ORDERS), max_size=12)


def test_numbers_that_one_can_compute_by_hand() -> None:
    both = (("a", "a"), ("b", "a"))
    first_wins = (("a", "a"), ("b", "b"))
    rows = [
        *[VerdictRow("extract", "a", both)] * 5,
        VerdictRow("extract", "b", (("a", "b"), ("b", "b"))),
        VerdictRow("others", "tie", first_wins),
        VerdictRow("others", "tie", (("a", "tie"), ("b", "tie"))),
        VerdictRow("others", None, (("a", "a"), ("b", None))),
    ]
    found = win_rates(rows)
    one = found.overall
    assert (one.rows, one.wins, one.losses, one.ties, one.missing) == (9, 5, 1, 2, 1)
    assert one.win_rate == 0.75
    assert (one.bound_low, one.bound_high) == pytest.approx((6 / 9, 7 / 9))
    assert one.p_value == pytest.approx(2 * 7 / 64)
    assert (one.both_orders, one.consistent) == (8, 7 / 8)
    # Of the verdicts for a side, each consistent pair has one for the first place; the row with a favourite has two.
    assert (one.placed, one.first_place) == pytest.approx((15, (6 + 2 + 1) / 15))
    assert one.low is not None
    assert one.high is not None
    assert 0.3 < one.low < 0.75 < one.high <= 1
    assert list(found.categories) == ["others", "extract"]
    others = found.categories["others"]
    assert (others.win_rate, others.p_value) == (0.5, None)
    assert others.bound_low == pytest.approx(1 / 3)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_counts_add_up_and_bounds_hold(rows: list[VerdictRow], chance: random.Random) -> None:
    found = win_rates(rows, samples=FEW)
    assert win_rates(chance.sample(rows, len(rows)), samples=FEW) == found
    json.dumps(found.to_dict(), allow_nan=False)
    for one in (found.overall, *found.categories.values()):
        assert one.wins + one.losses + one.ties + one.missing == one.rows
        assert (one.win_rate is None) is (one.missing == one.rows) is (one.reason is not None)
        if one.win_rate is not None and one.bound_low is not None and one.bound_high is not None:
            assert one.bound_low - 1e-12 <= one.win_rate <= one.bound_high + 1e-12
        if one.low is not None and one.high is not None:
            assert 0 <= one.low <= one.high <= 1
    assert sum(one.rows for one in found.categories.values()) == found.overall.rows


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_turned_round_wins_are_losses(rows: list[VerdictRow]) -> None:
    other = {"a": "b", "b": "a", "tie": "tie", None: None}
    turned = [
        VerdictRow(
            row.category,
            other[row.verdict],
            tuple((str(other[first]), other[verdict]) for first, verdict in row.orders),
        )
        for row in rows
    ]
    one, two = win_rates(rows, samples=FEW).overall, win_rates(turned, samples=FEW).overall
    assert (one.wins, one.losses, one.ties) == (two.losses, two.wins, two.ties)
    assert (one.p_value, one.consistent, one.first_place) == (two.p_value, two.consistent, two.first_place)
    if one.win_rate is not None and two.win_rate is not None:
        assert one.win_rate == pytest.approx(1 - two.win_rate)


def test_missing_verdicts_are_no_ties() -> None:
    found = win_rates([VerdictRow("extract", "a"), VerdictRow("extract", "a"), *[VerdictRow("extract", None)] * 8])
    assert (found.overall.win_rate, found.overall.bound_low, found.overall.bound_high) == (1.0, 0.2, 1.0)
    nothing = win_rates([VerdictRow("extract", None)]).overall
    assert (nothing.win_rate, nothing.low, nothing.reason) == (None, None, "no_scores")
    assert (nothing.bound_low, nothing.bound_high) == (0.0, 1.0)


@pytest.mark.parametrize("wrong", [VerdictRow("x", "c"), VerdictRow("x", "a", (("tie", "a"),)), VerdictRow("x", "")])
def test_words_that_are_no_verdict_are_refused(wrong: VerdictRow) -> None:
    with pytest.raises(UsageError):
        win_rates([wrong])
