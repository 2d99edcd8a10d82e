"""Finished folders of `judge` and `compare`, read and checked for the page that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_data.evalset.categories import CATEGORIES
from belle_train.judge.json_fields import read_lines, read_object
from belle_train.judge.replies import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_train.judge.json_fields import Fields

JUDGE, COMPARE = "judge", "compare"
VERDICTS = ("a", "b", "tie")
MANIFEST, SUMMARY, SCORES, VERDICT_LINES = "manifest.json", "summary.json", "scores.jsonl", "verdicts.jsonl"


@dataclass(frozen=True, slots=True)
class Figures:
    """A mean score with what is known of it; all scores are from 0 to 1.

    Attributes:
        rows: How many rows it is of; None for a macro average that does not say.
        missing: Those of them that have no score.
        mean: Of the scores that are there; None if there is none.
        low: Lower end of its interval.
        high: Upper end of it.
        bound_low: The mean if every missing score were 0.
        bound_high: The mean if every missing score were 1.
    """

    rows: int
    missing: int
    mean: float | None
    low: float | None
    high: float | None
    bound_low: float | None
    bound_high: float | None


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A line of ``scores.jsonl``."""

    id: str
    category: str
    prompt: str
    reference: str | None
    answer: str | None
    score: float | None
    scores: list[float | None]
    missing: list[str | None]
    detail: str | None
    judged: list[str | None]
    human: float | None


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A folder of `judge`.

    Attributes:
        folder: As it was named.
        name: That the manifest gives.
        evaluation: SHA-256 of the evaluation set.
        manifest: All of ``manifest.json``.
        summary: All of ``summary.json``.
        rows: In the order of the evaluation set.
        categories: Figures by category, in the order of the tables; categories without rows are left out.
        macro: Macro average over the categories.
        macro_without_others: The same without the category others.
        missing: Rows without a score by reason.
    """

    folder: str
    name: str
    evaluation: str
    manifest: dict[str, Any]
    summary: dict[str, Any]
    rows: list[JudgedRow]
    categories: dict[str, Figures]
    macro: Figures
    macro_without_others: Figures
    missing: dict[str, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of ``verdicts.jsonl``; the texts of the judge are left out."""

    id: str
    category: str
    verdict: str | None
    orders: list[str | None]
    """What was said with each of the two first; None where nothing was."""
    missing: list[str | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A folder of `compare`."""

    folder: str
    name: str
    evaluation: str
    first: str
    second: str
    manifest: dict[str, Any]
    summary: dict[str, Any]
    verdicts: list[Verdict]


def read_folders(folders: Sequence[str]) -> tuple[list[JudgedRun], list[Comparison]]:
    """Read finished folders.

    Args:
        folders: As the user names them.

    Returns:
        Those of `judge` and those of `compare`, each in the order given.

    Raises:
        UsageError: None is given, one is given twice or is no folder.
        SourceError: A folder is not finished, of another kind, or damaged.
    """
    if not folders:
        raise UsageError("no folder of scores is given", hint="such as report scores/*/ --out report.html")
    seen: set[Path] = set()
    runs: list[JudgedRun] = []
    comparisons: list[Comparison] = []
    for name in folders:
        folder = Path(name)
        if not folder.is_dir():
            raise UsageError("there is no such folder", path=name, hint="name folders that judge or compare wrote")
        place = folder.resolve()
        if place in seen:
            raise UsageError("the folder is given twice", path=name)
        seen.add(place)
        if not (folder / MANIFEST).is_file():
            hint = "name folders that judge or compare wrote, and that are finished: the manifest is written last"
            raise SourceError(f"the folder has no {MANIFEST}", path=name, hint=hint)
        manifest = read_object(folder / MANIFEST)
        kind = manifest.text("kind")
        if kind == JUDGE:
            runs.append(_judged(name, folder, manifest))
        elif kind == COMPARE:
            comparisons.append(_compared(name, folder, manifest))
        else:
            raise manifest.refused(f"must be {JUDGE} or {COMPARE}", "kind")
    return runs, comparisons


def _judged(name: str, folder: Path, manifest: Fields) -> JudgedRun:
    summary = read_object(folder / SUMMARY)
    rows = [_row(line) for line in read_lines(folder / SCORES)]
    if summary.count("rows") != len(rows):
        raise summary.refused(f"is not the number of lines of {SCORES}, which has {len(rows)}", "rows")
    ids = {row.id for row in rows}
    if len(ids) != len(rows):
        raise SourceError("two rows have the same id", path=folder / SCORES)
    found = summary.table("categories")
    if unknown := sorted(set(found.values) - set(CATEGORIES)):
        raise found.refused("is none of the nine categories", unknown[0])
    categories = {one: _figures(found.table(one)) for one in CATEGORIES if one in found.values}
    for one, figures in categories.items():
        there = [row.score for row in rows if row.category == one]
        if (figures.rows, figures.missing) != (len(there), there.count(None)):
            raise found.refused(
                f"does not have the counts of {SCORES}: {len(there)} rows, {there.count(None)} missing", one
            )
    missing = summary.table("missing")
    if sum(missing.count(reason) for reason in missing.values) != sum(row.score is None for row in rows):
        raise summary.refused(f"does not add up to the rows of {SCORES} that have no score", "missing")
    return JudgedRun(
        folder=name,
        name=manifest.text("name"),
        evaluation=manifest.table("evaluation").text("sha256"),
        manifest=manifest.values,
        summary=summary.values,
        rows=rows,
        categories=categories,
        macro=_macro(summary, "macro", categories, without=None),
        macro_without_others=_macro(summary, "macro_without_others", categories, without=CATEGORIES[0]),
        missing={reason: missing.count(reason) for reason in missing.values if missing.count(reason)},
    )


def _row(line: Fields) -> JudgedRow:
    category = line.text("category")
    if category not in CATEGORIES:
        raise line.refused("is none of the nine categories", "category")
    missing = line.texts("missing")
    if unknown := [reason for reason in missing if reason is not None and reason not in REASONS]:
        raise line.refused(f"has a reason that is not known ({unknown[0]!r:.80})", "missing")
    scores = line.shares("scores")
    score = line.share_or_none("score")
    if any(one is None for one in scores) != (score is None) or (score is None and not any(missing)):
        raise line.refused("does not go with the scores of the repeats", "score")
    return JudgedRow(
        id=line.text("id"),
        category=category,
        prompt=line.text("prompt"),
        reference=line.text_or_none("reference"),
        answer=line.text_or_none("answer"),
        score=score,
        scores=scores,
        missing=missing,
        detail=line.text_or_none("detail"),
        judged=line.texts("judged"),
        human=line.share_or_none("human"),
    )


def _figures(found: Fields) -> Figures:
    rows, scored = found.count("rows"), found.count("scored")
    return _numbers(found, rows, rows - scored)


def _macro(summary: Fields, key: str, categories: dict[str, Figures], without: str | None) -> Figures:
    """A macro average, with the counts of the categories that it is of."""
    counted = [figures for one, figures in categories.items() if one != without]
    rows, missing = sum(one.rows for one in counted), sum(one.missing for one in counted)
    found = summary.table_or_none(key)
    return Figures(rows, missing, None, None, None, None, None) if found is None else _numbers(found, rows, missing)


def _numbers(found: Fields, rows: int, missing: int) -> Figures:
    ends = [found.share_or_none(key) for key in ("mean", "low", "high", "bound_low", "bound_high")]
    return Figures(rows, missing, *ends)


def _compared(name: str, folder: Path, manifest: Fields) -> Comparison:
    summary = read_object(folder / SUMMARY)
    return Comparison(
        folder=name,
        name=manifest.text("name"),
        evaluation=manifest.table("evaluation").text("sha256"),
        first=manifest.table("a").text("name"),
        second=manifest.table("b").text("name"),
        manifest=manifest.values,
        summary=summary.values,
        verdicts=[_verdict(line) for line in read_lines(folder / VERDICT_LINES)],
    )


def _verdict(line: Fields) -> Verdict:
    orders = line.tables("orders")
    said = [_one_verdict(order) for order in orders]
    missing = [order.text_or_none("missing") for order in orders]
    if len(orders) != 2 or {order.text("first") for order in orders} != {"a", "b"}:
        raise line.refused("must be two, one with each answer first", "orders")
    if any(reason is not None and reason not in REASONS for reason in missing):
        raise line.refused("has a reason that is not known", "orders")
    return Verdict(line.text("id"), line.text("category"), _one_verdict(line), said, missing)


def _one_verdict(found: Fields) -> str | None:
    verdict = found.text_or_none("verdict")
    if verdict is not None and verdict not in VERDICTS:
        raise found.refused(f"must be one of {', '.join(VERDICTS)}, or null", "verdict")
    return verdict
