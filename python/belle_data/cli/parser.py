"""The words of the command line."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import NoReturn

from belle_data import __version__
from belle_data.cli.terminal import closest
from belle_data.errors import UsageError, escaped

COMMANDS = ("clean", "explain")
FORMATS = ("auto", "alpaca", "belle", "sharegpt", "messages", "text", "mixed")
OUTPUT_FORMATS = ("same", "alpaca", "belle", "sharegpt", "messages")
COMPRESSIONS = ("none", "gz", "zst")
INSTRUCTION_SETS = ("auto", "avx512", "avx2", "baseline")

_EXIT_CODES = """\
exit codes:
  0    done
  2    wrong use, recipe or input
  130  interrupted; the same command goes on where it ended
"""

# Flag, place in the recipe. The recipe knows what is allowed, so all mistakes are found together.
RECIPE_FLAGS = {
    "limit": ("input", "limit"),
    "format": ("input", "format"),
    "max_bad_lines": ("input", "max_bad_lines"),
    "max_line_bytes": ("input", "max_line_bytes"),
    "to": ("output", "to"),
    "shard_rows": ("output", "shard_rows"),
    "compress": ("output", "compress"),
}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are those of the package."""

    def __init__(self, command: str, *, usage: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=f"{program()} {command}".rstrip(),
            usage=f"{program()} {usage}",
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


def program() -> str:
    """What the user typed to start this program."""
    name = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else ""
    return name if name.startswith("belle-data") else "python -m belle_data"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Understand the arguments; ``--help`` and ``--version`` print and leave.

    Raises:
        UsageError: A command, option or value is unknown or missing.
        SystemExit: The help or the version was printed.
    """
    if not arguments:
        raise UsageError("no command is named", hint=f"{program()} clean raw.jsonl, or {program()} --help")
    if arguments[0].startswith("-"):
        _top().parse_args(arguments[:1])
    command = arguments[0]
    if command not in COMMANDS:
        raise UsageError("unknown command", value=command, hint=_unknown_command(command))
    parser = _clean() if command == "clean" else _explain()
    options, unknown = parser.parse_known_intermixed_args(arguments[1:])
    if unknown:
        _refuse(parser, unknown, arguments)
    options.command = command
    return options


def _unknown_command(command: str) -> str:
    near = closest(command, COMMANDS)
    if near:
        return f"did you mean {near}?"
    if Path(command).exists():
        return f"to clean this file: {program()} clean {escaped(command)}"
    return f"the commands are {' and '.join(COMMANDS)}"


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


def _top() -> _Parser:
    parser = _Parser(
        "",
        usage="COMMAND [OPTIONS]",
        description="Cleans Chinese instruction data and explains every row that it removes.",
        epilog="commands:\n"
        "  clean    remove duplicates from instruction data; kept rows, ledger and report in a run folder\n"
        "  explain  say what happened to a row, and show the row that it was removed for\n\n"
        f"{program()} COMMAND --help says more about a command.\n\n{_EXIT_CODES}",
    )
    parser.add_argument("-h", "--help", action="help", help="show this and leave")
    parser.add_argument(
        "--version", action="version", version=f"belle-data {__version__}", help="show the version and leave"
    )
    return parser


def _clean() -> _Parser:
    parser = _Parser(
        "clean",
        usage="clean INPUT [INPUT ...] [OPTIONS]",
        description="Removes duplicates from instruction data. The run folder then holds the kept rows (shards/), one "
        "line for every row with what happened to it (rows.parquet), the lines that are no rows (rejected/) and a "
        "report. The same command again goes on where an interrupted one ended, and repeats only what changed.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="files, folders, globs, URLs (s3://, hf://, ...) or - for standard input: JSON lines, JSON arrays, "
        "Parquet, also .gz and .zst",
    )
    parser.add_argument("--out", metavar="FOLDER", help="the run folder; without it runs/<name of the input>")
    recipe = parser.add_argument_group("what is done")
    recipe.add_argument(
        "--recipe", metavar="FILE", help="settings in TOML; recipes/clean.toml shows all with their defaults"
    )
    recipe.add_argument("--stages", metavar="A,B", help="only these stages")
    recipe.add_argument(
        "--set",
        metavar="TABLE.KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="one setting on top of the recipe, such as near_dedup.threshold=0.85; may be repeated",
    )
    recipe.add_argument("--force", action="store_true", help="compute everything again, also over another run's folder")
    recipe.add_argument(
        "--dry-run", action="store_true", help="show what would be done; read only the files' heads, write nothing"
    )
    reading = parser.add_argument_group("input")
    reading.add_argument("--format", metavar="NAME", help=f"shape of the rows: {', '.join(FORMATS)}")
    reading.add_argument("--limit", metavar="N", help="only the first N rows")
    reading.add_argument(
        "--max-bad-lines",
        metavar="N",
        help="fail above so many lines that are no rows (1 %% of the lines, at least 10)",
    )
    reading.add_argument("--max-line-bytes", metavar="SIZE", help="a longer line is no row (64MiB)")
    writing = parser.add_argument_group("output")
    writing.add_argument("--to", metavar="NAME", help=f"shape of the written rows: {', '.join(OUTPUT_FORMATS)}")
    writing.add_argument("--shard-rows", metavar="N", help="kept rows in a shard (100000)")
    writing.add_argument("--compress", metavar="KIND", help=f"compression of the shards: {', '.join(COMPRESSIONS)}")
    writing.add_argument("--json", action="store_true", help="print the report as one JSON object")
    machine = parser.add_argument_group("other")
    machine.add_argument(
        "--threads", metavar="N", type=int, help="threads (one per processor); the result does not depend on it"
    )
    machine.add_argument(
        "--instruction-set",
        metavar="NAME",
        default="auto",
        help=f"{', '.join(INSTRUCTION_SETS)}; the result does not depend on it",
    )
    _loudness(machine)
    machine.add_argument("-h", "--help", action="help", help="show this and leave")
    return parser


def _explain() -> _Parser:
    parser = _Parser(
        "explain",
        usage="explain RUN ROW_ID [OPTIONS]",
        description="Says what happened to a row of a finished run: kept, or removed by which stage, why, and for "
        "which row; then shows both texts with the difference marked: [-only in the removed row-]{+only in the row it "
        "went for+}.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("run", metavar="RUN", help="the run folder")
    parser.add_argument("row_id", metavar="ROW_ID", help="the row's own id, or file:line")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    _loudness(parser)
    parser.add_argument("-h", "--help", action="help", help="show this and leave")
    return parser


def _loudness(parser: argparse._ActionsContainer) -> None:
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument("-v", "--verbose", action="store_true", help="say more; on an error, where it came from")
    loud.add_argument("-q", "--quiet", action="store_true", help="only results and errors")
