"""Two systems beside each other, and tests that correct for several of them."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from belle_data.errors import UsageError
from belle_train.judge.paired_tests import compare_systems, holm, sign_test
from belle_train.judge.statistics import ScoredRow

FEW = 300


def system(scores: dict[str, list[float | None]]) -> list[ScoredRow]:
    return [
        ScoredRow(id=f"{category} {at}", category=category, score=score, missing=None if score is not None else "quota")
        for category, inside in scores.items()
        for at, score in enumerate(inside)
    ]


def drawn(seed: int, better: float = 0.0) -> list[ScoredRow]:
    chance = random.Random(seed)
    return system(
        {name: [min(1.0, chance.randint(0, 9) / 10 + better) for _ in range(30)] for name in ("others", "rewrite")}
    )


TENTHS = st.none() | st.integers(0, 10).map(lambda tenths: tenths / 10)
TABLES = st.dictionaries(
    st.sampled_from(["others", "rewrite", "extract"]), st.lists(TENTHS, min_size=1, max_size=6), max_size=3
)


def test_numbers_that_one_can_compute_by_hand() -> None:
    a = system({"others": [1.0, 0.5, None, 0.3, None, None], "rewrite": [0.4, 0.6], "extract": [0.9]})
    b = system({"others": [0.5, 0.5, 0.1, None, None, 0.2], "rewrite": [0.5, 0.1], "extract": [0.4], "open_qa": [0.2]})
    found = compare_systems(a, b, samples=FEW)
    assert (found.rows, found.left_out) == (
        5,
        {"only_a": 0, "only_b": 1, "missing_a": 2, "missing_b": 1, "missing_both": 1},
    )
    others = found.categories["others"]
    assert (others.rows, others.mean_a, others.mean_b, others.difference) == (2, 0.75, 0.5, 0.25)
    assert found.categories["rewrite"].difference == pytest.approx(0.2)
    # One system has a category that the other has not: no average over what happens to be there.
    assert (found.macro.difference, found.macro.p_value, found.macro.reason) == (None, None, "category_without_scores")
    without = compare_systems(a, [row for row in b if row.category != "open_qa"], samples=FEW)
    assert without.macro.difference == pytest.approx((0.25 + 0.2 + 0.5) / 3)
    assert without.macro_without_others.difference == pytest.approx((0.2 + 0.5) / 2)
    assert without.categories["extract"].low is None, "a single row has no interval"
    assert without.categories["extract"].p_value == 1.0


@settings(max_examples=50, deadline=None)
@given(TABLES)
def test_a_system_is_as_good_as_itself(scores: dict[str, list[float | None]]) -> None:
    found = compare_systems(system(scores), system(scores), samples=FEW)
    for one in (*found.categories.values(), found.macro, found.macro_without_others):
        assert (one.difference, one.p_value) in {(0.0, 1.0), (None, None)}
        assert (one.low, one.high) in {(0.0, 0.0), (None, None)}
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()


@settings(max_examples=50, deadline=None)
@given(TABLES, TABLES, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing_and_rows_add_up(
    first: dict[str, list[float | None]], second: dict[str, list[float | None]], chance: random.Random
) -> None:
    a, b = system(first), system(second)
    found = compare_systems(a, b, samples=FEW)
    shuffled = compare_systems(chance.sample(a, len(a)), chance.sample(b, len(b)), samples=FEW)
    assert json.dumps(shuffled.to_dict()) == json.dumps(found.to_dict())
    assert found.rows + sum(found.left_out.values()) == len({row.id for row in (*a, *b)})


def test_p_values_are_those_of_all_signs() -> None:
    """With few rows every choice of signs can be tried."""
    first = {"others": [0.9, 0.8, 0.7, 0.9, 0.5], "rewrite": [0.8, 0.4, 0.9, 0.6, 0.6, 0.9]}
    second = {"others": [0.4, 0.5, 0.8, 0.2, 0.5], "rewrite": [0.5, 0.6, 0.3, 0.5, 0.3, 0.9]}
    found = compare_systems(
        *(system({name: list[float | None](inside) for name, inside in one.items()}) for one in (first, second))
    )

    def mean_of(differences: list[float], signs: tuple[int, ...]) -> float:
        return sum(sign * one for sign, one in zip(signs, differences, strict=True)) / len(differences)

    differences = {name: [a - b for a, b in zip(first[name], second[name], strict=True)] for name in first}
    parts = {
        name: [mean_of(inside, signs) for signs in itertools.product((1, -1), repeat=len(inside))]
        for name, inside in differences.items()
    }
    macro = [(one + other) / 2 for one in parts["others"] for other in parts["rewrite"]]
    for one, means in ((found.categories["others"], parts["others"]), (found.macro, macro)):
        exact = sum(abs(mean) >= abs(means[0]) - 1e-9 for mean in means) / len(means)
        assert 0.01 < exact < 0.5
        assert one.p_value == pytest.approx(exact, abs=0.02)


def test_a_difference_is_found_and_none_is_not_made_up() -> None:
    better = compare_systems(drawn(1, 0.2), drawn(1))
    assert better.macro.p_value is not None
    assert better.macro.low is not None
    assert better.macro.p_value < 0.001 < better.macro.low
    small = sum(
        (compare_systems(drawn(at), drawn(at + 1000), samples=FEW).macro.p_value or 0) < 0.1 for at in range(60)
    )
    assert 1 <= small <= 14, "of sixty tests without a difference about six find one"


def test_turned_round_it_says_the_opposite() -> None:
    one, other = compare_systems(drawn(1), drawn(2)), compare_systems(drawn(2), drawn(1))
    assert one.macro.difference == -(other.macro.difference or 0) != 0
    assert one.macro.low == pytest.approx(-(other.macro.high or 0), abs=0.01)
    assert one.macro.p_value == pytest.approx(other.macro.p_value, abs=0.02)


def test_pairs_have_narrower_intervals_than_systems_alone() -> None:
    """That is what comparing row by row is for."""
    chance = random.Random(2)
    hard = [chance.randint(0, 9) / 10 for _ in range(60)]
    a = system({"rewrite": [one + 0.1 for one in hard]})
    found = compare_systems(a, system({"rewrite": list[float | None](hard)}))
    assert (found.macro.low, found.macro.high) == pytest.approx((0.1, 0.1))


def test_a_row_of_two_categories_is_refused() -> None:
    one = [ScoredRow(id="1", category="rewrite", score=0.5)]
    other = [ScoredRow(id="1", category="extract", score=0.5)]
    with pytest.raises(UsageError, match="two categories"):
        compare_systems(one, other)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [0.03, 0.06, 0.06, 0.02]
    assert holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError):
            holm([wrong])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_that_of_its_definition(values: list[float]) -> None:
    found = holm(values)
    for value, adjusted in zip(values, found, strict=True):
        smaller = sorted(values)[: sorted(values).index(value) + values.count(value)]
        steps = [min(1.0, (len(values) - at) * one) for at, one in enumerate(smaller)]
        assert adjusted == max(steps)
        assert adjusted >= value


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_the_sign_test_is_exact(wins: int, losses: int) -> None:
    if not wins + losses:
        assert sign_test(wins, losses) is None
        return
    assert sign_test(wins, losses) == pytest.approx(stats.binomtest(wins, wins + losses).pvalue, rel=1e-9)
    assert sign_test(wins, losses) == sign_test(losses, wins)


@pytest.mark.parametrize(("wins", "losses"), [(2500, 2600), (1000, 3), (499, 501), (4000, 0), (3000, 3000)])
def test_the_sign_test_takes_many_rows(wins: int, losses: int) -> None:
    wanted = stats.binomtest(wins, wins + losses).pvalue
    assert sign_test(wins, losses) == pytest.approx(wanted, rel=1e-9, abs=1e-300)
