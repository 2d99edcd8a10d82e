"""A server that fails by plan: which fault a request meets depends on its text and on how often it was asked."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tests.chat_server import SOON, ChatServer, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk-secret-0123456789"
MODEL = "judge-model"


@dataclass(frozen=True)
class Kind:
    """A fault, what a question ends as that meets it for the last time, and whether it may pass.

    `charged` tells whether the server counts the tokens of such a request.
    """

    fault: Fault | None
    ends: str
    passes: bool = False
    charged: bool = False


def error(status: int, message: str, code: str | None = None, **headers: str) -> Fault:
    return status, {"error": {"message": message, "code": code}}, {
        name.replace("_", "-"): value for name, value in headers.items()
    }  # fmt: skip


def made(text: str | None, finish: str = "stop", model: str = MODEL) -> dict[str, Any]:
    return {
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5},
    }


TOO_LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
KINDS: dict[str, Kind] = {
    "429": Kind(error(429, "slower"), "rate_limit", passes=True),
    "429 wait": Kind((429, {"error": {"message": "slower"}}, SOON), "rate_limit", passes=True),
    "408": Kind(error(408, "late"), "status", passes=True),
    "500": Kind(error(500, "oh"), "status", passes=True, charged=True),
    "502": Kind((502, b"<html>bad gateway</html>"), "status", passes=True, charged=True),
    "503": Kind(error(503, "busy", Retry_After="0"), "status", passes=True, charged=True),
    "529": Kind((529, b""), "status", passes=True, charged=True),
    "slow": Kind("slow", "timeout", passes=True, charged=True),
    "cut": Kind("cut", "connection", passes=True, charged=True),
    "half": Kind("half", "connection", passes=True, charged=True),
    "empty": Kind((200, b""), "invalid_reply", passes=True, charged=True),
    "blank": Kind((200, b" \n"), "invalid_reply", passes=True, charged=True),
    "truncated": Kind((200, b'{"choices": [{"message": {"content": "a'), "invalid_reply", passes=True, charged=True),
    "no choice": Kind((200, {"choices": []}), "invalid_reply", passes=True, charged=True),
    "error in 200": Kind((200, {"error": {"message": "oh"}}), "invalid_reply", passes=True, charged=True),
    "list": Kind((200, b"[]"), "invalid_reply", passes=True, charged=True),
    "number": Kind((200, b"1"), "invalid_reply", passes=True, charged=True),
    "text is a list": Kind(
        (200, {"choices": [{"message": {"content": ["a"]}}]}), "invalid_reply", passes=True, charged=True
    ),
    "not UTF-8": Kind((200, b'{"choices": "\xff"}'), "invalid_reply", passes=True, charged=True),
    "deep": Kind((200, b"[" * 100_000), "invalid_reply", passes=True, charged=True),
    "400": Kind(error(400, "no such setting"), "status"),
    "400 text": Kind((400, b"no"), "status"),
    "400 list": Kind((400, {"error": ["no"]}), "status"),
    "501": Kind(error(501, "never"), "status", charged=True),
    "too long by code": Kind(error(400, "no", "context_length_exceeded"), "prompt_too_long"),
    "too long by message": Kind(error(400, TOO_LONG), "prompt_too_long"),
    "too long, other words": Kind((422, {"detail": "prompt is too long: 9 tokens"}), "prompt_too_long"),
    "413": Kind((413, b""), "prompt_too_long"),
    "filter": Kind((200, made("一", "content_filter")), "filtered"),
    "filter by code": Kind(error(400, "no", "content_filter"), "filtered"),
    "wrong model": Kind((200, made("一", model="another")), "wrong_model"),
    "null": Kind((200, made(None)), "reply "),
    "no text": Kind((200, made("")), "reply "),
    "good": Kind(None, "reply"),
}
PASSING = [name for name, kind in KINDS.items() if kind.passes and kind.fault != "slow"]
LASTING = [name for name, kind in KINDS.items() if not kind.passes]


def text_of(asked: dict[str, Any]) -> str:
    return str(asked["messages"][-1]["content"])


def number(*parts: object) -> int:
    return int.from_bytes(sha256(repr(parts).encode()).digest()[:6], "big")


def planned(seed: int, text: str, retries: int) -> list[str]:
    """Kinds that a text meets, one for each attempt: some that pass, then one that lasts or more that pass."""
    chance = random.Random(number(seed, text))
    passing = chance.choices(PASSING, k=chance.choice([0, 0, 0, 1, 2, retries, retries + 1]))
    if passing and chance.random() < 0.03:
        passing[0] = "slow"
    return [*passing, chance.choice(LASTING) if chance.random() < 0.4 else "good"]


def expected(plan: list[str], retries: int) -> tuple[str, int]:
    """What a text with this plan ends as, and after how many attempts."""
    for attempt, name in enumerate(plan, 1):
        if not KINDS[name].passes or attempt > retries:
            return KINDS[name].ends, attempt
    raise AssertionError(plan)


class FaultServer(ChatServer):
    """The server; it counts attempts, and the tokens that it would put on the bill."""

    def __init__(self, plan: Callable[[str], list[str]] = lambda _: ["good"]) -> None:
        super().__init__(self._good)
        self.plan = plan
        self.attempts: Counter[str] = Counter()
        self.charged = [0, 0]
        self.answered = 0
        self.on_answer: Callable[[int], object] = lambda _: None
        self._count = threading.Lock()
        self.refuses = self._meet

    def _meet(self, asked: dict[str, Any]) -> Fault | None:
        # Called under the lock of the server.
        text = text_of(asked)
        plan = self.plan(text)
        kind = KINDS[plan[min(self.attempts[text], len(plan) - 1)]]
        self.attempts[text] += 1
        if kind.charged:
            prompt, answer = counts(asked)
            self.charged[0] += prompt
            self.charged[1] += answer
        elif isinstance(kind.fault, tuple) and kind.fault[0] == 200:
            self.charged[0] += 7
            self.charged[1] += 5
        return kind.fault

    def _good(self, asked: dict[str, Any]) -> dict[str, Any]:
        prompt, answer = counts(asked)
        with self._count:
            self.charged[0] += prompt
            self.charged[1] += answer
            self.answered += 1
            self.on_answer(self.answered)
        reply = made(reply_text(asked))
        reply["usage"] = {"prompt_tokens": prompt, "completion_tokens": answer}
        return reply


def reply_text(asked: dict[str, Any]) -> str:
    return f"得分：0.{number(text_of(asked), asked.get('seed')) % 10}"


def counts(asked: dict[str, Any]) -> tuple[int, int]:
    """Tokens of prompt and reply as this server counts them: anything up to what can be."""
    bytes_ = sum(len(message["content"].encode()) for message in asked["messages"])
    return 1 + number(text_of(asked)) % (bytes_ + 16), 1 + number(text_of(asked), 1) % int(asked["max_tokens"])
