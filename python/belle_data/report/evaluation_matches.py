"""What rows of a finished run hold of evaluation rows, as `decontaminate` wrote it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.report.row_findings import normalised
from belle_data.report.texts import turns_of
from belle_data.stages.decontaminate import Decontaminate, DecontaminateConfig, fired_matches

if TYPE_CHECKING:
    from belle_data.report.finished_run import FinishedRun


@dataclass(frozen=True, slots=True)
class EvaluationMatch:
    """A text of an evaluation row in a turn of a row."""

    against: str
    """The evaluation file."""
    against_row: int
    """Number of the evaluation row in it, from 1."""
    against_id: str | None
    part: str
    """``prompt`` or ``answer``: which text of the evaluation row it is."""
    similarity: float | None
    """One less the edits, as a share of the evaluation text; None if they are more than a fifth."""
    covered: float
    """Share of the evaluation text in n-grams of both."""
    run: int
    """Characters of the longest stretch of these."""
    ngrams: int
    """N-grams in common."""
    reason: str | None
    """For what the row goes by this match; None if it does not."""
    span: tuple[int, str, str, str] | None
    """The turn, from 0, and its text before, in and after the place; None if the text cannot be read."""


def evaluation_matches(number: int, run: FinishedRun, batch: Any) -> list[EvaluationMatch]:
    """The matches of a row, the strongest first.

    Args:
        number: The row.
        run: The finished run; without `decontaminate` there are none.
        batch: The row as it was read, or None if it cannot be.
    """
    import pyarrow as pa  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded
    import pyarrow.compute as pc  # noqa: PLC0415

    matches = run.evidence(Decontaminate.name, "matches") if Decontaminate.name in run.stages else None
    if matches is None:
        return []
    config = DecontaminateConfig(**run.settings_of(Decontaminate.name))
    own = matches.filter(pc.equal(matches["row"], pa.scalar(number, pa.uint32())))
    fired = {(one["turn"], one["evaluation_row"], one["part"]): one for one in fired_matches(own, config).to_pylist()}
    if batch is not None and "normalise" in run.stages:
        batch, _ = normalised(batch, run.settings_of("normalise"))
    turns = None if batch is None else turns_of(batch)
    found = [
        _match(one, fired.get((one["turn"], one["evaluation_row"], one["part"])), turns) for one in own.to_pylist()
    ]
    return sorted(found, key=lambda one: (one.reason is None, -(one.similarity or 0.0), -one.covered))


def _match(one: dict[str, Any], fired: dict[str, Any] | None, turns: Any) -> EvaluationMatch:
    span = None
    if turns is not None and one["turn"] < len(turns):
        text, start, end = turns[one["turn"]][1], one["start"], one["end"]
        span = one["turn"], text[:start], text[start:end], text[end:]
    return EvaluationMatch(
        against=one["against"],
        against_row=one["against_row"],
        against_id=one["against_id"],
        part=one["part"],
        similarity=one["similarity"],
        covered=one["covered"],
        run=one["run"],
        ngrams=one["ngrams"],
        reason=None if fired is None else Decontaminate.reasons[fired["reason"]],
        span=span,
    )
