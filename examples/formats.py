"""Writes an example as one line of JSON, in each of the formats that data of this kind comes in."""

import json
import random
from collections.abc import Sequence
from typing import Any

from families import Example

Turn = tuple[str, str]

# Which spellings a role has in the two formats of conversations.
SHAREGPT_ROLES = (
    {
        "system": "system",
        "human": "human",
        "assistant": "gpt",
        "function_call": "function_call",
        "observation": "observation",
    },
    {
        "system": "system",
        "human": "user",
        "assistant": "assistant",
        "function_call": "function_call",
        "observation": "observation",
    },
)
MESSAGES_ROLES = {
    "system": "system",
    "human": "user",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
}


def dump(row: dict[str, Any], style: str = "plain") -> bytes:
    """Return the row as JSON: ``plain``, ``escaped`` (ASCII alone) or ``compact`` (no spaces)."""
    if style == "escaped":
        return json.dumps(row).encode()
    separators = (",", ":") if style == "compact" else None
    return json.dumps(row, ensure_ascii=False, separators=separators).encode()


def single(example: Example, form: str) -> dict[str, Any]:
    """Return a question and its answer as a row of the format ``form``, without an id."""
    if form == "alpaca":
        return {"instruction": example.instruction, "input": example.context, "output": example.answer}
    if form == "input_target":
        return {"input": example.prompt, "target": example.answer}
    if form == "human_assistant":
        return {"input": f"Human: {example.prompt}\n\nAssistant:", "target": example.answer}
    if form == "text":
        return {"text": example.text}
    return conversation([("human", example.prompt), ("assistant", example.answer)], form)


def conversation(turns: Sequence[Turn], form: str) -> dict[str, Any]:
    """Return several turns as a row of a format that can hold them, without an id."""
    if form in {"sharegpt", "sharegpt_user"}:
        roles = SHAREGPT_ROLES[form == "sharegpt_user"]
        return {"conversations": [{"from": roles[role], "value": text} for role, text in turns]}
    if form == "messages":
        return {"messages": [{"role": MESSAGES_ROLES[role], "content": text} for role, text in turns]}
    if form == "message_parts":
        return {
            "messages": [
                {"role": MESSAGES_ROLES[role], "content": [{"type": "text", "text": text}]} for role, text in turns
            ]
        }
    if form == "multi_turn":
        names = {"human": "Human", "assistant": "Assistant"}
        *before, (_, last) = turns
        lines = [f"{names[role]}:{text}" for role, text in before]
        return {"instruction": "\n".join([*lines, "Assistant:"]), "input": "", "output": last}
    raise ValueError(f"no format named {form!r}")


class Writer:
    """Gives each row an id (or none), a format, sometimes further fields, and a style of JSON."""

    FORMS = (
        "alpaca",
        "input_target",
        "human_assistant",
        "sharegpt",
        "sharegpt_user",
        "messages",
        "message_parts",
        "text",
    )
    WEIGHTS = (74, 5, 3, 6, 3, 5, 2, 2)

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.issued = 0

    def new_id(self) -> str:
        """Return an id that no other row has."""
        self.issued += 1
        return f"ex-{self.issued:05}"

    def line(self, row: dict[str, Any], *, named: bool | None = None, style: str | None = None) -> bytes:
        """Return ``row`` as a line; with an id in three of four cases, or as ``named`` says."""
        with_id = self.chance.random() < 0.75 if named is None else named
        whole = {"id": self.new_id(), **row} if with_id else dict(row)
        if self.chance.random() < 0.12:
            whole["source"] = self.chance.choice(["手写", "模板", "投稿"])
        if self.chance.random() < 0.06:
            whole["meta"] = {"score": self.chance.randint(60, 99) / 100, "tags": ["示例", "zh"], "reviewed": None}
        return dump(whole, style or self.chance.choices(["plain", "escaped", "compact"], [84, 8, 8])[0])

    def any_form(self, example: Example) -> bytes:
        """Return the example as a line of a format drawn by chance, alpaca mostly."""
        return self.line(single(example, self.chance.choices(self.FORMS, self.WEIGHTS)[0]))

    def alpaca(self, example: Example, *, named: bool | None = None) -> bytes:
        """Return the example as a line of the alpaca format."""
        return self.line(single(example, "alpaca"), named=named)
