"""Paid vectors on disk: a file that is only appended to, so that a process may die at any moment.

The file begins with 64 bytes: a mark, how many numbers a vector has, and whose vectors these are. Then come records of
one length: 16 bytes of the text's hash, the vector as float32, and a CRC-32 of both. Half a record at the end was being
written when the process died, and is cut off; a record whose CRC is wrong counts as absent.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from belle_data.errors import InternalError, RunFolderError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

KEY_BYTES = 16
_MARK = b"belle-vectors-1\n"
_HEADER = struct.Struct("<16sI32s12x")
_CHECK_BYTES = 4
_BLOCK = 16 << 20
"""Bytes that are read at once when the file is opened."""
_MANY = 1 << 17
"""New records that a dict holds before they are sorted into the arrays, which take a tenth of the memory."""


def key_of(text: str) -> bytes:
    """Hash a text to `KEY_BYTES` bytes."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


class VectorStore:
    """Vectors of one model by the hash of their text, in one file. A file is open in one process at a time.

    Args:
        path: The file; it and its folder are made with the first vector.
        owner: What makes the vectors; a file of another owner is refused.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path = path
        self._owner = blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        self._file: int | None = None
        self._size = 0
        self._hashes: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._places: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._new: dict[int, int] = {}
        self.dimensions: int | None = None

    def __len__(self) -> int:
        """How many records the file has."""
        return 0 if self.dimensions is None else (self._size - _HEADER.size) // self._record_bytes

    def open(self) -> bool:
        """Open the file if it is there, and drop what is torn at its end; say whether it is there.

        Raises:
            RunFolderError: It cannot be opened, is open in another process, or is of another kind or owner.
        """
        if self._file is not None:
            return self.dimensions is not None
        try:
            if not self._path.exists():
                return False
            self._lock(os.O_RDWR)
            self._read_header()
            self._read_keys()
        except OSError as error:
            self.close()
            raise self._failed("read", error) from error
        except RunFolderError:
            self.close()
            raise
        return self.dimensions is not None

    def find(self, keys: Sequence[bytes]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
        """Look for the vectors of keys.

        Returns:
            ``bool [n]``: which are there, and ``float32 [those, dimensions]``.
        """
        present = np.zeros(len(keys), np.bool_)
        if not self.open() or self.dimensions is None or not keys:
            return present, np.zeros((0, self.dimensions or 0), np.float32)
        vectors = np.zeros((len(keys), self.dimensions), np.float32)
        places = self._places_of(keys)
        hits = np.flatnonzero(places >= 0)
        hits = hits[np.argsort(places[hits], kind="stable")]
        # What was asked for together stands together: one read for each run of records.
        for run in np.split(hits, np.flatnonzero(np.diff(places[hits]) != 1) + 1):
            if len(run):
                self._read_run(int(places[run[0]]), run, keys, present, vectors)
        return present, vectors[present]

    def present(self, keys: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        """Say for which keys there are records, ``bool [n]``, without reading the vectors."""
        return self._places_of(keys) >= 0 if keys and self.open() else np.zeros(len(keys), np.bool_)

    def add(self, keys: Sequence[bytes], vectors: npt.NDArray[np.float32]) -> None:
        """Append vectors, ``float32 [n, dimensions]``. They survive the death of the process at once.

        Raises:
            RunFolderError: They cannot be written; what was there stays whole.
        """
        if not self.open():
            self._create(vectors.shape[1])
        if vectors.shape != (len(keys), self.dimensions):
            message = f"vectors of shape {list(vectors.shape)} came for {len(keys)} texts of {self.dimensions} numbers"
            raise InternalError(message)
        written = bytearray()
        for key, vector in zip(keys, np.ascontiguousarray(vectors, "<f4"), strict=True):
            record = key + vector.tobytes()
            written += record + zlib.crc32(record).to_bytes(_CHECK_BYTES, "little")
        place = len(self)
        self._append(written)
        for number, key in enumerate(keys):
            self._new[int.from_bytes(key[:8], "little")] = place + number
        if len(self._new) > _MANY:
            self._sort_in()

    def flush(self) -> None:
        """Make what was added survive the end of power too."""
        if self._file is not None:
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._size = 0
        self.dimensions = None
        self._hashes, self._places = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self._new.clear()

    def __del__(self) -> None:
        # The lock lasts as long as the file is open.
        if getattr(self, "_file", None) is not None:
            self.close()

    @property
    def _record_bytes(self) -> int:
        return KEY_BYTES + 4 * (self.dimensions or 0) + _CHECK_BYTES

    def _lock(self, flags: int) -> None:
        self._file = os.open(self._path, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunFolderError(
                "the stored vectors are in use by another run", path=self._path, hint="wait until it has ended"
            ) from error

    def _read_header(self) -> None:
        assert self._file is not None  # noqa: S101 - for the type checker
        header = os.pread(self._file, _HEADER.size, 0)
        self._size = len(header)
        if len(header) < _HEADER.size:
            # The process died with its first bytes: there are no vectors yet.
            os.ftruncate(self._file, 0)
            self._size = 0
            return
        mark, dimensions, owner = _HEADER.unpack(header)
        if mark != _MARK or owner != self._owner or not dimensions:
            raise RunFolderError(
                "this is no file of stored vectors of this model", path=self._path, hint="move it away, or delete it"
            )
        self.dimensions = dimensions

    def _read_keys(self) -> None:
        assert self._file is not None  # noqa: S101 - for the type checker
        if self.dimensions is None:
            return
        record = self._record_bytes
        count = (os.fstat(self._file).st_size - _HEADER.size) // record
        self._size = _HEADER.size + count * record
        os.ftruncate(self._file, self._size)
        hashes = np.zeros(count, np.uint64)
        step = max(_BLOCK // record, 1)
        for first in range(0, count, step):
            last = min(first + step, count)
            block = np.frombuffer(self._pread((last - first) * record, _HEADER.size + first * record), np.uint8)
            keys = np.ascontiguousarray(block.reshape(last - first, record)[:, :8])
            hashes[first:last] = keys.view("<u8")[:, 0]
        self._set_index(hashes, np.arange(count, dtype=np.int64))

    def _pread(self, size: int, offset: int) -> bytes:
        assert self._file is not None  # noqa: S101 - for the type checker
        found = os.pread(self._file, size, offset)
        # A read may give less than it was asked for, of a very large block for one.
        while len(found) < size and (more := os.pread(self._file, size - len(found), offset + len(found))):
            found += more
        if len(found) < size:
            raise RunFolderError("the stored vectors became shorter while they were used", path=self._path)
        return found

    def _set_index(self, hashes: npt.NDArray[np.uint64], places: npt.NDArray[np.int64]) -> None:
        # Stable, so that of two records of one text the later one stands last.
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._places = hashes[order], places[order]

    def _sort_in(self) -> None:
        hashes = np.fromiter(self._new.keys(), np.uint64, len(self._new))
        places = np.fromiter(self._new.values(), np.int64, len(self._new))
        self._set_index(np.concatenate([self._hashes, hashes]), np.concatenate([self._places, places]))
        self._new.clear()

    def _places_of(self, keys: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """Which record may be that of each key, ``int64 [n]``; -1 if there is none for sure."""
        hashes = np.frombuffer(b"".join(key[:8] for key in keys), "<u8").astype(np.uint64)
        places = np.full(len(keys), -1, np.int64)
        if len(self._hashes):
            at = np.searchsorted(self._hashes, hashes, side="right") - 1
            hit = (at >= 0) & (self._hashes[at] == hashes)
            places[hit] = self._places[at[hit]]
        for number, value in enumerate(hashes.tolist()):
            places[number] = self._new.get(value, places[number])
        return places

    def _read_run(
        self,
        first: int,
        numbers: npt.NDArray[np.int64],
        keys: Sequence[bytes],
        present: npt.NDArray[np.bool_],
        vectors: npt.NDArray[np.float32],
    ) -> None:
        """Read records from `first` on, which are those of the keys of these numbers unless they are damaged."""
        size = self._record_bytes
        block = self._pread(len(numbers) * size, _HEADER.size + first * size)
        view = memoryview(block)
        for start, number in zip(range(0, len(block), size), numbers.tolist(), strict=True):
            check = zlib.crc32(view[start : start + size - _CHECK_BYTES]).to_bytes(_CHECK_BYTES, "little")
            end = start + size
            present[number] = (
                view[start : start + KEY_BYTES] == keys[number] and view[end - _CHECK_BYTES : end] == check
            )
        bytes_ = np.frombuffer(block, np.uint8).reshape(len(numbers), size)[:, KEY_BYTES:-_CHECK_BYTES]
        vectors[numbers] = np.ascontiguousarray(bytes_).view("<f4")

    def _create(self, dimensions: int) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._file is None:
                self._lock(os.O_RDWR | os.O_CREAT)
                # Another run may have made it since it was looked for.
                self._read_header()
                self._read_keys()
        except OSError as error:
            raise self._failed("written", error) from error
        if self.dimensions is None:
            self._append(_HEADER.pack(_MARK, dimensions, self._owner))
            self.dimensions = dimensions

    def _append(self, data: bytes | bytearray) -> None:
        assert self._file is not None  # noqa: S101 - for the type checker
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(self._file, memoryview(data)[done:], self._size + done)
        except OSError as error:
            # The next record must not follow half a one.
            os.ftruncate(self._file, self._size)
            raise self._failed("written", error) from error
        self._size += done

    def _failed(self, what: str, error: OSError) -> RunFolderError:
        return RunFolderError(f"the stored vectors cannot be {what} ({error.strerror})", path=self._path)
