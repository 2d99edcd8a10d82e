"""What `quality` found of a row, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.page import printable

if TYPE_CHECKING:
    from belle_data.report.perplexity import Perplexity, StrangeToken


def perplexity_lines(found: Perplexity) -> list[str]:
    """The perplexity of a row beside those like it, and what was strangest."""
    like = f"{found.rows:,} rows like it ({found.language}, {found.shortest:,} to {found.longest:,} tokens)"
    share = found.lower / max(found.rows - 1, 1)
    lines = [f"  perplexity {found.perplexity:,.4g}, higher than {share:.2%} of the {like}"]
    borders = [
        f"{word} {border:,.4g}"
        for word, border in (("below", found.lowest_kept), ("above", found.highest_kept))
        if border is not None
    ]
    if borders:
        lines.append(f"  of these a row goes {' or '.join(borders)}")
    if found.difficulty is not None:
        lines.append(f"  difficulty {found.difficulty:.4g}: the answer's loss given its prompt by its loss alone")
    if found.belonging is not None:
        lines.append(
            f"  belonging {found.belonging:.3f}: how near the answer is to what its prompt lets expect, -1 to 1"
        )
    if found.tokens:
        lines.append("  strangest: " + ", ".join(_token(token) for token in found.tokens))
    return lines


def _token(token: StrangeToken) -> str:
    """A token with its probability as one in so many."""
    shown = "?" if token.text is None else f'"{printable(token.text)}"'
    odds = 1 / max(token.probability, 1e-300)
    return f"{shown} (1 in {odds:,.0f})" if odds < 1e9 else f"{shown} (1 in {odds:.0e})"
