"""An evaluation set out of a file of questions. Read this first: each step is a module beside this one."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from belle_data.engine.progress import Silent
from belle_data.errors import UsageError
from belle_data.evalset.duplicates import duplicates_recipe, find_duplicates
from belle_data.evalset.evaluation_rows import checked_rows
from belle_data.evalset.labelled_rows import LABELS, read_labelled_rows
from belle_data.evalset.overlap import find_overlap
from belle_data.evalset.result import EvaluationSet
from belle_data.evalset.written_set import check_place, rows_bytes, write_set
from belle_data.page.data_statistics import stats
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.engine.progress import Listener
    from belle_data.evalset.evaluation_rows import EvaluationRow
    from belle_data.page.data_statistics import DataStatistics

NAMED = 20
"""Rows without a reference that a warning names; the description has all."""


def build(
    raw: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    category_field: str | None = None,
    dedup: bool = True,
    threshold: str | float | None = None,
    against: Sequence[str] = (),
    drop_overlap: bool = False,
    threads: int | None = None,
    force: bool = False,
    listener: Listener | None = None,
) -> EvaluationSet:
    """Make an evaluation set: labels cleaned, duplicates out, overlap with training data found; and write it.

    The same input and settings give the same bytes, for any number of threads.

    Args:
        raw: One file as `clean` reads it; also rows of question and answer, as published sets have them.
        out: The file of the set; its description lies beside it, with ``.json`` at the end.
        category_field: The key of a row that says its category; ``category`` or ``class`` without it.
        dedup: Leave out rows whose prompt asks for the same as that of another.
        threshold: The cosine from which on two prompts do; that of `clean` without it.
        against: Training data in which the rows are looked for: files, folders, globs or URLs.
        drop_overlap: Leave out the rows that are found there.
        threads: Threads to use; one per processor without it.
        force: Replace a set that was changed since this function wrote it.
        listener: Is told about the progress, and warned.

    Returns:
        What was written, left out and found.

    Raises:
        UsageError: A name is nothing, settings do not go together, the set cannot be written there, or no row is left.
        RecipeError: The threshold is out of range.
        SourceError: A file cannot be read, or its rows cannot be an evaluation set.
        RunFolderError: The set cannot be written.
        KeyboardInterrupt: The user pressed Ctrl-C.

    Example:
        >>> from belle_data.evalset.build import build
        >>> build("questions.jsonl", "eval.jsonl").categories["open_qa"].rows  # doctest: +SKIP
    """
    listener = listener or Silent()
    _check_settings(dedup=dedup, threshold=threshold, against=against, drop_overlap=drop_overlap)
    recipe = duplicates_recipe(threshold) if dedup else None
    path, keys = Path(out), LABELS if category_field is None else (category_field,)
    name = os.fspath(raw)
    check_place(path, name, force=force)

    labelled, digest = read_labelled_rows(name, listener, keys)
    checked = checked_rows(labelled, name, keys)
    rows = checked.rows

    duplicates = None
    if recipe is not None:
        duplicates = find_duplicates(rows, recipe, threads, listener)
        rows = _without(rows, {one.row.id for one in duplicates})
    overlap = None
    if against:
        overlap = find_overlap(rows, against, drop=drop_overlap, threads=threads, listener=listener)
        if drop_overlap:
            rows = _without(rows, {one.row.id for one in overlap.found})
    if not rows:
        hint = "take other questions, or leave out --drop-overlap"
        raise UsageError("no row is left: all of them occur in the training data", path=name, hint=hint)
    _warn_of_references(rows, path, listener)

    content = rows_bytes(rows)
    found = EvaluationSet(
        path=path,
        raw=name,
        raw_sha256=digest,
        sha256=sha256(content).hexdigest(),
        checked=checked,
        rows=rows,
        duplicates=duplicates,
        recipe=recipe,
        overlap=overlap,
        statistics=_statistics(rows, threads),
    )
    write_set(path, content, found.description())
    return found


def _check_settings(*, dedup: bool, threshold: str | float | None, against: Sequence[str], drop_overlap: bool) -> None:
    if threshold is not None and not dedup:
        raise UsageError("a threshold is of no use without dedup", value=threshold, hint="leave out one of the two")
    if drop_overlap and not against:
        hint = "name the training data with --against"
        raise UsageError("there is nothing to overlap with", hint=hint)


def _warn_of_references(rows: Sequence[EvaluationRow], path: Path, listener: Listener) -> None:
    lacking = [row for row in rows if row.lacks_reference]
    if not lacking:
        return
    several = f"{len(lacking):,} rows have" if len(lacking) > 1 else "a row has"
    listener.message(f"warning: {several} no reference, and a category that is judged by one")
    for row in lacking[:NAMED]:
        listener.message(f"  line {row.line:,}: {row.id} ({row.category})")
    if len(lacking) > NAMED:
        listener.message(f"  and {len(lacking) - NAMED:,} more, which {path.name}.json names")


def _without(rows: tuple[EvaluationRow, ...], gone: set[str]) -> tuple[EvaluationRow, ...]:
    return tuple(row for row in rows if row.id not in gone)


def _statistics(rows: Sequence[EvaluationRow], threads: int | None) -> DataStatistics:
    """What the prompts are like: of the rows as they are written, without their references."""
    with temporary_folder("belle-evalset-") as place:
        path = Path(place) / "prompts.jsonl"
        lines = [{"category": row.category, "messages": [{"role": "user", "content": row.prompt}]} for row in rows]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return stats(path, category_field="category", threads=threads)
