"""Models joined: what moves, what is added, and what no text can tell."""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vocab.conftest import edited, with_pieces

from belle_data.errors import BelleError, UsageError
from belle_data.vocab.fuzz import LONGEST, fuzzed
from belle_data.vocab.han import has_han, why_not_han
from belle_data.vocab.merging import (
    ADDED,
    DUPLICATE,
    FILTERED,
    MODES,
    REASONS,
    UNREACHABLE,
    Merge,
    falling_scores,
    lowest_ordinary_score,
    merge,
    unreachable,
)
from belle_data.vocab.piece_model import ORDINARY, PieceModel, load_piece_model, piece_model_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


@pytest.mark.parametrize("mode", MODES)
def test_the_base_never_moves_and_counts_add_up(base: PieceModel, add: PieceModel, mode: str) -> None:
    joined = merge(base, add, mode=mode, pad_to=64)
    assert joined.model.pieces[: len(base.pieces)] == base.pieces
    counts = joined.counts()
    assert counts["candidates"] == len(add.pieces) == len(joined.candidates)
    assert counts["added"] + counts["duplicate"] + counts["filtered"] + counts["unreachable"] == len(add.pieces)
    assert sum(counts["filtered_by_reason"].values()) == counts["filtered"]
    assert counts["pieces"] == len(base.pieces) + counts["added"] == len(joined.model.pieces)
    assert counts["rows"] == counts["pieces"] + counts["padded"]
    assert (counts["rows"] % 64, counts["padded"] < 64) == (0, True)
    for one in joined.candidates:
        assert one.piece == add.pieces[one.add_id]
        assert (one.reason in REASONS) == (one.decision == FILTERED)
        assert (one.id is None) == (one.decision in {FILTERED, UNREACHABLE})
        if one.id is not None:
            assert joined.model.pieces[one.id].text == one.piece.text
            assert (one.id < len(base.pieces)) == (one.decision == DUPLICATE)
    added = [one.id for one in joined.candidates if one.decision == ADDED]
    assert sorted(map(int, filter(None, added))) == list(range(len(base.pieces), counts["pieces"]))


def test_scores_of_the_other_modes(base: PieceModel, add: PieceModel) -> None:
    own = {piece.text: piece.score for piece in add.pieces}
    for mode, wanted in (("paper", own), ("chinese-llama", dict.fromkeys(own, 0.0))):
        new = merge(base, add, mode=mode).model.pieces[len(base.pieces) :]
        assert len(new) > 250
        assert {piece.text: piece.score for piece in new} == {piece.text: wanted[piece.text] for piece in new}
        assert any(not has_han(piece.text) for piece in new)


def test_safe_pieces_are_han_in_the_order_of_the_trained_scores(base: PieceModel, add: PieceModel, safe: Merge) -> None:
    new = safe.model.pieces[len(base.pieces) :]
    assert len(new) > 200
    assert [why_not_han(piece.text) for piece in new] == [None] * len(new)
    # The base's spaces at -1e9 are no ordinary pieces: below them a float32 cannot count by ones.
    assert min(piece.score for piece in base.pieces) == -1e9
    lowest = min(piece.score for piece in base.pieces if piece.type == ORDINARY and piece.score > -1e9)
    assert lowest == lowest_ordinary_score(base)
    assert [piece.score for piece in new] == [lowest - place for place in range(1, len(new) + 1)]
    own = {piece.text: piece.score for piece in add.pieces}
    trained = [own[piece.text] for piece in new]
    assert trained == sorted(trained, reverse=True)


def test_the_scores_of_the_added_model_order_it_not_its_ids(base: PieceModel, add: PieceModel, safe: Merge) -> None:
    def turn(message: Any) -> None:
        turned = sorted(message.pieces[259:], key=lambda piece: piece.score)
        del message.pieces[259:]
        message.pieces.extend(turned)

    turned = piece_model_of(edited(add, turn), "turned.model")
    assert turned.pieces[259:] != add.pieces[259:]
    assert merge(base, turned).model.content == safe.model.content


@pytest.mark.parametrize("start", [0.0, -0.5, -31740.0, -(2.0**24) + 2, -1e9, -3e38])
def test_scores_fall_in_float32(start: float) -> None:
    scores = falling_scores(start, 300)
    assert [struct.unpack("f", struct.pack("f", score))[0] for score in scores] == scores
    assert all(after < before for before, after in zip([start, *scores], scores, strict=False))
    if start > -(2**23):
        assert all(score == int(score) for score in scores)


def test_reasons(base: PieceModel) -> None:
    known = {piece.text for piece in base.pieces}
    wanted = {
        "们可": None,
        "▁们可": None,
        "▁▁们可": "mixed",
        "们，": "mixed",
        "x们": "mixed",
        "们1": "mixed",
        "二〇": None,
        "々": None,
        "１２": "digit",
        "7x": "digit",
        "▁Zq": "latin",
        "éß": "latin",
        "のは": "letter",
        "。」": "symbol",
        "▁，": "symbol",
        "\u3000": "white-space",
        "▁▁▁▁▁": "white-space",
        "龘靐": "missing-character",
        "鑫": None,
    }
    assert not known & wanted.keys()
    single = ["们", "可", "二", "〇"]
    add = with_pieces(base, [*wanted, *(one for one in single if one not in wanted)])
    found = {one.piece.text: one for one in merge(base, add).candidates}
    assert {text: found[text].reason for text in wanted} == wanted
    assert {reason for reason in wanted.values() if reason} == set(REASONS) - {"not-ordinary"}
    extra = piece_model_of(edited(add, lambda message: message.pieces.add(piece="<call>", type=3)), "made")
    assert {mode: merge(base, extra, mode=mode).candidates[-1].reason for mode in MODES} == dict.fromkeys(
        MODES, "not-ordinary"
    )


def test_pieces_that_no_text_produces_are_left_out(base: PieceModel) -> None:
    # 乙丙 goes before 甲乙, so that 甲乙丙 comes of 甲 + 乙丙, and 丁甲乙 of nothing; 戊己庚 has no parts.
    texts = ["乙丙", "甲乙", "甲乙丙", "丁甲乙丙", "戊己庚", *"甲乙丙丁戊己庚"]
    add = with_pieces(base, texts)
    whole = merge(base, add, mode="paper")
    lost = unreachable(whole.model, range(len(base.pieces), len(whole.model.pieces)))
    assert [whole.model.pieces[number].text for number in lost] == ["戊己庚"]
    joined = merge(base, add)
    assert [one.piece.text for one in joined.candidates if one.decision == UNREACHABLE] == ["戊己庚"]
    processor = joined.model.processor(dummy_prefix=False)
    new = range(len(base.pieces), len(joined.model.pieces))
    assert [processor.encode(joined.model.pieces[number].text) for number in new] == [[number] for number in new]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_text_without_han_changes(base: PieceModel, safe: Merge, data: st.DataObject) -> None:
    some = [piece.text for piece in base.pieces if not has_han(piece.text)]
    part = st.one_of(st.sampled_from(some), st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
    text = "".join(data.draw(st.lists(part, max_size=12))).replace("\0", "")
    before, after = base.processor().encode(text), safe.model.processor().encode(text)
    assert (before == after) or has_han(text)


def test_text_with_han_gets_shorter(base: PieceModel, safe: Merge) -> None:
    text = "我们可以使用这个模型"
    assert len(safe.model.processor().encode(text)) < len(base.processor().encode(text)) * 0.6


def test_the_same_models_give_the_same_bytes(models: Any, safe: Merge) -> None:
    again = merge(load_piece_model(models.base), load_piece_model(models.add))
    assert again.model.content == safe.model.content


def test_padding(base: PieceModel, add: PieceModel) -> None:
    pieces = len(merge(base, add).model.pieces)
    for pad_to in (0, 1, 7, 64, 128):
        rows = merge(base, add, pad_to=pad_to).rows
        assert rows - pieces in range(max(pad_to, 1))
        assert rows % max(pad_to, 1) == 0
    with pytest.raises(UsageError, match="padded to a multiple"):
        merge(base, add, pad_to=-1)


def special(message: Any, role: str, text: str) -> None:
    message.pieces[getattr(message.trainer_spec, f"{role}_id")].piece = text


@pytest.mark.parametrize(
    ("change", "of_base", "message"),
    [
        (lambda one: special(one, "eos", "<end>"), False, "disagree on special pieces: eos is '</s>' in the base"),
        (lambda one: special(one, "unk", "[UNK]"), False, "disagree on special pieces: unk"),
        (lambda one: special(one, "bos", "<bos>"), True, "disagree on special pieces: bos is '<bos>'"),
        (lambda one: setattr(one.normalizer_spec, "remove_extra_whitespaces", True), True, "removes extra white"),
        (lambda one: setattr(one.trainer_spec, "treat_whitespace_as_suffix", True), True, "spaces after words"),
        (lambda one: one.pieces.add(piece="<tool>", type=4), True, "1 user-defined"),
    ],
)
def test_models_that_do_not_go_together(
    base: PieceModel, add: PieceModel, change: Any, of_base: bool, message: str
) -> None:
    pair = [base, add]
    pair[not of_base] = piece_model_of(edited(pair[not of_base], change), "changed.model")
    with pytest.raises(BelleError) as caught:
        merge(*pair)
    assert message in str(caught.value)


def test_ids_of_special_pieces_in_the_added_model_do_not_matter(base: PieceModel, add: PieceModel, safe: Merge) -> None:
    def swap(message: Any) -> None:
        trainer = message.trainer_spec
        trainer.bos_id, trainer.eos_id = trainer.eos_id, trainer.bos_id
        message.pieces[1].piece, message.pieces[2].piece = message.pieces[2].piece, message.pieces[1].piece

    other = piece_model_of(edited(add, swap), "swapped.model")
    assert other.special()["eos"] == (1, "</s>")
    assert merge(base, other).model.content == safe.model.content


def test_nothing_to_add(base: PieceModel) -> None:
    with pytest.raises(UsageError, match="are the same"):
        merge(base, base)
    for texts, message in ((["zz", "1z"], "no piece is left to add"), ([], "no piece is left to add")):
        with pytest.raises(UsageError, match=message):
            merge(base, with_pieces(base, texts))
    with pytest.raises(UsageError, match="unknown mode"):
        merge(base, with_pieces(base, ["甲"]), mode="fast")


def test_made_strings(safe: Merge) -> None:
    pieces = [piece.text for piece in safe.model.pieces[700:]]
    found = list(fuzzed(pieces, 3000, 5))
    assert found == list(fuzzed(pieces, 3000, 5))
    assert found != list(fuzzed(pieces, 3000, 6))
    assert list(fuzzed([], 50, 5))
    assert all(1 <= len(text) <= LONGEST and text.encode("utf-8") for text in found)
    # Each of what breaks tokenizers is really among them.
    kinds = Counter[str]()
    for text in found:
        kinds["spaces"] += "  " in text
        kinds["literal"] += "▁" in text
        kinds["both"] += " ▁" in text or "▁ " in text
        kinds["special"] += "</s>" in text
        kinds["long run"] += any(character * 15 in text for character in set(text))
        kinds["digits"] += sum(map(str.isdigit, text)) > 3
        kinds["bytes"] += any(ord(character) > 0xFFFF for character in text)
        kinds["borders"] += has_han(text) and any(character.isascii() and character.isalpha() for character in text)
    assert len(kinds) == 8
    assert min(kinds.values()) >= 30, kinds


def test_a_model_file_is_read_as_it_is(models: Any, base: PieceModel, tmp_path: Path) -> None:
    assert base.content == models.base.read_bytes()
    assert len(base.pieces) == 704
    assert base.special()["unk"] == (0, "<unk>")
    assert base.has_bytes()
    (tmp_path / "copy.model").write_bytes(base.proto().SerializeToString(deterministic=True))
    assert load_piece_model(tmp_path / "copy.model").pieces == base.pieces
