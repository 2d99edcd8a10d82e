"""Mixtures of data sets, as the paper writes them: ``zh(alpaca-3.5 + alpaca-4) + sharegpt``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from belle_data.errors import UsageError

LANGUAGES = {"zh": "zh", "en": "en"}
_PART = re.compile(r"\s*(?:(?P<open>zh|en)\s*\(|(?P<name>[\w.&-]+)|(?P<sign>[+)]))")


@dataclass(frozen=True, slots=True)
class Member:
    """A data set of a mixture.

    Attributes:
        name: Its name.
        language: Only its rows in this language (``zh`` or ``en``) count; None for all.
    """

    name: str
    language: str | None = None


def parse_mixture(text: str) -> tuple[Member, ...]:
    """Understand a mixture.

    Args:
        text: Names of letters, digits, ``.``, ``-``, ``_`` and ``&``, joined by ``+``; ``zh(…)`` or ``en(…)`` around
            one or more of them. They are not put into each other.

    Returns:
        The data sets, in the order of the text.

    Raises:
        UsageError: It is no mixture, or names a data set twice.
    """
    hint = "for example zh(alpaca-3.5 + alpaca-4) + sharegpt"
    members: list[Member] = []
    language: str | None = None
    place, wants_name = 0, True
    end = len(text.rstrip())
    while place < end:
        match = _PART.match(text, place)
        good = match is not None and (
            (match["open"] and wants_name and language is None)
            or (match["name"] and wants_name)
            or (match["sign"] == "+" and not wants_name)
            or (match["sign"] == ")" and not wants_name and language is not None)
        )
        if match is None or not good:
            raise UsageError(f"the mixture cannot be understood from character {place + 1} on", value=text, hint=hint)
        if match["open"]:
            language = LANGUAGES[match["open"]]
        elif match["name"]:
            members.append(Member(match["name"], language))
            wants_name = False
        elif match["sign"] == "+":
            wants_name = True
        else:
            language = None
        place = match.end()
    if wants_name or language is not None:
        raise UsageError("the mixture breaks off", value=text, hint=hint)
    names = [member.name for member in members]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError("the mixture names a data set twice", value=twice, hint=hint)
    return tuple(members)


def named_sources(given: list[str]) -> dict[str, str]:
    """Understand ``--source NAME=PATH``.

    Raises:
        UsageError: One is not of this form, or a name comes twice.
    """
    sources: dict[str, str] = {}
    for one in given:
        name, equals, path = one.partition("=")
        if not equals or not name or not path:
            raise UsageError("a source is NAME=PATH", value=one, hint="for example --source alpaca-4=alpaca_zh.jsonl")
        if name in sources:
            raise UsageError("a source is named twice", value=name)
        sources[name] = path
    return sources
