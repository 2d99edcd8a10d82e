"""What a server answers to a request for embeddings, and whether it can be so."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.embed.vectors import unit_rows

if TYPE_CHECKING:
    import numpy.typing as npt

MOST_DIMENSIONS = 65_536


class WrongAnswerError(Exception):
    """An answer that cannot be right; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Vectors, ``float32 [texts, dimensions]`` of norm 1, and how many tokens the server counted."""

    vectors: npt.NDArray[np.float32]
    tokens: int


def answer_of(content: bytes, texts: int, dimensions: int | None) -> Answer:
    """Read and check the body of an answer.

    Args:
        content: JSON as OpenAI's API has it; a vector is a list of numbers, or float32 in base64.
        texts: How many vectors there must be.
        dimensions: How many numbers each must have; None for as many as the first has.

    Raises:
        WrongAnswerError: It is not so, or a vector has a NaN, an infinite number, or nothing but zeros.
    """
    try:
        body = json.loads(content)
        found = [_numbers(entry["embedding"]) for entry in _in_order(body["data"], texts)]
    except WrongAnswerError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"the answer is not as the API has it ({type(error).__name__})"
        raise WrongAnswerError(message) from None
    wanted = dimensions or len(found[0])
    wrong = next((len(vector) for vector in found if len(vector) != wanted), None)
    if wrong is not None or not 1 <= wanted <= MOST_DIMENSIONS:
        message = f"a vector of {wrong if wrong is not None else wanted:,} numbers came where {wanted:,} were expected"
        raise WrongAnswerError(message)
    vectors, bad = unit_rows(np.stack(found))
    if bad.any():
        message = "a vector has a NaN or an infinite number"
        raise WrongAnswerError(message)
    if not vectors.any(axis=1).all():
        message = "a vector has nothing but zeros"
        raise WrongAnswerError(message)
    return Answer(vectors, _tokens(body))


def _in_order(entries: Any, texts: int) -> list[Any]:
    if not isinstance(entries, list) or len(entries) != texts:
        count = f"{len(entries):,}" if isinstance(entries, list) else "no list of"
        message = f"{count} vectors came for {texts:,} texts"
        raise WrongAnswerError(message)
    if any("index" not in entry for entry in entries):
        return entries
    places = [entry["index"] for entry in entries]
    if sorted(places) != list(range(texts)):
        message = "the answer does not say which vector is of which text"
        raise WrongAnswerError(message)
    return [entry for _, entry in sorted(zip(places, entries, strict=True), key=lambda pair: int(pair[0]))]


def _numbers(embedding: Any) -> npt.NDArray[np.float64]:
    if isinstance(embedding, str):
        try:
            decoded = base64.b64decode(embedding, validate=True)
        except ValueError:
            decoded = b"?"
        if len(decoded) % 4:
            message = "a vector is no float32 in base64"
            raise WrongAnswerError(message)
        return np.frombuffer(decoded, "<f4").astype(np.float64)
    if not isinstance(embedding, list) or not all(isinstance(number, int | float) for number in embedding):
        message = "a vector is no list of numbers"
        raise WrongAnswerError(message)
    try:
        return np.array(embedding, np.float64).reshape(len(embedding))
    except OverflowError:
        return np.full(len(embedding), np.inf)


def _tokens(body: Any) -> int:
    usage = body.get("usage")
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return tokens if isinstance(tokens, int) and tokens > 0 else 0
