"""The page of `inspect-data`: what will be learned of rows, and how long they are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.page import charts
from belle_data.page.bilingual import Both
from belle_data.page.charts import Threshold
from belle_data.page.render import render, share, system_language
from belle_data.page.shown import shown_text
from belle_train.page_words import data_facts, left_out_facts, reason_text

if TYPE_CHECKING:
    from markupsafe import Markup

    from belle_train.inspection import Inspection, ShownRow

_NAME_CHARACTERS = 200
_COLUMNS = 40


def inspection_page(found: Inspection, *, language: str | None = None) -> str:
    """Make the page, the same bytes for the same rows and settings.

    Args:
        found: What `belle_train.inspection.inspect_rows` gives.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing and runs no script.

    Raises:
        UsageError: The language is none of the two.
    """
    prepared = found.prepared
    top = int(found.lengths[min(len(found.lengths) - 1, len(found.lengths) * 99 // 100)])
    step = max(1, -(-(top + 1) // _COLUMNS))
    edges = list(range(0, top + step + 1, step))
    return render(
        "inspect_data.html.j2",
        language=language or system_language(),
        name=shown_text(Path(found.tokenizer).name or found.tokenizer, _NAME_CHARACTERS),
        cards=[
            (f"{prepared.rows:,}", Both("rows", "行数")),
            (f"{prepared.conversations:,}", Both("conversations", "对话数")),
            (f"{prepared.sequences:,}", Both("sequences", "序列数")),
            (share(prepared.learned_tokens, prepared.tokens), Both("of the pieces are learned", "词元参与学习")),
            (share(found.filling, 1), Both("of the sequences is filled", "序列填充率")),
        ],
        counts=data_facts(prepared.to_dict(), found.config.max_length),
        left_out=left_out_facts(prepared.left_out),
        histogram=_histogram(found, edges),
        beyond=int((found.lengths >= edges[-1]).sum()),
        percentiles=[
            *((f"{one} %", f"{length:,}") for one, length in found.percentiles().items()),
            (Both("longest", "最长"), f"{int(found.lengths[-1]):,}"),
        ],
        rows=[_row(row) for row in found.rows],
    )


def _histogram(found: Inspection, edges: list[int]) -> Markup:
    longest = found.config.max_length
    columns = []
    for low, high in pairwise(edges):
        border = min(max(longest + 1, low), high)
        start, middle, end = np.searchsorted(found.lengths, [low, border, high]).tolist()
        columns.append((middle - start, end - middle))
    return charts.histogram(
        Both("Conversations by length", "对话长度分布"),
        Both("How many have how many pieces.", "各词元数对应的对话数。"),
        edges,
        columns,
        axis=Both("pieces", "词元数"),
        names=(Both("fit a sequence", "不超过序列长度"), Both("longer", "更长")),
        thresholds=[Threshold(longest, Both("longest sequence", "序列最大长度"))],
    )


def _row(row: ShownRow) -> dict[str, Any]:
    named = f"{row.id} · " if row.id is not None else ""
    stretches = [
        (learned, [shown_text(piece, _NAME_CHARACTERS) for piece in pieces]) for learned, pieces in row.stretches()
    ]
    where = shown_text(f"{named}{row.source} #{row.row:,}", _NAME_CHARACTERS)
    return {
        "where": where,
        "reason": None if row.reason is None else reason_text(row.reason),
        "stretches": stretches,
        "cut": row.cut,
    }
