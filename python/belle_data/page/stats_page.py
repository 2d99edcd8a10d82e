"""The pages of `stats` and `words`: what instruction data is like, in numbers and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.page import bars, charts
from belle_data.page.bars import Bar, Pair
from belle_data.page.bilingual import Both, translated
from belle_data.page.charts import Line
from belle_data.page.data_statistics import class_names
from belle_data.page.render import render, share, system_language
from belle_data.page.shown import shown_text
from belle_data.page.word_statistics import MEASURE_NAMES, measure_text
from belle_data.page.wording import LANGUAGE_NAMES

if TYPE_CHECKING:
    from markupsafe import Markup

    from belle_data.page.bilingual import Text
    from belle_data.page.data_statistics import Category, CategoryShares, DataStatistics, Lengths
    from belle_data.page.input_rows import InputSummary
    from belle_data.page.word_statistics import WordCounts, WordStatistics

PICTURED = 30
"""Categories in the pictures; the table has all."""
TABLED = 1_000
"""Words in the table."""
_NAME_CHARACTERS = 80
PROMPTS, ANSWERS = Both("prompts", "指令"), Both("answers", "回答")
TEXTS = Both("texts that nobody speaks", "无角色的文本")
_TITLES = {
    "prompt": Both("Length of prompts", "指令长度"),
    "output": Both("Length of answers", "回答长度"),
    "text": Both("Length of texts that nobody speaks", "无角色文本的长度"),
}


def stats_page(found: DataStatistics, *, language: str | None = None) -> str:
    """Make the page of statistics, the same bytes for the same statistics.

    Args:
        found: What `stats` gives.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing and runs no script.

    Raises:
        UsageError: The language is none of the two.
    """
    parts = {"prompt": (PROMPTS, found.prompt), "output": (ANSWERS, found.output)}
    if found.text is not None:
        parts["text"] = (TEXTS, found.text)
    return render(
        "stats.html.j2",
        language=language or system_language(),
        title=Both("What the data is like", "数据概况"),
        name=_name(found.summary),
        summary=found.summary,
        statistics=found,
        categories=None if found.categories is None else _categories(found.categories, found.summary.rows),
        parts=[one for one, _ in parts.values()],
        lengths=_length_table([lengths for _, lengths in parts.values()]),
        classes=[(_TITLES[part], _classes(_TITLES[part], lengths)) for part, (_, lengths) in parts.items()],
        turns=_bars(Both("Turns of a row", "每行轮数"), _turns(found), found),
        languages=_bars(
            Both("Languages", "语言"),
            [(LANGUAGE_NAMES.get(name, name), rows) for name, rows in found.languages.items()],
            found,
        ),
        **_words(found.words),
    )


def words_page(found: WordStatistics, *, language: str | None = None) -> str:
    """Make the page of words, the same bytes for the same words.

    Args:
        found: What `words` gives.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing and runs no script.

    Raises:
        UsageError: The language is none of the two.
    """
    return render(
        "stats.html.j2",
        language=language or system_language(),
        title=Both("The words of the data", "数据用词"),
        name=_name(found.summary),
        summary=found.summary,
        statistics=None,
        categories=None,
        **_words(found.words),
    )


def _name(summary: InputSummary) -> str:
    names = [shown_text(source.name, _NAME_CHARACTERS) for source in summary.sources]
    return names[0] if len(names) == 1 else f"{names[0]} + {len(names) - 1:,}"


def _words(words: WordCounts) -> dict[str, object]:
    """What the template needs for the words."""
    all_words = words.measures["words"]
    cloud = bars.cloud(
        Both("Frequent words", "高频词"),
        Both("The larger, the more frequent.", "字越大，出现越多。"),
        [(shown_text(word, _NAME_CHARACTERS), count) for word, count in words.top],
    )
    curve = charts.lines(
        Both("Frequency of words by rank", "词频与排名"),
        Both("The flatter the curve, the more varied the words.", "曲线越平，用词越多样。"),
        [Line(Both("words", "词"), words.ranks, "kept")],
        across=Both("rank", "排名"),
        upward=Both("occurrences", "出现次数"),
    )
    return {
        "cloud": cloud if words.top else None,
        "curve": curve if len(words.ranks) > 1 else None,
        "measures": [(text, measure_text(name, words.measures[name])) for name, text in MEASURE_NAMES.items()],
        "top": [
            (shown_text(word, _NAME_CHARACTERS), f"{count:,}", share(count, all_words))
            for word, count in words.top[:TABLED]
        ],
    }


def _turns(found: DataStatistics) -> list[tuple[Text, int]]:
    """Rows by turns; the most turns together, where there are many numbers of them."""
    counts = list(found.turns.items())
    named: list[tuple[Text, int]] = [(f"{turns:,}", rows) for turns, rows in counts[:PICTURED]]
    if len(counts) > PICTURED:
        named.append((f"{counts[PICTURED][0]:,}+", sum(rows for _, rows in counts[PICTURED:])))
    return named


def _bars(title: Both, counts: list[tuple[Text, int]], found: DataStatistics) -> Markup:
    rows = found.summary.rows
    about = Both("Rows, and their share of all.", "行数及其占比。")
    shown = [Bar(name, count, f"{count:,} · {share(count, rows)}") for name, count in counts]
    return bars.bars(title, about, shown)


def _classes(title: Both, lengths: Lengths) -> Markup:
    """Rows by length, up to the last class that has a row."""
    about = Both("Rows by length in characters.", "按字符数统计的行数。")
    last = max((place for place, count in enumerate(lengths.classes) if count), default=0)
    counts = list(zip(class_names(), lengths.classes, strict=True))[: last + 1]
    shown = [Bar(name, count, f"{count:,} · {share(count, lengths.rows)}") for name, count in counts]
    return bars.bars(title, about, shown)


def _length_table(parts: list[Lengths]) -> list[tuple[Text, list[str]]]:
    """Rows of the table of lengths: what, and its figure for each part."""
    named: dict[int, Text] = {
        25: Both("lower quartile", "下四分位数"),
        50: Both("median", "中位数"),
        75: Both("upper quartile", "上四分位数"),
    }
    table: list[tuple[Text, list[str]]] = [(Both("mean", "平均"), [f"{one.mean:,.1f}" for one in parts])]
    table.append((Both("least", "最短"), [f"{one.least:,}" for one in parts]))
    for percent in parts[0].percentiles:
        text = named.get(percent, translated("percentile {}", "第 {} 百分位", percent))
        table.append((text, [f"{one.percentiles[percent]:,}" for one in parts]))
    table.append((Both("most", "最长"), [f"{one.most:,}" for one in parts]))
    table.append((Both("characters in all", "总字符数"), [f"{one.total:,}" for one in parts]))
    table.append((Both("rows with none", "为空的行"), [f"{one.empty:,}" for one in parts]))
    return table


def _categories(found: CategoryShares, rows: int) -> dict[str, object]:
    """What the template needs for the categories."""
    pictured = found.categories[:PICTURED]
    title = Both("Shares of categories", "各类别占比")
    about = Both("Rows of each category, and their share of all rows.", "各类别的行数及其在全部行中的占比。")
    lengths = Both("Mean length by category, in characters", "各类别的平均长度（字符）")
    return {
        "field": shown_text(found.field, _NAME_CHARACTERS),
        "left_out": len(found.categories) - len(pictured),
        "without": found.without,
        "rows": rows,
        "shares": bars.bars(
            title, about, [Bar(_category(one), one.rows, f"{one.rows:,} · {share(one.rows, rows)}") for one in pictured]
        ),
        "lengths": bars.pairs(
            lengths,
            Both("Prompts above, answers below.", "上为指令，下为回答。"),
            [
                Pair(
                    _category(one),
                    one.prompt.mean,
                    one.output.mean,
                    f"{one.prompt.mean:,.1f}",
                    f"{one.output.mean:,.1f}",
                )
                for one in pictured
            ],
            (PROMPTS, ANSWERS),
        ),
        "table": [
            (_category(one), [f"{one.rows:,}", share(one.rows, rows), *_middles(one.prompt), *_middles(one.output)])
            for one in found.categories
        ],
    }


def _middles(lengths: Lengths) -> list[str]:
    return [f"{lengths.mean:,.1f}", f"{lengths.percentiles[50]:,}"]


def _category(category: Category) -> str:
    return shown_text(category.name, _NAME_CHARACTERS)
