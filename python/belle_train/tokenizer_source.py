"""What a command takes as a tokenizer: a merged vocabulary, any other folder, or a sentencepiece model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from belle_data.errors import SourceError, UsageError
from belle_train.model_folder import TOKENIZER_FILES
from belle_train.tokenizer import load_tokenizer


@dataclass(frozen=True, slots=True)
class TokenizerSource:
    """A tokenizer, ready to be put into the folder of a model.

    Attributes:
        path: What the user named.
        files: The bytes of its files, by their names.
        rows: Rows of embeddings that it needs, padded ones too.
        special: The ids of ``bos``, ``eos`` and ``pad``, those that it has.
    """

    path: str
    files: dict[str, bytes] = field(repr=False)
    rows: int
    special: dict[str, int]


def load_tokenizer_source(path: str | Path) -> TokenizerSource:
    """Read a tokenizer.

    Raises:
        UsageError: There is no such file or folder, or no tokenizer in it.
        SourceError: It is damaged.
    """
    place = Path(path)
    if not place.exists():
        raise UsageError("there is no such file or folder", path=path, hint="name what vocab merge wrote with --out")
    if not place.is_dir():
        return _of_model(str(path), place)
    if (place / "row_map.json").is_file():
        return _of_merged(str(path), place)
    return _of_folder(str(path), place)


def _of_model(name: str, place: Path) -> TokenizerSource:
    from belle_data.vocab.merged_folder import tokenizer_files  # noqa: PLC0415 - needs sentencepiece
    from belle_data.vocab.piece_model import load_piece_model  # noqa: PLC0415

    model = load_piece_model(place)
    return TokenizerSource(name, tokenizer_files(model), len(model.pieces), _special(model))


def _of_merged(name: str, place: Path) -> TokenizerSource:
    from belle_data.vocab.merged_folder import read_merged  # noqa: PLC0415 - needs sentencepiece

    merged = read_merged(place)
    return TokenizerSource(name, _present(place), int(merged.row_map["rows"]), _special(merged.model))


def _of_folder(name: str, place: Path) -> TokenizerSource:
    files = _present(place)
    if "tokenizer.json" not in files and "tokenizer.model" not in files:
        hint = "name the folder of a vocabulary or of a model, or a sentencepiece model"
        raise UsageError("the folder has no tokenizer", path=name, hint=hint)
    tokenizer = load_tokenizer(place)
    ids = {role: getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")}
    special = {role: number for role, number in ids.items() if number is not None}
    return TokenizerSource(name, files, highest_id(tokenizer) + 1, special)


def highest_id(tokenizer: Any) -> int:
    """The highest id that a text can become; the length of a tokenizer is less where ids have gaps."""
    return max(tokenizer.get_vocab().values(), default=-1)


def _special(model: Any) -> dict[str, int]:
    return {role: number for role, (number, _) in model.special().items() if role in {"bos", "eos", "pad"}}


def _present(place: Path) -> dict[str, bytes]:
    try:
        return {name: (place / name).read_bytes() for name in TOKENIZER_FILES if (place / name).is_file()}
    except OSError as error:
        raise SourceError(f"the tokenizer cannot be read ({error.strerror})", path=error.filename) from None
