"""The page that a training leaves: its curves have the points of the log, and its texts are texts."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from belle_data.errors import UsageError
from belle_train.loss_picture import loss_page
from belle_train.recipe import TrainingRecipe

HARM = "<script>alert(1)</script>&\"'"


class Tags(HTMLParser):
    """Every element that a browser would see, and whether they end in the order in which they begin."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "input", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def report(**changed: Any) -> dict[str, Any]:
    return {
        "kind": "sft",
        "model": "runs/model",
        "steps": 20,
        "epochs": 2.0,
        "sequences_a_step": 8,
        "micro_batch": 4,
        "accumulated": 1,
        "processes": 2,
        "zero": 2,
        "device": "cpu",
        "precision": "fp32",
        "lora": False,
        "only": "all",
        "parameters": 123_456,
        "learned_parameters": 123_456,
        "data": {
            "sources": [{"name": "rows.jsonl", "size": 2048, "hash": "ab" * 16, "rows": 63, "language": None}],
            "rows": 63,
            "conversations": 60,
            "cut": 4,
            "left_out": {"no_answer": 1, "special_piece": 2},
            "sequences": 39,
            "held_out": 6,
            "tokens": 3110,
            "learned_tokens": 888,
        },
        "recipe": TrainingRecipe().model_dump(mode="json"),
        "recipe_sha256": "cd" * 32,
        "loss_first": 6.4,
        "loss_last": 2.5,
        "held_out_loss_before": 6.5,
        "held_out_loss_after": 3.25,
        "frozen_tensors": 0,
        "resumed_from_step": 0,
        "seconds": 12.3,
        "tokens_per_second": 1000.0,
        "peak_memory_bytes": 1 << 30,
        "versions": {"torch": "2.0"},
    } | changed


def log(count: int) -> list[dict[str, Any]]:
    return [
        {"step": step, "loss": 2 + 5 * math.exp(-step / 30), "learning_rate": 5e-6 * step / count}
        for step in range(1, count + 1)
    ]


def curves(page: str) -> list[list[tuple[float, float]]]:
    lines = [attributes["points"] or "" for tag, attributes in Tags(page).seen if tag == "polyline"]
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in line.split())] for line in lines]


def test_curves_have_the_points_of_the_log() -> None:
    losses = log(20)
    loss, rate = curves(loss_page(report(), losses, language="en"))
    assert len(loss) == len(rate) == 20
    # Downward in a picture is a greater number; steps are as far apart as their numbers are.
    assert [y for _, y in loss] == sorted(y for _, y in loss)
    assert [y for _, y in rate] == sorted((y for _, y in rate), reverse=True)
    gaps = [after - before for (before, _), (after, _) in pairwise(loss)]
    assert max(gaps) - min(gaps) < 0.25
    fallen = [(loss[0][1] - y) / (loss[0][1] - loss[-1][1]) for _, y in loss]
    wanted = [(losses[0]["loss"] - one["loss"]) / (losses[0]["loss"] - losses[-1]["loss"]) for one in losses]
    assert fallen == pytest.approx(wanted, abs=0.002)


def test_held_out_losses_are_dots_at_both_ends() -> None:
    page = loss_page(report(), log(20), language="en")
    dots = [attributes for tag, attributes in Tags(page).seen if tag == "circle"]
    assert [dot["class"] for dot in dots] == ["removed", "removed"]
    first, last = (float(dot["cx"] or 0) for dot in dots)
    assert first < curves(page)[0][0][0]
    assert last == curves(page)[0][-1][0]
    assert "held-out loss · 留出损失, 20: 3.25" in page
    without = report(held_out_loss_before=None, held_out_loss_after=None)
    assert "<circle" not in loss_page(without, log(20), language="en")


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(2.1, 6.9, ["3", "4", "5", "6"]), (6.401, 6.4042, ["6.401", "6.402", "6.403", "6.404"]), (0, 2500, ["1,000"])],
)
def test_the_axis_has_round_numbers(low: float, high: float, shown: list[str]) -> None:
    losses = [{"step": 1, "loss": high}, {"step": 2, "loss": low}]
    page = loss_page(report(held_out_loss_before=None, held_out_loss_after=None), losses, language="en")
    ticks = re.findall(r'<text class="tick"[^>]*>([^<]*)</text>', page)
    assert set(shown) <= set(ticks)
    assert len(ticks) == len(set(ticks)) <= 6


@pytest.mark.parametrize("losses", [[], log(1), [{"step": 5, "loss": 0.0}], [{"step": 1, "loss": math.nan}]])
def test_few_losses_have_a_page(losses: list[dict[str, Any]]) -> None:
    before = {"held_out_loss_before": None, "held_out_loss_after": None, "loss_first": None, "loss_last": None}
    page = loss_page(report(**before), losses, language="en")
    assert not Tags(page).open
    assert curves(page) == []
    assert "nan" not in "".join(str(tag) for tag in Tags(page).seen if tag[0] in {"circle", "svg", "line"})
    assert ("No loss was logged." in page) == (not losses)
    finite = [one for one in losses if math.isfinite(one["loss"])]
    assert page.count('<circle class="kept"') == sum(1 + ("learning_rate" in one) for one in finite)


def test_names_are_texts() -> None:
    harmed = report(model=f"runs/{HARM.replace('/', '')}", device=HARM, versions={"torch": HARM}, recipe_sha256=HARM)
    harmed["data"]["sources"][0]["name"] = HARM
    harmed["data"]["left_out"] = {HARM: 3}
    harmed["recipe"]["data"]["mixture"] = HARM
    page = loss_page(harmed, log(3), language="zh")
    tags = Tags(page)
    assert not tags.open
    assert "script" not in {tag for tag, _ in tags.seen}
    assert page.count("&lt;script&gt;") >= 5


def test_the_page_says_what_it_was_trained_with() -> None:
    page = loss_page(report(), log(20), language="en")
    for text in (
        "2 × 4 × 1",
        "ab" * 16,
        "cd" * 32,
        "rows.jsonl",
        "6.5000",
        "3.2500",
        "there is no turn of the assistant",
    ):
        assert text in page
    assert json.dumps(5e-6) in page
    assert page == loss_page(report(), log(20), language="en")
    assert 'src="' not in page
    assert "http" not in re.sub(r'<meta http-equiv="', "", page)


def test_a_pretraining_names_its_texts() -> None:
    given = report(kind="pretrain", only="new-rows", tokens_per_second=None, resumed_from_step=7)
    given["data"]["sources"] = [{"name": "text.txt", "hash": "ef" * 32}]
    page = loss_page(given, log(20), language="en")
    assert not Tags(page).open
    for text in (
        "Pretraining",
        "text.txt",
        "ef" * 32,
        "SHA-256</th>",
        "new rows of the embeddings",
        "went on from step",
    ):
        assert text in page
    assert "XXH3-128</th>" in loss_page(report(), [], language="en")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown language"):
        loss_page(report(), [], language="fr")
