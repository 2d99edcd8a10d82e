"""Agreement of repeats, of people, and of length and score, beside slow versions, scipy, and published numbers."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from belle_train.judge.agreement import (
    cohens_kappa,
    human_agreement,
    krippendorff_alpha,
    quadratic_kappa,
    ranks,
    repeat_agreement,
    spearman,
)
from belle_train.judge.bootstrap import WHY_NULL
from belle_train.judge.length_bias import length_bias

if TYPE_CHECKING:
    import random

FEW = 300
WORDS = st.sampled_from(["left", "right", "tie", None])
VERDICTS = st.lists(st.tuples(WORDS, WORDS), max_size=20)
TENTHS = st.integers(0, 10).map(lambda tenths: tenths / 10)
PAIRS = st.lists(st.tuples(TENTHS, TENTHS), min_size=1, max_size=15)


# Two people


def slow_kappa(pairs: list[tuple[str, str]]) -> float | None:
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    agreed = sum(one == other for one, other in pairs) / len(pairs)
    chance = sum(first[word] * second[word] for word in first) / len(pairs) ** 2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def test_kappa_of_the_table_that_text_books_show() -> None:
    table = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    found = cohens_kappa([pair for pair, count in table.items() for _ in range(count)])
    assert (found.rows, found.left_out, found.agreement) == (50, 0, 0.7)
    assert found.kappa == pytest.approx(0.4)
    # The large-sample standard error of this table is 0.127; bootstrap and that agree in the second digit.
    assert (found.low, found.high) == pytest.approx((0.4 - 1.96 * 0.127, 0.4 + 1.96 * 0.127), abs=0.03)


@settings(max_examples=80, deadline=None)
@given(VERDICTS, st.randoms(use_true_random=False))
def test_kappa_is_symmetric_and_that_of_its_definition(
    pairs: list[tuple[str | None, str | None]], chance: random.Random
) -> None:
    found = cohens_kappa(pairs, samples=FEW)
    assert cohens_kappa([(other, one) for one, other in pairs], samples=FEW) == found
    assert cohens_kappa(chance.sample(pairs, len(pairs)), samples=FEW) == found
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    assert (found.rows, found.left_out) == (len(both), len(pairs) - len(both))
    wanted = slow_kappa(both) if both else None
    assert found.kappa == (None if wanted is None else pytest.approx(wanted, abs=1e-12))
    assert (found.kappa is None) is (found.reason is not None)
    assert found.reason is None or found.reason in WHY_NULL
    json.dumps(found.to_dict(), allow_nan=False)


def test_kappa_is_not_defined_where_both_know_one_word_only() -> None:
    found = cohens_kappa([("left", "left")] * 9)
    assert (found.agreement, found.kappa, found.low, found.reason) == (1.0, None, None, "one_verdict")
    assert cohens_kappa([("left", "right")] * 9).kappa == 0.0
    assert cohens_kappa([]).to_dict() == {
        "rows": 0, "left_out": 0, "agreement": None, "kappa": None, "low": None, "high": None, "reason": "no_rows",
    }  # fmt: skip


def test_draws_without_a_kappa_have_no_part_in_the_interval() -> None:
    found = cohens_kappa([("left", "left")] * 40 + [("tie", "tie")])
    assert (found.kappa, found.low, found.high) == (1.0, 1.0, 1.0)
    few = cohens_kappa([("left", "left"), ("tie", "tie")])
    assert (few.kappa, few.low) == (1.0, None)


# Several people, several times


SHARED = """\
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 ."""
"""Krippendorff's example of four observers and twelve units, of which he gives alpha for intervals as 0.849."""


def units() -> list[list[float | None]]:
    observers = [[None if one == "." else float(one) for one in line.split()] for line in SHARED.splitlines()]
    return [list(unit) for unit in zip(*observers, strict=True)]


def slow_alpha(found: list[list[float | None]]) -> float | None:
    present = [[one for one in unit if one is not None] for unit in found]
    pairable = [unit for unit in present if len(unit) > 1]
    values = [one for unit in pairable for one in unit]
    observed = sum(
        (one - other) ** 2 / (len(unit) - 1) for unit in pairable for one, other in itertools.permutations(unit, 2)
    )
    expected = sum((one - other) ** 2 for one, other in itertools.permutations(values, 2))
    return 1 - observed * (len(values) - 1) / expected if expected else None


def test_alpha_of_the_published_example() -> None:
    assert krippendorff_alpha(units()) == pytest.approx(0.849, abs=0.0005)
    assert krippendorff_alpha([]) is None
    assert krippendorff_alpha([[1.0], [None, 2.0]]) is None
    assert krippendorff_alpha([[1.0, 1.0], [1.0, 1.0]]) is None
    assert krippendorff_alpha([[1.0, 1.0], [2.0, 2.0]]) == 1.0


@given(st.lists(st.lists(st.none() | TENTHS, max_size=4), max_size=8))
def test_alpha_is_that_of_its_definition(found: list[list[float | None]]) -> None:
    wanted = slow_alpha(found)
    assert krippendorff_alpha(found) == (None if wanted is None else pytest.approx(wanted, abs=1e-9))


def test_repeats() -> None:
    found = repeat_agreement([(0.5, 0.5, 0.5), (0.2, 0.4, 0.6), (0.1, None, 0.2), (None, 0.3, None), (None,)])
    assert (found.rows, found.left_out) == (3, 2)
    assert found.equal == pytest.approx(1 / 3)
    assert found.mean_absolute_difference == pytest.approx((0 + (0.2 + 0.2 + 0.4) / 3 + 0.1) / 3)
    assert found.standard_deviation == pytest.approx(math.sqrt((0 + 0.04 + 0.005) / 3))
    wanted = slow_alpha([[0.5, 0.5, 0.5], [0.2, 0.4, 0.6], [0.1, None, 0.2]])
    assert found.alpha == pytest.approx(wanted)


def test_repeats_that_say_nothing() -> None:
    nothing = repeat_agreement([(None, None), (0.5, None)]).to_dict()
    assert (nothing.pop("rows"), nothing.pop("left_out"), nothing.pop("reason")) == (0, 2, "no_rows")
    assert set(nothing.values()) == {None}
    same = repeat_agreement([(0.5, 0.5), (0.5, 0.5)])
    assert (same.equal, same.alpha, same.reason) == (1.0, None, "no_spread")


# A judge and people


def slow_quadratic_kappa(pairs: list[tuple[float, float]]) -> float | None:
    tenths = [(round(one * 10), round(other * 10)) for one, other in pairs]
    observed = sum((one - other) ** 2 for one, other in tenths) / len(tenths)
    first, second = [one for one, _ in tenths], [other for _, other in tenths]
    expected = sum((one - other) ** 2 for one in first for other in second) / len(tenths) ** 2
    return 1 - observed / expected if expected else None


@settings(deadline=None)
@given(PAIRS)
def test_agreement_with_people_is_that_of_scipy_and_slow_versions(pairs: list[tuple[float, float]]) -> None:
    found = human_agreement([*pairs, (None, 0.5), (0.5, None)])
    assert (found.rows, found.left_out) == (len(pairs), 2)
    first, second = np.array(pairs).T
    wanted = slow_quadratic_kappa(pairs)
    assert found.kappa == (None if wanted is None else pytest.approx(wanted, abs=1e-9))
    assert found.mean_absolute_error == pytest.approx(sum(abs(one - other) for one, other in pairs) / len(pairs))
    alpha = slow_alpha([list(pair) for pair in pairs])
    assert found.alpha == (None if alpha is None else pytest.approx(alpha, abs=1e-9))
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert found.pearson == pytest.approx(stats.pearsonr(first, second).statistic, abs=1e-9)
        assert found.spearman == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-9)
    else:
        assert (found.pearson, found.spearman) == (None, None)
        assert found.reason in {"no_spread", "too_few_rows"}
    json.dumps(found.to_dict(), allow_nan=False)


def test_quadratic_kappa_takes_scores_to_the_nearest_tenth() -> None:
    first, second = np.array([0.71, 0.15, 0.3]), np.array([0.7, 0.2, 0.3])
    assert quadratic_kappa(first, second) == 1.0
    assert quadratic_kappa(first[:0], second[:0]) is None


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_ranks_share_their_mean(values: list[int]) -> None:
    assert ranks(np.array(values, dtype=np.float64)).tolist() == stats.rankdata(values).tolist()


# Length and score


def test_within_categories_is_not_overall() -> None:
    """Long answers are good in one category; within each the shorter ones are."""
    rows: list[tuple[str, int | None, float | None]] = []
    for at in range(20):
        rows += [("extract", 10 + at, 0.4 - at / 100), ("generation", 500 + at, 0.9 - at / 100)]
    found = length_bias(rows)
    assert found.overall.spearman is not None
    assert found.overall.spearman > 0.4
    assert found.within_categories.spearman == pytest.approx(-1.0)
    assert found.within_categories.low is None, "at its end the correlation has no interval"
    assert found.categories["extract"].mean_characters == pytest.approx(19.5)
    assert found.overall.mean_characters == pytest.approx((19.5 + 509.5) / 2)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["others", "extract"]), st.none() | st.integers(0, 9), st.none() | TENTHS)),
    st.randoms(use_true_random=False),
)
def test_length_and_score_are_those_of_scipy(rows: list[Any], chance: random.Random) -> None:
    found = length_bias(rows)
    assert length_bias(chance.sample(rows, len(rows))) == found
    both = [(characters, score) for _, characters, score in rows if characters is not None and score is not None]
    lengths = [characters for _, characters, _ in rows if characters is not None]
    assert (found.overall.answers, found.overall.rows) == (len(lengths), len(both))
    assert found.overall.mean_characters == (pytest.approx(sum(lengths) / len(lengths)) if lengths else None)
    if len({one for one, _ in both}) > 1 and len({other for _, other in both}) > 1:
        first, second = np.array(both).T
        assert found.overall.spearman == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-9)
        assert spearman(first, second) == pytest.approx(found.overall.spearman)
    else:
        assert found.overall.spearman is None
        assert found.overall.reason in WHY_NULL
    one = found.overall
    if one.low is not None and one.high is not None and one.spearman is not None:
        assert -1 <= one.low <= one.spearman <= one.high <= 1
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_interval_of_a_correlation_holds_what_is_true() -> None:
    held = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        lengths = chance.normal(size=80)
        scores = 0.6 * lengths + 0.8 * chance.normal(size=80)
        rows = [("extract", int(1000 + 100 * one), min(1.0, max(0.0, 0.5 + 0.1 * other)))
                for one, other in zip(lengths, scores, strict=True)]  # fmt: skip
        found = length_bias(rows, level=0.9).overall
        assert found.low is not None
        assert found.high is not None
        # The rank correlation of normal values that are correlated by 0.6.
        held += found.low <= 6 / math.pi * math.asin(0.3) <= found.high
    assert 165 <= held <= 195
