"""The texts of single rows of a finished run, from the sources that it read."""

from __future__ import annotations

import mmap
from bisect import bisect_left
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from belle_data.engine.local import sources_of
from belle_data.errors import BelleError, RunFolderError
from belle_data.sources import LocalFile, Source, finished_copy, materialise
from belle_data.sources.decode import MAX_RATIO
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

Turns = list[tuple[str, str]]
"""Role and text of each turn."""

_BLOCK_BYTES = 1 << 20


class SourceTexts:
    """Reads rows where the ledger says that they are. A context manager: decoded copies may be temporary.

    Args:
        folder: The run folder.
        manifest: Its manifest.
        found: Name, size and stamp of each input as the run found it; empty if that was deleted.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], found: list[dict[str, Any]]) -> None:
        self._folder = folder
        self._inputs = {one["name"]: one for one in manifest["inputs"]}
        self._found = {one["name"]: one for one in found}
        self._dataset_info: str | None = manifest["recipe"]["input"].get("dataset_info")
        self._max_line_bytes = int(manifest["recipe"]["input"]["max_line_bytes"])
        self._max_ratio = int(manifest["recipe"]["input"].get("max_ratio", MAX_RATIO))
        self._opened: dict[str, tuple[LocalFile | None, str | None]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def row(self, file: str, byte: int, row_id: str | None) -> tuple[Any, str | None]:
        """Read the row that begins at a byte of a file.

        Args:
            file: Name of the input.
            byte: Where its line, or its element of a JSON array, begins in the decoded file.
            row_id: The row's own id, which must be found again; None if it has none.

        Returns:
            A record batch of it with the columns of reading, or None if it cannot be read; and what must be known about
            it, or why it cannot be read.
        """
        if file not in self._opened:
            self._opened[file] = self._open(file)
        local, note = self._opened[file]
        if local is None:
            return None, note
        try:
            line = _line_at(local, byte)
            batch = self._parse(line, self._inputs[file]["format"])
        except (OSError, ValueError) as error:
            return None, note or f"{file} cannot be read any more ({error})"
        if batch is None or (row_id is not None and own_id_of(batch) != row_id):
            return None, f"{file} changed since the run: another row is there now"
        return batch, note

    def _parse(self, line: bytes, form: str) -> Any:
        import pyarrow as pa  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded

        from belle_data import _native  # noqa: PLC0415

        corpus = _native.Corpus()
        corpus.add_source(line, form)
        _, rows, _ = corpus.read(0, 0, len(line), self._max_line_bytes, 1)
        batch = pa.record_batch(rows)
        return batch if batch.num_rows == 1 else None

    def _open(self, name: str) -> tuple[LocalFile | None, str | None]:
        if name not in self._inputs:
            return None, f"{name} is no input of the manifest"
        found = self._found.get(name)
        copy = finished_copy(self._folder / "work", name, found["size"], found["stamp"]) if found else None
        source, problem = self._source(name, found)
        changed = None
        if source is not None and found is not None and (source.size, source.stamp) != (found["size"], found["stamp"]):
            changed = f"{name} changed since the run"
        if copy is not None:
            return copy, changed and f"{changed}; the text is that of the run"
        if source is None:
            return None, problem
        try:
            return self._materialised(source), changed and f"{changed}; the text is that of today"
        except BelleError as error:
            return None, str(error)

    def _source(self, name: str, found: dict[str, Any] | None) -> tuple[Source | None, str | None]:
        """Find an input again: from this folder, or from one above the run folder, where the run was started."""
        stamp = found["stamp"] if found else ""
        if name == "-" or stamp.startswith("pipe="):
            return None, f"{name} was a pipe, which can be read only once, and the copy in work/ is gone"
        places = [name]
        if "://" not in name and not Path(name).is_absolute():
            places += [str(above / name) for above in self._folder.resolve().parents]
        problem: str | None = None
        for place in places:
            if "://" not in place and not Path(place).is_file():
                continue
            try:
                sources = sources_of([place], self._dataset_info)
            except BelleError as error:
                problem = problem or str(error)
                continue
            if len(sources) == 1:
                return sources[0], None
        return None, problem or f"{name} is not there; the run found it from the folder in which it was started"

    def _materialised(self, source: Source) -> LocalFile:
        from belle_data import _native  # noqa: PLC0415
        from belle_data.engine.run_folder import RunFolder  # noqa: PLC0415

        if source.kind == "jsonl" and source.compression == "none" and "://" not in source.location:
            return materialise(source, self._folder / "work", _native.ArraySplitter, max_ratio=self._max_ratio)
        try:
            folder = RunFolder(self._folder)
            with folder.locked():
                return materialise(source, folder.work(), _native.ArraySplitter, max_ratio=self._max_ratio)
        except RunFolderError:
            # In use, or not ours to write: then for this time only.
            temporary = self._stack.enter_context(temporary_folder("belle-"))
            return materialise(source, Path(temporary), _native.ArraySplitter, max_ratio=self._max_ratio)


def turns_of(batch: Any) -> Turns:
    """Role and text of each turn of the only row of a batch."""
    return [(turn["role"], turn["text"]) for turn in batch["turns"][0].as_py()]


def own_id_of(batch: Any) -> str | None:
    """The id that the only row of a batch brought; None if it brought none."""
    return str(batch["id"][0].as_py()) if batch["has_id"][0].as_py() else None


def _line_at(local: LocalFile, byte: int) -> bytes:
    """Read the line of a row, without its line feed.

    Raises:
        ValueError: There is no row at that byte.
        OSError: The file cannot be read.
    """
    with local.path.open("rb") as handle:
        size = handle.seek(0, 2)
        if local.positions is not None:
            byte = _start_of_line(handle, _element_at(local.positions[0], byte))
        if byte >= size:
            message = f"it has {size:,} bytes and the row began at {byte:,}"
            raise ValueError(message)
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            end = mapped.find(b"\n", byte)
            return mapped[byte : size if end < 0 else end]


def _element_at(offsets: bytes, byte: int) -> int:
    with memoryview(offsets).cast("Q") as numbers:
        element = bisect_left(numbers, byte)
        if element == len(numbers) or numbers[element] != byte:
            message = f"no element of the array begins at byte {byte:,}"
            raise ValueError(message)
    return element


def _start_of_line(handle: Any, number: int) -> int:
    """Byte at which the line of a number from 0 begins."""
    handle.seek(0)
    before = 0
    for start, block in _blocks(handle):
        count = block.count(b"\n")
        if before + count >= number:
            at = -1
            for _ in range(number - before):
                at = block.find(b"\n", at + 1)
            return int(start + at + 1)
        before += count
    message = f"the copy has no line {number + 1:,}"
    raise ValueError(message)


def _blocks(handle: Any) -> Iterator[tuple[int, bytes]]:
    start = 0
    while block := handle.read(_BLOCK_BYTES):
        yield start, block
        start += len(block)
