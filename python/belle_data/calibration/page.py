"""A calibration as one HTML page: pictures in SVG, without scripts, and without anything from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from belle_data.errors import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.calibration.rates import Rate
    from belle_data.calibration.result import Calibration, Example, Histogram

MOST_CHARACTERS = 300
"""Characters of a text that are shown."""
TITLES = {
    "nearest": "each prompt and the nearest other one",
    "random": "random pairs of prompts",
    "duplicates": "pairs that are duplicates",
    "different": "pairs that are no duplicates",
}
_NONE = "<p class=quiet>There is none.</p>"
_WIDTH, _HEIGHT = 720, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 14, 26
_LINES = (
    ("recall", "duplicates that are found", "good"),
    ("false_removal", "other pairs that are removed", "bad"),
)
_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --quiet: #59636e; --ground: #fff; --line: #d1d9e0;
  --bar: #2f7d6d; --good: #0969da; --bad: #bc4c00; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9198a1; --ground: #0d1117; --line: #3d444d;
  --bar: #4fb8a3; --good: #58a6ff; --bad: #f0883e; } }
body { font: 15px/1.5 system-ui, -apple-system, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
  "WenQuanYi Micro Hei", sans-serif; color: var(--text); background: var(--ground); max-width: 760px;
  margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 2em; }
.quiet { color: var(--quiet); }
code { font-family: ui-monospace, Consolas, monospace; font-size: 1.15em; font-weight: 600; }
svg { width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--quiet); }
.bar { fill: var(--bar); } .apart { fill: var(--bar); fill-opacity: 0.35; }
.axis { stroke: var(--line); } .mark { stroke: var(--bad); stroke-dasharray: 4 3; }
svg text.mark-text { fill: var(--bad); stroke: none; }
.line { fill: none; stroke-width: 2; } .good { stroke: var(--good); } .bad { stroke: var(--bad); }
svg text.good-text { fill: var(--good); } svg text.bad-text { fill: var(--bad); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: 2px 8px; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--quiet); font-weight: 500; }
.text { text-align: left; white-space: pre-wrap; overflow-wrap: anywhere; width: 40%; }
.chosen { font-weight: 700; }
"""


def page_text(result: Calibration) -> str:
    """The page, the same bytes for the same result."""
    setting = result.setting
    proposed = f"<code>{escape(setting)}</code>" if setting else "No threshold keeps to the wanted rate."
    counts = f"{result.rows:,} rows, {result.distinct_prompts:,} distinct prompts, {result.sampled_prompts:,} compared"
    sure = result.proposal.sure_threshold
    certain = "no threshold is" if sure is None else f"a threshold of {sure:g} is"
    parts = [
        "<h1>Similarity of the prompts</h1>",
        f"<p class=quiet>{_shown(', '.join(result.inputs))}: {counts}; embedder {_shown(result.embedder)}</p>",
        f"<p>{proposed}</p>",
        f"<p>Removed of the pairs that are no duplicates: {rate_text(result.proposal.false_removal)}.</p>",
        f"<p>Found of the duplicates: {rate_text(result.proposal.recall)}.</p>",
        f"<p>Wanted was a false removal of at most {result.wanted:.4g}; with 95 % certainty {certain} enough.</p>",
        *(f"<p class=quiet>{_shown(note)}</p>" for note in result.notes),
    ]
    for histogram in result.histograms:
        apart = sum(histogram.apart)
        legend = f"; light: {apart:,} that the guard keeps apart" if apart else ""
        parts += [
            f"<h2>{escape(TITLES[histogram.name].capitalize())}</h2>",
            f"<p class=quiet>{histogram.values:,}{legend}</p>",
            _histogram(histogram, result.proposal.threshold)
            if histogram.values
            else "<p class=quiet>There is none.</p>",
        ]
    parts += ["<h2>What a threshold does</h2>", _curves(result), _levels(result)]
    parts += ["<h2>Different, and yet nearest</h2>", _examples(result.closest_different)]
    parts += ["<h2>Duplicates, and yet farthest</h2>", _examples(result.farthest_duplicates)]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n<title>Similarity of the prompts</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def rate_text(rate: Rate) -> str:
    """A rate in words, with its interval."""
    if rate.share is None or rate.low is None or rate.high is None:
        return f"unknown, of {rate.pairs:,} pairs"
    return f"{rate.share:.2%} of {rate.pairs:,} (95 %: {rate.low:.2%} to {rate.high:.2%})"


def _shown(text: str) -> str:
    """A text of the user's, which may hold anything: cut, and neither markup nor control characters."""
    lines = [escaped(line) for line in text[:MOST_CHARACTERS].split("\n")]
    return escape("\n".join(lines)) + ("…" if len(text) > MOST_CHARACTERS else "")


def _x(value: float, low: float = 0.0, high: float = 1.0) -> float:
    return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _histogram(histogram: Histogram, threshold: float | None) -> str:
    most, bins = max(histogram.counts), len(histogram.counts)
    width = _x(1 / bins) - _x(0)
    shapes = []
    for place, (count, apart) in enumerate(zip(histogram.counts, histogram.apart, strict=True)):
        low, high = place / bins, (place + 1) / bins
        kept = f", {apart:,} of them kept apart by the guard" if apart else ""
        base = _y(0)
        for part, kind in ((count - apart, "bar"), (apart, "apart")):
            if part:
                # A few among very many would be a line that nobody sees.
                height = max(part / most * (_y(0) - _y(1)), 1.0)
                base -= height
                shapes.append(
                    f'<rect class="{kind}" x="{_x(low) + 0.5:.1f}" y="{base:.1f}" width="{width - 1:.1f}" '
                    f'height="{height:.1f}"><title>{low:.2f} to {high:.2f}: {count:,}{kept}</title></rect>'
                )
    shapes += [_axis([step / 5 for step in range(6)], 0.0, 1.0), _height_text(f"{most:,}")]
    if threshold is not None:
        shapes.append(_mark(_x(threshold), f"{threshold:g}"))
    return _svg(f"{TITLES[histogram.name]}: {histogram.values:,}", shapes)


def _curves(result: Calibration) -> str:
    levels = result.levels
    low, high = levels[0].threshold, levels[-1].threshold
    shapes = [_axis([low + step * (high - low) / 6 for step in range(7)], low, high), _height_text("100%")]
    for at, (name, title, kind) in enumerate(_LINES):
        points = [(one.threshold, getattr(one, name)) for one in levels if getattr(one, name) is not None]
        if points:
            path = " ".join(f"{_x(threshold, low, high):.1f},{_y(share):.1f}" for threshold, share in points)
            shapes.append(f'<polyline class="line {kind}" points="{path}"/>')
            shapes.append(f'<text class="{kind}-text" x="{_LEFT + 12}" y="{_HEIGHT / 2 + 16 * at:.0f}">{title}</text>')
    if result.proposal.threshold is not None:
        shapes.append(_mark(_x(result.proposal.threshold, low, high), f"{result.proposal.threshold:g}"))
    return _svg("shares of the pairs that a threshold removes", shapes)


def _axis(values: Sequence[float], low: float, high: float) -> str:
    texts = [
        f'<text x="{_x(value, low, high):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{value:.2f}</text>'
        for value in values
    ]
    line = f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_y(0):.1f}" y2="{_y(0):.1f}"/>'
    return line + "".join(texts)


def _height_text(text: str) -> str:
    return f'<text x="{_LEFT - 6}" y="{_y(1) + 4:.1f}" text-anchor="end">{text}</text>'


def _mark(x: float, text: str) -> str:
    # Beside the line, on the side where there is room.
    side = f'text-anchor="end" x="{x - 4:.1f}"' if x > _WIDTH - 60 else f'x="{x + 4:.1f}"'
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{_y(0):.1f}"/>'
        f'<text class="mark-text" {side} y="{_TOP}">{text}</text>'
    )


def _svg(title: str, shapes: Sequence[str]) -> str:
    body = "\n".join(shapes)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n{body}\n</svg>"
    )


def _levels(result: Calibration) -> str:
    rows = []
    for level in result.levels:
        kind = ' class="chosen"' if level.threshold == result.proposal.threshold else ""
        cells = [
            f"{level.threshold:.2f}",
            *("?" if count is None else f"{count:,}" for count in (level.rows, level.rows_guarded)),
            *("?" if share is None else f"{share:.2%}" for share in (level.false_removal, level.recall)),
        ]
        rows.append(f"<tr{kind}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "".join(
        f"<th>{name}</th>"
        for name in ("threshold", "prompts that go", "with the guard", "other pairs removed", "duplicates found")
    )
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(rows) + "\n</table>"


def _examples(examples: Sequence[Example]) -> str:
    if not examples:
        return _NONE
    rows = [
        f'<tr><td>{one.cosine:.3f}</td><td>{escape(one.kind)}</td><td class="text">{_shown(one.left)}</td>'
        f'<td class="text">{_shown(one.right)}</td></tr>'
        for one in examples
    ]
    return "<table>\n" + "\n".join(rows) + "\n</table>"
