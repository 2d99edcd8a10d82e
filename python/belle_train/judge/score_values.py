"""A number with what follows it: unit, scale, and signs that it is no score at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_DIGITS = {
    **{sign: value for value, sign in enumerate("零一二三四五六七八九十")},
    "〇": 0, "两": 2, "百": 100,
}  # fmt: skip
_PLAIN = r"(?:[0-9]{1,30}+(?:\.[0-9]{1,30}+)?|\.[0-9]{1,30}+)"
_NUMBER = re.compile(
    r"(?P<sign>-)?(?:(?P<below>[二两三四五六七八九十百])分之(?P<above>[零〇一二两三四五六七八九十])|"
    r"(?P<whole>[零〇一])点(?P<places>[零〇一二三四五六七八九]{1,10}+)|"
    r"(?P<word>[零〇一二两三四五六七八九])(?= ?分)|"
    rf"(?P<plain>{_PLAIN})(?![0-9]|\.[0-9]))"
)
_BELOW = re.compile(rf" ?(?:分|points?)? ?/ ?(?P<below>{_PLAIN})(?![0-9]|\.[0-9]| ?/ ?[0-9])")
_PERCENT = re.compile(r" ?%")
_UNIT = re.compile(r" ?(?:分(?![制钟之析类享别布歧配工子数值])|(?:points?|pts?|marks?)(?![a-z]))", re.IGNORECASE)
_HIGHEST = re.compile(
    r"[ ,(\[]{0,3}+(?:"
    r"(?:满分|滿分|out of(?: a possible| a maximum of| a total of)?|max(?:imum)?(?: score)?(?: of)?|"
    rf"full (?:score|marks?)(?: of| is)?)[ 为是:=]{{0,3}}+(?P<highest>{_PLAIN}|[一十百])|"
    rf"(?P<system>{_PLAIN}|[十百]) ?分制|"
    r"(?:on a )?(?:scale )?(?:of |from )?(?P<low>[01]) ?(?:-|–|~|到|至|to) ?"
    rf"(?P<range>{_PLAIN})(?=[^\n]{{0,12}}?[)\]]| ?分制| scale)"
    r")(?: ?分制?| ?points?)?[^\S\n]?[)\]]?",
    re.IGNORECASE,
)
_NO_SCORE = re.compile(
    # Glued to it: a part of another number or word, or a measure.
    r"[A-Za-z_^]|\d|[¹²³⁰-₉]| ?分制|分|"
    r"[个年月日号人次名项条点处句段字种类倍成折级位千万亿小秒米公厘克斤元岁度天周页道题步多]|以[上下内]|之间|℃|°|×|"
    # After it: a range, a choice, or what the number would mean.
    r" ?(?:-|–|~|到|至|to\b|or\b|或者?|and\b|和|与|±|\+|\*|÷) ?(?:[0-9.]|[零一]点|[零一]分)|"
    r" ?(?:kg|km|cm|mm|ml|mg|seconds?|minutes?|hours?|years?|days?|words?|times|items?|errors?)\b|"
    r" ?[:=→]|"
    r" ?(?:\([^()\n]{0,30}\) ?)?(?:表示|代表|意味|对应|指的|的标准|的条件|的要求|means?\b|indicates?\b|represents?\b|"
    r"denotes?\b|corresponds?\b|stands for|if\b|when\b)|"
    # A list of numbers.
    r" ?[,、|;] ?[0-9.]{1,30}+ ?(?:[,、|。;)\]\n]|\.(?![0-9])|或|or\b|$)|"
    r" ?/ ?[0-9.]",
    re.IGNORECASE,
)
_COMMA = re.compile(r",[0-9]")


@dataclass(frozen=True, slots=True)
class Value:
    """A number that may be a score.

    Attributes:
        amount: What it is worth on a scale from 0 to 1 if it has a scale, otherwise as it stands.
        end: Where it ends in the text, with its unit and scale.
        scaled: Whether it has a scale: a fraction, per cent, ``8/10``, ``80分（满分100分）``.
        marked: Whether it is more than a whole number: it has a unit, a scale or a decimal point.
        clear: False for a scale that does not begin at 0, where nobody can say what the number is worth.
        unit: Whether it has one.
    """

    amount: Fraction
    end: int
    scaled: bool
    marked: bool
    clear: bool = True
    unit: bool = False


def value_at(text: str, place: int) -> Value | None:
    """Read the number that begins at a place of a text.

    Args:
        text: From `belle_train.judge.reply_text.plain`.
        place: Where the number, or its minus sign, begins.

    Returns:
        None if there is none, or if what follows says that it is no score: a measure (``0.5 kg``), a range (``0-1``), a
        list (``0, 0.5, 1``), a meaning (``1分：全对``), a decimal comma (``0,8``, which could be two numbers).
    """
    found = _NUMBER.match(text, place)
    if not found:
        return None
    amount, end, scaled = _amount(found), found.end(), found["below"] is not None
    marked = scaled or found["plain"] is None or "." in found["plain"]
    unit = False
    clear = True
    if not scaled and (below := _BELOW.match(text, end)):
        scale = Fraction(_standard(below["below"]))
        if not 1 <= scale <= 1000 or scale.denominator != 1:
            return None
        amount, end, scaled = amount / scale, below.end(), True
    elif not scaled and (percent := _PERCENT.match(text, end)):
        amount, end, scaled = amount / 100, percent.end(), True
    if ending := _UNIT.match(text, end):
        end, unit = ending.end(), True
    if not scaled and (highest := _HIGHEST.match(text, end)):
        scale = _scale(highest)
        end = highest.end()
        clear = highest["low"] in {None, "0"}
        if scale <= 0:
            return None
        amount, scaled = amount / scale, True
    if _NO_SCORE.match(text, end) or (not marked and _COMMA.match(text, end)):
        return None
    return Value(amount if found["sign"] is None else -amount, end, scaled, marked or scaled or unit, clear, unit)


def _amount(found: re.Match[str]) -> Fraction:
    if found["below"]:
        return Fraction(_DIGITS[found["above"]], _DIGITS[found["below"]])
    if found["whole"]:
        places = "".join(str(_DIGITS[sign]) for sign in found["places"])
        return Fraction(f"{_DIGITS[found['whole']]}.{places}")
    if found["word"]:
        return Fraction(_DIGITS[found["word"]])
    return Fraction(_standard(found["plain"]))


def _scale(found: re.Match[str]) -> Fraction:
    text = found["highest"] or found["system"] or found["range"]
    return Fraction({"一": "1", "十": "10", "百": "100"}.get(text, _standard(text)))


def _standard(number: str) -> str:
    return f"0{number}" if number.startswith(".") else number


_STATED = re.compile(
    rf"(?:满分|滿分)(?:为|是|设为)?[ :=]{{0,2}}+(?P<highest>{_PLAIN}|[十百](?=分))|(?P<system>{_PLAIN}|十|百) ?分制|"
    rf"(?P<low>[01]) ?(?:-|–|~|到|至|to) ?(?P<range>{_PLAIN}) ?分?(?:制|之间|的?量表)|"
    rf"scale (?:of|from) (?P<from>[01]) ?(?:-|–|~|to) ?(?P<to>{_PLAIN})",
    re.IGNORECASE,
)


def stated_scales(text: str) -> set[Fraction]:
    """The scales that a text speaks of, such as 10 for ``满分10分``; −1 stands for those that do not begin at 0."""
    scales = set()
    for found in _STATED.finditer(text):
        if "1" in {found["low"], found["from"]}:
            scales.add(Fraction(-1))
            continue
        written = found["highest"] or found["system"] or found["range"] or found["to"]
        scales.add(Fraction({"十": "10", "百": "100"}.get(written, _standard(written))))
    return scales
