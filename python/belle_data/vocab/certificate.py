"""Proves what a merged vocabulary promises: on the files, on every text that is given, and on made strings."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.engine.progress import Listener, Silent
from belle_data.errors import UsageError
from belle_data.vocab.fuzz import fuzzed
from belle_data.vocab.han import has_han
from belle_data.vocab.merged_folder import MergedFolder, read_merged
from belle_data.vocab.merging import lowest_ordinary_score, unreachable
from belle_data.vocab.piece_model import SPACE, UNKNOWN, PieceModel, load_piece_model
from belle_data.vocab.promises import BROKEN, Promise, promises_of
from belle_data.vocab.runtimes import Fast, Sentencepiece, our_encoder
from belle_data.vocab.texts import AT_ONCE, Unit, each_unit
from belle_data.vocab.tokenizer_json import merges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FUZZ = 20_000
"""Made strings, unless another number is given."""
_NEAR = 12


@dataclass(slots=True)
class Measured:
    """What was counted on the texts of one name.

    Attributes:
        unit: What tokens are counted by: ``line`` or ``row``.
        units: How many there are.
        characters: Characters in them.
        tokens: Tokens of the merged vocabulary.
        base_tokens: Tokens of the base.
        changed: Units whose ids are not those of the base.
        without_han: Units without a Han character.
        changed_without_han: Of these, the ones whose ids are not those of the base.
    """

    unit: str = "line"
    units: int = 0
    characters: int = 0
    tokens: int = 0
    base_tokens: int = 0
    changed: int = 0
    without_han: int = 0
    changed_without_han: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; a share or mean of nothing is null."""
        return {
            "unit": self.unit,
            "units": self.units,
            "characters": self.characters,
            "tokens": self.tokens,
            "base_tokens": self.base_tokens,
            "tokens_per_unit": _over(self.tokens, self.units),
            "base_tokens_per_unit": _over(self.base_tokens, self.units),
            "tokens_per_character": _over(self.tokens, self.characters),
            "ratio": _over(self.tokens, self.base_tokens),
            "changed": self.changed,
            "changed_share": _over(self.changed, self.units),
            "without_han": self.without_han,
            "changed_without_han": self.changed_without_han,
        }


@dataclass(slots=True)
class Certificate:
    """What was found about a merged vocabulary.

    Attributes:
        mode: The mode of the merge.
        facts: Files, models, runtimes and numbers that the rest was found with.
        promises: Each promise, by its name.
        languages: What was counted on the texts of each name.
    """

    mode: str
    facts: dict[str, Any]
    promises: dict[str, Promise]
    languages: dict[str, Measured] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether no promise is broken."""
        return all(promise.state != BROKEN for promise in self.promises.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "mode": self.mode,
            "holds": self.holds,
            **self.facts,
            "promises": [promise.to_dict() for promise in self.promises.values()],
            "texts": {name: measured.to_dict() for name, measured in self.languages.items()},
        }


def check(
    folder: str | Path,
    base: str | Path,
    texts: Mapping[str, Sequence[str]],
    *,
    fuzz: int = FUZZ,
    seed: int = 0,
    limit: int | None = None,
    listener: Listener | None = None,
) -> Certificate:
    """Look at a folder that `merge` wrote, and at what each runtime makes of texts with it.

    Args:
        folder: The folder.
        base: The base of the merge.
        texts: Files for each name, such as ``zh`` and ``en``.
        fuzz: How many made strings are encoded too.
        seed: Another number makes other strings.
        limit: Only so many lines or rows of each name; None for all.
        listener: Is told about the progress.

    Raises:
        UsageError: There is no such folder or file, the base is another, or a package is not installed.
        SourceError: A file is damaged or missing.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    if limit is not None and limit < 1:
        raise UsageError("the limit must be at least 1", value=limit)
    listener = listener or Silent()
    listener.begin("check files", 0, "steps")
    work = _Work(read_merged(folder), load_piece_model(base))
    listener.end("")
    for name, files in texts.items():
        measured = Measured()
        work.certificate.languages[name] = measured

        def take(units: list[Unit], name: str = name, measured: Measured = measured) -> None:
            work.units(name, units, measured)

        measured.unit = each_unit(list(files), take, listener, limit)
    listener.begin("check made strings", fuzz, "strings")
    block: list[Unit] = []
    made = Measured()
    for number, text in enumerate(fuzzed([piece.text for piece in work.new], fuzz, seed), 1):
        block.append((text,))
        if len(block) == AT_ONCE or number == fuzz:
            work.units("made strings", block, made)
            block = []
            listener.update(number)
    listener.end("")
    work.certificate.facts["made_strings"] = {"count": made.units, "seed": seed, "changed": made.changed}
    return work.certificate


class _Work:
    """Everything that is loaded for one check."""

    def __init__(self, merged: MergedFolder, base: PieceModel) -> None:
        told = merged.summary.get("base_model")
        if not isinstance(told, dict) or told.get("sha256") != base.sha256:
            hint = "name the model that was given to merge with --base"
            raise UsageError("this is another base than that of the merge", path=base.path, hint=hint)
        self.base, self.model = base, merged.model
        self.new = self.model.pieces[len(base.pieces) :]
        self.promises = promises_of(merged.summary["mode"])
        self.reference = Sentencepiece.of(self.model)
        self.of_base = Sentencepiece.of(base)
        self.fast = Fast.of(merged.path, merged.tokenizer)
        self.ours = our_encoder(self.model)
        self.joined = np.array([_joins_a_digit(piece.text) for piece in self.model.pieces], dtype=bool)
        self.joined[: len(base.pieces)] = False
        self.unknown = {number for number, piece in enumerate(self.model.pieces) if piece.type == UNKNOWN}
        self._check_files(merged)
        self._check_pieces()
        facts = {
            "base_model": {"pieces": len(base.pieces), "sha256": base.sha256},
            "pieces": len(self.model.pieces),
            "rows": merged.summary.get("rows"),
            "files": merged.summary["files"],
            "unreachable_in_base": len(unreachable(self.model, range(len(base.pieces)))),
            "runtimes": [
                self.reference.name,
                self.fast.name,
                self.ours.name,
            ],
        }
        self.certificate = Certificate(merged.summary["mode"], facts, self.promises)

    def units(self, name: str, units: list[Unit], measured: Measured) -> None:
        """Encode units by every runtime, compare and count."""
        texts = [text for unit in units for text in unit]
        ids, before = self.reference.encode(texts), self.of_base.encode(texts)
        self._compare("fast-is-sentencepiece", name, texts, ids, self.fast.encode(texts))
        self._compare("ours-is-sentencepiece", name, texts, ids, self.ours.encode(texts))
        self._check_round_trip(name, texts, ids)
        self._check_digits(name, texts, ids)
        at = 0
        for unit in units:
            here = range(at, at + len(unit))
            at += len(unit)
            changed = any(ids[one] != before[one] for one in here)
            han = any(has_han(text) for text in unit)
            measured.units += 1
            measured.characters += sum(map(len, unit))
            measured.tokens += sum(len(ids[one]) for one in here)
            measured.base_tokens += sum(len(before[one]) for one in here)
            measured.changed += changed
            measured.without_han += not han
            measured.changed_without_han += changed and not han
            for one in here:
                if ids[one] != before[one] and not has_han(texts[one]):
                    self._differ("other-text-unchanged", name, texts[one], before[one], ids[one])

    def _compare(
        self, promise: str, name: str, texts: Sequence[str], wanted: Sequence[list[int]], found: Sequence[list[int]]
    ) -> None:
        if wanted == found:
            return
        for text, one, other in zip(texts, wanted, found, strict=True):
            if one != other:
                self._differ(promise, name, text, one, other)

    def _differ(self, promise: str, name: str, text: str, wanted: list[int], found: list[int]) -> None:
        at = next(
            (place for place, pair in enumerate(zip(wanted, found, strict=False)) if pair[0] != pair[1]),
            min(len(wanted), len(found)),
        )
        shown = [" ".join(self._name(number) for number in ids[at : at + _NEAR]) for ids in (wanted, found)]
        self.promises[promise].exception(of=name, text=text, wanted=shown[0], found=shown[1])

    def _name(self, number: int) -> str:
        return self.model.pieces[number].text if number < len(self.model.pieces) else f"#{number}"

    def _check_round_trip(self, name: str, texts: list[str], ids: list[list[int]]) -> None:
        wanted = [text.replace(SPACE, " ") for text in texts]
        for decoded in (self.reference.decode(ids), self.fast.decode(ids)):
            if decoded == wanted:
                continue
            for text, one, other, numbers in zip(texts, wanted, decoded, ids, strict=True):
                # Without pieces for bytes a model says of some characters only that they are unknown.
                if one != other and self.unknown.isdisjoint(numbers):
                    self.promises["round-trip"].exception(of=name, text=text, found=other)

    def _check_digits(self, name: str, texts: list[str], ids: list[list[int]]) -> None:
        if not self.joined.any():
            return
        for text, numbers in zip(texts, ids, strict=True):
            if self.joined[numbers].any():
                self.promises["digits-alone"].exception(of=name, text=text)

    def _check_files(self, merged: MergedFolder) -> None:
        for file in merged.edited():
            self.promises["files-as-written"].exception(file=file)
        agrees = self.promises["tokenizer-json-agrees"]
        wanted, found = self.model.ids(), self.fast.pieces()
        for text in sorted(wanted.keys() | found.keys()):
            if wanted.get(text) != found.get(text):
                agrees.exception(piece=text, wanted=wanted.get(text), found=found.get(text))
        if _merges_of(merged.tokenizer) != merges(self.model):
            agrees.exception(what="the merges are in another order, or others")
        if not self.fast.as_it_is:
            self.promises["loaded-as-it-is"].exception(what="transformers built another tokenizer")
        self._check_rows(merged)

    def _check_rows(self, merged: MergedFolder) -> None:
        rows = self.promises["rows-mapped"]
        first, count = len(self.base.pieces), len(self.model.pieces)
        new = merged.row_map["new"]
        told = Counter(str(row.get("id")) if isinstance(row, dict) else None for row in new)
        for number in range(first, count):
            if told[str(number)] != 1:
                rows.exception(id=number, times=told[str(number)])
        for row in new:
            parts = row.get("from") if isinstance(row, dict) else None
            if not parts or not all(isinstance(part, int) and 0 <= part < first for part in parts):
                rows.exception(row=str(row))
        if merged.row_map["padded"] != list(range(count, merged.row_map["rows"])):
            rows.exception(what="the padded rows are not those after the last piece")

    def _check_pieces(self) -> None:
        for number, piece in enumerate(self.base.pieces):
            if number >= len(self.model.pieces) or self.model.pieces[number] != piece:
                self.promises["base-unmoved"].exception(id=number, piece=piece.text)
        last = lowest_ordinary_score(self.base)
        for piece in self.new:
            if not piece.score < last:
                self.promises["scores-fall"].exception(piece=piece.text, score=piece.score, before=last)
            last = piece.score
        first = len(self.base.pieces)
        for number in unreachable(self.model, range(first, len(self.model.pieces))):
            self.promises["all-reachable"].exception(id=number, piece=self.model.pieces[number].text)
        for place, piece in enumerate(self.new):
            if self.joined[first + place]:
                self.promises["digits-alone"].exception(id=first + place, piece=piece.text)


def _joins_a_digit(piece: str) -> bool:
    return len(piece) > 1 and any(character.isnumeric() and not has_han(character) for character in piece)


def _merges_of(tokenizer: bytes) -> list[tuple[str, ...]] | None:
    model = json.loads(tokenizer).get("model")
    found = model.get("merges") if isinstance(model, dict) else None
    return [tuple(pair) for pair in found] if isinstance(found, list) else None


def _over(count: int, by: int) -> float | None:
    return round(count / by, 6) if by else None
