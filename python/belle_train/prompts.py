"""Prompts of an evaluation: rows in any format that belle_data reads, without the answer that ends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from belle_data.engine.progress import Listener
    from belle_data.evalset.labelled_rows import Turn


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked.

    Attributes:
        row: Its place in the file, from 0.
        id: The row's own id; None if it has none.
        category: Of which kind it is; None if the row does not say.
        turns: With ``role`` and ``content``; may be empty, or end with a turn that nobody can answer.
        reference: The answer that stands in the row; None if there is none.
    """

    row: int
    id: str | None
    category: str | None
    turns: tuple[Turn, ...]
    reference: str | None

    def facts(self) -> dict[str, Any]:
        """What a row of answers repeats of it."""
        category = {} if self.category is None else {"category": self.category}
        reference = {} if self.reference is None else {"reference": self.reference}
        return {"id": self.id, "row": self.row, **category, "prompt": list(self.turns), **reference}


def read_prompts(path: str | Path, listener: Listener) -> tuple[list[Prompt], str]:
    """Read the prompts of a file.

    Rows are read as `belle_data.evalset.labelled_rows.read_labelled_rows` reads them: in the formats of `clean`, and
    with ``question`` and ``std_answer``, or ``prompt`` and ``reference``. The last turn of the assistant is the
    reference.

    Returns:
        The prompts, and the SHA-256 of the decoded file.

    Raises:
        UsageError: There is no such file, or it is several.
        SourceError: It cannot be read, or a line of it is no row.
    """
    from belle_data.evalset.labelled_rows import read_labelled_rows  # noqa: PLC0415 - a mistyped flag is told at once

    rows, digest = read_labelled_rows(path, listener)
    return [Prompt(one.row, one.id, one.label, one.turns, one.reference) for one in rows], digest
