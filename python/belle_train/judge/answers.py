"""Answers of a system, each joined to the row of the evaluation set that it answers."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError
from belle_train.answers_file import ERROR
from belle_train.judge.json_lines import read_json_lines
from belle_train.judge.replies import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.evalset.evaluation_rows import EvaluationRow

_WANTED = "one that generate wrote, or lines with id or prompt, and answer"


@dataclass(slots=True)
class Answers:
    """The answers of one system.

    Attributes:
        path: The file.
        sha256: Of the file.
        name: Of the system, for tables.
        by_row: The answer of each row of the evaluation set, or why there is none.
        unused: How many answers belong to no row.
        about: What the file beside it says: settings, and the model's training; empty without one.
    """

    path: str
    sha256: str
    name: str
    by_row: list[str | Missing] = field(default_factory=list)
    unused: int = 0
    about: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What a manifest says of them."""
        return {"path": self.path, "sha256": self.sha256, "settings": self.about.get("settings")}


def read_answers(path: str | Path, rows: Sequence[EvaluationRow], name: str | None = None) -> Answers:
    """Read answers and join them to rows: by id, else by the prompt.

    Args:
        path: What ``generate`` wrote, or JSON lines with ``id`` or ``prompt``, and ``answer``.
        rows: The evaluation set.
        name: Of the system; None takes the file's.

    Returns:
        The answers; a row without one has the reason ``no_answer``, or ``answer_failed`` with what the system said.

    Raises:
        UsageError: There is no such file.
        SourceError: A line is no answer, answers another prompt than its id, or a row is answered twice; or not one
            line answers a row.
    """
    lines, digest = read_json_lines(path, "a file of answers")
    found = Answers(str(path), digest, name or Path(path).name.removesuffix(".jsonl"))
    found.by_row = [Missing("no_answer")] * len(rows)
    by_id = {row.id: place for place, row in enumerate(rows)}
    by_prompt = defaultdict(list)
    for place, row in enumerate(rows):
        by_prompt[row.prompt.strip()].append(place)
    answered: dict[int, int] = {}
    for number, line in lines:
        answer = _answer(line, path, number)
        prompt = _prompt(line)
        own = line.get("id")
        if own in by_id:
            places = [by_id[own]]
            if prompt is not None and prompt != rows[places[0]].prompt.strip():
                message = "the answer is to another prompt than that of the row with its id"
                raise SourceError(message, path=path, line=number, value=own, hint="is it of another evaluation set?")
        else:
            places = by_prompt.get(prompt, []) if prompt is not None else []
        found.unused += not places
        for place in places:
            if place in answered and found.by_row[place] != answer:
                message = f"the row is answered otherwise by line {answered[place]:,}"
                raise SourceError(message, path=path, line=number, value=rows[place].id)
            answered[place] = number
            found.by_row[place] = answer
    if not answered:
        hint = "give generate the same evaluation set with --prompts"
        raise SourceError("no line answers a row of the evaluation set", path=path, hint=hint)
    found.about = _about(path)
    return found


def _answer(line: dict[str, Any], path: str | Path, number: int) -> str | Missing:
    answer = line.get("answer")
    if line.get("finish") == ERROR or (answer is None and "error" in line):
        said = [str(line[key]) for key in ("error", "detail") if isinstance(line.get(key), str)]
        return Missing("answer_failed", ": ".join(said) or None)
    if isinstance(answer, str):
        return answer
    if answer is None and "answer" in line:
        return Missing("no_answer")
    raise SourceError("the line has no answer", path=path, line=number, hint=f"a file of answers is {_WANTED}")


def _prompt(line: dict[str, Any]) -> str | None:
    """The prompt of a line without blanks around it: a text, or turns of which only one is the user's."""
    prompt = line.get("prompt")
    if isinstance(prompt, list):
        users = [turn for turn in prompt if isinstance(turn, dict) and turn.get("role") == "user"]
        prompt = users[0].get("content") if len(users) == 1 else None
    return prompt.strip() if isinstance(prompt, str) else None


def _about(path: str | Path) -> dict[str, Any]:
    """What lies beside answers of ``generate``; nothing else has to be there."""
    beside = Path(f"{path}.json")
    try:
        about = json.loads(beside.read_bytes()) if beside.is_file() else {}
    except (OSError, ValueError, RecursionError):
        about = {}
    return about if isinstance(about, dict) else {}
