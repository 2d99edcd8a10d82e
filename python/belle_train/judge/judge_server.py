"""A judge's server, what it is asked, and how a request is written."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from belle_data.errors import UsageError
from belle_data.openai_server import OWN_SERVER, api_key, check_address
from belle_train.judge.budget import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_train.judge.replies import Schema
    from belle_train.judge.reply_store import ReplyStore

MOST_CONNECTIONS = 1000
"""As many as the package openai has open at a time."""
STRUCTURED = ("auto", "yes", "no")
_OWN_FIELDS = ("model", "messages", "n", "stream", "response_format")
"""Fields of a request that no setting may change: what is asked, and how the reply is read, would not be as it says."""
_LONGEST = ("max_tokens", "max_completion_tokens")
"""The names under which servers take a bound of a reply; newer ones want the second."""
_TOKENS_OF_A_REQUEST = 64
"""More than a chat template writes around all messages, with the system prompt that some bring along."""
_TOKENS_OF_A_MESSAGE = 16
"""More than it writes around each."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked once.

    Attributes:
        name: For messages to the user, such as ``eval-… repeat 1``.
        messages: Each with ``role`` and ``content``.
        repeat: Distinguishes equal requests that are to be made separately, from 0; it is added to the seed.
    """

    name: str
    messages: tuple[dict[str, str], ...]
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class JudgeServer:
    """A server and how it is asked.

    Attributes:
        model: The model that it is asked for.
        base_url: Its address up to ``/v1``; None for OpenAI's own.
        connections: Requests at a time, at most `MOST_CONNECTIONS`.
        timeout: Seconds that a reply may take.
        retries: How often a request is made again when it failed in a way that may pass.
        patience: Seconds after which a question is not tried again, counted from when it failed first; also the longest
            pause that is obeyed.
        requests_per_minute: Attempts that are made within a minute at most; None for no limit.
        tokens_per_minute: Tokens of prompts and replies within a minute at most; None for no limit.
        temperature: 0 for what the model holds most likely.
        max_tokens: Of a reply.
        seed: Sent along, the number of the repeat added; None for none.
        structured: ``yes`` asks for replies in the form of the schema, ``no`` for free text; ``auto`` for the form if
            the server takes it.
        accepted_models: Names that a reply may carry beside the asked one, the same with a date or a revision at its
            end.
        fields: Other fields of a request, or other values of those above; None leaves one out. One of ``max_tokens``
            and ``max_completion_tokens``, as newer servers call it, must stay: the larger bounds a reply.
    """

    model: str
    base_url: str | None = None
    connections: int = 8
    timeout: float = 60.0
    retries: int = 6
    patience: float = 600.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int | None = 42
    structured: Literal["auto", "yes", "no"] = "auto"
    accepted_models: tuple[str, ...] = ()
    fields: tuple[tuple[str, Any], ...] = ()

    @property
    def most_answer_tokens(self) -> int:
        """Tokens of the longest reply."""
        said = {_LONGEST[0]: self.max_tokens, **dict(self.fields)}
        return int(max(value for name in _LONGEST if (value := said.get(name)) is not None))

    @property
    def url(self) -> str:
        """The address that is asked, without a slash at its end."""
        return (self.base_url or OWN_SERVER).rstrip("/")

    def settings(self) -> dict[str, Any]:
        """All that a reply depends on besides the question, as a manifest says it."""
        return {
            "model": self.model,
            "base_url": self.url,
            "structured": self.structured,
            "temperature": self.temperature,
            "max_tokens": self.most_answer_tokens,
            "fields": dict(self.fields),
        }

    def check(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            UsageError: A setting is out of its range.
        """
        if self.base_url is not None:
            check_address(self.base_url)
        if not self.model.strip():
            raise UsageError("a judge's model has a name", value=self.model)
        rules: tuple[tuple[str, object, bool], ...] = (
            (f"connections are 1 to {MOST_CONNECTIONS:,}", self.connections, 1 <= self.connections <= MOST_CONNECTIONS),
            ("a time-out is more than 0 seconds", self.timeout, self.timeout > 0 and math.isfinite(self.timeout)),
            ("retries are 0 to 100", self.retries, 0 <= self.retries <= 100),
            ("a patience is 0 seconds or more", self.patience, self.patience >= 0),
            ("requests per minute are 1 or more", self.requests_per_minute, (self.requests_per_minute or 1) >= 1),
            ("tokens per minute are 1 or more", self.tokens_per_minute, (self.tokens_per_minute or 1) >= 1),
            ("a temperature is 0 to 2", self.temperature, 0 <= self.temperature <= 2),
            ("a reply has 1 token or more", self.max_tokens, self.max_tokens >= 1),
            (f"structured is {', '.join(STRUCTURED)}", self.structured, self.structured in STRUCTURED),
        )
        for rule, value, obeyed in rules:
            # 0 would be taken for no limit.
            if not obeyed or (value == 0 and "minute" in rule):
                raise UsageError(rule, value=value)
        self._check_fields()

    def check_ready(self) -> None:
        """Refuse to ask without what asking needs; stored replies can be read without.

        Raises:
            UsageError: OpenAI's server is to be asked without a key, or the package openai is missing.
        """
        api_key(self.url)
        if find_spec("openai") is None:
            hint = "make setup-train, or pip install 'belle-data[openai]'"
            raise UsageError("servers are asked with the package openai, which is not installed", hint=hint)

    def _check_fields(self) -> None:
        said = dict(self.fields)
        own = next((name for name in said if name in _OWN_FIELDS), None)
        if own is not None:
            raise UsageError("this field of a request is belle's own", value=own, hint="leave it out")
        for name in _LONGEST:
            value = said.get(name)
            if value is not None and not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
                raise UsageError(f"{name} is a whole number from 1", value=value)
        if said.get(_LONGEST[0], self.max_tokens) is None and said.get(_LONGEST[1]) is None:
            hint = f"give {_LONGEST[1]} in place of {_LONGEST[0]}"
            raise UsageError("a reply needs a bound, or no budget holds", hint=hint)

    def body(self, question: Question, schema: Schema | None) -> dict[str, Any]:
        """The body of a request, in which lone surrogates are replaced: no server could read them."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{key: clean(text) for key, text in message.items()} for message in question.messages],
            "temperature": float(self.temperature),
            "max_tokens": self.max_tokens,
        }
        if self.seed is not None:
            body["seed"] = self.seed + question.repeat
        if schema is not None:
            form = {"name": schema.name, "strict": True, "schema": schema.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        for name, value in self.fields:
            if value is None:
                body.pop(name, None)
            else:
                body[name] = value
        return body

    def accepts(self, model: str | None) -> bool:
        """Tell whether a reply that names this model is one of the model that was asked; so is one that names none."""
        if model is None or model == self.model or model in self.accepted_models:
            return True
        if not model.startswith(self.model):
            return False
        end = model[len(self.model) :]
        return end.startswith("@") or (end.startswith("-") and _is_date(end[1:]))


def _is_date(text: str) -> bool:
    """Tell whether a text is four digits, as in ``0613``, or a date with or without hyphens."""
    parts = [len(part) if part.isascii() and part.isdigit() else 0 for part in text.split("-")]
    return parts in ([4], [8], [4, 2, 2], [2, 2], [2, 4])


def clean(text: str) -> str:
    """Replace lone surrogates, which are in no text that can be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def key_of(value: object) -> str:
    """The SHA-256 of something in canonical JSON, in hexadecimal digits."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def request_key(server: JudgeServer, body: dict[str, Any], repeat: int) -> str:
    """The key of a request: of the address, all that is sent, and the number of the repeat."""
    return key_of([server.url, body, repeat])


def most_prompt_tokens(body: dict[str, Any]) -> int:
    """An upper bound of the tokens of a prompt: no piece of a byte-level vocabulary is shorter than a byte."""
    form = body.get("response_format")
    bytes_ = len(json.dumps(form, ensure_ascii=False).encode()) if form else 0
    for message in body["messages"]:
        bytes_ += _TOKENS_OF_A_MESSAGE + sum(len(text.encode()) for text in message.values())
    return bytes_ + _TOKENS_OF_A_REQUEST


class Request:
    """A question as it is sent.

    Args:
        server: Which is asked.
        question: What is asked.
        schema: Sent along; None for free text.
    """

    __slots__ = ("body", "key", "most", "question")

    def __init__(self, server: JudgeServer, question: Question, schema: Schema | None) -> None:
        self.question = question
        self.body = server.body(question, schema)
        self.key = request_key(server, self.body, question.repeat)
        self.most = Tokens(most_prompt_tokens(self.body), server.most_answer_tokens)
        """Tokens that it needs at most."""


def decision_key(server: JudgeServer, schema: Schema) -> str:
    """The key under which it is stored whether a server takes a schema."""
    return key_of([server.url, server.model, "structured", schema.name, schema.schema])


def prepared(
    server: JudgeServer, questions: Sequence[Question], schema: Schema | None, store: ReplyStore
) -> tuple[list[Request], bool]:
    """Write the requests of all questions, and tell whether they are settled.

    Returns:
        A request for each question; True, or False if the schema is sent along in them and it is still open whether
        the server takes it.
    """
    if schema is None or server.structured == "no":
        return [Request(server, one, None) for one in questions], True
    decision = True if server.structured == "yes" else store.decision(decision_key(server, schema))
    requests = [Request(server, one, None if decision is False else schema) for one in questions]
    # A reply to a request with it shows that it was taken.
    settled = decision is not None or any(store.get(request.key) is not None for request in requests)
    return requests, settled
