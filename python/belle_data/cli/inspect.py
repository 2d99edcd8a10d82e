"""``inspect``: examples of what a run removed and of what just stayed, for a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli.page import Page, evaluation_lines, place, printable, similarity_text, stayed_text
from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json, may_colour
from belle_data.errors import escaped

if TYPE_CHECKING:
    import argparse

    from belle_data.report.inspect import Example, Inspection

MOST_CHARACTERS = 300
"""Characters of a turn that are shown; all of them with ``-v``."""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "inspect",
        usage="inspect RUN [--stage NAME] [--reason NAME] [OPTIONS]",
        description="Shows examples of the rows that a finished run removed, and of those that just stayed: the ones "
        "that came nearest to the threshold. So it can be judged whether a stage removes the right rows.",
        epilog=EXIT_CODES,
    )
    words.add_argument("run", metavar="RUN", help="the run folder")
    words.add_argument("--stage", metavar="NAME", help="only this stage")
    words.add_argument("--reason", metavar="NAME", help="only this reason")
    words.add_argument(
        "-n", "--count", metavar="N", type=whole_number, default=10, help="so many examples of each kind (10)"
    )
    words.add_argument(
        "--nearest", action="store_true", help="of the removed rows those nearest to the threshold, not an even spread"
    )
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
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
    changed = found.stage == "normalise"
    rows = f"{found.rows:,} {'row' if found.rows == 1 else 'rows'} {'changed' if changed else 'went'}"
    lines = [page.bold(f"{found.stage}: {found.reason}") + f"  {rows}"]
    for title, examples in (("changed" if changed else "went", found.went), ("just stayed", found.stayed)):
        if examples:
            lines += ["", page.bold(f"{title} ({len(examples):,})")]
        for example in examples:
            lines += ["", *_example(example, page)]
    lines += [f"note: {escaped(note)}" for note in found.notes]
    return "\n".join(lines)


def _example(example: Example, page: Page) -> list[str]:
    lines = [page.bold(printable(example.row.id)) + f"  {place(example.row)}"]
    threshold = "" if example.threshold is None else f", the threshold is {example.threshold:g}"
    if example.other is not None and example.value is not None:
        other = f"{printable(example.other.id)}  {place(example.other)}"
        lines.append(f"  similarity {similarity_text(example.value, example.threshold)} to {other}{threshold}")
        if example.why is not None:
            lines.append(f"  {stayed_text(example.why)}")
    elif example.rule is not None and example.value is not None:
        lines.append(f"  {example.rule} {example.value:.4g}{threshold}")
    if example.evaluation is not None:
        return lines + evaluation_lines(example.evaluation, page)
    if example.difference is not None:
        others = ("only in this row", "only in the other row")
        changes = ("only in the row as it came", "only in the normalised row")
        lines += page.difference(example.difference, *(changes if example.other is None else others))
    elif example.turns is not None:
        lines += page.turns(example.turns, MOST_CHARACTERS)
    return lines
