"""The table of `tokens`, for a terminal and for a page: a row for each measure, a column for each tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.page.bilingual import Both, translated
from belle_data.page.render import share
from belle_data.vocab.token_counts import PERCENTILES, per

if TYPE_CHECKING:
    from collections.abc import Callable

    from belle_data.vocab.token_counts import TokenCounts, TokenStatistics

UNIT_NAMES = {"line": Both("line", "行"), "row": Both("row", "条"), "turn": Both("turn", "轮")}
KIND_NAMES = {
    "byte_fallback": Both("byte fallback", "字节回退"),
    "unknown": Both("unknown", "未知"),
    "digits": Both("digits", "数字"),
    "spaces": Both("white space", "空白"),
}


def token_table(found: TokenStatistics) -> list[tuple[Both, list[str]]]:
    """Each measure with its figure for each tokenizer."""
    unit = UNIT_NAMES[found.by]
    named: dict[int, Both] = {50: Both("median", "中位数")}
    measures: list[tuple[Both, Callable[[TokenCounts], str]]] = [
        (Both("size of the vocabulary", "词表大小"), lambda one: f"{one.described.size:,}"),
        (Both("tokens", "词元总数"), lambda one: f"{one.tokens:,}"),
        (Both(f"tokens per {unit.en}", f"每{unit.zh}词元数"), lambda one: f"{one.tokens / found.units:,.2f}"),
        (Both("ratio to the first", "与首个之比"), lambda one: figure(found.ratio(one))),
        (Both("tokens per character", "每字符词元数"), lambda one: figure(per(one.tokens, found.characters))),
        (Both("tokens per byte", "每字节词元数"), lambda one: figure(per(one.tokens, found.bytes))),
    ]
    for percent in PERCENTILES:
        text = named.get(percent, translated("percentile {}", "第 {} 百分位", percent))
        measures.append((text, lambda one, at=percent: f"{one.distribution.percentile(at):,}"))  # type: ignore[misc]
    measures.append((Both("most", "最多"), lambda one: f"{one.distribution.most:,}"))
    for name, text in KIND_NAMES.items():
        measures.append((text, lambda one, at=name: share(one.kinds[at], one.tokens)))  # type: ignore[misc]
    measures += [
        (Both("vocabulary used", "用到的词表"), lambda one: share(one.used, one.described.size)),
        (
            Both(f"{unit.en}s over {found.context:,} tokens", f"超过 {found.context:,} 词元的{unit.zh}"),
            lambda one: share(one.distribution.above(found.context)[0], found.units),
        ),
        (
            Both(f"mean share of {found.context:,} tokens", f"平均占 {found.context:,} 词元的比例"),
            lambda one: share(one.tokens, found.units * found.context),
        ),
    ]
    return [(text, [show(one) for one in found.tokenizers]) for text, show in measures]


def figure(value: float | None) -> str:
    """A quotient as it is shown; a dash for what cannot be computed."""
    return "–" if value is None else f"{value:.4f}"
