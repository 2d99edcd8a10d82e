"""What the page of scores says of missing values and of settings, in both of its languages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from belle_data.page.bilingual import Both
from belle_data.page.shown import shown_text
from belle_train.judge.bootstrap import WHY_NULL
from belle_train.judge.replies import REASONS

if TYPE_CHECKING:
    from belle_data.page.bilingual import Text

NAME_CHARACTERS, VALUE_CHARACTERS = 80, 400
DASH = "–"
CHINESE_REASONS = {
    "no_answer": "没有可评的回答",
    "answer_failed": "模型没有给出回答",
    "no_reference": "缺少该类别所需的参考答案",
    "budget": "继续提问会超出预算",
    "timeout": "评审未在时限内回复",
    "connection": "无法连接或连接中断",
    "rate_limit": "服务器因速率限制一直拒绝",
    "quota": "该账户的额度已用完",
    "status": "服务器以其他状态码拒绝",
    "prompt_too_long": "提示超出评审模型的长度",
    "invalid_reply": "回复不符合接口格式",
    "wrong_model": "回复来自另一个模型",
    "filtered": "回复被服务器过滤",
    "empty_reply": "回复没有文字",
    "truncated_reply": "回复达到最大长度而被截断",
    "no_score": "回复中没有分数或判定",
    "several_scores": "回复中有互相矛盾的分数或判定",
    "out_of_range": "分数超出范围",
}
CHINESE_NULLS = {
    "no_rows": "没有数据",
    "no_scores": "没有任何分数",
    "no_categories": "没有可平均的类别",
    "category_without_scores": "有类别没有任何分数",
    "too_few_rows": "数据太少",
    "no_spread": "所有数值相同",
    "one_verdict": "只有一种判定",
    "no_decided_rows": "没有分出胜负的行",
}
_CREDENTIALS = re.compile(r"//[^/@\s]*@")


def reason_text(reason: str) -> Text:
    """Why a value is missing; a reason that is not known is given as it is."""
    if reason in REASONS and reason in CHINESE_REASONS:
        return Both(REASONS[reason], CHINESE_REASONS[reason])
    return shown_text(reason, NAME_CHARACTERS)


def null_text(reason: object) -> Text:
    """Why a statistic is null; a reason that is not known is given as it is."""
    if not isinstance(reason, str):
        return Both("not known", "未知")
    if reason in WHY_NULL and reason in CHINESE_NULLS:
        return Both(WHY_NULL[reason], CHINESE_NULLS[reason])
    return shown_text(reason, NAME_CHARACTERS)


def name_text(name: str) -> str:
    """A name as the page shows it."""
    return shown_text(" ".join(name.split()), NAME_CHARACTERS) or DASH


def isolated(name: str) -> Markup:
    """A name within a sentence: letters that run to the left must not reorder the words around it."""
    return Markup("<bdi>{}</bdi>").format(name)


def value_text(value: Any) -> str:
    """A setting as the page shows it; a dash for what is not recorded."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown_text(_CREDENTIALS.sub("//…@", text), VALUE_CHARACTERS)


def score_text(value: float) -> str:
    """A mean score, as the tables of the paper have it."""
    return f"{value:.3f}"


def between(low: float | None, high: float | None) -> str | None:
    """An interval; None where there is none."""
    return None if low is None or high is None else f"{low:.3f}–{high:.3f}"


def english(text: Text) -> str:
    """A text of the page for a terminal or JSON: in English, without marks."""
    if isinstance(text, str):
        return text
    return text.en.striptags() if isinstance(text.en, Markup) else text.en


def sentence(words: tuple[str, str], *values: str | Both) -> Both:
    """A text in both languages with values set in, those that are in both languages each in its own."""
    english_words, chinese_words = (Markup.escape(one) for one in words)
    return Both(
        english_words.format(*(value.en if isinstance(value, Both) else value for value in values)),
        chinese_words.format(*(value.zh if isinstance(value, Both) else value for value in values)),
    )
