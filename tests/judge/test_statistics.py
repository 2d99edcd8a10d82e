"""Means, macro averages, their intervals and bounds, beside slow and obvious versions."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_data.errors import UsageError
from belle_data.evalset.categories import CATEGORIES
from belle_train.judge.bootstrap import WHY_NULL, stream
from belle_train.judge.replies import REASONS
from belle_train.judge.statistics import ScoredRow, Summary, macro_averages, summarise

FEW = 200
"""Samples where the draws themselves are not what is tested."""


def row(number: int, category: str, score: float | None, **more: Any) -> ScoredRow:
    missing = None if score is not None else more.pop("missing", "timeout")
    return ScoredRow(id=f"row {number}", category=category, score=score, missing=missing, **more)


def rows_of(scores: dict[str, list[float | None]]) -> list[ScoredRow]:
    pairs = [(category, score) for category, inside in scores.items() for score in inside]
    return [row(number, category, score) for number, (category, score) in enumerate(pairs)]


TENTHS = st.none() | st.integers(0, 10).map(lambda tenths: tenths / 10)
TABLES = st.dictionaries(st.sampled_from([*CATEGORIES, "poetry"]), st.lists(TENTHS, min_size=1, max_size=8), max_size=5)


def test_numbers_that_one_can_compute_by_hand() -> None:
    found = summarise(rows_of({"extract": [1.0, 0.5, None], "others": [0.0, 0.2], "rewrite": [0.6, 0.8]})).to_dict()
    assert list(found["categories"]) == ["others", "rewrite", "extract"], "in the order of the tables"
    extract = found["categories"]["extract"]
    assert (extract["rows"], extract["scored"], extract["missing"]) == (3, 2, {"timeout": 1})
    assert (extract["mean"], extract["bound_low"], extract["bound_high"]) == (0.75, 0.5, pytest.approx(2.5 / 3))
    assert (extract["low"], extract["high"]) == (0.5, 1.0)
    assert found["macro"]["mean"] == pytest.approx((0.75 + 0.1 + 0.7) / 3)
    assert found["macro"]["bound_low"] == pytest.approx((0.5 + 0.1 + 0.7) / 3)
    assert found["macro"]["bound_high"] == pytest.approx((2.5 / 3 + 0.1 + 0.7) / 3)
    assert found["macro_without_others"]["mean"] == pytest.approx((0.75 + 0.7) / 2)
    assert (found["rows"], found["scored"], found["missing"]) == (7, 6, {"timeout": 1})
    assert (found["repeats"], found["human"]) == (None, None)


def test_a_category_without_scores_leaves_no_macro_average() -> None:
    found = summarise(rows_of({"extract": [0.5, 0.7], "rewrite": [None, None]}), samples=FEW)
    assert (found.categories["rewrite"].mean, found.categories["rewrite"].reason) == (None, "no_scores")
    assert (found.macro.mean, found.macro.low, found.macro.high) == (None, None, None)
    assert found.macro.reason == "category_without_scores"
    assert found.macro.bound_low == pytest.approx(0.3)
    assert found.macro.bound_high == pytest.approx(0.8)


def test_others_alone_have_no_average_without_them() -> None:
    found = summarise(rows_of({"others": [0.5, 0.7]}), samples=FEW)
    assert found.macro.mean == pytest.approx(0.6)
    without = found.macro_without_others
    assert (without.mean, without.bound_low, without.bound_high) == (None, None, None)
    assert (without.rows, without.reason) == (0, "no_categories")


def test_one_score_has_no_interval() -> None:
    found = summarise(rows_of({"extract": [0.5], "rewrite": [0.5, 0.7]}), samples=FEW)
    assert (found.categories["extract"].mean, found.categories["extract"].low) == (0.5, None)
    assert found.categories["rewrite"].low is not None
    assert found.macro.mean == pytest.approx(0.55)
    assert (found.macro.low, found.macro.high) == (None, None)


def test_nothing_is_no_number() -> None:
    found = summarise([]).to_dict()
    assert found["categories"] == {}
    numbers = {key: found["macro"][key] for key in ("mean", "low", "high", "bound_low", "bound_high")}
    assert set(numbers.values()) == {None}
    assert found["length"]["overall"]["mean_characters"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@settings(max_examples=60, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(scores: dict[str, list[float | None]], chance: random.Random) -> None:
    rows = [
        row(number, one.category, one.score, characters=number % 7, human=0.5, scores=(one.score, 0.3))
        for number, one in enumerate(rows_of(scores))
    ]
    shuffled = chance.sample(rows, len(rows))
    whole = summarise(rows, samples=FEW).to_dict()
    assert json.dumps(summarise(shuffled, samples=FEW).to_dict()) == json.dumps(whole, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_bounds_and_intervals_hold_the_mean_and_reasons_are_known(scores: dict[str, list[float | None]]) -> None:
    found = summarise(rows_of(scores), samples=FEW)
    for average in (*found.categories.values(), found.macro, found.macro_without_others):
        assert (average.mean is None) is (average.reason is not None)
        assert average.reason is None or average.reason in WHY_NULL
        assert average.scored + sum(average.missing.values()) == average.rows
        if average.mean is not None:
            assert average.bound_low is not None
            assert average.bound_high is not None
            assert average.bound_low - 1e-12 <= average.mean <= average.bound_high + 1e-12
        if average.low is not None:
            assert average.high is not None
            assert 0 <= average.low <= average.high <= 1
    assert found.scored + sum(found.missing.values()) == found.rows


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_a_missing_score_is_never_a_number(scores: dict[str, list[float | None]]) -> None:
    """Means and intervals are those of the rows that are there; only counts and bounds know of the others."""
    whole = summarise(rows_of(scores), samples=FEW)
    there = {name: [one for one in inside if one is not None] for name, inside in scores.items()}
    rest = summarise(rows_of({name: list[float | None](inside) for name, inside in there.items()}), samples=FEW)
    for name, average in whole.categories.items():
        if not there[name]:
            assert (average.mean, average.low) == (None, None)
            continue
        other = rest.categories[name]
        assert (average.mean, average.low, average.high) == (other.mean, other.low, other.high)


def slow_interval(scores: dict[str, list[float]], samples: int) -> tuple[float, float]:
    """A bootstrap within categories with other random numbers, one row at a time."""
    chance = random.Random(11)
    means = []
    for _ in range(samples):
        drawn = [[chance.choice(inside) for _ in inside] for inside in scores.values()]
        means.append(sum(sum(inside) / len(inside) for inside in drawn) / len(drawn))
    means.sort()
    return means[round(0.025 * samples)], means[round(0.975 * samples) - 1]


def test_intervals_are_those_of_a_slow_bootstrap() -> None:
    chance = random.Random(3)
    scores = {name: [chance.randint(0, 10) / 10 for _ in range(12 + 5 * at)] for at, name in enumerate(CATEGORIES[:4])}
    found = summarise(rows_of({name: list[float | None](inside) for name, inside in scores.items()}))
    wanted = {"macro": scores, "macro_without_others": {name: scores[name] for name in CATEGORIES[1:4]}}
    for name, inside in wanted.items():
        average = getattr(found, name)
        assert (average.low, average.high) == pytest.approx(slow_interval(inside, 4000), abs=0.01)
    one = found.categories[CATEGORIES[2]]
    assert (one.low, one.high) == pytest.approx(slow_interval({"one": scores[CATEGORIES[2]]}, 4000), abs=0.015)


def test_intervals_hold_what_is_true_about_as_often_as_they_say() -> None:
    """Scores drawn anew many times: a 90 % interval misses the true average in about a tenth of the cases."""
    chance, held = random.Random(5), 0
    for time in range(200):
        rows = [row(at, CATEGORIES[at % 3], chance.choice([0.0, 0.5, 0.6, 1.0])) for at in range(120)]
        macro = summarise(rows, seed=time, samples=400, level=0.9).macro
        assert macro.low is not None
        assert macro.high is not None
        assert macro.mean is not None
        assert macro.low < macro.mean < macro.high
        held += macro.low <= 0.525 <= macro.high
    assert 165 <= held <= 192


def test_one_more_category_changes_no_other() -> None:
    scores: dict[str, list[float | None]] = {"extract": [0.1, 0.9, 0.4], "rewrite": [0.2, 0.3, 0.8]}
    one = summarise(rows_of(scores), samples=FEW).categories
    more = summarise(rows_of({"others": [0.5, 0.1], **scores}), samples=FEW).categories
    assert {name: more[name] for name in one} == one


def test_the_seed_and_the_level_have_their_effect() -> None:
    scores: dict[str, list[float | None]] = {"extract": [at / 40 for at in range(40)]}

    def width(**how: Any) -> tuple[float, float]:
        macro = summarise(rows_of(scores), samples=FEW, **how).macro
        assert macro.low is not None
        assert macro.high is not None
        return macro.low, macro.high

    assert width(seed=1) != width(seed=2)
    assert width(level=0.99)[0] < width(level=0.5)[0] < width(level=0.5)[1] < width(level=0.99)[1]


@pytest.mark.parametrize(
    "wrong",
    [
        [ScoredRow(id="1", category="extract", score=1.5)],
        [ScoredRow(id="1", category="extract", score=float("nan"))],
        [ScoredRow(id="1", category="extract", score=-0.1)],
        [ScoredRow(id="1", category="extract", score=0.5, human=10)],
        [ScoredRow(id="1", category="extract", score=0.5, scores=(0.5, -1))],
        [ScoredRow(id="1", category="extract", score=None)],
        [ScoredRow(id="1", category="extract", score=0.5, missing="timeout")],
        [ScoredRow(id="1", category="extract", score=0.5), ScoredRow(id="1", category="others", score=0.5)],
    ],
    ids=["above", "nan", "below", "human", "repeat", "no reason", "both", "twice"],
)
def test_rows_that_would_make_numbers_wrong_are_refused(wrong: list[ScoredRow]) -> None:
    with pytest.raises(UsageError):
        summarise(wrong)


@pytest.mark.parametrize("how", [{"seed": -1}, {"samples": 0}, {"level": 0.0}, {"level": 1.0}])
def test_settings_that_mean_nothing_are_refused(how: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        summarise([], **how)


def test_the_dict_is_what_the_files_agree_on() -> None:
    rows = [row(at, "extract", at / 10, characters=at, scores=(at / 10, at / 10), human=0.5) for at in range(5)]
    found = summarise(rows, samples=FEW).to_dict()
    assert list(found) == [
        "rows", "scored", "missing", "categories", "macro", "macro_without_others", "length", "repeats", "human",
    ]  # fmt: skip
    keys = ["rows", "scored", "missing", "mean", "low", "high", "bound_low", "bound_high", "reason"]
    assert list(found["macro"]) == list(found["categories"]["extract"]) == keys
    assert found["repeats"]["equal"] == 1.0
    assert isinstance(summarise(rows, samples=FEW), Summary)


def test_macro_averages() -> None:
    scores = {name: at / 10 for at, name in enumerate(CATEGORIES)}
    assert macro_averages(scores) == pytest.approx((0.4, 0.45))
    for wrong in ({}, {"others": 0.5}):
        with pytest.raises(UsageError):
            macro_averages(wrong)


def test_streams_differ_by_purpose_and_name() -> None:
    names = [("mean", "a"), ("mean", "b"), ("flips", "a"), ("mean a", ""), ("mean", "\ud800")]
    drawn = [int(stream(0, *name).integers(0, 1 << 62)) for name in names]
    assert len(set(drawn)) == len(names)
    assert drawn[0] == int(stream(0, "mean", "a").integers(0, 1 << 62))


def test_reasons_for_missing_scores_are_counted_apart() -> None:
    reasons = [*REASONS, *list(REASONS)[:3]]
    rows = [row(at, "extract", None, missing=reason) for at, reason in enumerate(reasons)]
    found = summarise(rows, samples=FEW).categories["extract"].missing
    assert found == {reason: reasons.count(reason) for reason in sorted(REASONS)}
