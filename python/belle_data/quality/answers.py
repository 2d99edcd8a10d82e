"""How well the answers of rows belong to their prompts: texts, their vectors, and the score of these."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from belle_data import _native
from belle_data.embed import DEFAULT_EMBEDDER, embedder_of
from belle_data.quality.belonging import belonging_scores, whole_numbers

if TYPE_CHECKING:
    import numpy.typing as npt

    from belle_data.embed import Embedder

CHARACTERS = 400
"""What is embedded of a prompt's end and of an answer's start: more takes longer and tells little."""
_ROWS_AT_ONCE = 1 << 13


class Belonging:
    """The scores of rows, by the embedder that needs no download.

    Raises:
        UsageError: Its package is not installed.
    """

    def __init__(self) -> None:
        self._embedder: Embedder = embedder_of(DEFAULT_EMBEDDER)
        self._done, self._total = 0, 0

    @property
    def fingerprint(self) -> str:
        """What makes the vectors."""
        return f"belonging 1 {self._embedder.fingerprint}"

    def scores(
        self, rows: _native.Corpus | _native.ArrowRows, numbers: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.float32]:
        """Score rows; both vectors of a row take a kilobyte of memory.

        Args:
            rows: The rows.
            numbers: Which of them.

        Returns:
            ``float32 [numbers]``, as `belonging_scores`.

        Raises:
            SourceError: The weights of the embedder are damaged.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        dimensions = self._embedder.dimensions or 1
        prompts, answers = (np.zeros((len(numbers), dimensions), np.int8) for _ in range(2))
        keys = np.zeros(len(numbers), np.uint64)
        self._total = 2 * len(numbers)
        for start in range(0, len(numbers), _ROWS_AT_ONCE):
            some = pa.array(numbers[start : start + _ROWS_AT_ONCE], pa.uint32())
            texts = pa.record_batch(_native.row_texts(rows, some))
            part = slice(start, start + len(some))
            # What is asked last is what is answered.
            asked = pc.utf8_slice_codeunits(texts["prompt"], -CHARACTERS)
            prompts[part] = whole_numbers(self._embedder.embed(asked, some))
            answered = pc.utf8_slice_codeunits(texts["output"], 0, CHARACTERS)
            answers[part] = whole_numbers(self._embedder.embed(answered, some))
            keys[part] = _hashes(texts)
            self._done += len(some)
        return belonging_scores(prompts, answers, keys, advance=self._advance)

    def progress(self) -> tuple[int, int]:
        """Rows that are embedded and rows that are scored, and how many of both there are."""
        return self._done, self._total

    def close(self) -> None:
        """Let go of the embedder's weights."""
        self._embedder.close()

    def _advance(self, rows: int) -> None:
        self._done += rows


def _hashes(texts: pa.RecordBatch) -> npt.NDArray[np.uint64]:
    """A hash of each row's texts, the same wherever the row stands."""
    pairs = zip(texts["prompt"].to_pylist(), texts["output"].to_pylist(), strict=True)
    digests = [blake2b(f"{len(asked)} {asked}{answer}".encode(), digest_size=8).digest() for asked, answer in pairs]
    return np.frombuffer(b"".join(digests), "<u8")
