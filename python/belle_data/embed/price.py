"""How many tokens texts have, about, and what these cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

DOLLARS_PER_MILLION_TOKENS = {
    "text-embedding-3-large": 0.13,
    "text-embedding-3-small": 0.02,
    "text-embedding-ada-002": 0.10,
}
"""List prices of OpenAI's own server; the setting `price` goes before them."""

_TOKENS_PER_WIDE_CHARACTER = 1.2
_TOKENS_PER_ASCII_CHARACTER = 0.3


def tokens_of(texts: pa.Array) -> npt.NDArray[np.int64]:
    """Estimate the tokens of texts from their characters: 1.2 for one of three bytes, as Han is, 0.3 for ASCII.

    Args:
        texts: ``large_string [n]`` without nulls.

    Returns:
        ``int64 [n]``, each at least 1.
    """
    bytes_ = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype(np.float64)
    characters = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.float64)
    wide = (bytes_ - characters) / 2
    estimate = wide * _TOKENS_PER_WIDE_CHARACTER + (characters - wide).clip(0) * _TOKENS_PER_ASCII_CHARACTER
    return np.asarray(np.maximum(np.ceil(estimate), 1), np.int64)
