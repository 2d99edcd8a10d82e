"""quality: rows leave whose text a language model finds stranger, or duller, than nearly all of its like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from belle_data.sizes import bytes_of
from belle_data.stages.stage import StageDefaults, Workplace, removals_of_rows, removals_schema

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from belle_data import _native
    from belle_data.engine.decisions import Decision
    from belle_data.quality.answers import Belonging
    from belle_data.quality.scorers import Scorer

Share = Annotated[float, Field(ge=0, le=0.5)]


class QualityConfig(BaseModel):
    """Settings of `quality`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        "rows",
        description="What scores the texts. `rows`: two n-gram models of the rows themselves, each row scored by the "
        "one that did not see it; a file that `lm train` has made; or `hf:` and the folder of a causal language model, "
        "which needs the package transformers.",
    )
    order: Annotated[int, Field(ge=1, le=6)] = Field(5, description="Order of the models that `rows` makes.")
    memory: Annotated[int, Field(ge=1 << 26), BeforeValidator(bytes_of)] = Field(
        2 << 30, description='Bytes for making one of these, or a text with a unit such as "2GiB".'
    )
    training_characters: Annotated[int, Field(ge=1)] | None = Field(
        40_000_000, description="Characters that one of these is made from at most, of rows drawn by their hash."
    )
    text: Literal["conversation", "prompt", "output"] = Field(
        "conversation", description="What is judged: all turns, those of the user, or those of the model."
    )
    highest: Share = Field(
        0.01, description="Share of the rows of a stratum that goes for the highest perplexity; 0 for none."
    )
    lowest: Share = Field(
        0.002, description="Share of the rows of a stratum that goes for the lowest perplexity; 0 for none."
    )
    least_rows: Annotated[int, Field(ge=1)] = Field(
        200, description="A stratum, which is a language and a length, with fewer rows loses none."
    )
    least_belonging: Annotated[float, Field(ge=-1, le=1)] | Literal["off"] = Field(
        "off",
        description="The score below which an answer does not belong to its prompt: the cosine of its vector and the "
        "one that the other rows let expect. 0.1 is a start. Embeds all prompts and answers, which takes several times "
        "as long as the rest of the stage.",
    )
    most_difficulty: Annotated[float, Field(gt=0)] | Literal["off"] = Field(
        "off",
        description="With `hf:`: the instruction-following difficulty above which an answer does not belong to its "
        "prompt: its loss given the prompt, divided by its loss alone.",
    )


class Quality(StageDefaults):
    """Removes the rows with the highest and the lowest perplexity among those of their language and length.

    Perplexity depends on both, so that a threshold for all rows would remove the short ones. The strata are the
    languages of `belle_data._native.language_names`, each split at powers of two of the number of tokens. Where equal
    values stand at the border all of them stay. A row without a token is not judged.
    """

    name: ClassVar[str] = "quality"
    version: ClassVar[int] = 1
    scans: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("row", "turns")
    adds: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = ("high_perplexity", "low_perplexity", "answer_does_not_belong")
    Config: ClassVar[type[BaseModel]] = QualityConfig

    def __init__(self, config: QualityConfig | None = None) -> None:
        self._settings = config or QualityConfig()
        self.config: BaseModel = self._settings
        self._workplace = Workplace()
        self._scorer: Scorer | None = None
        self._belonging: Belonging | None = None
        self._removals: pa.RecordBatch | None = None
        self._evidence: dict[str, pa.Table] = {}
        self._statistics: dict[str, Any] = {}

    def fingerprint(self) -> str:
        """What scores, beyond the settings.

        Raises:
            BelleError: The model is not there, or is none.
        """
        from belle_data.quality.scorers import scorer_of  # noqa: PLC0415 - reading a recipe needs no model

        self._scorer = scorer_of(self._settings)
        if not self._judges_belonging:
            return self._scorer.fingerprint
        from belle_data.quality.answers import Belonging  # noqa: PLC0415

        self._belonging = Belonging()
        return f"{self._scorer.fingerprint}; {self._belonging.fingerprint}"

    def prepare(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> None:
        """Remember what is lent."""
        del rows, ledger
        self._workplace = workplace

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Score the rows that stand, and decide.

        Raises:
            BelleError: The model, or the embedder, cannot score them.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        from belle_data.quality.scorers import scorer_of  # noqa: PLC0415
        from belle_data.quality.strata import weights_of, with_languages  # noqa: PLC0415

        scorer = self._scorer = self._scorer or scorer_of(self._settings)
        try:
            scores = with_languages(scorer.score(rows, ledger, self._workplace), rows, ledger)
            scores = scores.append_column("weight", [weights_of(scores, self._settings.text)])
            if self._judges_belonging:
                scores = scores.append_column("belonging", [self._belonging_of(rows, scores)])
            self._decide_by(scores)
            from belle_data.quality.tokens import strangest_tokens  # noqa: PLC0415

            self._evidence = {"perplexities": scores, "tokens": strangest_tokens(scorer, rows, scores, self._settings)}
        finally:
            scorer.close()

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
        """Why a decision with other settings does not tell this one's: the shares may change, the model may not."""
        if self._judges_belonging and getattr(before, "least_belonging", "off") == "off":
            return "it did not score how well answers belong to their prompts"
        decides_alone = {"highest", "lowest", "least_rows", "least_belonging", "most_difficulty"}
        changed = [
            name
            for name in QualityConfig.model_fields
            if name not in decides_alone and getattr(before, name) != getattr(self._settings, name)
        ]
        if changed:
            return f"with another {' and '.join(changed)}, every text must be scored again"
        return None

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Decide from the scores that were written down."""
        del rows, ledger
        scores = before.evidence["perplexities"]
        if not self._judges_belonging and "belonging" in scores.column_names:
            # A run with these settings would not have scored it.
            scores = scores.drop_columns("belonging")
        self._evidence = {"perplexities": scores, "tokens": before.evidence["tokens"]}
        self._decide_by(scores)

    def evidence(self) -> dict[str, pa.Table]:
        """``perplexities``, what each row was judged by, and ``tokens``, what was strangest in the strangest rows."""
        return self._evidence

    def statistics(self) -> dict[str, Any]:
        """Rows that were judged, strata, and percentiles of the perplexity."""
        return self._statistics

    def notes(self) -> list[str]:
        """Nothing but what the counts say."""
        return []

    @classmethod
    def without(cls, config: Any, reason: str) -> Any:
        """The settings with which no row goes for a reason."""
        field = {"high_perplexity": "highest", "low_perplexity": "lowest"}.get(reason)
        off = {"least_belonging": "off", "most_difficulty": "off"}
        return config.model_copy(update={field: 0.0} if field else off)

    def progress(self) -> tuple[int, int]:
        """Steps of the scorer, or of the score of answers once that has begun."""
        belonging, scorer = self._belonging, self._scorer
        if belonging is not None and belonging.progress()[1]:
            return belonging.progress()
        return (0, 0) if scorer is None else scorer.progress()

    @property
    def _judges_belonging(self) -> bool:
        return self._settings.least_belonging != "off"

    def _belonging_of(self, rows: _native.Corpus | _native.ArrowRows, scores: pa.Table) -> npt.NDArray[Any]:
        from belle_data.quality.answers import Belonging  # noqa: PLC0415

        belonging = self._belonging = self._belonging or Belonging()
        try:
            return belonging.scores(rows, scores["row"].to_numpy())
        finally:
            belonging.close()

    def _decide_by(self, scores: pa.Table) -> None:
        import numpy as np  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415

        from belle_data.quality.strata import judged, tails  # noqa: PLC0415

        settings, rows = self._settings, scores["row"].to_numpy()
        values, strata = judged(scores, settings.text)
        low, high = tails(values, strata, settings.lowest, settings.highest, settings.least_rows)
        reasons: npt.NDArray[np.uint8] = np.full(len(rows), 255, np.uint8)
        if settings.most_difficulty != "off" and "difficulty" in scores.column_names:
            difficulty = scores["difficulty"].to_numpy()
            reasons[difficulty > settings.most_difficulty] = 2
        if settings.least_belonging != "off" and "belonging" in scores.column_names:
            reasons[scores["belonging"].to_numpy() < settings.least_belonging] = 2
        reasons[low], reasons[high] = 1, 0
        gone = reasons < 255
        count = int(gone.sum())
        self._removals = pa.record_batch(
            [
                pa.array(rows[gone], pa.uint32()),
                pa.array(reasons[gone], pa.uint8()),
                pa.nulls(count, pa.uint32()),
                pa.nulls(count, pa.float64()),
            ],
            schema=removals_schema(),
        )
        known = values[~np.isnan(values)]
        self._statistics = {
            "judged": len(known),
            "strata": len(np.unique(strata[~np.isnan(values)])),
            "perplexity": {
                str(percent): float(np.exp(np.percentile(known, percent))) for percent in (1, 25, 50, 75, 99)
            }
            if len(known)
            else {},
        }
