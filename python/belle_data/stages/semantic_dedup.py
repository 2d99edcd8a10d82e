"""semantic_dedup: of rows that ask for the same in other words, one stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from belle_data.embed.settings import EmbedderSettings
from belle_data.stages.duplicates import removals_of
from belle_data.stages.stage import StageDefaults, Workplace, removals_of_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from belle_data import _native
    from belle_data.embed import Embedder
    from belle_data.embed.faiss_search import FaissSearch
    from belle_data.engine.decisions import Decision

ComparedField = Literal["prompt", "instruction", "output"]


class _SearchSettings(BaseModel):
    """What counts as a duplicate, and how pairs are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: tuple[ComparedField, ...] = Field(
        ("prompt", "instruction"),
        description="Texts that must be near, each by itself: all that the model is given, the first line of the "
        "user's last turn, what it answers. Pairs are found by the first.",
    )
    threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.85, description="Cosine from which on two texts are near; `calibrate` proposes one for your data."
    )
    field_threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.7,
        description="Cosine from which on the texts of a further field are near: what asks for something else about "
        "the same long text stays below it.",
    )
    rows_per_prompt: Annotated[int, Field(ge=1, lt=2**32)] = Field(
        1,
        description="Rows that stay of those whose compared texts are equal: with more than one, several answers to a "
        "prompt.",
    )
    guard: bool = Field(
        default=True, description="Keep pairs whose first texts differ in a number, a negation or a name."
    )
    engine: Literal["native", "faiss"] = Field(
        "native", description="What finds the pairs: this package's kernels, or the package faiss."
    )
    mode: Literal["clustered", "exact"] = Field(
        "clustered",
        description="`clustered` looks for pairs where they are likely, from 100,000 different prompts on; `exact` "
        "looks at every pair.",
    )
    recall_rows: Annotated[int, Field(ge=0, le=100_000)] = Field(
        2000, description="`clustered`: so many rows are compared with all others, to say how many pairs were found."
    )

    @field_validator("fields")
    @classmethod
    def _some_and_each_once(cls, fields: tuple[str, ...]) -> tuple[str, ...]:
        if not fields or len(set(fields)) != len(fields):
            message = "name one to three fields, each once"
            raise ValueError(message)
        return fields


class SemanticDedupConfig(EmbedderSettings, _SearchSettings):
    """Settings of `semantic_dedup`."""


class SemanticDedup(StageDefaults):
    """Removes every row whose prompt has a cosine of at least the threshold to that of a row which is kept.

    Rows with equal texts are one; of these the first `rows_per_prompt` in the order of keeping stay. In that order each
    row goes for the kept row that it is nearest to, if every field of the two is near and the guard finds no difference
    between them.
    Cosines near the threshold are computed again from precise vectors. A row without a prompt is compared with none.
    """

    name: ClassVar[str] = "semantic_dedup"
    version: ClassVar[int] = 1
    scans: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("row", "turns")
    adds: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = ("semantic_duplicate",)
    Config: ClassVar[type[BaseModel]] = SemanticDedupConfig

    def __init__(self, config: SemanticDedupConfig | None = None) -> None:
        self.config = self._settings = config or SemanticDedupConfig()
        self._embedder: Embedder | None = None
        self._native: _native.SemanticDedup | None = None
        self._found: tuple[pa.RecordBatch, dict[str, pa.Table], dict[str, Any]] | None = None
        self._texts: _native.ComparedTexts | None = None
        self._vectors: Any = None
        self._tolerance = 0.0
        self._workplace = Workplace()
        self._faiss: FaissSearch | None = None

    def fingerprint(self) -> str:
        """What makes the vectors, beyond the settings: the version of a model, the hash of a file.

        Raises:
            BelleError: The embedder, or the engine, is not there.
        """
        if self._settings.engine == "faiss":
            from belle_data.embed.faiss_search import check_installed  # noqa: PLC0415 - few have it

            check_installed()
        embedder = self._embedder_with(self._workplace)
        return embedder.fingerprint

    def prepare(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> None:
        """Read the texts that are compared, and embed those of which no vector is kept.

        Raises:
            BelleError: The embedder gives no vectors.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        from belle_data import _native  # noqa: PLC0415 - reading a recipe needs no kernel
        from belle_data.embed.run_vectors import RunVectors  # noqa: PLC0415 - nor numpy

        if self._embedder is not None:
            self._embedder.close()
        self._workplace = workplace
        embedder = self._embedder = self._embedder_with(workplace)
        # A file has one vector for each row, not one for each of its texts.
        fields = self._settings.fields[:1] if embedder.of_rows else self._settings.fields
        self._texts = _native.ComparedTexts.read(rows, ledger, list(fields))
        vectors = RunVectors(workplace.vectors, embedder)
        self._vectors = vectors.of(self._texts, workplace.listener)
        threshold, field_threshold = self._settings.threshold, self._settings.field_threshold
        self._native = _native.SemanticDedup(
            threshold=threshold,
            tolerance=embedder.tolerance(threshold),
            field_threshold=field_threshold,
            field_tolerance=embedder.tolerance(field_threshold),
            rows_kept=self._settings.rows_per_prompt,
            exact=self._settings.mode == "exact",
        )

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Decide over the rows that stand.

        Raises:
            BelleError: The embedder gives no vectors, or wrong ones.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow

        if self._native is None:
            self.prepare(rows, ledger, self._workplace)
        assert self._native is not None  # noqa: S101 - for the type checker
        assert self._texts is not None  # noqa: S101 - for the type checker
        assert self._embedder is not None  # noqa: S101 - for the type checker
        vectors, places = self._vectors
        faiss = None
        if self._settings.engine == "faiss":
            from belle_data.embed.faiss_search import FaissSearch  # noqa: PLC0415 - few have it

            tolerance = self._embedder.tolerance(self._settings.threshold)
            faiss = FaissSearch(self._settings, self._texts, vectors, places, self._workplace, tolerance=tolerance)
            self._faiss = faiss
        elif self._workplace.vectors is not None:
            # Of a run before, over other rows.
            (self._workplace.vectors / "index.faiss").unlink(missing_ok=True)
        removals, misses, statistics = self._native.decide(
            self._texts,
            vectors,
            vectors.shape[1],
            places,
            guard=self._settings.guard,
            second_look=self._second_look(self._embedder, self._texts),
            candidates=None if faiss is None else faiss.candidates(),
            recall_rows=self._settings.recall_rows,
        )
        if faiss is not None:
            statistics |= faiss.statistics()
        statistics = {"groups": self._texts.groups, "texts": len(self._texts), **statistics}
        tables = {"near_misses": pa.record_batch(misses), "texts": self._compared(self._texts)}
        evidence = {name: pa.Table.from_batches([batch]) for name, batch in tables.items()}
        self._found = removals_of(removals), evidence, statistics
        self._embedder.close()
        self._vectors = self._native = self._faiss = None

    def decide(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give the removals among the rows of a batch, ordered by row.

        Raises:
            ValueError: `finish` was not called.
        """
        if self._found is None:
            message = f"{self.name}: finish comes before decide"
            raise ValueError(message)
        return removals_of_rows(self._found[0], batch["row"])

    def not_told_by(self, before: BaseModel) -> str | None:
        """Why a decision with other settings does not tell this one's: it does as long as the vectors are the same."""
        changed = [
            name
            for name in EmbedderSettings.model_fields
            if getattr(before, name, None) != getattr(self._settings, name)
        ]
        if changed:
            return f"with another {' and '.join(changed)}, every text must be embedded again"
        return None

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Decide from the vectors that are kept."""
        del before
        self.finish(rows, ledger)

    def evidence(self) -> dict[str, pa.Table]:
        """``near_misses``, with ``why`` each pair stayed, and ``texts``: ``row`` and ``hash`` of what was compared."""
        return {} if self._found is None else self._found[1]

    def statistics(self) -> dict[str, Any]:
        """Texts and groups of rows that were compared, pairs that were judged and refused, and the recall."""
        return {} if self._found is None else self._found[2]

    def notes(self) -> list[str]:
        """How many pairs were found of those that there are."""
        return recall_notes(self.statistics())

    @classmethod
    def threshold_of(cls, config: Any, reason: str) -> float | None:
        """The cosine from which on a row goes."""
        del reason
        return float(config.threshold)

    def progress(self) -> tuple[int, int]:
        """Steps of `finish` that are done, and how many there are."""
        # Asked from another thread, while `finish` may forget them.
        faiss, native = self._faiss, self._native
        if faiss is not None:
            return faiss.progress()
        return (0, 0) if native is None else native.progress()

    @staticmethod
    def _compared(texts: _native.ComparedTexts) -> pa.RecordBatch:
        """The first row of each group, in the order of keeping, and the hash by which its vector is kept."""
        import pyarrow as pa  # noqa: PLC0415

        groups = pa.record_batch(texts.group_column())
        hashes = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(texts), [None, pa.py_buffer(texts.hashes())]
        ).take(groups["text"])
        return pa.record_batch({"row": groups["row"], "hash": hashes})

    def _embedder_with(self, workplace: Workplace) -> Embedder:
        from belle_data.embed import embedder_of  # noqa: PLC0415 - reading a recipe needs no embedder

        settings, notify = self._settings, workplace.listener.message
        return embedder_of(settings.embedder, cache=workplace.vectors, settings=settings, notify=notify)

    def _second_look(self, embedder: Embedder, texts: _native.ComparedTexts) -> Any:
        """What embeds a text precisely: the kernel itself if it can, else a function of the text's number."""
        if embedder.tolerance(self._settings.threshold) == 0:
            return None
        kernel = getattr(embedder, "kernel", None)
        if kernel is not None:
            return kernel

        def look(text: int) -> Any:
            import pyarrow as pa  # noqa: PLC0415

            batch = pa.record_batch(texts.column(text, text + 1))
            return embedder.embed(batch["text"], batch["row"], precisely=True)[0]

        return look


def recall_notes(statistics: dict[str, Any]) -> list[str]:
    """What the statistics of a run say about the pairs that were found, in words."""
    recall = statistics.get("recall")
    if not recall:
        return []
    rows, pairs, found = recall
    if not pairs:
        return [f"semantic_dedup: no prompt of a sample of {rows:,} has another near it, so the recall is unknown"]
    share = found / pairs
    return [f"semantic_dedup: the search finds {share:.2%} of the {pairs:,} pairs of {rows:,} sampled prompts"]
