"""What asking a judge will take, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from belle_data.embed.price import tokens_of
from belle_train.judge.budget import Tokens
from belle_train.judge.judge_server import Request, prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_train.judge.budget import Budget
    from belle_train.judge.judge_server import JudgeServer, Question
    from belle_train.judge.replies import Schema
    from belle_train.judge.reply_store import ReplyStore

_USUAL_REPLY = 256
"""Tokens of a score with its reasons."""
_TOKENS_OF_A_MESSAGE = 4
"""What the usual chat templates write around each."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What asking will take.

    Attributes:
        questions: All of them.
        stored: Those with a reply already.
        calls: Requests to make, retries not counted; equal questions share one.
        expected: Tokens, from the characters of the prompts and a usual length of replies.
        most: Tokens that can be needed at most, retries not counted.
        spent: Tokens that were spent before for the folder.
        expected_cost: Dollars of `expected`; None without a price.
        most_cost: Dollars of `most`.
        spent_cost: Dollars of `spent`.
        fits: Whether the budget has room for `most`.
    """

    questions: int
    stored: int
    calls: int
    expected: Tokens
    most: Tokens
    spent: Tokens
    expected_cost: float | None
    most_cost: float | None
    spent_cost: float | None
    fits: bool


def estimate(
    server: JudgeServer, questions: Sequence[Question], schema: Schema | None, store: ReplyStore, budget: Budget
) -> Estimate:
    """Tell what asking will take; nothing is sent.

    Args:
        server: Which will be asked.
        questions: What will be asked; none gives zeros.
        schema: As for `ask`.
        store: Open.
        budget: What may be spent; what was spent for the store before is counted in it from here on.

    Raises:
        UsageError: The settings of the server mean nothing.
    """
    server.check()
    budget.remember(str(store.path), store.spent_before)
    requests, _ = prepared(server, questions, schema, store)
    stored = sum(store.get(request.key) is not None for request in requests)
    calls = {request.key: request for request in requests if store.get(request.key) is None}
    most = sum((request.most for request in calls.values()), Tokens())
    expected = _expected(list(calls.values()), server.most_answer_tokens)
    spent = store.spent_before
    return Estimate(
        questions=len(questions),
        stored=stored,
        calls=len(calls),
        expected=expected,
        most=most,
        spent=spent,
        expected_cost=budget.cost(expected),
        most_cost=budget.cost(most),
        spent_cost=budget.cost(spent),
        fits=budget.fits(most),
    )


def _expected(requests: list[Request], max_tokens: int) -> Tokens:
    texts = [
        "\n".join(
            [
                *(message["content"] for message in request.body["messages"]),
                str(request.body.get("response_format", "")),
            ]
        )
        for request in requests
    ]
    prompts = int(tokens_of(pa.array(texts, pa.large_string())).sum()) if texts else 0
    around = _TOKENS_OF_A_MESSAGE * sum(len(request.body["messages"]) for request in requests)
    return Tokens(prompts + around, len(requests) * min(max_tokens, _USUAL_REPLY))
