"""Writes a BPE model of sentencepiece as a ``tokenizer.json`` of the library tokenizers, id for id the same.

Sentencepiece joins two neighbours whenever together they are a piece, the highest score first and of equal ones the
leftmost. The library tokenizers has a list of pairs instead, and joins the pair first that stands first in it. So every
way to cut a piece into two pieces is a pair, and the pairs stand in the order of the scores. Where scores tie, a list
cannot say "leftmost"; pairs with the longer left part go first, which is the same for a run that grows from its left,
such as LLaMA's spaces, and not always for others.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from belle_data.vocab.piece_model import CONTROL, ORDINARY, SPACE, UNKNOWN

if TYPE_CHECKING:
    from belle_data.vocab.piece_model import PieceModel


def tokenizer_json(model: PieceModel) -> bytes:
    """The file's bytes.

    Args:
        model: Without user-defined and unused pieces, with identity normalisation; see `merging.check_together`.
    """
    special = model.special()
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": number,
                "content": piece.text,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for number, piece in enumerate(model.pieces)
            if piece.type in {UNKNOWN, CONTROL}
        ],
        "normalizer": _normaliser(model),
        "pre_tokenizer": None,
        "post_processor": _post_processor(special.get("bos")),
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                *([{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if _has_prefix(model) else []),
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": special["unk"][1] if "unk" in special else None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": model.has_bytes(),
            "ignore_merges": False,
            "vocab": model.ids(),
            "merges": merges(model),
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def merges(model: PieceModel) -> list[tuple[str, str]]:
    """Every way to cut an ordinary piece into two, in the order in which pairs are to be joined."""
    ordinary = {piece.text for piece in model.pieces if piece.type == ORDINARY}
    found = []
    for number, piece in enumerate(model.pieces):
        if piece.type != ORDINARY:
            continue
        text = piece.text
        cuts = [at for at in range(len(text) - 1, 0, -1) if text[:at] in ordinary and text[at:] in ordinary]
        found += [(-piece.score, -at, number, text[:at], text[at:]) for at in cuts]
    found.sort(key=lambda one: one[:3])
    return [(left, right) for *_, left, right in found]


def _has_prefix(model: PieceModel) -> bool:
    return bool(model.proto().normalizer_spec.add_dummy_prefix)


def _normaliser(model: PieceModel) -> dict[str, Any]:
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if not _has_prefix(model):
        return replace
    return {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, replace]}


def _post_processor(bos: tuple[int, str] | None) -> dict[str, Any] | None:
    """Put the piece that begins a text before each."""
    if bos is None:
        return None
    number, text = bos

    def one(kind: str) -> list[dict[str, Any]]:
        type_id = 0 if kind == "A" else 1
        return [{"SpecialToken": {"id": text, "type_id": type_id}}, {"Sequence": {"id": kind, "type_id": type_id}}]

    return {
        "type": "TemplateProcessing",
        "single": one("A"),
        "pair": [*one("A"), *one("B")],
        "special_tokens": {text: {"id": text, "ids": [number], "tokens": [text]}},
    }
