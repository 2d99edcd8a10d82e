"""Makes strings on which tokenizers tend to disagree, the same ones for the same seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from belle_data.vocab.piece_model import SPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LONGEST = 200
"""Characters of the longest string."""
_HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多"
_RARE_HAN = "龘靐齉爩鱻麤〇々㐀㒨\u3404\u9fa5\uf900\U00020000\U0002a6df\U0002f80a\U00030000"
_LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZéßøñ"
_DIGITS = "01234567890123456789０９५٣Ⅳ½②㈠"
_MARKS = "，。、；：？！“”‘’（）《》【】「」『』…—·～,.;:?!'\"()[]{}<>/\\|@#$%^&*-_=+`~"
_SPACES = (" ", "  ", SPACE, SPACE * 2, "\u3000", "\u00a0", "\t", "\n", "\r\n", "\u200b", "\u2028", "\ufeff")
_ODD = (
    "😀",
    "👨‍👩‍👧‍👦",
    "🇨🇳",
    "e\u0301",
    "བོད",
    "ไทย",
    "עברית",
    "العربية",
    "한국어",
    "ひらがな",
    "カタカナ",
    "\ue000",
    "\x01",
    "\x7f",
)
_LITERAL = ("<0x0A>", "<0xE4>", "<s>", "</s>", "<unk>", "<pad>", "[INST]", SPACE, "Ġ", "##", "@@")


def fuzzed(pieces: Sequence[str], count: int, seed: int = 0) -> Iterator[str]:
    """Make strings.

    They are put together of what breaks tokenizers: pieces beside each other, whole and cut; spaces and ``▁``; runs of
    one character; digits; characters that become bytes; borders of Han, Latin and marks; names of special pieces.

    Args:
        pieces: Pieces that are used as they are, and with their ``▁`` as a space; may be empty.
        count: How many strings.
        seed: Another number gives other strings.

    Yields:
        Strings of 1 to `LONGEST` characters that can be encoded in UTF-8.
    """
    chance = random.Random(f"vocabulary {seed}")  # noqa: S311 - strings of a test, and no secret
    for _ in range(count):
        parts = [_part(chance, pieces) for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 6, 9)))]
        between = chance.choice(("", "", "", "", " ", SPACE, "\n"))
        yield between.join(parts)[:LONGEST] or " "


def _part(chance: random.Random, pieces: Sequence[str]) -> str:
    kinds: list[Callable[[], str]] = [
        lambda: _run(chance),
        lambda: _some(chance, _HAN, 8),
        lambda: _some(chance, _LATIN, 8),
        lambda: _some(chance, _DIGITS, 6),
        lambda: _some(chance, _MARKS, 3),
        lambda: _some(chance, _HAN + _LATIN + _DIGITS + _MARKS, 10),
        lambda: _some(chance, _RARE_HAN + _HAN[:8], 4),
        lambda: chance.choice(_SPACES) * chance.choice((1, 1, 1, 2, 3, 17)),
        lambda: chance.choice(_ODD),
        lambda: chance.choice(_LITERAL),
        lambda: _any_character(chance),
    ]
    if pieces:
        kinds += [lambda: _neighbours(chance, pieces)] * 6 + [lambda: _overlap(chance, pieces)] * 5
    return chance.choice(kinds)()


def _some(chance: random.Random, characters: str, most: int) -> str:
    return "".join(chance.choice(characters) for _ in range(chance.randint(1, most)))


def _run(chance: random.Random) -> str:
    """One or two characters again and again."""
    unit = _some(chance, f" {SPACE}\n0a哈{_HAN}", 2)
    return unit * chance.choice((2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33))


def _any_character(chance: random.Random) -> str:
    while True:
        code = chance.choice((chance.randrange(0x80), chance.randrange(0x3000), chance.randrange(0x110000)))
        # Surrogates have no UTF-8, and C strings end at a zero.
        if code and not 0xD800 <= code < 0xE000:
            return chr(code)


def _piece(chance: random.Random, pieces: Sequence[str]) -> str:
    piece = chance.choice(pieces)
    return piece.replace(SPACE, " ") if chance.random() < 0.7 else piece


def _neighbours(chance: random.Random, pieces: Sequence[str]) -> str:
    """Pieces beside each other, some of them the same."""
    found = [_piece(chance, pieces) for _ in range(chance.randint(1, 4))]
    return "".join(found + found[: chance.choice((0, 0, 1))])


def _overlap(chance: random.Random, pieces: Sequence[str]) -> str:
    """Pieces without their first or last characters, so that others have to be found across the borders."""
    found = []
    for _ in range(chance.randint(2, 5)):
        piece = _piece(chance, pieces)
        cut = chance.randrange(len(piece))
        found.append(piece[cut:] if chance.random() < 0.5 else piece[: cut or None])
    return "".join(found)
