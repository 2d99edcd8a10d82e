"""What a server answers to a request for a chat, read strictly, and what it means when it refuses."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from belle_data.openai_server import is_temporary, quota_is_spent, without_key
from belle_train.judge.judge_server import clean
from belle_train.judge.replies import Reply

FILTERED = "content_filter"
"""The reason for the end of a reply that the server withheld."""
_TOO_LONG = re.compile(
    r"context[ _-]?(length|window|size)|maximum (model |input |sequence |prompt )?length|length of the (prompt|input)"
    r"|(prompt|input|messages?)\b.{0,40}\b(too long|too large|longer than)|too many (input |prompt )?tokens"
    r"|must have less than \d+ tokens|range of input length|超长|超出.{0,12}长度|长度.{0,12}超",
    re.IGNORECASE | re.DOTALL,
)
_MAY_BE_TOO_LONG = {400, 413, 422}
_NO_MONEY = re.compile(r"insufficient[ _](quota|balance|funds|credits?)|arrearage|余额不足|欠费", re.IGNORECASE)
_MAY_BE_NO_MONEY = {400, 403, 429}


class InvalidReplyError(Exception):
    """A body that is no reply; the text says why."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal means.

    Attributes:
        reason: One of `REASONS`.
        detail: What the server says, short, without the key.
        again: Whether the same may be taken later.
    """

    reason: str
    detail: str
    again: bool = False


def reply_of(content: bytes, secret: str | None = None) -> Reply:
    """Read a body; a reply without text has an empty one.

    Args:
        content: The body.
        secret: What is not to be in a reply, should the server say it; stars are put for it.

    Raises:
        InvalidReplyError: It is not JSON, or not as the API has it.
    """
    if not content.strip():
        message = "the body is empty"
        raise InvalidReplyError(message)
    try:
        body = json.loads(content)
        choice = body["choices"][0]
        text = choice["message"].get("content")
        usage = body.get("usage")
        found = Reply(
            text="" if text is None else _without(clean(text), secret),
            finish=_text(choice.get("finish_reason"), secret),
            model=_text(body.get("model"), secret),
            created=_count(body.get("created")),
            prompt_tokens=_count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None,
            answer_tokens=_count(usage.get("completion_tokens")) if isinstance(usage, dict) else None,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        kind = "no JSON" if isinstance(error, ValueError) else "not as the API has it"
        message = f"the body is {kind} ({type(error).__name__})"
        raise InvalidReplyError(message) from None
    return found


def _text(value: object, secret: str | None) -> str | None:
    return _without(clean(value), secret) if isinstance(value, str) else None


def _without(text: str, secret: str | None) -> str:
    return text.replace(secret, "***") if secret else text


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def refusal_of(status: int, body: Any) -> Refusal:
    """Say what an HTTP status and its body mean.

    Args:
        status: From 300 on.
        body: What `error` holds in the body, else the whole body: JSON, text or None.
    """
    said = body if isinstance(body, str) else None
    code: object = None
    if isinstance(body, dict):
        # `detail` is what servers made with FastAPI say.
        said = next((str(body[name]) for name in ("message", "detail", "error") if body.get(name)), None)
        code = body.get("code")
    detail = f"HTTP {status}" + (f", {without_key(said)}" if said else "")
    if quota_is_spent(status, body) or (status in _MAY_BE_NO_MONEY and _NO_MONEY.search(f"{code} {said}")):
        return Refusal("quota", detail)
    if status in _MAY_BE_TOO_LONG:
        if code == "context_length_exceeded" or status == 413 or (said and _TOO_LONG.search(said)):
            return Refusal("prompt_too_long", detail)
        if code == FILTERED:
            return Refusal("filtered", detail)
    # 501 says of a request that it will never be served.
    again = is_temporary(status, body) and status != 501
    return Refusal("rate_limit" if status == 429 else "status", detail, again)
