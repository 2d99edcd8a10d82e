"""``evalset build``: an evaluation set out of questions, and what is in it for a terminal, as JSON and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from belle_data.cli.measurement import measure_and_show
from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_machine
from belle_data.cli.stats import add_showing, table
from belle_data.cli.terminal import cut
from belle_data.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from belle_data.engine.progress import Listener
    from belle_data.evalset.duplicates import Duplicate
    from belle_data.evalset.overlap import Overlap
    from belle_data.evalset.result import EvaluationSet

LISTED = 10
"""Duplicates and overlapping rows that are shown without ``-v``."""
GATE_FAILED = 1
_WIDE = 76
_NOTES = """\
Rows are question and std_answer or answer, as in BELLE's published set, prompt and reference, as this command writes
them, or any format of clean; the label is under category or class. Beside the set lies FILE.json: how it was made, and
each row that was left out, with the row that stays for it.

examples:
  evalset build belle_eval_set.jsonl.zst --out eval.jsonl --html eval.html
  evalset build questions.jsonl --out eval.jsonl --against runs/raw/shards --drop-overlap
"""
_CODES = EXIT_CODES.replace(
    "  2    wrong", "  1    with --strict: a row lacks the reference it is judged by\n  2    wrong"
)


def parser() -> Parser:
    """The words of the action."""
    words = Parser(
        "evalset build",
        usage="evalset build RAW --out FILE [--against SHARDS ...] [OPTIONS]",
        description="Makes an evaluation set of nine categories: labels are matched whatever their case and spaces, "
        "math and code are others, rows that ask for the same as another go, and rows that training data holds are "
        "found. Shows the share and the lengths of each category.",
        epilog=f"{_NOTES}\n{_CODES}",
    )
    words.add_argument("raw", metavar="RAW", help="one file of questions: JSONL, JSON array or Parquet, also .gz, .zst")
    words.add_argument("--out", metavar="FILE", required=True, help="the evaluation set, as JSON lines")
    words.add_argument(
        "--category-field", metavar="NAME", help="the key of a row that says its category (category or class)"
    )
    words.add_argument("--no-dedup", action="store_true", help="keep rows that ask for the same as another")
    words.add_argument(
        "--threshold", metavar="COSINE", help="from which on two prompts ask for the same (0.85, as for clean)"
    )
    words.add_argument(
        "--against",
        metavar="SHARDS",
        nargs="+",
        action="extend",
        default=[],
        help="training data in which the rows are looked for; may be repeated",
    )
    words.add_argument("--drop-overlap", action="store_true", help="leave out the rows that are found there")
    words.add_argument(
        "--strict", action="store_true", help="end with 1 if a row lacks the reference that its category is judged by"
    )
    words.add_argument("--force", action="store_true", help="replace a set that was changed since it was written")
    add_showing(words)
    add_machine(words.add_argument_group("other"))
    return words


def run(options: argparse.Namespace) -> int:
    """Build the set as the options say and print what is in it.

    Raises:
        BelleError: Wrong use or input, or a file cannot be written.
    """
    from belle_data.evalset.build import build  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.evalset_page import evalset_page  # noqa: PLC0415
    from belle_data.page.render import check_language  # noqa: PLC0415

    check_language(options.lang)
    if options.html is not None and Path(options.html).absolute() == Path(options.out).absolute():
        raise UsageError("the page and the set have the same name", value=options.html, hint="name another file")
    lacking = 0

    def measure(listener: Listener) -> EvaluationSet:
        nonlocal lacking
        found = build(
            options.raw,
            options.out,
            category_field=options.category_field,
            dedup=not options.no_dedup,
            threshold=options.threshold,
            against=options.against,
            drop_overlap=options.drop_overlap,
            threads=options.threads,
            force=options.force,
            listener=listener,
        )
        lacking = len(found.without_reference)
        return found

    code = measure_and_show(
        options,
        measure,
        page=lambda found: evalset_page(found, language=options.lang),
        lines=lambda found: _lines(found, whole=options.verbose),
    )
    return GATE_FAILED if options.strict and lacking else code


def _lines(found: EvaluationSet, *, whole: bool) -> list[str]:
    lines = [
        cut(printable(str(found.path)), _WIDE),
        f"  {len(found.rows):,} of {len(found.checked.rows):,} rows of {cut(printable(found.raw), _WIDE - 30)}",
        "",
        *_categories(found),
    ]
    if found.checked.references_left_out:
        left_out = f"{found.checked.references_left_out:,} references are left out: their categories are judged without"
        lines += ["", left_out]
    if found.without_reference:
        several = len(found.without_reference)
        lacking = f"{several:,} rows lack" if several > 1 else "1 row lacks"
        lines += ["", f"{lacking} the reference that the category is judged by"]
    if found.duplicates is not None:
        lines += ["", *_duplicates(found.duplicates, whole=whole)]
    if found.overlap is not None:
        lines += ["", *_overlap(found.overlap, whole=whole)]
    return lines


def _categories(found: EvaluationSet) -> list[str]:
    from belle_data.evalset.categories import CATEGORY_NAMES  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.render import share  # noqa: PLC0415

    head = ("category", "rows", "share", "prompt mean", "median", "longest")
    body = []
    for name, one in found.categories.items():
        lengths = ("–", "–", "–")
        if one.prompt is not None:
            lengths = (f"{one.prompt.mean:,.1f}", f"{one.prompt.percentiles[50]:,}", f"{one.prompt.most:,}")
        body.append((f"  {CATEGORY_NAMES[name].en}", f"{one.rows:,}", share(one.rows, len(found.rows)), *lengths))
    every = found.statistics.prompt
    lengths = (f"{every.mean:,.1f}", f"{every.percentiles[50]:,}", f"{every.most:,}")
    return table([head, *body, ("  all", f"{len(found.rows):,}", "100 %", *lengths)])


def _duplicates(duplicates: Sequence[Duplicate], *, whole: bool) -> list[str]:
    if not duplicates:
        return ["no row asks for the same as another"]
    lines = [f"left out, as they ask for the same as another: {len(duplicates):,}"]
    for one in duplicates if whole else duplicates[:LISTED]:
        kept = f"for {printable(one.kept.id)} (line {one.kept.line:,})"
        lines += [
            f"  {one.similarity:.4f}  {printable(one.row.id)} (line {one.row.line:,}), {kept}",
            f"    {_shown(one.row.prompt)}",
            f"    {_shown(one.kept.prompt)}",
        ]
    return [*lines, *_more(len(duplicates), whole=whole)]


def _overlap(overlap: Overlap, *, whole: bool) -> list[str]:
    read = f"{overlap.summary.rows:,} training rows"
    if not overlap.found:
        return [f"no row occurs in {read}"]
    what = "left out, as they occur" if overlap.dropped else "rows that occur"
    lines = [f"{what} in training data: {len(overlap.found):,}, held by {overlap.training_rows:,} of {read}"]
    for one in overlap.found if whole else overlap.found[:LISTED]:
        place, several = one.strongest, "" if one.training_rows == 1 else "s"
        value = f"{one.similarity:.4f}" if one.similarity is not None else "–".center(6)
        held = f"its {one.part} in {one.training_rows:,} training row{several}, {one.covered:.0%} in shared n-grams"
        lines += [
            f"  {value}  {printable(one.row.id)} (line {one.row.line:,}): {held}",
            f"    {_shown(place.text)}",
            f"    {cut(printable(place.name), _WIDE)}",
        ]
    return [*lines, *_more(len(overlap.found), whole=whole)]


def _shown(text: str) -> str:
    return cut(printable(text.replace("\n", "⏎")), _WIDE - 4)


def _more(count: int, *, whole: bool) -> list[str]:
    return [f"  and {count - LISTED:,} more; -v shows all"] if count > LISTED and not whole else []
