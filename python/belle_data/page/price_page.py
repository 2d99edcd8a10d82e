"""The page of `vocab price`: what each size of a vocabulary saves and costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from belle_data.page import bars
from belle_data.page.bars import Pair
from belle_data.page.bilingual import Both
from belle_data.page.render import render, share, system_language
from belle_data.page.shown import shown_text

if TYPE_CHECKING:
    from markupsafe import Markup

    from belle_data.vocab.pricing import Price

_NAME_CHARACTERS = 200
TOKENS, WORK = Both("tokens", "词元数"), Both("work", "计算量")


def price_page(found: Price, folder: str, *, language: str | None = None) -> str:
    """Make the page of a price, the same bytes for the same curve.

    Args:
        found: What `belle_data.vocab.pricing.price` gives.
        folder: The merged vocabulary, as it is shown.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing and runs no script.

    Raises:
        UsageError: The language is none of the two.
    """
    sizes = found.to_dict()["sizes"]
    return render(
        "price.html.j2",
        language=language or system_language(),
        name=shown_text(Path(folder).name or folder, _NAME_CHARACTERS),
        found=found,
        proposed=sizes[found.proposed],
        curve=_curve(found),
        table=[
            (
                f"{size['added']:,}",
                place == found.proposed,
                [
                    f"{size['pieces']:,}",
                    f"{size['tokens_per_unit']:,.2f}",
                    share(size["ratio"], 1),
                    share(size["work_ratio"], 1),
                    f"{size['parameters'] / 1e6:,.1f} M",
                    share(size["softmax_share"], 1),
                    f"{size['unused']:,}",
                    f"{size['rare']:,}",
                ],
            )
            for place, size in enumerate(sizes)
        ],
    )


def _curve(found: Price) -> Markup:
    """Tokens and work of each size, as shares of those of the base."""
    shown = []
    for size in found.to_dict()["sizes"]:
        tokens, work = size["ratio"], size["work_ratio"]
        shown.append(Pair(f"+{size['added']:,}", tokens, work, share(tokens, 1), share(work, 1)))
    title = Both("Tokens and work by added pieces", "按新增词片数统计的词元数与计算量")
    about = Both("Shares of what the base takes.", "与原词表之比。")
    return bars.pairs(title, about, shown, (TOKENS, WORK))
