"""Texts of rows as a page may show them: short, and with nothing in them that changes what stands around them."""

from __future__ import annotations

import unicodedata

MOST_CHARACTERS = 1_200
_LONGEST_MARKS = 4
"""More combining marks on one character than any script needs."""


def shown_text(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text without control characters and marks of direction, cut to at most `most` characters.

    What is not shown stands there as its number, such as ``[U+202E]``; line feeds and tabs stay. A row's own text is in
    its file unchanged.
    """
    cut = text[:most]
    result: list[str] = []
    marks = 0
    for character in cut:
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in {"Mn", "Me"} else 0
        if marks > _LONGEST_MARKS:
            continue
        if character in "\n\t" or kind not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} or character in "\u200c\u200d":
            result.append(character)
        else:
            result.append(f"[U+{ord(character):04X}]")
    left = len(text) - len(cut)
    return "".join(result) + (f" … (+{left:,})" if left else "")
