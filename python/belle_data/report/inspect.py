"""Examples of what the stages of a finished run removed, and of what just stayed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_data.pipeline import STAGES
from belle_data.report.difference import turn_differences
from belle_data.report.finished_run import FinishedRun, Row

if TYPE_CHECKING:
    from pathlib import Path

    from belle_data.report.difference import Part
    from belle_data.report.texts import SourceTexts, Turns

Order = str
ORDERS = ("spread", "nearest")


@dataclass(frozen=True, slots=True)
class Example:
    """A row that a stage removed, or nearly removed."""

    row: Row
    value: float | None
    """What was measured: the similarity to `other`, or the value of the rule; None if nothing was."""
    other: Row | None
    """The row that it was compared with, for the stages that compare."""
    turns: Turns | None
    """Role and text of each turn; None if the source cannot be read any more."""
    difference: list[tuple[str, list[Part]]] | None
    """Speaker and parts of each turn beside those of `other`; None without it."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one stage did for one reason."""

    stage: str
    reason: str
    threshold: float | None
    """The value from which on a row goes; None if the reason has none."""
    removed: int
    """Rows that went for the reason."""
    went: list[Example]
    stayed: list[Example]
    """The rows that came nearest to going and stayed, the nearest first."""
    notes: list[str]
    """What must be known: why no row can be shown, a source that changed."""

    def to_dict(self) -> dict[str, Any]:
        """Give the inspection as plain values for JSON."""
        return asdict(self)


def inspect(
    run: str | Path, *, stage: str | None = None, reason: str | None = None, count: int = 10, order: Order = "spread"
) -> list[Inspection]:
    """Show examples of what went and of what just stayed.

    Args:
        run: The folder of a finished run.
        stage: Only this stage; every stage of the run without it.
        reason: Only this reason.
        count: So many examples of each kind, at least 0.
        order: Which of the removed rows: ``spread`` evenly over the input, or those ``nearest`` to the threshold.

    Returns:
        One inspection for each stage and reason that was asked for; with neither named, only for reasons for which
        rows went.

    Raises:
        RunFolderError: There is no finished run in the folder, or a file of it is damaged.
        UsageError: The run has no such stage, or the stage no such reason.

    Example:
        >>> from belle_data import inspect
        >>> inspect("runs/demo", stage="near_dedup", count=1)[0].went[0].value  # doctest: +SKIP
    """
    if count < 0:
        raise UsageError("the number of examples must be at least 0", value=count)
    if order not in ORDERS:
        raise UsageError("unknown order", value=order, hint=f"known are {', '.join(ORDERS)}")
    finished = FinishedRun(run)
    wanted = _wanted(finished, stage, reason)
    with finished.texts() as texts:
        found = [_Inspector(finished, texts, name).inspection(one, count, order) for name, one in wanted]
    if stage is None and reason is None:
        return [one for one in found if one.removed]
    return found


def _wanted(run: FinishedRun, stage: str | None, reason: str | None) -> list[tuple[str, str]]:
    """The stages and reasons that are asked for, in the order of the pipeline."""
    if stage is not None and stage not in run.stages:
        raise UsageError("the run has no such stage", value=stage, hint=f"it has {', '.join(run.stages)}")
    pairs = [
        (one.name, word)
        for one in STAGES
        for word in one.reasons
        if one.name in run.stages and stage in {None, one.name}
    ]
    if reason is None:
        return pairs
    found = [(name, word) for name, word in pairs if word == reason]
    if not found:
        known = ", ".join(word for _, word in pairs)
        raise UsageError("no stage here removes rows for this reason", value=reason, hint=f"the reasons are {known}")
    return found


class _Inspector:
    """Finds the examples of one stage of a run."""

    def __init__(self, run: FinishedRun, texts: SourceTexts, stage: str) -> None:
        self._run, self._texts, self._stage = run, texts, stage
        self._type = next(one for one in STAGES if one.name == stage)
        self._notes: list[str] = []

    def inspection(self, reason: str, count: int, order: Order) -> Inspection:
        import pyarrow as pa  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded
        import pyarrow.compute as pc  # noqa: PLC0415

        code = self._type.reasons.index(reason)
        removals = self._run.removals(self._stage)
        removals = removals.filter(pc.equal(removals["reason"], pa.scalar(code, pa.uint8())))
        threshold = self._type.threshold_of(self._type.Config(**self._run.settings_of(self._stage)), reason)
        measured = self._run.evidence(self._stage, "scores")
        values = removals["similarity"]
        if measured is not None:
            values = measured[reason].take(removals["row"])
        places = _chosen(values, count, order, threshold)
        went = [
            self._example(removals["row"][at].as_py(), removals["kept_row"][at].as_py(), values[at].as_py())
            for at in places
        ]
        stayed = self._stayed(reason, count, threshold, measured)
        return Inspection(
            self._stage, reason, threshold, removals.num_rows, went, stayed, list(dict.fromkeys(self._notes))
        )

    def _stayed(self, reason: str, count: int, threshold: float | None, measured: Any) -> list[Example]:
        """The rows that stayed and came nearest to going."""
        misses = self._run.evidence(self._stage, "near_misses")
        if misses is not None:
            found = misses.slice(0, count).to_pylist()
            if not found:
                self._notes.append("no pair came near the threshold and stayed")
            return [self._example(one["row"], one["other_row"], one["similarity"]) for one in found]
        if measured is None or threshold is None:
            self._notes.append("nothing just stayed: the reason has no threshold")
            return []
        places = _nearest_kept(measured[reason], self._run.kept(), threshold, count)
        return [self._example(row, None, measured[reason][row].as_py()) for row in places]

    def _example(self, number: int, other_number: int | None, value: float | None) -> Example:
        row = self._run.row(number)
        turns = self._run.turns(row, self._texts, self._notes)
        other = None if other_number is None else self._run.row(other_number)
        other_turns = None if other is None else self._run.turns(other, self._texts, self._notes)
        both = turns is not None and other_turns is not None
        return Example(row, value, other, turns, turn_differences(turns or [], other_turns or []) if both else None)


def _chosen(values: Any, count: int, order: Order, threshold: float | None) -> list[int]:
    """Which of the removed rows are shown."""
    import pyarrow.compute as pc  # noqa: PLC0415

    rows = len(values)
    if order == "nearest" and threshold is not None:
        distances = pc.abs(pc.subtract(values, threshold))
        nearest: list[int] = pc.sort_indices(distances, null_placement="at_end")[:count].to_pylist()
        return nearest
    shown = min(count, rows)
    # The middles of as many equal parts: the first rows of a file are often not like the others.
    return [(2 * part + 1) * rows // (2 * shown) for part in range(shown)]


def _nearest_kept(values: Any, kept: Any, threshold: float, count: int) -> list[int]:
    """The rows of the shards whose value is nearest to the threshold."""
    import pyarrow.compute as pc  # noqa: PLC0415

    distances = pc.if_else(kept, pc.abs(pc.subtract(values, threshold)), None)
    known = len(distances) - distances.null_count
    nearest: list[int] = pc.sort_indices(distances, null_placement="at_end")[: min(count, known)].to_pylist()
    return nearest
