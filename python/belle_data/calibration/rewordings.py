"""Pairs that are duplicates, made by rule: a prompt of the data and the same request in other words.

Each rule gives all the ways in which it can change a prompt; a hash of the prompt chooses. They change how something is
asked, never what: real rewordings are freer, and further from each other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from belle_data.calibration.words import (
    CHINESE_OTHER_REQUESTS,
    CHINESE_REQUESTS,
    ENGLISH_OTHER_REQUESTS,
    ENGLISH_REQUESTS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_CHINESE_START = "|".join(
    sorted({*(w for line in CHINESE_REQUESTS for w in line), *CHINESE_OTHER_REQUESTS}, key=len)[::-1]
)
_CHINESE_REQUEST = re.compile(f"(?:{_CHINESE_START})")
_CHINESE_VERB = re.compile("|".join(word for line in CHINESE_REQUESTS for word in line))
_CHINESE_QUESTION = re.compile(r"什么|如何|怎么|怎样|为什么|哪|多少|几|谁|吗[？?]|是否|[？?]$")
_ENGLISH_START = "|".join([*(word for line in ENGLISH_REQUESTS for word in line), *ENGLISH_OTHER_REQUESTS])
_ENGLISH_REQUEST = re.compile(rf"(?:{_ENGLISH_START})\b")
_ENGLISH_QUESTION = re.compile(r"(?:What|How|Why|Who|When|Where|Which|Is|Are|Can|Do|Does)\b.*\?$")
_CHINESE_CONDITION = re.compile(
    r"((?:根据|使用|利用|通过|基于|按照|用|在|从|对于)[^，。：；？！\n]{2,40})，([^，。：；？！\n]{4,60})([。？]?)$"
)
_ENGLISH_CONDITION = re.compile(
    r"((?:Given|Using|Based on|From|In|With|For) [^,.:;?!\n]{3,80}), ([^,.:;?!\n]{5,120})\.$"
)
_FULL = "，。：；？！（）"
_HALF = ",.:;?!()"
_NARROW = str.maketrans(_FULL, _HALF)
_COUNT = r"((?:[二两三四五六七八九十几]|\d+ ?)(?:个|种|条|项|位|款|类|部|件|本|首|点|句))"

_CHINESE_FORMS = (
    (re.compile(r"^什么是((?!.*(?:以及|如何|为什么)).{1,40})[？?]$"), (r"\1是什么？", r"请解释什么是\1。")),
    (re.compile(r"^(.{1,30})是什么[？?]$"), (r"什么是\1？", r"请告诉我\1是什么。")),
    (re.compile(r"^请?(?:解释|说明)(?:一下)?什么是(.{1,40})。$"), (r"什么是\1？", r"\1是什么？")),
    (re.compile(r"^(?:如何|怎样|怎么)(.{1,60})[？?]$"), (r"怎样才能\1？", r"要\1，该怎么做？")),
    (re.compile(r"^为什么(.{2,60})[？?]$"), (r"\1，这是为什么？", r"\1的原因是什么？")),
    (
        re.compile(rf"^请?(?:列出|列举|说出|举出|给出){_COUNT}(.{{1,40}})。$"),
        (r"有哪些\2？请说出\1。", r"\2有哪些？列出\1即可。"),
    ),
    (re.compile(r"^(.{1,40})有哪些[？?]$"), (r"有哪些\1？", r"请列出\1。")),
    (re.compile(r"^请?(?:描述|介绍)(?!一)(.{1,30})的(.{1,15})。$"), (r"\1的\2是怎样的？", r"\1有怎样的\2？")),
    (
        re.compile(r"^请?(?:解释|说明)(?!什么|为什么|如何)(.{1,30})的(概念|含义|意思|原理|作用)。$"),
        (r"\1的\2是什么？",),
    ),
)
_ENGLISH_FORMS = (
    (re.compile(r"^What is (.{1,100})\?$"), (r"Explain what \1 is.", r"Tell me what \1 is.")),
    (re.compile(r"^What are (.{1,100})\?$"), (r"Tell me what \1 are.",)),
    (re.compile(r"^How (?:do|can|could|should) (?:I|you|we) (.{1,100})\?$"), (r"What is the way to \1?",)),
    (re.compile(r"^Describe (the .{1,100})\.$"), (r"Give a description of \1.",)),
    (re.compile(r"^Explain (the .{1,100})\.$"), (r"Give an explanation of \1.",)),
    (re.compile(r"^List (.{1,100})\.$"), (r"Make a list of \1.",)),
    (re.compile(r"^Compare (.{1,100})\.$"), (r"Make a comparison of \1.",)),
    (re.compile(r"^(?:Generate|Create|Write) (an? .{1,100})\.$"), (r"I need \1.",)),
)


def _politeness(request: str) -> list[str]:
    """Ask more politely, or less."""
    if not HAN.search(request):
        return _english_politeness(request)
    for prefix in ("请你", "请"):
        if request.startswith(prefix) and not request.startswith("请问"):
            bare = request[len(prefix) :]
            return [bare, f"麻烦你{bare}"]
    if _CHINESE_REQUEST.match(request):
        found = [f"请{request}", f"请你{request}", f"麻烦你{request}"]
        if not _CHINESE_VERB.match(request):
            return found
        found.append(f"请帮我{request}")
        if request.endswith("。") and "。" not in request[:-1] and "？" not in request:
            found.append(f"你能{request[:-1]}吗？")
        return found
    if _CHINESE_QUESTION.search(request):
        return [f"请问{request}", f"我想知道，{request}", f"请告诉我：{request}"]
    return []


def _english_politeness(request: str) -> list[str]:
    if request.startswith("Please "):
        return [_capital(request[7:])]
    if _ENGLISH_REQUEST.match(request):
        small = request[0].lower() + request[1:]
        found = [f"Please {small}", f"I would like you to {small}"]
        if request.endswith(".") and "." not in request[:-1]:
            found.append(f"Could you {small[:-1]}?")
        return found
    if _ENGLISH_QUESTION.match(request):
        return [f"Can you tell me: {request}", f"I have a question. {request}"]
    return []


def _punctuation(request: str) -> list[str]:
    """Write marks in the other width, or leave out the last one."""
    found = [request.translate(_NARROW)]
    if request[-1:] in {"。", "."}:
        found.append(request[:-1])
    if request[-1:] in {"？", "?"}:
        found.append(f"{request[:-1]}{'?' if request[-1] == '？' else '？'}")
    if HAN.search(request) and request[-1].isalnum():
        found += [f"{request}。", f"{request}："]
    return found


def _synonym(request: str) -> list[str]:
    """Say the verb that asks in another word."""
    found = []
    for line in CHINESE_REQUESTS:
        for word in line:
            match = re.match(f"(请你?|)({word})(?!书|者|器)", request)
            if match:
                found += [f"{match[1]}{other}{request[match.end() :]}" for other in line if other != word]
    if re.match(r"写(?=[一两三几]?[个篇首段封份句])", request):
        found += [f"{word}{request[1:]}" for word in ("撰写", "创作")]
    for line in ENGLISH_REQUESTS:
        for word in line:
            if re.match(rf"{word}\b", request):
                found += [f"{other}{request[len(word) :]}" for other in line if other != word]
    return found


def _form(request: str) -> list[str]:
    """Make a request of a question, or a question of a request, or another question."""
    found: list[str] = []
    for pattern, forms in (*_CHINESE_FORMS, *_ENGLISH_FORMS):
        if pattern.match(request):
            found += [pattern.sub(form, request) for form in forms]
    return found


def _order(request: str) -> list[str]:
    """Say the condition after what is asked, which stands before it."""
    chinese = _CHINESE_CONDITION.match(request)
    if chinese:
        return [f"{chinese[2]}，{chinese[1]}{chinese[3]}"]
    english = _ENGLISH_CONDITION.match(request)
    if english:
        return [f"{_capital(english[2])}, {english[1][0].lower()}{english[1][1:]}."]
    return []


def _several(request: str) -> list[str]:
    """Change the verb or the form, then how politely it is asked."""
    return [polite for changed in (*_synonym(request), *_form(request)) for polite in _politeness(changed)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_RULES: dict[str, Callable[[str], list[str]]] = {
    "politeness": _politeness,
    "punctuation": _punctuation,
    "synonym": _synonym,
    "question": _form,
    "order": _order,
    "several": _several,
}
REWORDINGS = tuple(_RULES)
"""Names of the rules."""


def rewordings(turn: str, rule: str) -> list[str]:
    """Say in what ways a rule of `REWORDINGS` rewords a user's turn: its first line, which asks; the others stay.

    Empty where the rule does not apply.
    """
    request, feed, rest = turn.partition("\n")
    found = dict.fromkeys(text for text in _RULES[rule](request) if text.strip() and text != request)
    return [f"{text}{feed}{rest}" for text in found]
