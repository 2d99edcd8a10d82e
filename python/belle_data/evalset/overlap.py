"""Rows of an evaluation set that occur in training data: found by the stage `decontaminate`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.engine.progress import polled
from belle_data.errors import SourceError
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data import _native
    from belle_data.engine.progress import Listener
    from belle_data.evalset.evaluation_rows import EvaluationRow
    from belle_data.page.input_rows import InputSummary

MOST_OF_TEXT = 200
"""Characters of the shared text that are kept as evidence."""


@dataclass(frozen=True, slots=True)
class TrainingPlace:
    """Where in the training data an evaluation text was found.

    Attributes:
        file: The file of the row.
        line: Its line there, from 1.
        id: Its own id, or file and line.
        text: The shared part of its text, cut to `MOST_OF_TEXT` characters.
    """

    file: str
    line: int
    id: str
    text: str

    @property
    def name(self) -> str:
        """Its id and place, for people; once where it has no id of its own."""
        where = f"{self.file}:{self.line}"
        return where if self.id == where else f"{self.id} ({where})"

    def to_dict(self) -> dict[str, Any]:
        """The place as JSON knows it."""
        return {"file": self.file, "line": self.line, "id": self.id, "text": self.text}


@dataclass(frozen=True, slots=True)
class FoundRow:
    """An evaluation row that occurs in the training data.

    Attributes:
        row: The evaluation row.
        training_rows: How many training rows hold it.
        part: ``prompt`` or ``reference``: which of its texts the strongest match holds.
        similarity: The highest of its matches, from 0 to 1; None where none was near enough for one.
        covered: The highest share of its text in n-grams that a training row shares.
        strongest: Where the strongest match is.
    """

    row: EvaluationRow
    training_rows: int
    part: str
    similarity: float | None
    covered: float
    strongest: TrainingPlace

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON knows it."""
        return {
            **self.row.place(),
            "prompt": self.row.prompt,
            "training_rows": self.training_rows,
            "part": self.part,
            "similarity": self.similarity,
            "covered": self.covered,
            "strongest": self.strongest.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Overlap:
    """What evaluation rows and training rows have in common.

    Attributes:
        summary: The training data that was read.
        looked_for: Evaluation rows with a text that can be looked for.
        training_rows: Training rows that hold an evaluation row.
        found: The evaluation rows that were found, in their order.
        settings: Of the stage.
        dropped: Whether the found rows are left out of the set.
    """

    summary: InputSummary
    looked_for: int
    training_rows: int
    found: tuple[FoundRow, ...]
    settings: dict[str, Any]
    dropped: bool

    def to_dict(self) -> dict[str, Any]:
        """The overlap as JSON knows it."""
        sources = [{"name": one.name, "rows": one.rows, "hash": one.hash} for one in self.summary.sources]
        return {
            "against": sources,
            "rows_read": self.summary.rows,
            "settings": self.settings,
            "looked_for": self.looked_for,
            "training_rows": self.training_rows,
            "dropped": self.dropped,
            "rows": [one.to_dict() for one in self.found],
        }


def find_overlap(
    rows: Sequence[EvaluationRow], against: Sequence[str], *, drop: bool, threads: int | None, listener: Listener
) -> Overlap:
    """Look for evaluation rows in training data, with the default settings of `decontaminate`.

    Args:
        rows: The evaluation rows, at least one.
        against: Training data: files, folders, globs or URLs.
        drop: Whether the found rows are to be left out; noted in the result.
        threads: Threads to use; one per processor without it. The result does not depend on it.
        listener: Is told about the progress.

    Raises:
        UsageError: A name of the training data is nothing.
        SourceError: It cannot be read, holds no row, or too many bad lines.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    import pyarrow.compute as pc  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded

    from belle_data.page.input_rows import read_rows  # noqa: PLC0415
    from belle_data.stages.decontaminate import Decontaminate, DecontaminateConfig, fired_matches  # noqa: PLC0415

    try:
        corpus, summary = read_rows(list(against), None, [], threads, listener)
    except SourceError as error:
        if error.hint and "--" in error.hint:
            # Of options that this command has not.
            error.hint = "python -m belle_data clean makes shards of it, and lists the lines that are no rows"
        error.message = f"of the training data: {error.message}"
        raise
    with temporary_folder("belle-evalset-") as place:
        path = Path(place) / "eval.jsonl"
        with path.open("w", encoding="utf-8") as handle:
            for row in rows:
                handle.write(json.dumps({"messages": _turns(row)}) + "\n")
        stage = Decontaminate(DecontaminateConfig(against=(str(path),)))
        listener.begin("overlap", 0, "rows")
        with polled(listener, stage.progress):
            stage.finish(corpus, None)
    tables, statistics = stage.evidence(), stage.statistics()
    fired = fired_matches(tables["matches"], stage.config)  # type: ignore[arg-type]
    texts = _TrainingTexts(corpus, summary)
    found = []
    for one in tables["evaluation"].to_pylist():
        number = one["against_row"] - 1
        same = pc.and_(pc.equal(fired["evaluation_row"], number), pc.equal(fired["row"], one["row"]))
        match = fired.filter(pc.and_(same, pc.equal(fired["part"], one["part"]))).sort_by([("value", "descending")])
        where = texts.place(match.slice(0, 1).to_pylist()[0])
        part = "reference" if one["part"] == "answer" else one["part"]
        found.append(FoundRow(rows[number], one["rows"], part, one["similarity"], one["covered"], where))
    listener.end(f"{len(found):,} of {len(rows):,} evaluation rows are in the training data")
    settings = {name: value for name, value in stage.config.model_dump(mode="json").items() if name != "against"}
    held = len(pc.unique(fired["row"]))
    return Overlap(summary, statistics["compared"], held, tuple(found), settings, drop)


def _turns(row: EvaluationRow) -> list[dict[str, str]]:
    turns = [{"role": "user", "content": row.prompt}]
    if row.reference is not None:
        turns.append({"role": "assistant", "content": row.reference})
    return turns


class _TrainingTexts:
    """Finds a training row again, and its texts."""

    def __init__(self, corpus: _native.Corpus, summary: InputSummary) -> None:
        from belle_data import _native  # noqa: PLC0415 - loaded by then

        self._corpus, self._summary = corpus, summary
        self._ledger = _native.Ledger(len(corpus))
        self._files = [one.name for one in summary.sources]

    def place(self, match: dict[str, Any]) -> TrainingPlace:
        """Where a match is: ``row``, ``turn``, and ``start`` and ``end`` in characters of the turn."""
        import pyarrow as pa  # noqa: PLC0415

        number = match["row"]
        row = pa.record_batch(self._ledger.rows(self._corpus, number, number + 1, self._files, [])).to_pylist()[0]
        text = self._turn(number, row["file"], match["turn"])[match["start"] : match["end"]]
        shown = text[:MOST_OF_TEXT] + ("…" if len(text) > MOST_OF_TEXT else "")
        return TrainingPlace(row["file"], row["line"], row["id"], shown)

    def _turn(self, number: int, file: str, turn: int) -> str:
        import pyarrow as pa  # noqa: PLC0415

        from belle_data import _native  # noqa: PLC0415

        line = self._corpus.line(number)
        form = next(one.format for one in self._summary.sources if one.name == file)
        corpus = _native.Corpus()
        corpus.add_source(line, form)
        _, rows, _ = corpus.read(0, 0, len(line), len(line) + 1, 1)
        text: str = pa.record_batch(rows)["turns"].to_pylist()[0][turn]["text"]
        return text
