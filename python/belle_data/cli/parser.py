"""The words of the command line."""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from belle_data import __version__
from belle_data.cli.terminal import closest
from belle_data.errors import UsageError, escaped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

COMMANDS = {
    "clean": "remove bad rows and duplicates; kept rows, ledger and report in a run folder",
    "explain": "say what happened to a row, and show the row that it was removed for",
    "report": "make the page of a run again: flow, reasons, examples, words, time",
    "inspect": "show examples of what a stage removed, and of what just stayed",
    "similar": "show the rows of a run that are nearest in meaning to a text or a row",
    "rethreshold": "make a new run with other thresholds out of a finished one",
    "undo": "make a new run without one stage or reason out of a finished one",
    "calibrate": "show how similar the prompts are, and propose a threshold for semantic_dedup",
    "lm": "train n-gram language models, and tell how probable texts are by one",
    "stats": "show what data is like: lengths, turns, languages, words and categories",
    "words": "show the content words of data, and how varied they are",
    "tokens": "count the tokens of texts by tokenizers side by side",
    "vocab": "train a vocabulary, join it to another, and prove what it promises",
    "evalset": "make an evaluation set out of questions, and show what is in it",
    "convert": "write rows in another format, so that they can come back byte for byte",
    "recipe": "show a recipe whole, or check it",
}
"""The commands, each in the module of its name, and what it does."""
EXIT_CODES = """\
exit codes:
  0    done
  2    wrong use, recipe or input
  130  interrupted; the same command goes on where it ended
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are those of the package."""

    package = "belle_data"
    """What ``python -m`` is followed by."""

    def __init__(self, command: str, *, usage: str, description: str, epilog: str) -> None:
        typed = program(self.package)
        super().__init__(
            prog=f"{typed} {command}".rstrip(),
            usage=f"{typed} {usage}",
            description=textwrap.fill(description, 100),
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong as an error of the package."""
        hint = f"{self.prog} --help lists the options"
        raise UsageError(message.replace("unrecognized arguments", "unknown"), hint=hint)


@dataclass(frozen=True, slots=True)
class Program:
    """A program of several commands.

    Attributes:
        package: The package, as in ``python -m belle_data``; its commands are the modules of its ``cli``.
        description: What the program is for, one sentence.
        commands: Each command, and what it does.
        top: Makes its parsers.
        stray_file: The command that is named to a user who gives a file and no command; None for no such hint.
    """

    package: str
    description: str
    commands: Mapping[str, str]
    top: type[Parser] = Parser
    stray_file: str | None = None

    def module(self, command: str) -> ModuleType:
        """The module of a command."""
        return import_module(f"{self.package}.cli.{command.replace('-', '_')}")

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Understand the arguments; ``--help`` and ``--version`` print and leave.

        Raises:
            UsageError: A command, option or value is unknown or missing.
            SystemExit: The help or the version was printed.
        """
        typed = program(self.package)
        if not arguments:
            first = f"{typed} {self.stray_file} raw.jsonl, or " if self.stray_file else ""
            raise UsageError("no command is named", hint=f"{first}{typed} --help")
        if arguments[0].startswith("-"):
            self._whole().parse_args(arguments[:1])
        command = arguments[0]
        if command not in self.commands:
            raise UsageError("unknown command", value=command, hint=self._unknown(command))
        parser: Parser = self.module(command).parser()
        options, unknown = parser.parse_known_intermixed_args(arguments[1:])
        if unknown:
            _refuse(parser, unknown, arguments)
        options.command, options.words = command, arguments[1:]
        return options

    def _unknown(self, command: str) -> str:
        near = closest(command, self.commands)
        if near:
            return f"did you mean {near}?"
        if self.stray_file and Path(command).exists():
            return f"to {self.stray_file} this file: {program(self.package)} {self.stray_file} {escaped(command)}"
        return f"the commands are {', '.join(self.commands)}"

    def _whole(self) -> Parser:
        typed = program(self.package)
        width = max(map(len, self.commands))
        commands = "\n".join(f"  {name:<{width}}  {what}" for name, what in self.commands.items())
        parser = self.top(
            "",
            usage="COMMAND [OPTIONS]",
            description=self.description,
            epilog=f"commands:\n{commands}\n\n{typed} COMMAND --help says more about a command.\n\n{EXIT_CODES}",
        )
        parser.add_argument("-h", "--help", action="help", help="show this and leave")
        version = f"{self.package.replace('_', '-')} {__version__}"
        parser.add_argument("--version", action="version", version=version, help="show the version and leave")
        return parser


def program(package: str = "belle_data") -> str:
    """What the user typed to start the program of a package."""
    name = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else ""
    return name if name.startswith(package.replace("_", "-")) else f"python -m {package}"


def _refuse(parser: argparse.ArgumentParser, unknown: list[str], arguments: list[str]) -> NoReturn:
    flags = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001 - there is no public list
    wrong = next((word for word in unknown if word.startswith("-")), unknown[0])
    name = wrong.partition("=")[0]
    if not name.startswith("-"):
        raise UsageError("one argument too many", value=wrong, hint=f"{parser.prog} --help shows the use")
    setting = _as_setting(wrong, arguments) if "--set" in flags else None
    if setting is not None:
        raise UsageError(f"unknown option {name}", hint=f"a setting of a stage is given as {setting}")
    near = closest(name, flags)
    hint = f"did you mean {near}?" if near else f"{parser.prog} --help lists the options"
    raise UsageError(f"unknown option {name}", hint=hint)


def _as_setting(flag: str, arguments: list[str]) -> str | None:
    """How the setting that somebody typed as a flag is given, if it is one: ``--set near_dedup.threshold=0.9``."""
    from belle_data.config import Recipe  # noqa: PLC0415 - the models are slow to load, and needed for a mistake only

    name, equals, value = flag.lstrip("-").replace("-", "_").partition("=")
    if equals:
        value = flag.partition("=")[2]
    else:
        following = arguments[arguments.index(flag) + 1 :][:1]
        value = next((word for word in following if not word.startswith("--")), "VALUE")
    stages = Recipe().stages
    table, _, key = name.rpartition(".")
    homes = [stage for stage in stages if table in {"", stage} and key in type(getattr(Recipe(), stage)).model_fields]
    return " or ".join(f"--set {stage}.{key}={escaped(value)}" for stage in homes) or None


def add_loudness(parser: argparse._ActionsContainer) -> None:
    """Add the flags that say how much is printed."""
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument("-v", "--verbose", action="store_true", help="say more; on an error, where it came from")
    loud.add_argument("-q", "--quiet", action="store_true", help="only results and errors")


def add_machine(parser: argparse._ActionsContainer) -> None:
    """Add the options that change no result: threads, how much is printed, help."""
    parser.add_argument(
        "--threads", metavar="N", type=int, help="threads (one per processor); the result does not depend on it"
    )
    add_loudness(parser)
    parser.add_argument("-h", "--help", action="help", help="show this and leave")


def whole_number(text: str) -> int:
    """Read a number from 0 for an option.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        message = f"must be a whole number from 0, not {escaped(text)!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)
