"""Scores that people gave to the same answers, to compare the judge with."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from belle_data.errors import SourceError, UsageError
from belle_train.judge.json_lines import read_json_lines

if TYPE_CHECKING:
    from collections.abc import Collection

_HINT = "it has the columns id and score, or lines with these keys; a score is 0 to 1"


def read_human_scores(path: str | Path, ids: Collection[str]) -> dict[str, float]:
    """Read scores by the id of the row.

    Args:
        path: CSV with a head, or JSON lines; with ``id`` and ``score``.
        ids: Those of the evaluation set.

    Returns:
        The scores that are given; a row may be without.

    Raises:
        UsageError: There is no such file.
        SourceError: It cannot be read, an id is unknown or there twice, or a score is no number from 0 to 1.
    """
    if str(path).lower().endswith(".csv"):
        entries = _csv(Path(path))
    else:
        lines, _ = read_json_lines(path, "a file of people's scores")
        entries = [(number, line.get("id"), line.get("score")) for number, line in lines]
    known = set(ids)
    found: dict[str, float] = {}
    for number, own, score in entries:
        if score is None or score == "":
            continue
        if not isinstance(own, str) or own not in known:
            raise SourceError("no row of the evaluation set has this id", path=path, line=number, value=own, hint=_HINT)
        if own in found:
            raise SourceError("the row has a score already", path=path, line=number, value=own)
        found[own] = _score(score, path, number)
    if not found:
        raise SourceError("there is no score in the file", path=path, hint=_HINT)
    return found


def _score(value: object, path: str | Path, number: int) -> float:
    try:
        score = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        score = math.nan
    if not 0 <= score <= 1:
        raise SourceError("a score is a number from 0 to 1", path=path, line=number, value=value, hint=_HINT)
    return score


def _csv(path: Path) -> list[tuple[int, object, object]]:
    if not path.is_file():
        raise UsageError("there is no such file, where people's scores should be", path=path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if not {"id", "score"} <= set(reader.fieldnames or ()):
            raise SourceError("the head has no id and score", path=path, line=1, hint=_HINT)
        return [(reader.line_num, row["id"], row["score"]) for row in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        raise SourceError(f"people's scores cannot be read ({error})", path=path, hint=_HINT) from None
