"""``stats``: what instruction data is like, for a terminal, as JSON and as a page."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli.measurement import measure_and_show
from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_machine
from belle_data.cli.recipe_options import add_reading, inputs_of, recipe_of
from belle_data.cli.terminal import cells, cut, padded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from belle_data.engine.progress import Listener
    from belle_data.page.data_statistics import CategoryShares, DataStatistics, Lengths
    from belle_data.page.input_rows import InputSummary

LISTED = 20
"""Categories that are shown without ``-v``."""
WORDS_SHOWN = 20
_BAR = 24
_WIDE = 76
_NAME = 24


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "stats",
        usage="stats INPUT [INPUT ...] [OPTIONS]",
        description="Shows what instruction data is like: lengths of prompts and answers, turns, languages, words, and "
        "the share and lengths of each category where rows have a field that says theirs. Writes nothing but the page "
        "that is asked for.",
        epilog=EXIT_CODES,
    )
    words.add_argument("inputs", metavar="INPUT", nargs="*", help="files, folders, globs, URLs or -, as for clean")
    words.add_argument(
        "--category-field",
        metavar="NAME",
        help="the key of a row that says its category (the first of category, class and type that rows have)",
    )
    add_showing(words)
    add_settings(words)
    return words


def add_showing(words: argparse._ActionsContainer) -> None:
    """Add the options that say how the result is shown."""
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words.add_argument(
        "--html", metavar="FILE", help="write the numbers and pictures as a page, in English and Chinese"
    )
    words.add_argument(
        "--lang", metavar="NAME", help="the language in which the page opens: en or zh; without it that of the system"
    )


def add_settings(words: Parser) -> None:
    """Add the options for reading and for the machine."""
    add_reading(words.add_argument_group("settings, as for clean"))
    words.set_defaults(recipe=None, settings=[])
    add_machine(words.add_argument_group("other"))


def run(options: argparse.Namespace) -> int:
    """Measure as the options say and print what was found.

    Raises:
        BelleError: Wrong use or input, or the page cannot be written.
    """
    from belle_data.page.data_statistics import stats  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.render import check_language  # noqa: PLC0415
    from belle_data.page.stats_page import stats_page  # noqa: PLC0415

    check_language(options.lang)
    recipe = recipe_of(options)
    inputs = inputs_of(options, recipe)

    def measure(listener: Listener) -> DataStatistics:
        return stats(
            inputs,
            category_field=options.category_field,
            recipe=recipe,
            threads=options.threads,
            listener=listener,
        )

    return measure_and_show(
        options,
        measure,
        page=lambda found: stats_page(found, language=options.lang),
        lines=lambda found: _lines(found, whole=options.verbose),
    )


def summary_lines(summary: InputSummary) -> list[str]:
    """What was read."""
    lines = [cut(printable(", ".join(source.name for source in summary.sources)), _WIDE), f"  {summary.rows:,} rows"]
    if summary.rejected:
        reasons = ", ".join(f"{printable(reason)} {count:,}" for reason, count in summary.reasons.items())
        lines.append(f"  {summary.rejected:,} lines are no rows: {reasons}")
    return lines


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns side by side: the first to the left, the others to the right."""
    wide = [max(cells(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            padded(text, wide[at]) if at == 0 else " " * (wide[at] - cells(text)) + text for at, text in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def shares(counts: Sequence[tuple[str, int]], of: int) -> list[str]:
    """Names with their counts, their shares of `of`, and a bar as long as the count is large."""
    from belle_data.page.render import share  # noqa: PLC0415 - `--help` must not wait for it

    most = max(count for _, count in counts)
    rows = [(f"  {cut(printable(name), _NAME)}", f"{count:,}", share(count, of)) for name, count in counts]
    bars = [bar(count, most) for _, count in counts]
    return [f"{line}  {bar}".rstrip() for line, bar in zip(table(rows), bars, strict=True)]


def bar(count: int, most: int) -> str:
    """A bar; what is there at all is seen."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    length = max(1, round(_BAR * count / most)) if count else 0
    return ("█" if encoding == "utf8" else "#") * length


def _lines(found: DataStatistics, *, whole: bool) -> list[str]:
    rows = found.summary.rows
    lines = [*summary_lines(found.summary), f"  {found.characters:,} characters", ""]
    parts = [("prompts", found.prompt), ("answers", found.output)]
    if found.text is not None:
        parts.append(("texts", found.text))
    lines += _lengths(parts)
    for name, lengths in parts:
        lines += ["", f"{name} by length", *shares(_classes(lengths), lengths.rows)]
    lines += ["", f"turns: {found.mean_turns:.2f} a row", *_turns(found, whole=whole)]
    lines += ["", "languages", *shares(list(found.languages.items()), rows)]
    if found.categories is not None:
        lines += ["", *_categories(found.categories, rows, whole=whole)]
    lines += ["", *measure_lines(found.words.measures), ""]
    words = found.words.top if whole else found.words.top[:WORDS_SHOWN]
    frequent = ", ".join(f"{printable(word)} {count:,}" for word, count in words)
    return [*lines, f"most frequent: {frequent or 'none'}"]


def _lengths(parts: Sequence[tuple[str, Lengths]]) -> list[str]:
    head = ["characters", *(name for name, _ in parts)]
    body = [["  mean", *(f"{lengths.mean:,.1f}" for _, lengths in parts)]]
    body.append(["  least", *(f"{lengths.least:,}" for _, lengths in parts)])
    for one in parts[0][1].percentiles:
        name = {25: "quartile, 25 %", 50: "median", 75: "quartile, 75 %"}.get(one, f"{one} %")
        body.append([f"  {name}", *(f"{lengths.percentiles[one]:,}" for _, lengths in parts)])
    body.append(["  most", *(f"{lengths.most:,}" for _, lengths in parts)])
    body.append(["  rows with none", *(f"{lengths.empty:,}" for _, lengths in parts)])
    return table([head, *body])


def _classes(lengths: Lengths) -> list[tuple[str, int]]:
    """The classes of length up to the last that has a row."""
    from belle_data.page.data_statistics import class_names  # noqa: PLC0415

    last = max(place for place, count in enumerate(lengths.classes) if count)
    return list(zip(class_names(), lengths.classes, strict=True))[: last + 1]


def _turns(found: DataStatistics, *, whole: bool) -> list[str]:
    counts = [(f"{turns:,}", rows) for turns, rows in found.turns.items()]
    shown = counts if whole else counts[:LISTED]
    left_out = len(counts) - len(shown)
    more = [f"  and {left_out:,} other numbers of turns; -v shows all"] if left_out else []
    return [*shares(shown, found.summary.rows), *more]


def _categories(found: CategoryShares, rows: int, *, whole: bool) -> list[str]:
    from belle_data.page.render import share  # noqa: PLC0415

    shown = found.categories if whole else found.categories[:LISTED]
    head = (f"category ({printable(found.field)})", "rows", "share", "prompt mean", "median", "answer mean", "median")
    body = [
        (
            f"  {cut(printable(one.name), _NAME)}",
            f"{one.rows:,}",
            share(one.rows, rows),
            *(text for part in (one.prompt, one.output) for text in (f"{part.mean:,.1f}", f"{part.percentiles[50]:,}")),
        )
        for one in shown
    ]
    lines = table([head, *body])
    if len(shown) < len(found.categories):
        lines.append(f"  and {len(found.categories) - len(shown):,} other categories; -v shows all")
    if found.without:
        lines.append(f"  {found.without:,} rows ({share(found.without, rows)}) have none")
    return lines


def measure_lines(measures: dict[str, float | int | None]) -> list[str]:
    """The measures of words, in words."""
    from belle_data.page.word_statistics import MEASURE_NAMES, measure_text  # noqa: PLC0415

    rows = [(f"  {text.en}", measure_text(name, measures[name])) for name, text in MEASURE_NAMES.items()]
    return ["content words", *table(rows)]
