"""Rows of files for commands that measure them: read as `clean` reads them, and nothing is left behind."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.config import Recipe, load_recipe
from belle_data.engine.corpus import open_sources, read_corpus
from belle_data.engine.local import sources_of, use_threads
from belle_data.engine.run_folder import RunFolder
from belle_data.errors import SourceError
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from belle_data import _native
    from belle_data.engine.corpus import SourceSummary
    from belle_data.engine.progress import Listener

Inputs = str | os.PathLike[str] | list[str | os.PathLike[str]] | tuple[str | os.PathLike[str], ...]
_REJECTED = "rejected/rejected.jsonl"


@dataclass(frozen=True, slots=True)
class InputSummary:
    """What was read.

    Attributes:
        sources: Each file, in the order in which they were read.
        rows: Rows of all files.
        rejected: Lines of all files that are no rows.
        reasons: How many lines are no rows for each reason, in the order of the reasons' names.
    """

    sources: tuple[SourceSummary, ...]
    rows: int
    rejected: int
    reasons: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON knows it."""
        names = ("name", "format", "size", "hash", "lines", "rows", "rejected")
        return {
            "inputs": [{name: getattr(source, name) for name in names} for source in self.sources],
            "rows": self.rows,
            "rejected": self.rejected,
            "rejected_reasons": self.reasons,
        }


def read_rows(
    inputs: Inputs,
    recipe: Recipe | str | os.PathLike[str] | None,
    scan: Sequence[Callable[[Any], None]],
    threads: int | None,
    listener: Listener,
) -> tuple[_native.Corpus, InputSummary]:
    """Read files as `clean` does, each batch shown to every function of `scan`.

    Args:
        inputs: Files, folders, globs or URLs.
        recipe: A recipe, or the path of one: its table `input` counts.
        scan: Take batches with the columns ``row`` and ``turns``.
        threads: Threads to use from now on; one per processor without it.
        listener: Is told about the progress.

    Raises:
        UsageError: An input names nothing, or the number of threads is wrong.
        RecipeError: The recipe has mistakes.
        SourceError: A file cannot be read, or there is no row in it, or too many bad lines.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    names = [os.fspath(name) for name in ([inputs] if isinstance(inputs, str | os.PathLike) else inputs)]
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(None if recipe is None else os.fspath(recipe))
    use_threads(threads)
    sources = sources_of(names, recipe.input.dataset_info)
    with temporary_folder("belle-rows-") as work:
        folder = RunFolder(Path(work) / "run")
        opened = open_sources(sources, recipe, folder, listener)
        try:
            corpus, summaries = read_corpus(opened, recipe, folder, None, scan, listener)
        except SourceError as error:
            # The list of bad lines goes with the folder; `clean` leaves one that stays.
            where = str(folder.path / _REJECTED)
            if error.hint and where in error.hint:
                error.hint = error.hint.replace(where, "rejected/ in the run folder of clean, which lists them")
            raise
        reasons = _reasons(folder.path / _REJECTED)
    return corpus, InputSummary(tuple(summaries), len(corpus), sum(reasons.values()), reasons)


def _reasons(path: Path) -> dict[str, int]:
    with path.open(encoding="utf-8") as handle:
        counts = Counter(json.loads(line)["reason"] for line in handle)
    return dict(sorted(counts.items()))
