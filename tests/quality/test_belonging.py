"""Whether answers belong to their questions: the score, beside plain algebra and on real rows."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from belle_data.embed import DEFAULT_EMBEDDER, embedder_of
from belle_data.errors import UsageError
from belle_data.quality.belonging import LEAST_ROWS, belonging_scores

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def made(rows: int, dimensions: int = 48, seed: int = 1) -> tuple[Any, Any, Any]:
    """Vectors of prompts, those of answers that are a rotation of them with noise, and keys."""
    chance = np.random.default_rng(seed)
    prompts = chance.normal(size=(rows, dimensions)) + 1.0
    turn, _ = np.linalg.qr(chance.normal(size=(dimensions, dimensions)))
    answers = prompts @ turn + chance.normal(size=(rows, dimensions))
    keys = chance.integers(0, 2**63, rows, dtype=np.uint64) * np.uint64(2)
    return unit(prompts), unit(answers), keys


def unit(vectors: Any) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / norms, np.float32)


def area(belonging: Any, swapped: Any) -> float:
    """The share of pairs of one row of each kind in which the one that belongs has the higher score."""
    return float((np.asarray(belonging)[:, None] > np.asarray(swapped)[None, :]).mean())


def test_it_learns_what_to_expect() -> None:
    """The cosine of prompt and answer says nothing here."""
    prompts, answers, keys = made(4_000)
    swapped = np.arange(4_000) % 10 == 0
    answers[swapped] = np.roll(answers[swapped], 1, axis=0)
    scores = belonging_scores(prompts, answers, keys)
    assert scores.dtype == np.float32
    assert (np.abs(scores) <= 1).all()
    cosines = (prompts * answers).sum(axis=1)
    assert area(cosines[~swapped], cosines[swapped]) < 0.6
    assert area(scores[~swapped], scores[swapped]) > 0.99


def test_it_is_the_regression_of_the_other_fold() -> None:
    """In float64 and with a library's solver the cosines are nearly the same."""
    prompts, answers, keys = made(3_000)
    scores = belonging_scores(prompts, answers, keys)
    found = np.zeros(len(scores))
    mixed = (keys ^ (keys >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    fold = mixed >> np.uint64(63) == 1
    for judged in (False, True):
        left, right = prompts[fold != judged].astype(float), answers[fold != judged].astype(float)
        means = left.mean(axis=0), right.mean(axis=0)
        left, right = left - means[0], right - means[1]
        spread = (left**2).sum()
        ridge = (0.3 + 1500 / len(left)) * spread / left.shape[1]
        own = ridge * np.eye(left.shape[1])
        weights = np.linalg.solve(left.T @ left + own, left.T @ right + own * (left * right).sum() / spread)
        expected = (prompts[fold == judged] - means[0]) @ weights
        given = answers[fold == judged] - means[1]
        norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(given, axis=1)
        found[fold == judged] = (expected * given).sum(axis=1) / norms
    assert np.abs(found - scores).max() < 0.05


def test_the_order_of_rows_does_not_matter() -> None:
    prompts, answers, keys = made(2_500)
    expected = belonging_scores(prompts, answers, keys)
    order = np.random.default_rng(5).permutation(len(keys))
    assert np.array_equal(belonging_scores(prompts[order], answers[order], keys[order]), expected[order])


def test_rows_without_a_vector_have_no_score() -> None:
    prompts, answers, keys = made(500)
    prompts[3], answers[4] = 0, np.nan
    scores = belonging_scores(prompts, answers, keys)
    assert np.flatnonzero(np.isnan(scores)).tolist() == [3, 4]
    few = belonging_scores(prompts[:LEAST_ROWS], answers[:LEAST_ROWS], keys[:LEAST_ROWS])
    assert np.isnan(few).all()
    assert belonging_scores(prompts[:0], answers[:0], keys[:0]).shape == (0,)
    same = np.ones((300, 8), np.float32)
    assert (belonging_scores(same, same, keys[:300]) == 0).all()
    done: list[int] = []
    belonging_scores(prompts, answers, keys, advance=done.append)
    assert sum(done) == 498


def test_shapes_must_go_together() -> None:
    prompts, answers, keys = made(10)
    with pytest.raises(UsageError, match="must be of the same rows"):
        belonging_scores(prompts, answers[:9], keys)
    with pytest.raises(UsageError, match="must be of the same rows"):
        belonging_scores(prompts, answers, keys[:9])


@pytest.mark.parametrize(("name", "least"), [("alpaca_zh", 0.96), ("alpaca_en", 0.97)])
def test_swapped_answers_of_real_rows(shared_data: Path, name: str, least: float) -> None:
    chance = random.Random(9)
    with zstandard.open(shared_data / f"{name}.jsonl.zst", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = chance.sample([row for row in rows if row["output"].strip()], 2_000)
    # Swapped are answers of nearly one length, so that length tells nothing.
    rows.sort(key=lambda row: len(row["output"]))
    answers = [row["output"][:300] for row in rows]
    swapped = np.arange(2_000) % 10 < 2
    for place in range(0, 2_000, 10):
        answers[place], answers[place + 1] = answers[place + 1], answers[place]
    asked = [f"{row['instruction']}\n{row['input']}" for row in rows]
    kernel: Any = embedder_of(DEFAULT_EMBEDDER).kernel  # type: ignore[attr-defined]

    def vectors(texts: list[str]) -> NDArray[np.float32]:
        column = pa.record_batch(kernel.embed(pa.array(texts)))["vector"]
        return np.asarray(column.values.to_numpy(), np.float32).reshape(len(texts), -1)

    keys = np.random.default_rng(2).integers(0, 2**63, 2_000, dtype=np.uint64)
    scores = belonging_scores(vectors(asked), vectors(answers), keys)
    assert area(scores[~swapped], scores[swapped]) > least
