"""``report``: the page that shows scores and verdicts of several systems beside each other."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness
from belle_data.cli.terminal import emit, emit_json, padded
from belle_train.cli.parser import Parser

if TYPE_CHECKING:
    from belle_train.judge.report_page import Report

ALL = "all"
_NAME = 40
_NOTES = """\
The page has the layouts of Tables 2 and 5 of the paper of BELLE with intervals and with what is missing, paired tests
between all systems, how scores lie and how length goes with them, the answers of all systems beside each other with
search and filters, and where every number is from. It holds both languages, fetches nothing, and runs one small script
of belle's own, which shows and hides cases; without scripts all cases are there.

Systems that answered different evaluation sets are shown, and not compared. The same folders give the same bytes.

examples:
  report scores/*/ --out report.html
  report scores/*/ --out report.html --title "Alpaca and BELLE" --language zh --cases all
  report scores/a scores/b --out report.html --table-5 paper.csv
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "report",
        usage="report FOLDER… --out FILE [OPTIONS]",
        description="Makes one page of the folders that judge and compare wrote.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("folders", metavar="FOLDER", nargs="+", help="folders that judge or compare wrote")
    words.add_argument("--out", metavar="FILE", required=True, help="where the page goes")
    words.add_argument("--title", metavar="TEXT", help="stands on top of the page")
    words.add_argument(
        "--language",
        "--lang",
        dest="language",
        metavar="NAME",
        help="the language in which the page opens: en or zh; without it that of the system",
    )
    words.add_argument(
        "--cases",
        metavar="N",
        type=_cases,
        default=200,
        help="show the answers to N rows, evenly over the categories, or to all (200)",
    )
    words.add_argument("--table-5", metavar="FILE", help="rows of a printed table as CSV, shown below one's own")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def _cases(text: str) -> int | None:
    if text == ALL:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= 10**9):
        message = f"{text!r} is not a whole number from 1, and not {ALL}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Make the page that the options ask for, and print what it says first.

    Raises:
        BelleError: Wrong use, a folder that is damaged or not finished, or the page cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415
    from belle_data.page.page_file import check_page, write_page  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.render import check_language  # noqa: PLC0415
    from belle_train.judge.report_page import make_report, report_page  # noqa: PLC0415

    check_language(options.language)
    check_page(options.out, "--out report.html")
    with listening(quiet=options.quiet) as listener:
        report = make_report(options.folders, listener, cases=options.cases, table_5=options.table_5)
    write_page(report_page(report, title=options.title, language=options.language), options.out, "--out")
    if options.json:
        emit_json({"page": options.out, **report.to_dict()})
    else:
        emit("\n".join([*_lines(report), printable(options.out)]))
    return 0


def _lines(report: Report) -> list[str]:
    from belle_train.judge.report_words import english, score_text  # noqa: PLC0415

    lines = [f"warning: {printable(english(one))}" for one in report.warnings]
    if report.runs:
        lines.append(f"{padded('score without others', _NAME)} {'mean':>6} {'rows':>7} {'missing':>8}")
    for run, name in zip(report.runs, report.names, strict=True):
        mean = run.macro_without_others.mean
        shown = "–" if mean is None else score_text(mean)
        lines.append(f"{padded(printable(name), _NAME)} {shown:>6} {len(run.rows):>7,} {sum(run.missing.values()):>8,}")
    return lines
