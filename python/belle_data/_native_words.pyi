# ruff: noqa: PYI021 - names are those of the native code, which has no other place for its documentation
"""The part of `belle_data._native` that is about words. For type checkers: there is no such module."""

from typing import Any, Final, Self, final

from belle_data._native import ArrowBatch, ArrowRows, Corpus, Ledger, _ArrowData

def cut_words(texts: _ArrowData) -> ArrowBatch:
    """Cut texts into words as jieba-rs 0.11 does without its hidden Markov model.

    Returns:
        A column ``words`` of lists of strings, one list a text, which together are the text; none for an empty text.

    Raises:
        TypeError, ValueError: They are no strings, or too many words for one list.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """

def count_words(texts: _ArrowData) -> ArrowBatch:
    """Count the content words of texts: no function words, numbers, marks or single letters; letters in lower case.

    Returns:
        ``word`` string and ``count`` uint64, the most frequent first, equally frequent ones by their UTF-8.

    Raises:
        TypeError, ValueError: They are no strings.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """

@final
class Words:
    """The content words of rows, made by `read`: 4 bytes a word and turn, 28 a row. ``len()`` is the number of rows."""
    def __len__(self) -> int: ...
    @staticmethod
    def read(rows: Corpus | ArrowRows, ledger: Ledger | None = None, progress: Diversity | None = None) -> Words:
        """Read the rows that stand in the ledger, or all; `progress` shows how far that is.

        Raises:
            TypeError, ValueError: There are no rows in it, or the ledger is not of these rows.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def measure(self, rows: _ArrowData | None = None) -> dict[str, Any]:
        """Measure the words of some rows (uint32, in any order), or of all that were read.

        Returns:
            ``rows``, ``characters``, ``words`` (content words), ``distinct_words``, ``entropy`` (bits),
            ``top_100_share``, ``pairs`` (neighbouring content words of a turn), ``distinct_2`` (different pairs over
            all), ``zipf_slope`` (least squares of ln count over ln rank, ranks 1 to 5,000), ``kinds`` (different first
            content words of prompts), ``kinds_entropy`` (bits), ``top_10_kinds_share``. None for what cannot be
            computed, such as the entropy of no words.

        Raises:
            TypeError, ValueError: They are no row numbers, or one was not read.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def by_chance(self, most: int) -> ArrowBatch:
        """Give so many rows as chance has it, in ``row``: the first in the order of keeping, which is that of a hash."""
    def longest(self, most: int) -> ArrowBatch:
        """Give so many rows with the most characters, in ``row``; of equals the first in the order of keeping."""
    def top(self, most: int = 100) -> ArrowBatch:
        """Give the most frequent words of all rows that were read: ``word`` and ``count`` uint64."""

@final
class Diversity:
    """Chooses rows of which the content words are spread evenly.

    Args:
        prompt_weight: A word of a prompt counts as so many of an answer, 0 to 100.
        length_normalisation: Rows count by their words to this power less, 0 to 1.

    Raises:
        ValueError: A setting is out of range.
    """

    GREEDY_LOSS: Final[float]
    """By so much of the largest gain that of a chosen row is smaller at most."""
    def __new__(cls, *, prompt_weight: float, length_normalisation: float = 0.0) -> Self: ...
    def choose(
        self, words: Words, target: int, *, cap: int | None = None, weights: _ArrowData | None = None
    ) -> tuple[ArrowBatch, float]:  # fmt: skip
        """Choose `target` rows, or all.

        Args:
            words: What the rows say.
            target: How many rows stay at most.
            cap: Instead of the greedy choice, let a row go more than half of whose words are in so many rows that stay.
            weights: float64 from 0 to 1000 for each row of `words`, by which its words are multiplied; null is 1.

        Returns:
            For each row ``row``; ``rank`` from 1, in which it was taken, null for one that goes; ``value``, the gain at
            the end (with a cap the share of words seen so often), null for one not looked at; ``often``, whether it
            goes for the cap; ``common_words``, those of a row that goes of which the chosen rows have most. And the
            objective.

        Raises:
            TypeError, ValueError: The weights are no numbers, out of range, or not as many as rows.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def progress(self) -> tuple[int, int]:
        """Steps that are done, and how many there are."""
