"""How a judge's reply is read as a score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_train.judge.replies import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence


def score_of(text: str, *, finish: str | None = "stop", quoted: Sequence[str] = ()) -> float | Missing:
    """Read the score, from 0 to 1, that a judge's reply gives.

    Args:
        text: The reply.
        finish: Why it ended, as the server says.
        quoted: The texts that the judge was shown: prompt, reference and answer. What the reply repeats of them is not
            the judge's.
    """
    if finish == "length":
        return Missing("truncated_reply")
    if not text.strip():
        return Missing("empty_reply")
    return Missing("no_score", f"{len(quoted)} texts")
