"""How a judge's reply is read as a verdict on two answers, or as a score for each of them.

What is not the judge's own word is taken out as for a single score (`belle_train.judge.score_reply`), and again all
that is said has to agree.

**A verdict** is said by an object of JSON with a key such as ``verdict`` or ``winner``; by ``[[A]]``; by a label before
a side (``更好的是：回答一``, ``结论：平局``, ``Winner: Answer 2``); by a sentence (``回答一更好``, ``回答一优于二``,
``Answer 1 is better``, ``判为平局``); or by a side that is the first or the last line. The sides are 回答一 and 回答二,
Answer 1 and Answer 2, A and B; what is better in one respect alone (``回答一更准确``) is no verdict.

**Two scores** are from 1 to 10: an object of JSON with ``score_1`` and ``score_2``; a first or last line with two
numbers (``8 6``, ``8/10, 6/10``); or a score behind the name of each side (``回答一：8分，回答二：6分``). Both have to
be there.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from belle_train.judge.replies import Missing
from belle_train.judge.reply_clauses import said_of_others
from belle_train.judge.reply_text import Number, Object, own_words, plain
from belle_train.judge.score_values import value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Verdict = Literal["first", "second", "tie"]
_MOST_SIDES = 10_000

_SUBJECT = (
    r"(?:回答|答案|答复|助手|模型|选手|选项|"
    r"(?<![a-z])(?:answer|assistant|response|reply|model|option|candidate)) ?"
)
_FIRST = (
    rf"{_SUBJECT}(?:一|1(?![0-9])|甲|a(?![a-z0-9])|one(?![a-z]))|第一个(?:回答|答案)|the first (?:answer|response|one)"
)
_SECOND = (
    rf"{_SUBJECT}(?:二|2(?![0-9])|乙|b(?![a-z0-9])|two(?![a-z]))|第二个(?:回答|答案)|"
    r"the second (?:answer|response|one)"
)
_TIE = (
    r"平局|平手|不分上下|不相上下|难分高下|一样好|同样好|一样差|同样差|(?:a )?(?:tie|draw)(?![a-z])|"
    r"equally (?:good|bad)"
)
_SIDE = rf"(?P<first>{_FIRST})|(?P<second>{_SECOND})|(?P<tie>{_TIE})"
_LABEL = re.compile(
    r"(?:更好|较好|更优|较优|胜出|获胜|最好)(?:的?(?:一方|一个|回答|答案))?的?(?:是|为|:)|"
    r"(?:结论|胜者|胜方|判断|判定|裁决|选择|裁定|判决) ?(?:是|为|:)|"
    r"(?<![a-z])(?:verdict|winner|judgement|judgment|choice|decision|preference|"
    r"better (?:answer|response|one|assistant|reply))(?: is| goes to)?(?: ?:| (?=[a-z0-9\[]))|"
    r"(?<![a-z])i (?:would )?(?:prefer|choose|pick)|我(?:更)?(?:选择?|倾向于?)",
    re.IGNORECASE,
)
_JOINT = re.compile(r"(?:[ \n:=|>\[({]|是|为|the(?= )){0,10}+", re.IGNORECASE)
_NAMED = re.compile(
    rf"(?:{_SIDE}|(?P<letter_first>(?:A|1|甲)(?![a-z0-9.]))|(?P<letter_second>(?:B|2|乙)(?![a-z0-9.]))|"
    r"(?P<letter_tie>C(?![a-z0-9.])))",
    re.IGNORECASE,
)
_NO_CHOICE = re.compile(
    r"(?: ?(?:/|或|or\b|、|和|与|and\b|vs) ?(?:回答|答案|answer|[AB12]|平局|tie)|[\])]{0,2} ?(?:if|when|表示|代表)\b)",
    re.IGNORECASE,
)
_DEGREE = r"(?: ?(?:明显|显然|总体|整体|略|稍|要|的?质量|综合|overall|clearly|slightly|much|far)){0,3}"
_STATED = re.compile(
    rf"(?<![比如于和与跟])(?<![比如于和与跟] )(?:{_SIDE}){_DEGREE}"
    r" ?(?:更好|更优|较好|较优|胜出|获胜|胜(?!任|过)|为优|更胜一筹|"
    r"(?:is|was)(?: (?:clearly|slightly|much|overall|the|far))? (?:better|superior|winner|best)|wins)"
    r"(?![地的])(?! (?:at|in|organi[sz]ed|written|structured))",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    rf"(?:(?P<first>{_FIRST})|(?P<second>{_SECOND})){_DEGREE} ?(?:(?P<worse>不如|不及|逊于|差于|劣于)|优于|胜过|比)"
    rf" ?(?:{_FIRST}|{_SECOND}){_DEGREE} ?(?:(?:更好|要好|好|更优)(?![地的])|(?=[。.,，;!\n]|$))",
    re.IGNORECASE,
)
_STATED_TIE = re.compile(
    r"(?:判(?:为|定为)?|算作?|视为|应为|是|为|属于|两者|二者|打成?)平(?:局|手)|(?:两个回答|两者|二者)(?:一样好|同样好|一样差|同样差|不相上下|不分上下)|"
    r"(?<![a-z])(?:it(?:'s| is)|call it|this is|is|are) (?:a )?(?:tie|draw|equally good|equally bad)(?![a-z])",
    re.IGNORECASE,
)
_DOUBLE = re.compile(
    r"\[\[ ?(?:(?P<first>A|1|甲|回答一)|(?P<second>B|2|乙|回答二)|(?P<tie>C|tie|平局)) ?\]\]"
    r"(?! ?(?:if|when|表示|代表|:|,))",
    re.IGNORECASE,
)
_KEYS = {
    "verdict", "winner", "better", "preference", "choice", "decision", "judgement", "judgment", "result",
    "better answer", "final verdict", "结论", "胜者", "胜方", "更好", "判断", "判定", "裁决", "选择", "更好的回答",
    "结果",
}  # fmt: skip
_WORDS: dict[str, Verdict] = {
    **dict.fromkeys(("1", "a", "first", "one", "一", "甲", "前者", "回答一更好", "answer_1", "answer1"), "first"),
    **dict.fromkeys(("2", "b", "second", "two", "二", "乙", "后者", "回答二更好", "answer_2", "answer2"), "second"),
    **dict.fromkeys(("tie", "draw", "equal", "both", "c", "平", "平局", "none", "neither", "same"), "tie"),
}
_EDGES = " \t|[](){}<>•·-–。.,，;；!！~*:"

_PLAIN = r"(?:[0-9]{1,6}(?:\.[0-9]{1,6})?)"
_OF_TEN = r"(?: ?(?:分|points?))?(?: ?/ ?10(?![0-9]))?(?: ?分)?"
_PAIR = re.compile(
    rf"(?P<first>{_PLAIN}){_OF_TEN}(?: ?(?:[,;、|]|和|与|and|vs\.?) ?| )(?P<second>{_PLAIN}){_OF_TEN}", re.IGNORECASE
)
_KEY_NOUN = r"(?:(?:score|rating|answer|assistant|response|得分|评分|分数|回答|答案) ?)*"
_KEY_TAIL = r"(?:的? ?(?:score|rating|得分|评分|分数))?"
_FIRST_KEY = re.compile(rf"{_KEY_NOUN}(?:1|a|一|甲|first){_KEY_TAIL}", re.IGNORECASE)
_SECOND_KEY = re.compile(rf"{_KEY_NOUN}(?:2|b|二|乙|second){_KEY_TAIL}", re.IGNORECASE)
_SCORED_SIDE = re.compile(
    rf"(?:(?P<first>{_FIRST}|(?<![a-z])score[ _]?[1a](?![a-z0-9]))|"
    rf"(?P<second>{_SECOND}|(?<![a-z])score[ _]?[2b](?![a-z0-9])))"
    r"(?:'s)?(?: ?的?)(?: ?(?:最终|综合|总|final|overall)? ?(?:得分|评分|分数|打分|score|rating))?",
    re.IGNORECASE,
)
_SCORE_JOINT = re.compile(r"(?:[ :=|\[({]|为|是|得|给|打|获得|(?:is|gets|of|receives|an?)(?= )){0,10}+", re.IGNORECASE)
_LIST_NUMBER = re.compile(r" ?(?:[、)]|\.(?= ?[^\s0-9]))")


def verdict_of(text: str, *, finish: str | None = "stop", quoted: Sequence[str] = ()) -> Verdict | Missing:
    """Read which of two answers a judge's reply prefers, by the rule of this module.

    Args:
        text: The reply.
        finish: Why it ended, as the server says.
        quoted: The texts that the judge was shown; what the reply repeats of them is not the judge's.

    Returns:
        The answer that was shown ``first`` or ``second``, or ``tie``; or `Missing` with ``empty_reply``,
        ``truncated_reply``, ``filtered``, ``no_score`` or ``several_scores``.

    Examples:
        >>> verdict_of("两个回答都正确，但回答二更好。"), verdict_of("[[A]]")
        ('second', 'first')
    """
    read = own_words(text, finish, quoted, _is_bare)
    if isinstance(read, Missing):
        return read
    objects, rest = read
    found = {verdict for one in objects for verdict in _verdicts_of_json(one)}
    if rest:
        if rest.count("[[") + len(re.findall(_SIDE, rest, re.IGNORECASE)) > _MOST_SIDES:
            return Missing("no_score", f"the reply names the answers more than {_MOST_SIDES:,} times")
        found |= set(_verdicts_of_text(rest))
    if None in found or not found:
        return Missing("no_score", "the verdict is no answer" if found else None)
    if len(found) > 1:
        return Missing("several_scores", ", ".join(sorted(str(one) for one in found)))
    return found.pop() or Missing("no_score")


def pair_scores_of(
    text: str, *, finish: str | None = "stop", quoted: Sequence[str] = ()
) -> tuple[float, float] | Missing:
    """Read the scores, from 1 to 10, that a judge's reply gives to two answers, by the rule of this module.

    Args:
        text: The reply.
        finish: Why it ended, as the server says.
        quoted: The texts that the judge was shown; what the reply repeats of them is not the judge's.

    Returns:
        Those of the answer that was shown first and of the other; or `Missing` with ``empty_reply``,
        ``truncated_reply``, ``filtered``, ``no_score``, ``several_scores`` or ``out_of_range``.

    Examples:
        >>> pair_scores_of("回答一：8分，回答二：6.5分"), pair_scores_of("8 6")
        ((8.0, 6.5), (8.0, 6.0))
    """
    read = own_words(text, finish, quoted, _is_bare)
    if isinstance(read, Missing):
        return read
    objects, rest = read
    sides: tuple[set[Fraction | None], set[Fraction | None]] = (set(), set())
    for one in objects:
        for side, value in _scores_of_json(one):
            sides[side].add(value)
    if rest:
        for count, (side, value) in enumerate(_scores_of_text(rest)):
            sides[side].add(value)
            if count > _MOST_SIDES:
                return Missing("no_score", f"the reply names the answers more than {_MOST_SIDES:,} times")
    if any(None in side or not side for side in sides):
        return Missing("no_score")
    known = [sorted(value for value in side if value is not None) for side in sides]
    if any(len(side) > 1 for side in known):
        return Missing(
            "several_scores", "; ".join(", ".join(f"{float(one):.6g}" for one in side[:4]) for side in known)
        )
    first, second = (side[0] for side in known)
    if not (1 <= first <= 10 and 1 <= second <= 10):
        return Missing("out_of_range", f"{float(first):.6g}, {float(second):.6g}")
    return float(first), float(second)


def _is_bare(quotation: str) -> bool:
    """Whether a quotation is a side, a key or a number alone."""
    stripped = quotation.strip().lower()
    if len(stripped) > 30:
        return False
    key = re.sub(r"[_ ]+", " ", stripped)
    known = key in _KEYS or stripped in _WORDS or _NAMED.fullmatch(stripped) or _FIRST_KEY.fullmatch(key)
    return bool(known or _SECOND_KEY.fullmatch(key) or re.fullmatch(_PLAIN, stripped))


def _side(found: re.Match[str]) -> Verdict | None:
    names = found.groupdict()
    if names.get("first") or names.get("letter_first"):
        return "first"
    if names.get("second") or names.get("letter_second"):
        return "second"
    return "tie" if names.get("tie") or names.get("letter_tie") else None


def _verdicts_of_text(text: str) -> Iterator[Verdict | None]:
    for found in _DOUBLE.finditer(text):
        if not said_of_others(text, found.start()):
            yield _side(found)
    for found in _LABEL.finditer(text):
        joint = _JOINT.match(text, found.end())
        named = _NAMED.match(text, joint.end() if joint else found.end())
        if named and not _NO_CHOICE.match(text, named.end()) and not said_of_others(text, found.start()):
            yield _side(named)
    for pattern in (_STATED, _STATED_TIE):
        for found in pattern.finditer(text):
            if not said_of_others(text, found.start()):
                yield _side(found) or "tie"
    for found in _COMPARED.finditer(text):
        if not said_of_others(text, found.start()):
            yield "first" if bool(found["first"]) != bool(found["worse"]) else "second"
    first, _, rest = text.partition("\n")
    for line in {first, rest.rpartition("\n")[2] if rest else first}:
        stripped = line[:100].strip(_EDGES) if len(line) < 100 else ""
        named = _NAMED.fullmatch(stripped)
        if named:
            yield _side(named)


def _verdicts_of_json(value: Any) -> Iterator[Verdict | None]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list) and not isinstance(one, Object):
            waiting.extend(one)
        elif isinstance(one, Object):
            for key, inside in one:
                if isinstance(inside, list):
                    waiting.append(inside)
                elif _key(key) in _KEYS:
                    word = inside.text if isinstance(inside, Number) else inside if isinstance(inside, str) else ""
                    stripped = plain(word[:100]).strip(_EDGES).lower()
                    named = _NAMED.fullmatch(stripped)
                    yield _WORDS.get(stripped) or (_side(named) if named else None)


def _key(key: str) -> str:
    return re.sub(r"[\s_\-*]+", " ", plain(key[:80])).strip().lower()


def _scores_of_json(value: Any) -> Iterator[tuple[int, Fraction | None]]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list) and not isinstance(one, Object):
            waiting.extend(one)
        elif isinstance(one, Object):
            for key, inside in one:
                name = _key(key)
                side = 0 if _FIRST_KEY.fullmatch(name) else 1 if _SECOND_KEY.fullmatch(name) else None
                if isinstance(inside, list):
                    waiting.append(inside)
                elif side is not None:
                    word = inside.text if isinstance(inside, Number) else inside if isinstance(inside, str) else ""
                    yield side, _of_ten(word.strip(), 0, whole=True)


def _of_ten(text: str, place: int, *, whole: bool) -> Fraction | None:
    """The score that begins at a place of a text, on the scale to 10; None if there is none."""
    value = value_at(text, place)
    if not value or not value.clear or (whole and value.end != len(text)):
        return None
    if not value.marked and value.amount == 1 and _LIST_NUMBER.match(text, value.end):
        return None
    return value.amount * 10 if value.scaled else value.amount


def _scores_of_text(text: str) -> Iterator[tuple[int, Fraction]]:
    for found in _SCORED_SIDE.finditer(text):
        joint = _SCORE_JOINT.match(text, found.end())
        value = _of_ten(text, joint.end() if joint else found.end(), whole=False)
        if value is not None and not said_of_others(text, found.start()):
            yield (0 if found["first"] else 1), value
    first, _, rest = text.partition("\n")
    for line in {first, rest.rpartition("\n")[2] if rest else first}:
        pair = _PAIR.fullmatch(line.strip(_EDGES)) if len(line) < 100 else None
        if pair:
            yield 0, Fraction(pair["first"])
            yield 1, Fraction(pair["second"])
