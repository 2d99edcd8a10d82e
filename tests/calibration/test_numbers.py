"""Cosines, removals, rates and thresholds, against slow and obvious ways to get them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_data.calibration import similarity
from belle_data.calibration.prompts import Sampler, digest_of
from belle_data.calibration.rates import pairs_needed, rate_of, removed, smallest_threshold
from belle_data.calibration.removal import removed_at
from belle_data.calibration.similarity import BINS, cosines, histogram, neighbours, random_pairs
from belle_data.embed.vectors import unit_rows
from belle_data.engine.progress import Silent

if TYPE_CHECKING:
    import numpy.typing as npt

THRESHOLDS = np.arange(70, 101) / 100
FLOORS = [float(one) for one in THRESHOLDS]


def vectors(count: int, seed: int, spread: float = 0.4) -> npt.NDArray[np.float32]:
    """Vectors around a few centres, so that many are alike; one is 0."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(max(count // 8, 1), 24))
    numbers = centres[chance.integers(0, len(centres), count)] + spread * chance.normal(size=(count, 24))
    numbers[0] = 0
    return unit_rows(numbers)[0]


@pytest.mark.parametrize(("count", "tile"), [(2, 1024), (3, 2), (60, 7), (300, 64), (300, 1024)])
def test_neighbours_are_those_of_all_products(monkeypatch: pytest.MonkeyPatch, count: int, tile: int) -> None:
    monkeypatch.setattr(similarity, "_TILE_ROWS", tile)
    monkeypatch.setattr(similarity, "_TILE_COLUMNS", 2 * tile + 1)
    some = vectors(count, count)
    found = neighbours(some, FLOORS, 0.0, 10**6, Silent())
    every = some.astype(np.float64) @ some.T
    np.fill_diagonal(every, -2)
    assert np.abs(found.nearest - every.max(axis=1)).max() < 0.001
    wanted = {(j, i) for i in range(count) for j in range(i) if every[i, j] >= 0.7}
    got = list(zip(found.earlier.tolist(), found.later.tolist(), strict=True))
    assert wanted <= set(got)
    assert len(set(got)) == len(got)
    assert got == sorted(got, key=lambda pair: (pair[1], pair[0]))
    exact = cosines(some, found.earlier, found.later)
    assert np.allclose(exact, [every[i, j] for j, i in got], atol=1e-6)
    assert (exact >= 0.698).all()
    assert found.floor == 0.7


def test_tiles_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    some = vectors(500, 3)
    whole = neighbours(some, FLOORS, 0.01, 10**6, Silent())
    for rows, columns in ((1, 1000), (33, 64), (499, 7)):
        monkeypatch.setattr(similarity, "_TILE_ROWS", rows)
        monkeypatch.setattr(similarity, "_TILE_COLUMNS", columns)
        again = neighbours(some, FLOORS, 0.01, 10**6, Silent())
        assert again.nearest.tobytes() == whole.nearest.tobytes()
        assert (again.later.tobytes(), again.earlier.tobytes()) == (whole.later.tobytes(), whole.earlier.tobytes())


def test_too_many_pairs_raise_the_floor() -> None:
    some = vectors(200, 5, spread=0.05)
    every = neighbours(some, FLOORS, 0.0, 10**6, Silent())
    exact = cosines(some, every.earlier, every.later)
    few = neighbours(some, FLOORS, 0.0, 500, Silent())
    assert len(few.later) <= 500
    assert few.floor > 0.7
    kept = set(zip(few.earlier.tolist(), few.later.tolist(), strict=True))
    for one, other, cosine in zip(every.earlier.tolist(), every.later.tolist(), exact, strict=True):
        assert cosine < few.floor or (one, other) in kept
    none = neighbours(np.repeat(some[1:2], 100, axis=0), FLOORS, 0.0, 50, Silent())
    assert (len(none.later), none.floor) == (0, float("inf"))


def slow_removed(count: int, pairs: dict[tuple[int, int], float], threshold: float) -> int:
    kept: list[int] = []
    for row in range(count):
        if not any(pairs.get((one, row), -1.0) >= threshold for one in kept):
            kept.append(row)
    return count - len(kept)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 12), st.data())
def test_removed_rows_are_those_of_a_walk_through_them(count: int, data: st.DataObject) -> None:
    places = [(one, other) for other in range(count) for one in range(other)]
    chosen = data.draw(st.lists(st.sampled_from(places), unique=True) if places else st.just([]))
    pairs = {place: data.draw(st.integers(65, 100)) / 100 for place in chosen}
    ordered = sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    gone = removed_at(
        count,
        np.array([one for one, _ in ordered], dtype=np.int32),
        np.array([other for _, other in ordered], dtype=np.int32),
        np.array([pairs[pair] for pair in ordered], dtype=np.float64),
        THRESHOLDS,
    )
    assert gone.tolist() == [slow_removed(count, pairs, threshold) for threshold in FLOORS]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(60, 100), st.booleans()), max_size=60),
    st.sampled_from([0.0001, 0.01, 0.05, 0.1, 0.29, 0.5]),
    st.booleans(),
)
def test_the_threshold_is_the_smallest_that_keeps_to_the_rate(
    pairs: list[tuple[int, bool]], wanted: float, surely: bool
) -> None:
    cosine = np.array([one / 100 for one, _ in pairs], dtype=np.float64)
    differs = np.array([one for _, one in pairs], dtype=bool)
    found = smallest_threshold(cosine, differs, wanted, THRESHOLDS, surely=surely)
    good = []
    for threshold in FLOORS:
        hits = sum(one / 100 >= threshold and not apart for one, apart in pairs)
        assert removed(cosine, differs, threshold).sum() == hits
        share = rate_of(hits, len(pairs)).high if surely else (hits / len(pairs) if pairs else None)
        good += [threshold] if share is not None and share <= wanted else []
    assert found == (min(good) if good else None)


def test_the_interval_is_that_of_wilson() -> None:
    # Of Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for hits, pairs, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        rate = rate_of(hits, pairs)
        assert rate.share == hits / pairs
        assert (round(rate.low or 0, 4), round(rate.high or 0, 4)) == (low, high)
    assert (rate_of(5, 5).high, rate_of(0, 0).share) == (1.0, None)


@pytest.mark.parametrize("wanted", [0.5, 0.1, 0.05, 0.01, 0.003, 0.001, 0.0001])
def test_pairs_needed_are_the_fewest_that_show_a_rate(wanted: float) -> None:
    needed = pairs_needed(wanted)
    assert (rate_of(0, needed).high or 1) <= wanted
    assert (rate_of(0, needed - 1).high or 1) > wanted


def test_histograms_count_every_value_once() -> None:
    values = np.array([-1.0, -0.1, 0.0, 0.019, 0.02, 0.58, 0.999, 1.0])
    counts = histogram(values)
    assert (len(counts), sum(counts)) == (BINS, len(values))
    assert (counts[0], counts[1], counts[29], counts[-1]) == (4, 1, 1, 2)
    assert sum(histogram(values[:0])) == 0


@pytest.mark.parametrize("count", [2, 3, 4, 30])
def test_random_pairs_are_of_different_prompts(count: int) -> None:
    some = np.eye(count, dtype=np.float32)
    found = random_pairs(some)
    assert len(found) >= count
    assert (found == 0).all()


def test_a_sample_does_not_depend_on_order_or_batches() -> None:
    pa = pytest.importorskip("pyarrow")
    texts = [f"第{at}个问题" for at in range(200)] + ["第3个问题", " ", ""]
    kinds = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))

    def sample(order: list[int], size: int, most: int) -> Sampler:
        sampler = Sampler(most)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            turns = [
                [{"role": "user", "text": texts[at]}, {"role": "assistant", "text": "好"}, {"role": "user", "text": ""}]
                for at in part
            ]
            sampler.scan(pa.record_batch({"row": pa.array(part, pa.uint32()), "turns": pa.array(turns, kinds)}))
        return sampler

    order = list(range(len(texts)))
    wanted = sorted(set(texts[:200]), key=digest_of)
    for most in (2, 50, 1000):
        for size in (1, 37, 1000):
            random.Random(size).shuffle(order)
            found = sample(order, size, most).sample()
            assert [prompt.text for prompt in found.prompts] == wanted[:most]
            assert (found.rows_read, found.empty, found.distinct) == (203, 2, 200)
            assert all(texts[row] == prompt.text for row, prompt in zip(found.rows, found.prompts, strict=True))
            assert (
                dict(zip([prompt.text for prompt in found.prompts], found.rows, strict=True)).get("第3个问题", 3) == 3
            )
