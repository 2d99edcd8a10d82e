"""What the duplicate stages share: a kernel that scans batches, then removes rows for rows that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from belle_data.stages.stage import StageDefaults, removals_of_rows, removals_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import BaseModel

    from belle_data import _native

CompareField = Literal["conversation", "prompt", "output"]
FoldName = Literal["composition", "width", "case", "punctuation", "space"]

FIELD_DESCRIPTION = "Text that is compared: every turn, what the model is given, or what it answers."
FOLD_DESCRIPTION = (
    "Differences that the comparison overlooks: Unicode composition (NFC), full and half width, letter case, "
    "Chinese and ASCII punctuation, white space. The rows themselves are not changed."
)


class Kernel(Protocol):
    """The native half of a duplicate stage."""

    def scan(self, data: Any, first_row: int = 0) -> None:
        """Remember the rows of Arrow data."""

    def finish(self, rows: Any, ledger: Any = None) -> Any:
        """Give the removals as Arrow data."""

    def progress(self) -> tuple[int, int]:
        """Steps done and steps there are."""


def removals_of(found: Any) -> pa.RecordBatch:
    """The removals that a kernel found, as a decision for the only reason of a stage; further columns stay."""
    import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow

    batch = pa.record_batch(found)
    schema = removals_schema()
    columns = {name: batch[name] for name in batch.schema.names}
    columns["reason"] = pa.repeat(pa.scalar(0, pa.uint8()), batch.num_rows)
    further = [batch.schema.field(name) for name in batch.schema.names if name not in schema.names]
    names = [*schema.names, *(field.name for field in further)]
    return pa.record_batch([columns[name] for name in names], schema=pa.schema([*schema, *further]))


class DuplicateStage(StageDefaults):
    """A stage that removes rows for rows that stay: subclasses name themselves and make the kernel."""

    name: ClassVar[str]
    version: ClassVar[int]
    reasons: ClassVar[tuple[str, ...]]
    needs: ClassVar[tuple[str, ...]] = ("row", "turns")
    adds: ClassVar[tuple[str, ...]] = ()
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: BaseModel, kernel: Kernel) -> None:
        self.config = config
        self._kernel = kernel
        self._removals: pa.RecordBatch | None = None

    def scan(self, batch: pa.RecordBatch) -> None:
        """Remember the rows of a batch with the columns of `needs`."""
        self._kernel.scan(batch)

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Decide over the scanned rows that stand.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        self._removals = removals_of(self._kernel.finish(rows, ledger))

    def decide(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give the removals among the rows of a batch, ordered by row.

        Raises:
            ValueError: `finish` was not called.
        """
        if self._removals is None:
            message = f"{self.name}: finish comes before decide"
            raise ValueError(message)
        return removals_of_rows(self._removals, batch["row"])

    def progress(self) -> tuple[int, int]:
        """Steps of `finish` that are done, and how many there are."""
        return self._kernel.progress()
