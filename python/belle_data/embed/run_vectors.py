"""The vectors of a run's texts, in its folder, so that a run that goes on or decides anew embeds nothing again.

``vectors.json`` says what made them and how long they are; ``vectors.f32`` holds them, float32, one after the other;
``texts.bin`` holds for each the hash of its text (XXH3-128) and of its bytes (XXH3-64). Both are only appended to. A
vector whose bytes are not what was written is made anew.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from belle_data import _native
from belle_data.errors import RunFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from belle_data.embed.embedder import Cost, Embedder
    from belle_data.engine.progress import Listener

ABOUT = "vectors.json"
VECTORS = "vectors.f32"
TEXTS = "texts.bin"
RECORD = np.dtype([("low", "<u8"), ("high", "<u8"), ("checksum", "<u8")])
"""A line of `TEXTS`: the hash of a text in two halves, and that of its vector."""
_COST_AT_ONCE = 100_000


class RunVectors:
    """Vectors by the hash of their text.

    Args:
        folder: Where they are kept; None keeps them in memory alone.
        embedder: What makes them.
    """

    def __init__(self, folder: Path | None, embedder: Embedder) -> None:
        self._folder, self._embedder = folder, embedder

    def of(
        self, texts: _native.ComparedTexts, listener: Listener
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint32]]:
        """Give the vectors of texts, embedding those that are not kept yet.

        Returns:
            ``float32 [n, dimensions]``, read-only and mapped if there is a folder, and for each text its place in
            them, ``uint32 [texts]``.

        Raises:
            BelleError: As `Embedder.embed`.
            RunFolderError: The files cannot be read or written.
        """
        hashes = np.frombuffer(texts.hashes(), "<u8").reshape(-1, 2)
        if self._folder is None:
            return self._in_memory(texts, listener), np.arange(len(texts), dtype=np.uint32)
        with _errors(self._folder):
            self._folder.mkdir(exist_ok=True)
            # The same text has another vector on another row.
            known = np.zeros(0, RECORD) if self._embedder.of_rows else self._kept()
            places = _places_of(known, hashes)
            missing = places < 0
            first = len(known)
            places[missing] = first + np.arange(int(missing.sum()))
            if missing.any():
                self._append(texts, hashes, missing, first, listener)
            return self._mapped(int(places.max(initial=-1)) + 1), places.astype(np.uint32)

    def _in_memory(self, texts: _native.ComparedTexts, listener: Listener) -> npt.NDArray[np.float32]:
        every = np.ones(len(texts), np.bool_)
        parts = [vectors for _, vectors in self._embedded(texts, every, listener)]
        vectors = np.concatenate(parts) if parts else np.zeros((0, self._embedder.dimensions or 1), np.float32)
        vectors.flags.writeable = False
        return vectors

    def _kept(self) -> npt.NDArray[Any]:
        """The records of the vectors that are there, whole ones; a damaged one is no text's."""
        assert self._folder is not None  # noqa: S101 - for the type checker
        dimensions = self._dimensions()
        if dimensions is None:
            return np.zeros(0, RECORD)
        written, size = self._folder / TEXTS, self._folder / VECTORS
        count = min(written.stat().st_size // RECORD.itemsize, size.stat().st_size // (4 * dimensions))
        # What was being written when the run was killed.
        os.truncate(written, count * RECORD.itemsize)
        os.truncate(size, count * 4 * dimensions)
        records = np.fromfile(written, RECORD, count)
        vectors = self._mapped(count)
        found = np.frombuffer(_native.vector_checksums(vectors, dimensions), "<u8")
        damaged = found != records["checksum"]
        # No text has this hash; if one had, its vector would be made once more.
        records["low"][damaged], records["high"][damaged] = 0, 0
        return records

    def _dimensions(self) -> int | None:
        """Numbers in a kept vector; None if none can be used."""
        assert self._folder is not None  # noqa: S101 - for the type checker
        try:
            about = json.loads((self._folder / ABOUT).read_text(encoding="utf-8"))
            usable = about["embedder"] == self._embedder.fingerprint and int(about["dimensions"]) > 0
            if usable and all((self._folder / name).is_file() for name in (VECTORS, TEXTS)):
                return int(about["dimensions"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        return None

    def _append(
        self,
        texts: _native.ComparedTexts,
        hashes: npt.NDArray[np.uint64],
        missing: npt.NDArray[np.bool_],
        first: int,
        listener: Listener,
    ) -> None:
        """Embed what is missing, and write it down after the `first` vectors that are there."""
        assert self._folder is not None  # noqa: S101 - for the type checker
        mode = "ab" if first else "wb"
        with (self._folder / VECTORS).open(mode) as values, (self._folder / TEXTS).open(mode) as written:
            for numbers, vectors in self._embedded(texts, missing, listener):
                if not first and values.tell() == 0:
                    self._write_about(vectors.shape[1])
                records = np.zeros(len(numbers), RECORD)
                records["low"], records["high"] = hashes[numbers, 0], hashes[numbers, 1]
                block = vectors.tobytes()
                records["checksum"] = np.frombuffer(_native.vector_checksums(block, vectors.shape[1]), "<u8")
                values.write(block)
                values.flush()
                written.write(records.tobytes())
                written.flush()

    def _write_about(self, dimensions: int) -> None:
        assert self._folder is not None  # noqa: S101 - for the type checker
        about = {"embedder": self._embedder.fingerprint, "dimensions": dimensions}
        temporary = self._folder / f"{ABOUT}.tmp"
        temporary.write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        temporary.replace(self._folder / ABOUT)

    def _embedded(
        self, texts: _native.ComparedTexts, wanted: npt.NDArray[np.bool_], listener: Listener
    ) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]]:
        """The vectors of the wanted texts, batch after batch, with their numbers."""
        total = int(wanted.sum())
        if total == 0:
            return
        cost = self._cost(texts, wanted)
        if cost is not None:
            listener.message(f"{self._embedder.name}: {cost}")
        listener.begin("embed", total, "texts")
        done, step = 0, self._embedder.batch
        for start in range(0, len(texts), step):
            numbers = start + np.flatnonzero(wanted[start : start + step])
            if not len(numbers):
                continue
            batch = _column(texts, numbers)
            vectors = self._embedder.embed(batch["text"], batch["row"])
            yield numbers, np.ascontiguousarray(vectors)
            done += len(numbers)
            listener.update(done)
        listener.end(f"{total:,} text{'s' if total != 1 else ''}")

    def _cost(self, texts: _native.ComparedTexts, wanted: npt.NDArray[np.bool_]) -> Cost | None:
        """What embedding costs, if it costs anything."""
        total: Cost | None = None
        for start in range(0, len(texts), _COST_AT_ONCE):
            numbers = start + np.flatnonzero(wanted[start : start + _COST_AT_ONCE])
            if len(numbers):
                cost = self._embedder.cost(_column(texts, numbers)["text"])
                if cost is None:
                    return None
                total = cost if total is None else total + cost
        return total

    def _mapped(self, count: int) -> npt.NDArray[np.float32]:
        assert self._folder is not None  # noqa: S101 - for the type checker
        return mapped_vectors(self._folder, count, self._dimensions())


def mapped_vectors(folder: Path, count: int, dimensions: int | None) -> npt.NDArray[np.float32]:
    """The first vectors of a folder, ``float32 [count, dimensions]``, read-only. A file of none cannot be mapped."""
    if count == 0 or dimensions is None:
        vectors = np.zeros((0, dimensions or 1), np.float32)
        vectors.flags.writeable = False
        return vectors
    return np.memmap(folder / VECTORS, np.float32, mode="r", shape=(count, dimensions))


def _column(texts: _native.ComparedTexts, numbers: npt.NDArray[np.intp]) -> pa.RecordBatch:
    """Texts with the first row of each: ``text`` and ``row``."""
    first = int(numbers[0])
    batch = pa.record_batch(texts.column(first, int(numbers[-1]) + 1))
    return batch if batch.num_rows == len(numbers) else batch.take(pa.array(numbers - first))


def _places_of(known: npt.NDArray[Any], hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Where the text of each hash stands among the records; -1 if it does not."""
    places = np.full(len(hashes), -1, np.int64)
    if len(known) and len(hashes):
        order = np.argsort(known["low"], kind="stable")
        at = np.minimum(np.searchsorted(known["low"][order], hashes[:, 0]), len(known) - 1)
        # Of two texts with the same first 64 bits one is not found, and is embedded in every run.
        found = order[at]
        hit = (known["low"][found] == hashes[:, 0]) & (known["high"][found] == hashes[:, 1])
        places[hit] = found[hit]
    return places


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"the vectors cannot be read or written ({error.strerror or error})",
            path=error.filename or folder,
            hint="check the rights and the free space, or name another folder with --out",
        ) from None
