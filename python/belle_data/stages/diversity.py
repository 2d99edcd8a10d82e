"""diversity: of the rows that are good, as many as wanted whose words are spread most evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from belle_data.errors import UsageError
from belle_data.stages.stage import StageDefaults, Workplace, removals_of_rows, removals_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from belle_data import _native
    from belle_data.engine.decisions import Decision

ALL_ROWS = 2**32
"""More rows than there are: no limit."""


class DiversityConfig(BaseModel):
    """Settings of `diversity`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_rows: Annotated[int, Field(ge=1, le=ALL_ROWS)] | None = Field(
        None, description="Rows that stay at most; the stage does not run without it, but for a `cap`."
    )
    mode: Literal["greedy", "cap"] = Field(
        "greedy",
        description="`greedy` takes again and again the row that adds most words which are rare so far; `cap` goes "
        "through the rows by chance and lets those go whose words it has seen often.",
    )
    cap: Annotated[int, Field(ge=1, le=ALL_ROWS)] | None = Field(
        None,
        description="`cap`: a row goes if more than half of its content words are in so many rows that stay.",
    )
    prompt_weight: Annotated[float, Field(ge=0, le=100)] = Field(
        3.0, description="`greedy`: a word of a prompt counts as so many of an answer; 0 looks at the answers alone."
    )
    length_normalisation: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0,
        description="`greedy`: the words of a row count by its length to this power less: 0 prefers long rows, 1 makes "
        "all rows count the same.",
    )
    quality_weight: bool = Field(
        default=True,
        description="`greedy`, after `quality`: the words of a row count less the farther its perplexity is from the "
        "middle of its stratum, half at the ends.",
    )

    def missing(self) -> str | None:
        """The setting that the stage does not run without, if it is not there."""
        if self.mode == "cap":
            return "cap" if self.cap is None else None
        return "target_rows" if self.target_rows is None else None


class Diversity(StageDefaults):
    """Keeps as many rows as wanted, so that the distribution of their words is flat and no topic floods them.

    Maximises the sum over words of the square root of how much of it the chosen rows have, by greedy choice. The rank
    in which a row was taken is written down: it tells the choice for every smaller number of rows.
    """

    name: ClassVar[str] = "diversity"
    version: ClassVar[int] = 2
    scans: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("row", "turns")
    adds: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = ("not_chosen", "words_seen_often")
    Config: ClassVar[type[BaseModel]] = DiversityConfig

    def __init__(self, config: DiversityConfig | None = None) -> None:
        self.config = self._settings = config or DiversityConfig()
        self._native: _native.Diversity | None = None
        self._scores: pa.Table | None = None
        self._removals: pa.RecordBatch | None = None
        self._statistics: dict[str, Any] = {}
        self._workplace = Workplace()

    def prepare(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> None:
        """Check that the settings say what to do.

        Raises:
            UsageError: `target_rows`, or the `cap`, is not set.
        """
        del rows, ledger
        self._workplace = workplace
        self._check()

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Decide over the rows that stand.

        Raises:
            UsageError: `target_rows`, or the `cap`, is not set.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow

        words = self._read(rows, ledger)
        assert self._native is not None  # noqa: S101 - for the type checker
        settings = self._settings
        target = ALL_ROWS if settings.target_rows is None else settings.target_rows
        weights = self._weights(pa.record_batch(words.longest(len(words)))["row"])
        found, objective = self._native.choose(
            words, target, cap=settings.cap if settings.mode == "cap" else None, weights=weights
        )
        self._scores = pa.Table.from_batches([pa.record_batch(found)])
        self._decide(words, objective)

    def decide(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give the removals among the rows of a batch, ordered by row.

        Raises:
            ValueError: `finish` was not called.
        """
        if self._removals is None:
            message = f"{self.name}: finish comes before decide"
            raise ValueError(message)
        return removals_of_rows(self._removals, batch["row"])

    def not_told_by(self, before: BaseModel) -> str | None:
        """None: it decides again over the rows that stand, and other stages do not see what it removes."""
        del before
        return None

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Decide from the texts of the rows that stand."""
        del before
        self.finish(rows, ledger)

    def evidence(self) -> dict[str, pa.Table]:
        """``scores``: ``rank``, ``value``, ``often`` and ``common_words`` of each row that stood before."""
        return {} if self._scores is None else {"scores": self._scores}

    def statistics(self) -> dict[str, Any]:
        """The measures of words ``before``, ``after``, ``by_chance`` and of the ``longest`` rows, as many as stay."""
        return self._statistics

    def notes(self) -> list[str]:
        """What the choice has done to the distribution of words."""
        return notes_of(self._statistics)

    @classmethod
    def without(cls, config: Any, reason: str) -> Any:
        """The settings without the limit that gives a reason."""
        return config.model_copy(update={"target_rows" if reason == "not_chosen" else "cap": ALL_ROWS})

    def progress(self) -> tuple[int, int]:
        """Steps of `finish` that are done, and how many there are."""
        native = self._native
        return (0, 0) if native is None else native.progress()

    def _weights(self, rows: pa.Array) -> pa.Array | None:
        """What `quality` says that rows count, null for those of which it says nothing; None if it did not run."""
        import pyarrow.compute as pc  # noqa: PLC0415

        quality = self._workplace.before.get("quality")
        if quality is None or not self._settings.quality_weight:
            return None
        scores = quality.evidence["perplexities"].combine_chunks()
        return scores["weight"].combine_chunks().take(pc.index_in(rows, scores["row"].combine_chunks()))

    def _check(self) -> None:
        missing = self._settings.missing()
        if missing is not None:
            raise UsageError(f"diversity needs `{missing}`", hint=f"for example --set diversity.{missing}=500000")

    def _read(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> _native.Words:
        from belle_data import _native  # noqa: PLC0415 - reading a recipe needs no kernel

        self._check()
        settings = self._settings
        self._native = _native.Diversity(
            prompt_weight=settings.prompt_weight, length_normalisation=settings.length_normalisation
        )
        return _native.Words.read(rows, ledger, self._native)

    def _decide(self, words: _native.Words, objective: float) -> None:
        """Take the removals from the scores, and measure."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        scores = self._scores
        assert scores is not None  # noqa: S101 - for the type checker
        chosen = pc.is_valid(scores["rank"])
        gone = scores.filter(pc.invert(chosen))
        columns = [
            gone["row"],
            gone["often"].cast(pa.uint8()),
            pa.nulls(len(gone), pa.uint32()),
            pa.nulls(len(gone), pa.float64()),
        ]
        columns = [column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column for column in columns]
        self._removals = pa.record_batch(columns, schema=removals_schema())
        kept = scores.filter(chosen)["row"].combine_chunks()
        size = len(kept)
        self._statistics = {
            "target_rows": self._settings.target_rows,
            "objective": objective,
            "before": words.measure(),
            "after": words.measure(kept),
            "by_chance": words.measure(pa.record_batch(words.by_chance(size))["row"]),
            "longest": words.measure(pa.record_batch(words.longest(size))["row"]),
        }


def notes_of(statistics: dict[str, Any]) -> list[str]:
    """What the statistics of a run say, in words."""
    if not statistics:
        return []
    before, after, chance, longest = (statistics[name] for name in ("before", "after", "by_chance", "longest"))
    target = statistics["target_rows"]
    notes = []
    if target is not None and before["rows"] <= target:
        notes.append(f"diversity: {before['rows']:,} rows stand and {target:,} were asked for, so all stay")
    if after["rows"] < before["rows"] and None not in (after["entropy"], chance["entropy"], longest["entropy"]):
        notes.append(
            f"diversity: entropy of words {after['entropy']:.2f} bits (by chance {chance['entropy']:.2f}, the longest "
            f"rows {longest['entropy']:.2f}), the 100 most frequent are {after['top_100_share']:.1%} of all "
            f"({chance['top_100_share']:.1%}, {longest['top_100_share']:.1%})"
        )
    return notes
