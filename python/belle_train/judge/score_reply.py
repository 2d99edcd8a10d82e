"""How a judge's reply is read as a score from 0 to 1, and when it is refused.

**What is read.** First all that is not the judge's own word is taken out: the thought of a reasoning model, lines that
begin with ``>``, what stands in quotation marks or inline code (but for a bare number or label), and passages that
repeat a text that the judge was shown. In the rest these say a score:

1. An object of JSON with a key such as ``score``, ``rating``, ``得分``: the whole reply, a code block, or what stands
   from the first brace to the last. Its strings are not searched.
2. A label before a number: ``得分：0.8``, ``评分为0.8分``, ``Score: 8/10``, ``Rating: [[0.8]]``, ``| 得分 | 0.8 |``;
   or a word of giving: ``我给0.8分``, ``I would rate it 0.8``.
3. A number that is the first or the last line, or the first or last clause of such a line if it has a unit.

**When it counts.** All scores that are said must be the same number; that is stricter than to let one form win over
another, since what a reply repeats of an answer may have any form. So it can make a reply unreadable, but cannot stand
in for the judge's own score. One thing only goes before another: beside a named total (``总分``, ``最终得分``,
``overall score``) the scores of parts (``准确性得分``, ``fluency score``) do not count.

**What a number is worth.** A scale that is not said is 0 to 1. ``8/10``, ``80%``, ``80分（满分100）``, ``8 out of 10``
and ``四分之三`` have theirs; ``8`` and ``8分`` have none, and are out of range. A scale that is named elsewhere in the
reply (``满分10分。…得分：8``) counts for what is greater than 1; a number up to 1 could mean either, and is refused.

**What is no score.** Ranges and lists (``0-1``, ``0.7到0.8``, ``0、0.5、1``), what a number would mean (``1分：全对``),
conditions (``如果…得1分``), negations, highest and lowest scores (``满分为1分``), what an answer is said to claim or to
demand, list numbers (``1. …``, ``第1点``), measures (``0.5千克``), ``0,8`` (which may be two numbers), ``满分`` without
a number, and ``N/A``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from belle_train.judge.replies import Missing
from belle_train.judge.reply_clauses import said_of_others
from belle_train.judge.reply_text import GAP, Number, Object, own_words, plain, take_objects, unmarked
from belle_train.judge.score_values import Value, stated_scales, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["total", "plain", "part"]
_MOST_LABELS = 10_000
"""More are no judgement, and would take their time."""

_NOUN = (
    r"总得分|总评分|总分|得分|评分|分数|打分|给分|分值|总评|"
    r"(?<![a-z])(?:scores?|ratings?|grade|marks?)(?![a-z])|(?<![a-z])overall(?= ?[:=])|boxed(?= ?\{)"
)
_LABEL = re.compile(rf"(?P<noun>{_NOUN})|(?P<bracket>\[\[)", re.IGNORECASE)
_LABEL_ALONE = re.compile(
    rf" ?(?:(?:最终|综合|总体|final|overall|total)[ _]?)?(?:{_NOUN})(?:[ _][12])? ?:? ?", re.IGNORECASE
)
_TAIL = re.compile(
    r"(?:如下|结果|情况)?(?: for (?:this|the|that) (?:answer|response|reply|assistant|model)(?:'s answer)?)?"
    r"(?: (?:that )?(?:i|we) (?:would |will )?(?:give|assign|award)(?: (?:it|is))?)?",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r" ?(?P<inside>\([^()\n]{1,40}\)|\[[^\[\]\n]{1,40}\])(?= ?(?:[:=|]|为|是|is\b))")
_JOINT = re.compile(
    r"(?:[ \n:=|>\[\])({→]|->|=>|–(?= )|-(?= )|应该?当?[为是]|就?[为是]|定为|评为|判为|给出|给|"
    r"大?约|大概|仅|只有|只|可|"
    r"(?:is|was|of|would be|should be|will be|equals|at|an?|about|around|approximately|exactly|only|just)(?=[ :]))"
    r"{0,16}+",
    re.IGNORECASE,
)
_DASH_AFTER_SIGN = re.compile(r"[:=为是] ?- ?$")
_REFUSAL = re.compile(r"N/?A\b|NaN\b|null\b|none\b|unknown\b|无法|暂无|待定|不适用|无(?![^\s。,;])", re.IGNORECASE)
_GIVING = re.compile(
    r"(?:给出|给予|给|打出|打|评为|评|得到|获得|得|判为|判|赋|计|记)"
    r"(?:[了予它他其该此本为个约以上: ]|这个|回答|答案|一个|大约|大概){0,6}+"
    r"(?P<chinese>(?=[-0-9.零〇一二两三四五六七八九十百]))|"
    r"(?<![a-z])(?:scored?|scoring|rated?|rating|graded?|grading|give|giving|gave|awarded|award|assigned|assign)"
    r"(?: (?:it|this|that|the|my|a|an|as|at|to|of|with|answer|response|reply|assistant|model|one|only)(?= )){0,7}+ "
    r"(?P<english>(?=[-0-9.]))",
    re.IGNORECASE,
)
_OF_A_SCORE = re.compile(r" ?的(?:得分|评分|分数|成绩|分)")
_AFTER_GIVING = re.compile(
    r"[ ]?(?:$|[\n.,;!?。，；！？)\]}|…–-]|(?:because|for|since|as|and|due|given|on|in|overall|based|but|with)\b)",
    re.IGNORECASE,
)

_TOTAL = re.compile(r"总|最终|最后|综合|整体|合计|(?<![a-z])(?:final|overall|total)(?![a-z])", re.IGNORECASE)
_NEUTRAL = re.compile(
    r"回答|答案|答复|本|该|此|这|我|其|故|因此|所以|模型|助手|给|它|他|由此|于是|可得|当前|目前|评审|评委|的$"
)
_PART = re.compile(r"[\u4e00-\u9fff]{1,8}(?:方面)?的?|(?:[a-z]+ ){0,2}[a-z]+", re.IGNORECASE)
_NEUTRAL_ENGLISH = re.compile(
    r"(?<![a-z])(?:the|this|that|its|my|your|a|an|so|i|it|answer|response|reply|assistant|model|of|is|as|judge|quality|"
    r"numeric\w*|numerical|assigned|given|suggested)(?![a-z])",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r" ?(?:[、)]|\.(?= ?[^\s0-9]))")
_SECOND_LIST_NUMBER = re.compile(r"(?<![0-9.])2 ?[、.)](?![0-9])")
_REST_OF_LINE = re.compile(r"[ |)\]}.。,，;；!！]*(?:\n|$)")
_EDGES = " \t|[](){}<>•·-–。.,，;；!！~*"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number that the reply says to be the score.

    Attributes:
        value: None for a refusal to score, such as ``得分：N/A``, and for a number of unclear worth.
        kind: Whether it is named as total or part.
        scaled: Whether it says its own scale.
        outer: Whether it stands in the first or last line.
    """

    value: Fraction | None
    kind: Kind = "plain"
    scaled: bool = False
    outer: bool = True


def score_of(text: str, *, finish: str | None = "stop", quoted: Sequence[str] = ()) -> float | Missing:
    """Read the score that a judge's reply gives, by the rule of this module.

    It takes time in proportion to the lengths of the texts and raises for none.

    Args:
        text: The reply.
        finish: Why it ended, as the server says.
        quoted: The texts that the judge was shown: prompt, reference and answer. What the reply repeats of them is not
            the judge's: passages of more than eleven letters and digits, a whole object of JSON, and between the first
            and the last line any score that is claimed in them.

    Returns:
        From 0 to 1; or `Missing` with ``empty_reply``, ``truncated_reply``, ``filtered``, ``no_score``,
        ``several_scores`` or ``out_of_range``.

    Examples:
        >>> score_of("**得分**：８/10。理由：要点齐全"), score_of("得分：0.7-0.8").reason
        (0.8, 'no_score')
    """
    read = own_words(text, finish, quoted, _is_bare)
    if isinstance(read, Missing):
        return read
    objects, rest = read
    try:
        said = list(_of_text(rest))
    except OverflowError:
        return Missing("no_score", f"the reply has more than {_MOST_LABELS:,} labels")
    claimed = _claimed(quoted) if any(not one.outer for one in said) else set()
    own = [one for one in said if one.outer or one.value is None or one.value not in claimed]
    candidates = [one for each in objects for one in _of_json(each)] + own
    if said and not candidates:
        return Missing("no_score", "the only score is one that a shown text claims")
    return _decided(candidates, stated_scales(rest))


def _decided(candidates: list[Candidate], scales: set[Fraction]) -> float | Missing:
    """Let all candidates agree, or say why there is no score."""
    if any(one.kind == "total" for one in candidates):
        candidates = [one for one in candidates if one.kind != "part"]
    if not candidates:
        return Missing("no_score")
    values = {_worth(one, scales - {Fraction(1)}) for one in candidates}
    if None in values:
        return Missing("no_score", "a score is refused, or of unclear worth")
    known = sorted(value for value in values if value is not None)
    shown = ", ".join(f"{float(value):.6g}" for value in known[:4])
    if len(known) > 1:
        return Missing("several_scores", shown)
    return float(known[0]) if 0 <= known[0] <= 1 else Missing("out_of_range", shown)


def _worth(candidate: Candidate, scales: set[Fraction]) -> Fraction | None:
    """The value on the scale from 0 to 1, where `scales` are those that the reply speaks of, without 1."""
    value = candidate.value
    if value is None or candidate.scaled or not scales or value == 0:
        return value
    if len(scales) == 1:
        (scale,) = scales
        if 1 < value <= scale:
            return value / scale
    return None if value <= 1 else value


def _is_bare(quotation: str) -> bool:
    """Whether a quotation is a number or a label alone: ``"score": "0.8"``."""
    if len(quotation) > 40:
        return False
    stripped = quotation.strip()
    value = value_at(stripped, 0)
    return (value is not None and value.end == len(stripped)) or _LABEL_ALONE.fullmatch(quotation) is not None


def _of_text(text: str) -> Iterator[Candidate]:
    """Find the scores that a text says; OverflowError if it has too many labels."""
    seen = 0
    first, last = text.find("\n"), text.rfind("\n")
    second = max((found.start() for found in _SECOND_LIST_NUMBER.finditer(text)), default=-1)
    for pattern, read in ((_LABEL, _labelled), (_GIVING, _given)):
        for found in pattern.finditer(text):
            seen += 1
            if seen > _MOST_LABELS:
                raise OverflowError
            candidate = read(text, found, second)
            if candidate:
                yield replace(candidate, outer=found.start() < first or found.end() > last)
    labelled = seen > 0
    yield from _of_lines(text, labelled=labelled)


def _labelled(  # noqa: PLR0911 - each is a rule of the module's docstring
    text: str, found: re.Match[str], second: int
) -> Candidate | None:
    start, end = found.span()
    end = _TAIL.match(text, end).end()  # type: ignore[union-attr] # it matches nothing, too
    highest: set[Fraction] = set()
    if bracket := _BRACKETED.match(text, end):
        end = bracket.end()
        inside = bracket["inside"]
        highest = stated_scales(inside + "之间") | stated_scales(f"{inside[1:-1]}之间")
        highest |= {Fraction(10 ** (len(ten) - 1)) for ten in re.findall(r"out of (10{0,2})(?![0-9])", inside)}
    joint = _JOINT.match(text, end)
    place = joint.end() if joint else end
    between = text[end:place]
    if said_of_others(text, start) or (place == end and text[place : place + 1] in GAP):
        return None
    kind = _kind(text, start, found[0])
    if "\n" not in between and _REFUSAL.match(text, place):
        return Candidate(None, kind) if between.strip() else None
    value = value_at(text, place)
    if not value or (between.endswith("\n") and between.count("\n") > 1):
        return None
    if "\n" in between and not _REST_OF_LINE.match(text, value.end):
        return None
    if not value.marked and _LIST_NUMBER.match(text, value.end) and second > value.end:
        return None
    if _DASH_AFTER_SIGN.search(between):
        return Candidate(None, kind)
    if highest - {Fraction(1)} and not value.scaled:
        scaled = _worth(Candidate(value.amount), set())
        scale = max(highest) if len(highest) == 1 and min(highest) > 0 else None
        return Candidate(scaled / scale if scaled is not None and scale else None, kind, scaled=True)
    return _candidate(value, kind)


def _candidate(value: Value, kind: Kind) -> Candidate:
    return Candidate(value.amount if value.clear else None, kind, value.scaled)


def _kind(text: str, start: int, noun: str) -> Kind:
    """Whether a label names the total, a part, or neither."""
    if noun.lower() in {"总分", "总得分", "总评分", "总评", "overall"}:
        return "total"
    before = re.split(r"[,。;:!?\n|()、…>\[]|\. ", text[max(0, start - 30) : start])[-1].strip(" -•·0123456789.")
    if _TOTAL.search(before):
        return "total"
    if not before or _NEUTRAL.search(before) or _NEUTRAL_ENGLISH.search(before):
        return "plain"
    return "part" if _PART.fullmatch(before) else "plain"


def _given(text: str, found: re.Match[str], second: int) -> Candidate | None:
    del second
    value = value_at(text, found.end())
    if not value or said_of_others(text, found.start()):
        return None
    if found["chinese"] is not None:
        told = value.unit or value.scaled or _OF_A_SCORE.match(text, value.end) is not None
    else:
        told = value.unit or value.scaled or _AFTER_GIVING.match(text, value.end) is not None
    return _candidate(value, "plain") if told else None


def _of_lines(text: str, *, labelled: bool) -> Iterator[Candidate]:
    """Find the numbers that are the first or the last line, or that such a line begins or ends with.

    Args:
        text: From `_unmarked`.
        labelled: Whether there is a label; then a line that is no number from 0 to 1 is not the score.
    """
    first, _, rest = text.partition("\n")
    last = rest.rpartition("\n")[2] if rest else first
    values = [_whole(first) or _beginning(first), _whole(last) or _ending(last)]
    for value in values:
        if value and not (labelled and not value.scaled and not 0 <= value.amount <= 1):
            yield _candidate(value, "plain")


def _whole(line: str) -> Value | None:
    """The number that a line is, but for signs around it."""
    if len(line) > 80:
        return None
    stripped = line.strip(_EDGES)
    begin = line.find(stripped) if stripped else 0
    if begin > 0 and line[begin - 1] in ".-" and (begin == 1 or line[begin - 2] in " |[("):
        begin -= 1
    value = value_at(line, begin)
    return value if value and not line[value.end :].strip(_EDGES) else None


def _beginning(line: str) -> Value | None:
    """The number in the first clause of a line, if it is more than a whole number or the sentence ends with it."""
    value = value_at(line, len(line) - len(line.lstrip(" [(")))
    if not value or not re.match(
        r" ?[)\]]*(?:。|[.,;!–(]|- )" if value.marked else r" ?[)\]]*。", line[value.end :][:8]
    ):
        return None
    return value


def _ending(line: str) -> Value | None:
    """The number with a unit in the last clause of a line."""
    tail = line[-60:].rstrip(_EDGES)
    clause = re.split(r"[,。;:!?…]|\. ", tail)[-1].lstrip(" ")
    value = value_at(clause, 0)
    return value if value and value.unit and value.end == len(clause) else None


_KEYS: dict[str, Kind] = {
    **dict.fromkeys(
        ("final score", "overall score", "total score", "overall rating", "final rating", "overall", "finalscore",
         "总分", "总得分", "总评分", "总评", "最终得分", "最终评分", "最终分数", "综合得分", "综合评分", "总体得分",
         "总体评分",
         "整体得分", "整体评分"),
        "total",
    ),
    **dict.fromkeys(
        ("score", "rating", "grade", "mark", "得分", "评分", "分数", "打分", "给分", "回答得分", "回答评分",
         "answer score", "judge score", "分值"),
        "plain",
    ),
}  # fmt: skip
_PART_KEY = re.compile(r"(?:.* )?(?:score|rating|grade)|.*(?:得分|评分|分数)", re.IGNORECASE)
_NO_KEY = re.compile(
    r"max|min|full|highest|lowest|threshold|weight|pass|满分|最高|最低|标准|权重|及格|reference|参考", re.IGNORECASE
)
_NEUTRAL_PARENTS = {"", "result", "results", "evaluation", "judgement", "judgment", "output", "response", "data",
                    "结果", "评价", "评估", "评判", "评测", "评审"}  # fmt: skip


def _of_json(value: Any) -> Iterator[Candidate]:
    """Find the scores in objects of JSON, whatever their depth."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        parent, one = waiting.pop()
        if isinstance(one, Object):
            for key, inside in one:
                name = re.sub(r"[\s_\-*]+", " ", re.sub(r"\([^()]{0,40}\)", "", plain(key))).strip().lower()
                kind = _kind_of_key(name)
                if kind and not isinstance(inside, (Object, list)):
                    below = kind == "plain" and parent not in _NEUTRAL_PARENTS
                    yield _json_candidate(inside, "part" if below else kind)
                else:
                    waiting.append((name, inside))
        elif isinstance(one, list):
            waiting.extend((parent, each) for each in one)


def _kind_of_key(name: str) -> Kind | None:
    if len(name) > 60:
        return None
    if name in _KEYS:
        return _KEYS[name]
    return "part" if _PART_KEY.fullmatch(name) and not _NO_KEY.search(name) else None


def _json_candidate(inside: Any, kind: Kind) -> Candidate:
    text = inside.text if isinstance(inside, Number) else inside if isinstance(inside, str) else ""
    if isinstance(inside, Number) and re.search("[eE]", text):
        try:
            return Candidate(Fraction(float(text)).limit_denominator(10**15), kind)
        except (ValueError, OverflowError):
            return Candidate(None, kind)
    stripped = text.strip() if len(text) <= 80 else ""
    value = value_at(stripped, 0)
    if not value or stripped[value.end :].strip(" .。"):
        return Candidate(None, kind)
    return _candidate(value, kind)


def _claimed(shown: Sequence[str]) -> set[Fraction]:
    """The scores that the shown texts give anybody, whoever says so there."""
    found = set()
    for text in shown:
        objects, rest = take_objects(plain(text))
        rest = unmarked(re.sub("[“”「」『』‘’'>]", " ", rest))
        candidates = [one for each in objects for one in _of_json(each)]
        for pattern in (_LABEL, _GIVING):
            for label in pattern.finditer(rest):
                joint = _JOINT.match(rest, label.end())
                value = value_at(rest, joint.end() if joint else label.end())
                if value:
                    candidates.append(Candidate(value.amount))
        found |= {one.value for one in candidates if one.value is not None}
    return found
