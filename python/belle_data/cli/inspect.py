"""``inspect``: examples of what a run removed and of what just stayed, for a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli.page import Page, place, printable, similarity_text
from belle_data.cli.terminal import emit, emit_json, may_colour
from belle_data.errors import escaped

if TYPE_CHECKING:
    import argparse

    from belle_data.report.inspect import Example, Inspection

MOST_CHARACTERS = 300
"""Characters of a turn that are shown; all of them with ``-v``."""


def inspect_command(options: argparse.Namespace) -> int:
    """Show the examples that the options ask for.

    Raises:
        BelleError: There is no such run, stage or reason.
    """
    from belle_data.report.inspect import inspect  # noqa: PLC0415 - `--help` must not wait for it

    found = inspect(
        options.run,
        stage=options.stage,
        reason=options.reason,
        count=options.count,
        order="nearest" if options.nearest else "spread",
    )
    if options.json:
        emit_json({"folder": options.run, "inspections": [one.to_dict() for one in found]})
    else:
        page = Page(colour=may_colour(sys.stdout), whole=options.verbose)
        emit("\n\n".join(_text(one, page) for one in found) or "no stage removed a row")
    return 0


def _text(found: Inspection, page: Page) -> str:
    threshold = "" if found.threshold is None else f", the threshold is {found.threshold:g}"
    rows = "row" if found.removed == 1 else "rows"
    lines = [page.bold(f"{found.stage}: {found.reason}") + f"  {found.removed:,} {rows} went{threshold}"]
    for title, examples in (("went", found.went), ("just stayed", found.stayed)):
        if examples:
            lines += ["", page.bold(f"{title} ({len(examples):,})")]
        for example in examples:
            lines += ["", *_example(example, found.threshold, page)]
    lines += [f"note: {escaped(note)}" for note in found.notes]
    return "\n".join(lines)


def _example(example: Example, threshold: float | None, page: Page) -> list[str]:
    lines = [page.bold(printable(example.row.id)) + f"  {place(example.row)}"]
    if example.other is not None and example.value is not None:
        other = f"{printable(example.other.id)}  {place(example.other)}"
        lines.append(f"  similarity {similarity_text(example.value, threshold)} to {other}")
    elif example.value is not None:
        lines.append(f"  value {example.value:.4g}")
    if example.difference is not None:
        lines += page.difference(example.difference, "only in this row", "only in the other row")
    elif example.turns is not None:
        lines += page.turns(example.turns, MOST_CHARACTERS)
    return lines
