"""A judge's reply made ready for reading: one spelling of each sign, and nothing in it that the judge only repeats.

All of it takes time in proportion to the lengths of the texts, and no string makes it raise.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_train.judge.replies import Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LONGEST_REPLY = 1 << 20
"""Characters; judges are given some thousand tokens, so what is longer was not written by one."""
LONGEST_COINCIDENCE = 11
"""Letters and digits that a reply and a shown text may share in a row by chance; a longer run is a repetition."""
GAP = "…"
"""Stands for what was taken out, so that what stood on its two sides does not grow together."""


class Object(list[tuple[str, Any]]):
    """An object of JSON: all its keys with their values, also those that occur twice."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of JSON as it is written."""

    text: str


def _signs() -> dict[int, str]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    table |= dict.fromkeys([0x09, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
    table |= dict.fromkeys([0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029], "\n")
    table |= dict.fromkeys([0x2010, 0x2011, 0x2212, 0xFE63], "-")
    table |= dict.fromkeys([0x2012, 0x2013, 0x2014, 0x2015], "–")
    table |= dict.fromkeys([0x301C, 0x223C], "~")
    table |= dict.fromkeys([0x2044, 0x2215], "/")
    table |= dict.fromkeys([0x2236, 0xFE55, 0xFE13], ":")
    table |= {0x3010: "[", 0x3011: "]", 0xFF61: "。", 0xFE52: ".", 0xFE50: ","}
    # What has no width: a reader does not see it, so it must not part a label from its score.
    no_width = [0x00, 0xAD, 0x34F, 0x61C, 0x180E, 0x2060, 0xFEFF]
    ranges = [range(0x200B, 0x2010), range(0x202A, 0x202F), range(0x2061, 0x2070), range(0xFE00, 0xFE10)]
    table |= dict.fromkeys([*no_width, *(code for one in ranges for code in one), *range(0xE0000, 0xE0080)], "")
    return table


_SIGNS = _signs()
_THOUGHT = re.compile(r"\s*<think>", re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"</think>", re.IGNORECASE)
_BLOCKQUOTE = re.compile(r"^ {0,8}(?:[-*] )?>[^\n]*$", re.MULTILINE)
_CODE = re.compile(r"^ {0,8}(?:```|~~~)[A-Za-z0-9_+.-]{0,20} {0,8}$", re.MULTILINE)
_QUOTATION = re.compile(r"“[^“”]*”|「[^「」]*」|『[^『』]*』|〝[^〝〞]*〞|«[^«»]*»|‘[^‘’\n]*’")
_SAME_MARKS = {
    '"': re.compile(r'"[^"]*"'),
    "`": re.compile(r"`[^`]*`"),
    "'": re.compile(r"(?<![^\W_])'[^']*'(?![^\W_])"),
}
_TAG = re.compile(r"<(?P<end>/?) ?(?:score|rating|final[_ ]score|得分|评分|分数) ?>", re.IGNORECASE)
_RULE = re.compile(r"^[ |:]*-[-| :]{2,}$", re.MULTILINE)


def unreadable(text: str, finish: str | None) -> Missing | None:
    """Say why a reply cannot be read, whatever stands in it; None if it can.

    Args:
        text: The reply.
        finish: Why it ended, as the server says.
    """
    if finish == "length":
        return Missing("truncated_reply")
    if finish == "content_filter":
        return Missing("filtered")
    if len(text) > LONGEST_REPLY:
        return Missing("no_score", f"the reply has more than {LONGEST_REPLY:,} characters")
    return None if text.translate(_SIGNS).strip() else Missing("empty_reply")


def plain(text: str) -> str:
    """Write full-width signs, blanks, dashes and line ends in one way, and leave out what has no width."""
    return text.replace("\r\n", "\n").translate(_SIGNS)


def without_thought(text: str) -> str:
    """Leave out the thought that a reasoning model writes first; one without an end is all there is.

    It ends at the first end mark: what a later one, perhaps a repeated one, cuts off could be the judge's own score.
    """
    if not _THOUGHT.match(text):
        return text
    end = _END_OF_THOUGHT.search(text)
    return text[end.end() :] if end else ""


def without_blockquotes(text: str) -> str:
    """Leave out the lines that begin with ``>``."""
    return _BLOCKQUOTE.sub(GAP, text)


def without_quotations(text: str, kept: Callable[[str], bool]) -> str:
    """Leave out what stands in quotation marks or inline code.

    Marks that are the same at both ends count within a line, if the line has an even number of them: otherwise nobody
    knows what is inside and what outside. What begins like the rest of an object of JSON, ``": 0.8, "``, is outside.

    Args:
        text: From `plain`.
        kept: Whether a quotation stays, without its marks: it is told what stands between them.
    """

    def replaced(found: re.Match[str]) -> str:
        inside = found[0][1:-1]
        return f" {inside} " if inside.lstrip()[:1] in set(":,}]") or kept(inside) else GAP

    lines = _QUOTATION.sub(replaced, text).split("\n")
    for mark, pattern in _SAME_MARKS.items():
        lines = [line if line.count(mark) % 2 and mark != "'" else pattern.sub(replaced, line) for line in lines]
    return "\n".join(lines)


def without_repetitions(text: str, shown: Sequence[str]) -> str:
    """Leave out the passages that repeat one of the texts that the judge was shown.

    Passages are compared by their letters and digits alone, so blanks, line breaks, punctuation and markdown make no
    difference. A number that goes on after the passage is not the shown one and stays whole.

    Args:
        text: From `plain`.
        shown: As the judge was shown them.
    """
    width = LONGEST_COINCIDENCE + 1
    places, letters = _letters(text)
    if len(letters) < width:
        return text
    wanted = {letters[start : start + width] for start in range(len(letters) - width + 1)}
    found = set()
    for one in shown:
        _, other = _letters(plain(one))
        found |= {part for start in range(len(other) - width + 1) if (part := other[start : start + width]) in wanted}
    if not found:
        return text
    parts, end, covered = [], 0, 0
    for start in range(len(letters) - width + 1):
        if start < covered or letters[start : start + width] not in found:
            continue
        last = start
        while last + 1 <= len(letters) - width and letters[last + 1 : last + 1 + width] in found:
            last += 1
        covered = last + 1
        first, after = _whole_numbers(text, places[start], places[last + width - 1] + 1)
        first = max(first, end)
        if first < after:
            parts += [text[end:first], GAP]
            end = after
    return "".join([*parts, text[end:]])


def repeats_wholly(text: str, shown: Iterable[str]) -> bool:
    """Whether all letters and digits of a text stand in a row in one of the shown ones."""
    letters = _letters(text)[1]
    return any(letters in _letters(plain(one))[1] for one in shown)


def unmarked(text: str) -> str:
    """Leave out the signs of markdown, tags around a score, and runs of blanks."""
    text = _TAG.sub(lambda found: " 。" if found["end"] else " 得分: ", text)
    text = re.sub(r"[*_#$`\\\"]", " ", _RULE.sub("", text))
    text = re.sub(r" {2,}", " ", text)
    return re.sub(r" ?\n[ \n]*", "\n", text).strip()


def _letters(text: str) -> tuple[list[int], str]:
    """Letters and digits of a text in lower case, and where they stand."""
    places = [place for place, character in enumerate(text) if character.isalnum()]
    lowered = ((text[place].lower(), text[place]) for place in places)
    return places, "".join(low if len(low) == 1 else character for low, character in lowered)


def _whole_numbers(text: str, first: int, after: int) -> tuple[int, int]:
    """Move the bounds of a passage out of the numbers that they would cut."""
    digits = "0123456789."
    if after < len(text) and text[after] in digits and text[after - 1] in digits[:-1]:
        rest = after + (text[after] == ".")
        if rest < len(text) and text[rest] in digits[:-1]:
            while after > first and text[after - 1] in digits:
                after -= 1
    if first > 0 and text[first - 1] in digits and text[first] in digits[:-1]:
        while first < after and text[first] in digits:
            first += 1
    return first, after


def whole_object(text: str) -> Any | None:
    """Read a text that is one object or list of JSON, in a code block or not; None if it is anything else.

    Objects are `Object`, numbers are `Number`, and NaN and the infinities None.
    """
    stripped = text.strip()
    if stripped.startswith(("```", "~~~")):
        begin, end = stripped.find("\n"), stripped.rfind("\n")
        if begin == end or stripped[end + 1 :].strip() != stripped[:3]:
            return None
        stripped = stripped[begin:end].strip()
    return _decoded(stripped)


def take_objects(text: str, shown: Iterable[str] = ()) -> tuple[list[Any], str]:
    """Take the objects of JSON out of a text.

    An object is looked for in two places: in each code block, and from the first brace to the last. What
    stands in a text that the judge was shown, too, is taken out but not given back.

    Returns:
        The objects, as `whole_object` gives them, and the text without.
    """
    objects, parts, end = [], [], 0
    marks = [(found.start(), found.end()) for found in _CODE.finditer(text)]
    for (begin, inner), (outer, close) in zip(marks[::2], marks[1::2], strict=False):
        value = _decoded(text[inner:outer].strip())
        if value is not None:
            if not repeats_wholly(text[inner:outer], shown):
                objects.append(value)
            parts += [text[end:begin], "\n", GAP]
            end = close
    text = _CODE.sub("", "".join([*parts, text[end:]]))
    first, last = text.find("{"), text.rfind("}")
    if 0 <= first < last:
        value = _decoded(text[first : last + 1])
        if value is not None:
            if not repeats_wholly(text[first : last + 1], shown):
                objects.append(value)
            text = f"{text[:first]}\n{GAP}\n{text[last + 1 :]}"
    return objects, text


def _decoded(text: str) -> Any | None:
    if text[:1] + text[-1:] not in {"{}", "[]"}:
        return None
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if _holds_objects(value) else None


def _holds_objects(value: Any) -> bool:
    """Not so for ``[[0.8]]``, which is a score in the way of some judges and no object."""
    return isinstance(value, Object) or (isinstance(value, list) and any(isinstance(one, Object) for one in value))


_DECODER = json.JSONDecoder(
    strict=False, object_pairs_hook=Object, parse_float=Number, parse_int=Number, parse_constant=lambda _: None
)


def own_words(
    text: str, finish: str | None, quoted: Sequence[str], is_bare: Callable[[str], bool]
) -> Missing | tuple[list[Any], str]:
    """Take out of a reply what is not the judge's own.

    Args:
        text: The reply.
        finish: Why it ended, as the server says.
        quoted: The texts that the judge was shown.
        is_bare: Tells of a quotation whether it is a value alone, whose marks are taken off and not the value.

    Returns:
        The objects of JSON, and the rest of the text, which is empty if the reply is one object; or why there is none.
    """
    missing = unreadable(text, finish)
    if missing:
        return missing
    reply = without_thought(plain(text))
    value = whole_object(reply)
    if value is not None:
        if repeats_wholly(reply, quoted):
            return Missing("no_score", "the reply only repeats a text that was shown")
        return [value], ""
    objects, rest = take_objects(without_blockquotes(reply), quoted)
    return objects, unmarked(without_quotations(without_repetitions(rest, quoted), is_bare))
