"""Rows that two systems answered, for a sheet that people fill in."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError
from belle_data.evalset.categories import category_of
from belle_train.answers_file import ERROR
from belle_train.judge.json_lines import read_json_lines
from belle_train.judge.sheet_text import sheet_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

UNLABELLED = "unlabelled"
"""The category of rows that have none."""


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """A row with an answer of one system.

    Attributes:
        line: Of the file, from 1.
        id: The row's own; None if it has none.
        category: The canonical name, or the row's own word; `UNLABELLED` if there is none.
        prompt: What was asked; several turns one below the other, each with its role.
        reference: None if there is none.
        answer: None if the system gave none.
    """

    line: int
    id: str | None
    category: str
    prompt: str
    reference: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A row that both systems answered; texts are as a sheet shows them.

    Attributes:
        id: The row's own, or one of category and prompt.
        category: Of the first file.
        prompt: What was asked.
        reference: Empty if there is none.
        a: The answer of the first system.
        b: That of the second.
    """

    id: str
    category: str
    prompt: str
    reference: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """The rows that both answered.

    Attributes:
        rows: In the order of the first file.
        digests: The SHA-256 of both files.
        left_out: How many rows are left out, by why.
        differences: How many rows have another category or reference in the second file.
    """

    rows: tuple[Pair, ...]
    digests: tuple[str, str]
    left_out: dict[str, int]
    differences: dict[str, int]


def read_pairs(a: str | Path, b: str | Path) -> Pairs:
    """Join two files of answers: by id, and rows without one by their prompt.

    Raises:
        UsageError: A file is not there.
        SourceError: A file cannot be read, a line is no answer, a row is there twice, a row has two prompts, or no row
            has both answers.
    """
    first, first_digest = _read(a)
    second, second_digest = _read(b)
    left_out = {"only_a": 0, "only_b": len(second), "no_answer": 0}
    differences = {"category": 0, "reference": 0}
    rows = []
    partner = _partners(first, second, a, b)
    for one in first:
        other = partner.get(one.line)
        if other is None:
            left_out["only_a"] += 1
            continue
        left_out["only_b"] -= 1
        if one.prompt.strip() != other.prompt.strip():
            message = f"the row has another prompt than in {a}, line {one.line:,}"
            raise SourceError(message, path=b, line=other.line, value=one.id, hint="were the same rows answered?")
        if one.answer is None or other.answer is None:
            left_out["no_answer"] += 1
            continue
        for name in differences:
            differences[name] += getattr(one, name) != getattr(other, name)
        own = one.id or other.id or f"eval-{_digits(one.category, one.prompt)}"
        texts = (one.prompt, one.reference or "", one.answer, other.answer)
        rows.append(Pair(own, one.category, *map(sheet_text, texts)))
    if not rows:
        raise SourceError(f"no row has an answer here and in {a}", path=b, hint="rows are joined by id or prompt")
    return Pairs(tuple(rows), (first_digest, second_digest), left_out, differences)


def _partners(
    first: Sequence[AnsweredRow], second: Sequence[AnsweredRow], a: str | Path, b: str | Path
) -> dict[int, AnsweredRow]:
    """The row of the second file for each line of the first that has one."""
    by_id = {row.id: row for row in second if row.id is not None}
    by_prompt: dict[str, list[AnsweredRow]] = {}
    for row in second:
        by_prompt.setdefault(row.prompt.strip(), []).append(row)
    found: dict[int, AnsweredRow] = {}
    taken: dict[int, int] = {}
    for one in first:
        other = by_id.get(one.id) if one.id is not None else None
        if other is None:
            same = [row for row in by_prompt.get(one.prompt.strip(), []) if one.id is None or row.id is None]
            if len(same) > 1:
                message = f"the prompt is that of several rows, and line {one.line:,} of {a} has no id to tell which"
                raise SourceError(message, path=b, line=same[1].line, value=one.prompt)
            other = same[0] if same else None
        if other is None:
            continue
        if other.line in taken:
            message = f"the row belongs to two lines of {a}: {taken[other.line]:,} and {one.line:,}"
            raise SourceError(message, path=b, line=other.line)
        found[one.line], taken[other.line] = other, one.line
    return found


def _read(path: str | Path) -> tuple[list[AnsweredRow], str]:
    lines, digest = read_json_lines(path, "a file of answers")
    found: dict[tuple[str, str], AnsweredRow] = {}
    for number, line in lines:
        row = _row(line, path, number)
        key = ("id", row.id) if row.id is not None else ("prompt", row.prompt.strip())
        if key in found:
            message = f"the row with this {key[0]} is there twice, first in line {found[key].line:,}"
            raise SourceError(message, path=path, line=number, value=key[1])
        found[key] = row
    return list(found.values()), digest


def _row(line: Mapping[str, Any], path: str | Path, number: int) -> AnsweredRow:
    prompt = prompt_text(line.get("prompt"))
    answer, own, reference = line.get("answer"), line.get("id"), line.get("reference")
    if prompt is None or not isinstance(answer, str | None) or not ({"answer", "error"} & line.keys()):
        lacks = "prompt" if prompt is None else "answer"
        raise SourceError(f"the line has no {lacks}", path=path, line=number, hint="name a file that generate wrote")
    label = line.get("category")
    category = (category_of(label) or sheet_text(label)) if isinstance(label, str) and label.strip() else UNLABELLED
    return AnsweredRow(
        line=number,
        id=own if isinstance(own, str) and own else str(own) if isinstance(own, int) else None,
        category=category,
        prompt=prompt,
        reference=reference if isinstance(reference, str) and reference else None,
        answer=None if line.get("finish") == ERROR else answer,
    )


def prompt_text(prompt: Any) -> str | None:
    """A prompt as a text: a single turn is the text itself, several stand below each other with their roles.

    Returns:
        None if it is no prompt.
    """
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list) or not prompt:
        return None
    turns = [(turn.get("role"), turn.get("content")) for turn in prompt if isinstance(turn, dict)]
    if len(turns) != len(prompt) or not all(isinstance(part, str) for turn in turns for part in turn):
        return None
    return str(turns[0][1]) if len(turns) == 1 else "\n\n".join(f"[{role}]\n{content}" for role, content in turns)


def _digits(category: str, prompt: str) -> str:
    return sha256(f"{category}\n{prompt}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
