"""Prompts of an evaluation: rows in any format that belle_data reads, without the answer that ends them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import BelleError, SourceError, UsageError

if TYPE_CHECKING:
    from belle_data.engine.progress import Listener

Turn = dict[str, str]
CATEGORIES = ("category", "class")
"""Keys that may say of which kind a prompt is; BELLE's evaluation set has ``class``."""
_ANSWERS = ("std_answer", "answer")
_TURNS = {"messages", "conversations", "conversation", "instruction", "output", "input", "text"}
_MOST = 1 << 30


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

    Rows are read as `clean` reads them; rows with ``question`` and ``std_answer``, as BELLE's evaluation set has them,
    too. The last turn of the assistant is the reference.

    Returns:
        The prompts, and the SHA-256 of the decoded file.

    Raises:
        UsageError: There is no such file, or it is several.
        SourceError: It cannot be read, or a line of it is no row.
    """
    from belle_data import _native  # noqa: PLC0415 - a wrong path must be told before the kernels are loaded
    from belle_data.engine.local import sources_of  # noqa: PLC0415
    from belle_data.sources import materialise  # noqa: PLC0415

    sources = sources_of([str(path)], None)
    if len(sources) != 1:
        raise UsageError("prompts are one file", path=path, value=len(sources))
    with tempfile.TemporaryDirectory(prefix="belle-prompts-") as work:
        local = materialise(sources[0], Path(work), _native.ArraySplitter, lambda _: None)
        content = Path(local.path).read_bytes()
        rows = Path(work) / "prompts.jsonl"
        rows.write_bytes(b"".join(_as_turns(line) + b"\n" for line in content.split(b"\n")))
        try:
            prompts = _read(rows, str(path), listener)
        except BelleError as error:
            # The copy is gone when the user reads this.
            if error.path == str(rows):
                error.path = str(path)
            raise
    return prompts, sha256(content).hexdigest()


def _as_turns(line: bytes) -> bytes:
    """A line with a question, written with turns; any other as it is."""
    if b'"question"' not in line:
        return line
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or row.keys() & _TURNS:
        return line
    turns = [{"role": "user", "content": row["question"]}]
    answer = next((row[key] for key in _ANSWERS if isinstance(row.get(key), str)), None)
    if answer is not None:
        turns.append({"role": "assistant", "content": answer})
    kept = {key: value for key, value in row.items() if key in {"id", *CATEGORIES}}
    return json.dumps({**kept, "messages": turns}, ensure_ascii=True).encode("ascii")


def _read(rows: Path, name: str, listener: Listener) -> list[Prompt]:
    from belle_data.config import load_recipe  # noqa: PLC0415 - a tenth of a second
    from belle_data.page.input_rows import read_rows  # noqa: PLC0415

    found: list[tuple[int, str | None, list[Turn]]] = []

    def scan(batch: Any) -> None:
        for row, own, has_id, turns in zip(
            *(batch[column].to_pylist() for column in ("row", "id", "has_id", "turns")), strict=True
        ):
            found.append((row, own if has_id else None, [{"role": t["role"], "content": t["text"]} for t in turns]))

    recipe = load_recipe(None, [], {"input": {"max_bad_lines": _MOST}})
    corpus, summary = read_rows(str(rows), recipe, [scan], None, listener)
    if summary.rejected:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary.reasons.items())
        hint = "python -m belle_data clean lists the lines under rejected/ of its run folder"
        raise SourceError(f"{summary.rejected:,} lines are no rows ({reasons})", path=name, hint=hint)
    return [
        Prompt(row, own, _category(corpus.line(row)), *_without_answer(turns))
        for row, own, turns in sorted(found, key=lambda one: one[0])
    ]


def _without_answer(turns: list[Turn]) -> tuple[tuple[Turn, ...], str | None]:
    if turns and turns[-1]["role"] == "assistant":
        return tuple(turns[:-1]), turns[-1]["content"]
    return tuple(turns), None


def _category(line: bytes) -> str | None:
    row = json.loads(line)
    return next((row[key] for key in CATEGORIES if isinstance(row.get(key), str)), None)
