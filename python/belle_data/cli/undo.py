"""``undo``: a finished run without one of its stages or reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness
from belle_data.cli.run_report import show_run

if TYPE_CHECKING:
    import argparse


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "undo",
        usage="undo RUN --stage NAME [--reason NAME] --out FOLDER [OPTIONS]",
        description="Makes a new run out of a finished one, in which the rows that a stage removed are back: the "
        "result is that of clean without the stage, or with that reason switched off. Where what was written down does "
        "not tell the result, since later stages never saw these rows, it says so and what to run instead.",
        epilog=EXIT_CODES,
    )
    words.add_argument("run", metavar="RUN", help="the folder of the finished run; it is not changed")
    words.add_argument("--stage", metavar="NAME", required=True, help="the stage whose removed rows come back")
    words.add_argument("--reason", metavar="NAME", help="only the rows that went for this reason")
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
    from belle_data.engine.redecide import undo  # noqa: PLC0415 - `--help` must not wait for it

    return show_run(
        options,
        lambda listener: undo(
            options.run,
            stage=options.stage,
            reason=options.reason,
            out=options.out,
            threads=options.threads,
            force=options.force,
            listener=listener,
        ),
    )
