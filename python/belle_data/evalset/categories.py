"""The nine categories of the paper's evaluation set, and the labels that people write for them."""

from __future__ import annotations

import re
import unicodedata

from belle_data.page.bilingual import Both

OTHERS = "others"
CATEGORIES = (
    OTHERS,
    "rewrite",
    "classification",
    "generation",
    "summarization",
    "extract",
    "open_qa",
    "brainstorming",
    "closed_qa",
)
"""In the order of the tables; section 4 of Ji et al. 2023 (arXiv 2304.07854)."""
WITHOUT_REFERENCE = frozenset({"rewrite", "generation", "brainstorming"})
"""Judged without a reference: many answers are good."""
CATEGORY_NAMES = {
    OTHERS: Both("others", "其他"),
    "rewrite": Both("rewrite", "改写"),
    "classification": Both("classification", "分类"),
    "generation": Both("generation", "生成"),
    "summarization": Both("summarization", "摘要"),
    "extract": Both("extract", "抽取"),
    "open_qa": Both("open qa", "开放问答"),
    "brainstorming": Both("brainstorming", "头脑风暴"),
    "closed_qa": Both("closed qa", "封闭问答"),
}
_OTHER_LABELS = {"math": OTHERS, "code": OTHERS}
"""The paper counts mathematics and code among the others: both need reasoning that the rest does not."""
_BLANKS = re.compile(r"[\s_\-]+")


def category_of(label: str) -> str | None:
    r"""Find the category that a label means.

    Width, case, blanks of any kind, underscores and hyphens make no difference; ``math`` and ``code`` are ``others``.

    Returns:
        One of `CATEGORIES`; None for a label that is none of them, as an empty one is.

    Examples:
        >>> category_of("Closed\u00a0QA"), category_of("math"), category_of("poetry")
        ('closed_qa', 'others', None)
    """
    folded = _BLANKS.sub("_", unicodedata.normalize("NFKC", label).strip().casefold()).strip("_")
    name = _OTHER_LABELS.get(folded, folded)
    return name if name in CATEGORIES else None
