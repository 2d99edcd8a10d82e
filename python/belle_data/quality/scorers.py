"""What gives texts their log-probability: n-gram models of the rows or of a file, or a causal language model."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from belle_data import _native
from belle_data.errors import RecipeError
from belle_data.language_model import open_model

if TYPE_CHECKING:
    from belle_data.stages.quality import QualityConfig
    from belle_data.stages.stage import Workplace

_ROWS_AT_ONCE = 1 << 13
_MEBIBYTE = 1 << 20
FOLDS = 2
"""Parts of the rows; each is scored by a model of the others."""


NO_TEXT = "there is no text to train on"
"""What the kernel says of a fold without rows."""
NOTHING = pa.table(
    {
        "row": pa.array([], pa.uint32()),
        "prompt_log_probability": pa.array([], pa.float64()),
        "prompt_tokens": pa.array([], pa.uint32()),
        "answer_log_probability": pa.array([], pa.float64()),
        "answer_tokens": pa.array([], pa.uint32()),
        "fold": pa.array([], pa.uint8()),
    }
)
"""The scores of no row."""


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
        self._steps = _native.LanguageModelSteps()
        self._scored = False

    @property
    def fingerprint(self) -> str:
        """The settings decide."""
        return "rows 1"

    def score(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> pa.Table:
        """Make both models, and score each half by the model of the other."""
        del workplace
        self._models = [self._trained(rows, ledger, fold) for fold in range(FOLDS)]
        parts = [_scored(model, rows, ledger, fold, FOLDS) for fold, model in enumerate(self._models) if model]
        self._scored = True
        return pa.concat_tables(parts or [NOTHING]).combine_chunks().sort_by("row")

    def _trained(self, rows: Any, ledger: Any, fold: int) -> Any:
        """A model of all rows but those of a fold; None if these have no text, and there is nothing to compare with."""
        try:
            return _native.LanguageModel.train_rows(
                rows,
                ledger,
                order=self._settings.order,
                memory=self._settings.memory,
                fold=fold,
                folds=FOLDS,
                most_characters=self._settings.training_characters,
                steps=self._steps,
            )
        except MemoryError as error:
            message, needed = error.args
            # The model of the other rows may need a little more.
            enough = -(-int(needed * 1.1) // _MEBIBYTE)
            raise RecipeError(
                f"quality.memory is too small: {message}",
                value=self._settings.memory,
                hint=f"set quality.memory to {enough}MiB, or quality.training_characters to less",
            ) from None
        except ValueError as error:
            if str(error) == NO_TEXT:
                return None
            raise

    def tokens(self, text: str, fold: int) -> pa.RecordBatch | None:
        """By the model that scored the row."""
        return pa.record_batch(self._models[fold].tokens_of(text))

    def progress(self) -> tuple[int, int]:
        """Those of the training, which are at most so many."""
        done, total = self._steps.state()
        return (total, total) if self._scored else (done, total)

    def close(self) -> None:
        """Let go of the models."""
        self._models.clear()


class ModelOfFile:
    """An n-gram model that `lm train` has written, mapped into memory.

    Raises:
        SourceError: The file is no model.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._model = open_model(path)
        self._by_pieces = self._model.info["tokens"] == "pieces"
        self._done, self._total = 0, 0

    @property
    def fingerprint(self) -> str:
        """The hash of the file."""
        with self._path.open("rb") as handle:
            return f"file {file_digest(handle, 'blake2b').hexdigest()[:32]}"

    def score(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> pa.Table:
        """Score all rows by it."""
        del workplace
        if not self._by_pieces:
            return _scored(self._model.native, rows, ledger, None, 1)
        standing = pa.record_batch(_native.row_languages(rows, ledger))["row"]
        self._total, parts = len(standing), [NOTHING]
        for start in range(0, len(standing), _ROWS_AT_ONCE):
            numbers = standing.slice(start, _ROWS_AT_ONCE)
            parts.append(self._scored_by_pieces(numbers, pa.record_batch(_native.row_texts(rows, numbers))))
            self._done += len(numbers)
        return pa.concat_tables(parts)

    def _scored_by_pieces(self, numbers: pa.Array, texts: pa.RecordBatch) -> pa.Table:
        columns: dict[str, Any] = {"row": numbers}
        for name, column in (("prompt", texts["prompt"]), ("answer", texts["output"])):
            scores = self._model.score(column)
            there = np.array(pc.greater(pc.utf8_length(column), 0))
            columns[f"{name}_log_probability"] = np.array(scores.log_probability) * there
            columns[f"{name}_tokens"] = (np.array(scores.tokens) * there).astype(np.uint32)
        return pa.table({**columns, "fold": np.zeros(len(numbers), np.uint8)})

    def tokens(self, text: str, fold: int) -> pa.RecordBatch | None:
        """By the model; None if its tokens are pieces, which have no place in the text."""
        del fold
        return None if self._by_pieces else pa.record_batch(self._model.native.tokens_of(text))

    def progress(self) -> tuple[int, int]:
        """Rows that are scored, if the model cuts them into pieces."""
        return self._done, self._total

    def close(self) -> None:
        """Nothing: the file is mapped."""


def _scored(model: Any, rows: Any, ledger: Any, fold: int | None, folds: int) -> pa.Table:
    batch = pa.record_batch(model.score_rows(rows, ledger, fold=fold, folds=folds))
    number = pa.array([fold or 0], pa.uint8()).take(pa.array([0] * batch.num_rows, pa.uint32()))
    return pa.Table.from_batches([batch]).append_column("fold", number)
