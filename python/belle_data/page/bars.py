"""Bars and word clouds as elements that the browser lays out, so that they fit a phone and a poster.

Colours and places are classes, which the page's style sheet sets; only the share of the room that a mark takes is given
here. Bars are rows of a table, so that those who do not see them read their names and figures. Texts are escaped here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from belle_data.page.bilingual import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.page.bilingual import Text

_IN_CLOUD = 80
_SMALLEST, _LARGEST = 0.8, 2.9
"""Heights of the words of a cloud, in that of the text around them."""
_WIDEST_NAME, _WIDEST_WORD = 60, 24
"""In narrow characters, of which a Chinese one takes two."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its name before it and its figure behind it."""

    name: Text
    value: float
    figure: Text
    """As it is shown: with its unit, and its share."""
    kind: str = "kept"
    """The class that gives the colour."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two figures of the same thing, not negative, and how they are shown."""

    name: Text
    first: float
    second: float
    first_figure: str
    second_figure: str


def bars(title: Text, description: Text, values: Sequence[Bar], largest: float | None = None) -> Markup:
    """Horizontal bars, the longest as wide as there is room; an empty table for no value.

    Args:
        title: What is shown.
        description: The same in a sentence, for screen readers.
        values: From the top. Values must not be negative.
        largest: The value that is as wide as there is room, not below any; None takes the longest's.
    """
    largest = largest or max((bar.value for bar in values), default=0.0)
    return _table(
        title,
        description,
        [
            (bar.name, [_track(bar.kind, bar.value, largest, bar.figure, f"{plain(bar.name)}: {plain(bar.figure)}")])
            for bar in values
        ],
    )


def pairs(title: Text, description: Text, values: Sequence[Pair], names: tuple[Text, Text]) -> Markup:
    """Two horizontal bars for each name, such as its share before and after.

    Args:
        title: What is shown.
        description: The same in a sentence, for screen readers.
        values: From the top.
        names: What the first and the second bar are called.
    """
    largest = max((max(pair.first, pair.second) for pair in values), default=0.0)
    rows = []
    for pair in values:
        both = ((pair.first, pair.first_figure, "removed"), (pair.second, pair.second_figure, "kept"))
        tracks = [
            _track(kind, value, largest, figure, f"{plain(pair.name)}, {plain(name)}: {figure}")
            for (value, figure, kind), name in zip(both, names, strict=True)
        ]
        rows.append((pair.name, tracks))
    return _table(title, description, rows)


def cloud(title: Text, description: Text, words: Sequence[tuple[str, int]]) -> Markup:
    """Words as large as they are frequent, from the most frequent; an empty list for none.

    Args:
        title: What is shown.
        description: The same in a sentence, for screen readers.
        words: With their counts, descending; at most the first 80 are shown.
    """
    shown = [(word, count) for word, count in words[:_IN_CLOUD] if count > 0]
    most = math.sqrt(shown[0][1]) if shown else 1.0
    items = Markup("").join(
        Markup('<li style="font-size:{:.2f}em" title="{:,}">{}</li>').format(
            _SMALLEST + (_LARGEST - _SMALLEST) * math.sqrt(count) / most, count, _shortened(word, _WIDEST_WORD)
        )
        for word, count in shown
    )
    return Markup('<ul class="cloud" aria-label="{}">{}</ul>').format(_named(title, description), items)


def _table(title: Text, description: Text, rows: Sequence[tuple[Text, Sequence[Markup]]]) -> Markup:
    lines = Markup("").join(
        Markup('<tr><th scope="row">{}</th><td>{}</td></tr>').format(
            _shortened(name, _WIDEST_NAME) if isinstance(name, str) else name, Markup("").join(tracks)
        )
        for name, tracks in rows
    )
    return Markup('<table class="bars" aria-label="{}"><tbody>{}</tbody></table>').format(
        _named(title, description), lines
    )


def _track(kind: str, value: float, largest: float, figure: Text, tooltip: str) -> Markup:
    """A bar and its figure; what is there at all can be seen, which the style sheet's least width sees to."""
    bar = Markup('<i class="{}" style="--part:{:.4f}"></i>').format(kind, value / largest) if value > 0 else ""
    return Markup('<div class="track" title="{}">{}<span>{}</span></div>').format(tooltip, bar, figure)


def _named(title: Text, description: Text) -> str:
    return f"{plain(title)}: {plain(description)}"


def _shortened(text: str, most: int) -> str:
    wide = 0
    for place, character in enumerate(text):
        wide += 2 if ord(character) > 0x2E7F else 1
        if wide > most:
            return text[:place] + "…"
    return text
