"""What the stage diversity made of a row: its rank among those that were chosen, or why it was not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from belle_data.report.finished_run import FinishedRun


@dataclass(frozen=True, slots=True)
class RowChoice:
    """How a row stood when rows were chosen by their words."""

    rank: int | None
    """In which it was chosen, from 1; None if it was not."""
    chosen: int
    """How many rows were."""
    value: float | None
    """What it added when it was chosen, or would add at the end; in the mode `cap` the share of its words that were
    seen often. None if it was not looked at."""
    common_words: str
    """Of a row that went: those of its words that the chosen rows have most of, with spaces between."""


def choice_of(number: int, run: FinishedRun) -> RowChoice | None:
    """How a row stood in the choice of a run; None if the run has none, or the row had gone before."""
    if "diversity" not in run.stages:
        return None
    import pyarrow as pa  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded
    import pyarrow.compute as pc  # noqa: PLC0415

    scores = run.scores("diversity")
    own = scores.filter(pc.equal(scores["row"], pa.scalar(number, pa.uint32()))).to_pylist()
    if not own:
        return None
    chosen = len(scores) - scores["rank"].null_count
    return RowChoice(own[0]["rank"], chosen, own[0]["value"], own[0]["common_words"] or "")


def choice_text(choice: RowChoice) -> str:
    """The same in a line."""
    if choice.rank is not None:
        return f"chosen as number {choice.rank:,} of {choice.chosen:,}"
    words = f"; most common among the chosen: {choice.common_words}" if choice.common_words else ""
    value = "not looked at" if choice.value is None else f"value {choice.value:.4g}"
    return f"not among the {choice.chosen:,} chosen rows: {value}{words}"
