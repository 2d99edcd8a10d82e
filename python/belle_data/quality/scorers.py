"""What gives texts their log-probability: n-gram models of the rows or of a file, or a causal language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from belle_data import _native
from belle_data.language_model import open_model

if TYPE_CHECKING:
    from belle_data.stages.quality import QualityConfig
    from belle_data.stages.stage import Workplace

FOLDS = 2
"""Parts of the rows; each is scored by a model of the others."""


class Scorer(Protocol):
    """Gives rows their log-probability."""

    @property
    def fingerprint(self) -> str:
        """Everything beside the settings that decides the scores."""

    def score(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> pa.Table:
        """Score the rows that stand.

        Returns:
            Ordered by ``row`` (uint32): ``prompt_log_probability`` and ``answer_log_probability`` (float64, natural
            logarithms, sums over all tokens), ``prompt_tokens`` and ``answer_tokens`` (uint32, 0 where there is no
            text), ``fold`` (uint8); `hf:` models add ``answer_alone_log_probability`` and ``difficulty``.

        Raises:
            BelleError: It cannot.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """

    def tokens(self, text: str, fold: int) -> pa.RecordBatch | None:
        """``start``, ``end`` (characters) and ``log_probability`` of each token; None if the model is not asked."""

    def progress(self) -> tuple[int, int]:
        """Steps that are done, and how many there are."""

    def close(self) -> None:
        """Let go of the models."""


def scorer_of(settings: QualityConfig) -> Scorer:
    """The scorer that `model` names.

    Raises:
        SourceError: The file is no model.
        UsageError: A package is missing, or there is no such folder.
    """
    if settings.model == "rows":
        return ModelsOfRows(settings)
    if settings.model.startswith("hf:"):
        from belle_data.quality.causal_model import CausalModel  # noqa: PLC0415 - loads torch

        return CausalModel(settings.model.removeprefix("hf:"))
    return ModelOfFile(settings.model)


class ModelsOfRows:
    """Two n-gram models of the rows themselves; each row is scored by the one that did not see it.

    A row's fold follows from a hash of its texts, so that neither the order of rows nor their number matters, and equal
    texts are in one fold.
    """

    def __init__(self, settings: QualityConfig) -> None:
        self._settings = settings
        self._models: list[Any] = []
        self._done = 0

    @property
    def fingerprint(self) -> str:
        """The settings decide."""
        return "rows 1"

    def score(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> pa.Table:
        """Make both models, and score each half by the model of the other."""
        del workplace
        parts = []
        for fold in range(FOLDS):
            model = _native.LanguageModel.train_rows(
                rows,
                ledger,
                order=self._settings.order,
                memory=self._settings.memory,
                fold=fold,
                folds=FOLDS,
                most_characters=self._settings.training_characters,
            )
            self._done += 1
            self._models.append(model)
            parts.append(_scored(model, rows, ledger, fold, FOLDS))
            self._done += 1
        return pa.concat_tables(parts).combine_chunks().sort_by("row")

    def tokens(self, text: str, fold: int) -> pa.RecordBatch | None:
        """By the model that scored the row."""
        return pa.record_batch(self._models[fold].tokens_of(text))

    def progress(self) -> tuple[int, int]:
        """Two steps for each fold."""
        return self._done, 2 * FOLDS

    def close(self) -> None:
        """Let go of the models."""
        self._models.clear()


class ModelOfFile:
    """An n-gram model that `lm train` has written, mapped into memory."""

    def __init__(self, path: str) -> None:
        self._model = open_model(path)
        self._done = 0

    @property
    def fingerprint(self) -> str:
        """The checksum of the file."""
        return f"file {self._model.fingerprint}"

    def score(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> pa.Table:
        """Score all rows by it."""
        del workplace
        scored = _scored(self._model.native, rows, ledger, None, 1)
        self._done = 1
        return scored

    def tokens(self, text: str, fold: int) -> pa.RecordBatch | None:
        """By the model."""
        del fold
        return pa.record_batch(self._model.native.tokens_of(text))

    def progress(self) -> tuple[int, int]:
        """One step."""
        return self._done, 1

    def close(self) -> None:
        """Nothing: the file is mapped."""


def _scored(model: Any, rows: Any, ledger: Any, fold: int | None, folds: int) -> pa.Table:
    batch = pa.record_batch(model.score_rows(rows, ledger, fold=fold, folds=folds))
    number = pa.array([fold or 0], pa.uint8()).take(pa.array([0] * batch.num_rows, pa.uint32()))
    return pa.Table.from_batches([batch]).append_column("fold", number)
