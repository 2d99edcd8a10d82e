"""What a larger vocabulary saves and costs: tokens against parameters and the work of the last layer, size by size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.engine.progress import Listener, Silent
from belle_data.errors import SourceError, UsageError
from belle_data.vocab.merged_folder import read_merged
from belle_data.vocab.piece_model import PieceModel, load_piece_model, piece_model_of
from belle_data.vocab.runtimes import Sentencepiece
from belle_data.vocab.texts import Unit, each_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HIDDEN_SIZE, LAYERS = 4096, 32
"""LLaMA's of seven thousand million parameters."""
POINTS = 8
"""Sizes that are measured beside the base, unless another number is given."""
NEARLY = 0.005
"""The proposed size costs at most this much more than the cheapest, as a share."""
RARE = 10
"""A piece that is used less often than this is rare: its row of the embeddings is hardly trained."""


@dataclass(frozen=True, slots=True)
class Size:
    """One size of the vocabulary, and what came of it on the texts.

    Attributes:
        added: Pieces beyond the base.
        pieces: Pieces together.
        tokens: Tokens of all texts.
        unused: Added pieces that no text used.
        rare: Added pieces that were used, but less than `RARE` times.
        parameters: Parameters that the added pieces cost: a row of the embeddings and one of the last layer each.
        work: Multiplications for each character of the texts: of the layers, and of the last one.
        softmax: The last layer's share of them.
    """

    added: int
    pieces: int
    tokens: int
    unused: int
    rare: int
    parameters: int
    work: float
    softmax: float


@dataclass(frozen=True, slots=True)
class Price:
    """The curve, smallest size first, and which size pays.

    Attributes:
        sizes: Each size that was measured; the first is the base alone.
        proposed: The place in `sizes` of the smallest one that costs at most `NEARLY` more work than the cheapest.
        units: Lines or rows that were read.
        characters: Characters in them.
        hidden_size: Numbers in a row of the embeddings.
        layers: Layers of the language model.
    """

    sizes: tuple[Size, ...]
    proposed: int
    units: int
    characters: int
    hidden_size: int
    layers: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        first = self.sizes[0]
        return {
            "units": self.units,
            "characters": self.characters,
            "hidden_size": self.hidden_size,
            "layers": self.layers,
            "proposed": self.sizes[self.proposed].added,
            "sizes": [
                {
                    "added": size.added,
                    "pieces": size.pieces,
                    "tokens": size.tokens,
                    "tokens_per_unit": size.tokens / self.units,
                    "ratio": size.tokens / first.tokens,
                    "unused": size.unused,
                    "rare": size.rare,
                    "parameters": size.parameters,
                    "softmax_share": size.softmax,
                    "work_per_character": size.work,
                    "work_ratio": size.work / first.work,
                }
                for size in self.sizes
            ],
        }


def price(
    folder: str | Path,
    base: str | Path,
    texts: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    points: int = POINTS,
    hidden_size: int = HIDDEN_SIZE,
    layers: int = LAYERS,
    limit: int | None = None,
    listener: Listener | None = None,
) -> Price:
    """Measure how many tokens texts take with more and more pieces of a merged vocabulary.

    Work is counted as multiplications for each character: tokens for each character, times those of a token: 12 times
    the layers times the square of the hidden size, as LLaMA's layers have, and the pieces times the hidden size.

    Args:
        folder: What `merge` wrote.
        base: The base of the merge.
        texts: Files, or files by name as `certificate.check` has them; all count together.
        points: Sizes that are measured beside the base, evenly spread; 1 to 64.
        hidden_size: Numbers in a row of the embeddings.
        layers: Layers of the language model.
        limit: Only so many lines or rows of each name; None for all.
        listener: Is told about the progress.

    Raises:
        UsageError: A number is out of range, or folder, base or files do not go together.
        SourceError: A file cannot be read, or there is no text.
    """
    for name, value, most in (("points", points, 64), ("hidden size", hidden_size, 1 << 20), ("layers", layers, 4096)):
        if not 1 <= value <= most:
            raise UsageError(f"the {name} must be 1 to {most}", value=value)
    if limit is not None and limit < 1:
        raise UsageError("the limit must be at least 1", value=limit)
    groups = list(texts.values()) if hasattr(texts, "values") else [list(texts)]
    if not any(groups):
        raise UsageError("no text is given", hint="such as --text zh=zh_text.txt.zst")
    merged, first = read_merged(folder), load_piece_model(base)
    if merged.summary.get("base_model", {}).get("sha256") != first.sha256:
        raise UsageError("this is another base than that of the merge", path=first.path)
    order = growing(merged.model, len(first.pieces))
    counts = sorted({round(len(order) * point / points) for point in range(points + 1)})
    curve = [_Counted(_with(merged.model, len(first.pieces), order[:count])) for count in counts]
    units = characters = 0

    def take(block: list[Unit]) -> None:
        nonlocal units, characters
        flat = [text for unit in block for text in unit]
        units += len(block)
        characters += sum(map(len, flat))
        for counted in curve:
            counted.take(flat)

    for files in groups:
        each_unit(list(files), take, listener or Silent(), limit)
    if not characters:
        raise SourceError("there is no text in the input", path=", ".join(name for files in groups for name in files))
    body = 12 * layers * hidden_size**2
    sizes = tuple(one.size(len(first.pieces), body, hidden_size, characters) for one in curve)
    return Price(sizes, cheap_enough([size.work for size in sizes]), units, characters, hidden_size, layers)


def cheap_enough(works: Sequence[float]) -> int:
    """The first place whose work is at most `NEARLY` above the least, as a share of it."""
    return next(place for place, work in enumerate(works) if work <= min(works) * (1 + NEARLY))


def growing(model: PieceModel, first: int) -> list[int]:
    """Put the new pieces into an order in which a vocabulary can stop anywhere.

    Characters come first: without its own piece each costs as many tokens as it has bytes, and every runtime can build
    longer pieces only of characters that are pieces. The others come in the order of their scores.

    Args:
        model: A merged model.
        first: The id of its first new piece.
    """
    new = range(first, len(model.pieces))
    return sorted(new, key=lambda one: (len(model.pieces[one].text) > 1, -model.pieces[one].score, one))


def _with(model: PieceModel, first: int, added: Sequence[int]) -> PieceModel:
    """The model with some of its new pieces only, in the order of their ids."""
    message = model.proto()
    kept = [message.pieces[number] for number in (*range(first), *sorted(added))]
    copied = [type(piece).FromString(piece.SerializeToString()) for piece in kept]
    del message.pieces[:]
    message.pieces.extend(copied)
    message.trainer_spec.vocab_size = len(copied)
    return piece_model_of(message.SerializeToString(deterministic=True), model.path)


class _Counted:
    """The pieces of one size, each with how often it was used."""

    def __init__(self, model: PieceModel) -> None:
        self.runtime = Sentencepiece.of(model)
        self.uses = np.zeros(len(model.pieces), dtype=np.int64)

    def take(self, texts: Sequence[str]) -> None:
        flat = [number for ids in self.runtime.encode(texts) for number in ids]
        self.uses += np.bincount(np.array(flat, dtype=np.int64), minlength=len(self.uses))

    def size(self, first: int, body: int, hidden_size: int, characters: int) -> Size:
        pieces, tokens, new = len(self.uses), int(self.uses.sum()), self.uses[first:]
        last = pieces * hidden_size
        return Size(
            added=pieces - first,
            pieces=pieces,
            tokens=tokens,
            unused=int((new == 0).sum()),
            rare=int(((new > 0) & (new < RARE)).sum()),
            parameters=2 * (pieces - first) * hidden_size,
            work=tokens / characters * (body + last),
            softmax=last / (body + last),
        )
