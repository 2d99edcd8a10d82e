"""The index of a run's vectors as a file of faiss, for its users: ids are numbers of rows."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.embed.faiss_lists import PROBES
from belle_data.embed.faiss_products import BASE_ROWS, Vectors, load_faiss, spans
from belle_data.engine.run_folder import TEMPORARY
from belle_data.errors import RunFolderError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from belle_data.embed.faiss_lists import Lists

INDEX = "index.faiss"
_HINT = "check the rights and the free space, or name another folder with --out"


def flat_index(vectors: Vectors, ids: npt.NDArray[np.int64]) -> Any:
    """An ``IndexIDMap2`` over an ``IndexFlatIP``: every search in it is exact."""
    faiss = load_faiss()

    index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.dimensions))
    for start, end in spans(0, len(vectors), BASE_ROWS):
        index.add_with_ids(vectors.rows(start, end), ids[start:end])
    return index


def list_index(lists: Lists, vectors: Vectors, ids: npt.NDArray[np.int64]) -> Any:
    """An ``IndexIVFFlat`` with the lists in which the search looked for pairs; it looks in `PROBES` of them."""
    faiss = load_faiss()

    quantizer = faiss.IndexFlatIP(vectors.dimensions)
    quantizer.add(lists.centroids)
    index = faiss.IndexIVFFlat(quantizer, vectors.dimensions, lists.count, faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True
    index.nprobe = min(PROBES, lists.count)
    for number in range(lists.count):
        rows = lists.members(number)
        # By the home that the rows have already: to look for it again would take as long as the search.
        codes, own = vectors.at(rows).view(np.uint8), np.ascontiguousarray(ids[rows])
        index.invlists.add_entries(number, len(rows), faiss.swig_ptr(own), faiss.swig_ptr(codes))
    index.ntotal = len(vectors)
    return index


def write_index(index: Any, folder: Path) -> None:
    """Write an index into a folder under its name; it appears there when it is whole.

    Raises:
        RunFolderError: It cannot be written.
    """
    faiss = load_faiss()

    temporary = folder / f"{INDEX}{TEMPORARY}"
    failed: list[BaseException] = []

    def write(block: bytes) -> None:
        try:
            handle.write(block)
        except BaseException as error:
            # faiss tells only that there was one.
            failed.append(error)
            raise

    try:
        folder.mkdir(exist_ok=True)
        with temporary.open("wb") as handle:
            try:
                faiss.write_index(index, faiss.PyCallbackIOWriter(write))
            except Exception:
                if failed:
                    raise failed[0] from None
                raise
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(folder / INDEX)
    except OSError as error:
        reason = error.strerror or error
        raise RunFolderError(f"the index cannot be written ({reason})", path=folder / INDEX, hint=_HINT) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
