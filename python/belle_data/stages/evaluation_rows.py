"""Evaluation files: read as the input is, kept in memory, known by the hash of what they hold."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.engine.progress import Silent
from belle_data.errors import BelleError, SourceError, UsageError
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from belle_data import _native
    from belle_data.engine.corpus import OpenSource
    from belle_data.sources import Source

QUESTIONS = ("question", "query", "prompt", "problem", "input", "text")
"""Names under which evaluation sets keep what is asked, where their rows are in no format of the input."""
ANSWERS = ("std_answer", "answer", "reference_answer", "reference", "target", "output", "response", "solution")
"""The same for the answer that was expected."""


@dataclass(frozen=True, slots=True)
class EvaluationFiles:
    """The rows of all evaluation files, one file after the other."""

    rows: _native.Corpus
    about: pa.Table
    """For each row ``against``, its file; ``against_row``, its number there from 1; ``against_id``, null for none."""
    hashes: dict[str, str]
    """For each file the hash of what was read of it."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that was read, and in which order."""
        text = "\n".join(f"{name} {one}" for name, one in self.hashes.items())
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def read_evaluation_files(names: Sequence[str]) -> EvaluationFiles:
    """Read files, folders, globs or URLs of evaluation rows, in any format that `clean` reads.

    Raises:
        UsageError: A name is nothing.
        SourceError: A file cannot be read, or holds no row.
    """
    import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow

    from belle_data.config import Recipe  # noqa: PLC0415 - which reads the settings of all stages
    from belle_data.engine.corpus import open_sources, read_corpus  # noqa: PLC0415
    from belle_data.engine.run_folder import RunFolder  # noqa: PLC0415
    from belle_data.sources import find_sources  # noqa: PLC0415

    batches: list[pa.RecordBatch] = []

    def keep(batch: pa.RecordBatch) -> None:
        batches.append(batch.select(["id", "has_id"]))

    with temporary_folder("belle-against-") as place:
        try:
            folder = RunFolder(Path(place) / "read")
            sources = find_sources(list(names))
            opened = open_sources(sources, Recipe(), folder, Silent())
            described = [_described(one) for one in opened]
            # Two sources are equal whatever is said about them.
            if any(one.dataset is not None for one in described):
                opened = open_sources(described, Recipe(), folder, Silent())
            corpus, summaries = read_corpus(opened, Recipe(), folder, None, [keep], Silent())
        except (SourceError, UsageError) as error:
            raise _about_evaluation(error) from None
    numbers: list[pa.Array] = [pa.array(range(1, one.rows + 1), pa.uint32()) for one in summaries]
    files = pa.array([number for number, one in enumerate(summaries) for _ in range(one.rows)], pa.int32())
    ids = pa.Table.from_batches(batches)
    about = pa.table(
        {
            "against": pa.DictionaryArray.from_arrays(files, pa.array([one.name for one in summaries], pa.string())),
            "against_row": pa.chunked_array(numbers, pa.uint32()),
            "against_id": _or_null(ids["id"], ids["has_id"]),
        }
    )
    return EvaluationFiles(corpus, about.combine_chunks(), {one.name: one.hash for one in summaries})


def _described(opened: OpenSource) -> Source:
    """The source; if no format was seen in it, with the names under which evaluation sets keep their texts."""
    from belle_data.dataset_info import Description  # noqa: PLC0415 - few files need one
    from belle_data.sources import sample  # noqa: PLC0415

    source = opened.source
    if opened.format != "mixed" or source.dataset is not None:
        return source
    try:
        row = json.loads(sample(opened.local).lstrip().partition(b"\n")[0])
    except (ValueError, RecursionError):
        return source
    known = {name for name, value in row.items() if isinstance(value, str)} if isinstance(row, dict) else set()
    question = next((name for name in QUESTIONS if name in known), None)
    answer = next((name for name in ANSWERS if name in known), None)
    if question is None:
        return source
    columns = {"prompt": question, **({} if answer is None else {"response": answer})}
    description = Description(source.name, source.name, "alpaca", columns, {})
    return replace(source, dataset=description)


def _or_null(ids: Any, known: Any) -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415

    return pc.if_else(known, ids, None)


def _about_evaluation(error: BelleError) -> BelleError:
    """The error, said of an evaluation file; where rejected lines were written down is gone."""
    message = f"of the evaluation rows: {error.message}"
    hint = error.hint if error.hint and "rejected.jsonl" not in error.hint else "it is read as the input of clean is"
    return type(error)(message, path=error.path, line=error.line, byte=error.byte, value=error.value, hint=hint)
