"""The near-duplicate rules once more, slow and obvious: what the kernels are tested against.

Texts are compared as they stand. Everything here is quadratic or worse; a few thousand texts are its limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Shingle = tuple[str, ...]

_EAST_ASIAN = (
    (0x4E00, 0x9FFF),  # Han
    (0x3400, 0x4DBF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
    (0x3005, 0x3007),  # iteration marks, the ideographic zero, Hangzhou numerals
    (0x3021, 0x3029),
    (0x3038, 0x303B),
    (0x3041, 0x3096),  # kana
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),
    (0x30FC, 0x30FF),
    (0x31F0, 0x31FF),
    (0x1B000, 0x1B16F),
    (0xAC00, 0xD7A3),  # hangul
    (0x1100, 0x11FF),
    (0x3131, 0x318E),
    (0xA960, 0xA97C),
    (0xD7B0, 0xD7FB),
    (0xFF66, 0xFF9D),  # half-width kana and hangul
    (0xFFA0, 0xFFDC),
)

# Unicode's White_Space; `str.isspace` and `str.split` also take the separators U+001C to U+001F.
_WHITE_SPACE = "\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def is_east_asian(text: str) -> bool:
    """Whether a text has any Han, kana or hangul character, so that its shingles are characters."""
    return any(first <= ord(character) <= last for character in text for first, last in _EAST_ASIAN)


def words_of(text: str) -> list[str]:
    """Split a text at Unicode white space."""
    spaced = "".join(" " if character in _WHITE_SPACE else character for character in text)
    return [word for word in spaced.split(" ") if word]


def shingles(text: str, characters: int = 5, words: int = 3) -> set[Shingle]:
    """The set of a text's shingles; never empty.

    With any Han, kana or hangul character these are `characters` characters in a row, otherwise `words` words. A text
    shorter than one shingle is its own. The kinds never meet: the first item of a shingle says which it is.
    """
    if is_east_asian(text):
        if len(text) < characters:
            return {("short characters", text)}
        return {("characters", text[start : start + characters]) for start in range(len(text) - characters + 1)}
    found = words_of(text)
    if len(found) < words:
        return {("short words", text)}
    return {("words", *found[start : start + words]) for start in range(len(found) - words + 1)}


def jaccard(left: set[Shingle], right: set[Shingle]) -> float:
    """Shared over all of two sets of shingles, 0.0 to 1.0."""
    return len(left & right) / len(left | right)


def first_maximal_independent_set(
    texts: Sequence[str], order: Iterable[int], threshold: float, characters: int = 5, words: int = 3
) -> list[int]:
    """Numbers of the texts that stay, ascending: in `order`, each that is like none of those that already stay.

    That is the lexicographically first maximal independent set of the graph in which two texts are joined if their
    Jaccard similarity is at least `threshold`. Empty for no text.
    """
    kept: dict[int, set[Shingle]] = {}
    for number in order:
        own = shingles(texts[number], characters, words)
        if all(jaccard(own, other) < threshold for other in kept.values()):
            kept[number] = own
    return sorted(kept)


def greedy_by_shared_shingles(
    texts: Sequence[str], order: Iterable[int], threshold: float, characters: int = 5, words: int = 3
) -> list[int]:
    """The same answer for thousands of texts: only texts that share a shingle are compared, all others have 0."""
    kept: dict[int, set[Shingle]] = {}
    holders: dict[Shingle, list[int]] = {}
    for number in order:
        own = shingles(texts[number], characters, words)
        rivals = {other for shingle in own for other in holders.get(shingle, ())}
        if all(jaccard(own, kept[other]) < threshold for other in rivals):
            kept[number] = own
            for shingle in own:
                holders.setdefault(shingle, []).append(number)
    return sorted(kept)
