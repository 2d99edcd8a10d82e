"""Examples of what the stages of a finished run removed, and of what just stayed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_data.pipeline import STAGES
from belle_data.report.difference import turn_differences
from belle_data.report.evaluation_matches import EvaluationMatch, evaluation_matches
from belle_data.report.finished_run import FinishedRun, Row
from belle_data.report.perplexity import Perplexities
from belle_data.report.row_findings import normalised
from belle_data.report.texts import turns_of
from belle_data.stages.decontaminate import Decontaminate, DecontaminateConfig
from belle_data.stages.normalise import Normalise
from belle_data.stages.rules import RulesConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from belle_data.report.difference import Part
    from belle_data.report.texts import SourceTexts, Turns
    from belle_data.stages.stage import Stage

Order = str
ORDERS = ("spread", "nearest")


@dataclass(frozen=True, slots=True)
class Example:
    """A row that a stage removed, or nearly removed."""

    row: Row
    rule: str | None
    """The rule that decided, or came nearest to; None for a stage without rules."""
    value: float | None
    """What was measured: the similarity to `other`, or the value of the rule; None if nothing was."""
    threshold: float | None
    """The value at which a row goes; None if there is none."""
    other: Row | None
    """The row that it was compared with, for the stages that compare."""
    turns: Turns | None
    """Role and text of each turn; None if the source cannot be read any more."""
    difference: list[tuple[str, list[Part]]] | None
    """Speaker and parts of each turn beside those of `other`, or of the row as it was changed; None without these."""
    why: str | None = None
    """Why the row stayed, in the words of the stage; None where it is the threshold, or went."""
    evaluation: EvaluationMatch | None = None
    """What it holds of an evaluation row, of the stage that looks for these."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one stage did for one reason."""

    stage: str
    reason: str
    """The reason; of a stage that changes rows and removes none, the kind of change."""
    rows: int
    """Rows that went for the reason, or changed."""
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
        reason: Only this reason, or of `normalise` this kind of change.
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
    return inspections(FinishedRun(run), stage, reason, count, order)


def inspections(
    finished: FinishedRun, stage: str | None, reason: str | None, count: int, order: Order
) -> list[Inspection]:
    """Show the examples of `inspect` for a run that is open."""
    wanted = _wanted(finished, stage, reason)
    inspectors: dict[str, _Inspector] = {}
    found = []
    with finished.texts() as texts:
        for name, one in wanted:
            if name not in inspectors:
                inspectors[name] = _inspector(finished, texts, name)
            inspector = inspectors[name]
            if stage is not None or reason is not None or inspector.went(one, 0, order)[0]:
                found.append(inspector.inspection(one, count, order))
    return found


def _wanted(run: FinishedRun, stage: str | None, reason: str | None) -> list[tuple[str, str]]:
    """The stages and reasons that are asked for, in the order of the pipeline."""
    if stage is not None and stage not in run.stages:
        raise UsageError("the run has no such stage", value=stage, hint=f"it has {', '.join(run.stages)}")
    named: list[type[Stage]] = [one for one in STAGES if one.name in run.stages and stage in {None, one.name}]
    pairs = [(one.name, word) for one in named for word in _words(one)]
    if reason is None:
        return pairs
    found = [(name, word) for name, word in pairs if word == reason]
    if not found:
        known = ", ".join(word for _, word in pairs)
        raise UsageError("no stage here has this reason", value=reason, hint=f"the reasons are {known}")
    return found


def _words(stage: type[Stage]) -> Sequence[str]:
    """The reasons of a stage, or the kinds of change of the one that removes nothing."""
    if stage is not Normalise:
        return stage.reasons
    from belle_data import _native  # noqa: PLC0415 - a wrong path must be told before the kernels are loaded

    return _native.change_names()


def _inspector(run: FinishedRun, texts: SourceTexts, stage: str) -> _Inspector:
    kinds = {"normalise": _Changes, "rules": _Rules, "decontaminate": _Evaluation, "quality": _Quality}
    return kinds.get(stage, _Pairs)(run, texts, stage)


class _Inspector:
    """Finds the examples of one stage of a run."""

    def __init__(self, run: FinishedRun, texts: SourceTexts, stage: str) -> None:
        self.run, self.texts, self.stage = run, texts, stage
        self.settings = run.settings_of(stage)
        self.notes: list[str] = []

    def inspection(self, reason: str, count: int, order: Order) -> Inspection:
        """What the stage did for one reason."""
        self.notes = []
        rows, went = self.went(reason, count, order)
        stayed = self.stayed(reason, count)
        return Inspection(self.stage, reason, rows, went, stayed, list(dict.fromkeys(self.notes)))

    def went(self, reason: str, count: int, order: Order) -> tuple[int, list[Example]]:
        """How many rows went, and examples of them."""
        raise NotImplementedError

    def stayed(self, reason: str, count: int) -> list[Example]:
        """The rows that stayed and came nearest to going."""
        raise NotImplementedError

    def removals(self, reason: str) -> Any:
        """The removals for a reason."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        kind = next(one for one in STAGES if one.name == self.stage)
        removals = self.run.removals(self.stage)
        return removals.filter(pc.equal(removals["reason"], pa.scalar(kind.reasons.index(reason), pa.uint8())))


class _Pairs(_Inspector):
    """Stages that remove a row for another one."""

    def went(self, reason: str, count: int, order: Order) -> tuple[int, list[Example]]:
        removals = self.removals(reason)
        distances = _distances(removals["similarity"], self._threshold()) if order == "nearest" else None
        chosen = [removals.slice(place, 1).to_pylist()[0] for place in _chosen(removals.num_rows, count, distances)]
        return removals.num_rows, [self._example(one["row"], one["kept_row"], one["similarity"]) for one in chosen]

    def stayed(self, reason: str, count: int) -> list[Example]:
        del reason
        misses = self.run.evidence(self.stage, "near_misses")
        if misses is None or not misses.num_rows:
            what = "no pair came near the threshold" if misses is not None else "equal texts have no threshold"
            self.notes.append(f"nothing just stayed: {what}")
            return []
        return [
            replace(self._example(one["row"], one["other_row"], one["similarity"]), why=one.get("why"))
            for one in misses[:count].to_pylist()
        ]

    def _threshold(self) -> float | None:
        return self.settings.get("threshold")

    def _example(self, number: int, other_number: int | None, similarity: float | None) -> Example:
        row = self.run.row(number)
        turns = self.run.turns(row, self.texts, self.notes)
        if other_number is None:
            # A stage of which this module knows no more than its removals.
            return Example(row, None, similarity, self._threshold(), None, turns, None)
        other = self.run.row(other_number)
        others = self.run.turns(other, self.texts, self.notes)
        difference = None if turns is None or others is None else turn_differences(turns, others)
        return Example(row, None, similarity, self._threshold(), other, turns, difference)


class _Rules(_Inspector):
    """The stage that removes rows for what they are, by rules of which several may give one reason."""

    def went(self, reason: str, count: int, order: Order) -> tuple[int, list[Example]]:
        import pyarrow.compute as pc  # noqa: PLC0415

        removals = self.removals(reason)
        distances = None
        if order == "nearest":
            scores = self.run.scores(self.stage).take(removals["row"])
            fired = [
                pc.if_else(rule.fires(scores[rule.name]), rule.distances(scores[rule.name]), None)
                for rule in self._rules(reason)
            ]
            distances = pc.min_element_wise(*fired) if fired else None
        places = _chosen(removals.num_rows, count, distances)
        return removals.num_rows, [self._example(removals["row"][place].as_py(), reason) for place in places]

    def stayed(self, reason: str, count: int) -> list[Example]:
        import pyarrow.compute as pc  # noqa: PLC0415

        rules = self._rules(reason)
        if not rules:
            self.notes.append("nothing just stayed: every rule for this reason is off")
            return []
        scores = self.run.scores(self.stage)
        distances = pc.min_element_wise(*(rule.near(scores[rule.name]) for rule in rules))
        places = _nearest(pc.if_else(self.run.kept(), distances, None), count)
        if not places and count:
            self.notes.append("nothing just stayed: no row that is kept has anything that these rules look for")
        return [self._example(row, reason) for row in places]

    def _rules(self, reason: str) -> list[_Rule]:
        """The rules for a reason that are on."""
        from belle_data import _native  # noqa: PLC0415

        thresholds = RulesConfig(**self.settings).thresholds()
        return [
            _Rule(name, comparison, threshold)
            for name, given, comparison in _native.Rules.measures()
            if given == reason and (threshold := thresholds[name]) is not None
        ]

    def _example(self, number: int, reason: str) -> Example:
        row = self.run.row(number)
        scores = self.run.scores(self.stage)
        known = [(rule, scores[rule.name][number : number + 1]) for rule in self._rules(reason)]
        known = [(rule, value) for rule, value in known if value.null_count == 0]
        fired = next(((rule, value) for rule, value in known if rule.fires(value)[0].as_py()), None)
        rule, value = fired or min(known, key=lambda one: one[0].distances(one[1])[0].as_py())
        turns = self.run.turns(row, self.texts, self.notes)
        return Example(row, rule.name, value[0].as_py(), rule.threshold, None, turns, None)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule that is on."""

    name: str
    comparison: str
    threshold: float

    def fires(self, values: Any) -> Any:
        """Which values make a row go."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        compare = {"<": pc.less, ">": pc.greater, ">=": pc.greater_equal}[self.comparison]
        # As it is compared where the values are made.
        return pc.fill_null(compare(values, pa.scalar(self.threshold, pa.float32())), fill_value=False)

    def near(self, values: Any) -> Any:
        """The distances of those values that come near at all: where a row goes for too much, not those of nothing."""
        import pyarrow.compute as pc  # noqa: PLC0415

        distances = self.distances(values)
        return distances if self.comparison == "<" else pc.if_else(pc.greater(values, 0), distances, None)

    def distances(self, values: Any) -> Any:
        """How far values are from the threshold, as a share of it: so several rules can be compared."""
        return _distances(values, self.threshold)


class _Quality(_Inspector):
    """The stage that removes the rows in the tails of their stratum."""

    def __init__(self, run: FinishedRun, texts: SourceTexts, stage: str) -> None:
        super().__init__(run, texts, stage)
        self._found = Perplexities(run)

    def went(self, reason: str, count: int, order: Order) -> tuple[int, list[Example]]:
        removals = self.removals(reason)
        distances = None
        if order == "nearest":
            distances = self._beyond(removals["row"].to_pylist(), reason)
        chosen = _chosen(removals.num_rows, count, distances)
        return removals.num_rows, [self._example(removals["row"][place].as_py(), reason) for place in chosen]

    def stayed(self, reason: str, count: int) -> list[Example]:
        import pyarrow as pa  # noqa: PLC0415

        if reason == "answer_does_not_belong":
            margins = pa.array(self._found.doubt_margins())
        else:
            margins = pa.array(self._found.margins()[:, 1 if reason == "low_perplexity" else 0])
        kept = self.run.kept().take(pa.array(self._found.rows))
        places = _nearest(_where_finite(kept, margins), count)
        if not places and count:
            self.notes.append("nothing just stayed: no stratum of enough rows loses any for this reason")
        return [self._example(int(self._found.rows[place]), reason) for place in places]

    def _beyond(self, rows: Sequence[int], reason: str) -> Any:
        """How far removed rows are beyond the border of their stratum."""
        import pyarrow as pa  # noqa: PLC0415

        distances: list[float | None] = []
        for row in rows:
            _, value, border = self._value(row, reason)
            if value is None or border is None:
                distances.append(None)
            elif reason == "answer_does_not_belong":
                distances.append(abs(value - border))
            else:
                distances.append(abs(math.log(value / border)))
        return pa.array(distances, pa.float64())

    def _value(self, row: int, reason: str) -> tuple[str, float | None, float | None]:
        """What a row is judged by for a reason: its name, its value, and where the border is."""
        found, settings = self._found.of(row, None), self._found.settings
        if reason == "answer_does_not_belong":
            # A row may go for both; one of them is shown.
            if settings.least_belonging != "off":
                value = None if found is None else found.belonging
                if value is not None and (value < settings.least_belonging or settings.most_difficulty == "off"):
                    return "belonging", value, settings.least_belonging
            border = settings.most_difficulty
            return "difficulty", None if found is None else found.difficulty, None if border == "off" else border
        if found is None:
            return "perplexity", None, None
        return "perplexity", found.perplexity, found.lowest_kept if reason == "low_perplexity" else found.highest_kept

    def _example(self, number: int, reason: str) -> Example:
        row = self.run.row(number)
        name, value, border = self._value(number, reason)
        return Example(row, name, value, border, None, self.run.turns(row, self.texts, self.notes), None)


class _Changes(_Inspector):
    """The stage that changes rows and removes none."""

    def went(self, reason: str, count: int, order: Order) -> tuple[int, list[Example]]:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        from belle_data import _native  # noqa: PLC0415

        del order
        changes = self.run.evidence(self.stage, "changes")
        if changes is None:
            return 0, []
        bit = pa.scalar(1 << _native.change_names().index(reason), pa.uint8())
        rows = changes.filter(pc.not_equal(pc.bit_wise_and(changes["changes"], bit), pa.scalar(0, pa.uint8())))["row"]
        return len(rows), [self._example(rows[place].as_py()) for place in _chosen(len(rows), count, None)]

    def stayed(self, reason: str, count: int) -> list[Example]:
        del reason, count
        return []

    def _example(self, number: int) -> Example:
        row = self.run.row(number)
        batch = self.run.read(row, self.texts, self.notes)
        if batch is None:
            return Example(row, None, None, None, None, None, None)
        _, changes = normalised(batch, self.settings)
        difference = None if changes is None else changes.difference
        return Example(row, None, None, None, None, turns_of(batch), difference)


def _where_finite(kept: Any, distances: Any) -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415

    return pc.if_else(pc.and_(kept, pc.is_finite(distances)), distances, None)


class _Evaluation(_Inspector):
    """The stage that removes rows for what they hold of evaluation rows."""

    def went(self, reason: str, count: int, order: Order) -> tuple[int, list[Example]]:
        removals = self.removals(reason)
        distances = _distances(removals["similarity"], self._threshold(reason)) if order == "nearest" else None
        places = _chosen(removals.num_rows, count, distances)
        rows = [removals["row"][place].as_py() for place in places]
        return removals.num_rows, [example for row in rows for example in self._examples(row, reason)]

    def stayed(self, reason: str, count: int) -> list[Example]:
        import pyarrow.compute as pc  # noqa: PLC0415

        column = "covered" if reason == "shared_ngrams" else "similarity"
        matches = self.run.evidence(self.stage, "matches")
        if matches is None or self._threshold(reason) is None:
            return []
        near = matches.filter(pc.and_(self.run.kept().take(matches["row"]), pc.greater(matches[column], 0)))
        best = (
            near.group_by("row")
            .aggregate([(column, "max")])
            .sort_by([(f"{column}_max", "descending"), ("row", "ascending")])
        )
        if not best.num_rows and count:
            self.notes.append("nothing just stayed: no row that is kept holds anything like an evaluation row")
        return [example for row in best["row"][:count].to_pylist() for example in self._examples(row, reason)]

    def _examples(self, number: int, reason: str) -> list[Example]:
        """The row with its strongest match for the reason."""
        row = self.run.row(number)
        batch = self.run.read(row, self.texts, self.notes)
        matches = evaluation_matches(number, self.run, batch)
        shared = reason == "shared_ngrams"

        def value(one: EvaluationMatch) -> float:
            return one.covered if shared else one.similarity or 0.0

        match = max(matches, key=lambda one: (one.reason == reason, value(one)), default=None)
        if match is None:
            return []
        turns = None if batch is None else turns_of(batch)
        rule = "covered" if shared else "similarity"
        return [Example(row, rule, value(match), self._threshold(reason), None, turns, None, evaluation=match)]

    def _threshold(self, reason: str) -> float | None:
        return Decontaminate.threshold_of(DecontaminateConfig(**self.settings), reason)


def _distances(values: Any, threshold: float | None) -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415

    scale = threshold or 1.0
    return pc.divide(pc.abs(pc.subtract(pc.cast(values, "float64"), threshold or 0.0)), scale)


def _chosen(rows: int, count: int, distances: Any) -> list[int]:
    """Which of the rows are shown: those of the least distances, or without these an even spread."""
    if distances is not None:
        return _nearest(distances, count)
    shown = min(count, rows)
    # The middles of as many equal parts: the first rows of a file are often not like the others.
    return [(2 * part + 1) * rows // (2 * shown) for part in range(shown)]


def _nearest(distances: Any, count: int) -> list[int]:
    """The places of the least distances, nulls left out."""
    import pyarrow.compute as pc  # noqa: PLC0415

    known = len(distances) - distances.null_count
    nearest: list[int] = pc.sort_indices(distances)[: min(count, known)].to_pylist()
    return nearest
