"""The programs that turn text into ids: sentencepiece, the fast tokenizer of transformers, and our own encoder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from belle_data.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from belle_data.vocab.piece_model import PieceModel

Ids = list[list[int]]
_MOST_THREADS = 8


class Runtime(Protocol):
    """Turns texts into ids, without special pieces around them and with none found in them."""

    name: str
    """The program and its version."""

    def encode(self, texts: Sequence[str]) -> Ids:
        """Give the ids of each text."""


@dataclass(slots=True)
class Sentencepiece:
    """The library sentencepiece, which the others are measured by."""

    name: str
    processor: Any

    @classmethod
    def of(cls, model: PieceModel) -> Sentencepiece:
        """Load a model."""
        from importlib.metadata import version  # noqa: PLC0415 - only where something is checked

        return cls(f"sentencepiece {version('sentencepiece')}", model.processor())

    def encode(self, texts: Sequence[str]) -> Ids:
        """Give the ids of each text."""
        found: Ids = self.processor.encode(list(texts), num_threads=min(os.cpu_count() or 1, _MOST_THREADS))
        return found

    def decode(self, ids: Ids) -> list[str]:
        """Give the text of each list of ids."""
        found: list[str] = self.processor.decode(ids, num_threads=min(os.cpu_count() or 1, _MOST_THREADS))
        return found


@dataclass(slots=True)
class Fast:
    """The fast tokenizer: as transformers loads it, or the library tokenizers where transformers is not installed.

    Attributes:
        name: The program and its version.
        as_it_is: Whether what was loaded is what ``tokenizer.json`` holds, nothing rebuilt.
        tokenizer: The tokenizer of the library tokenizers in it.
    """

    name: str
    as_it_is: bool
    tokenizer: Any

    @classmethod
    def of(cls, folder: Path, content: bytes) -> Fast:
        """Load the tokenizer of a folder.

        Raises:
            UsageError: The library tokenizers is not installed.
            SourceError: The folder holds no tokenizer.
        """
        from importlib.metadata import version  # noqa: PLC0415 - only where something is checked

        try:
            import tokenizers  # noqa: PLC0415 - an optional package
        except ImportError:
            hint = "pip install 'belle-data[vocab]'"
            raise UsageError("check needs the package tokenizers, which cannot be imported", hint=hint) from None
        name = f"tokenizers {version('tokenizers')}"
        path = folder / "tokenizer.json"
        try:
            # Its errors have no class of their own.
            tokenizer = tokenizers.Tokenizer.from_str(content.decode("utf-8"))
        except Exception as error:  # noqa: BLE001
            raise SourceError(f"the library tokenizers does not take the file ({error})", path=path) from None
        as_it_is = True
        loaded = _by_transformers(folder)
        if loaded is not None:
            name = f"transformers {version('transformers')}, {name}"
            as_it_is = json.loads(loaded.to_str()) == json.loads(tokenizer.to_str())
            tokenizer = loaded
        tokenizer.encode_special_tokens = True
        return cls(name, as_it_is, tokenizer)

    def encode(self, texts: Sequence[str]) -> Ids:
        """Give the ids of each text."""
        found = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [one.ids for one in found]

    def decode(self, ids: Ids) -> list[str]:
        """Give the text of each list of ids."""
        found: list[str] = self.tokenizer.decode_batch(ids, skip_special_tokens=False)
        return found

    def pieces(self) -> dict[str, int]:
        """The id of each piece."""
        found: dict[str, int] = self.tokenizer.get_vocab(with_added_tokens=True)
        return found


@dataclass(slots=True)
class Ours:
    """The encoder of this package."""

    name: str
    encoder: Any

    def encode(self, texts: Sequence[str]) -> Ids:
        """Give the ids of each text."""
        import pyarrow as pa  # noqa: PLC0415 - only where something is checked

        found: Ids = pa.array(self.encoder.encode(pa.array(texts, pa.string()))).to_pylist()
        return found


def our_encoder(model: PieceModel) -> Ours:
    """Load a model into our encoder.

    Raises:
        SourceError: It is none that our encoder can follow.
    """
    from belle_data import __version__, _native  # noqa: PLC0415 - loads the kernels

    try:
        return Ours(f"belle-data {__version__}", _native.BytePairEncoder(model.content))
    except ValueError as error:
        raise SourceError(f"our encoder does not take the model ({error})", path=model.path) from None


def _by_transformers(folder: Path) -> Any:
    """What ``AutoTokenizer`` loads from a folder; None where transformers is not installed."""
    # It says on standard error that torch is not installed, which nothing here needs.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    try:
        transformers = import_module("transformers")
    except ImportError:
        return None
    loud = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        return transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True).backend_tokenizer
    except Exception as error:  # noqa: BLE001 - whatever it is, the folder is not what transformers takes
        raise SourceError(f"transformers does not load the folder ({error})", path=folder) from None
    finally:
        transformers.logging.set_verbosity(loud)
