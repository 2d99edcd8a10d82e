# ruff: noqa: PYI021 - names are those of the native code, which has no other place for its documentation
"""The part of `belle_data._native` that is about vocabularies. For type checkers: there is no such module."""

from typing import Self, final

import pyarrow as pa

from belle_data._native import _ArrowData

@final
class BytePairEncoder:
    """A sentencepiece model of the kind BPE: the ids that ``sentencepiece`` 0.2.3 gives, without BOS and EOS.

    Texts are Arrow strings (string, large_string, string_view). The results do not depend on the number of threads, on
    other texts or on the order of calls.

    Args:
        model: The bytes of a model file.

    Raises:
        ValueError: The bytes are no sentencepiece model; it is a unigram, word or character model; a piece is empty,
            too long, there twice or has a null character; it has no unknown piece, or two; bytes have no piece although
            they stand for characters without one.
    """

    def __new__(cls, model: bytes) -> Self: ...
    @property
    def size(self) -> int:
        """The number of pieces; ids are below it."""
    def encode(self, texts: _ArrowData) -> pa.ListArray:
        """Give the ids of texts: ``list<int32>``, none for an empty text.

        A character without a piece becomes the ids of its bytes, or one unknown id for it and its neighbours of that kind.

        Raises:
            TypeError: They are no strings.
            ValueError: One is null, or they have more than 2,147,483,647 ids together.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def count(self, texts: _ArrowData) -> pa.UInt32Array:
        """Count the ids of each text, without keeping them.

        Raises:
            TypeError, ValueError: They are no strings, or one is null.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def histogram(self, texts: _ArrowData) -> tuple[pa.UInt32Array, pa.UInt64Array]:
        """Count the ids of each text, and how often each id is in all of them (``size`` numbers).

        Raises:
            TypeError, ValueError: They are no strings, or one is null.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """

def cut_lines(data: bytes, start: int, end: int, longest: int) -> tuple[pa.StringArray, int] | None:
    """Cut bytes from `start` to `end` into lines, of less than 2 GiB.

    A line ends with a line feed, or with a carriage return and a line feed; the last may have no end.

    Returns:
        The lines without their ends, and how many characters they have; None if a line is no UTF-8, or has more than
        `longest` bytes.

    Raises:
        IndexError: There are no such bytes.
    """
