"""The command line: ``python -m belle_train`` and ``belle-train``.

Like that of belle_data: results go to standard output, everything else to standard error, and torch is imported by the
commands that need it only.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of ``belle_train`` and give the exit code of the process.

    Args:
        arguments: Those of the command line without the program's name; None takes them from ``sys.argv``.

    Returns:
        0 done; 1 ran, but a promise was broken; 2 wrong use, recipe or input; 130 interrupted.
    """
    return guarded(_run, list(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: list[str]) -> int:
    from belle_train.cli.parser import PROGRAM  # noqa: PLC0415 - within the reach of Ctrl-C

    options = PROGRAM.parse(arguments)
    code: int = PROGRAM.module(options.command).run(options)
    return code
