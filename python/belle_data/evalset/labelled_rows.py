"""Rows of an evaluation: what is asked, the answer that stands beside it, and the label that says of which kind it is.

Formats are those that `clean` reads, and rows that have a question and an answer under names of their own, as published
evaluation sets do.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import BelleError, SourceError, UsageError
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data import _native
    from belle_data.engine.progress import Listener
    from belle_data.sources import LocalFile

Turn = dict[str, str]
"""With ``role`` and ``content``."""
LABELS = ("category", "class")
"""Keys that may say of which kind a row is; BELLE's evaluation set has ``class``."""
QUESTIONS = ("question", "prompt")
"""Keys of the question, in rows that are in none of the formats of `clean`."""
ANSWERS = ("std_answer", "answer", "reference")
"""Keys of its answer; the first that holds a text is taken."""
_TURNS = {"messages", "conversations", "conversation", "instruction", "output", "input", "text"}
_MARKS = tuple(f'"{name}"'.encode() for name in QUESTIONS)
_MOST = 1 << 30


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A row as it was read.

    Attributes:
        row: Its place in the file, from 0.
        line: Its line in the file, from 1; in a Parquet file its row.
        id: The row's own id; None if it has none.
        label: Of which kind it says it is; None if it does not say.
        turns: What is asked; may be empty, or end with a turn that nobody can answer.
        reference: The answer that stands in the row; None if there is none.
    """

    row: int
    line: int
    id: str | None
    label: str | None
    turns: tuple[Turn, ...]
    reference: str | None


def read_labelled_rows(
    path: str | Path, listener: Listener, labels: Sequence[str] = LABELS
) -> tuple[list[LabelledRow], str]:
    """Read the rows of one file. The last turn of the assistant is the reference.

    Args:
        path: A file as `clean` reads it.
        listener: Is told about the progress.
        labels: Keys that may hold the label; the first that holds a text counts.

    Returns:
        The rows in their order, at least one, and the SHA-256 of the decoded file.

    Raises:
        UsageError: There is no such file, or it is several.
        SourceError: It cannot be read, holds no row, or a line of it is no row.
    """
    from belle_data import _native  # noqa: PLC0415 - a wrong path must be told before the kernels are loaded
    from belle_data.engine.local import sources_of  # noqa: PLC0415
    from belle_data.sources import materialise  # noqa: PLC0415

    sources = sources_of([str(path)], None)
    if len(sources) != 1:
        raise UsageError("prompts are one file", path=path, value=len(sources))
    listener.begin("read", 0, "B")
    with temporary_folder("belle-prompts-") as work:
        local = materialise(sources[0], Path(work), _native.ArraySplitter, lambda _: None)
        content = Path(local.path).read_bytes()
        rows = Path(work) / "prompts.jsonl"
        rows.write_bytes(b"".join(_as_turns(line, labels) + b"\n" for line in content.split(b"\n")))
        try:
            found = _read(rows, sources[0].name, local, labels)
        except BelleError as error:
            # The copy is gone when the user reads this.
            if error.path == str(rows):
                error.path = sources[0].name
            raise
    listener.end(f"{len(found):,} rows")
    return found, sha256(content).hexdigest()


def _as_turns(line: bytes, labels: Sequence[str]) -> bytes:
    """A line with a question, written with turns; any other as it is."""
    if not any(mark in line for mark in _MARKS):
        return line
    row = _object(line)
    question = next((row[key] for key in QUESTIONS if isinstance(row.get(key), str)), None)
    if question is None or row.keys() & _TURNS:
        return line
    turns = [{"role": "user", "content": question}]
    answer = next((row[key] for key in ANSWERS if isinstance(row.get(key), str)), None)
    if answer is not None:
        turns.append({"role": "assistant", "content": answer})
    kept = {key: value for key, value in row.items() if key in {"id", *labels}}
    return json.dumps({**kept, "messages": turns}, ensure_ascii=True).encode("ascii")


def _object(line: bytes) -> dict[str, Any]:
    """The object of a line; an empty one where Python cannot read what the kernels may."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _read(rows: Path, name: str, local: LocalFile, labels: Sequence[str]) -> list[LabelledRow]:
    from belle_data.config import load_recipe  # noqa: PLC0415 - a tenth of a second
    from belle_data.engine.corpus import open_sources, read_corpus  # noqa: PLC0415
    from belle_data.engine.progress import Silent  # noqa: PLC0415
    from belle_data.engine.run_folder import RunFolder  # noqa: PLC0415
    from belle_data.sources import find_sources  # noqa: PLC0415

    found: list[tuple[str | None, list[Turn]]] = []

    def scan(batch: Any) -> None:
        for own, has_id, turns in zip(
            *(batch[column].to_pylist() for column in ("id", "has_id", "turns")), strict=True
        ):
            found.append((own if has_id else None, [{"role": t["role"], "content": t["text"]} for t in turns]))

    recipe = load_recipe(None, [], {"input": {"max_bad_lines": _MOST}})
    folder = RunFolder(rows.parent / "read")
    opened = open_sources(find_sources([str(rows)]), recipe, folder, Silent())
    lines = _Lines(local)
    try:
        corpus, _ = read_corpus(opened, recipe, folder, None, [scan], Silent())
    except SourceError:
        _refuse_rejected(folder.path / "rejected" / "rejected.jsonl", name, lines)
        raise
    _refuse_rejected(folder.path / "rejected" / "rejected.jsonl", name, lines)
    return [
        LabelledRow(row, lines.in_file(line), own, _label(corpus.line(row), labels), *_without_answer(turns))
        for row, (line, (own, turns)) in enumerate(zip(_lines_of(corpus, name), found, strict=True))
    ]


def _lines_of(corpus: _native.Corpus, name: str) -> list[int]:
    """The line of each row, from 1."""
    import pyarrow as pa  # noqa: PLC0415

    from belle_data import _native  # noqa: PLC0415

    ledger = _native.Ledger(len(corpus))
    lines: list[int] = pa.record_batch(ledger.rows(corpus, 0, len(corpus), [name], []))["line"].to_pylist()
    return lines


class _Lines:
    """Finds the line of the user's file for a line of the decoded one."""

    def __init__(self, local: LocalFile) -> None:
        self._starts = None if local.positions is None else memoryview(local.positions[1]).cast("Q")

    def in_file(self, line: int) -> int:
        """The line on which an element of a JSON array begins; any other line is its own."""
        return line if self._starts is None else self._starts[line - 1]


def _refuse_rejected(path: Path, name: str, lines: _Lines) -> None:
    """Refuse a file of which a line is no row: a set must not become smaller unseen."""
    with path.open(encoding="utf-8") as handle:
        rejected = [json.loads(line) for line in handle]
    if not rejected:
        return
    first = rejected[0]
    several = "the line is no row"
    if len(rejected) > 1:
        counts = Counter(entry["reason"] for entry in rejected)
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
        several = f"{len(rejected):,} lines are no rows ({reasons}), the first"
    hint = "python -m belle_data clean lists such lines under rejected/ of its run folder"
    if first["reason"] == "missing_field":
        hint = (
            f"each row needs {' or '.join(QUESTIONS)} with a text, or one of the formats of python -m belle_data clean"
        )
    raise SourceError(
        f"{several} because {first['reason']} ({first['detail']})",
        path=name,
        line=lines.in_file(first["line"]),
        hint=hint,
    )


def _without_answer(turns: list[Turn]) -> tuple[tuple[Turn, ...], str | None]:
    if turns and turns[-1]["role"] == "assistant":
        return tuple(turns[:-1]), turns[-1]["content"]
    return tuple(turns), None


def _label(line: bytes, labels: Sequence[str]) -> str | None:
    row = _object(line)
    return next((row[key] for key in labels if isinstance(row.get(key), str)), None)
