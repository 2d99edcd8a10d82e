"""What a token is: a character, or a piece of a sentencepiece model, whose package cuts the texts."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

CHARACTERS = "characters"
PREFIX = "sentencepiece:"
_TEXTS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Pieces:
    """A sentencepiece model.

    Attributes:
        path: Its file, absolute.
        sha256: Of its bytes, in hexadecimal digits: another model cuts other pieces.
        processor: The package's processor.
    """

    path: str
    sha256: str
    processor: Any

    def names(self) -> list[str]:
        """Give the name of each piece, by its number. Unused ones may share a name, which is told apart here."""
        names, seen = [], set()
        for number in range(self.processor.get_piece_size()):
            name = self.processor.id_to_piece(number)
            names.append(f"{name}#{number}" if name in seen or name in {"<unk>", "<s>", "</s>"} else name)
            seen.add(name)
        return names

    def encode(self, texts: Iterable[str]) -> tuple[bytes, bytes, int]:
        """Cut texts: the numbers of all pieces as ``uint32``, the ends of the texts as ``uint64``, how many texts."""
        ids, ends = array("I"), array("Q")
        block: list[str] = []

        def cut() -> None:
            for pieces in self.processor.encode(block):
                ids.extend(pieces)
                ends.append(len(ids))
            block.clear()

        for text in texts:
            block.append(text)
            if len(block) == _TEXTS_AT_ONCE:
                cut()
        cut()
        return ids.tobytes(), ends.tobytes(), len(ends)

    def notes(self) -> bytes:
        """What a model remembers of its tokenizer."""
        return json.dumps({"sentencepiece": self.path, "sha256": self.sha256}, ensure_ascii=False).encode()


def tokenizer_of(tokens: str) -> Pieces | None:
    """Open what ``--tokens`` names: None for characters.

    Raises:
        UsageError: It is neither ``characters`` nor ``sentencepiece:FILE``, or the package is not installed.
        SourceError: The file is no sentencepiece model.
    """
    if tokens == CHARACTERS:
        return None
    if not tokens.startswith(PREFIX) or tokens == PREFIX:
        raise UsageError("unknown tokens", value=tokens, hint="characters, or sentencepiece:FILE")
    return load_pieces(tokens.removeprefix(PREFIX))


def load_pieces(path: str, wanted: str | None = None) -> Pieces:
    """Load a sentencepiece model, whose bytes have the wanted SHA-256 if one is given.

    Raises:
        UsageError: The package is not installed.
        SourceError: The file cannot be read, is no sentencepiece model, or another than wanted.
    """
    try:
        import sentencepiece  # noqa: PLC0415 - an optional package
    except ImportError:
        hint = "pip install sentencepiece"
        raise UsageError(
            "the package sentencepiece is not installed, which cuts texts into pieces", hint=hint
        ) from None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"the sentencepiece model cannot be read ({error.strerror})", path=path) from None
    digest = sha256(content).hexdigest()
    if wanted is not None and digest != wanted:
        hint = f"the language model was trained with one of SHA-256 {wanted}"
        raise SourceError("this is another sentencepiece model", path=path, value=digest, hint=hint)
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(content)
        known = processor.get_piece_size()
    except (RuntimeError, OSError, ValueError):
        known = 0
    if not known:
        raise SourceError("the file is no sentencepiece model", path=path)
    return Pieces(str(Path(path).resolve()), digest, processor)


def pieces_of(notes: bytes, path: str | None) -> Pieces:
    """Load the sentencepiece model that a language model was trained with, from another path if one is given.

    Raises:
        UsageError: The package is not installed, or nothing tells which tokenizer it was.
        SourceError: The file is gone, or is another.
    """
    try:
        told = json.loads(notes or b"{}")
        where, wanted = str(told["sentencepiece"]), str(told["sha256"])
    except (ValueError, KeyError, TypeError):
        raise UsageError("the language model does not say how texts are cut into its pieces") from None
    return load_pieces(path or where, wanted)
