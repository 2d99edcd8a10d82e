"""Examples and clusters of a run as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from belle_data.page.bilingual import Both, translated
from belle_data.page.shown import shown_text
from belle_data.page.wording import reason_text, stage_text
from belle_data.report.inspect import inspections
from belle_data.report.texts import turns_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from belle_data.page.bilingual import Text
    from belle_data.report.difference import Part
    from belle_data.report.finished_run import FinishedRun, Row
    from belle_data.report.inspect import Example, Inspection

WENT, STAYED = 2, 1
CLUSTERS = 5
MEMBERS = 3
_MOST_CHARACTERS = 500
_MOST_TURNS = 4
"""Turns of a row that are shown."""
WHY = {
    "number": Both("another number", "数字不同"),
    "negation": Both("a negation", "否定不同"),
    "name": Both("another name", "名称不同"),
    "below_threshold": Both("below the threshold when looked at closely", "精确计算后低于阈值"),
}

Column = list[tuple[str, list[tuple[str, str]]]]
"""Turns of a row: the speaker, and parts of text with what they are: ``same``, ``removed``, ``kept``."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A row, beside the one that it was compared with."""

    name: Markup
    """Its id, and where it stands."""
    left: Column
    other_name: Markup | None
    right: Column | None
    figure: Text | None
    """What was measured, and the threshold."""
    stayed: bool
    why: Both | None


@dataclass(frozen=True, slots=True)
class Group:
    """What went for a reason."""

    stage: str
    stage_text: Both
    reason: str
    reason_text: Both
    rows: int
    examples: list[Shown]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A kept row, and those that went for it."""

    name: Markup
    text: Column
    removed: int
    members: list[tuple[Markup, str]]
    """Name and stage of the first."""


def examples_of(run: FinishedRun) -> tuple[list[Group], list[str]]:
    """Examples for each reason for which rows went or changed, and what must be known about them."""
    found = inspections(run, None, None, WENT, "spread")
    notes = dict.fromkeys(note for one in found for note in one.notes if not note.startswith("nothing just stayed"))
    return [_group(one) for one in found], list(notes)


def _group(found: Inspection) -> Group:
    shown = [_shown(example, stayed=False) for example in found.went[:WENT]]
    shown += [_shown(example, stayed=True) for example in found.stayed[:STAYED]]
    return Group(found.stage, stage_text(found.stage), found.reason, reason_text(found.reason), found.rows, shown)


def _shown(example: Example, *, stayed: bool) -> Shown:
    left, right = _columns(example)
    other = example.other
    why = None if example.why is None else WHY.get(example.why, Both(example.why, example.why))
    return Shown(
        name=_name(example.row),
        left=left,
        other_name=None if other is None else _name(other),
        right=right,
        figure=_figure(example),
        stayed=stayed,
        why=why,
    )


def _figure(example: Example) -> Text | None:
    """What was measured, beside the threshold."""
    if example.evaluation is not None:
        match = example.evaluation
        words = ("holds {} of row {} of {}", "含 {2} 第 {1} 行的 {0}")
        return translated(*words, f"{100 * match.covered:.1f} %", f"{match.against_row:,}", shown_text(match.against))
    if example.value is None:
        return None
    name = Both("similarity", "相似度") if example.rule is None else Both(example.rule, example.rule)
    if example.threshold is None:
        return translated("{} {}", "{} {}", name, f"{example.value:.4g}")
    words = ("{} {}, threshold {}", "{} {}，阈值 {}")
    return translated(*words, name, f"{example.value:.4g}", f"{example.threshold:.4g}")


def _name(row: Row) -> Markup:
    """The id of a row and where it stands; letters that run to the left cannot reorder the two."""
    place = f"{row.file}:{row.line}"
    if row.id == place:
        return Markup("<bdi>{}</bdi>").format(shown_text(place, 200))
    return Markup("<bdi>{}</bdi> · <bdi>{}</bdi>").format(shown_text(row.id, 80), shown_text(place, 120))


def _columns(example: Example) -> tuple[Column, Column | None]:
    if example.difference is not None:
        turns = example.difference[:_MOST_TURNS]
        left = [(speaker, _cut(part for part in parts if part[0] != "kept")) for speaker, parts in turns]
        right = [(speaker, _cut(part for part in parts if part[0] != "removed")) for speaker, parts in turns]
        return _named(left), _named(right)
    return _plain(example.turns or []), None


def _plain(turns: Sequence[tuple[str, str]]) -> Column:
    return _named([(speaker, [("same", shown_text(text, _MOST_CHARACTERS))]) for speaker, text in turns[:_MOST_TURNS]])


def _named(column: Column) -> Column:
    return [(shown_text(speaker, 40), parts) for speaker, parts in column if parts]


def _cut(parts: Iterable[Part]) -> list[tuple[str, str]]:
    """Parts up to the length that is shown; what is the same for long is shortened in its middle."""
    shown: list[tuple[str, str]] = []
    left = _MOST_CHARACTERS
    for kind, text in parts:
        short = text if kind != "same" or len(text) <= 160 else f"{text[:70]} … {text[-70:]}"
        if not short:
            continue
        shown.append((kind, shown_text(short, left)))
        left -= len(short)
        if left <= 0:
            break
    return shown


def clusters_of(run: FinishedRun, stages: Sequence[str]) -> list[Cluster]:
    """The kept rows for which most rows went as duplicates, at once or through others, the largest cluster first."""
    import numpy as np  # noqa: PLC0415

    standing = run.kept().to_numpy()
    keeper = np.arange(len(standing))
    went_in = np.full(len(standing), -1)
    for number, stage in enumerate(stages):
        removals = run.removals(stage)
        rows = removals["row"].to_numpy()
        keeper[rows], went_in[rows] = removals["kept_row"].to_numpy(), number
    while not np.array_equal(further := keeper[keeper], keeper):
        keeper = further
    roots, counts = np.unique(keeper[(went_in >= 0) & standing[keeper]], return_counts=True)
    clusters = []
    with run.texts() as texts:
        for place in np.lexsort((roots, -counts))[:CLUSTERS].tolist():
            row = run.row(int(roots[place]))
            members = np.flatnonzero((keeper == roots[place]) & (went_in >= 0))[:MEMBERS].tolist()
            batch = run.read(row, texts, [])
            named = [(_name(run.row(member)), stages[went_in[member]]) for member in members]
            text = _plain([] if batch is None else turns_of(batch))
            clusters.append(Cluster(_name(row), text, int(counts[place]), named))
    return clusters
