"""A run with other thresholds, or without one of its stages, from what a finished run wrote down."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from belle_data.config import Recipe, changed_settings, with_settings
from belle_data.engine.decisions import read_decision
from belle_data.engine.history import Origin
from belle_data.errors import RunFolderError, UsageError
from belle_data.pipeline import STAGES, stages_of
from belle_data.report.finished_run import finished_manifest

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from belle_data.engine.decisions import Decision
    from belle_data.engine.progress import Listener
    from belle_data.report.summary import RunReport


def rethreshold(
    run: str | os.PathLike[str],
    *,
    settings: Sequence[str],
    out: str | os.PathLike[str],
    threads: int | None = None,
    force: bool = False,
    listener: Listener | None = None,
) -> RunReport:
    """Decide a finished run anew with other settings, without computing again what it wrote down.

    The result is that of `clean` with these settings.

    Args:
        run: The folder of a finished run.
        settings: As ``stage.key=value``, for example ``near_dedup.threshold=0.9``; those of ``output`` too.
        out: The folder of the new run.
        threads: As for `clean`.
        force: As for `clean`.
        listener: Is told about progress.

    Raises:
        RunFolderError: There is no finished run, or the new folder cannot be written.
        RecipeError: The settings have mistakes.
        UsageError: What the run wrote down does not tell the result; the message says why, the hint what to run.
        SourceError: The input is gone, or is not what it was.

    Example:
        >>> from belle_data import rethreshold
        >>> rethreshold("runs/a", settings=["near_dedup.threshold=0.9"], out="runs/b").rows_out  # doctest: +SKIP
    """
    manifest, old = _finished(Path(run))
    new = with_settings(old, settings)
    for stage in STAGES:
        if stage.name not in (*old.stages, *new.stages) and getattr(old, stage.name) != getattr(new, stage.name):
            hint = f"it has {', '.join(old.stages)}"
            raise UsageError("the run has no such stage, so its settings change nothing", value=stage.name, hint=hint)
    return _run(Path(run), manifest, old, new, Path(out), threads, listener, force=force)


def undo(
    run: str | os.PathLike[str],
    *,
    stage: str,
    out: str | os.PathLike[str],
    reason: str | None = None,
    threads: int | None = None,
    force: bool = False,
    listener: Listener | None = None,
) -> RunReport:
    """Give back what a stage of a finished run removed, for every reason or for one.

    The result is that of `clean` without the stage, or with that reason switched off.

    Args:
        run: The folder of a finished run.
        stage: The stage.
        out: The folder of the new run.
        reason: Only this reason of it.
        threads: As for `clean`.
        force: As for `clean`.
        listener: Is told about progress.

    Raises:
        RunFolderError: There is no finished run, or the new folder cannot be written.
        UsageError: The run has no such stage or reason, or what it wrote down does not tell the result.
        SourceError: The input is gone, or is not what it was.

    Example:
        >>> from belle_data import undo
        >>> undo("runs/a", stage="near_dedup", out="runs/b").rows_out  # doctest: +SKIP
    """
    manifest, old = _finished(Path(run))
    if stage not in old.stages:
        raise UsageError("the run has no such stage", value=stage, hint=f"it has {', '.join(old.stages)}")
    kind = next(one for one in STAGES if one.name == stage)
    if reason is not None and reason not in kind.reasons:
        known = ", ".join(kind.reasons) or "none: it removes no row"
        raise UsageError(f"{stage} has no such reason", value=reason, hint=f"its reasons are {known}")
    if reason is None or len(kind.reasons) == 1:
        new = old.model_copy(update={"stages": tuple(name for name in old.stages if name != stage)})
    else:
        new = old.model_copy(update={stage: kind.without(getattr(old, stage), reason)})
    return _run(Path(run), manifest, old, new, Path(out), threads, listener, force=force)


def _finished(folder: Path) -> tuple[dict[str, Any], Recipe]:
    manifest = finished_manifest(folder)
    try:
        return manifest, Recipe.model_validate(manifest["recipe"])
    except ValidationError:
        raise RunFolderError(
            "the run is of another version of belle", path=folder, hint="run clean again with --force"
        ) from None


def _run(
    run: Path,
    manifest: dict[str, Any],
    old: Recipe,
    new: Recipe,
    out: Path,
    threads: int | None,
    listener: Listener | None,
    *,
    force: bool,
) -> RunReport:
    from belle_data.engine.local import run_recipe  # noqa: PLC0415 - loads all of the engine

    if out.resolve() == run.resolve():
        raise UsageError("a run is not overwritten by its own change", path=out, hint="name another folder with --out")
    names = [one["name"] for one in manifest["inputs"]]
    origin = Origin(
        inputs=manifest["inputs"],
        records={record["name"]: record for record in manifest["stages"]},
        before=_decisions(run, manifest),
        redecided=_changed_stage(old, new),
        command=command_of(names, new, out),
        folder=run,
    )
    _refuse_what_cannot_be_told(origin, old, new)
    return run_recipe(names, new, out, threads=threads, force=force, listener=listener, origin=origin)


def _decisions(run: Path, manifest: dict[str, Any]) -> dict[str, Decision]:
    decisions = {}
    for record in manifest["stages"]:
        decision = read_decision(run, record["name"], record["files"])
        if decision is None:
            raise RunFolderError(
                "a file of the run is damaged or gone",
                path=run / "stages" / f"{record['name']}.parquet",
                hint="run the same clean command again; it mends the folder",
            )
        decisions[record["name"]] = replace(decision, statistics=record.get("statistics", {}))
    return decisions


def _changed_stage(old: Recipe, new: Recipe) -> str | None:
    """The first stage of the new recipe whose settings are not those of the old one."""
    return next((name for name in new.stages if name in old.stages and getattr(old, name) != getattr(new, name)), None)


def _refuse_what_cannot_be_told(origin: Origin, old: Recipe, new: Recipe) -> None:
    """See that the decisions of the old run tell those of the new one, as far as that is known before it is read.

    Raises:
        UsageError: They do not.
    """
    added = [name for name in new.stages if name not in old.stages]
    if added:
        raise origin.refusal(f"it did not run {', '.join(added)}")
    if old.input != new.input:
        raise origin.refusal("the input would be read in another way")
    changed = [name for name in new.stages if getattr(old, name) != getattr(new, name)]
    dropped = [name for name in old.stages if name not in new.stages]
    if len(changed) + len(dropped) > 1:
        both = ", ".join([*changed, *dropped])
        raise origin.refusal(f"only one stage can be decided anew, and {both} would all change")
    for stage in stages_of(new):
        if stage.name in changed and (why := stage.not_told_by(getattr(old, stage.name))):
            raise origin.refusal(why)
    for name in dropped:
        after = [later for later in old.stages[old.stages.index(name) + 1 :] if later in new.stages and _scans(later)]
        if after and (origin.before[name].removals.num_rows or _changes_texts(name)):
            raise origin.refusal(f"{', '.join(after)} never saw the rows as {name} would leave them")


def _scans(name: str) -> bool:
    return any(stage.name == name and stage.scans for stage in STAGES)


def _changes_texts(name: str) -> bool:
    return any(stage.name == name and not stage.reasons for stage in STAGES)


def command_of(inputs: Sequence[str], recipe: Recipe, out: Path) -> str:
    """The command line that computes a recipe from the start."""
    words = ["clean", *inputs, "--out", str(out)]
    for name, value in changed_settings(recipe).items():
        if name == "stages":
            words += ["--stages", ",".join(value)]
        else:
            words += ["--set", f"{name}={value}"]
    return "python -m belle_data " + shlex.join(words)
