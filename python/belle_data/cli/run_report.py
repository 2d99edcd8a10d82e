"""What the commands that make a run have in common: progress while it lasts, its report at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.terminal import emit, emit_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from belle_data.engine.progress import Listener
    from belle_data.report.summary import RunReport


def show_run(options: argparse.Namespace, make: Callable[[Listener], RunReport]) -> int:
    """Make a run, with its progress on standard error, and print its report."""
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.report.summary import summary_text  # noqa: PLC0415

    with listening(quiet=options.quiet, interrupted="the same command goes on where this one ended") as listener:
        report = make(listener)
    if options.json:
        emit_json(report.to_dict())
    else:
        emit(summary_text(report))
    return 0
