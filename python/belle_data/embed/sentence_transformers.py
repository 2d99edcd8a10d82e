"""Any model of the package sentence-transformers, from this machine unless the recipe lets it be fetched."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import cached_property
from hashlib import blake2b
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.embed.vectors import texts_and_blanks, unit_rows
from belle_data.errors import BelleError, SourceError, UsageError
from belle_data.sources.optional import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from belle_data.embed.settings import EmbedderSettings

PACKAGE = "sentence-transformers"
_PACKAGES = (PACKAGE, "transformers", "torch", "tokenizers")
_AT_ONCE = 32
"""Texts in one pass through the model."""


class SentenceTransformers:
    """A model of sentence-transformers; code that comes with a model is never run.

    The same texts in the same batches give the same bytes on one machine. A text's neighbours in a batch move the last
    digits, since they decide how far it is padded: `precisely` embeds every text alone.

    Args:
        model: Its name on the hub, or a folder.
        settings: `revision`, `download` and `device` count.
        threads: How many torch computes on, for the whole process; 0 leaves that as it is.

    Raises:
        UsageError: The package is not installed.
    """

    batch = 1024
    of_rows = False

    def __init__(self, model: str, settings: EmbedderSettings, *, threads: int = 0) -> None:
        self.name = f"{PACKAGE}:{model}"
        self._model_name = model
        self._settings = settings
        self._threads = threads
        self._loaded: Any = None
        self.dimensions: int | None = None
        if find_spec("sentence_transformers") is None:
            message = f"the embedder {self.name} needs the package {PACKAGE}, which is not installed"
            raise UsageError(message, hint=f"pip install {PACKAGE}")

    @cached_property
    def fingerprint(self) -> str:
        """The versions of the packages, and the commit of a model of the hub or the hash of a folder's files.

        Raises:
            UsageError: The model is not on this machine, and may not be fetched or cannot.
        """
        versions = " ".join(f"{package}={_version(package)}" for package in _PACKAGES)
        folder = Path(self._model_name)
        if folder.is_dir():
            return f"{PACKAGE} {versions} blake2b={_hash_of(folder)}"
        commit = self._commit()
        if commit is None and self._settings.download:
            _ = self._model
            commit = self._commit()
        if commit is None:
            raise self._absent()
        return f"{PACKAGE}:{self._model_name} {versions} commit={commit}"

    def tolerance(self, cosine: float) -> float:  # noqa: ARG002 - the protocol's
        """What padding does to the last digits."""
        return 1e-4

    def cost(self, texts: pa.Array) -> None:  # noqa: ARG002 - the protocol's
        """Nothing: it is computed here."""
        return

    def embed(self, texts: pa.Array, rows: pa.Array, *, precisely: bool = False) -> npt.NDArray[np.float32]:
        """Compute the vectors; what a text has beyond the model's length is not seen.

        Raises:
            UsageError: The model is not on this machine, or is none.
            SourceError: It gives vectors with a NaN or an infinite number.
        """
        texts, blank = texts_and_blanks(texts, rows)
        model = self._model
        written = [text for text, empty in zip(texts.to_pylist(), blank, strict=True) if not empty]
        # Without any text to embed, one letter tells how long a vector is.
        asked = written or ["a"]
        with self._failing_as("embedding failed"):
            found = model.encode(
                asked,
                batch_size=1 if precisely else _AT_ONCE,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=False,
            )
        found = np.asarray(found, dtype=np.float32).reshape(len(asked), -1)
        self.dimensions = int(found.shape[1])
        vectors = np.zeros((len(texts), found.shape[1]), np.float32)
        numbers, bad = unit_rows(found[: len(written)])
        bad |= ~numbers.any(axis=1)
        if bad.any():
            row = rows.to_numpy(zero_copy_only=False)[~blank][int(bad.argmax())]
            message = f"the model gave no vector for the text of row {row:,}: NaN, infinite or all zeros"
            raise SourceError(message, path=self._model_name)
        vectors[~blank] = numbers
        return vectors

    def close(self) -> None:
        """Let go of the model."""
        self._loaded = None

    @property
    def _model(self) -> Any:
        if self._loaded is None:
            package = load("sentence_transformers", f"the embedder {self.name}")
            # It is loaded by then; importing it here would bind this package to it.
            torch = sys.modules.get("torch")
            if self._threads and torch is not None:
                torch.set_num_threads(self._threads)
            with self._failing_as("cannot be loaded"):
                self._loaded = package.SentenceTransformer(
                    self._model_name,
                    revision=self._settings.revision,
                    device=self._settings.device,
                    local_files_only=not self._settings.download,
                    trust_remote_code=False,
                ).eval()
        return self._loaded

    @contextmanager
    def _failing_as(self, what: str) -> Iterator[None]:
        try:
            yield
        except (BelleError, MemoryError):
            raise
        except Exception as error:  # torch, transformers and the hub have no class in common
            if not Path(self._model_name).exists() and self._commit() is None:
                raise self._absent() from error
            reason = str(error).strip().partition("\n")[0][:300]
            raise SourceError(f"{what} ({type(error).__name__}: {reason})", path=self._model_name) from error

    def _commit(self) -> str | None:
        """Which commit of the model lies in the cache of the hub."""
        hub = load("huggingface_hub", f"the embedder {self.name}")
        for name in (self._model_name, f"{PACKAGE}/{self._model_name}"):
            try:
                found = hub.try_to_load_from_cache(name, "config.json", revision=self._settings.revision)
            except ValueError:  # no name that the hub would have
                continue
            if isinstance(found, str):
                return Path(found).parent.name
        return None

    def _absent(self) -> UsageError:
        if self._settings.download:
            hint = "check the name and the connection; a folder with the model can be named too"
            return UsageError("no such model here, and it could not be fetched", value=self._model_name, hint=hint)
        hint = f"hf download {self._model_name}, or set download = true, or name a folder with the model"
        return UsageError("the model is not on this machine", value=self._model_name, hint=hint)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _hash_of(folder: Path) -> str:
    """Hash names and contents of the files of a folder, save for those with a dot before their name."""
    digest = blake2b(digest_size=16)
    try:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if not path.is_file() or any(part.startswith(".") for part in name.parts):
                continue
            written = name.as_posix().encode("utf-8", "surrogateescape")
            digest.update(len(written).to_bytes(8, "little") + written + path.stat().st_size.to_bytes(8, "little"))
            with path.open("rb") as handle:
                while block := handle.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", path=error.filename) from error
    return digest.hexdigest()
