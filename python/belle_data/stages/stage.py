"""What a stage is: settings, columns, reasons, and how it decides which rows go.

A stage sees record batches with the columns ``row`` (uint32, the row's number), ``id``, ``has_id``, ``content_hash``,
``non_text_parts`` and ``turns`` (list of struct of role and text) while it scans, and answers with the rows that it
removes. It does no input or output, so that it runs under any engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from belle_data.engine.progress import Silent
from belle_data.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa
    from pydantic import BaseModel

    from belle_data import _native
    from belle_data.engine.decisions import Decision
    from belle_data.engine.progress import Listener


@dataclass(frozen=True, slots=True)
class Workplace:
    """What an engine lends to a stage that works long."""

    vectors: Path | None = None
    """A folder for vectors that later runs use again; None to keep them in memory alone."""
    listener: Listener = field(default_factory=Silent)
    """Is told what is going on."""
    threads: int = 0
    """For what does not compute in the kernels: how many to use; 0 for one for each processor."""
    before: Mapping[str, Decision] = field(default_factory=dict)
    """What the stages before it decided in this run, by their names."""


class Stage(Protocol):
    """One step of cleaning. An instance holds the settings and what it has scanned of one corpus."""

    name: ClassVar[str]
    """Name in the recipe, the ledger and the run folder."""
    version: ClassVar[int]
    """Goes up when the same input and settings give another result, so that finished runs notice."""
    scans: ClassVar[bool]
    """Whether it must see every row in `scan`; else `finish` reads what it needs, so that it can run again alone."""
    needs: ClassVar[tuple[str, ...]]
    """Columns that `scan` reads. The runner checks before it reads a byte that they will be there."""
    adds: ClassVar[tuple[str, ...]]
    """Columns that it creates for later stages."""
    reasons: ClassVar[tuple[str, ...]]
    """The closed list of words for why a row goes; the ledger holds the place in it."""
    Config: ClassVar[type[BaseModel]]
    """The type of the settings."""
    config: BaseModel
    """The settings."""

    def fingerprint(self) -> str:
        """Everything beside the settings that decides the result: the version of a model, the hash of a file."""

    @classmethod
    def threshold_of(cls, config: Any, reason: str) -> float | None:
        """The value from which on a row goes for a reason; None if it is no matter of a value, or switched off."""

    @classmethod
    def without(cls, config: Any, reason: str) -> Any:
        """The settings with one of several reasons switched off."""

    def scan(self, batch: pa.RecordBatch) -> None:
        """Remember what the decision needs of every row of a batch. Batches come once each, in the order of rows."""

    def prepare(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> None:
        """Do before `finish` what takes long and is worth keeping; without this call `finish` does it itself."""

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Decide over everything that was scanned and still stands in the ledger."""

    def decide(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Say which rows of a batch go, as a batch of `removals_schema`, ordered by row; the others are kept.

        Columns after those of the schema are written down with the decision, for `decide_again`.

        Of the batch only the column ``row`` may be read: the runner, which keeps no texts, gives nothing else. What
        the decision needs of a row is remembered in `scan`.
        """

    def not_told_by(self, before: BaseModel) -> str | None:
        """Why a decision with the settings `before` does not tell the one with today's; None if it does."""

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Decide as `finish` does, but from a decision that tells it, without having scanned."""

    def evidence(self) -> dict[str, pa.Table]:
        """What else is worth keeping of the decision: tables by name, each goes to ``stages/<stage>.<name>.parquet``.

        Known names: ``changes``, the rows whose texts change, and how; ``scores``, a column of values for each setting
        and an entry for each row; ``near_misses``, with ``row``, ``other_row``, ``similarity`` and perhaps ``why``, the
        pairs that came nearest to the threshold and stayed; ``components``, what a higher threshold needs to decide
        again.
        """

    def statistics(self) -> dict[str, Any]:
        """What else is worth knowing of the decision, as values of JSON, for the manifest and the report."""

    def notes(self) -> list[str]:
        """What the user should be told when the decision is made."""

    def progress(self) -> tuple[int, int]:
        """How many steps of `finish` are done, and how many there are; (0, 0) before it starts."""


class StageDefaults:
    """What a stage does unless it says otherwise: it keeps no evidence, and other settings need another run."""

    name: ClassVar[str]
    scans: ClassVar[bool] = True
    config: BaseModel

    def fingerprint(self) -> str:
        """Nothing: the settings decide."""
        return ""

    def scan(self, batch: pa.RecordBatch) -> None:
        """Remember nothing: `finish` reads the rows that stand."""

    def prepare(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> None:
        """Nothing to prepare."""

    def statistics(self) -> dict[str, Any]:
        """Nothing more to know."""
        return {}

    def notes(self) -> list[str]:
        """Nothing to tell."""
        return []

    def not_told_by(self, before: BaseModel) -> str | None:
        """Why a decision with other settings does not tell this one's."""
        changed = [name for name, value in before if getattr(self.config, name) != value]
        return f"with another {' and '.join(changed)}, {self.name} sees other texts or finds other rows"

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Decide from a decision with other settings; a stage for which `not_told_by` never gives None has no need to.

        Raises:
            InternalError: This stage has no way to.
        """
        del before, rows, ledger
        raise InternalError(f"{self.name} does not decide again")

    def evidence(self) -> dict[str, pa.Table]:
        """Nothing beside the removals."""
        return {}

    @classmethod
    def threshold_of(cls, config: Any, reason: str) -> float | None:
        """None: a row goes for what it is, not for a value."""
        del config, reason
        return None

    @classmethod
    def without(cls, config: Any, reason: str) -> Any:
        """The same settings: without its only reason the stage is left out."""
        del reason
        return config

    def progress(self) -> tuple[int, int]:
        """No steps of `finish`."""
        return (0, 0)


def removals_schema() -> Any:
    """The columns of a decision.

    ``row`` uint32; ``reason`` uint8, the place in `Stage.reasons`; ``kept_row`` uint32, null unless the row is a
    duplicate; ``similarity`` float64 from 0 to 1, null where none was computed.
    """
    import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow

    return pa.schema(
        [
            pa.field("row", pa.uint32(), nullable=False),
            pa.field("reason", pa.uint8(), nullable=False),
            pa.field("kept_row", pa.uint32()),
            pa.field("similarity", pa.float64()),
        ]
    )


def removals_of_rows(removals: pa.RecordBatch, rows: pa.Array) -> pa.RecordBatch:
    """The removals of some rows, given in ascending order."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if len(rows) == 0 or removals.num_rows == 0:
        return removals.slice(0, 0)
    removed, first, last = removals["row"], rows[0].as_py(), rows[-1].as_py()
    if last - first + 1 == len(rows):
        first, last = pa.scalar(first, pa.uint32()), pa.scalar(last, pa.uint32())
        within = pc.and_(pc.greater_equal(removed, first), pc.less_equal(removed, last))
    else:
        within = pc.is_in(removed, value_set=rows)
    return removals.filter(within)


def row_numbers(first: int, count: int) -> Any:
    """The column ``row`` of rows that are numbered one after the other: uint32 [count] from `first`."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    ones = pa.repeat(pa.scalar(1, pa.uint32()), count)
    numbers = pc.cumulative_sum(ones)
    # Ends at first + count, which fits: there are never more rows than uint32 can number.
    return pc.add(pc.subtract(numbers, pa.scalar(1, pa.uint32())), pa.scalar(first, pa.uint32()))
