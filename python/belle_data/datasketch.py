"""Signatures that are bit for bit those of the package `datasketch`, and conversion from and to its objects.

    import pyarrow as pa
    from belle_data.datasketch import minhashes, to_minhash

    table = minhashes(pa.array(["今天天气很好，我们去公园。", "今天天气很好，我们去爬山。"]))
    to_minhash(table[0]).jaccard(to_minhash(table[1]))

A text's shingles are those of `near_dedup`: five characters in a row if it has any Han, kana or hangul character,
otherwise three words, which go into the hash joined by one space; a text shorter than one shingle is its own, the empty
text too. `datasketch.MinHash(num_perm, seed).update_batch(shingle.encode() for shingle in shingles)` gives the same.

`datasketch` 2 brought the scheme `affine32`, its default and the one here; what earlier versions wrote is `legacy`.
This module needs numpy, and the conversions need `datasketch`: both come with `pip install 'belle-data[datasketch]'`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from datasketch import LeanMinHash, MinHash
    from numpy.typing import NDArray

    Values = NDArray[np.unsignedinteger[Any]]

Scheme = Literal["affine32", "affine64", "legacy"]

_MERSENNE_PRIME = (1 << 61) - 1
_WIDTHS = {"affine32": 32, "affine64": 64, "legacy": 32}
_MOST_PERMUTATIONS = 1 << 16


def minhashes(
    texts: object,
    *,
    num_perm: int = 128,
    seed: int = 1,
    scheme: Scheme = "affine32",
    shingle_characters: int = 5,
    shingle_words: int = 3,
) -> pa.FixedSizeListArray:
    """Sign every row as `datasketch.MinHash` does.

    Args:
        texts: A sequence of `str`, or Arrow data of any library (array, chunked array, series, table, record batch):
            strings, lists of turns (structs of `role` and `text`), or a column `turns` of these. Turns that are not
            empty are joined by a line feed; null is the empty text.
        num_perm: Values in a signature, at least 1.
        seed: Seed of the permutations, 0 to 2**32 - 1.
        scheme: How `datasketch` permutes; signatures of different schemes cannot be compared.
        shingle_characters: Characters in a shingle of a text with any Han, kana or hangul, 1 to 64.
        shingle_words: Words in a shingle of any other text, 1 to 64.

    Returns:
        A list of `num_perm` values a row, without nulls: uint32 for `affine32`, uint64 for the others, the dtypes of
        `MinHash.hashvalues`. No rows for no texts.

    Raises:
        UsageError: numpy is missing, a setting is out of its range, or `texts` is neither texts nor turns.
    """
    factors, terms = permutations(num_perm, seed, scheme)
    from belle_data import _native  # noqa: PLC0415 - numpy's absence is told first

    try:
        batch = _native.datasketch_minhashes(
            _arrow(texts),
            scheme=scheme,
            factors=factors.tolist(),
            terms=terms.tolist(),
            shingle_characters=shingle_characters,
            shingle_words=shingle_words,
        )
    except (TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise UsageError(str(error), hint="pass a list of str, or Arrow data with texts or turns") from error
    return pa.record_batch(batch).column("hashvalues")


def _arrow(texts: Any) -> Any:
    if hasattr(texts, "__arrow_c_array__") or hasattr(texts, "__arrow_c_stream__"):
        return texts
    if isinstance(texts, str):
        message = "one text is not a sequence of texts"
        raise TypeError(message)
    return pa.array(texts, pa.large_string())


@lru_cache(maxsize=16)
def permutations(num_perm: int, seed: int, scheme: Scheme = "affine32") -> Values:
    """Draw the factors and terms of the permutations as `datasketch` does.

    Returns:
        `[2, num_perm]`, uint32 for `affine32`, else uint64.

    Raises:
        UsageError: numpy is missing, or a setting is out of its range.
    """
    if scheme not in _WIDTHS:
        raise UsageError("scheme must be affine32, affine64 or legacy", value=scheme)
    if not 1 <= num_perm <= _MOST_PERMUTATIONS:
        raise UsageError(f"num_perm must be 1 to {_MOST_PERMUTATIONS}", value=num_perm)
    if not 0 <= seed < 1 << 32:
        raise UsageError("seed must be 0 to 4294967295", value=seed)
    np = _load("numpy")
    values: Values
    generator = np.random.RandomState(seed)
    if scheme == "legacy":
        # Factor and term by turns: one call for all of them would draw other numbers.
        drawn = [generator.randint(low, _MERSENNE_PRIME, dtype=np.uint64) for _ in range(num_perm) for low in (1, 0)]
        values = np.array(drawn, dtype=np.uint64).reshape(num_perm, 2).T
    else:
        width = _WIDTHS[scheme]
        dtype = np.uint32 if width == 32 else np.uint64
        factors = generator.randint(0, 1 << (width - 1), num_perm, dtype=dtype) * dtype(2) + dtype(1)
        values = np.array([factors, generator.randint(0, 1 << width, num_perm, dtype=dtype)])
    values.setflags(write=False)
    return values


def to_minhash(row: object, *, seed: int = 1, scheme: Scheme = "affine32") -> MinHash:
    """Make a `datasketch.MinHash` of one row of `minhashes`; it can be updated further.

    Args:
        row: A scalar of the array, or the values as a sequence or numpy array.
        seed: The seed that the row was signed with.
        scheme: The scheme that the row was signed with.

    Raises:
        UsageError: `datasketch` is missing or too old for the scheme, or the values do not fit it.
    """
    values = _values(row, scheme)
    state = {"permutations": permutations(len(values), seed, scheme), **_scheme_argument(scheme)}
    return _load("datasketch").MinHash(seed=seed, hashvalues=values, **state)


def to_lean_minhash(row: object, *, seed: int = 1, scheme: Scheme = "affine32") -> LeanMinHash:
    """Make a `datasketch.LeanMinHash` of one row of `minhashes`; arguments and errors are those of `to_minhash`."""
    values = _values(row, scheme)
    return _load("datasketch").LeanMinHash(seed=seed, hashvalues=values, **_scheme_argument(scheme))


def from_minhash(sketches: Sequence[MinHash | LeanMinHash]) -> pa.FixedSizeListArray:
    """Collect `MinHash` or `LeanMinHash` objects into an array like that of `minhashes`.

    Raises:
        UsageError: There is none, or they differ in length, seed or scheme.
    """
    if not sketches:
        raise UsageError("no sketch: the number of values is not known", hint="pass at least one MinHash")
    shapes = {(len(sketch), sketch.seed, _scheme_of(sketch)) for sketch in sketches}
    if len(shapes) > 1:
        raise UsageError("all sketches must have the same number of values, seed and scheme", value=sorted(shapes))
    length, _, scheme = shapes.pop()
    np = _load("numpy")
    dtype = np.uint32 if scheme == "affine32" else np.uint64
    values = np.concatenate([np.asarray(sketch.hashvalues, dtype=dtype) for sketch in sketches])
    item = pa.field("item", pa.from_numpy_dtype(dtype), nullable=False)
    return pa.FixedSizeListArray.from_arrays(pa.array(values), type=pa.list_(item, length))


def _scheme_of(sketch: MinHash | LeanMinHash) -> str:
    return str(getattr(sketch, "scheme", "legacy"))


def _scheme_argument(scheme: Scheme) -> dict[str, str]:
    """The argument that says the scheme to `datasketch` 2; earlier versions know one scheme and no such argument."""
    if hasattr(_load("datasketch").MinHash(num_perm=1), "scheme"):
        return {"scheme": scheme}
    if scheme == "legacy":
        return {}
    raise UsageError(
        "this version of datasketch knows the scheme legacy alone", value=scheme, hint="pip install 'datasketch>=2'"
    )


def _values(row: object, scheme: Scheme) -> Values:
    np = _load("numpy")
    values: Values
    if scheme not in _WIDTHS:
        raise UsageError("scheme must be affine32, affine64 or legacy", value=scheme)
    if isinstance(row, pa.Scalar):
        row = row.values
    if isinstance(row, pa.Array):
        row = row.to_numpy(zero_copy_only=False)
    try:
        values = np.asarray(row, dtype=np.uint64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError("a row must be the values of a signature", value=row) from error
    if values.ndim != 1 or not len(values) or int(values.max()) >> _WIDTHS[scheme]:
        raise UsageError(f"a row must be a list of values of {_WIDTHS[scheme]} bits", value=row)
    if scheme == "affine32":
        values = values.astype(np.uint32)
    return values


def _load(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        message = f"signatures of datasketch need the package {module}, which cannot be imported"
        raise UsageError(message, hint="pip install 'belle-data[datasketch]'") from error
