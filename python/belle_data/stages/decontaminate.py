"""decontaminate: rows that hold text of an evaluation set go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from belle_data.errors import UsageError
from belle_data.stages.stage import StageDefaults, Workplace, removals_of_rows, removals_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from belle_data import _native
    from belle_data.engine.decisions import Decision
    from belle_data.stages.evaluation_rows import EvaluationFiles

NO_EVALUATION_FILE = "name the evaluation files with --against FILE, or in the recipe with decontaminate.against"
_Off: TypeAlias = Literal["off"]
_THRESHOLDS = ("threshold", "covered", "run")
SHARED_NGRAMS, NEAR = 0, 1


class DecontaminateConfig(BaseModel):
    """Settings of `decontaminate`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    against: tuple[str, ...] = Field(
        (),
        description="The evaluation rows: files, folders, globs or URLs, in any format that the input may have.",
    )
    threshold: Annotated[float, Field(ge=0.8, le=1)] | _Off = Field(
        0.85,
        description="Similarity of an evaluation text and a part of a row from which on the row goes: one less the "
        "characters that must be inserted, deleted or replaced, as a share of the evaluation text.",
    )
    covered: Annotated[float, Field(ge=0.1, le=1)] | _Off = Field(
        0.6,
        description="Share of an evaluation text in n-grams that a row shares with it from which on the row goes.",
    )
    run: Annotated[int, Field(ge=8, le=2**24)] | _Off = Field(
        "off", description="Characters in one stretch, shared with an evaluation text, from which on a row goes."
    )
    ngram: Annotated[int, Field(ge=8, le=64)] = Field(
        13,
        description="Characters of an n-gram; a letter or digit counts a third of a Han character, here and in the "
        "other lengths. A shorter evaluation prompt is compared whole.",
    )
    common_texts: Annotated[int, Field(ge=1, le=2**31)] = Field(
        10, description="An n-gram in more evaluation texts than this is a phrase of a template, and does not count."
    )
    answers: bool = Field(default=True, description="Look for the answers of evaluation rows too, not only prompts.")
    shortest_answer: Annotated[int, Field(ge=8, le=2**24)] = Field(
        40, description="Characters from which on an answer is looked for."
    )


class Decontaminate(StageDefaults):
    """Removes every row that holds a prompt or a long answer of an evaluation set, as a whole, in large part or nearly.

    Each row is judged by itself. What it shares with which evaluation row, and where, is written down for every match,
    so that thresholds can be set later without the texts.
    """

    name: ClassVar[str] = "decontaminate"
    version: ClassVar[int] = 1
    scans: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("row", "turns")
    adds: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = ("shared_ngrams", "near_evaluation_row")
    Config: ClassVar[type[BaseModel]] = DecontaminateConfig

    def __init__(self, config: DecontaminateConfig | None = None) -> None:
        self.config = self._settings = config or DecontaminateConfig()
        self._files: EvaluationFiles | None = None
        self._native: _native.EvaluationRows | None = None
        self._removals: pa.RecordBatch | None = None
        self._tables: dict[str, pa.Table] = {}
        self._statistics: dict[str, Any] = {}

    def fingerprint(self) -> str:
        """A hash of what the evaluation files hold.

        Raises:
            UsageError: There are none, or a name is nothing.
            SourceError: One cannot be read, or holds no row.
        """
        return self._evaluation().fingerprint

    def prepare(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> None:
        """Read and index the evaluation rows.

        Raises:
            UsageError: There are none, or a name is nothing.
            SourceError: One cannot be read, or holds no row.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        from belle_data import _native  # noqa: PLC0415 - reading a recipe needs no kernel

        del rows, ledger, workplace
        settings = self._settings
        self._native = _native.EvaluationRows(
            self._evaluation().rows,
            ngram=settings.ngram,
            common_texts=settings.common_texts,
            answers=settings.answers,
            shortest_answer=settings.shortest_answer,
        )

    def scan(self, batch: pa.RecordBatch) -> None:
        """Remember nothing: `finish` reads the rows that stand."""

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Look for the evaluation rows in the rows that stand, and decide.

        Raises:
            UsageError, SourceError: As for `prepare`.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow

        if self._native is None:
            self.prepare(rows, ledger, Workplace())
        assert self._native is not None  # noqa: S101 - for the type checker
        files = self._evaluation()
        found = pa.table(pa.record_batch(self._native.find(rows, ledger)))
        about = files.about.take(found["evaluation_row"])
        for place, name in enumerate(about.column_names, start=4):
            found = found.add_column(place, name, about[name])
        compared = pa.record_batch(self._native.compared())["compared"]
        self._statistics = {
            "evaluation_rows": len(self._native),
            "compared": compared.true_count,
            "files": files.hashes,
        }
        self._native = None
        self._settle(found)

    def _settle(self, matches: pa.Table) -> None:
        """Decide from the matches, and say for each evaluation row what was found."""
        fired = fired_matches(matches, self._settings)
        self._removals = _removals(fired)
        evaluation = _by_evaluation_row(fired)
        self._tables = {"matches": matches, "evaluation": evaluation}
        self._statistics["found"] = evaluation.num_rows

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
        """Why a decision with other settings does not tell this one's: it does if only the thresholds are others."""
        changed = [name for name, value in before if getattr(self._settings, name) != value and name not in _THRESHOLDS]
        if changed:
            return f"with another {' and '.join(changed)}, {self.name} finds other matches"
        return None

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Decide from the matches that were written down."""
        del rows, ledger
        self._statistics = dict(before.statistics)
        self._settle(before.evidence["matches"])

    def evidence(self) -> dict[str, pa.Table]:
        """``matches``: what rows share with evaluation rows, and ``evaluation``: the evaluation rows that were found.

        ``matches`` has the columns of `belle_data._native.EvaluationRows.find`, with ``against``, ``against_row`` and
        ``against_id`` before ``evaluation_row``; also of what stayed. ``evaluation`` has a line for each evaluation row
        for which rows went: these three, ``part`` and ``row``, the strongest match, ``rows``, how many went for it,
        ``similarity`` and ``covered``, the highest.
        """
        return self._tables

    def statistics(self) -> dict[str, Any]:
        """How many evaluation rows there are, are compared and were found; the hash of each file."""
        return self._statistics

    def notes(self) -> list[str]:
        """How many evaluation rows were found in the data."""
        known = self._statistics
        if not known:
            return []
        several = f"{known['found']:,} of {known['evaluation_rows']:,} evaluation rows were found in the data"
        left = known["evaluation_rows"] - known["compared"]
        without = f"; {left:,} hold no prompt to look for" if left else ""
        return [f"{self.name}: {several}{without}"]

    @classmethod
    def threshold_of(cls, config: Any, reason: str) -> float | None:
        """The similarity, or the covered share, from which on a row goes."""
        value = config.covered if reason == "shared_ngrams" else config.threshold
        return None if value == "off" else float(value)

    @classmethod
    def without(cls, config: Any, reason: str) -> Any:
        """The settings with one of the reasons switched off."""
        names = ("covered", "run") if reason == "shared_ngrams" else ("threshold",)
        return config.model_copy(update=dict.fromkeys(names, "off"))

    def progress(self) -> tuple[int, int]:
        """Rows that were looked at, and how many there are."""
        # Asked from another thread, while `finish` may forget it.
        native = self._native
        return (0, 0) if native is None else native.progress()

    def _evaluation(self) -> EvaluationFiles:
        if self._files is None:
            if not self._settings.against:
                raise UsageError(f"{self.name} has no evaluation rows to look for", hint=NO_EVALUATION_FILE)
            from belle_data.stages.evaluation_rows import read_evaluation_files  # noqa: PLC0415 - loads the kernels

            self._files = read_evaluation_files(self._settings.against)
        return self._files


def fired_matches(matches: pa.Table, config: DecontaminateConfig) -> pa.Table:
    """The matches for which a row goes, with two more columns: ``reason`` uint8 and ``value`` float64, what fired."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    def reaches(column: str, least: float | _Off) -> Any:
        if least == "off":
            return pa.repeat(pa.scalar(value=False), matches.num_rows)
        return pc.fill_null(pc.greater_equal(matches[column], least), fill_value=False)

    near = reaches("similarity", config.threshold)
    shared = pc.or_(reaches("covered", config.covered), reaches("run", config.run))
    reason = pc.if_else(near, pa.scalar(NEAR, pa.uint8()), pa.scalar(SHARED_NGRAMS, pa.uint8()))
    value = pc.if_else(near, matches["similarity"], matches["covered"])
    return matches.append_column("reason", reason).append_column("value", value).filter(pc.or_(near, shared))


def _removals(fired: pa.Table) -> pa.RecordBatch:
    """For each row the strongest match: a near one before shared n-grams, then the highest value."""
    import pyarrow as pa  # noqa: PLC0415

    best = _first_of(fired, "row")
    columns = [best["row"], best["reason"], pa.nulls(best.num_rows, pa.uint32()), best["value"]]
    batch = pa.table(columns, schema=removals_schema()).combine_chunks().to_batches()
    return batch[0] if batch else pa.RecordBatch.from_pylist([], schema=removals_schema())


def _by_evaluation_row(fired: pa.Table) -> pa.Table:
    import pyarrow.compute as pc  # noqa: PLC0415

    best = _first_of(fired, "evaluation_row")
    values = [("row", "count_distinct"), ("similarity", "max"), ("covered", "max")]
    counts = fired.group_by("evaluation_row").aggregate(values).sort_by("evaluation_row")
    columns = ["against", "against_row", "against_id", "part", "row"]
    found = best.select(columns).append_column("rows", pc.cast(counts["row_count_distinct"], "uint32"))
    for name in ("similarity", "covered"):
        found = found.append_column(name, counts[f"{name}_max"])
    return found.combine_chunks()


def _first_of(fired: pa.Table, column: str) -> pa.Table:
    """For each value of a column the strongest match, in the order of the values."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    order = [(column, "ascending"), ("reason", "descending"), ("value", "descending")]
    order += [(name, "ascending") for name in ("row", "turn", "evaluation_row", "part") if name != column]
    in_order = fired.sort_by(order)
    values = in_order[column].combine_chunks()
    if len(values) == 0:
        return in_order
    first = pc.not_equal(values[1:], values[:-1])
    return in_order.filter(pa.concat_arrays([pa.array([True]), first]))
