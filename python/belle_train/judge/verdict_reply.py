"""How a judge's reply is read as a verdict on two answers, or as a score for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from belle_train.judge.replies import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

Verdict = Literal["first", "second", "tie"]


def verdict_of(text: str, *, finish: str | None = "stop", quoted: Sequence[str] = ()) -> Verdict | Missing:
    """Read which of two answers a judge's reply prefers."""
    if finish == "length":
        return Missing("truncated_reply")
    if not text.strip():
        return Missing("empty_reply")
    return Missing("no_score", f"{len(quoted)} texts")


def pair_scores_of(
    text: str, *, finish: str | None = "stop", quoted: Sequence[str] = ()
) -> tuple[float, float] | Missing:
    """Read the scores, from 1 to 10, that a judge's reply gives to two answers."""
    if finish == "length":
        return Missing("truncated_reply")
    if not text.strip():
        return Missing("empty_reply")
    return Missing("no_score", f"{len(quoted)} texts")
