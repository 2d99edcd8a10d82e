"""``clean``: the options as a recipe, the run, its report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from belle_data.cli.parser import INSTRUCTION_SETS, RECIPE_FLAGS
from belle_data.cli.terminal import closest, emit, emit_json
from belle_data.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from belle_data.config import Recipe


def clean_command(options: argparse.Namespace) -> int:
    """Clean what the options name and print the report, or with ``--dry-run`` the plan.

    Raises:
        BelleError: Wrong use, recipe or input.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    recipe = recipe_of(options)
    if options.dry_run:
        from belle_data.cli.plan import make_plan, plan_text  # noqa: PLC0415 - loads the kernels

        plan = make_plan(options.inputs, options.out, recipe)
        if options.json:
            emit_json(plan)
        else:
            emit(plan_text(plan))
        return 0
    _use_instruction_set(options.instruction_set)

    from belle_data.cli.progress import progress_for  # noqa: PLC0415
    from belle_data.engine.local import clean  # noqa: PLC0415
    from belle_data.report.summary import summary_text  # noqa: PLC0415

    listener = progress_for(sys.stderr, quiet=options.quiet)
    if options.verbose:
        from belle_data.cli.plan import stage_plans, stages_text  # noqa: PLC0415

        # Not the sources: to look at a pipe is to begin reading it.
        listener.message(stages_text(stage_plans(recipe)))
    try:
        report = clean(
            options.inputs,
            out=options.out,
            recipe=recipe,
            threads=options.threads,
            force=options.force,
            listener=listener,
        )
    finally:
        listener.close()
    if options.json:
        emit_json(report.to_dict())
    else:
        emit(summary_text(report))
    return 0


def settings_given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that flags of their own name, nested as the recipe is."""
    overrides: dict[str, Any] = {}
    for flag, (table, key) in RECIPE_FLAGS.items():
        value = getattr(options, flag)
        if value is not None:
            overrides.setdefault(table, {})[key] = value
    if options.stages is not None:
        overrides["stages"] = [name.strip() for name in options.stages.split(",") if name.strip()]
    return overrides


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe, with ``--set`` on top of the file, and the flags on top of these.

    Raises:
        RecipeError: There are mistakes; all of them are named.
    """
    from belle_data.config import load_recipe  # noqa: PLC0415 - a tenth of a second

    return load_recipe(options.recipe, options.settings, settings_given(options))


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
