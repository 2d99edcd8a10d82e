# ruff: noqa: A002, PYI021 - names are those of the native code, which has no other place for its documentation
"""The compiled kernels of belle.

Arrow data crosses by the PyCapsule interface, without a copy where the layout allows it: arguments may be any object
with ``__arrow_c_array__`` or ``__arrow_c_stream__``, results are an `ArrowBatch`. Long computations release the
interpreter, run on the threads of `set_threads` and stop for Ctrl-C with a `KeyboardInterrupt`. A panic of the native
code becomes a `RuntimeError`.
"""

from collections.abc import Sequence
from mmap import mmap
from typing import Any, Protocol, Self, TypeAlias, final

from belle_data._native_decontaminate import EvaluationRows
from belle_data._native_language_model import LanguageModel, LanguageModelSteps
from belle_data._native_rows import language_names, row_languages, row_texts
from belle_data._native_semantic import (
    ComparedTexts,
    Guard,
    SemanticDedup,
    UniversalSentenceEncoder,
    search_memory,
    vector_checksums,
)  # fmt: skip
from belle_data._native_vocab import BytePairEncoder, cut_lines
from belle_data._native_words import Diversity, Words, count_words, cut_words

__all__ = [
    "ArraySplitter",
    "ArrowBatch",
    "ArrowRows",
    "BytePairEncoder",
    "ComparedTexts",
    "Corpus",
    "Diversity",
    "EvaluationRows",
    "ExactDedup",
    "Guard",
    "KeySearch",
    "LanguageModel",
    "LanguageModelSteps",
    "Ledger",
    "Names",
    "NearDedup",
    "Normalise",
    "Rules",
    "SemanticDedup",
    "UniversalSentenceEncoder",
    "Words",
    "candidate_probability",
    "change_names",
    "convert_lines",
    "count_words",
    "cut_lines",
    "cut_words",
    "datasketch_minhashes",
    "detect_format",
    "guard_mapped_files",
    "instruction_sets",
    "language_names",
    "row_languages",
    "row_texts",
    "search_memory",
    "set_instruction_set",
    "set_threads",
    "vector_checksums",
]  # fmt: skip

class _ArrowArray(Protocol):
    """One Arrow array or record batch."""
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class _ArrowStream(Protocol):
    """Several Arrow arrays or record batches of one schema: a chunked array, a series, a table, a data frame."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

_ArrowData: TypeAlias = _ArrowArray | _ArrowStream

@final
class ArraySplitter:
    """Cuts the bytes of a JSON array into its elements, each written as one line.

    What is not a JSON array raises a `ValueError` with the attributes ``message`` (str), ``line`` (from 1) and ``byte``
    (from 0).
    """
    def __new__(cls) -> Self: ...
    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the array; give the lines that they complete, each with its line feed.

        Raises:
            ValueError: The bytes so far are not the start of a JSON array.
        """
    def finish(self) -> None:
        """Say that the array has no more bytes.

        Raises:
            ValueError: The array breaks off.
        """
    def positions(self) -> tuple[bytes, bytes]:
        """Byte offsets and line numbers of all elements so far, each as little-endian uint64 [elements]."""

@final
class ArrowBatch:
    """A record batch that any Arrow library takes over without a copy: ``pyarrow.record_batch(batch)``."""
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Give the capsules of schema and array. A requested schema is not obeyed, as the protocol allows."""
    def __len__(self) -> int:
        """Count the rows."""

@final
class ArrowRows:
    """Rows of Arrow data that a kernel can read again in any order.

    Args:
        data: Strings of any layout (each a row of one turn), lists of turns (structs of ``role`` and ``text``), or
            data with a column ``turns`` of either; several chunks become one sequence of rows. Null is the empty text.

    Raises:
        TypeError: It is no Arrow data, or holds neither texts nor turns.
        ValueError: A column or a role is missing or unknown, or there are more than 4,294,967,294 rows.
    """
    def __new__(cls, data: _ArrowData) -> Self: ...
    def __len__(self) -> int:
        """Count the rows of all chunks."""

@final
class Corpus:
    """Sources and the index of the rows that were read from them. The sources stay where they are; nothing is copied.

    Args:
        normalise: How the turns of every row are normalised when they are read, at first and again; None for as they
            came.
        apply: ``comparison`` to write lines as they came, ``text`` to write those of rows that changed with their
            texts normalised: the strings that the turns were read from, and no other byte.

    Raises:
        ValueError: `apply` is neither.
    """
    def __new__(cls, normalise: Normalise | None = None, apply: str = "comparison") -> Self: ...
    def __len__(self) -> int:
        """Count the rows read so far."""
    def add_source(
        self, buffer: bytes | mmap | memoryview, format: str, positions: tuple[bytes, bytes] | None = None
    ) -> int:  # fmt: skip
        """Add a buffer of lines and give the number of the source.

        Args:
            buffer: One contiguous read-only buffer, such as bytes or a mapped file; kept until the corpus goes.
            format: A name that `detect_format` gives, or ``mixed`` to decide row by row.
            positions: Two buffers of little-endian uint64 [lines]: byte and line of each line in the file that the
                buffer was decoded from. None where the buffer is the file.

        Raises:
            BufferError: The buffer can be written or is not contiguous.
            ValueError: The format is unknown.
        """
    def read(
        self, source: int, start: int, size: int, max_line_bytes: int, max_rows: int
    ) -> tuple[int, ArrowBatch, ArrowBatch | None]:  # fmt: skip
        """Read whole lines of a source from byte `start`, about `size` bytes and at most `max_rows` rows.

        Returns:
            Where the next chunk starts; the rows, with the columns ``row``, ``id``, ``has_id``, ``content_hash``,
            ``non_text_parts``, ``turns`` and ``changes`` (uint8, the bits of `change_names`; 0 where nothing changed);
            the lines that are no rows, with ``line``, ``byte``, ``length``, ``reason`` and ``detail``, or None if there
            are none.

        Raises:
            OverflowError: The corpus would have more rows than it can number.
        """
    def lines_read(self, source: int) -> int:
        """Count the lines read of a source, blank ones too."""
    def source_hash(self, source: int) -> str:
        """XXH3-128 of what was read of a source, as 32 hexadecimal digits."""
    def first_rows(self) -> list[int]:
        """First row of each source."""
    def repeated_ids(self, most: int) -> tuple[int, list[int]]:
        """How many ids stand on more than one row, and the first rows of up to `most` of these."""
    def line(self, row: int) -> bytes:
        """The line of a row as it came, without its line feed; never normalised."""
    def fill_kept_lines(self, start: int, end: int, ledger: Ledger, buffer: bytearray) -> tuple[int, int, int]:
        """Fill a bytearray with the lines of the kept rows of ``start..end``, each with a line feed.

        They are as they came, but for rows that changed in a corpus whose `apply` is ``text``. No other thread may touch the bytearray meanwhile. Returns the row to go on with (`start` if not even its line
        fits), the number of rows and the number of bytes.

        Raises:
            IndexError: There are fewer rows than `end`.
        """
    def convert_kept_lines(self, start: int, end: int, ledger: Ledger, to: str) -> bytes:
        """Write the kept rows of ``start..end`` in another format, each with a line feed.

        Raises:
            IndexError: There are fewer rows than `end`.
            ValueError: The format is unknown, or a line is no longer the one that was read.
        """

@final
class ExactDedup:
    """Exact duplicates: scan every batch, then finish.

    Args:
        field: ``conversation``, ``prompt`` or ``output``.
        fold: Of ``composition``, ``width``, ``case``, ``punctuation``, ``space``.

    Raises:
        ValueError: A name is unknown.
    """
    def __new__(cls, field: str, fold: Sequence[str]) -> Self: ...
    def scan(self, data: _ArrowData, first_row: int = 0) -> None:
        """Remember the rows of a batch; without a column ``row`` (uint32) they are numbered from `first_row`.

        Raises:
            TypeError, ValueError: As for `ArrowRows`.
        """
    def finish(self, rows: Corpus | ArrowRows, ledger: Ledger | None = None) -> ArrowBatch:
        """Decide over the rows that stand in the ledger, or over all.

        Returns:
            ``row`` uint32, ascending, ``kept_row`` uint32 and ``similarity`` float64 (1.0) of every removed row.

        Raises:
            TypeError: `rows` holds no rows.
            ValueError: The ledger is of another number of rows.
        """
    def progress(self) -> tuple[int, int]:
        """Steps of `finish` that are done, and how many there are; (0, 0) before it starts."""

@final
class Ledger:
    """What happened to every row of a run: each row is removed at most once, and only for a row that stands.

    Args:
        rows: How many rows there are; all stand.
    """
    def __new__(cls, rows: int) -> Self: ...
    def __len__(self) -> int:
        """Count the rows, removed ones too."""
    def kept(self) -> int:
        """Count the rows that stand."""
    def keeps_as(self, other: Ledger) -> bool:
        """Whether the same rows stand in another ledger."""
    def stands(self, row: int) -> bool:
        """Tell whether a row stands."""
    def remove(self, stage: int, removals: Any) -> None:
        """Enter what the stage of that number removes.

        Args:
            stage: The stage's place among those of the run, from 0.
            removals: Arrow data with ``row`` (uint32), ``reason`` (uint8), ``kept_row`` (uint32 or null) and
                ``similarity`` (float64 or null).

        Raises:
            ValueError: A column is missing or of another type, a row was removed before, or goes for one that does
                not stand.
        """
    def shard_bounds(self, rows_per_shard: int) -> list[int]:
        """Where shards of that many kept rows begin, from 0 to the number of rows."""
    def rows(
        self, corpus: Corpus, start: int, end: int, files: Sequence[str], stages: Sequence[tuple[str, Sequence[str]]]
    ) -> ArrowBatch:  # fmt: skip
        """Rows ``start..end`` as rows.parquet shows them.

        Args:
            corpus: The rows.
            start: First row.
            end: Row after the last.
            files: Names of the sources.
            stages: Name of each stage, with the names of its reasons.

        Returns:
            ``id``, ``file``, ``line``, ``byte``, ``kept``, ``stage``, ``reason``, ``kept_id`` and ``similarity``.
        """

@final
class NearDedup:
    """Near duplicates: scan every batch, then finish. The settings are those of `NearDedupConfig`.

    Raises:
        ValueError: A name is unknown, a number out of range, or the bands need more permutations than there are.
    """
    def __new__(
        cls, *, field: str, fold: Sequence[str], shingle_characters: int, shingle_words: int, threshold: float,
        permutations: int, bands: int, rows_per_band: int, seed: int, exact: bool = False
    ) -> Self: ...  # fmt: skip
    def scan(self, data: _ArrowData, first_row: int = 0) -> None:
        """Sign the rows of a batch; without a column ``row`` (uint32) they are numbered from `first_row`.

        Raises:
            TypeError, ValueError: As for `ArrowRows`.
        """
    def finish(
        self, rows: Corpus | ArrowRows, ledger: Ledger | None = None
    ) -> tuple[ArrowBatch, ArrowBatch, ArrowBatch]:  # fmt: skip
        """Decide over the rows that stand in the ledger, or over all.

        Returns:
            Of every removed row ``row`` uint32, ascending, ``kept_row`` uint32, ``similarity`` float64 and
            ``equal_lanes`` uint16, the lanes of the signatures that agree (0 where none was looked at). In the same
            columns up to 1,000 pairs that stayed and came nearest to the threshold, the most similar first, none
            below it by more than 0.1. And the rows of the components in which a row goes: ``row`` uint32, ascending,
            and ``component`` uint32. The last two are empty in exact mode.

        Raises:
            TypeError: `rows` holds no rows.
            ValueError: The ledger is of another number of rows.
        """
    def raise_threshold(
        self, rows: Corpus | ArrowRows, removals: _ArrowData, components: _ArrowData
    ) -> tuple[ArrowBatch, ArrowBatch, ArrowBatch]:  # fmt: skip
        """Decide as `finish` would after a scan of all rows, from what it gave at a lower threshold.

        What was scanned plays no part. `removals` and `components` are the first and the last of what `finish` gave.

        Raises:
            TypeError: `rows` holds no rows.
            ValueError: A column is missing, or the rows are others.
        """
    def progress(self) -> tuple[int, int]:
        """Steps of `finish` that are done, and how many there are; (0, 0) before it starts."""

@final
class KeySearch:
    """Looks for keys of rows in written lines; the keys must need no escape in JSON."""
    def __new__(cls, names: Sequence[str]) -> Self: ...
    def look(self, lines: bytes | bytearray | memoryview) -> None:
        """Look at whole lines.

        Raises:
            BufferError: The buffer is not contiguous.
        """
    def seen(self) -> list[str]:
        """Give the keys that some row has, in the order in which they were named."""

@final
class Names:
    """Which names in a data set stand for which of its format; the first of each pair is the data set's own.

    Args:
        keys: Keys of a row.
        list: The key, as the data set has it, of a row's list of turns.
        item_keys: Keys of a turn.
        speaker: The key, as the data set has it, of a turn's speaker.
        speakers: Values of that key.
    """
    def __new__(
        cls, keys: Sequence[tuple[str, str]], list: str | None, item_keys: Sequence[tuple[str, str]],
        speaker: str | None, speakers: Sequence[tuple[str, str]]
    ) -> Self: ...  # fmt: skip
    def is_standard(self) -> bool:
        """Tell whether every name is the format's own, so that nothing is ever renamed."""
    def rename_lines(self, lines: bytes) -> bytes:
        """Give whole lines with the names of their format; lines that are no objects stay, and so do all other bytes."""

@final
class Normalise:
    """Brings texts into one form. The settings are those of `NormaliseConfig`. Doing it twice changes nothing more.

    Raises:
        ValueError: The form is unknown.
    """
    def __new__(
        cls, *, form: str, width: bool, simplified: bool, control_characters: bool, trailing_blanks: bool
    ) -> Self: ...  # fmt: skip
    def apply(self, data: _ArrowData) -> ArrowBatch:
        """Normalise texts, or every turn but those of the role ``function_call``.

        Returns:
            ``text`` for texts, ``turns`` for conversations, and ``changes`` uint8, the bits of `change_names`; one line
            per row of `data`. Null is the empty text.

        Raises:
            TypeError, ValueError: As for `ArrowRows`; or the texts have more than 2 GiB together.
        """

@final
class Rules:
    """Rules that judge rows by themselves: scan every batch, then finish.

    Args:
        thresholds: By the names of `measures`; a rule without one, or with None, is off.

    Raises:
        ValueError: A name is unknown, or a threshold is no number from 0 on.
    """
    def __new__(cls, **thresholds: float | None) -> Self: ...
    def __len__(self) -> int:
        """Count the rows scanned."""
    @staticmethod
    def measures() -> list[tuple[str, str, str]]:
        """Name, reason and comparison (``<``, ``>``, ``>=``) of each rule, in the order in which they are asked."""
    def scan(self, data: _ArrowData, first_row: int = 0) -> None:
        """Measure the rows of a batch; without a column ``row`` (uint32) they are numbered from `first_row`.

        A column ``non_text_parts`` (uint16) may be missing.

        Raises:
            TypeError, ValueError: As for `ArrowRows`.
        """
    def finish(self, rows: object = None, ledger: Ledger | None = None) -> ArrowBatch:
        """Decide over the scanned rows that stand in the ledger, or over all. `rows` are not needed.

        Returns:
            ``row`` uint32 and ``reason`` uint8 of every removed row, in the order of the scan.
        """
    def values(self, start: int, end: int) -> ArrowBatch:
        """Give ``row`` uint32 and a float32 column for each rule, null where there is no value.

        Raises:
            IndexError: Fewer rows were scanned.
        """
    @staticmethod
    def decide(values: _ArrowData, thresholds: dict[str, float | None]) -> ArrowBatch:
        """Decide as `finish` does, by values that `values` gave. Columns of rules that are off may be missing.

        Raises:
            ValueError: A column is missing or of another type, or a threshold is wrong.
        """
    def findings(self, data: _ArrowData) -> ArrowBatch:
        """Say of the first row of the data what each rule finds.

        Returns:
            ``rule``, ``reason``, ``value``, ``comparison``, ``threshold`` (null: off), ``fired``, and the place that
            decided, null if there is none: ``turn``, ``start`` and ``end`` uint32, bytes of the turn's UTF-8.

        Raises:
            ValueError: There is no row.
        """

def candidate_probability(similarity: float, bands: int, rows_per_band: int) -> float:
    """Probability that a pair of a Jaccard similarity shares a band: ``1 - (1 - similarity**rows_per_band)**bands``."""

def convert_lines(
    buffer: bytes | mmap | memoryview, start: int, size: int, lines_before: int, source: str, to: str, *,
    lossless: bool, max_line_bytes: int, names: Names | None = None
) -> tuple[int, int, int, bytes, ArrowBatch | None]:  # fmt: skip
    """Convert whole lines of a buffer from byte `start` on, about `size` bytes; the result does not depend on `size`.

    Args:
        buffer: One contiguous read-only buffer, such as bytes or a mapped file.
        start: Byte at which a line begins.
        size: Bytes to convert, up to the end of the line.
        lines_before: Number of lines before `start`.
        source: The format of the rows; ``mixed`` to decide row by row.
        to: The format that they get.
        lossless: Keep under ``belle_source`` what the other format cannot hold; else every row has the same keys.
        max_line_bytes: Longer lines are rejected.
        names: Names that are not those of the format.

    Returns:
        Where the next chunk starts; lines, blank ones too; rows; the rows, each with a line feed; the lines that are no
        rows, as `Corpus.read` gives them.

    Raises:
        BufferError: The buffer can be written or is not contiguous.
        ValueError: A format is unknown.
    """

def change_names() -> list[str]:
    """Names of the bits of ``changes``, from the lowest."""

def datasketch_minhashes(
    data: _ArrowData, *, scheme: str, factors: Sequence[int], terms: Sequence[int], shingle_characters: int,
    shingle_words: int
) -> ArrowBatch:  # fmt: skip
    """Compute the values of ``datasketch.MinHash`` of every row; `belle_data.datasketch` is the way in.

    `factors` and `terms` are the permutations of a scheme. Gives a column ``hashvalues`` of fixed-size lists of uint32
    or uint64, one value per permutation.

    Raises:
        ValueError: The scheme is unknown, or the settings do not fit.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """

def detect_format(sample: bytes) -> str | None:
    """Name the format of complete lines of JSON; None if no line tells."""

def guard_mapped_files() -> None:
    """Make the process end with a message and exit code 2 when a mapped file has become shorter.

    For programs, not for libraries: the handler of the signal holds for the whole process.
    """

def instruction_sets() -> list[str]:
    """Instruction sets that this processor has and the kernels use, from the plainest."""

def set_instruction_set(name: str | None = None) -> None:
    """Force an instruction set for the whole process, or the best one with None. Results do not depend on it.

    Raises:
        ValueError: The name is unknown, or the processor does not have it.
    """

def set_threads(threads: int) -> int:
    """Make later computations use that many threads, one per processor with 0; give how many.

    Raises:
        RuntimeError: The system does not start that many.
    """
