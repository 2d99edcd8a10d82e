"""What is a Han character, and which kinds of characters a piece is made of."""

from __future__ import annotations

import re
import unicodedata

from belle_data.vocab.piece_model import SPACE

HAN = (
    "\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufa6d\ufa70-\ufad9\U00020000-\U0003fffd"
)
"""The characters with the property Script=Han in Unicode, and the planes kept for them, as a class of `re`."""
_ANY_HAN = re.compile(f"[{HAN}]")
_HAN_WORD = re.compile(f"{SPACE}?[{HAN}]+")


def has_han(text: str) -> bool:
    """Tell whether a text holds a Han character."""
    return _ANY_HAN.search(text) is not None


def why_not_han(piece: str) -> str | None:
    """Say why a piece is not made of Han characters, with at most one space before them; None if it is.

    Returns:
        ``mixed`` Han characters beside others; ``white-space`` nothing but spaces; ``digit``, ``latin``, ``letter`` of
        another script, or ``symbol``: what is in it, the first of these that applies.
    """
    if _HAN_WORD.fullmatch(piece):
        return None
    if has_han(piece):
        return "mixed"
    rest = piece.replace(SPACE, "")
    if not rest.strip():
        return "white-space"
    if any(unicodedata.category(character).startswith("N") for character in rest):
        return "digit"
    letters = [character for character in rest if unicodedata.category(character)[0] in "LM"]
    if not letters:
        return "symbol"
    latin = all(unicodedata.name(character, "").startswith(("LATIN", "FULLWIDTH LATIN")) for character in letters)
    return "latin" if latin else "letter"
