"""The command line: ``python -m belle_data`` and ``belle-data``.

Results go to standard output, everything else to standard error. Nothing heavy is imported before a command needs it,
so that ``--help`` and a mistyped flag answer at once.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

DONE = 0
WRONG = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of ``belle_data`` and give the exit code of the process.

    Args:
        arguments: Those of the command line without the program's name; None takes them from ``sys.argv``.

    Returns:
        0 done; 2 wrong use, recipe or input; 130 interrupted.
    """
    return guarded(_run, list(sys.argv[1:] if arguments is None else arguments))


def guarded(run: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Run a program so that whatever goes wrong becomes a message and an exit code.

    Args:
        run: Understands the arguments, does what they say and gives the exit code.
        arguments: Those of the command line without the program's name.

    Returns:
        0 done; 2 wrong use, recipe or input; 130 interrupted; or what `run` gives.
    """
    from belle_data.cli.terminal import make_streams_safe  # noqa: PLC0415 - within the reach of Ctrl-C

    # Before the flags are understood, only their spelling tells whether to show where an error comes from.
    verbose = any(flag in {"-v", "--verbose"} for flag in arguments)
    try:
        make_streams_safe()
        return run(arguments)
    except KeyboardInterrupt as stop:
        return _report_interruption(stop)
    except SystemExit as request:
        return request.code if isinstance(request.code, int) else DONE
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a message and no traceback
        return _report(error, verbose=verbose)


def _run(arguments: list[str]) -> int:
    from belle_data.cli.parser import COMMANDS, Program  # noqa: PLC0415

    program = Program(
        "belle_data",
        "Cleans Chinese instruction data and explains every row that it removes.",
        COMMANDS,
        stray_file="clean",
    )
    options = program.parse(arguments)
    _guard_mapped_files(options)
    code: int = program.module(options.command).run(options)
    return code


def _guard_mapped_files(options: argparse.Namespace) -> None:
    """Let the process end with a message, not by a signal, if an input is cut short while it is read.

    Here and not in `belle_data.clean`: signal handlers belong to the program, not to a library.
    """
    if getattr(options, "dry_run", False):
        return
    from belle_data import _native  # noqa: PLC0415 - a mistyped flag must be told at once

    _native.guard_mapped_files()


def _report_interruption(stop: BaseException) -> int:
    """Print that the user pressed Ctrl-C, and what that leaves behind."""
    told = str(stop)
    _say(told if told.startswith("interrupted: ") else "interrupted: the same command goes on where this one ended")
    return INTERRUPTED


def _report(error: Exception, *, verbose: bool) -> int:
    """Print what went wrong, then what to do about it; with `verbose` first where it happened."""
    from belle_data.errors import BelleError, escaped, was_interrupted  # noqa: PLC0415

    if was_interrupted(error):
        return _report_interruption(error)
    if verbose:
        import traceback  # noqa: PLC0415

        for line in "".join(traceback.format_exception(error)).rstrip().split("\n"):
            _say(escaped(line))
    if isinstance(error, BelleError):
        _say(f"error: {error}")
        if error.hint:
            _say(f"hint: {escaped(error.hint)}")
        return error.exit_code
    if isinstance(error, MemoryError):
        _say("error: there is not enough memory")
        _say("hint: end other programs, or clean the input in parts with --limit or one file at a time")
        return WRONG
    text = escaped(str(error))
    _say(f"error: {type(error).__name__}: {text}" if text else f"error: {type(error).__name__}")
    if not verbose:
        _say("hint: this is not expected to happen; run again with -v to see where, and report it")
    return WRONG


def _say(text: str) -> None:
    """Print a line to standard error, if there is still one."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        return
