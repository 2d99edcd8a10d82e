"""``report``: the page of a finished run, made again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness
from belle_data.cli.terminal import emit
from belle_data.errors import escaped

if TYPE_CHECKING:
    import argparse

LANGUAGES = ("en", "zh")


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "report",
        usage="report RUN [OPTIONS]",
        description="Makes the page of a finished run again: what came in, what each stage removed and why, examples "
        "side by side, similarities, perplexities, words, time and memory. One HTML file that fetches nothing and runs "
        "no script; `clean` leaves it in the run folder as report.html.",
        epilog=EXIT_CODES,
    )
    words.add_argument("run", metavar="RUN", help="the run folder")
    words.add_argument("--out", metavar="FILE", help="where the page goes; without it report.html in the run folder")
    words.add_argument(
        "--lang",
        metavar="NAME",
        help=f"the language in which the page opens: {', '.join(LANGUAGES)}; without it that of the system. The page "
        "holds both, with a switch",
    )
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Make the page that the options ask for, and print where it is.

    Raises:
        BelleError: There is no such run or language, or the page cannot be written.
    """
    from belle_data.engine.run_folder import REPORT_HTML  # noqa: PLC0415
    from belle_data.page.page_file import check_page, write_page  # noqa: PLC0415
    from belle_data.page.run_page import run_page  # noqa: PLC0415 - `--help` must not wait for it

    if options.out is not None:
        check_page(options.out, "--out report.html")
    path = str(Path(options.run) / REPORT_HTML) if options.out is None else options.out
    write_page(run_page(options.run, language=options.lang), path, "--out")
    emit(escaped(path))
    return 0
