"""``rethreshold``: a finished run with other thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness
from belle_data.cli.run_report import show_run

if TYPE_CHECKING:
    import argparse


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "rethreshold",
        usage="rethreshold RUN --set TABLE.KEY=VALUE --out FOLDER [OPTIONS]",
        description="Makes a new run with other settings out of a finished one, from what that wrote down: the "
        "result is that of clean with these settings. Where what was written down does not tell the result, such as "
        "for a lower threshold, which needs pairs that were never looked at, it says so and what to run instead.",
        epilog=EXIT_CODES,
    )
    words.add_argument("run", metavar="RUN", help="the folder of the finished run; it is not changed")
    words.add_argument(
        "--set",
        metavar="TABLE.KEY=VALUE",
        action="append",
        required=True,
        dest="settings",
        help="the new setting, such as near_dedup.threshold=0.9; may be repeated",
    )
    words.add_argument("--out", metavar="FOLDER", required=True, help="the folder of the new run")
    words.add_argument("--force", action="store_true", help="also over another run's folder")
    words.add_argument("--threads", metavar="N", type=int, help="threads (one per processor)")
    words.add_argument("--json", action="store_true", help="print the report as one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Make the new run and print its report.

    Raises:
        BelleError: Wrong use, no such run, or a result that what was written down does not tell.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    from belle_data.engine.redecide import rethreshold  # noqa: PLC0415 - `--help` must not wait for it

    return show_run(
        options,
        lambda listener: rethreshold(
            options.run,
            settings=options.settings,
            out=options.out,
            threads=options.threads,
            force=options.force,
            listener=listener,
        ),
    )
