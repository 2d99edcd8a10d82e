"""Pairs that are no duplicates, made by rule: the same form with other content.

Two prompts of the data that share most of their text but not what it is about, and prompts in which one number, one
denial or one word was changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from belle_data.calibration.prompts import digest_of
from belle_data.calibration.rewordings import HAN
from belle_data.calibration.words import (
    CHINESE_DENIALS,
    CHINESE_GENERAL,
    CHINESE_MEASURES,
    CHINESE_NUMERALS,
    CHINESE_OTHER_REQUESTS,
    CHINESE_POINTING,
    CHINESE_REQUESTS,
    ENGLISH_DENIALS,
    ENGLISH_NUMERALS,
    ENGLISH_OTHER_REQUESTS,
    ENGLISH_POINTING,
    ENGLISH_REQUESTS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONGEST_TEMPLATE = 2000
"""Characters of a prompt up to which it is looked at for what it shares with others."""
LONGEST_EDITED = 120
"""Characters of a prompt up to which one word of it is changed; in a longer one a word means little."""
_LEAST_SHARED = 4
_WORD_LENGTHS = range(2, 7)
_NUMBER = re.compile(r"(?<![A-Za-z0-9.])\d{1,6}(?![A-Za-z0-9]|\.\d)")
_CHINESE_NUMBER = re.compile(f"[{CHINESE_NUMERALS}](?=[{CHINESE_MEASURES}])")
_ENGLISH_NUMBER = re.compile(rf"\b(?:{'|'.join(ENGLISH_NUMERALS)})\b")
_DENIALS = (
    # Of a word and its denial the longer one is what stands there. 不支持 is no 支持, and 优缺点 no 缺点.
    *((re.compile(f"(?<![不没未无优])(?:{other}|{one})"), one, other) for one, other in CHINESE_DENIALS),
    *((re.compile(rf"\b(?:{other}|{one})\b"), one, other) for one, other in ENGLISH_DENIALS),
)
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
_EMPTY_WORDS = sorted(
    {
        *CHINESE_POINTING,
        *CHINESE_GENERAL,
        *CHINESE_OTHER_REQUESTS,
        *(word for line in CHINESE_REQUESTS for word in line),
    },
    key=lambda word: (-len(word), word),
)
_EMPTY_CHINESE = re.compile("|".join(map(re.escape, _EMPTY_WORDS)))
_EMPTY_ENGLISH = {
    word.lower()
    for word in (*ENGLISH_POINTING, *ENGLISH_OTHER_REQUESTS, *(one for line in ENGLISH_REQUESTS for one in line))
}


def same_template(prompts: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """Find prompts that share at least half of their text, at the ends, and have other content between.

    Only neighbours in alphabetic order are compared, read forwards and backwards.

    Returns:
        Two prompts, and what only the first and only the second has; each pair of prompts once, the smaller first.
    """
    short = [prompt for prompt in prompts if len(prompt) <= LONGEST_TEMPLATE]
    found = {}
    for key in (str, lambda text: text[::-1]):
        ordered = sorted(short, key=key)
        for one, other in pairwise(ordered):
            left, right = min(one, other), max(one, other)
            if (left, right) not in found and (between := _between(left, right)) is not None:
                found[left, right] = between
    return [(left, right, *between) for (left, right), between in found.items()]


def _between(left: str, right: str) -> tuple[str, str] | None:
    """What two prompts of one template differ in; None if they share too little, or mean perhaps the same."""
    start = _shared(left, right)
    most = min(len(left), len(right)) - start
    end = _shared(left[::-1][:most], right[::-1][:most])
    # A word is not cut in two.
    while start and _latin(left[start - 1]) and (_latin(left[start : start + 1]) or _latin(right[start : start + 1])):
        start -= 1
    while end and _latin(left[-end]) and (_latin(left[-end - 1 : -end]) or _latin(right[-end - 1 : -end])):
        end -= 1
    ones, others = left[start : len(left) - end], right[start : len(right) - end]
    shared = start + end
    if shared < _LEAST_SHARED or 2 * shared < min(len(left), len(right)):
        return None
    return (ones, others) if _other_content(ones, others) else None


def _shared(left: str, right: str) -> int:
    """How many characters two texts share at their start."""
    most = min(len(left), len(right))
    return next((at for at in range(most) if left[at] != right[at]), most)


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _other_content(ones: str, others: str) -> bool:
    """Whether two pieces of text surely say different things: words with content on both sides, hardly one in both."""
    words, other_words = _content(ones), _content(others)
    if not words or not other_words:
        return False
    return 5 * len(words & other_words) < min(len(words), len(other_words))


def _content(text: str) -> set[str]:
    """Words with content: Latin words and numbers, and of Chinese each character."""
    latin = {word.lower() for word in re.findall(r"[A-Za-z]{2,}|\d+", text)} - _EMPTY_ENGLISH
    chinese = HAN.findall(_EMPTY_CHINESE.sub(" ", text))
    # One character is as often a measure word or a particle.
    return latin | (set(chinese) if len(chinese) > 1 else set())


@dataclass(frozen=True, slots=True)
class Edit:
    """A prompt in which one thing was changed."""

    text: str
    what: str
    """What was changed to what, the same for every prompt in which it is."""


def another_number(prompt: str) -> Edit | None:
    """Replace one number by another; None where there is none."""
    places = [*_NUMBER.finditer(prompt), *_CHINESE_NUMBER.finditer(prompt), *_ENGLISH_NUMBER.finditer(prompt)]
    if not places or len(prompt) > LONGEST_EDITED:
        return None
    chance = digest_of(prompt)
    place = places[chance % len(places)]
    step = 1 + chance // 64 % 7
    if place[0].isdigit() and place[0].isascii():
        # As many digits, and not nothing of what was asked for.
        new = str((int(place[0]) + step) % 10 ** len(place[0]) or 1).zfill(len(place[0]))
    elif place[0] in CHINESE_NUMERALS:
        # 二 and 两 are the same number.
        numerals = CHINESE_NUMERALS[2:]
        new = numerals[(numerals.find(place[0]) + step) % len(numerals)]
    else:
        new = ENGLISH_NUMERALS[(ENGLISH_NUMERALS.index(place[0]) + step) % len(ENGLISH_NUMERALS)]
    return Edit(prompt[: place.start()] + new + prompt[place.end() :], f"{place[0]} {new}")


def a_denial(prompt: str) -> Edit | None:
    """Deny one word, or take its denial away, or say its opposite; None where no such word is known."""
    if len(prompt) > LONGEST_EDITED:
        return None
    found = []
    for pattern, one, other in _DENIALS:
        match = pattern.search(prompt)
        if match:
            new = other if match[0] == one else one
            found.append(Edit(prompt[: match.start()] + new + prompt[match.end() :], f"{one} {other}"))
    return found[digest_of(prompt) % len(found)] if found else None


class OtherWords:
    """Words that stand in one place of a template, in two prompts of the data: each can take the other's place.

    Args:
        pairs: What `same_template` found.
    """

    def __init__(self, pairs: Sequence[tuple[str, str, str, str]]) -> None:
        self._other: dict[str, str] = {}
        for _, _, ones, others in sorted(pairs, key=lambda pair: digest_of(pair[2] + "\n" + pair[3])):
            one, other = ones.strip(), others.strip()
            if _is_word(one) and _is_word(other):
                self._other.setdefault(one, other)
                self._other.setdefault(other, one)

    def in_place(self, prompt: str) -> Edit | None:
        """Put another word in the place of one of the prompt; None if it has none that is known."""
        if len(prompt) > LONGEST_EDITED:
            return None
        found = [
            Edit(prompt[:start] + self._other[word] + prompt[start + len(word) :], f"{word} {self._other[word]}")
            for start, word in self._words(prompt)
        ]
        return found[digest_of(prompt) % len(found)] if found else None

    def _words(self, prompt: str) -> Iterator[tuple[int, str]]:
        """Known words of a prompt, of those at one place the longest."""
        for match in _LATIN_WORD.finditer(prompt):
            if match[0] in self._other:
                yield match.start(), match[0]
        at = 0
        while at < len(prompt):
            known = [size for size in _WORD_LENGTHS if prompt[at : at + size] in self._other]
            if known and HAN.match(prompt[at]):
                yield at, prompt[at : at + known[-1]]
            at += known[-1] if known else 1


def _is_word(text: str) -> bool:
    """Whether a text is one Latin word, or a few Chinese characters."""
    if _LATIN_WORD.fullmatch(text):
        return len(text) > 2
    return len(text) in _WORD_LENGTHS and len(HAN.findall(text)) == len(text) and not _EMPTY_CHINESE.search(text)
