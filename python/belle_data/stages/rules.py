"""rules: rows that are no use for training, judged one by one: empty, broken, repeating, refusing, and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from belle_data.stages.stage import StageDefaults, removals_of_rows, removals_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from belle_data import _native
    from belle_data.engine.decisions import Decision

_Off: TypeAlias = Literal["off"]
Count: TypeAlias = Annotated[int, Field(ge=1, le=254)] | _Off
Characters: TypeAlias = Annotated[int, Field(ge=0, lt=2**24)] | _Off
Share: TypeAlias = Annotated[float, Field(gt=0, le=1)] | _Off


class RulesConfig(BaseModel):
    """Settings of `rules`: a threshold for each rule, or `off`.

    The rules are asked in this order, and the first that fires gives the reason. Every value is computed, that of a
    rule which is off too, so that a threshold can be set later without the texts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    empty_answer: Count = Field(
        1, description="Empty answers in a conversation from which on it goes; one without any answer counts as 1."
    )
    mojibake: Count = Field(
        1,
        description="Characters that a wrong decoding has left (replacement characters, UTF-8 read as Windows-1252 or "
        "GBK, C1 controls, private characters) from which on a row goes.",
    )
    short_prompt: Characters = Field(1, description="Fewest characters of all prompts together.")
    long_prompt: Characters = Field("off", description="Most characters of all prompts together.")
    short_answer: Characters = Field(1, description="Fewest characters of the shortest answer.")
    long_answer: Characters = Field("off", description="Most characters of the longest answer.")
    answer_is_instruction: Count = Field(
        1,
        description="Answers with the letters of their instruction, in either case, from which on a row goes.",
    )
    top_2gram: Share = Field("off", description="Share of an answer's letters in the pair of units that covers most.")
    top_3gram: Share = Field("off", description="The same for three units.")
    top_4gram: Share = Field("off", description="The same for four units.")
    repeated_5grams: Share = Field(
        "off", description="Share of an answer's letters in runs of five units that came before in it."
    )
    repeated_6grams: Share = Field("off", description="The same for six units.")
    repeated_7grams: Share = Field("off", description="The same for seven units.")
    repeated_8grams: Share = Field("off", description="The same for eight units.")
    repeated_9grams: Share = Field("off", description="The same for nine units.")
    repeated_10grams: Share = Field(0.8, description="The same for ten units.")
    repeated_lines: Share = Field("off", description="Share of an answer's letters in lines that came before in it.")
    character_run: Share = Field(
        0.6, description="Share of an answer's characters in the longest run of one character."
    )
    speaks_as_ai: Count = Field(1, description="Places where the answers speak as an AI, from which on a row goes.")
    refusal: Count = Field(1, description="Answers that begin with a refusal, from which on a row goes.")
    other_language: Share = Field(
        0.6,
        description="Share of an answer's words in another language, where the prompt is Chinese and asks for none.",
    )
    missing_content: Count = Field(
        1,
        description="Gaps in the answers where there should be what was asked for, such as `[insert chart]`, from "
        "which on a row goes.",
    )
    missing_name: Count = Field(
        "off",
        description="Gaps for names and dates in the answers, such as `[Name]`, that nobody asked for, from which on a "
        "row goes.",
    )
    media_in_prompt: Count = Field(
        "off", description="Pictures, sounds and hints at some in the prompts, from which on a row goes."
    )
    link_in_prompt: Count = Field("off", description="Links in the prompts from which on a row goes.")
    media_in_answer: Count = Field("off", description="Pictures in the answers from which on a row goes.")
    link_in_answer: Count = Field("off", description="Links in the answers from which on a row goes.")

    def thresholds(self) -> dict[str, float | None]:
        """Each rule's threshold by its name, None for one that is off."""
        return {name: None if value == "off" else float(value) for name, value in self}


class Rules(StageDefaults):
    """Removes rows for what they are: each goes for the first rule that fires, whatever the other rows are."""

    name: ClassVar[str] = "rules"
    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = ("row", "turns")
    adds: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = (
        "empty_answer",
        "mojibake",
        "short_prompt",
        "long_prompt",
        "short_answer",
        "long_answer",
        "answer_is_instruction",
        "repetition",
        "speaks_as_ai",
        "refusal",
        "other_language",
        "placeholder",
        "link_or_media",
    )
    Config: ClassVar[type[BaseModel]] = RulesConfig

    def __init__(self, config: RulesConfig | None = None) -> None:
        from belle_data import _native  # noqa: PLC0415 - reading a recipe needs no kernel

        self._settings = config or RulesConfig()
        self.config: BaseModel = self._settings
        self._kernel = _native.Rules(**self._settings.thresholds())
        self._scores: pa.Table | None = None
        self._removals: pa.RecordBatch | None = None

    def scan(self, batch: pa.RecordBatch) -> None:
        """Measure the rows of a batch with the columns of `needs`; without a column `non_text_parts` none has any."""
        self._kernel.scan(batch)

    def finish(self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None) -> None:
        """Decide over the scanned rows that stand.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        self._removals = _as_removals(self._kernel.finish(rows, ledger))

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
        """None: the values of all rules are written down, those of rules that are off too."""
        del before
        return None

    def decide_again(self, before: Decision, rows: _native.Corpus, ledger: _native.Ledger) -> None:
        """Decide from the values that were written down."""
        del rows, ledger
        self._scores = before.evidence["scores"]
        self._removals = decide_by_scores(self._scores, self._settings)

    def findings(self, batch: pa.RecordBatch) -> Any:
        """What each rule finds in the first row of a batch, with the place that decided, as Arrow data."""
        return self._kernel.findings(batch)

    def evidence(self) -> dict[str, pa.Table]:
        """``scores``: the values of all scanned rows, ``row`` uint32 and a float32 for each setting, null for none."""
        import pyarrow as pa  # noqa: PLC0415 - reading a recipe must not wait for Arrow

        if self._scores is None:
            self._scores = pa.Table.from_batches([pa.record_batch(self._kernel.values(0, len(self._kernel)))])
        return {"scores": self._scores}

    @classmethod
    def without(cls, config: Any, reason: str) -> Any:
        """The settings with every rule of a reason off."""
        return config.model_copy(update=dict.fromkeys(rules_of(reason), "off"))


def rules_of(reason: str) -> list[str]:
    """The rules that give a reason, by their names in the settings, in the order in which they are asked."""
    from belle_data import _native  # noqa: PLC0415

    return [name for name, given, _ in _native.Rules.measures() if given == reason]


def decide_by_scores(scores: Any, config: RulesConfig) -> pa.RecordBatch:
    """Decide by values that `Rules.evidence` gave, with these settings: what a run over the texts would remove.

    Args:
        scores: Arrow data with ``row`` and the columns of these; those of rules that are off may be missing.
        config: The settings.

    Returns:
        The removals, with the columns of `removals_schema`, in the order of `scores`.

    Raises:
        ValueError: A column is missing or of another type.
    """
    from belle_data import _native  # noqa: PLC0415

    return _as_removals(_native.Rules.decide(scores, config.thresholds()))


def _as_removals(found: Any) -> pa.RecordBatch:
    import pyarrow as pa  # noqa: PLC0415

    batch = pa.record_batch(found)
    nothing = [pa.nulls(batch.num_rows, pa.uint32()), pa.nulls(batch.num_rows, pa.float64())]
    return pa.record_batch([batch["row"], batch["reason"], *nothing], schema=removals_schema())
