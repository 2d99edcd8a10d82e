# ruff: noqa: PYI021 - names are those of the native code, which has no other place for its documentation
"""The part of `belle_data._native` that is an n-gram language model. For type checkers: there is no such module."""

from collections.abc import Callable
from mmap import mmap
from typing import Any, Self, final

from belle_data._native import ArrowBatch, ArrowRows, Corpus, Ledger, _ArrowData

@final
class LanguageModelSteps:
    """How far a training is; given to it, and asked from another thread."""
    def __new__(cls) -> Self: ...
    def state(self) -> tuple[int, int]:
        """Give the steps that are done, and how many there are; both grow."""

@final
class LanguageModel:
    """An n-gram model with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998).

    Args:
        image: The bytes of a model, read-only: ``bytes``, or a mapped file, which must not change while the model lives.

    Raises:
        ValueError: They are no model, one of another version, or damaged.
    """
    def __new__(cls, image: bytes | memoryview | mmap) -> Self: ...
    def __len__(self) -> int:
        """Bytes of the model."""
    @staticmethod
    def train_rows(
        rows: Corpus | ArrowRows,
        ledger: Ledger | None,
        *,
        order: int,
        memory: int,
        fold: int | None = None,
        folds: int = 1,
        most_characters: int | None = None,
        notes: bytes = b"",
        steps: LanguageModelSteps | None = None,
        arpa: Callable[[bytes], object] | None = None,
    ) -> LanguageModel:
        """Train on the characters of rows, each turn a text by itself.

        The result depends on the content of the rows alone: not on their order, the memory, or the threads.

        Args:
            rows: Where they are.
            ledger: Only the rows that stand in it; all, without it.
            order: Tokens of the longest n-grams, 1 to 6.
            memory: Bytes that may be used at most beside the rows, those of the model among them.
            fold: Leave out the rows of this fold; a row's fold is drawn by the hash of its turns, so that equal rows are
                in the same one.
            folds: How many folds there are.
            most_characters: Of rows drawn by the same hash, train on so many characters at most.
            notes: Kept in the model.
            steps: Is told about the progress.
            arpa: Gets the model in the ARPA format, piece by piece.

        Raises:
            MemoryError: The limit is too small; the arguments are a sentence and the bytes that would do.
            ValueError: There is no text, a setting is out of range, or the ledger is not of these rows.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    @staticmethod
    def train_lines(
        files: list[bytes | memoryview | mmap],
        *,
        order: int,
        memory: int,
        notes: bytes = b"",
        steps: LanguageModelSteps | None = None,
        arpa: Callable[[bytes], object] | None = None,
    ) -> LanguageModel:
        """Train on the characters of lines of UTF-8, each a text; see `train_rows`.

        Raises:
            MemoryError, KeyboardInterrupt: As `train_rows`.
            ValueError: As `train_rows`; or a file is not UTF-8, then the arguments are a sentence, line and byte.
        """
    @staticmethod
    def train_ids(
        ids: Any,
        ends: Any,
        pieces: list[str],
        *,
        order: int,
        memory: int,
        notes: bytes = b"",
        steps: LanguageModelSteps | None = None,
        arpa: Callable[[bytes], object] | None = None,
    ) -> LanguageModel:
        """Train on texts that a tokenizer has cut; see `train_rows`. The ids are beside the memory.

        ``ids`` are the numbers of the pieces of all texts, a read-only buffer of ``uint32``; ``ends`` says where those of
        each text end, ``uint64``, ascending to the number of ids; ``pieces`` is the name of each piece, by its number.

        Raises:
            MemoryError, ValueError, KeyboardInterrupt: As `train_rows`.
        """
    @staticmethod
    def from_arpa(
        file: bytes | memoryview | mmap, *, notes: bytes = b"", steps: LanguageModelSteps | None = None
    ) -> LanguageModel:
        """Read an ARPA file of an order of at most 6, of this or another tool.

        Its tokens are characters if all of its words are such (``<U+0020>`` stands for a space), else words, which are
        cut at white space.

        Raises:
            ValueError: A line is wrong; the arguments are a sentence and the number of the line.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def image(self, start: int, end: int) -> bytes:
        """Give bytes of the model, as they are written into a file.

        Raises:
            ValueError: There are not so many.
        """
    def info(self) -> dict[str, Any]:
        """Say what the model is.

        ``tokens`` (characters, pieces or words), ``order``, ``ngrams`` (a list, how many of each order), ``bytes``,
        ``rounding`` (nats that rounding can take from the value of an n-gram) and ``notes``.
        """
    def score_texts(self, texts: _ArrowData) -> ArrowBatch:
        """Score texts: ``log_probability`` (float64, nats) and ``tokens`` (uint32), ``</s>`` among them; null is empty.

        Raises:
            TypeError, ValueError: They are no strings, or the model's tokens are pieces.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def score_ids(self, ids: Any, ends: Any) -> ArrowBatch:
        """Score texts that a tokenizer has cut; ids and ends as for `train_ids`, the result as of `score_texts`.

        Raises:
            ValueError: The model's tokens are no pieces, or the ends do not ascend to the number of ids.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def names(self) -> list[str]:
        """Give the name of each token, by its number; the first three are ``<unk>``, ``<s>`` and ``</s>``."""
    def tokens_of(self, text: str) -> ArrowBatch:
        """Give each token of a text, ``</s>`` the last.

        Columns: ``start`` and ``end`` (uint32, characters from 0), ``token`` (uint32, its number in the model, 0 for one
        that it does not know), ``log_probability`` (float64, nats; they sum up to that of the text), ``order`` (uint8,
        tokens of the longest known n-gram that ends with it).

        Raises:
            ValueError: The model's tokens are pieces.
        """
    def tokens_of_ids(self, ids: Any) -> ArrowBatch:
        """Give each token of a text that a tokenizer has cut; ``start`` and ``end`` count pieces.

        Raises:
            ValueError: The model's tokens are no pieces.
        """
    def score_rows(
        self, rows: Corpus | ArrowRows, ledger: Ledger | None, *, fold: int | None = None, folds: int = 1
    ) -> ArrowBatch:
        """Score the rows that stand in the ledger (or all) and are in the fold (or all), ascending.

        Columns: ``row`` (uint32); ``prompt_log_probability`` (float64, nats) and ``prompt_tokens`` (uint32), sums over
        the turns that are neither the model's nor text that nobody speaks; ``answer_log_probability`` and
        ``answer_tokens``, those over the others. Each turn is a text by itself; without a turn both are 0.

        Raises:
            ValueError: The model's tokens are pieces, the fold is none, or the ledger is not of these rows.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
