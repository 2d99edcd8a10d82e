"""The pictures of a run's page, from its report and from what its stages wrote down."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from belle_data.page import bars, charts
from belle_data.page.bars import Bar, Pair
from belle_data.page.bilingual import Both, translated
from belle_data.page.charts import Line, Step, Threshold
from belle_data.page.render import bytes_text, share
from belle_data.page.wording import reason_text, stage_text
from belle_data.report.text_statistics import LENGTH_BORDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from belle_data.report.finished_run import FinishedRun
    from belle_data.report.summary import RunReport

KEPT, REMOVED = Both("kept", "保留"), Both("removed", "删除")
BEFORE, AFTER = Both("before", "清洗前"), Both("after", "清洗后")
_COLUMNS = 40
PAIR_STAGES = ("near_dedup", "semantic_dedup")


def flow(report: RunReport) -> Markup:
    """Rows from stage to stage."""
    steps = [
        Step(stage_text(stage.name), stage.rows_in, stage.rows_out, f"−{stage.rows_in - stage.rows_out:,}")
        for stage in report.stages
        if stage.removed
    ]
    ends = (
        translated("{} rows in", "读入 {} 行", f"{report.rows_in:,}"),
        translated("{} rows out", "输出 {} 行", f"{report.rows_out:,}"),
    )
    words = ("{} rows come in and {} go out.", "读入 {} 行，输出 {} 行。")
    about = translated(*words, f"{report.rows_in:,}", f"{report.rows_out:,}")
    return charts.flow(Both("Rows from stage to stage", "各步骤的数据流"), about, steps, ends)


def reasons(report: RunReport) -> Markup:
    """How many rows went for each reason, the most frequent first."""
    counts = [
        (reason_text(reason), count) for stage in report.stages for reason, count in stage.removed.items() if count
    ]
    shown = [
        Bar(text, count, f"{count:,} · {share(count, report.rows_in)}", "removed")
        for text, count in sorted(counts, key=lambda one: -one[1])
    ]
    about = Both("Removed rows by reason, of all rows that came in.", "按原因统计的删除行数（占全部读入行）。")
    return bars.bars(Both("Why rows were removed", "删除原因"), about, shown)


def similarities(run: FinishedRun) -> list[tuple[Both, int, Markup]]:
    """For each stage that compares: the similarities of pairs of which a row went, and of those that stayed.

    Removed rows whose similarity is 1 are not drawn, since they may be many times as many; how many comes with it.
    """
    found = []
    for stage in PAIR_STAGES:
        if stage not in run.stages:
            continue
        removed = _column(run.removals(stage), "similarity")
        kept = _column(run.evidence(stage, "near_misses"), "similarity")
        threshold = run.settings_of(stage).get("threshold")
        if not len(removed) and not len(kept):
            continue
        equal = int((removed == 1).sum())
        found.append((stage_text(stage), equal, _similarity_chart(stage, removed[removed < 1], kept, threshold)))
    return found


def _similarity_chart(stage: str, removed: Any, kept: Any, threshold: float | None) -> Markup:
    import numpy as np  # noqa: PLC0415

    least = min([*removed, *kept, 1.0 if threshold is None else threshold])
    edges = np.linspace(math.floor(least * 20 - 1e-9) / 20 if least < 1 else 0.95, 1.0, _COLUMNS + 1)
    marks = [] if threshold is None else [Threshold(threshold, _threshold_text(f"{threshold:g}"))]
    counts = _histogram(edges, kept, removed)
    about = Both(
        "Pairs by similarity; those that stayed are the ones that the stage noted because they came near.",
        "按相似度统计的行对；“保留”只含该步骤记录下来的接近阈值的行对。",
    )
    return charts.histogram(
        translated("Similarities: {}", "相似度：{}", stage_text(stage)), about, edges.tolist(), counts,
        axis=Both("similarity", "相似度"), names=(KEPT, REMOVED), thresholds=marks,
    )  # fmt: skip


def _threshold_text(value: str) -> Both:
    return translated("threshold {}", "阈值 {}", value)


def _column(table: Any, name: str) -> Any:
    import numpy as np  # noqa: PLC0415

    if table is None:
        return np.zeros(0)
    values = table[name].to_numpy()
    return values[np.isfinite(values)]


def _histogram(edges: Any, kept: Any, removed: Any) -> list[tuple[int, int]]:
    import numpy as np  # noqa: PLC0415

    columns = [np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].tolist() for values in (kept, removed)]
    return list(zip(*columns, strict=True))


def perplexity(run: FinishedRun) -> Markup | None:
    """Rows by their perplexity; None for a run without that stage, or in which it judged no row."""
    import numpy as np  # noqa: PLC0415

    from belle_data.report.perplexity import STAGE, Perplexities  # noqa: PLC0415

    if STAGE not in run.stages:
        return None
    found = Perplexities(run)
    judged = ~np.isnan(found.values)
    logarithms = found.values[judged] / math.log(10)
    if not len(logarithms):
        return None
    low, high = np.percentile(logarithms, [0.05, 99.95]).tolist()
    edges = np.linspace(math.floor(low * 4) / 4, math.ceil(high * 4 + 1e-9) / 4 + (0.25 if low == high else 0), 61)
    gone = (found.low | found.high)[judged]
    borders = sorted(
        found.values[members & found.high].min() / math.log(10)
        for stratum in np.unique(found.strata)
        if (members := found.strata == stratum)[found.high].any()
    )
    marks = []
    if borders:
        marks.append(Threshold(borders[0], translated("lowest border {}", "最低界线 {}", f"{10 ** borders[0]:,.0f}")))
    if len(borders) > 1:
        words = ("highest border {}", "最高界线 {}")
        marks.append(Threshold(borders[-1], translated(*words, f"{10 ** borders[-1]:,.0f}")))
    about = Both(
        "Rows by perplexity. Each stratum of language and length has its own borders; the lowest and the highest are "
        "marked.",
        "按困惑度统计的行数。每个语言与长度分层各有界线，图中标出最低与最高的一条。",
    )
    return charts.histogram(
        Both("Perplexities", "困惑度"), about, edges.tolist(), _histogram(edges, logarithms[~gone], logarithms[gone]),
        axis=Both("perplexity", "困惑度"), names=(KEPT, REMOVED), thresholds=marks, tick=_power,
    )  # fmt: skip


def _power(logarithm: float) -> str:
    return charts.number(float(f"{10**logarithm:.2g}"))


def cloud(texts: Mapping[str, Any]) -> list[tuple[Both, Markup]]:
    """The most frequent content words before and after."""
    return [
        (
            name,
            bars.cloud(
                translated("Frequent words {}", "高频词（{}）", name),
                Both("The larger, the more frequent.", "字越大，出现越多。"),
                [(word, count) for word, count in texts[part].get("top_words", [])],
            ),
        )
        for part, name in (("before", BEFORE), ("after", AFTER))
    ]


def curve(texts: Mapping[str, Any]) -> Markup:
    """How frequent words are by their rank, before and after."""
    curves = [
        Line(name, [(rank, count) for rank, count in texts[part].get("ranks", [])], kind)
        for part, name, kind in (("before", BEFORE, "removed"), ("after", AFTER, "kept"))
    ]
    about = Both("The flatter the curve, the more varied the words.", "曲线越平，用词越多样。")
    title = Both("Frequency of words by rank", "词频与排名")
    return charts.lines(title, about, curves, across=Both("rank", "排名"), upward=Both("occurrences", "出现次数"))


def lengths(texts: Mapping[str, Any]) -> list[tuple[Both, Markup]]:
    """Shares of rows by length before and after, of prompts and of answers."""
    names = [
        f"{low:,}+" if place + 1 == len(LENGTH_BORDERS) else f"{low:,}–{LENGTH_BORDERS[place + 1] - 1:,}"
        for place, low in enumerate(LENGTH_BORDERS)
    ]
    found = []
    for part, text in (("prompt", Both("Prompts", "指令")), ("output", Both("Answers", "回答"))):
        counts = [texts[when].get(part, {}).get("classes", [0] * len(names)) for when in ("before", "after")]
        title = translated("{}: length in characters", "{}：长度（字符）", text)
        shown = list(zip(names, *counts, strict=True))
        while shown and not (shown[-1][1] or shown[-1][2]):
            shown.pop()
        found.append((text, _pairs(title, shown, texts)))
    return found


def languages(texts: Mapping[str, Any], names: Mapping[str, Both]) -> Markup:
    """Shares of rows by language before and after."""
    before, after = (texts[when].get("languages", {}) for when in ("before", "after"))
    counts = [
        (names.get(name, Both(name, name)), before.get(name, 0), after.get(name, 0)) for name in {**before, **after}
    ]
    return _pairs(Both("Languages", "语言"), sorted(counts, key=lambda one: -one[1]), texts)


def _pairs(title: Both, counts: list[Any], texts: Mapping[str, Any]) -> Markup:
    wholes = [texts[when]["rows"] for when in ("before", "after")]
    shown = [
        Pair(name, _part(first, wholes[0]), _part(second, wholes[1]), share(first, wholes[0]), share(second, wholes[1]))
        for name, first, second in counts
    ]
    about = Both("Shares of the measured rows before and after.", "清洗前后在所测行中的占比。")
    return bars.pairs(title, about, shown, (BEFORE, AFTER))


def _part(count: int, whole: int) -> float:
    return count / whole if whole else 0.0


def cost(report: RunReport) -> list[tuple[Both, str, str, str]]:
    """Each step with its seconds, processor seconds and memory."""
    steps: list[tuple[Both, Mapping[str, Any]]] = [(Both("read", "读取"), report.read)]
    for stage in report.stages:
        about = {name: getattr(stage, name) for name in ("seconds", "cpu_seconds", "peak_private_bytes")}
        name = stage_text(stage.name)
        taken_over = translated("{} (from an earlier run)", "{}（沿用先前结果）", name)
        steps.append((taken_over if stage.reused else name, about))
    steps.append((Both("write", "写出"), report.write))
    return [
        (name, f"{one['seconds']:,.2f}", f"{one['cpu_seconds']:,.2f}", bytes_text(one.get("peak_private_bytes")))
        for name, one in steps
    ]
