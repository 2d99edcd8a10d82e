"""exact_dedup: of rows whose text is the same, one stays."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from belle_data.stages.duplicates import FIELD_DESCRIPTION, FOLD_DESCRIPTION, CompareField, DuplicateStage, FoldName


class ExactDedupConfig(BaseModel):
    """Settings of `exact_dedup`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: CompareField = Field("conversation", description=FIELD_DESCRIPTION)
    fold: tuple[FoldName, ...] = Field(("composition",), description=FOLD_DESCRIPTION)


class ExactDedup(DuplicateStage):
    """Removes every row whose text equals that of a row which is kept.

    The texts of the turns that `field` names are joined by a line feed, empty ones left out, and compared character for
    character after the folds; a hash only proposes. Who speaks, where one turn ends and the next begins, and everything
    else in the row (its id, other keys) are not compared. Of equal texts the first in the order of keeping stays: by
    the hash of the conversation, roles included, then by the bytes of the line.
    """

    name: ClassVar[str] = "exact_dedup"
    version: ClassVar[int] = 1
    reasons: ClassVar[tuple[str, ...]] = ("same_text",)
    Config: ClassVar[type[BaseModel]] = ExactDedupConfig

    def __init__(self, config: ExactDedupConfig | None = None) -> None:
        from belle_data import _native  # noqa: PLC0415 - reading a recipe needs no kernel

        config = config or ExactDedupConfig()
        super().__init__(config, _native.ExactDedup(config.field, list(config.fold)))
