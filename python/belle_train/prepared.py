"""Sequences of ids on disk: what is in them, how they are written whole or not at all, and how they are read again."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from belle_data.errors import RunFolderError, SourceError
from belle_train.packing import IGNORED, pack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from belle_train.recipe import DataConfig

VERSION = 1
"""Goes up when the same rows or texts give other sequences."""
SUMMARY, TRAIN, HELD_OUT, LEFT_OUT = "prepared.json", "train.arrow", "held_out.arrow", "left_out.jsonl"


@dataclass(slots=True)
class Prepared:
    """What became of the rows.

    Attributes:
        fingerprint: SHA-256 of all that the sequences depend on: equal ones mean equal sequences.
        sources: Each file that was read: name, size, hash, rows.
        rows: Rows that were read and that the mixture wants.
        conversations: Of them, those that are learned or held out.
        cut: Conversations that were longer than a sequence.
        left_out: How many rows are left out, by reason.
        sequences: Sequences that are learned.
        held_out: Conversations that are held out.
        tokens: Pieces of the learned sequences.
        learned_tokens: Of them, those that are learned.
    """

    fingerprint: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0
    conversations: int = 0
    cut: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    sequences: int = 0
    held_out: int = 0
    tokens: int = 0
    learned_tokens: int = 0

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        return asdict(self)


@dataclass(slots=True)
class Sequences:
    """Conversations as ids, one after the other."""

    ids: list[NDArray[np.int32]] = field(default_factory=list)
    labels: list[NDArray[np.int32]] = field(default_factory=list)

    def table(self, groups: list[list[int]]) -> pa.Table:
        """One row for each group of conversations."""
        columns = {}
        for name, parts in (("input_ids", self.ids), ("labels", self.labels)):
            chosen = [[parts[number] for number in group] for group in groups]
            flat = [part for group in chosen for part in group]
            sizes = [sum(len(part) for part in group) for group in chosen]
            values = np.concatenate(flat) if flat else np.empty(0, np.int32)
            offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
            columns[name] = pa.LargeListArray.from_arrays(offsets, values)
        lengths = [[len(self.ids[number]) for number in group] for group in groups]
        columns["seq_lengths"] = pa.array(lengths, pa.large_list(pa.int32()))
        return pa.table(columns)


def write_prepared(
    out: Path, prepared: Prepared, sequences: Sequences, left_out: list[dict[str, Any]], config: DataConfig
) -> None:
    """Hold out, pack and write; the counts of `prepared` are made whole. The folder appears when all is in it.

    Raises:
        SourceError: All is held out.
        RunFolderError: The folder cannot be written.
    """
    held_out = _held_out(sequences, config.held_out)
    learned = [number for number in range(len(sequences.ids)) if number not in held_out]
    if not learned:
        raise SourceError("all rows are held out, and none is left to learn", hint="--set data.held_out=0")
    groups = [[number] for number in learned]
    if config.packing:
        lengths = [len(sequences.ids[number]) for number in learned]
        groups = [[learned[place] for place in group] for group in pack(lengths, config.max_length)]
    prepared.sequences, prepared.held_out = len(groups), len(held_out)
    prepared.tokens = sum(len(sequences.ids[number]) for number in learned)
    prepared.learned_tokens = int(sum((sequences.labels[number] != IGNORED).sum() for number in learned))
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in left_out)
    tables = {TRAIN: sequences.table(groups), HELD_OUT: sequences.table([[number] for number in sorted(held_out)])}
    try:
        _place(
            out, tables, {LEFT_OUT: lines, SUMMARY: json.dumps(prepared.to_dict(), ensure_ascii=False, indent=2) + "\n"}
        )
    except OSError as error:
        raise RunFolderError(f"the sequences cannot be written ({error.strerror or error})", path=out) from None


def _place(out: Path, tables: dict[str, pa.Table], texts: dict[str, str]) -> None:
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, table in tables.items():
        with pa.OSFile(str(temporary / name), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    for name, text in texts.items():
        (temporary / name).write_text(text, encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    temporary.rename(out)


def _held_out(sequences: Sequences, share: float) -> set[int]:
    """The conversations with the smallest hashes, so that the choice depends on no order."""
    if share == 0:
        return set()
    hashes = [blake2b(ids.tobytes(), digest_size=16).digest() for ids in sequences.ids]
    count = max(1, round(share * len(hashes)))
    return set(sorted(range(len(hashes)), key=lambda number: (hashes[number], number))[:count])


def finished(out: Path, fingerprint: str) -> Prepared | None:
    """What a folder holds, if it holds the sequences of this fingerprint."""
    try:
        facts = json.loads((out / SUMMARY).read_bytes())
        return Prepared(**facts) if facts["fingerprint"] == fingerprint else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_prepared(out: Path, name: str) -> pa.Table:
    """The sequences of a folder that `write_prepared` wrote: ``train.arrow`` or ``held_out.arrow``.

    The file is mapped, not read.

    Raises:
        SourceError: It is damaged or missing.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(out / name))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(
            f"the prepared sequences cannot be read ({error})", path=out / name, hint="run again"
        ) from None
