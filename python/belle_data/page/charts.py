"""Charts as inline SVG: numbers in, marked-up text out.

Colours are classes, which the page's style sheet sets for light, dark and print. Every chart has a title and a
description for those who do not see it, and every mark a tooltip with its figure. Texts are escaped here; those that
are not the same in both languages of the page are given in both.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from belle_data.page.bilingual import plain, svg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from belle_data.page.bilingual import Text

WIDTH = 720
_TOP_OF_FLOW, _BEND = 30, 12
_HEIGHT = 250
_LEFT, _BOTTOM, _TOP, _RIGHT = 64, 58, 30, 26
_NOTE = 22
"""From one line of notes to the next. A phone shows the letters nearly twice as large in their chart."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart."""

    name: Text
    points: Sequence[tuple[float, float]]
    kind: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where a decision falls."""

    value: float
    name: Text


@dataclass(frozen=True, slots=True)
class Step:
    """A stage in the flow of rows."""

    name: Text
    rows_in: int
    rows_out: int
    figure: Text
    """What went, as it is shown."""


def histogram(
    title: Text,
    description: Text,
    edges: Sequence[float],
    counts: Sequence[tuple[int, int]],
    *,
    axis: Text,
    names: tuple[Text, Text],
    thresholds: Sequence[Threshold] = (),
    tick: Callable[[float], str] | None = None,
) -> Markup:
    """Stacked columns of what was kept and what was removed, and where the thresholds are.

    Args:
        title: What is shown.
        description: The same in a sentence, for screen readers.
        edges: Borders of the columns, ascending, one more than there are columns.
        counts: For each column how many were kept, and how many removed.
        axis: The quantity and its unit.
        names: What "kept" and "removed" are called.
        thresholds: Within the edges; those beyond are left out.
        tick: How a number of the axis is shown; None: as it is.
    """
    tick = tick or number
    first, last = edges[0], edges[-1]
    most = max((kept + removed for kept, removed in counts), default=0)
    marks = [_axes(first, last, most, axis, tick)]
    for (low, high), (kept, removed) in zip(itertools.pairwise(edges), counts, strict=True):
        left, right = _across(low, first, last), _across(high, first, last)
        bottom = float(_HEIGHT - _BOTTOM)
        for count, kind, name in ((kept, "kept", names[0]), (removed, "removed", names[1])):
            tall = (_HEIGHT - _BOTTOM - _TOP) * count / most if most else 0
            if count:
                marks.append(
                    Markup(
                        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
                        "<title>{} – {}: {:,} {}</title></rect>"
                    ).format(
                        kind, left, bottom - tall, max(right - left - 1, 0.6), tall, tick(low), tick(high), count,
                        plain(name),
                    )
                )  # fmt: skip
            bottom -= tall
    for place, threshold in enumerate(thresholds):
        if first <= threshold.value <= last:
            at = _across(threshold.value, first, last)
            anchor = "end" if at > WIDTH * 0.7 else "start"
            marks.append(
                Markup(
                    '<line class="threshold" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>'
                    '<text class="note" x="{3:.1f}" y="{4}" text-anchor="{5}">{6}</text>'
                ).format(at, _TOP - 6, _HEIGHT - _BOTTOM, at + (-5 if anchor == "end" else 5), _TOP + 4 + _NOTE * place,
                         anchor, svg(threshold.name))
            )  # fmt: skip
    return _chart(title, description, _HEIGHT, Markup("").join(marks))


def lines(title: Text, description: Text, curves: Sequence[Line], *, across: Text, upward: Text) -> Markup:
    """Curves over logarithms of both quantities, such as the frequency of words by their rank.

    Args:
        title: What is shown.
        description: The same in a sentence, for screen readers.
        curves: Points with coordinates above 0; others are left out.
        across: The quantity across.
        upward: The quantity upward.
    """
    logarithms = [[(math.log10(x), math.log10(y)) for x, y in curve.points if x > 0 and y > 0] for curve in curves]
    every = [point for points in logarithms for point in points]
    if not every:
        return _chart(title, description, _HEIGHT, Markup(""))
    (left, right), (low, high) = _span(x for x, _ in every), _span(y for _, y in every)
    marks = [_log_axes(left, right, low, high, across, upward)]
    for place, (curve, points) in enumerate(zip(curves, logarithms, strict=True)):
        path = " ".join(f"{_across(x, left, right):.1f},{_upward(y, low, high):.1f}" for x, y in points)
        marks.append(
            Markup('<polyline class="line {0}" points="{1}"><title>{2}</title></polyline>').format(
                curve.kind, path, plain(curve.name)
            )
        )
        marks.append(
            Markup('<text class="note {0}" x="{1}" y="{2}" text-anchor="end">{3}</text>').format(
                curve.kind, WIDTH - _RIGHT - 4, _TOP + 12 + _NOTE * place, svg(curve.name)
            )
        )
    return _chart(title, description, _HEIGHT, Markup("").join(marks))


def curve(
    title: Text,
    description: Text,
    curves: Sequence[Line],
    *,
    across: Text,
    upward: Text,
    dots: Sequence[Line] = (),
    from_zero: bool = False,
) -> Markup:
    """Curves over plain axes, such as the loss by the step.

    Args:
        title: What is shown.
        description: The same in a sentence, for screen readers.
        curves: Points from left to right, across not below 0; those that are not finite are left out. A single point
            is a dot.
        across: The quantity across, in whole numbers; its axis begins at 0.
        upward: The quantity upward.
        dots: Single values, which no line joins.
        from_zero: Whether the axis upward begins at 0.
    """
    every = [point for one in (*curves, *dots) for point in _finite(one)]
    if not every:
        return _chart(title, description, _HEIGHT, Markup(""))
    # From 0, so that the axes of charts above each other are the same.
    left, right = _widened(0, max(x for x, _ in every))
    low, high = _span(y for _, y in every)
    low, high = _widened(min(low, 0) if from_zero else low, high)
    marks = [_linear_axes((left, right), (low, high), across, upward)]
    for one, joined in (*((one, True) for one in curves), *((one, False) for one in dots)):
        places = [(_across(x, left, right), _upward(y, low, high), x, y) for x, y in _finite(one)]
        if joined and len(places) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
            marks.append(
                Markup('<polyline class="line {}" points="{}"><title>{}</title></polyline>').format(
                    one.kind, path, plain(one.name)
                )
            )
            continue
        marks += [
            Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}, {}: {}</title></circle>').format(
                one.kind, at, up, plain(one.name), number(x), f"{y:.4g}"
            )
            for at, up, x, y in places
        ]
    return _chart(title, description, _HEIGHT, Markup("").join(marks))


def flow(title: Text, description: Text, steps: Sequence[Step], names: tuple[Text, Text]) -> Markup:
    """Rows from stage to stage: a band as thick as the rows that are left, and what branches off it.

    Args:
        title: What is shown.
        description: The same in a sentence, for screen readers.
        steps: In the order of the stages; none gives an empty chart.
        names: What the rows before the first stage and after the last are called.
    """
    if not steps:
        return _chart(title, description, 0, Markup(""))
    all_rows = max(steps[0].rows_in, 1)
    room, across = 150.0, (WIDTH - 40) / len(steps)
    marks = []
    for place, step in enumerate(steps):
        left, right = 20 + place * across, 20 + (place + 1) * across
        before, after = room * step.rows_in / all_rows, room * step.rows_out / all_rows
        # What goes at all can be seen.
        thick = max(before - after, 1.5 if step.rows_in > step.rows_out else 0)
        turn = left + across / 2 - thick / 2 - _BEND
        upper, lower = _TOP_OF_FLOW + after, _TOP_OF_FLOW + after + thick
        marks.append(
            Markup(
                '<g><title>{}: {}</title><path class="kept" d="M{:.1f},{} H{:.1f} V{:.1f} H{:.1f} Z"/>'
                '<path class="removed" d="M{:.1f},{:.1f} H{:.1f} Q{:.1f},{:.1f} {:.1f},{:.1f} V{} H{:.1f} '
                'V{:.1f} Q{:.1f},{:.1f} {:.1f},{:.1f} H{:.1f} Z"/>'
                '<text class="label middle" x="{:.1f}" y="20">{}</text>'
                '<text class="figure middle" x="{:.1f}" y="226">{}</text></g>'
            ).format(
                plain(step.name), plain(step.figure),
                left, _TOP_OF_FLOW, right, upper, left,
                left, upper, turn, turn + _BEND + thick, upper, turn + _BEND + thick, upper + _BEND + thick, 208,
                turn + _BEND, lower + _BEND, turn + _BEND, lower, turn, lower, left,
                left + across / 2, svg(step.name), left + across / 2, svg(step.figure),
            )
        )  # fmt: skip
    ends = Markup(
        '<text class="note" x="20" y="248">{}</text><text class="note" x="{}" y="248" text-anchor="end">{}</text>'
    ).format(svg(names[0]), WIDTH - 20, svg(names[1]))
    return _chart(title, description, 256, Markup("").join(marks) + ends)


def number(value: float) -> str:
    """A number as an axis shows it: three digits that count, thousands with commas."""
    if value == 0:
        return "0"
    if abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _chart(title: Text, description: Text, height: float, marks: Markup) -> Markup:
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}" width="{}" height="{}" aria-label="{}">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(WIDTH, height, WIDTH, height, plain(title), plain(title), plain(description), marks)


def _axes(first: float, last: float, most: float, axis: Text, tick: Callable[[float], str]) -> Markup:
    marks = [
        Markup('<line class="axis" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
            _LEFT, WIDTH - _RIGHT, y=_HEIGHT - _BOTTOM
        )
    ]
    for part in range(6):
        value = first + (last - first) * part / 5
        marks.append(_tick_across(_across(value, first, last), tick(value)))
    for part in range(1, 4):
        value = most * part / 3
        marks.append(_tick_upward(_upward(value, 0, most), number(round(value))))
    marks.append(_axis_name(axis))
    return Markup("").join(marks)


def _log_axes(left: float, right: float, low: float, high: float, across: Text, upward: Text) -> Markup:
    marks = [
        _tick_across(_across(power, left, right), f"{10**power:,}")
        for power in range(math.ceil(left), math.floor(right) + 1)
        if power >= 0
    ]
    marks += [
        _tick_upward(_upward(power, low, high), f"{10**power:,}" if power >= 0 else f"{10.0**power:g}")
        for power in range(math.ceil(low), math.floor(high) + 1)
    ]
    marks.append(_axis_name(across))
    marks.append(
        Markup('<text class="note" x="{}" y="18" text-anchor="middle">{}</text>').format(WIDTH // 2, svg(upward))
    )
    return Markup("").join(marks)


def _linear_axes(wide: tuple[float, float], tall: tuple[float, float], across: Text, upward: Text) -> Markup:
    marks = [
        Markup('<line class="axis" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
            _LEFT, WIDTH - _RIGHT, y=_HEIGHT - _BOTTOM
        )
    ]
    marks += [
        _tick_across(_across(value, *wide), number(value)) for value in _round_values(*wide, 5) if value.is_integer()
    ]
    marks += [
        _tick_upward(_upward(value, *tall), number(value) if abs(value) >= 1000 else f"{value:.10g}")
        for value in _round_values(*tall, 5)
    ]
    marks.append(_axis_name(across))
    marks.append(
        Markup('<text class="note" x="{}" y="18" text-anchor="middle">{}</text>').format(WIDTH // 2, svg(upward))
    )
    return Markup("").join(marks)


def _round_values(low: float, high: float, most: int) -> list[float]:
    """At most so many steps of 1, 2 or 5 times a power of ten, within two values."""
    apart = (high - low) / most
    power = 10.0 ** math.floor(math.log10(apart))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= apart * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Rounded to the digits that are shown, so that 3 × 0.1 is 0.3.
    return [float(f"{place * step:.10g}") for place in range(first, last + 1)]


def _widened(low: float, high: float) -> tuple[float, float]:
    """Two values with room between them, also where they are the same."""
    if high - low > max(abs(low), abs(high), 1e-290) * 1e-9:
        return low, high
    room = max(abs(high) * 0.1, 1e-3)
    return low - room, high + room


def _finite(one: Line) -> list[tuple[float, float]]:
    return [(x, y) for x, y in one.points if math.isfinite(x) and math.isfinite(y)]


def _tick_across(at: float, text: str) -> Markup:
    # The last one would reach over the edge.
    at, anchor = (WIDTH, "end") if at > WIDTH - 40 else (at, "middle")
    return Markup('<text class="tick {}" x="{:.1f}" y="{}">{}</text>').format(anchor, at, _HEIGHT - _BOTTOM + 22, text)


def _tick_upward(at: float, text: str) -> Markup:
    return Markup(
        '<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/><text class="tick" x="{}" y="{t:.1f}">{}</text>'
    ).format(0, WIDTH - _RIGHT, 0, text, y=at, t=at - 4)


def _axis_name(text: Text) -> Markup:
    return Markup('<text class="note" x="{}" y="{}" text-anchor="end">{}</text>').format(WIDTH, _HEIGHT - 8, svg(text))


def _across(value: float, first: float, last: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * ((value - first) / (last - first) if last > first else 0.5)


def _upward(value: float, low: float, high: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * ((value - low) / (high - low) if high > low else 0.5)


def _span(values: Iterable[float]) -> tuple[float, float]:
    every = list(values)
    return min(every), max(every)
