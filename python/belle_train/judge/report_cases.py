"""Cases of the page of scores: prompts with the answers of all runs, chosen evenly and cut to what a page can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from belle_data.evalset.categories import CATEGORIES
from belle_data.page.shown import shown_text
from belle_train.judge.report_words import reason_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from belle_data.page.bilingual import Text
    from belle_train.judge.judged_runs import JudgedRow, JudgedRun

CHARACTERS = 1_000_000
"""Of all answers and replies together: of three bytes each they keep a page below five megabytes."""
LEAST, MOST = 200, 4_000
"""Characters to which a text is cut at the shortest, and at the longest."""
PROMPT_CHARACTERS = 1_200


@dataclass(frozen=True, slots=True)
class CaseAnswer:
    """What a run answered.

    Attributes:
        run: Its place among the runs.
        score: None if it is missing.
        answer: None if there is none.
        missing: The reasons why there is no score, each once.
        judged: What the judge replied, once for each repeat that has a reply.
    """

    run: int
    score: float | None
    answer: str | None
    missing: list[Text]
    detail: str | None
    judged: list[str]
    human: float | None


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the evaluation set with its answers."""

    place: int
    id: str
    category: str
    prompt: str
    reference: str | None
    answers: list[CaseAnswer]


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases that are shown, in the order of the evaluation set."""

    cases: list[Case] = field(default_factory=list)
    rows: int = 0
    """Of which they were chosen."""
    cut_to: int | None = None
    """Characters to which answers and replies are cut; None if none is cut."""


def chosen_cases(runs: Sequence[tuple[int, JudgedRun]], wanted: int | None) -> Cases:
    """Choose rows evenly over the categories and within each, and lay the answers beside each other.

    Args:
        runs: Of the same evaluation set, each with its place among all runs.
        wanted: How many; None takes all.
    """
    rows: dict[str, JudgedRow] = {}
    for _, run in runs:
        for row in run.rows:
            rows.setdefault(row.id, row)
    ids = list(rows)
    order = sorted(range(len(ids)), key=lambda place: (CATEGORIES.index(rows[ids[place]].category), place))
    count = len(order) if wanted is None else min(wanted, len(order))
    # The middle of each of so many equal parts.
    places = sorted(order[(2 * number + 1) * len(order) // (2 * count)] for number in range(count))
    answers = [(number, {row.id: row for row in run.rows}) for number, run in runs]
    there = [
        (place, [(number, found[ids[place]]) for number, found in answers if ids[place] in found]) for place in places
    ]
    lengths = [len(text) for _, found in there for _, row in found for text in _texts(row)]
    most = cut_to_fit(lengths)
    cases = [_case(place, rows[ids[place]], found, most) for place, found in there]
    return Cases(cases, len(ids), most if max(lengths, default=0) > most else None)


def cut_to_fit(lengths: Iterable[int], room: int = CHARACTERS) -> int:
    """The most characters of each text with which all of them together fit, from `LEAST` to `MOST`."""
    rising = sorted(lengths)
    left, after = room, len(rising)
    for length in rising:
        # What the shorter ones leave is for the longer ones.
        if length * after > left:
            return max(LEAST, min(MOST, left // after))
        left, after = left - length, after - 1
    return MOST


def _texts(row: JudgedRow) -> list[str]:
    return [text for text in (row.answer, *row.judged) if text is not None]


def _case(place: int, row: JudgedRow, answers: list[tuple[int, JudgedRow]], most: int) -> Case:
    return Case(
        place=place,
        id=shown_text(row.id, 80),
        category=row.category,
        prompt=shown_text(row.prompt, PROMPT_CHARACTERS),
        reference=None if row.reference is None else shown_text(row.reference, PROMPT_CHARACTERS),
        answers=[_answer(number, one, most) for number, one in answers],
    )


def _answer(run: int, row: JudgedRow, most: int) -> CaseAnswer:
    return CaseAnswer(
        run=run,
        score=row.score,
        answer=None if row.answer is None else shown_text(row.answer, most),
        missing=[reason_text(reason) for reason in dict.fromkeys(row.missing) if reason is not None],
        detail=None if row.detail is None else shown_text(row.detail, 200),
        judged=[shown_text(text, most) for text in row.judged if text is not None],
        human=row.human,
    )
