"""``clean``: the options as a recipe, the run, its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness
from belle_data.cli.recipe_options import add_reading, add_recipe, inputs_of, recipe_of
from belle_data.cli.run_report import show_run
from belle_data.cli.terminal import closest, emit, emit_json
from belle_data.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from belle_data.engine.progress import Listener
    from belle_data.report.summary import RunReport


OUTPUT_FORMATS = ("same", "alpaca", "belle", "sharegpt", "messages")
COMPRESSIONS = ("none", "gz", "zst")
INSTRUCTION_SETS = ("auto", "avx512", "avx2", "baseline")


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "clean",
        usage="clean INPUT [INPUT ...] [OPTIONS]",
        description="Removes the rows of instruction data that are no use for training, and duplicates. The run folder "
        "then holds the kept rows (shards/), one line for every row with what happened to it (rows.parquet), the lines "
        "that are no rows (rejected/) and a report. The same command again goes on where an interrupted one ended, and "
        "repeats only what changed.",
        epilog=EXIT_CODES,
    )
    words.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="*",
        help="files, folders, globs, URLs (s3://, hf://, ...) or - for standard input: JSON lines, JSON arrays, "
        "Parquet, also .gz and .zst",
    )
    words.add_argument("--out", metavar="FOLDER", help="the run folder; without it runs/<name of the input>")
    recipe = words.add_argument_group("what is done")
    add_recipe(recipe, "near_dedup.threshold=0.85")
    recipe.add_argument("--stages", metavar="A,B", help="only these stages")
    recipe.add_argument(
        "--against",
        metavar="FILE",
        action="append",
        help="evaluation rows, in any format of INPUT: rows that hold text of them go; may be repeated",
    )
    recipe.add_argument(
        "--lm", metavar="FILE", help="a model that `lm train` has made, to judge the quality of texts by"
    )
    recipe.add_argument(
        "--target-rows", metavar="N", help="keep at most so many rows, chosen so that their words are spread evenly"
    )
    recipe.add_argument("--force", action="store_true", help="compute everything again, also over another run's folder")
    recipe.add_argument(
        "--dry-run", action="store_true", help="show what would be done; read only the files' heads, write nothing"
    )
    reading = words.add_argument_group("input")
    add_reading(reading)
    writing = words.add_argument_group("output")
    writing.add_argument("--to", metavar="NAME", help=f"shape of the written rows: {', '.join(OUTPUT_FORMATS)}")
    writing.add_argument("--shard-rows", metavar="N", help="kept rows in a shard (100000)")
    writing.add_argument("--compress", metavar="KIND", help=f"compression of the shards: {', '.join(COMPRESSIONS)}")
    writing.add_argument("--json", action="store_true", help="print the report as one JSON object")
    machine = words.add_argument_group("other")
    machine.add_argument(
        "--threads", metavar="N", type=int, help="threads (one per processor); the result does not depend on it"
    )
    machine.add_argument(
        "--instruction-set",
        metavar="NAME",
        default="auto",
        help=f"{', '.join(INSTRUCTION_SETS)}; the result does not depend on it",
    )
    add_loudness(machine)
    machine.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Clean what the options name and print the report, or with ``--dry-run`` the plan.

    Raises:
        BelleError: Wrong use, recipe or input.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    recipe = recipe_of(options)
    inputs = inputs_of(options, recipe)
    if options.dry_run:
        from belle_data.cli.plan import make_plan, plan_text  # noqa: PLC0415 - loads the kernels

        plan = make_plan(inputs, options.out, recipe)
        if options.json:
            emit_json(plan)
        else:
            emit(plan_text(plan))
        return 0
    _use_instruction_set(options.instruction_set)

    def make(listener: Listener) -> RunReport:
        from belle_data.engine.local import clean  # noqa: PLC0415

        if options.verbose:
            from belle_data.cli.plan import stage_plans, stages_text  # noqa: PLC0415

            # Not the sources: to look at a pipe is to begin reading it.
            listener.message(stages_text(stage_plans(recipe)))
        return clean(
            inputs,
            out=options.out,
            recipe=recipe,
            threads=options.threads,
            force=options.force,
            listener=listener,
        )

    return show_run(options, make)


def _use_instruction_set(name: str) -> None:
    from belle_data import _native  # noqa: PLC0415

    if name not in INSTRUCTION_SETS:
        near = closest(name, INSTRUCTION_SETS)
        known = f"known are {', '.join(INSTRUCTION_SETS)}"
        raise UsageError("unknown instruction set", value=name, hint=f"did you mean {near}? {known}" if near else known)
    try:
        _native.set_instruction_set(None if name == "auto" else name)
    except ValueError as error:
        hint = f"this processor has {', '.join(_native.instruction_sets())}"
        raise UsageError(str(error), hint=hint) from None
