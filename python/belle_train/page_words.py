"""What pages say of prepared data, in both of their languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_data.page.bilingual import Both
from belle_data.page.render import share
from belle_train.conversations import (
    BOUNDARY,
    EMPTY,
    NO_ANSWER,
    NOTHING_LEARNED,
    OTHER_ROLE,
    PLAIN_TEXT,
    REASONS,
    SPECIAL_PIECE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from belle_data.page.bilingual import Text

_CHINESE = {
    NO_ANSWER: "没有助手的回答",
    SPECIAL_PIECE: "文本含有分词器的特殊词元，例如 </s>",
    NOTHING_LEARNED: "回答开始于最长序列之后",
    BOUNDARY: "有词元跨越回答的开头或结尾",
    OTHER_ROLE: "有模板不认识的角色",
    EMPTY: "没有任何轮次",
    PLAIN_TEXT: "该行是纯文本，不是对话",
}

Facts = list[tuple["Text", "Text"]]
"""Names and values of a table."""


def reason_text(reason: str) -> Text:
    """Why a row is left out; a reason that is not known is given as it is."""
    return Both(REASONS[reason], _CHINESE[reason]) if reason in REASONS else reason


def left_out_facts(left_out: Mapping[str, int]) -> Facts:
    """How many rows each reason left out."""
    return [(reason_text(reason), f"{count:,}") for reason, count in left_out.items()]


def data_facts(data: Mapping[str, Any], max_length: int, *, conversations: bool = True) -> Facts:
    """The counts of `belle_train.prepared.Prepared.to_dict`, from the rows to the learned pieces.

    Args:
        data: The counts.
        max_length: Pieces of a sequence at most.
        conversations: Whether the rows are conversations, and not texts.
    """
    wanted = Both("conversations", "对话数") if conversations else Both("texts", "文本数")
    room = data["sequences"] * max_length
    return [
        (Both("rows", "行数"), f"{data['rows']:,}"),
        (Both("left out", "未采用"), f"{sum(data['left_out'].values()):,}"),
        (wanted, f"{data['conversations']:,}"),
        (Both("cut to the longest", "被截断"), f"{data['cut']:,}"),
        (Both("held out", "留出"), f"{data['held_out']:,}"),
        (Both("sequences", "序列数"), f"{data['sequences']:,}"),
        (Both("pieces", "词元数"), f"{data['tokens']:,}"),
        (Both("learned pieces", "参与学习的词元数"), f"{data['learned_tokens']:,}"),
        (Both("share learned", "学习占比"), share(data["learned_tokens"], data["tokens"])),
        (Both("sequences are filled to", "序列填充率"), share(data["tokens"], room)),
    ]
