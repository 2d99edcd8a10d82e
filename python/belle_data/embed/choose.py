"""From the name of an embedder, as a recipe has it, to the embedder."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from belle_data.embed.settings import DEFAULT_EMBEDDER, EmbedderSettings
from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from belle_data.embed.embedder import Embedder

BACKENDS = (DEFAULT_EMBEDDER, "sentence-transformers:MODEL", "openai:MODEL", "numpy:FILE")
"""The names that `embedder_of` knows; what is in capitals the user chooses."""


def embedder_of(
    name: str,
    *,
    threads: int = 0,
    cache: Path | None = None,
    settings: EmbedderSettings | None = None,
    notify: Callable[[str], None] | None = None,
) -> Embedder:
    """Give the embedder of a name. Nothing is downloaded, computed or sent yet, and no model is read.

    Args:
        name: One of `BACKENDS`, with a model or a file in place of the capitals.
        threads: How many to compute on; 0 leaves it to the backend.
        cache: Folder in which paid vectors are kept; without it they are not kept. It is made when it is needed.
        settings: Of the recipe; `settings.embedder` is not looked at.
        notify: Is given a sentence when the embedder waits for a server, from another thread.

    Raises:
        UsageError: No such backend, its model is not named, or its package is not installed.
        SourceError: The file of `numpy:FILE` holds no vectors.
    """
    settings = settings or EmbedderSettings()
    backend, colon, model = name.partition(":")
    _check(name, backend, colon, model)
    if backend == "numpy":
        from belle_data.embed.numpy_file import NumpyFile  # noqa: PLC0415

        return NumpyFile(model)
    if backend == "sentence-transformers":
        from belle_data.embed.sentence_transformers import SentenceTransformers  # noqa: PLC0415

        return SentenceTransformers(model, settings, threads=threads)
    if backend == "openai":
        from belle_data.embed.openai import OpenAI  # noqa: PLC0415

        return OpenAI(model, settings, cache=cache, notify=notify)
    from belle_data.embed.universal_sentence_encoder import UniversalSentenceEncoder  # noqa: PLC0415

    return UniversalSentenceEncoder(threads=threads)


def _check(name: str, backend: str, colon: str, model: str) -> None:
    forms = {form.partition(":")[0]: form for form in BACKENDS}
    if backend not in forms:
        near = difflib.get_close_matches(backend, forms, 1)
        guess = f"did you mean {forms[near[0]]}? " if near else ""
        raise UsageError("no such embedder", value=name, hint=f"{guess}there are {', '.join(BACKENDS)}")
    wanted = forms[backend].partition(":")[2]
    if wanted and not model.strip():
        raise UsageError(f"{backend} needs a {wanted.lower()}", value=name, hint=f"write {forms[backend]}")
    if colon and not wanted:
        raise UsageError(f"{backend} takes no model", value=name, hint=f"write {backend}")
