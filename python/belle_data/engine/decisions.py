"""What stages decided: the tables of stages/, with what must hold before they are trusted again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from belle_data.errors import InternalError

if TYPE_CHECKING:
    from pathlib import Path

    from belle_data.engine.run_folder import RunFolder
    from belle_data.stages.stage import Stage


@dataclass(frozen=True, slots=True)
class Decision:
    """What a stage removed, and what else it wrote down."""

    removals: Any
    """A table with the columns of `belle_data.stages.stage.removals_schema`."""
    evidence: dict[str, Any]
    """Further tables by name: `Stage.evidence`."""
    statistics: dict[str, Any] = field(default_factory=dict)
    """`Stage.statistics`."""
    files: dict[str, str | None] | None = None
    """Hash of each file in the run folder that holds it already; None if none does."""


def write_decision(folder: RunFolder, stage: Stage, decision: Decision) -> dict[str, str | None]:
    """Write the tables of a stage: ``stages/<stage>.parquet`` and ``stages/<stage>.<name>.parquet``.

    Returns the hash of each file.

    Raises:
        RunFolderError: A file cannot be written.
    """
    hashes = {}
    for name, table in _named(stage.name, decision).items():
        _write(folder, f"stages/{name}", table)
        hashes[name] = file_hash(folder.path / "stages" / name)
    return hashes


def read_decision(folder: Path, stage: str, hashes: dict[str, str | None]) -> Decision | None:
    """Read the tables of a stage again; None if a file is not the one that was written."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - the command line must answer before Arrow is loaded

    own = f"{stage}.parquet"
    if own not in hashes or any(value is None or value != _hash_in(folder, name) for name, value in hashes.items()):
        return None
    tables = {name: pq.read_table(folder / "stages" / name).combine_chunks() for name in hashes}
    removals = tables.pop(own)
    return Decision(removals, {name.split(".")[1]: table for name, table in tables.items()})


def count_reasons(stage: Stage, removals: Any) -> dict[str, int]:
    """Count the removed rows of each reason of a stage.

    Raises:
        InternalError: A reason is none of those that the stage declares.
    """
    import pyarrow.compute as pc  # noqa: PLC0415

    codes = removals["reason"]
    highest = pc.max(codes).as_py()
    # The place in the list is all that is stored of a reason.
    if codes.null_count or (highest is not None and highest >= len(stage.reasons)):
        known = ", ".join(f"{code} {reason}" for code, reason in enumerate(stage.reasons))
        raise InternalError(
            f"{stage.name} removes a row for a reason that it does not declare; it has {known}",
            value=None if codes.null_count else highest,
            hint="add the reason at the end of the stage's `reasons`, or correct its `decide`",
        )
    counts = {pair["values"]: pair["counts"] for pair in pc.value_counts(codes).to_pylist()}
    return {reason: counts.get(code, 0) for code, reason in enumerate(stage.reasons)}


def file_hash(path: Path) -> str | None:
    """BLAKE2b of a file's bytes; None if it cannot be read."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return None


def _hash_in(folder: Path, name: str) -> str | None:
    return file_hash(folder / "stages" / name)


def _named(stage: str, decision: Decision) -> dict[str, Any]:
    named = {f"{stage}.parquet": decision.removals}
    named.update({f"{stage}.{name}.parquet": table for name, table in decision.evidence.items()})
    return named


def _write(folder: RunFolder, name: str, table: Any) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    with folder.writing(name) as handle:
        pq.write_table(table, handle, compression="lz4", use_dictionary=["reason"], write_statistics=False)
