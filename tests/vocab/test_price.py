"""`vocab price`: the curve is what sentencepiece counts with so many pieces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sentencepiece
from tests.vocab.conftest import edited

from belle_data.vocab.piece_model import load_piece_model
from belle_data.vocab.pricing import NEARLY, RARE, cheap_enough, growing, price

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

MERGE = ("vocab", "merge", "--base", "base.model", "--add", "zh.model", "--out", "merged")
PRICE = ("vocab", "price", "merged", "--base", "base.model", "--text", "zh=zh.txt")


@pytest.fixture
def merged(shell: Shell) -> Shell:
    assert shell.here(*MERGE, "-q").code == 0
    return shell


def test_the_curve_is_what_sentencepiece_counts(merged: Shell) -> None:
    found = merged.here(*PRICE, "--points", "5", "--hidden-size", "16", "--layers", "2", "--json", "-q").json()
    lines = (merged.folder / "zh.txt").read_text(encoding="utf-8").splitlines()
    model = load_piece_model(merged.folder / "merged" / "tokenizer.model")
    first, order = 704, growing(model, 704)
    assert sorted(order) == list(range(first, len(model.pieces)))
    assert [size["added"] for size in found["sizes"]] == [round(len(order) * point / 5) for point in range(6)]
    assert (found["units"], found["characters"]) == (300, sum(map(len, lines)))
    for size in found["sizes"]:
        kept = {*range(first), *order[: size["added"]]}

        def cut(message: Any, kept: set[int] = kept) -> None:
            for number in reversed(range(len(message.pieces))):
                if number not in kept:
                    del message.pieces[number]

        processor = sentencepiece.SentencePieceProcessor(model_proto=edited(model, cut))
        ids = [number for line in processor.encode(lines) for number in line]
        uses = [ids.count(number) for number in range(first, processor.get_piece_size())]
        assert (size["pieces"], size["tokens"]) == (processor.get_piece_size(), len(ids))
        assert (size["unused"], size["rare"]) == (uses.count(0), sum(0 < count < RARE for count in uses))
        assert size["parameters"] == 2 * size["added"] * 16
        layers, last = 12 * 2 * 16 * 16, size["pieces"] * 16
        assert size["softmax_share"] == pytest.approx(last / (layers + last))
        assert size["work_per_character"] == pytest.approx(len(ids) * (layers + last) / found["characters"])
        assert size["ratio"] == pytest.approx(len(ids) / found["sizes"][0]["tokens"])
    assert found["sizes"][-1]["ratio"] < 0.6
    assert found["sizes"][2]["unused"] < found["sizes"][-1]["unused"] or found["sizes"][-1]["unused"] == 0


def test_a_vocabulary_can_stop_anywhere(merged: Shell) -> None:
    model = load_piece_model(merged.folder / "merged" / "tokenizer.model")
    there = {piece.text for piece in model.pieces[:704]}
    scores = []
    for number in growing(model, 704):
        piece = model.pieces[number]
        assert len(piece.text) == 1 or there.issuperset(piece.text)
        there.add(piece.text)
        scores += [piece.score] if len(piece.text) > 1 else []
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 100


def test_the_page_shows_each_size(merged: Shell) -> None:
    named = merged.folder / "<b>merged"
    (merged.folder / "merged").rename(named)
    command = ("vocab", "price", named, *PRICE[3:], "--points", "3", "-q")
    found = merged.here(*command, "--json").json()
    assert merged.here(*command, "--html", "price.html", "--lang", "zh").code == 0
    page = (merged.folder / "price.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in page
    assert "&lt;b&gt;merged" in page
    assert "<b>merged" not in page
    assert page.count('<tr><th scope="row">') == 2 * len(found["sizes"])
    for size in found["sizes"]:
        tokens, work = (f"{100 * size[name]:.1f} %" for name in ("ratio", "work_ratio"))
        # The base has the longest bars, so that a share of it is a share of the room.
        bar = f'<i class="removed" style="--part:{size["ratio"]:.4f}"></i>'
        assert f'title="+{size["added"]:,}, tokens · 词元数: {tokens}">{bar}<span>{tokens}</span>' in page
        assert f'title="+{size["added"]:,}, work · 计算量: {work}"' in page
        assert f'<td class="number">{size["unused"]:,}</td><td class="number">{size["rare"]:,}</td></tr>' in page
    assert page.count("建议</span>") == 1


def test_the_first_that_is_cheap_enough() -> None:
    assert cheap_enough([10.0, 5.03, 5.02, 5.0, 4.999, 6.0]) == 2
    assert cheap_enough([1.0]) == 0
    assert cheap_enough([4.0, 5.0]) == 0


@pytest.mark.parametrize(("hidden", "layers"), [(4096, 32), (1, 1), (100_000, 1)])
def test_the_proposed_size_is_the_smallest_of_the_cheap(merged: Shell, hidden: int, layers: int) -> None:
    folder = merged.folder
    found = price(folder / "merged", folder / "base.model", [str(folder / "zh.txt")], hidden_size=hidden, layers=layers)
    works = [size.work for size in found.sizes]
    cheap = [place for place, work in enumerate(works) if work <= min(works) * (1 + NEARLY)]
    assert found.proposed == cheap[0]
    assert len(found.sizes) == 9
    if layers == 32:
        assert found.proposed > 0


def test_the_table(merged: Shell) -> None:
    done = merged.here(*PRICE, "--points", "2")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("merged  300 units")
    assert lines[2].split()[:3] == ["added", "pieces", "tokens/unit"]
    assert lines[3].split()[:4] == ["0", "704", lines[3].split()[2], "1.0000"]
    assert sum("proposed" in line for line in lines) == 1
    assert json.loads(merged.here(*PRICE, "--json", "-q").out)["sizes"][0]["ratio"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (PRICE[:5], "are required: --text"),
        ([*PRICE, "--points", "0"], "the points must be 1 to 64"),
        ([*PRICE, "--layers", "0"], "the layers must be"),
        ([*PRICE, "--hidden-size", "0"], "the hidden size must be"),
        ([*PRICE, "--limit", "0"], "at least 1"),
        ([*PRICE[:4], "zh.model", *PRICE[5:]], "another base"),
        ([*PRICE[:6], "zh=none.txt"], "there is no such file"),
        ([*PRICE[:6], "zh=empty.txt"], "there is no text in the input"),
        (["vocab", "price", "none", *PRICE[3:]], "there is no such folder"),
    ],
)
def test_wrong_use(merged: Shell, arguments: list[str], message: str) -> None:
    (merged.folder / "empty.txt").write_text("", encoding="utf-8")
    done = merged.here(*arguments, "-q")
    assert (done.code, done.out, message in done.err) == (2, "", True), done.err
