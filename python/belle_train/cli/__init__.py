"""The command line: ``python -m belle_train`` and ``belle-train``.

Like that of belle_data: results go to standard output, everything else to standard error, and torch is imported by the
commands that need it only.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

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


def program() -> NoReturn:
    """Run the command that ``sys.argv`` names, and end the process with its exit code.

    A process that trained beside others is not torn down by Python: a thread of gloo that lets go of a tensor meanwhile
    aborts it (reported as pytorch/pytorch#190489), and the launcher then ends the others, though all is learned and one
    still writes it. To destroy the process group is not enough: torch and DeepSpeed keep references, so the threads
    stay.
    """
    code = main()
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no public way to run them before os._exit
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with suppress(OSError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    from belle_train.cli.parser import PROGRAM  # noqa: PLC0415 - within the reach of Ctrl-C

    options = PROGRAM.parse(arguments)
    code: int = PROGRAM.module(options.command).run(options)
    return code
