"""The rows of an evaluation set, as ``evalset build`` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError
from belle_data.evalset.categories import CATEGORIES
from belle_data.evalset.evaluation_rows import EvaluationRow
from belle_train.judge.json_lines import read_json_lines

if TYPE_CHECKING:
    from pathlib import Path

_BUILD = "python -m belle_data evalset build FILE --out eval.jsonl makes one of a raw set"


def read_evaluation_rows(path: str | Path) -> tuple[list[EvaluationRow], str]:
    """Read an evaluation set.

    Returns:
        Its rows in their order, and the SHA-256 of the file.

    Raises:
        UsageError: There is no such file.
        SourceError: It has no row, or a line is no row of an evaluation set, or an id is there twice.
    """
    lines, digest = read_json_lines(path, "an evaluation set")
    rows: list[EvaluationRow] = []
    first: dict[str, int] = {}
    for number, line in lines:
        row = _row(line, path, number)
        if row.id in first:
            message = f"the id is that of line {first[row.id]:,} too"
            raise SourceError(message, path=path, line=number, value=row.id)
        first[row.id] = number
        rows.append(row)
    if not rows:
        raise SourceError("the evaluation set has no row", path=path, hint=_BUILD)
    return rows, digest


def _row(line: dict[str, Any], path: str | Path, number: int) -> EvaluationRow:
    wrong = next((key for key in ("id", "category", "prompt") if not isinstance(line.get(key), str)), None)
    if wrong is not None:
        raise SourceError(f"a row of an evaluation set has a text as {wrong}", path=path, line=number, hint=_BUILD)
    if line["category"] not in CATEGORIES:
        hint = f"the categories are {', '.join(CATEGORIES)}; {_BUILD}"
        raise SourceError("unknown category", path=path, line=number, value=line["category"], hint=hint)
    reference = line.get("reference")
    if reference is not None and not isinstance(reference, str):
        raise SourceError("a reference is a text or null", path=path, line=number, hint=_BUILD)
    return EvaluationRow(number, line["id"], line["category"], line["prompt"], reference)
