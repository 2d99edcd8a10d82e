"""The page of `tokens`: how many tokens tokenizers make of texts, in numbers and pictures."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from belle_data.page import bars, charts
from belle_data.page.bars import Bar
from belle_data.page.bilingual import Both, translated
from belle_data.page.charts import Threshold
from belle_data.page.render import render, system_language
from belle_data.page.shown import shown_text
from belle_data.vocab.text_lines import TextLines
from belle_data.vocab.token_table import UNIT_NAMES, figure, token_table

if TYPE_CHECKING:
    from markupsafe import Markup

    from belle_data.page.bilingual import Text
    from belle_data.vocab.token_counts import TokenCounts, TokenStatistics

_NAME_CHARACTERS = 80
_COLUMNS = 40
_File = tuple[str, int | None, int, int]
_UNITS = {"line": Both("lines", "行数"), "row": Both("rows", "条数"), "turn": Both("turns", "轮数")}


def tokens_page(found: TokenStatistics, *, language: str | None = None) -> str:
    """Make the page of tokens, the same bytes for the same counts.

    Args:
        found: What `tokens` gives.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing and runs no script.

    Raises:
        UsageError: The language is none of the two.
    """
    names = [_name(one) for one in found.tokenizers]
    edges = _edges(found)
    inputs, rejected = _inputs(found)
    return render(
        "tokens.html.j2",
        language=language or system_language(),
        title=Both("Tokens of the texts", "文本的词元数"),
        name=inputs[0][0] if len(inputs) == 1 else f"{inputs[0][0]} + {len(inputs) - 1:,}",
        found=found,
        rejected=rejected,
        inputs=inputs,
        unit=_UNITS[found.by],
        names=names,
        means=_means(found, names),
        table=token_table(found),
        histograms=[
            (name, _histogram(found, one, name, edges), one.distribution.above(edges[-1] - 1)[0])
            for name, one in zip(names, found.tokenizers, strict=True)
        ],
        tokenizers=[(name, one) for name, one in zip(names, found.tokenizers, strict=True)],
    )


def _name(counts: TokenCounts) -> str:
    return shown_text(counts.described.name, _NAME_CHARACTERS)


def _inputs(found: TokenStatistics) -> tuple[list[_File], int]:
    """For each file its name, bytes, lines or rows, and lines that were left out; and how many these are in all."""
    if isinstance(found.source, TextLines):
        files = found.source.files
        read: list[_File] = [
            (shown_text(file.name, _NAME_CHARACTERS), file.size, file.lines, file.bad) for file in files
        ]
        return read, found.source.bad
    sources: list[_File] = [
        (shown_text(one.name, _NAME_CHARACTERS), one.size, one.rows, one.rejected) for one in found.source.sources
    ]
    return sources, found.source.rejected


def _means(found: TokenStatistics, names: list[str]) -> Markup:
    unit = UNIT_NAMES[found.by]
    title = Both(f"Tokens per {unit.en}", f"每{unit.zh}词元数")
    about = Both("The mean, and its ratio to the first tokenizer.", "平均值，及其与首个分词器之比。")
    shown = []
    for name, one in zip(names, found.tokenizers, strict=True):
        mean = one.tokens / found.units
        shown.append(Bar(name, mean, f"{mean:,.2f} · {figure(found.ratio(one))}"))
    return bars.bars(title, about, shown)


def _edges(found: TokenStatistics) -> list[int]:
    """Borders of the columns of all histograms: up to the percentile 99 of the tokenizer that cuts most finely."""
    top = max(one.distribution.percentile(99) for one in found.tokenizers)
    step = max(1, -(-(top + 1) // _COLUMNS))
    return list(range(0, top + step + 1, step))


def _histogram(found: TokenStatistics, counts: TokenCounts, name: str, edges: list[int]) -> Markup:
    columns = []
    for low, high in itertools.pairwise(edges):
        border = min(max(found.context + 1, low), high)
        within, over = counts.distribution.between([low, border, high])
        columns.append((within, over))
    title = translated("Tokens of a unit: {}", "每个单位的词元数：{}", name)
    names: tuple[Text, Text] = (Both("within the context", "上下文之内"), Both("longer", "更长"))
    return charts.histogram(
        Both(title.en, title.zh),
        Both("How many have how many tokens.", "各词元数对应的数量。"),
        edges,
        columns,
        axis=Both("tokens", "词元数"),
        names=names,
        thresholds=[Threshold(found.context, Both("context", "上下文"))],
    )
