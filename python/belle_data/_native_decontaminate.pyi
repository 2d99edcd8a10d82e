# ruff: noqa: PYI021 - names are those of the native code, which has no other place for its documentation
"""The part of `belle_data._native` that finds evaluation rows in data. For type checkers: there is no such module."""

from typing import Self, final

from belle_data._native import ArrowBatch, ArrowRows, Corpus, Ledger

@final
class EvaluationRows:
    """The texts of evaluation rows, indexed. ``len()`` is the number of the rows.

    Texts are compared by their letters and digits: width, case, accents, spaces and punctuation do not count. A prompt
    shorter than an n-gram is compared whole, with a row's prompt, and there its signs count too.

    Args:
        rows: The evaluation rows.
        ngram: Characters of an n-gram, 8 to 64; a letter or digit counts a third of a Han character.
        common_texts: An n-gram in more evaluation texts than this counts for nothing.
        answers: Look for the answers of evaluation rows too.
        shortest_answer: Characters, counted so, from which on an answer is looked for; at most 2^24.

    Raises:
        ValueError: A setting is out of range.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    def __new__(
        cls, rows: Corpus | ArrowRows, *, ngram: int, common_texts: int, answers: bool, shortest_answer: int
    ) -> Self: ...  # fmt: skip
    def __len__(self) -> int: ...
    def compared(self) -> ArrowBatch:
        """Give a column ``compared`` of bool: whether an evaluation row has a text that is looked for."""
    def find(self, rows: Corpus | ArrowRows, ledger: Ledger | None = None) -> ArrowBatch:
        """Look for the texts in the rows that stand in the ledger, or in all.

        Returns:
            A line for each row, turn and evaluation text that have something in common, ordered by them, at most 64 of
            a row: ``row``, ``turn``, ``start``, ``end`` uint32, where in which turn, in characters; ``evaluation_row``
            uint32; ``part``, ``prompt`` or ``answer``; ``ngrams`` uint32, those in common; ``run`` uint32, the longest
            stretch of these in characters, a letter or digit counting a third; ``covered`` float64, the share of the
            evaluation text that is in such n-grams; ``similarity`` float64, one less the edits between the evaluation
            text and this part, by its characters: 0.8 to 1, null below. No line for no rows.

        Raises:
            TypeError, ValueError: These are no rows, or the ledger is not of these.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def progress(self) -> tuple[int, int]:
        """Rows that `find` looked at, and how many there are."""
