"""Arithmetic of vectors that every backend shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from belle_data.errors import InternalError

if TYPE_CHECKING:
    import numpy.typing as npt


def texts_and_blanks(texts: pa.Array, rows: pa.Array) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """Bring texts into one form, and say which have nothing but white space.

    Returns:
        ``large_string [n]`` without nulls, and ``bool [n]``.

    Raises:
        InternalError: There are not as many rows as texts.
    """
    if len(texts) != len(rows):
        raise InternalError(f"{len(texts):,} texts came with the numbers of {len(rows):,} rows")
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string()).fill_null("")
    blank = pc.equal(pc.utf8_trim_whitespace(texts), pa.scalar("", pa.large_string()))
    return texts, blank.to_numpy(zero_copy_only=False)


def unit_rows(vectors: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Bring every row to norm 1.

    A row of zeros stays as it is. A row's result depends on nothing but the row, and neither very large nor very small
    numbers overflow on the way.

    Args:
        vectors: ``[n, d]`` of any floating type.

    Returns:
        ``float32 [n, d]``, and ``bool [n]``: whether the row has a NaN or an infinite number; such a row is all 0.
    """
    wide = np.ascontiguousarray(vectors, dtype=np.float64)
    bad = cast("npt.NDArray[np.bool_]", ~np.isfinite(wide).all(axis=1))
    if bad.any():
        wide = np.where(bad[:, None], 0.0, wide)
    largest = np.abs(wide).max(axis=1, initial=0.0, keepdims=True)
    largest[largest == 0] = 1
    wide = wide / largest
    norms = np.sqrt(np.add.reduce(wide * wide, axis=1, keepdims=True))
    norms[norms == 0] = 1
    return (wide / norms).astype(np.float32), bad
