"""The page of scores: tables for the runs of a user, paired tests, cases side by side, where each number is from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.evalset.categories import CATEGORIES, CATEGORY_NAMES
from belle_data.page.bilingual import Both, translated
from belle_data.page.render import render, share, system_language
from belle_data.page.script import inline_script
from belle_train.judge.judged_runs import read_folders
from belle_train.judge.printed_scores import read_category_scores
from belle_train.judge.report_cases import Cases, chosen_cases
from belle_train.judge.report_figures import agreement_facts, distribution, length_figures, verdict_figures
from belle_train.judge.report_pairs import compared, matrix
from belle_train.judge.report_sources import provenance
from belle_train.judge.report_tables import COLUMN_NAMES, COLUMNS, factors, printed_cells, score_cells
from belle_train.judge.report_warnings import warnings_of
from belle_train.judge.report_words import english, isolated, name_text, value_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from belle_data.engine.progress import Listener
    from belle_data.page.bilingual import Text
    from belle_train.judge.judged_runs import Comparison, JudgedRun
    from belle_train.judge.printed_scores import PrintedScores
    from belle_train.judge.report_pairs import PairedTest

SCRIPT = "judge_report.js"
CASES = 200
"""That are shown if nobody asks for another number."""


@dataclass(slots=True)
class Report:
    """What the page is made of.

    Attributes:
        runs: Folders of `judge`, in the order given.
        names: Of the runs, no two of them the same.
        evaluation: SHA-256 of the evaluation set that most runs answered, of equally many the first.
        together: Places of the runs that answered it; only these are compared, and stand in the cases.
        comparisons: Folders of `compare`.
        pairs: Paired tests between the runs that stand together.
        cases: Rows with all answers.
        printed: Rows of a paper's table, shown below the runs.
        warnings: What a reader has to know before the numbers.
    """

    runs: list[JudgedRun]
    names: list[str]
    evaluation: str | None
    together: list[int]
    comparisons: list[Comparison]
    pairs: list[PairedTest]
    cases: Cases
    printed: list[PrintedScores] = field(default_factory=list)
    warnings: list[Both] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """All of it but the texts of rows, as JSON knows it."""
        cells = score_cells(self.runs, self.together)
        return {
            "evaluation": self.evaluation,
            "runs": [
                {
                    "name": name,
                    "folder": run.folder,
                    "evaluation": run.evaluation,
                    "labels": run.manifest.get("labels"),
                    "summary": run.summary,
                    "best": [column for column, one in zip(COLUMNS, row, strict=True) if one.mark],
                }
                for run, name, row in zip(self.runs, self.names, cells, strict=True)
            ],
            "pairs": [pair.to_dict(self.names) for pair in self.pairs],
            "comparisons": [
                {"name": one.name, "folder": one.folder, "a": one.first, "b": one.second, "summary": one.summary}
                for one in self.comparisons
            ],
            "cases": {"shown": len(self.cases.cases), "rows": self.cases.rows, "cut_to": self.cases.cut_to},
            "warnings": [english(one) for one in self.warnings],
        }


def make_report(
    folders: Sequence[str], listener: Listener, *, cases: int | None = CASES, table_5: str | None = None
) -> Report:
    """Read folders of scores and verdicts, and compare what can be compared.

    Args:
        folders: As the user names them.
        listener: Is told about the progress.
        cases: How many rows are shown with their answers at most; None takes all.
        table_5: A file with rows of a paper's table, as `read_category_scores` reads it; None without.

    Raises:
        UsageError: None is given, one is given twice or is no folder.
        SourceError: A folder is not finished, of another kind, or damaged, or the table cannot be read.
    """
    printed = [] if table_5 is None else read_category_scores(table_5)
    runs, comparisons = read_folders(folders)
    names = _different([run.name for run in runs], [run.folder for run in runs])
    # With --limit only the first rows of a set are judged: their means are not those of all rows.
    sets = Counter((run.evaluation, len(run.rows)) for run in runs)
    # Of equal counts the first: a counter keeps the order in which it counted.
    most = max(sets, key=sets.__getitem__) if sets else None
    together = [place for place, run in enumerate(runs) if (run.evaluation, len(run.rows)) == most]
    evaluation = most[0] if most else comparisons[0].evaluation if comparisons else None
    report = Report(
        runs=runs,
        names=names,
        evaluation=evaluation,
        together=together,
        comparisons=comparisons,
        pairs=compared([(place, runs[place]) for place in together], listener),
        cases=chosen_cases([(place, runs[place]) for place in together], cases),
        printed=printed,
    )
    report.warnings = warnings_of(list(zip(names, runs, strict=True)), together, comparisons, evaluation, printed)
    return report


def _different(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Names as they are shown; where two are the same, their folders stand behind them."""
    shown = [name_text(name) for name in names]
    counts = Counter(shown)
    longer = [
        f"{name} ({name_text(Path(folder).name)})" if counts[name] > 1 else name
        for name, folder in zip(shown, folders, strict=True)
    ]
    counts = Counter(longer)
    return [f"{name} #{place}" if counts[name] > 1 else name for place, name in enumerate(longer, 1)]


def report_page(report: Report, *, title: str | None = None, language: str | None = None) -> str:
    """Make the page, the same bytes for the same folders.

    Args:
        report: What `make_report` gives.
        title: Stands on top; None: what the page is.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing, and runs one script of this package alone.

    Raises:
        UsageError: The language is none of the two.
    """
    script, source = inline_script(SCRIPT)
    cells = score_cells(report.runs, report.together)
    named = list(zip(report.runs, report.names, strict=True))
    there = {row.category for place in report.together for row in report.runs[place].rows}
    return render(
        "judge_report.html.j2",
        language=language or system_language(),
        script=script,
        script_source=source,
        title=name_text(title) if title else None,
        warnings=report.warnings,
        cards=_cards(report),
        names=report.names,
        columns=[COLUMN_NAMES[column] for column in COLUMNS],
        table_5=list(zip(report.names, cells, strict=True)),
        printed=[(name_text(row.name), printed_cells(row)) for row in report.printed],
        table_2=factors(report.runs, report.names, cells),
        apart=[place not in report.together for place in range(len(report.runs))],
        pairs=[pair.shown(report.names) for pair in report.pairs],
        matrix=matrix(report.pairs, report.together, report.names),
        comparisons=[verdict_figures(one) for one in report.comparisons],
        distributions=[(name, distribution(run), sum(run.missing.values())) for run, name in named],
        lengths=[(name, *length_figures(run)) for run, name in named],
        agreements=[(name, facts) for run, name in named if (facts := agreement_facts(run))],
        cases=report.cases,
        category_names=CATEGORY_NAMES,
        categories=[(one, CATEGORY_NAMES[one]) for one in CATEGORIES if one in there],
        together=[(place, report.names[place]) for place in report.together],
        sources=[
            *(provenance(run, name) for run, name in named),
            *(provenance(one, name_text(one.name)) for one in report.comparisons),
        ],
    )


def _cards(report: Report) -> list[tuple[Text, Text]]:
    cards: list[tuple[Text, Text]] = [(f"{len(report.runs):,}", Both("runs", "运行数"))]
    if report.together:
        runs = [report.runs[place] for place in report.together]
        cards.append((f"{report.cases.rows:,}", Both("rows of the evaluation set", "评测集行数")))
        scored = [(run.macro_without_others.mean, name) for run, name in zip(report.runs, report.names, strict=True)
                  if run in runs]  # fmt: skip
        if means := [(mean, name) for mean, name in scored if mean is not None]:
            best = max(means, key=lambda one: one[0])
            text = translated("best score without others: {}", "最高分（不含其他）：{}", isolated(best[1]))
            cards.append((f"{best[0]:.3f}", text))
    rows = sum(len(run.rows) for run in report.runs)
    if rows:
        missing = sum(sum(run.missing.values()) for run in report.runs)
        cards.append((share(missing, rows), Both("of the scores are missing", "分数缺失")))
    manifests = [*(run.manifest for run in report.runs), *(one.manifest for one in report.comparisons)]
    models = dict.fromkeys(map(_judge_model, manifests))
    cards.append((" + ".join(models), Both("judge", "评审模型")))
    if report.comparisons:
        cards.append((f"{len(report.comparisons):,}", Both("comparisons", "两两比较")))
    return cards


def _judge_model(manifest: Mapping[str, Any]) -> str:
    judge = manifest.get("judge")
    return value_text(judge.get("model") if isinstance(judge, dict) else None)
