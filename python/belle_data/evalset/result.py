"""What `build` made: the rows, what was left out and why, and what the prompts are like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data import __version__
from belle_data.evalset.categories import CATEGORIES
from belle_data.evalset.duplicates import STAGES
from belle_data.evalset.written_set import KIND
from belle_data.report.text_statistics import LENGTH_BORDERS

if TYPE_CHECKING:
    from pathlib import Path

    from belle_data.config import Recipe
    from belle_data.evalset.duplicates import Duplicate
    from belle_data.evalset.evaluation_rows import CheckedRows, EvaluationRow
    from belle_data.evalset.overlap import Overlap
    from belle_data.page.data_statistics import DataStatistics, Lengths


@dataclass(frozen=True, slots=True)
class CategoryRows:
    """The rows of one category.

    Attributes:
        rows: How many there are.
        lacking: How many of them lack the reference that they are judged by.
        prompt: Lengths of their prompts; None if there is no row.
    """

    rows: int
    lacking: int
    prompt: Lengths | None


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """An evaluation set.

    Attributes:
        path: Its file.
        raw: What it was made of.
        raw_sha256: SHA-256 of that file's decoded bytes.
        sha256: Of the file of the set.
        checked: The rows before any was left out.
        rows: The rows that are written.
        duplicates: The rows that are left out for others; None if nobody looked for them.
        recipe: What finds duplicates; None as before.
        overlap: What the training data holds; None if there was none to look in.
        statistics: What the prompts are like; answers are no part of it.
    """

    path: Path
    raw: str
    raw_sha256: str
    sha256: str
    checked: CheckedRows
    rows: tuple[EvaluationRow, ...]
    duplicates: tuple[Duplicate, ...] | None
    recipe: Recipe | None
    overlap: Overlap | None
    statistics: DataStatistics

    @property
    def without_reference(self) -> tuple[EvaluationRow, ...]:
        """The written rows that lack the reference that they are judged by."""
        return tuple(row for row in self.rows if row.lacks_reference)

    @property
    def categories(self) -> dict[str, CategoryRows]:
        """All categories in the order of the tables, those without a row too."""
        shares = self.statistics.categories
        lengths = {} if shares is None else {one.name: one.prompt for one in shares.categories}
        return {
            name: CategoryRows(
                sum(row.category == name for row in self.rows),
                sum(row.category == name and row.lacks_reference for row in self.rows),
                lengths.get(name),
            )
            for name in CATEGORIES
        }

    def description(self) -> dict[str, Any]:
        """How it was made, as the file beside it says it; the same for the same input and settings."""
        labels = {
            label: {"category": category, "rows": rows} for label, (category, rows) in self.checked.labels.items()
        }
        return {
            "kind": KIND,
            "made_by": {"belle-data": __version__},
            "input": {"path": self.raw, "sha256": self.raw_sha256, "rows": len(self.checked.rows), "labels": labels},
            "settings": {
                "dedup": None if self.recipe is None else self._dedup(self.recipe),
                "drop_overlap": self.overlap is not None and self.overlap.dropped,
            },
            "output": {"sha256": self.sha256, "rows": len(self.rows)},
            "categories": {name: self._category(one) for name, one in self.categories.items()},
            "prompt": self.statistics.prompt.to_dict(),
            "length_borders": list(LENGTH_BORDERS),
            "references_left_out": self.checked.references_left_out,
            "without_reference": [row.place() for row in self.without_reference],
            "duplicates": None if self.duplicates is None else [one.to_dict() for one in self.duplicates],
            "overlap": None if self.overlap is None else self.overlap.to_dict(),
        }

    def to_dict(self) -> dict[str, Any]:
        """The description, with where it is and the words of the prompts."""
        words = self.statistics.words.to_dict()
        return {"out": str(self.path), **self.description(), "words": words}

    def _dedup(self, recipe: Recipe) -> dict[str, Any]:
        values = recipe.model_dump(mode="json")
        return {stage: values[stage] for stage in STAGES}

    def _category(self, one: CategoryRows) -> dict[str, Any]:
        return {
            "rows": one.rows,
            "share": one.rows / len(self.rows),
            "without_reference": one.lacking,
            "prompt": None if one.prompt is None else one.prompt.to_dict(),
        }
