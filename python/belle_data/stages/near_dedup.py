"""near_dedup: of rows whose texts are nearly the same, one stays, on the evidence of an exact Jaccard similarity."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from belle_data.stages.duplicates import (
    FIELD_DESCRIPTION,
    FOLD_DESCRIPTION,
    CompareField,
    DuplicateStage,
    FoldName,
    removals_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from belle_data import _native
    from belle_data.engine.decisions import Decision


class NearDedupConfig(BaseModel):
    """Settings of `near_dedup`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: CompareField = Field("conversation", description=FIELD_DESCRIPTION)
    fold: tuple[FoldName, ...] = Field((), description=FOLD_DESCRIPTION)
    threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="Jaccard similarity of the shingle sets from which on two rows are near duplicates."
    )
    mode: Literal["banded", "exact"] = Field(
        "banded",
        description="`banded` finds candidates by MinHash bands; `exact` finds every pair, which takes longer.",
    )
    shingle_characters: Annotated[int, Field(ge=1, le=64)] = Field(
        5, description="Characters in a shingle of a text with any Han, kana or hangul."
    )
    shingle_words: Annotated[int, Field(ge=1, le=64)] = Field(3, description="Words in a shingle of any other text.")
    permutations: Annotated[int, Field(ge=1, le=4096)] = Field(64, description="16-bit lanes of a signature.")
    bands: Annotated[int, Field(ge=1)] = Field(16, description="Bands; a pair that agrees in one is a candidate.")
    rows_per_band: Annotated[int, Field(ge=1)] = Field(4, description="Lanes in a band.")
    target_recall: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="Wanted probability that a pair at the threshold becomes a candidate: derives `bands` and "
        "`rows_per_band`, and `permutations` if these are too few.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**64)] = Field(1, description="Seed of the signatures.")

    @model_validator(mode="before")
    @classmethod
    def _derive_bands(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        # What is no number or out of range is left for the validation of the fields to name.
        target = _number(values.get("target_recall"))
        threshold = _number(values.get("threshold", cls.model_fields["threshold"].default))
        permutations = _number(values.get("permutations", cls.model_fields["permutations"].default))
        if not (0 < target < 1 and 0 < threshold <= 1 and 1 <= permutations <= 4096):
            return values
        permutations, bands, rows = banding_for(target, threshold, int(permutations))
        # Equal ones are no conflict: a recipe that was resolved, as a manifest holds it, can be used again.
        derived = {"bands": bands, "rows_per_band": rows}
        clash = [key for key, value in derived.items() if key in values and _number(values[key]) != value]
        if clash:
            which = " and ".join(f"`{key}`" for key in clash)
            raise PydanticCustomError(
                "setting_conflict",
                "{which} cannot be set beside `target_recall`, which derives {values}",
                {
                    "which": which,
                    "values": f"{bands} bands of {rows} rows",
                    "hint": f"drop {' and '.join(f'near_dedup.{key}' for key in clash)}, or drop "
                    "near_dedup.target_recall",
                },
            )
        return {**values, "permutations": permutations, "bands": bands, "rows_per_band": rows}

    @model_validator(mode="after")
    def _bands_fit(self) -> NearDedupConfig:
        if self.bands * self.rows_per_band > self.permutations:
            message = (
                f"{self.bands} bands of {self.rows_per_band} rows need {self.bands * self.rows_per_band} permutations, "
                f"there are {self.permutations}"
            )
            raise ValueError(message)
        return self


def _number(value: object) -> float:
    """A value as the validation of a number reads it, texts of a command line too; NaN for anything else."""
    try:
        return float(value) if isinstance(value, int | float | str) else nan
    except (ValueError, OverflowError):
        return nan


def candidate_probability(similarity: float, bands: int, rows_per_band: int) -> float:
    """Probability that a pair of a Jaccard similarity agrees in at least one band: ``1 - (1 - s^rows)^bands``."""
    return 1.0 - (1.0 - similarity**rows_per_band) ** bands


def banding_for(target_recall: float, threshold: float, permutations: int) -> tuple[int, int, int]:
    """Permutations, bands and rows per band with which a pair at the threshold is a candidate with `target_recall`.

    The longest bands that reach the target are taken, since they propose the fewest wrong candidates. If even bands of
    one row do not reach it, the permutations are doubled, up to 4,096.
    """
    while True:
        for rows in range(permutations, 0, -1):
            bands = permutations // rows
            if candidate_probability(threshold, bands, rows) >= target_recall:
                return permutations, bands, rows
        if permutations >= 4096:
            return permutations, permutations, 1
        permutations = min(permutations * 2, 4096)


def recall_curve(config: NearDedupConfig) -> list[tuple[float, float]]:
    """Similarities from 0.3 to 1.0 with the probability that a pair of that similarity becomes a candidate."""
    steps = [step / 20 for step in range(6, 21)]
    return [(step, candidate_probability(step, config.bands, config.rows_per_band)) for step in steps]


class NearDedup(DuplicateStage):
    """Removes every row that has a Jaccard similarity of at least the threshold to a row which is kept.

    MinHash signatures (Broder 1997) and banding propose pairs; the exact Jaccard similarity of the shingle sets
    decides. In the order of keeping, each row that still stands removes its near duplicates, so no chain removes a row
    for one that it does not resemble.
    """

    name: ClassVar[str] = "near_dedup"
    version: ClassVar[int] = 2
    reasons: ClassVar[tuple[str, ...]] = ("near_duplicate",)
    Config: ClassVar[type[BaseModel]] = NearDedupConfig

    def __init__(self, config: NearDedupConfig | None = None) -> None:
        from belle_data import _native  # noqa: PLC0415 - reading a recipe needs no kernel

        self._settings = config or NearDedupConfig()
        self._native = _native.NearDedup(
            field=self._settings.field,
            fold=list(self._settings.fold),
            shingle_characters=self._settings.shingle_characters,
            shingle_words=self._settings.shingle_words,
            threshold=self._settings.threshold,
            permutations=self._settings.permutations,
            bands=self._settings.bands,
            rows_per_band=self._settings.rows_per_band,
            seed=self._settings.seed,
            exact=self._settings.mode == "exact",
        )
        self._evidence: dict[str, pa.Table] = {}
        super().__init__(self._settings, self._native)

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Decide over the scanned rows that stand.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        self._remember(*self._native.finish(rows, ledger))

    def not_told_by(self, before: BaseModel) -> str | None:
        """Why a decision with other settings does not tell this one's: it does for a higher threshold."""
        config = self._settings
        if not isinstance(before, NearDedupConfig) or "exact" in {before.mode, config.mode}:
            return f"{self.name} writes down what a higher threshold needs only with mode=banded"
        if config.model_copy(update={"threshold": before.threshold}) != before:
            return super().not_told_by(before)
        if config.threshold < before.threshold:
            return (
                f"{self.name} looked only at pairs from {before.threshold:g} on, and a threshold of "
                f"{config.threshold:g} needs pairs that it never looked at"
            )
        return None

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Decide from a decision at a lower threshold: only components that lose less now are looked at again."""
        del ledger
        self._remember(*self._native.raise_threshold(rows, before.removals, before.evidence["components"]))

    def evidence(self) -> dict[str, pa.Table]:
        """``near_misses``, and ``components``: the rows that are bound to a removed one by chains of candidates."""
        return self._evidence

    @classmethod
    def threshold_of(cls, config: Any, reason: str) -> float | None:
        """The similarity from which on a row goes."""
        del reason
        return float(config.threshold)

    def _remember(self, removals: Any, near_misses: Any, components: Any) -> None:
        import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow

        self._removals = removals_of(removals)
        misses = pa.record_batch(near_misses).select(["row", "kept_row", "similarity"])
        misses = misses.rename_columns(["row", "other_row", "similarity"])
        self._evidence = {
            "near_misses": pa.Table.from_batches([misses]),
            "components": pa.Table.from_batches([pa.record_batch(components)]),
        }
