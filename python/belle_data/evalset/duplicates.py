"""Rows of an evaluation set that ask for the same as another, by their prompts alone: found by stages of `clean`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.engine.progress import Silent
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.config import Recipe
    from belle_data.engine.progress import Listener
    from belle_data.evalset.evaluation_rows import EvaluationRow

STAGES = ("exact_dedup", "semantic_dedup")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row that is left out for another, which stays.

    Attributes:
        row: The row that is left out.
        kept: The one that stays for it.
        similarity: Of their prompts: 1 for equal ones, else the cosine of their vectors.
        stage: Which of `STAGES` found it.
    """

    row: EvaluationRow
    kept: EvaluationRow
    similarity: float
    stage: str

    def to_dict(self) -> dict[str, Any]:
        """The duplicate as JSON knows it."""
        return {
            **self.row.place(),
            "prompt": self.row.prompt,
            "similarity": self.similarity,
            "stage": self.stage,
            "kept": {**self.kept.place(), "prompt": self.kept.prompt},
        }


def duplicates_recipe(threshold: str | float | None) -> Recipe:
    """The recipe that finds them.

    Args:
        threshold: The cosine from which on two prompts are the same; None for that of `clean`.

    Raises:
        RecipeError: The threshold is out of range.
    """
    from belle_data.config import load_recipe  # noqa: PLC0415 - a tenth of a second
    from belle_data.stages.semantic_dedup import SemanticDedupConfig  # noqa: PLC0415

    semantic: dict[str, Any] = {}
    if threshold is not None:
        value = _number(threshold)
        semantic["threshold"] = value
        least = SemanticDedupConfig().field_threshold
        if isinstance(value, float) and value < least:
            # The first line of a prompt is compared too, and is mostly all of it.
            semantic["field_threshold"] = value
    overrides = {"stages": list(STAGES), "exact_dedup": {"field": "prompt"}, "semantic_dedup": semantic}
    return load_recipe(None, [], overrides)


def _number(threshold: str | float) -> str | float:
    try:
        return float(threshold)
    except ValueError:
        # The recipe says what is wrong with it.
        return threshold


def find_duplicates(
    rows: Sequence[EvaluationRow], recipe: Recipe, threads: int | None, listener: Listener
) -> tuple[Duplicate, ...]:
    """Find the rows whose prompt asks for the same as that of a row which stays.

    Of equal prompts the first row stays, one with a reference before one that lacks it; of others the one that comes
    first in the order of `clean`, which does not depend on their places.

    Args:
        rows: The rows, at least one.
        recipe: What `duplicates_recipe` gives.
        threads: Threads to use; one per processor without it. The result does not depend on it.
        listener: Is told about the progress.

    Returns:
        The duplicates in the order of the rows.

    Raises:
        BelleError: The embedder gives no vectors.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded

    from belle_data.engine.local import clean  # noqa: PLC0415

    listener.begin("duplicates", 0, "rows")
    with temporary_folder("belle-evalset-") as place:
        path = Path(place) / "prompts.jsonl"
        with path.open("w", encoding="utf-8") as handle:
            for number, row in enumerate(rows):
                # Of equal texts the line that comes first stays, so the id begins with what is to decide.
                own = f"{int(row.lacks_reference)}-{number:010d}"
                turns = [{"role": "user", "content": row.prompt}]
                handle.write(json.dumps({"id": own, "messages": turns}) + "\n")
        clean(path, out=Path(place) / "run", recipe=recipe, threads=threads, listener=Silent())
        ledger = pq.read_table(
            Path(place) / "run" / "rows.parquet", columns=["kept", "stage", "kept_id", "similarity"]
        ).to_pylist()
    found = tuple(
        Duplicate(row, rows[int(entry["kept_id"].rpartition("-")[2])], entry["similarity"], entry["stage"])
        for row, entry in zip(rows, ledger, strict=True)
        if not entry["kept"]
    )
    listener.end(f"{len(found):,} of {len(rows):,} rows are left out")
    return found
