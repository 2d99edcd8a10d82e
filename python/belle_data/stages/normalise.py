"""normalise: texts in one form, for every look at them and, if asked, in the rows that are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from belle_data.stages.stage import StageDefaults, removals_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from belle_data import _native
    from belle_data.engine.decisions import Decision


class NormaliseConfig(BaseModel):
    """Settings of `normalise`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    apply: Literal["comparison", "text"] = Field(
        "comparison",
        description="`comparison`: later stages see normalised texts, lines leave byte for byte; `text`: the lines "
        "that leave hold the normalised texts too.",
    )
    form: Literal["none", "nfc", "nfkc"] = Field(
        "nfc",
        description="Unicode form: `nfc` composes characters, `nfkc` also replaces compatibility characters: `①`, "
        "`㎏`, and every full-width comma.",
    )
    width: bool = Field(
        default=False, description="Full-width letters, digits, marks and blanks become ASCII, Chinese commas too."
    )
    simplified: bool = Field(
        default=False,
        description="Traditional Chinese becomes Simplified Chinese, by words where a character alone does not tell.",
    )
    control_characters: bool = Field(
        default=True,
        description="Control characters and invisible format characters go; every end of line is a line feed.",
    )
    trailing_blanks: bool = Field(
        default=True, description="Blanks at the end of every line go, and blanks and empty lines at the end of a text."
    )


class Normalise(StageDefaults):
    """Brings texts into one form and removes no row.

    Reading does the work: a corpus that is made with `kernel` and `config.apply` gives normalised turns and says in the
    column ``changes`` what changed, which this stage remembers. Over other data, which has no such column, the stage
    finds out by itself; the data stays as it is.
    """

    name: ClassVar[str] = "normalise"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("row", "turns")
    adds: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = ()
    Config: ClassVar[type[BaseModel]] = NormaliseConfig

    def __init__(self, config: NormaliseConfig | None = None) -> None:
        self._settings = config or NormaliseConfig()
        self.config: BaseModel = self._settings
        self._kernel: _native.Normalise | None = None
        self._changed: list[pa.RecordBatch] = []
        self._finished = False

    @property
    def kernel(self) -> _native.Normalise:
        """The native half: for `_native.Corpus`, and for Arrow data by its `apply`."""
        from belle_data import _native  # noqa: PLC0415 - reading a recipe needs no kernel

        if self._kernel is None:
            config = self._settings
            self._kernel = _native.Normalise(
                form=config.form,
                width=config.width,
                simplified=config.simplified,
                control_characters=config.control_characters,
                trailing_blanks=config.trailing_blanks,
            )
        return self._kernel

    @property
    def apply(self) -> str:
        """Whether ``comparison`` or ``text``."""
        return self._settings.apply

    def scan(self, batch: pa.RecordBatch) -> None:
        """Remember which rows of a batch change, and how."""
        import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow
        import pyarrow.compute as pc  # noqa: PLC0415

        changes = batch["changes"] if "changes" in batch.schema.names else None
        if changes is None:
            changes = pa.record_batch(self.kernel.apply(batch))["changes"]
        if pc.max(changes).as_py():
            found = pa.record_batch([batch["row"], changes], schema=changes_schema())
            self._changed.append(found.filter(pc.not_equal(changes, pa.scalar(0, pa.uint8()))))

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Do nothing: every row is decided by itself, and none goes."""
        del rows, ledger
        self._finished = True

    def decide(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give no removal.

        Raises:
            ValueError: `finish` was not called.
        """
        import pyarrow as pa  # noqa: PLC0415

        del batch
        if not self._finished:
            message = f"{self.name}: finish comes before decide"
            raise ValueError(message)
        return pa.RecordBatch.from_pylist([], schema=removals_schema())

    def not_told_by(self, before: BaseModel) -> str | None:
        """Why a decision with other settings does not tell this one's: it does if only what is written differs."""
        if self._settings.model_copy(update={"apply": getattr(before, "apply", None)}) == before:
            return None
        return super().not_told_by(before)

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Take over which rows change."""
        del rows, ledger
        self._changed = before.evidence["changes"].to_batches()
        self._finished = True

    def evidence(self) -> dict[str, pa.Table]:
        """``changes``: the rows that change, and how, with the columns of `changes_schema`."""
        import pyarrow as pa  # noqa: PLC0415

        return {"changes": pa.Table.from_batches([self.changes()])}

    def changes(self) -> pa.RecordBatch:
        """The rows that change: columns of `changes_schema`, ordered by row as they were scanned."""
        import pyarrow as pa  # noqa: PLC0415

        table = pa.Table.from_batches(self._changed, schema=changes_schema()).combine_chunks()
        batches = table.to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=changes_schema())

    def counts(self) -> dict[str, int]:
        """How many rows each kind of change touches; kinds by the names of `_native.change_names`, all of them."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        from belle_data import _native  # noqa: PLC0415

        changes = self.changes()["changes"]

        def touched(bit: int) -> int:
            mask = pa.scalar(1 << bit, pa.uint8())
            return pc.sum(pc.not_equal(pc.bit_wise_and(changes, mask), pa.scalar(0, pa.uint8()))).as_py() or 0

        return {name: touched(bit) for bit, name in enumerate(_native.change_names())}


def changes_schema() -> Any:
    """The columns of what changed: ``row`` uint32, ``changes`` uint8, the bits of `_native.change_names`, never 0."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.schema([pa.field("row", pa.uint32(), nullable=False), pa.field("changes", pa.uint8(), nullable=False)])
