"""Vectors that exist already: row i of a ``.npy`` file is the vector of row i."""

from __future__ import annotations

import os
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from belle_data.embed.vectors import texts_and_blanks, unit_rows
from belle_data.errors import SourceError, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

_NEEDED = "the file must hold one array of float16, float32 or float64 and of shape [rows, dimensions]"


class NumpyFile:
    """A ``.npy`` file of vectors, which is mapped, not read into memory.

    Args:
        file: Its path. Row i is the vector of row i of the run, counted from 0 over all inputs in their order.

    Raises:
        UsageError: There is no such file.
        SourceError: It is no array of this kind.
    """

    batch = 8192
    of_rows = True

    def __init__(self, file: str) -> None:
        self.name = f"numpy:{file}"
        self._path = Path(file)
        self._stamp = self._look()
        self._vectors = self._map()
        self.dimensions = int(self._vectors.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the file: 16 bytes of BLAKE2b."""
        self._check_unchanged()
        digest = blake2b(digest_size=16)
        try:
            with self._path.open("rb") as handle:
                while block := handle.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise SourceError(f"cannot be read ({error.strerror})", path=self._path) from error
        self._check_unchanged()
        return f"numpy blake2b={digest.hexdigest()}"

    def tolerance(self, cosine: float) -> float:  # noqa: ARG002 - the protocol's
        """0: the vectors are what they are."""
        return 0.0

    def cost(self, texts: pa.Array) -> None:  # noqa: ARG002 - the protocol's
        """Nothing: the vectors are there."""
        return

    def embed(self, texts: pa.Array, rows: pa.Array, *, precisely: bool = False) -> npt.NDArray[np.float32]:  # noqa: ARG002
        """Take the vectors of `rows`, at norm 1. A row of zeros stays one: it resembles nothing.

        Raises:
            SourceError: The file has fewer rows, changed, or has a NaN or an infinite number in one of these rows.
        """
        _, blank = texts_and_blanks(texts, rows)
        numbers = rows.to_numpy(zero_copy_only=False).astype(np.int64)
        if numbers.size and int(numbers.max()) >= len(self._vectors):
            raise SourceError(
                f"it has the vectors of {len(self._vectors):,} rows, and the run has a row {int(numbers.max()):,}",
                path=self._path,
                hint="rows are counted from 0 over all inputs in their order; make the vectors from the same input",
            )
        # A mapped page that the file no longer has would kill the process.
        self._check_unchanged()
        vectors, bad = unit_rows(self._vectors[numbers])
        if bad.any():
            row = int(numbers[int(bad.argmax())])
            raise SourceError(
                f"the vector of row {row:,} has a NaN or an infinite number, so that nothing can be compared with it",
                path=self._path,
                hint="make the file anew; a row without a vector is one of zeros",
            )
        vectors[blank] = 0
        return vectors

    def close(self) -> None:
        """Do nothing: the mapping ends with the object."""

    def _look(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except FileNotFoundError as error:
            raise UsageError("no such file", path=self._path) from error
        except (OSError, ValueError) as error:
            raise SourceError(f"cannot be read ({error})", path=self._path) from error
        return status.st_size, status.st_mtime_ns

    def _check_unchanged(self) -> None:
        if self._look() != self._stamp:
            raise SourceError(
                "the file of vectors changed while it was used", path=self._path, hint="run again when it is finished"
            )

    def _map(self) -> npt.NDArray[Any]:
        if not self._path.is_file():
            raise SourceError("not a file", path=self._path, hint=_NEEDED)
        try:
            found = np.load(os.fspath(self._path), mmap_mode="r", allow_pickle=False)
        except PermissionError as error:
            raise SourceError("no permission to read it", path=self._path, hint="check its rights") from error
        except Exception as error:  # numpy raises what its parsers of headers and archives raise
            raise SourceError(
                f"not a .npy file of vectors ({type(error).__name__})", path=self._path, hint=_NEEDED
            ) from (error)
        if not isinstance(found, np.ndarray):
            raise SourceError("an archive of arrays, not one array", path=self._path, hint=_NEEDED)
        if found.ndim != 2 or found.dtype.kind != "f" or found.dtype.itemsize not in {2, 4, 8} or found.shape[1] == 0:
            shape = f"{found.dtype} of shape {list(found.shape)}"
            raise SourceError(f"the array is {shape}", path=self._path, hint=_NEEDED)
        return cast("npt.NDArray[Any]", found)
