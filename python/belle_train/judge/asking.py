"""Asks a judge: every question ends as a reply or as a reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle_train.judge.judge_server import JudgeServer, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.engine.progress import Listener
    from belle_train.judge.budget import Budget, Tokens
    from belle_train.judge.replies import Missing, Reply, Schema
    from belle_train.judge.reply_store import ReplyStore

__all__ = ["Estimate", "JudgeServer", "Question", "ask", "estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What asking will take.

    Attributes:
        questions: All of them.
        stored: Those with a reply already.
        calls: Requests to make, retries not counted.
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


def ask(
    server: JudgeServer,
    questions: Sequence[Question],
    schema: Schema | None,
    store: ReplyStore,
    budget: Budget,
    listener: Listener,
) -> list[Reply | Missing]:
    """Ask all questions that have no stored reply.

    Returns:
        For each question its reply or the reason why there is none, in the order of the questions.
    """
    raise NotImplementedError


def estimate(
    server: JudgeServer, questions: Sequence[Question], schema: Schema | None, store: ReplyStore, budget: Budget
) -> Estimate:
    """Tell what asking will take, before anything is sent."""
    raise NotImplementedError
