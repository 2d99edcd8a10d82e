"""Draws the flow of a run of `clean` from its report: ``python docs/images/draw_clean.py [report.json [clean.svg]]``.

Without arguments it draws runs/demo/report.json, which `make demo` leaves, into clean.svg beside this file.
"""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path
from typing import Any

WIDTH, LEAST_HEIGHT = 1120, 320
TOP = 86
"""Upper edge of the band of rows."""
BAND = 104
"""Height of the band that stands for all rows that came in."""
LEFT, RIGHT = 120, 120
"""Room for the numbers on both sides."""
DROP = 238
"""Where the removed rows come to lie."""
LINE = 17
"""From one reason to the next, where a stage has several."""

CHINESE = {
    "normalise": "统一写法",
    "rules": "逐行规则",
    "exact_dedup": "完全重复",
    "near_dedup": "近似重复",
    "semantic_dedup": "语义重复",
    "decontaminate": "评测泄漏",
    "quality": "困惑度",
    "diversity": "用词分布",
    "empty_answer": "空回答",
    "mojibake": "乱码",
    "short_prompt": "提问过短",
    "long_prompt": "提问过长",
    "short_answer": "回答过短",
    "long_answer": "回答过长",
    "answer_is_instruction": "照抄提问",
    "repetition": "反复重复",
    "speaks_as_ai": "自称 AI",
    "refusal": "拒绝回答",
    "other_language": "语言不符",
    "placeholder": "留空未填",
    "link_or_media": "链接图片",
    "same_text": "文字相同",
    "near_duplicate": "相似度达到阈值",
    "semantic_duplicate": "问的是同一件事",
    "shared_ngrams": "含评测题片段",
    "near_evaluation_row": "近似评测题",
    "high_perplexity": "困惑度过高",
    "low_perplexity": "困惑度过低",
    "answer_does_not_belong": "答非所问",
    "not_chosen": "未选中",
    "words_seen_often": "用词已多见",
}

STYLE = """\
text { font: 14px system-ui, -apple-system, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC",
  "WenQuanYi Micro Hei", sans-serif; fill: #1f2328; }
.number { font-size: 22px; font-weight: 600; }
.quiet { fill: #59636e; font-size: 12px; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.kept { fill: #2f7d6d; fill-opacity: 0.30; }
.gone { fill: #bc4c00; fill-opacity: 0.45; }
.stage { fill: #1f2328; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet { fill: #9198a1; }
  .kept { fill: #4fb8a3; }
  .gone { fill: #f0883e; }
  .stage { fill: #e6edf3; }
}"""


def draw(report: dict[str, Any]) -> str:
    """Draw a report as SVG: the band of rows narrows at every stage by what the stage removes."""
    rows_in, stages = report["rows_in"], report["stages"]
    most_reasons = max((sum(map(bool, stage["removed"].values())) for stage in stages), default=0)
    whole = max(LEAST_HEIGHT, DROP + 30 + LINE * most_reasons)
    # A few rows among very many would be a line that nobody sees.
    heights = [max(BAND * stage["rows_out"] / max(rows_in, 1), 2.0) for stage in stages]
    places = [
        LEFT + (number + 0.5) * (WIDTH - LEFT - RIGHT) / max(len(stages), 1) - 30 for number in range(len(stages))
    ]
    shapes, texts = [], []
    at, height = float(LEFT), float(BAND)
    for stage, place, after in zip(stages, places, heights, strict=True):
        shapes.append(_band(at, place, height))
        if stage["rows_out"] < stage["rows_in"]:
            shapes.append(_fall(place, TOP + after, TOP + height))
        shapes.append(f'<rect class="stage" x="{place:.1f}" y="{TOP - 10}" width="3" height="{height + 20:.1f}"/>')
        texts += _stage_texts(stage, place)
        at, height = place + 3, after
    shapes.append(_band(at, WIDTH - RIGHT, height))
    texts += _side(LEFT - 14, "end", "读入", "rows in", rows_in)
    texts += _side(WIDTH - RIGHT + 14, "", "写出", "rows out", report["rows_out"])
    if report["rejected"]:
        lines = f"坏行 bad lines: {report['rejected']:,} → rejected/"
        texts.append(_text(12, whole - 12, "quiet", lines))
    title = f"{rows_in:,} rows in, {report['rows_out']:,} rows out"
    body = "\n".join([*shapes, *texts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" width="{WIDTH}" height="{whole}" '
        f'role="img" aria-label="{escape(title)}">\n<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n'
        f"{body}\n</svg>\n"
    )


def _band(start: float, end: float, height: float) -> str:
    return f'<rect class="kept" x="{start:.1f}" y="{TOP}" width="{end - start:.1f}" height="{height:.1f}"/>'


def _fall(place: float, upper: float, lower: float) -> str:
    """Draw the rows that leave the band at a stage and fall down."""
    start, width = place + 3, max(lower - upper, 2.0)
    right = start + 42
    return (
        f'<path class="gone" d="M{start:.1f} {upper:.1f} C{right:.1f} {upper:.1f} {right + width:.1f} {lower:.1f} '
        f"{right + width:.1f} {DROP - 12} L{right:.1f} {DROP - 12} C{right:.1f} {lower + 20:.1f} {right - 10:.1f} "
        f'{lower:.1f} {start:.1f} {upper + width:.1f} Z"/>'
    )


def _stage_texts(stage: dict[str, Any], place: float) -> list[str]:
    name = stage["name"]
    # One below the other: beside each other the names of neighbours would touch.
    texts = [_text(place, TOP - 54, "middle", CHINESE[name])] if name in CHINESE else []
    texts.append(_text(place, TOP - 36, "middle", name))
    texts.append(_text(place, TOP - 18, "quiet middle", f"{stage['rows_in']:,} → {stage['rows_out']:,}"))
    removed = {reason: count for reason, count in stage["removed"].items() if count}
    if not removed:
        return [*texts, _text(place, TOP + BAND + 32, "quiet middle", "不删行 removes no row")]
    texts.append(_text(place + 50, DROP + 10, "number middle", f"−{sum(removed.values()):,}"))
    if len(removed) == 1:
        reason = next(iter(removed))
        words = [CHINESE[reason], reason] if reason in CHINESE else [reason]
        lines = [_text(place + 50, DROP + 28 + LINE * line, "quiet middle", word) for line, word in enumerate(words)]
        return [*texts, *lines]
    for line, (reason, count) in enumerate(removed.items()):
        height = DROP + 30 + LINE * line
        texts.append(_text(place + 4, height, "quiet end", f"{count:,}"))
        texts.append(_text(place + 12, height, "quiet", _label(reason)))
    return texts


def _label(reason: str) -> str:
    return f"{CHINESE[reason]} {reason}" if reason in CHINESE else reason


def _side(x: float, anchor: str, chinese: str, english: str, rows: int) -> list[str]:
    middle = TOP + BAND / 2
    return [
        _text(x, middle, f"number {anchor}".strip(), f"{rows:,}"),
        _text(x, middle + 20, f"quiet {anchor}".strip(), f"{chinese} {english}"),
    ]


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def main(arguments: list[str]) -> None:
    """Read a report and write the picture.

    Raises:
        OSError: A file cannot be read or written.
        ValueError: The report is not JSON.
    """
    report = Path(arguments[0] if arguments else "runs/demo/report.json")
    picture = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).with_name("clean.svg")
    picture.write_text(draw(json.loads(report.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
