"""The page of `evalset build`: shares of categories, words and lengths of prompts, and what was left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from belle_data.evalset.categories import CATEGORY_NAMES, WITHOUT_REFERENCE
from belle_data.page import bars
from belle_data.page.bars import Bar
from belle_data.page.bilingual import Both, translated
from belle_data.page.data_statistics import class_names
from belle_data.page.render import render, share, system_language
from belle_data.page.shown import shown_text
from belle_data.page.stats_page import TABLED

if TYPE_CHECKING:
    from belle_data.evalset.overlap import FoundRow
    from belle_data.evalset.result import EvaluationSet
    from belle_data.page.data_statistics import Lengths

LISTED = 200
"""Rows of each list on the page; the description beside the set has all."""
_NAME_CHARACTERS = 80
_PROMPT_CHARACTERS = 400
_DASH = "–"


def evalset_page(found: EvaluationSet, *, language: str | None = None) -> str:
    """Make the page of an evaluation set, the same bytes for the same set.

    Args:
        found: What `belle_data.evalset.build.build` gives.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing and runs no script.

    Raises:
        UsageError: The language is none of the two.
    """
    overlap = found.overlap
    return render(
        "evalset.html.j2",
        language=language or system_language(),
        name=shown_text(found.path.name, _NAME_CHARACTERS),
        raw=shown_text(Path(found.raw).name or found.raw, _NAME_CHARACTERS),
        found=found,
        rows=len(found.rows),
        prompt=found.statistics.prompt,
        **_pictures(found),
        table=_table(found),
        labels=[
            (_name(label), CATEGORY_NAMES[category], f"{rows:,}")
            for label, (category, rows) in found.checked.labels.items()
        ],
        listed=LISTED,
        lacking=[
            (_name(row.id), f"{row.line:,}", CATEGORY_NAMES[row.category]) for row in found.without_reference[:LISTED]
        ],
        duplicates=[
            (
                f"{one.similarity:.4f}",
                [
                    (_name(row.id), row.line, CATEGORY_NAMES[row.category], shown_text(row.prompt, _PROMPT_CHARACTERS))
                    for row in (one.row, one.kept)
                ],
            )
            for one in (found.duplicates or ())[:LISTED]
        ],
        overlap=overlap,
        overlapping=[] if overlap is None else [_overlapping(one) for one in overlap.found[:LISTED]],
    )


def _overlapping(one: FoundRow) -> tuple[object, ...]:
    """What the template needs for a row that the training data holds."""
    similarity = _DASH if one.similarity is None else f"{one.similarity:.4f}"
    return (
        _name(one.row.id),
        f"{one.row.line:,}",
        CATEGORY_NAMES[one.row.category],
        shown_text(one.row.prompt, _PROMPT_CHARACTERS),
        Both("prompt", "指令") if one.part == "prompt" else Both("reference", "参考答案"),
        translated(
            "similarity {}, {} in shared n-grams; training rows: {}",
            "相似度 {}，n-gram 覆盖率 {}；训练数据 {} 条",
            similarity,
            share(one.covered, 1),
            f"{one.training_rows:,}",
        ),
        shown_text(one.strongest.name, 2 * _NAME_CHARACTERS),
        shown_text(one.strongest.text, _PROMPT_CHARACTERS),
    )


def _name(text: str) -> str:
    return shown_text(text, _NAME_CHARACTERS)


def _pictures(found: EvaluationSet) -> dict[str, object]:
    """What the template needs for the pictures: shares, words and lengths."""
    rows, words = len(found.rows), found.statistics.words
    categories = found.categories
    shares = bars.bars(
        Both("Shares of categories", "各类别占比"),
        Both("Rows of each category, and their share of all.", "各类别的行数及占比。"),
        [
            Bar(CATEGORY_NAMES[name], one.rows, f"{one.rows:,} · {share(one.rows, rows)}")
            for name, one in categories.items()
        ],
    )
    lengths = bars.bars(
        Both("Mean length of prompts by category", "各类别指令的平均长度"),
        Both("In characters.", "以字符计。"),
        [
            Bar(CATEGORY_NAMES[name], one.prompt.mean, f"{one.prompt.mean:,.1f}")
            if one.prompt is not None
            else Bar(CATEGORY_NAMES[name], 0, _DASH)
            for name, one in categories.items()
        ],
    )
    every = found.statistics.prompt
    last = max(place for place, count in enumerate(every.classes) if count)
    classes = bars.bars(
        Both("Length of prompts", "指令长度"),
        Both("Rows by length in characters.", "按字符数统计的行数。"),
        [
            Bar(name, count, f"{count:,} · {share(count, rows)}")
            for name, count in list(zip(class_names(), every.classes, strict=True))[: last + 1]
        ],
    )
    top = [(_name(word), count) for word, count in words.top]
    cloud = bars.cloud(
        Both("Frequent words of the prompts", "指令中的高频词"),
        Both("The larger, the more frequent.", "字越大，出现越多。"),
        top,
    )
    return {
        "shares": shares,
        "lengths": lengths,
        "classes": classes,
        "cloud": cloud if top else None,
        "top": [(word, f"{count:,}", share(count, words.measures["words"])) for word, count in top[:TABLED]],
    }


def _table(found: EvaluationSet) -> list[tuple[Both, list[str], str]]:
    """Rows of the table: category, figures, and how many lack a reference; a dash where none is needed."""
    rows = len(found.rows)
    return [
        (
            CATEGORY_NAMES[name],
            [f"{one.rows:,}", share(one.rows, rows), *_figures(one.prompt)],
            f"{one.lacking:,}" if name not in WITHOUT_REFERENCE else _DASH,
        )
        for name, one in found.categories.items()
    ]


def _figures(lengths: Lengths | None) -> list[str]:
    if lengths is None:
        return [_DASH] * 5
    quartiles = [f"{lengths.percentiles[percent]:,}" for percent in (25, 50, 75)]
    return [f"{lengths.mean:,.1f}", *quartiles, f"{lengths.most:,}"]
