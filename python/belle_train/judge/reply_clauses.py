"""What the words before a score or a verdict say of it: that it is a condition, a rule, or a claim of the answer."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"[。！？!?;；\n…]")
_CLAUSE = re.compile(r"[。！？!?;；\n…,，]|\. ")
_CONDITION = re.compile(
    r"如果|如若|若|假如|假设|倘|除非|要是|否则|反之|其余|"
    r"(?<![a-z])(?:if|when|unless|otherwise|whenever|would have|could have|might have)(?![a-z])",
    re.IGNORECASE,
)
_NO_CLAIM = re.compile(
    r"最高|最低|满分|滿分|至少|至多|最多|不超过|不低于|不高于|每|扣|不给|不能|不应|不该|不得|不值|不配|无法|没有|未|不是|并非|"
    r"标准|范围|区间|及格|要求|声称|自称|宣称|声明|写道|写着|写了|提到|试图|企图|妄图|自评|自己|诱导|引导|索要|索取|请求|命令|"
    r"指示|指令|注入|操纵|表示|代表|意味|(?:就|则)$|让我|使我|叫我|希望我|逼我|"
    r"(?<![a-z])(?:up to|at most|at least|maximum|minimum|highest|lowest|max|min|passing|between|range|criteria|"
    r"rubric|not|never|cannot|can't|don't|doesn't|deduct\w*|claim\w*|ask\w*|demand\w*|request\w*|instruct\w*|tell\w*|"
    r"says?|said|saying|states?|stated|stating|tries|trying|attempt\w*|wants?|wanting|insists?|inject\w*|quot\w+|writes?|"
    r"means|indicates|wrote|itself|himself|contains?)(?![a-z])",
    re.IGNORECASE,
)
_SHOWN_HERE = re.compile(r"(?:回答|答案|原文|原话|内容|answer|response|reply)(?:中|里|内容|原文)? ?: ?$", re.IGNORECASE)


def _before(text: str, place: int, end: re.Pattern[str]) -> str:
    """What stands before a place in its sentence or clause, at most 60 characters."""
    window = text[max(0, place - 60) : place]
    last = None
    for last in end.finditer(window):  # noqa: B007
        pass
    return window[last.end() :] if last else window


def said_of_others(text: str, place: int) -> bool:
    """Whether the words before say that this is a condition, a rule or a claim of the answer."""
    clause = _before(text, place, _CLAUSE)
    return (
        _CONDITION.search(_before(text, place, _SENTENCE)) is not None
        or _NO_CLAIM.search(clause) is not None
        or _SHOWN_HERE.search(clause) is not None
    )
