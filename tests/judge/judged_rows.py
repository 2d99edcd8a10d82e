"""A small evaluation set, answers to it, and a judge on this machine that can tell the good ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from belle_data.evalset.categories import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

EACH = 3
"""Rows of each category."""
ROWS = [(category, number) for category in CATEGORIES for number in range(EACH)]


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def row_id(category: str, number: int) -> str:
    return f"{category}-{number}"


def evaluation(folder: Path) -> Path:
    """An evaluation set of `EACH` rows of each category; all have references, also where none is shown."""
    rows = [
        {"id": row_id(category, number), "category": category, "prompt": f"题目{category}{number}？",
         "reference": f"参考{category}{number}"}
        for category, number in ROWS
    ]  # fmt: skip
    return write_lines(folder / "eval.jsonl", rows)


def answers(folder: Path, name: str, answer: Callable[[str, int], dict[str, Any] | str | None]) -> Path:
    """Answers as `generate` writes them; None leaves the row out."""
    lines = []
    for place, (category, number) in enumerate(ROWS):
        made = answer(category, number)
        if made is None:
            continue
        more = {"answer": made, "finish": "stop"} if isinstance(made, str) else made
        prompt = [{"role": "user", "content": f"题目{category}{number}？"}]
        lines.append({"id": row_id(category, number), "row": place, "prompt": prompt, **more})
    return write_lines(folder / f"{name}.jsonl", lines)


def reply(text: str | None, asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The body of a reply with a text."""
    return {
        "id": "1", "object": "chat.completion", "created": 1_700_000_000, "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        **more,
    }  # fmt: skip


def shown(asked: dict[str, Any]) -> str:
    """All that the judge is shown."""
    return "\n".join(str(message["content"]) for message in asked["messages"])
