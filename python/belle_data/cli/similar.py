"""``similar``: the rows of a run that are nearest in meaning to a text, for a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli.page import INDENT, Page, lines, place, printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness, whole_number
from belle_data.cli.terminal import cells, cut, emit, emit_json, may_colour, width
from belle_data.errors import escaped

if TYPE_CHECKING:
    import argparse

    from belle_data.report.similar import Neighbour, Neighbours, Similar


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "similar",
        usage="similar RUN TEXT [TEXT ...] [OPTIONS]\n       similar RUN --row ID [OPTIONS]",
        description="Shows the rows of a finished run that are nearest in meaning to a text, kept and removed ones, by "
        "the vectors from which semantic_dedup decided. A new text is embedded as the run's texts were.",
        epilog=EXIT_CODES,
    )
    words.add_argument("run", metavar="RUN", help="the run folder")
    words.add_argument("texts", metavar="TEXT", nargs="*", help="a text, such as a prompt")
    words.add_argument("--row", metavar="ID", help="the neighbours of a row: its own id, or file:line")
    words.add_argument("-n", "--count", metavar="N", type=whole_number, default=10, help="so many rows of each (10)")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Show the neighbours that the options ask for.

    Raises:
        BelleError: There is no such run or row, or its vectors or its embedder are gone.
    """
    from belle_data.report.similar import similar  # noqa: PLC0415 - `--help` must not wait for it

    found = similar(options.run, options.texts, options.count, row=options.row)
    if options.json:
        emit_json(found.to_dict())
    else:
        page = Page(colour=may_colour(sys.stdout), whole=options.verbose)
        emit("\n\n".join(_text(one, found, page) for one in found.found))
    return 0


def _text(one: Neighbours, found: Similar, page: Page) -> str:
    shown = [page.bold(_shortened(one.text, page, ""))] if one.text is not None else []
    if one.row is not None:
        shown = [page.bold(printable(one.row.id)) + f"  {place(one.row)}"]
        shown += [] if one.text is None else [INDENT + _shortened(one.text, page, INDENT)]
    for neighbour in one.neighbours:
        shown += ["", *_neighbour(neighbour, page)]
    if not one.neighbours:
        shown += ["", f"  none of {found.texts:,} other texts was asked for" if found.texts > 1 else "  no other text"]
    shown += [f"note: {escaped(note)}" for note in one.notes]
    return "\n".join(shown)


def _neighbour(neighbour: Neighbour, page: Page) -> list[str]:
    row, kept = neighbour.row, neighbour.kept_row
    shown = [page.bold(f"{neighbour.cosine:.4f}  {printable(row.id)}") + f"  {place(row)}"]
    if row.kept:
        shown.append("  kept")
    elif kept is None:
        shown.append(f"  removed by {row.stage}: {row.reason}")
    else:
        shown.append(f"  removed by {row.stage}: {row.reason}, for {printable(kept.id)}  {place(kept)}")
    if neighbour.text is not None:
        shown.append(INDENT + _shortened(neighbour.text, page, INDENT))
    if neighbour.same_text:
        rows = "row has" if neighbour.same_text == 1 else "rows have"
        shown.append(f"  {neighbour.same_text:,} more {rows} the same text")
    return shown


def _shortened(text: str, page: Page, indent: str) -> str:
    """A text on one line of the terminal, or whole with ``-v``."""
    if page.whole:
        return lines(text)
    return cut(printable(text[:2_000].replace("\n", " ")), max(width(sys.stdout) - cells(indent), 20))
