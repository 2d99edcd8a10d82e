"""What a merged vocabulary promises in each mode, and what was found about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from belle_data.errors import escaped
from belle_data.vocab.merging import MODES, SAFE

HOLDS, BROKEN, NOT_PROMISED = "holds", "broken", "not promised"
STATES = (HOLDS, BROKEN, NOT_PROMISED)
EXAMPLES = 5
"""Exceptions to a promise that are shown; all are counted."""
_SHOWN = 200
_EVERY = frozenset(MODES)
_ONLY_SAFE = frozenset({SAFE})

PROMISES: dict[str, tuple[str, frozenset[str]]] = {
    "files-as-written": ("every file has the bytes that merge wrote", _EVERY),
    "base-unmoved": ("every piece of the base has its id, score and type", _EVERY),
    "tokenizer-json-agrees": ("tokenizer.json has the ids and merges of tokenizer.model", _EVERY),
    "loaded-as-it-is": ("transformers uses tokenizer.json and rebuilds nothing", _EVERY),
    "rows-mapped": ("row_map.json has each new row once, made of rows of the base", _EVERY),
    "scores-fall": ("scores of new pieces fall, all different as float32, below the base's", _ONLY_SAFE),
    "all-reachable": ("every new piece is produced by some text", _ONLY_SAFE),
    "fast-is-sentencepiece": ("the fast tokenizer gives the ids of sentencepiece", _ONLY_SAFE),
    "ours-is-sentencepiece": ("our encoder gives the ids of sentencepiece", _EVERY),
    "round-trip": ("decoding gives the text again, with spaces for ▁", _EVERY),
    "other-text-unchanged": ("text without a Han character has the ids of the base", _ONLY_SAFE),
    "digits-alone": ("no new piece holds a digit beside another character", _ONLY_SAFE),
}
"""Each promise by its name, with what it says and the modes that make it."""


@dataclass(slots=True)
class Promise:
    """What was found about one promise.

    Attributes:
        name: One of `PROMISES`.
        promised: Whether the mode makes it.
        exceptions: How often it did not hold.
        examples: The first exceptions, with control characters escaped.
    """

    name: str
    promised: bool
    exceptions: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> str:
        """One of `STATES`."""
        if not self.promised:
            return NOT_PROMISED
        return BROKEN if self.exceptions else HOLDS

    def exception(self, **example: Any) -> None:
        """Count an exception, and remember it if it is among the first."""
        self.exceptions += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append({key: _shown(value) for key, value in example.items()})

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "says": PROMISES[self.name][0],
            "state": self.state,
            "exceptions": self.exceptions,
            "examples": self.examples,
        }


def promises_of(mode: str) -> dict[str, Promise]:
    """Every promise, nothing found about it yet."""
    return {name: Promise(name, mode in modes) for name, (_, modes) in PROMISES.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        text = escaped(value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return value
