"""``words``: the content words of instruction data and how varied they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.measurement import measure_and_show
from belle_data.cli.parser import EXIT_CODES, Parser, whole_number
from belle_data.cli.recipe_options import inputs_of, recipe_of
from belle_data.cli.stats import add_settings, add_showing, measure_lines, shares, summary_lines, table

if TYPE_CHECKING:
    import argparse

    from belle_data.engine.progress import Listener
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
    words.add_argument("inputs", metavar="INPUT", nargs="*", help="files, folders, globs, URLs or -, as for clean")
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
    from belle_data.page.render import check_language  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.stats_page import words_page  # noqa: PLC0415
    from belle_data.page.word_statistics import words  # noqa: PLC0415

    check_language(options.lang)
    recipe = recipe_of(options)
    inputs = inputs_of(options, recipe)

    def measure(listener: Listener) -> WordStatistics:
        return words(inputs, count=options.count, recipe=recipe, threads=options.threads, listener=listener)

    return measure_and_show(
        options,
        measure,
        page=lambda found: words_page(found, language=options.lang),
        lines=lambda found: _lines(found, whole=options.verbose),
    )


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
