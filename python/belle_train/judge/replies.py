"""What a judge replied, or why there is no reply that counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REASONS = {
    "no_answer": "there is no answer to judge",
    "answer_failed": "the model gave no answer",
    "no_reference": "the reference that the category needs is missing",
    "budget": "asking would have passed the budget",
    "timeout": "no reply in time",
    "connection": "no connection, or it broke off",
    "rate_limit": "the server went on refusing because of its rate limit",
    "quota": "the server serves no more on this account",
    "status": "the server refused, with a status other than these",
    "prompt_too_long": "the prompt is longer than the judge takes",
    "invalid_reply": "the reply is not as the API has it",
    "wrong_model": "another model replied",
    "filtered": "the server withheld the reply",
    "empty_reply": "the reply has no text",
    "truncated_reply": "the reply was cut at its longest",
    "no_score": "the reply has no score or verdict",
    "several_scores": "the reply has scores or verdicts that differ",
    "out_of_range": "the score is outside of its range",
}
"""Every reason for a missing value, and what it says; the list is closed."""
PASSING = frozenset(
    {"budget", "timeout", "connection", "rate_limit", "quota", "status", "prompt_too_long", "invalid_reply"}
)
"""Nothing is stored for these, so the next run asks again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it is stored.

    Attributes:
        text: Of the first choice; empty if there is none.
        finish: Why it ended, such as ``stop`` or ``length``.
        model: Which model says that it replied.
        created: When, in seconds since 1970, as the server says.
        prompt_tokens: As the server counted them.
        answer_tokens: Those of the reply.
    """

    text: str
    finish: str | None = None
    model: str | None = None
    created: int | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no value: never 0, nor any other number.

    Attributes:
        reason: One of `REASONS`.
        detail: What the server or the parser says, short; never a key.
    """

    reason: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """What a structured reply has to look like.

    Attributes:
        name: For the server; letters, digits and underscores.
        schema: The JSON schema; every key of an object is required, and no other is allowed.
    """

    name: str
    schema: dict[str, Any]
