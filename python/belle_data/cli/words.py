"""``words``: the content words of instruction data and how varied they are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, Parser, whole_number
from belle_data.cli.recipe_options import recipe_of
from belle_data.cli.stats import INTERRUPTED, add_settings, add_showing, measure_lines, shares, summary_lines, table
from belle_data.cli.terminal import emit, emit_json

if TYPE_CHECKING:
    import argparse

    from belle_data.page.word_statistics import WordStatistics

CURVE_POINTS = 12
"""Points of the curve that are shown without ``-v``."""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "words",
        usage="words INPUT [INPUT ...] [-n N] [OPTIONS]",
        description="Counts the content words of instruction data, and measures how varied they are: entropy, share of "
        "the most frequent, distinct-2, the slope of Zipf's law. Writes nothing but the page that is asked for.",
        epilog=EXIT_CODES,
    )
    words.add_argument("inputs", metavar="INPUT", nargs="+", help="files, folders, globs, URLs or -, as for clean")
    words.add_argument(
        "-n", "--count", metavar="N", type=whole_number, default=100, help="most frequent words that are shown (100)"
    )
    add_showing(words)
    add_settings(words)
    return words


def run(options: argparse.Namespace) -> int:
    """Count as the options say and print what was found.

    Raises:
        BelleError: Wrong use or input, or the page cannot be written.
    """
    from belle_data.cli.progress import progress_for  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.page_file import check_page, write_page  # noqa: PLC0415
    from belle_data.page.render import check_language  # noqa: PLC0415
    from belle_data.page.stats_page import words_page  # noqa: PLC0415
    from belle_data.page.word_statistics import words  # noqa: PLC0415

    if options.html is not None:
        check_page(options.html, "--html words.html")
        check_language(options.lang)
    listener = progress_for(sys.stderr, quiet=options.quiet)
    try:
        found = words(
            options.inputs,
            count=options.count,
            recipe=recipe_of(options),
            threads=options.threads,
            listener=listener,
        )
        if options.html is not None:
            write_page(words_page(found, language=options.lang), options.html)
    except KeyboardInterrupt:
        listener.close()
        print("interrupted: nothing was written", file=sys.stderr)
        return INTERRUPTED
    finally:
        listener.close()
    if options.json:
        emit_json(found.to_dict())
    else:
        emit("\n".join(_lines(found, whole=options.verbose)))
    return 0


def _lines(found: WordStatistics, *, whole: bool) -> list[str]:
    words = found.words
    lines = [*summary_lines(found.summary), "", *measure_lines(words.measures)]
    if words.ranks:
        step = 1 if whole else max(1, len(words.ranks) // CURVE_POINTS)
        points = [*words.ranks[:-1:step], words.ranks[-1]]
        head = ("rank", "count of the word")
        lines += ["", *table([head, *((f"  {rank:,}", f"{count:,}") for rank, count in points)])]
    if words.top:
        lines += ["", "most frequent words", *shares(words.top, words.measures["words"])]
    return lines
