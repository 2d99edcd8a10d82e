"""The encoder of the native code for sentencepiece BPE models, where it is built in."""

from __future__ import annotations

from typing import Any


def native_encoder(model: bytes) -> Any:
    """Load a sentencepiece model into the native encoder.

    Args:
        model: The bytes of the file.

    Returns:
        Its ``histogram(texts)`` gives ``uint32 [texts]`` tokens of each text and ``uint64 [size]`` occurrences of each
        id. None if the native code has no encoder, or the model is none that it encodes, such as a unigram model.
    """
    from belle_data import _native  # noqa: PLC0415 - the kernels are loaded when they are needed

    encoder = getattr(_native, "BytePairEncoder", None)
    if encoder is None:
        return None
    try:
        return encoder(model)
    except ValueError:
        return None
