"""What kind a token is: whole characters, a byte, the unknown token, digits or white space."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PLAIN, BYTE, UNKNOWN, DIGITS, SPACES = range(5)
"""Kinds of tokens. A byte is a piece for a byte, or a token of a byte-level vocabulary that is no whole characters."""
_LOWER_ONE_EIGHTH_BLOCK = "\u2581"
_BYTE_PIECE = re.compile(r"<0x[0-9A-Fa-f]{2}>")


def kind_of_text(text: str) -> int:
    """The kind of a token that stands for `text`; white space before digits does not count."""
    if not text:
        return PLAIN
    if text.isspace():
        return SPACES
    return DIGITS if text.strip().isdecimal() else PLAIN


def kind_of_bytes(token: bytes) -> int:
    """The kind of a token that stands for bytes."""
    try:
        return kind_of_text(token.decode("utf-8"))
    except UnicodeDecodeError:
        return BYTE


def kinds_of_pieces(processor: Any) -> npt.NDArray[np.uint8]:
    """The kinds of the pieces of a sentencepiece model, by their ids: ``uint8 [pieces]``."""
    import numpy as np  # noqa: PLC0415

    kinds = np.full(processor.get_piece_size(), PLAIN, np.uint8)
    for number in range(len(kinds)):
        if processor.is_unknown(number):
            kinds[number] = UNKNOWN
        elif processor.is_byte(number):
            kinds[number] = BYTE
        elif not processor.is_control(number):
            kinds[number] = kind_of_text(processor.id_to_piece(number).replace(_LOWER_ONE_EIGHTH_BLOCK, " "))
    return kinds


def kinds_of_tokenizer_json(tokenizer: Any) -> npt.NDArray[np.uint8]:
    """The kinds of the tokens of a tokenizer of the package tokenizers, by their ids: ``uint8 [largest id + 1]``."""
    import numpy as np  # noqa: PLC0415

    settings = json.loads(tokenizer.to_str())
    model = settings["model"]
    added = {token["id"] for token in settings["added_tokens"]}
    byte_level = '"ByteLevel"' in json.dumps([settings.get(name) for name in ("pre_tokenizer", "decoder")])
    prefix = model.get("continuing_subword_prefix") or ""
    vocabulary: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    kinds = np.full(max(vocabulary.values(), default=-1) + 1, PLAIN, np.uint8)
    unknown = model.get("unk_token")
    unknown_id = model.get("unk_id") if unknown is None else vocabulary.get(unknown)
    for token, number in vocabulary.items():
        if number == unknown_id:
            kinds[number] = UNKNOWN
        elif number in added:
            kinds[number] = kind_of_text(token)
        elif model.get("byte_fallback") and _BYTE_PIECE.fullmatch(token):
            kinds[number] = BYTE
        elif byte_level:
            kinds[number] = kind_of_bytes(_bytes_of(token))
        else:
            kinds[number] = kind_of_text(token.removeprefix(prefix).replace(_LOWER_ONE_EIGHTH_BLOCK, " "))
    return kinds


def _bytes_of(token: str) -> bytes:
    """The bytes of a byte-level token, which stand there as characters that can be printed."""
    table = _byte_characters()
    return b"".join(
        bytes([table[character]]) if character in table else character.encode("utf-8") for character in token
    )


@cache
def _byte_characters() -> dict[str, int]:
    """GPT-2's characters for bytes: a byte that can be printed in Latin-1 is itself, the others follow from U+0100."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    return {chr(byte): byte for byte in printed} | {chr(256 + at): byte for at, byte in enumerate(others)}
