"""The vectors that a finished run kept of its texts, to be read: which they are, and which are nearest to another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data import _native
from belle_data.embed.run_vectors import ABOUT, RECORD, TEXTS, VECTORS, mapped_vectors
from belle_data.errors import RunFolderError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

_ROWS_AT_ONCE = 1 << 14
_ROUNDING = 1e-4
"""More than a product of float32 is off: so far below the last that is wanted, products are computed again."""
_AGAIN = "clean the same input once more with --force, which embeds all texts anew"


class KeptVectors:
    """The vectors of a run by the hash of their text.

    Args:
        folder: ``vectors`` in the run folder.

    Raises:
        RunFolderError: They are gone, or the files are none of a run's.
    """

    def __init__(self, folder: Path) -> None:
        missing = [name for name in (ABOUT, VECTORS, TEXTS) if not (folder / name).is_file()]
        if missing:
            where = folder / missing[0] if folder.is_dir() else folder
            raise RunFolderError("the vectors of the run are gone", path=where, hint=_AGAIN)
        self._folder = folder
        self.owner, self.dimensions = self._about()
        """The fingerprint of the embedder that made them."""
        try:
            size = (folder / VECTORS).stat().st_size // (4 * self.dimensions)
            records = np.fromfile(folder / TEXTS, RECORD)[:size]
            self._vectors = mapped_vectors(folder, len(records), self.dimensions)
        except (OSError, ValueError) as error:
            raise RunFolderError(f"the vectors cannot be read ({error})", path=folder, hint=_AGAIN) from None
        checksums = np.frombuffer(_native.vector_checksums(self._vectors, self.dimensions), "<u8")
        self._whole = np.flatnonzero(checksums == records["checksum"])
        self._whole = self._whole[np.argsort(records["low"][self._whole], kind="stable")]
        self._low, self._high = records["low"][self._whole], records["high"][self._whole]

    def places(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Where the vector of each text stands; -1 where there is none, or a damaged one.

        Args:
            hashes: XXH3-128 of each text: ``uint64 [n, 2]``, the lower half first.
        """
        places = np.full(len(hashes), -1, np.int64)
        if len(self._low) and len(hashes):
            at = np.searchsorted(self._low, hashes[:, 0])
            most = len(self._low) - 1
            # The same text may be there twice, and two texts may have the same lower half.
            for _ in range(4):
                found = np.minimum(at, most)
                hit = (places < 0) & (self._low[found] == hashes[:, 0]) & (self._high[found] == hashes[:, 1])
                places[hit] = self._whole[found[hit]]
                at = at + 1
        return places

    def places_of_all(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """As `places`, of texts that must all have a vector.

        Raises:
            RunFolderError: One has none.
        """
        places = self.places(hashes)
        lacking = int((places < 0).sum())
        if lacking:
            message = f"the vectors of {lacking:,} of {len(places):,} texts are damaged or gone"
            raise RunFolderError(message, path=self._folder, hint=_AGAIN)
        return places

    def at(self, place: int) -> npt.NDArray[np.float32]:
        """The vector at a place: ``float32 [dimensions]``."""
        return np.array(self._vectors[place])

    def nearest(
        self, queries: npt.NDArray[np.float32], places: npt.NDArray[np.int64], count: int
    ) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]:
        """Find the vectors with the highest cosines.

        Args:
            queries: ``float32 [n, dimensions]``.
            places: Of the vectors that may be found.
            count: How many are wanted.

        Returns:
            For each query the numbers of the nearest in `places`, and their cosines, the highest first; of equal ones
            the first. They do not depend on the machine.
        """
        count = min(count, len(places))
        products = np.empty((len(queries), len(places)), np.float32)
        for start in range(0, len(places), _ROWS_AT_ONCE):
            block = self._vectors[places[start : start + _ROWS_AT_ONCE]]
            products[:, start : start + len(block)] = queries @ block.T
        found = []
        for query, of_query in zip(queries, products, strict=True):
            numbers = np.zeros(0, np.intp)
            if count:
                least = np.partition(of_query, len(of_query) - count)[len(of_query) - count]
                numbers = np.flatnonzero(of_query >= least - _ROUNDING)
            block = self._vectors[places[numbers]].astype(np.float64)
            cosines = np.clip(np.add.reduce(block * query.astype(np.float64), axis=1), -1.0, 1.0)
            order = np.lexsort((numbers, -cosines))[:count]
            found.append((numbers[order], cosines[order]))
        return found

    def _about(self) -> tuple[str, int]:
        path = self._folder / ABOUT
        try:
            about: Any = json.loads(path.read_text(encoding="utf-8"))
            owner, dimensions = about["embedder"], about["dimensions"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            owner = dimensions = None
        if not isinstance(owner, str) or type(dimensions) is not int or not 0 < dimensions <= 1 << 20:
            raise RunFolderError("the description of the vectors is damaged", path=path, hint=_AGAIN)
        return owner, dimensions
