"""What happened to a row of a finished run, and the text of the row that it was removed for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_data.report.choice import RowChoice, choice_of
from belle_data.report.difference import turn_differences
from belle_data.report.evaluation_matches import EvaluationMatch, evaluation_matches
from belle_data.report.finished_run import FinishedRun, Row
from belle_data.report.perplexity import Perplexities, Perplexity, parts_of
from belle_data.report.row_findings import Changes, Finding, findings, normalised
from belle_data.report.texts import turns_of
from belle_data.stages.decontaminate import Decontaminate, DecontaminateConfig

if TYPE_CHECKING:
    from pathlib import Path

    from belle_data.report.difference import Part
    from belle_data.report.texts import SourceTexts, Turns

MOST_ROWS = 20
"""Rows of one id that are explained; of the others only the number is told."""


@dataclass(frozen=True, slots=True)
class Link:
    """Why a row went: for which row, on which evidence."""

    removed: Row
    kept: Row | None
    """The row that stood in its place; None if the stage removes rows for what they are, or its file is gone."""
    threshold: float | None
    """Similarity from which on the stage removes; None if it has no threshold."""
    compared: str | None
    """What the similarity is of: ``conversation``, ``prompt`` or ``output``."""
    difference: list[tuple[str, list[Part]]] | None
    """Speaker and parts of each turn; None if a text cannot be read."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Why a row that is near another one stayed."""

    stage: str
    other: Row
    similarity: float
    why: str | None
    """Why it stayed, in the words of the stage; None where it is the threshold."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened to a row.

    `chain` is empty for a kept row. Otherwise its first link is why the row went; each further link is why the kept row
    of the one before was removed by a later stage, up to a row that is in the shards.
    """

    row: Row
    turns: Turns | None
    """Role and text of each turn; None if the source cannot be read any more."""
    changes: Changes | None
    """What normalise changes in it; None if nothing, or if the run has no such stage."""
    findings: list[Finding]
    """What each rule finds in it, in their order; empty if the run has no such stage."""
    perplexity: Perplexity | None
    """What `quality` found; None if the row did not reach it, or the run has no such stage."""
    choice: RowChoice | None
    """How it stood when rows were chosen by their words; None if it had gone before, or the run has no such stage."""
    nearest: list[NearMiss]
    """For each stage the kept row that a kept one is nearly a duplicate of, if the stage noted one."""
    evaluation: list[EvaluationMatch]
    """What it holds of evaluation rows, the strongest first; empty if nothing, or if the run did not look for any."""
    chain: list[Link]
    removed_for_it: int
    """How many rows were removed for this one."""
    removed_ids: list[str]
    """The ids of the first `belle_data.report.finished_run.REMOVED_SHOWN` of these."""
    notes: list[str] = field(default_factory=list)
    """What the reader must know about the texts: a source that changed or is gone."""

    def to_dict(self) -> dict[str, Any]:
        """Give the explanation as plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Explanations:
    """All rows that an id means."""

    folder: str
    row_id: str
    found: int
    """How many rows have the id; more than `rows` holds if there are very many."""
    rows: list[Explanation]

    def to_dict(self) -> dict[str, Any]:
        """Give the explanations as plain values for JSON."""
        return {**asdict(self), "rows": [row.to_dict() for row in self.rows]}


def explain(run: str | Path, row_id: str) -> Explanations:
    """Say what happened to a row.

    Args:
        run: The folder of a finished run.
        row_id: The row's own id, or ``file:line``, where the file may be cut at the front.

    Raises:
        RunFolderError: There is no finished run in the folder, or a file of it is damaged.
        UsageError: No row has that id; the hint names ids that are like it.

    Example:
        >>> from belle_data.report.explain import explain
        >>> explain("runs/demo", "ex-00003").rows[0].chain[0].removed.similarity  # doctest: +SKIP
        0.9263157894736842
    """
    finished = FinishedRun(run)
    numbers = finished.numbers_of(row_id)
    if not numbers:
        raise _unknown(finished, row_id)
    with finished.texts() as texts:
        rows = [_explanation(number, finished, texts) for number in numbers[:MOST_ROWS]]
    return Explanations(str(finished.folder), row_id, len(numbers), rows)


def _explanation(number: int, run: FinishedRun, texts: SourceTexts) -> Explanation:
    notes: list[str] = []
    row = run.row(number)
    batch = run.read(row, texts, notes)
    turns = None if batch is None else turns_of(batch)
    evaluation = evaluation_matches(number, run, batch)
    batch, changes, found = _by_itself(batch, run)
    perplexity = _perplexity(number, batch, run)
    chain: list[Link] = []
    removed, removed_turns = row, turns
    # Each link is of a later stage than the one before, so there are no more links than stages.
    while not removed.kept and len(chain) < len(run.stages):
        kept = run.kept_row_of(removed)
        kept_turns = None if kept is None else run.turns(kept, texts, notes)
        both = removed_turns is not None and kept_turns is not None
        settings = run.settings_of(removed.stage)
        link = Link(
            removed=removed,
            kept=kept,
            threshold=_threshold(removed, settings),
            compared=settings.get("field") or next(iter(settings.get("fields", [])), None),
            difference=turn_differences(removed_turns or [], kept_turns or []) if both else None,
        )
        chain.append(link)
        if kept is None:
            break
        removed, removed_turns = kept, kept_turns
    count, ids = run.removed_for(number)
    nearest = _nearest(number, run) if row.kept else []
    notes = list(dict.fromkeys(notes))
    choice = choice_of(number, run)
    return Explanation(row, turns, changes, found, perplexity, choice, nearest, evaluation, chain, count, ids, notes)


def _threshold(removed: Row, settings: dict[str, Any]) -> float | None:
    """The value from which on a row goes for what this one went for."""
    if removed.stage != Decontaminate.name or removed.reason is None:
        return settings.get("threshold")
    return Decontaminate.threshold_of(DecontaminateConfig(**settings), removed.reason)


def _by_itself(batch: Any, run: FinishedRun) -> tuple[Any, Changes | None, list[Finding]]:
    """What normalise and rules make of a row, as far as the run has these stages and the row can be read.

    Returns:
        The row as later stages saw it, what changed in it, and what the rules found.
    """
    changes: Changes | None = None
    if batch is None:
        return None, None, []
    if "normalise" in run.stages:
        batch, changes = normalised(batch, run.settings_of("normalise"))
    return batch, changes, findings(batch, run.settings_of("rules")) if "rules" in run.stages else []


def _perplexity(number: int, batch: Any, run: FinishedRun) -> Perplexity | None:
    """What `quality` found of a row."""
    if "quality" not in run.stages:
        return None
    return Perplexities(run).of(number, None if batch is None else parts_of(batch))


def _nearest(number: int, run: FinishedRun) -> list[NearMiss]:
    """Of each stage that compares rows the first near miss that a row is in."""
    import pyarrow as pa  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded
    import pyarrow.compute as pc  # noqa: PLC0415

    nearest = []
    for stage in run.stages:
        misses = run.evidence(stage, "near_misses")
        if misses is None:
            continue
        wanted = pa.scalar(number, pa.uint32())
        own = misses.filter(pc.or_(pc.equal(misses["row"], wanted), pc.equal(misses["other_row"], wanted)))
        for miss in own.slice(0, 1).to_pylist():
            other = miss["other_row"] if miss["row"] == number else miss["row"]
            nearest.append(NearMiss(stage, run.row(other), miss["similarity"], miss.get("why")))
    return nearest


def _unknown(run: FinishedRun, row_id: str) -> UsageError:
    rejected = _rejected_line(run.folder, row_id)
    if rejected is not None:
        return UsageError(
            f"this line is no row: {rejected['reason']} ({rejected['detail']})",
            path=rejected["file"],
            line=rejected["line"],
            byte=rejected["byte"],
            hint=f"see {run.folder / 'rejected' / 'rejected.jsonl'}",
        )
    try:
        near = run.like(row_id)
    except UnicodeEncodeError:
        near = []
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    else:
        first = run.ids[0].as_py() if len(run.ids) else None
        hint = "an id is the row's own, or file:line" + (f"; the first row is {first}" if first else "")
    return UsageError("no row has this id", path=run.folder, value=row_id, hint=hint)


def _rejected_line(folder: Path, row_id: str) -> dict[str, Any] | None:
    file, _, line = row_id.rpartition(":")
    if not file or not line.isdigit():
        return None
    needle = f'"line": {int(line)},'
    try:
        with (folder / "rejected" / "rejected.jsonl").open(encoding="utf-8") as handle:
            for text in handle:
                if needle in text:
                    entry: dict[str, Any] = json.loads(text)
                    if entry["line"] == int(line) and (entry["file"] == file or entry["file"].endswith(f"/{file}")):
                        return entry
    except (OSError, ValueError, KeyError):
        pass
    return None
