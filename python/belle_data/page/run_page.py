"""``report.html``: what a run did, for somebody who has ten minutes to decide whether to trust the cleaned set.

Every figure is one of ``report.json``; examples and histograms come from what the stages wrote down.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from belle_data.errors import BelleError, RunFolderError
from belle_data.page import run_charts
from belle_data.page.bilingual import Both, translated
from belle_data.page.examples import clusters_of, examples_of
from belle_data.page.render import render, share, system_language
from belle_data.page.shown import shown_text
from belle_data.page.word_statistics import measure_text
from belle_data.page.wording import LANGUAGE_NAMES, MEASURES, reason_text, stage_text
from belle_data.report.finished_run import FinishedRun
from belle_data.report.summary import RunReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DUPLICATES = ("exact_dedup", "near_dedup", "semantic_dedup")


def run_page(run: str | Path, *, language: str | None = None) -> str:
    """Make the page of a finished run.

    Args:
        run: The folder of a finished run.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing and runs no script.

    Raises:
        RunFolderError: There is no finished run in the folder, or a file of it is damaged.
        UsageError: The language is none of the two.

    Example:
        >>> from belle_data import run_page
        >>> html = run_page("runs/demo", language="zh")  # doctest: +SKIP
    """
    finished = FinishedRun(run)
    report = _report(finished)
    examples, notes = examples_of(finished)
    return render(
        "run.html.j2",
        language=language or system_language(),
        name=shown_text(finished.folder.resolve().name, 80),
        report=report,
        share=share(report.rows_out, report.rows_in),
        groups=_groups(report),
        remarks=_remarks(report),
        notes=[shown_text(note, 300) for note in notes],
        flow=run_charts.flow(report),
        reasons=run_charts.reasons(report),
        silent=_silent(report),
        stages=[(stage, stage_text(stage.name)) for stage in report.stages],
        examples=examples,
        clusters=clusters_of(finished, [name for name in DUPLICATES if name in finished.stages]),
        similarities=run_charts.similarities(finished),
        perplexity=run_charts.perplexity(finished),
        texts=report.texts,
        measures=_measures(report.texts),
        cloud=run_charts.cloud(report.texts),
        curve=run_charts.curve(report.texts),
        lengths=run_charts.lengths(report.texts),
        languages=run_charts.languages(report.texts, LANGUAGE_NAMES),
        cost=run_charts.cost(report),
        changed=_changed_settings(finished),
        recipe=_recipe_text(finished),
        inputs=finished.manifest["inputs"],
        command=_command(finished),
        made_by=finished.manifest["belle_data"],
    )


def _report(run: FinishedRun) -> RunReport:
    path = run.folder / "report.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        values = {}
    report = RunReport.from_dict(values) if isinstance(values, dict) else None
    if report is None:
        hint = "run the same clean command again; it mends the folder"
        raise RunFolderError("the report of the run is gone or damaged", path=path, hint=hint)
    return report


def _groups(report: RunReport) -> list[tuple[Both, int]]:
    """Removed rows in the words of somebody who does not know the stages."""
    words = (
        (DUPLICATES, Both("duplicates", "重复")),
        (("rules",), Both("broken or useless", "破损或无用")),
        (("quality",), Both("improbable text", "文本异常")),
        (("decontaminate",), Both("evaluation texts", "评测集内容")),
        (("diversity",), Both("not chosen", "未选中")),
    )
    removed = {stage.name: sum(stage.removed.values()) for stage in report.stages}
    return [
        (text, sum(removed.get(name, 0) for name in names))
        for names, text in words
        if any(name in removed for name in names)
    ]


def _remarks(report: RunReport) -> list[Both]:
    """What should be looked at before the set is trusted."""
    remarks = []
    for stage in report.stages:
        gone = sum(stage.removed.values())
        if gone > 0.5 * stage.rows_in and stage.name != "diversity":
            words = (
                "{} removed {} of the rows that came to it: look at its examples.",
                "{}删去了到达该步骤的行中的 {}：请看样例。",
            )
            remarks.append(translated(*words, stage_text(stage.name), share(gone, stage.rows_in)))
        match stage.statistics.get("recall"):
            case [int(rows), int(pairs), int(found)]:
                words = (
                    "The search for semantic duplicates found {} of the pairs that {} sampled prompts are in.",
                    "语义重复搜索在抽样的 {1} 条指令所涉及的重复对中找到了 {0}。",
                )
                remarks.append(translated(*words, share(found, pairs), f"{rows:,}"))
    if report.rejected:
        words = (
            "{} lines are no rows; rejected/rejected.jsonl has each with its reason.",
            "{} 行不是有效数据，逐行原因见 rejected/rejected.jsonl。",
        )
        remarks.append(translated(*words, f"{report.rejected:,}"))
    if report.repeated_ids:
        words = (
            "{} ids stand on more than one row; these rows were kept apart.",
            "{} 个 id 出现在多行中，这些行未被合并。",
        )
        remarks.append(translated(*words, f"{report.repeated_ids:,}"))
    if not report.rows_out:
        remarks.append(Both("No row is left.", "没有保留任何行。"))
    return remarks


def _silent(report: RunReport) -> list[tuple[str, Both]]:
    """Reasons for which no row went."""
    return [
        (reason, reason_text(reason)) for stage in report.stages for reason, count in stage.removed.items() if not count
    ]


def _measures(texts: dict[str, Any]) -> list[tuple[Both, str, str]]:
    """The measures of words before and after."""
    before, after = texts["before"].get("words", {}), texts["after"].get("words", {})
    return [
        (text, measure_text(name, before.get(name)), measure_text(name, after.get(name))) for name, text in MEASURES
    ]


def _changed_settings(run: FinishedRun) -> list[tuple[str, str]]:
    """Settings that are not the defaults."""
    from belle_data.config import Recipe  # noqa: PLC0415 - a wrong path must be told before it is loaded

    usual = Recipe().model_dump(mode="json")
    changed: list[tuple[str, str]] = []
    for table, values in run.recipe.items():
        if not isinstance(values, dict):
            pairs: Sequence[tuple[str, Any, Any]] = [(table, values, usual.get(table))]
        else:
            pairs = [(f"{table}.{key}", value, usual.get(table, {}).get(key)) for key, value in values.items()]
        changed += [(name, json.dumps(value, ensure_ascii=False)) for name, value, default in pairs if value != default]
    return [(shown_text(name, 100), shown_text(value, 300)) for name, value in changed]


def _command(run: FinishedRun) -> str:
    """What is typed to repeat the run."""
    names = [shlex.quote(shown_text(one["name"], 200)) for one in run.manifest["inputs"]]
    return f"python -m belle_data clean {' '.join(names)} --recipe recipe.toml --out runs/again"


def _recipe_text(run: FinishedRun) -> str:
    """The recipe as a file that repeats the run."""
    from pydantic import ValidationError  # noqa: PLC0415

    from belle_data.config import Recipe  # noqa: PLC0415
    from belle_data.recipe_docs import recipe_toml  # noqa: PLC0415

    try:
        return recipe_toml(Recipe.model_validate(run.recipe))
    except (ValidationError, BelleError):
        raise RunFolderError(
            "the recipe is damaged, or of another version of belle",
            path=run.folder / "manifest.json",
            hint="run clean again with --force",
        ) from None
