"""Joins two BPE models of sentencepiece: the pieces of the second go after those of the first, which never move."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_data.vocab.han import why_not_han
from belle_data.vocab.piece_model import (
    BYTE,
    CONTROL,
    ORDINARY,
    ROLES,
    SPACE,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    Piece,
    PieceModel,
    piece_model_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SAFE, PAPER, CHINESE_LLAMA = "safe", "paper", "chinese-llama"
MODES = (SAFE, PAPER, CHINESE_LLAMA)
PAD_TO = 64
"""The rows of the embedding matrix are a multiple of this, unless another number is given."""
MOST_PADDING = 1 << 20
ADDED, DUPLICATE, FILTERED, UNREACHABLE = "added", "duplicate", "filtered", "unreachable"
DECISIONS = (ADDED, DUPLICATE, FILTERED, UNREACHABLE)
REASONS = (
    "not-ordinary",
    "white-space",
    "digit",
    "latin",
    "letter",
    "symbol",
    "mixed",
    "missing-character",
)
"""Why a piece is filtered: not ordinary (control, byte, unknown, user-defined, unused); nothing but spaces; with a
digit; of Latin letters; with letters of another script; of other signs; Han characters beside others; a character of it
is no piece, so that not every runtime could make it."""
_TYPES = {UNKNOWN: "unknown", CONTROL: "control", USER_DEFINED: "user-defined", UNUSED: "unused", BYTE: "byte"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A piece of the added model, and what became of it.

    Attributes:
        add_id: Its id in the added model.
        piece: The piece there.
        decision: One of `DECISIONS`.
        reason: One of `REASONS` if it is filtered, else None.
        id: Its id in the merged model if it is added, in the base if it is a duplicate, else None.
    """

    add_id: int
    piece: Piece
    decision: str
    reason: str | None
    id: int | None


@dataclass(frozen=True, slots=True)
class Merge:
    """Two models joined.

    Attributes:
        mode: One of `MODES`.
        base: The first model.
        add: The second.
        model: The merged model; its first pieces are those of the base.
        candidates: Every piece of the added model, in its order.
        rows: Rows of the embedding matrix: the pieces, and the padding.
    """

    mode: str
    base: PieceModel
    add: PieceModel
    model: PieceModel
    candidates: tuple[Candidate, ...] = field(repr=False)
    rows: int

    def counts(self) -> dict[str, Any]:
        """The ledger of counts; added, duplicate, filtered and unreachable make up the pieces of the added model."""
        decisions = Counter(one.decision for one in self.candidates)
        reasons = Counter(one.reason for one in self.candidates if one.reason is not None)
        return {
            "base": len(self.base.pieces),
            "candidates": len(self.candidates),
            **{decision: decisions[decision] for decision in DECISIONS},
            "filtered_by_reason": {reason: reasons[reason] for reason in REASONS if reasons[reason]},
            "pieces": len(self.model.pieces),
            "padded": self.rows - len(self.model.pieces),
            "rows": self.rows,
        }


def merge(base: PieceModel, add: PieceModel, *, mode: str = SAFE, pad_to: int = PAD_TO) -> Merge:
    """Join two models.

    ``paper`` appends the pieces that are not there yet with their own scores, as BELLE did (arXiv 2304.07854, section
    5). ``chinese-llama`` gives them the score 0, as the script of Chinese-LLaMA does (arXiv 2304.08177). ``safe`` takes
    only pieces of Han characters, with at most one space before them, so that no text without a Han character changes;
    it numbers their scores downwards from the base's lowest ordinary one, in the order of the trained model, so that
    no two pieces tie; and it leaves out pieces that no text can produce.

    Args:
        base: The model whose pieces keep their ids, scores and types.
        add: The model whose pieces are added.
        mode: One of `MODES`.
        pad_to: The rows of the embedding matrix become a multiple of it; 0 or 1 for no padding.

    Raises:
        UsageError: The mode is unknown, the models do not go together, or no piece is left to add.
    """
    if mode not in MODES:
        raise UsageError("unknown mode", value=mode, hint=f"the modes are {', '.join(MODES)}")
    if not 0 <= pad_to <= MOST_PADDING:
        raise UsageError(f"rows are padded to a multiple of 0 to {MOST_PADDING:,}", value=pad_to)
    check_together(base, add)
    decided = _decided(base, add, mode)
    order = [number for number, (decision, _) in decided.items() if decision == ADDED]
    if mode == SAFE:
        order.sort(key=lambda number: (-add.pieces[number].score, number))
    model = _joined(base, add, order, mode)
    while mode == SAFE:
        lost = set(unreachable(model, range(len(base.pieces), len(model.pieces))))
        if not lost:
            break
        for place, number in enumerate(order):
            if len(base.pieces) + place in lost:
                decided[number] = (UNREACHABLE, None)
        order = [number for number in order if decided[number][0] == ADDED]
        model = _joined(base, add, order, mode)
    if not order:
        found = Counter(decision for decision, _ in decided.values())
        all_of = ", ".join(f"{found[decision]:,} {decision}" for decision in DECISIONS if found[decision])
        hint = "is this a model of Chinese text?" if mode == SAFE else None
        raise UsageError(f"no piece is left to add in the mode {mode} ({all_of})", path=add.path, hint=hint)
    ids = {number: len(base.pieces) + place for place, number in enumerate(order)}
    in_base = base.ids()
    candidates = tuple(
        Candidate(number, piece, *decided[number], ids.get(number, in_base.get(piece.text)))
        for number, piece in enumerate(add.pieces)
    )
    rows = -(-len(model.pieces) // pad_to) * pad_to if pad_to else len(model.pieces)
    return Merge(mode, base, add, model, candidates, rows)


def unreachable(model: PieceModel, ids: Iterable[int]) -> list[int]:
    """Name the ordinary pieces that no text produces: encoded alone, without the dummy prefix, they give other pieces.

    What a text does to a piece's characters before they are one piece, it does inside of them, in the same order as
    with these characters alone. So what is not produced alone is produced nowhere, ties at its borders aside.
    """
    wanted = [number for number in ids if model.pieces[number].type == ORDINARY]
    found = model.processor(dummy_prefix=False).encode([model.pieces[number].text for number in wanted])
    return [number for number, got in zip(wanted, found, strict=True) if got != [number]]


def lowest_ordinary_score(model: PieceModel) -> float:
    """The lowest score of an ordinary piece that is more than spaces; 0 if there is none.

    LLaMA's runs of spaces have -1e9: near that a float32 has steps of 64, so that scores would tie again.
    """
    scores = [piece.score for piece in model.pieces if piece.type == ORDINARY and piece.text.strip(SPACE)]
    return min(scores, default=0.0)


def falling_scores(start: float, count: int) -> list[float]:
    """Give float32 numbers, each below the one before and the first below `start`, by ones where that is exact."""
    import numpy as np  # noqa: PLC0415 - only where models are merged

    scores = []
    last = np.float32(start)
    for _ in range(count):
        following = np.float32(math.ceil(float(last)) - 1)
        last = following if following < last else np.nextafter(last, np.float32(-np.inf))
        scores.append(float(last))
    return scores


def check_together(base: PieceModel, add: PieceModel) -> None:
    """Refuse models that cannot be joined.

    The special pieces are those of the base, and so are its rules for spaces and normalisation. A role that both
    models have must be played by the same piece; its id in the added model does not matter, as nothing of it is kept.

    Raises:
        UsageError: They are the same, disagree on a special piece, or the base has rules or pieces that not every
            runtime can follow.
    """
    if base.content == add.content:
        raise UsageError("base and added model are the same", path=add.path, value=base.path)
    first, second = base.special(), add.special()
    for role in ROLES:
        if role in first and role in second and first[role][1] != second[role][1]:
            raise UsageError(
                f"the models disagree on special pieces: {role} is {first[role][1]!r} in the base",
                path=add.path,
                value=second[role][1],
                hint=f"train the added model with --{role}_piece as in the base",
            )
    normaliser, trainer = base.proto().normalizer_spec, base.proto().trainer_spec
    changes = {
        "normalises text": bool(normaliser.precompiled_charsmap),
        "removes extra white space": normaliser.remove_extra_whitespaces,
        "writes spaces as they are": not normaliser.escape_whitespaces,
        "puts spaces after words": trainer.treat_whitespace_as_suffix,
    }
    for what, does in changes.items():
        if does:
            hint = "as LLaMA's model: identity normalisation, all white space kept"
            raise UsageError(f"the base {what}, which not every runtime would do alike", path=base.path, hint=hint)
    odd = Counter(_TYPES[piece.type] for piece in base.pieces if piece.type in {USER_DEFINED, UNUSED})
    if odd:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(odd.items()))
        raise UsageError(f"the base has pieces that not every runtime treats alike: {kinds}", path=base.path)


def _decided(base: PieceModel, add: PieceModel, mode: str) -> dict[int, tuple[str, str | None]]:
    """Decide on each piece of the added model, by its id there; reachability aside."""
    known = base.ids()
    decided: dict[int, tuple[str, str | None]] = {}
    for number, piece in enumerate(add.pieces):
        reason = None if mode != SAFE else why_not_han(piece.text)
        if piece.text in known:
            decided[number] = (DUPLICATE, None)
        elif piece.type != ORDINARY:
            decided[number] = (FILTERED, "not-ordinary")
        else:
            decided[number] = (ADDED, None) if reason is None else (FILTERED, reason)
    if mode == SAFE:
        single = {piece.text for piece in base.pieces if piece.type == ORDINARY and len(piece.text) == 1}
        single |= {add.pieces[number].text for number, (decision, _) in decided.items() if decision == ADDED}
        for number, (decision, _) in decided.items():
            if decision == ADDED and not single.issuperset(add.pieces[number].text):
                decided[number] = (FILTERED, "missing-character")
    return decided


def _joined(base: PieceModel, add: PieceModel, order: Sequence[int], mode: str) -> PieceModel:
    message = base.proto()
    if mode == SAFE:
        scores = falling_scores(lowest_ordinary_score(base), len(order))
    else:
        scores = [add.pieces[number].score if mode == PAPER else 0.0 for number in order]
    for number, score in zip(order, scores, strict=True):
        piece = message.pieces.add()
        piece.piece, piece.score, piece.type = add.pieces[number].text, score, ORDINARY
    message.trainer_spec.vocab_size = len(message.pieces)
    return piece_model_of(message.SerializeToString(deterministic=True), "the merged model")
