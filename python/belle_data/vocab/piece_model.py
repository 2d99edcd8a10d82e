"""Sentencepiece model files: read whole and checked, seen as pieces, written again."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

ORDINARY, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""The types of pieces, by their numbers in the file."""
SPACE = "\u2581"
"""What stands for a space in pieces: ``▁``."""
ROLES = ("unk", "bos", "eos", "pad")
_KINDS = {1: "unigram", 2: "BPE", 3: "word", 4: "character"}
_BPE = 2
_INSTALL = "pip install 'belle-data[vocab]'"


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece.

    Attributes:
        text: Its characters, a space as `SPACE`.
        score: What merges are ordered by, highest first; a float32.
        type: One of `ORDINARY`, `UNKNOWN`, `CONTROL`, `USER_DEFINED`, `UNUSED`, `BYTE`.
    """

    text: str
    score: float
    type: int


@dataclass(frozen=True, slots=True)
class PieceModel:
    """A BPE model of sentencepiece.

    Attributes:
        path: Where it was read, as the user named it.
        content: The bytes of the file.
        pieces: Its pieces; the place of a piece is its id.
    """

    path: str
    content: bytes = field(repr=False)
    pieces: tuple[Piece, ...] = field(repr=False)

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes, in hexadecimal digits."""
        return sha256(self.content).hexdigest()

    def ids(self) -> dict[str, int]:
        """The id of each piece, by its text."""
        return {piece.text: number for number, piece in enumerate(self.pieces)}

    def proto(self) -> Any:
        """The message that the file holds, a copy of its own."""
        return _parsed(self.content, self.path)

    def special(self) -> dict[str, tuple[int, str]]:
        """Id and text of the piece of each role in `ROLES` that the model has."""
        trainer = self.proto().trainer_spec
        named = {role: getattr(trainer, f"{role}_id") for role in ROLES}
        return {role: (at, self.pieces[at].text) for role, at in named.items() if 0 <= at < len(self.pieces)}

    def has_bytes(self) -> bool:
        """Tell whether characters without a piece become bytes, each a piece: then no text is unknown."""
        return sum(piece.type == BYTE for piece in self.pieces) == 256

    def processor(self, *, dummy_prefix: bool | None = None) -> Any:
        """Load the model into the sentencepiece library.

        Args:
            dummy_prefix: Whether a space goes before each text; None leaves it as the model says.

        Raises:
            SourceError: The library does not take the model.
        """
        content = self.content
        if dummy_prefix is not None:
            message = self.proto()
            message.normalizer_spec.add_dummy_prefix = dummy_prefix
            content = message.SerializeToString(deterministic=True)
        processor = _library("sentencepiece").SentencePieceProcessor()
        try:
            processor.LoadFromSerializedProto(content)
        except (RuntimeError, OSError, ValueError) as error:
            raise SourceError(f"sentencepiece does not take the model ({error})", path=self.path) from None
        return processor


def load_piece_model(path: str | Path) -> PieceModel:
    """Read a BPE model of sentencepiece.

    Raises:
        UsageError: There is no such file, it is a folder or no BPE model, or a package is not installed.
        SourceError: It cannot be read, is no model, is cut short or empty, or names a piece twice.
    """
    name = str(path)
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError("there is no such file", path=name) from None
    except IsADirectoryError:
        hint = "name the file, such as tokenizer.model in that folder"
        raise UsageError("this is a folder, and no sentencepiece model", path=name, hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"the model cannot be read ({reason})", path=name) from None
    return piece_model_of(content, name)


def piece_model_of(content: bytes, path: str) -> PieceModel:
    """Take the bytes of a model file; see `load_piece_model`."""
    if not content:
        raise SourceError("the file is empty, and no sentencepiece model", path=path)
    message = _parsed(content, path)
    pieces = tuple(Piece(piece.piece, piece.score, piece.type) for piece in message.pieces)
    if not pieces:
        raise SourceError("the model has no pieces", path=path)
    if not message.HasField("trainer_spec") or not message.HasField("normalizer_spec"):
        raise SourceError("the sentencepiece model is cut short: its settings are missing", path=path)
    kind = message.trainer_spec.model_type
    if kind != _BPE:
        hint = "train it with --model_type=bpe, as vocab train does"
        raise UsageError(
            f"this is a {_KINDS.get(kind, 'different')} model, and a BPE model is needed", path=path, hint=hint
        )
    _check_pieces(pieces, path)
    model = PieceModel(path, content, pieces)
    model.processor()
    return model


def same_pieces(pieces: Iterable[Piece]) -> list[tuple[str, int, int]]:
    """Name each text that stands twice among pieces, with its first two ids."""
    seen: dict[str, int] = {}
    twice = []
    for number, piece in enumerate(pieces):
        first = seen.setdefault(piece.text, number)
        if first != number:
            twice.append((piece.text, first, number))
    return twice


def _check_pieces(pieces: tuple[Piece, ...], path: str) -> None:
    twice = same_pieces(pieces)
    if twice:
        text, first, second = twice[0]
        raise SourceError(
            f"{len(twice):,} pieces stand twice in the model, first with the ids {first} and {second}",
            path=path,
            value=text,
        )
    for number, piece in enumerate(pieces):
        if not piece.text:
            raise SourceError(f"the piece with the id {number} has no characters", path=path)
        if piece.score != piece.score:
            raise SourceError(f"the piece with the id {number} has no number as its score", path=path)


def _parsed(content: bytes, path: str) -> Any:
    model_pb2 = _library("sentencepiece.sentencepiece_model_pb2")
    errors = _library("google.protobuf.message")
    message = model_pb2.ModelProto()
    try:
        message.ParseFromString(content)
    except (errors.DecodeError, UnicodeDecodeError):
        raise SourceError("the file is no sentencepiece model, or it is cut short", path=path) from None
    return message


def _library(module: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - only where a model is read

    try:
        return import_module(module)
    except (ImportError, TypeError) as error:
        package = "protobuf" if "google" in f"{module}{error}" else module.partition(".")[0]
        raise UsageError(f"vocabularies need the package {package}, which cannot be imported", hint=_INSTALL) from None
