"""Pictures and figures of single runs and comparisons: how scores lie, how length goes with them, who wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.evalset.categories import CATEGORIES, CATEGORY_NAMES
from belle_data.page import bars, charts
from belle_data.page.bars import Bar
from belle_data.page.bilingual import Both, translated
from belle_data.page.render import share
from belle_train.judge.report_pairs import p_text
from belle_train.judge.report_words import DASH, between, isolated, name_text, null_text, reason_text, score_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from belle_data.page.bilingual import Text
    from belle_train.judge.judged_runs import Comparison, JudgedRun

Facts = list[tuple["Text", "Text"]]
_CLASSES = 10
"""Of scores, each a tenth wide; a full score is in the last."""
_LENGTHS = 5
"""Classes of answers by length, of as many answers each as can be."""
_SCORE, _ANSWERS = Both("score", "分数"), Both("answers", "回答数")
_LENGTH_TITLE = Both("Mean score by length of the answer", "按回答长度统计的平均分")
_AGREEMENT_NAMES = {
    "rows": Both("rows", "行数"),
    "left_out": Both("rows left out", "未计入的行"),
    "equal": Both("all repeats equal", "各次分数全部相同"),
    "mean_absolute_difference": Both("mean difference of two repeats", "两次之间的平均差"),
    "standard_deviation": Both("standard deviation within a row", "同一行内的标准差"),
    "pearson": Both("Pearson's correlation", "皮尔逊相关"),
    "spearman": Both("Spearman's correlation", "斯皮尔曼相关"),
    "mean_absolute_error": Both("mean absolute error", "平均绝对误差"),
    "kappa": Both("Cohen's kappa, quadratic weights", "二次加权 Kappa"),
    "alpha": Both("Krippendorff's alpha", "克里彭多夫 α"),
}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A comparison as the page shows it.

    Attributes:
        first: Name of the first system.
        second: Name of the second.
        bar: Shares of wins, ties, losses and missing verdicts, by kind: class, words, share from 0 to 1, figure.
        facts: Win rate, interval, consistency.
        missing: Rows without a verdict by reason.
        categories: Name; rows, wins, ties, losses and missing verdicts; win rate with its interval.
        heads: Of the figures of a category.
    """

    first: str
    second: str
    bar: list[tuple[str, Text, float, str]]
    facts: Facts
    missing: list[tuple[Text, str]]
    categories: list[tuple[Text, list[str], Text]]
    heads: list[Text]


def distribution(run: JudgedRun) -> Markup | None:
    """How many answers have which score; None if none has one."""
    counts = [0] * _CLASSES
    for row in run.rows:
        if row.score is not None:
            # 0.3 is a little less than three tenths to a machine, and belongs to the class that begins there.
            counts[min(_CLASSES - 1, int(row.score * _CLASSES + 1e-9))] += 1
    if not any(counts):
        return None
    return charts.histogram(
        Both("Answers by score", "分数分布"),
        Both("How many answers have which score.", "各分数段的回答数。"),
        [place / _CLASSES for place in range(_CLASSES + 1)],
        [(count, 0) for count in counts],
        axis=_SCORE,
        names=(_ANSWERS, _ANSWERS),
    )


def length_figures(run: JudgedRun) -> tuple[Markup | None, Facts]:
    """Mean scores of answers by length, and what the summary says of both; None without scored answers."""
    found = sorted((len(row.answer), row.score) for row in run.rows if row.answer is not None and row.score is not None)
    parts = min(_LENGTHS, len(found))
    shown = []
    for part in range(parts):
        inside = found[part * len(found) // parts : (part + 1) * len(found) // parts]
        mean = sum(score for _, score in inside) / len(inside)
        low, high = inside[0][0], inside[-1][0]
        reach = f"{low:,}" if low == high else f"{low:,}–{high:,}"
        shown.append(
            Bar(translated("{} characters", "{} 字", reach), mean, f"{score_text(mean)} (n = {len(inside):,})")
        )
    about = Both("Classes have as many answers each as can be.", "各组回答数尽量相等。")
    # The same scale for every run: a full score is as wide as there is room.
    picture = bars.bars(_LENGTH_TITLE, about, shown, largest=1.0) if shown else None
    return picture, _length_facts(run.summary.get("length"))


def _length_facts(length: object) -> Facts:
    facts: Facts = []
    overall = _object(length, "overall")
    if (mean := _number(overall, "mean_characters")) is not None:
        facts.append((Both("mean length of an answer, in characters", "回答平均长度（字符）"), f"{mean:,.1f}"))
    names = {
        "overall": Both("rank correlation of length and score", "长度与分数的秩相关"),
        "within_categories": Both("the same within categories", "同上，在类别之内"),
    }
    for key, words in names.items():
        one = _object(length, key)
        if one:
            facts.append((words, _with_interval(_number(one, "spearman"), one)))
    return facts


def agreement_facts(run: JudgedRun) -> list[tuple[Text, Facts]]:
    """What the summary says of repeats and of people's scores; empty if it says nothing."""
    titles = {
        "repeats": Both("Repeats of the judge", "评审重复之间的一致性"),
        "human": Both("The judge and people", "评审与人工评分的一致性"),
    }
    found: list[tuple[Text, Facts]] = []
    for key, title in titles.items():
        values = _object(run.summary, key)
        facts: Facts = []
        for name, words in _AGREEMENT_NAMES.items():
            if name in {"rows", "left_out"}:
                facts += [(words, f"{values[name]:,}")] if isinstance(values.get(name), int) else []
            elif name in values:
                value = _number(values, name)
                text: Text = null_text(values.get("reason")) if value is None else _signed(value)
                facts.append((words, share(value, 1) if name == "equal" and value is not None else text))
        if facts:
            found.append((title, facts))
    return found


def verdict_figures(one: Comparison) -> Verdicts:
    """Who wins, as the summary counts it."""
    overall = _object(one.summary, "overall")
    first, second = name_text(one.first), name_text(one.second)
    rows = len(one.verdicts)
    counts = {kind: sum(row.verdict == kind for row in one.verdicts) for kind in ("a", "tie", "b", None)}
    kinds = [
        ("a", "win", translated("{} is better", "{} 更好", isolated(first))),
        ("tie", "tie", Both("tie", "平局")),
        ("b", "loss", translated("{} is better", "{} 更好", isolated(second))),
        (None, "none", Both("no verdict", "没有判定")),
    ]
    bar: list[tuple[str, Text, float, str]] = [
        (name, words, counts[kind] / rows, f"{counts[kind]:,} ({share(counts[kind], rows)})")
        for kind, name, words in kinds
        if rows and (kind is not None or counts[kind])
    ]
    win_rate = _number(overall, "win_rate")
    facts: Facts = [
        (Both("rows", "行数"), f"{rows:,}"),
        (
            translated("win rate of {}, a tie counts half", "{} 的胜率（平局计一半）", isolated(first)),
            _with_interval(win_rate, overall),
        ),
    ]
    if counts[None]:
        bounds = between(_number(overall, "bound_low"), _number(overall, "bound_high"))
        facts.append(
            (Both("the same with missing verdicts for either side", "缺失判定全归任一方时的范围"), bounds or DASH)
        )
    for key, words in (
        ("p_value", Both("p-value of the sign test", "符号检验 p 值")),
        ("consistent", Both("the same verdict in both orders", "两种次序判定一致")),
        ("first_place", Both("decided for the answer shown first", "判给先出示的回答")),
    ):
        value = _number(overall, key)
        shown = p_text(value) if key == "p_value" else DASH if value is None else share(value, 1)
        facts.append((words, shown))
    ratio = _number(_object(one.summary, "relative_score"), "ratio")
    if ratio is not None:
        told = ("scores of {}, summed, as a share of the other's", "{} 的得分总和占对方的比例")
        facts.append((translated(*told, isolated(first)), share(ratio, 1)))
    missing = _object(one.summary, "missing_reasons")
    listed = [(reason_text(reason), f"{count:,}") for reason, count in missing.items() if isinstance(count, int)]
    heads: list[Text] = [
        Both("rows", "行数"),
        translated("{} wins", "{} 胜", isolated(first)),
        Both("ties", "平局"),
        translated("{} wins", "{} 胜", isolated(second)),
        Both("no verdict", "没有判定"),
        translated("win rate of {}", "{} 的胜率", isolated(first)),
    ]
    return Verdicts(first, second, bar, facts, listed, _by_category(one), heads)


def _by_category(one: Comparison) -> list[tuple[Text, list[str], Text]]:
    """Who wins in each category: counted from the verdicts, with the win rate of the summary."""
    rates = _object(one.summary, "categories")
    found: list[tuple[Text, list[str], Text]] = []
    for name in CATEGORIES:
        inside = [row.verdict for row in one.verdicts if row.category == name]
        if inside:
            rate = _object(rates, name)
            counts = [len(inside), *(inside.count(kind) for kind in ("a", "tie", "b", None))]
            figures = [f"{count:,}" for count in counts]
            found.append((CATEGORY_NAMES[name], figures, _with_interval(_number(rate, "win_rate"), rate)))
    return found


def _with_interval(value: float | None, found: Mapping[str, Any]) -> Text:
    if value is None:
        return null_text(found.get("reason"))
    low, high = _number(found, "low"), _number(found, "high")
    return _signed(value) + (
        f" ({_signed(low)}\u00a0…\u00a0{_signed(high)})" if low is not None and high is not None else ""
    )


def _signed(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _object(value: object, key: str) -> dict[str, Any]:
    """An object within another; empty if either is not there."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _number(values: Mapping[str, Any], key: str) -> float | None:
    value = values.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
