"""What a reader of the page of scores has to know before the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_data.page.bilingual import Both
from belle_train.judge.printed_scores import printed_row_consistent
from belle_train.judge.report_tables import COLUMN_NAMES
from belle_train.judge.report_words import isolated, name_text, reason_text, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from belle_train.judge.judged_runs import Comparison, JudgedRun
    from belle_train.judge.printed_scores import PrintedScores

_OTHER_SET = (
    "{} answered another evaluation set, or another part of it: it is not compared, and is not in the cases.",
    "{} 使用了另一个评测集或其中的另一部分，不与其他运行比较，也不出现在样例中。",
)
_OTHER_COMPARED = (
    "{} compares answers to another evaluation set.",
    "{} 比较的是另一个评测集的回答。",
)
_NO_ROWS = ("{} has no rows.", "{} 没有数据。")
_MISSING = (
    "{0} of {1} rows of {2} have no score ({3}): means are of the others, and bounds say what these could change.",
    "{2} 的 {1} 行中有 {0} 行没有分数（{3}）：均值只计其余各行，上下界给出缺失分数可能的影响。",
)
_NO_VERDICT = ("{0} of {1} rows of {2} have no verdict.", "{2} 的 {1} 行中有 {0} 行没有判定。")
_PRINTED = (
    "Printed row {}: not the mean of its own categories: {}.",
    "已发表的 {}：与自身各类别的均值不符：{}。",
)
_JUDGED_OTHERWISE = Both(
    "The runs were not judged alike: judge, recipe or settings differ, so their scores may not be comparable; "
    "see Provenance.",
    "各运行的评审方式不同（评审模型、配方或设置不一致），分数未必可比，详见“来源”。",
)
_WAY = ("model", "recipe_sha256", "temperature", "max_tokens", "repeats", "structured")


def warnings_of(
    runs: Sequence[tuple[str, JudgedRun]],
    together: Sequence[int],
    comparisons: Sequence[Comparison],
    evaluation: str | None,
    printed: Sequence[PrintedScores],
) -> list[Both]:
    """Say what is missing, or cannot be compared.

    Args:
        runs: With their names.
        together: Places of those that are compared.
        comparisons: Folders of `compare`.
        evaluation: SHA-256 of the evaluation set that is compared.
        printed: Rows of a paper.

    Returns:
        A sentence each; none if there is nothing to say.
    """
    found: list[Both] = []
    for place, (plain_name, run) in enumerate(runs):
        name = isolated(plain_name)
        if place not in together:
            found.append(sentence(_OTHER_SET, name))
        if not run.rows:
            found.append(sentence(_NO_ROWS, name))
        if missing := sum(run.missing.values()):
            found.append(sentence(_MISSING, f"{missing:,}", f"{len(run.rows):,}", name, _listed(run.missing)))
    for one in comparisons:
        name = isolated(name_text(one.name))
        if one.evaluation != evaluation:
            found.append(sentence(_OTHER_COMPARED, name))
        if not one.verdicts:
            found.append(sentence(_NO_ROWS, name))
        if missing := sum(verdict.verdict is None for verdict in one.verdicts):
            found.append(sentence(_NO_VERDICT, f"{missing:,}", f"{len(one.verdicts):,}", name))
    for row in printed:
        if apart := printed_row_consistent(row.categories, row.macro, row.macro_without_others).disagreements:
            names = [COLUMN_NAMES[column] for column in apart]
            listed = Both(", ".join(one.en for one in names), "、".join(one.zh for one in names))
            found.append(sentence(_PRINTED, isolated(name_text(row.name)), listed))
    if len({_way(runs[place][1].manifest) for place in together}) > 1:
        found.append(_JUDGED_OTHERWISE)
    return found


def _listed(missing: Mapping[str, int]) -> Both:
    """Reasons with their counts, in both languages."""
    texts = [(reason_text(reason), count) for reason, count in missing.items()]
    return Both(
        "; ".join(f"{one.en if isinstance(one, Both) else one}: {count:,}" for one, count in texts),
        "；".join(f"{one.zh if isinstance(one, Both) else one}：{count:,}" for one, count in texts),
    )


def _way(manifest: Mapping[str, Any]) -> str:
    """How a run was judged, as far as scores depend on it."""
    judge = manifest.get("judge")
    return repr([judge.get(name) for name in _WAY]) if isinstance(judge, dict) else ""
