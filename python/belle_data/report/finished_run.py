"""A finished run as it lies in its folder: the manifest, and the ledger row by row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.engine.run_folder import LAYOUT
from belle_data.engine.written_json import FOUND, MANIFEST, is_like
from belle_data.errors import RunFolderError
from belle_data.report.texts import SourceTexts, turns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.report.texts import Turns

REMOVED_SHOWN = 10
"""Ids of rows removed for a row that are named."""
_MOST_GROUPS = 24
"""Groups of rows that are held: about 70 MB of a run of two million rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of rows.parquet."""

    row: int
    """Its place among all rows, from 0."""
    id: str
    file: str
    line: int
    byte: int
    kept: bool
    stage: str | None
    reason: str | None
    kept_id: str | None
    similarity: float | None
    final_kept_id: str | None


class FinishedRun:
    """The folder of a finished run. Reads the column of ids whole, of everything else only what is asked for.

    Args:
        folder: The run folder.

    Raises:
        RunFolderError: There is no finished run in the folder, or a file of it is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.manifest = finished_manifest(self.folder)
        self.recipe: dict[str, Any] = self.manifest["recipe"]
        self.stages: list[str] = [stage["name"] for stage in self.manifest["stages"]]

        import pyarrow.parquet as pq  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded

        with _damage(self.folder / "rows.parquet"):
            self._file = pq.ParquetFile(self.folder / "rows.parquet", memory_map=True)
            self.ids = self._file.read(columns=["id"])["id"]
        groups = [self._file.metadata.row_group(group).num_rows for group in range(self._file.metadata.num_row_groups)]
        self._starts = [sum(groups[:group]) for group in range(len(groups) + 1)]
        self._groups: dict[int, Any] = {}
        """The groups of rows that were read last, by their number."""
        self._removals: dict[str, Any] = {}
        self._scores: dict[str, Any] = {}

    def texts(self) -> SourceTexts:
        """The texts of the rows, as a context manager."""
        found: Any = (_read_json(self.folder / "work" / "inputs.json") or {}).get("found")
        return SourceTexts(self.folder, self.manifest, found if is_like(found, FOUND) else [])

    def read(self, row: Row, texts: SourceTexts, notes: list[str]) -> Any:
        """A row as it was read, as a record batch; None if it cannot be read. What must be known goes to `notes`."""
        own_id = row.id if row.id != f"{row.file}:{row.line}" else None
        batch, note = texts.row(row.file, row.byte, own_id)
        if note:
            notes.append(note)
        return batch

    def turns(self, row: Row, texts: SourceTexts, notes: list[str]) -> Turns | None:
        """Role and text of each turn of a row; None if they cannot be read. What must be known goes to `notes`."""
        batch = self.read(row, texts, notes)
        return None if batch is None else turns_of(batch)

    def numbers_of(self, row_id: str) -> list[int]:
        """Rows with that id, or else the row at that ``file:line``."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        try:
            wanted = pa.scalar(row_id, pa.string())
        except UnicodeEncodeError:
            # Bytes of the command line that are not text: no id has them.
            return []
        numbers: list[int] = pc.indices_nonzero(pc.equal(self.ids, wanted)).to_pylist()
        file, colon, line = row_id.rpartition(":")
        if numbers or not colon or not (line.isascii() and line.isdigit() and len(line) < 19):
            return numbers
        with _damage(self.folder / "rows.parquet"):
            places = self._file.read(columns=["file", "line"])
        at_line = pc.indices_nonzero(pc.equal(places["line"], pa.scalar(int(line), pa.uint64())))
        files = places["file"].take(at_line).cast(pa.string())
        named = zip(at_line.to_pylist(), files.to_pylist(), strict=True)
        return [number for number, name in named if name == file or name.endswith(f"/{file}")]

    def row(self, number: int) -> Row:
        """A row by its place among all rows."""
        group = next(group for group, start in enumerate(self._starts[1:]) if number < start)
        if group not in self._groups:
            with _damage(self.folder / "rows.parquet"):
                # Without the ids, which are there already and take longer than all the rest.
                columns = [name for name in self._file.schema_arrow.names if name != "id"]
                table = self._file.read_row_group(group, columns=columns)
            while len(self._groups) >= _MOST_GROUPS:
                del self._groups[next(iter(self._groups))]
            self._groups[group] = table
        values = self._groups[group].slice(number - self._starts[group], 1).to_pylist()[0]
        return Row(row=number, id=self.ids[number].as_py(), **values)

    def settings_of(self, stage: str | None) -> dict[str, Any]:
        """The settings with which a stage ran.

        Raises:
            RunFolderError: They are none that the stage has.
        """
        from pydantic import ValidationError  # noqa: PLC0415 - a wrong path must be told before it is loaded

        from belle_data.config import Recipe  # noqa: PLC0415

        settings = self.recipe.get(stage, {}) if stage else {}
        try:
            Recipe.model_validate({stage: settings} if settings else {})
        except ValidationError:
            raise RunFolderError(
                f"the settings of {stage} are damaged, or of another version of belle",
                path=self.folder / "manifest.json",
                hint="run clean again with --force",
            ) from None
        return settings if isinstance(settings, dict) else {}

    def kept_row_of(self, removed: Row) -> Row | None:
        """The row that a row was removed for, by its number: an id may stand on several rows."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        if removed.kept_id is None or removed.stage is None:
            return None
        removals = self._removals_if_there(removed.stage)
        if removals is not None:
            found = removals.filter(pc.equal(removals["row"], pa.scalar(removed.row, pa.uint32())))
            if found.num_rows == 1 and (kept := found["kept_row"][0].as_py()) is not None:
                return self.row(kept)
        numbers = self.numbers_of(removed.kept_id)
        return self.row(numbers[0]) if len(numbers) == 1 else None

    def removed_for(self, number: int) -> tuple[int, list[str]]:
        """How many rows were removed for a row, and the ids of the first."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        rows: list[int] = []
        for stage in self.stages:
            removals = self._removals_if_there(stage)
            if removals is not None:
                found = pc.equal(removals["kept_row"], pa.scalar(number, pa.uint32()))
                rows += removals.filter(found)["row"].to_pylist()
        return len(rows), [self.ids[row].as_py() for row in sorted(rows)[:REMOVED_SHOWN]]

    def removals(self, stage: str) -> Any:
        """What a stage removed: a table with the columns of `belle_data.stages.stage.removals_schema`.

        Raises:
            RunFolderError: The file is gone or damaged.
        """
        import pyarrow.parquet as pq  # noqa: PLC0415

        if stage not in self._removals:
            path = self.folder / "stages" / f"{stage}.parquet"
            with _damage(path):
                self._removals[stage] = pq.read_table(path).combine_chunks()
        return self._removals[stage]

    def evidence(self, stage: str, name: str) -> Any:
        """A further table that a stage left; None if it left no such table.

        Raises:
            RunFolderError: The file is damaged.
        """
        import pyarrow.parquet as pq  # noqa: PLC0415

        path = self.folder / "stages" / f"{stage}.{name}.parquet"
        if not path.exists():
            return None
        with _damage(path):
            return pq.read_table(path)

    def scores(self, stage: str) -> Any:
        """The values that a stage measured of every row.

        Raises:
            RunFolderError: They are not there, or damaged.
        """
        if stage not in self._scores:
            scores = self.evidence(stage, "scores")
            if scores is None:
                raise RunFolderError(
                    "the values of the stage are gone",
                    path=self.folder / "stages" / f"{stage}.scores.parquet",
                    hint="run the same clean command again; it mends the folder",
                )
            self._scores[stage] = scores
        return self._scores[stage]

    def kept(self) -> Any:
        """Which rows are in the shards: a column of bool, one for each row."""
        with _damage(self.folder / "rows.parquet"):
            return self._file.read(columns=["kept"])["kept"]

    def _removals_if_there(self, stage: str) -> Any:
        try:
            return self.removals(stage)
        except RunFolderError:
            return None

    def like(self, row_id: str, most: int = 3) -> list[str]:
        """Ids that are most like one that does not exist: of those with the longest common start."""
        import difflib  # noqa: PLC0415 - needed for this hint only

        import pyarrow.compute as pc  # noqa: PLC0415

        low, high = 0, len(row_id)
        while low < high:
            middle = (low + high + 1) // 2
            if pc.any(pc.starts_with(self.ids, row_id[:middle])).as_py():
                low = middle
            else:
                high = middle - 1
        if low:
            begun = self.ids.filter(pc.starts_with(self.ids, row_id[:low])).slice(0, 2_000)
        else:
            begun = self.ids.slice(0, 2_000)
        return difflib.get_close_matches(row_id[:200], begun.to_pylist(), n=most, cutoff=0.5)


class _damage:  # noqa: N801 - used as the context managers of the standard library are
    """Turns what a damaged file raises into an error that names it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        # Arrow reads a folder as a table of no files, without a column.
        if self._path.is_dir():
            self.__exit__(None, IsADirectoryError("a folder is in its place"), None)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        import pyarrow as pa  # noqa: PLC0415

        if isinstance(error, OSError | pa.ArrowException | KeyError):
            raise RunFolderError(
                f"cannot be read ({error})",
                path=self._path,
                hint="run the same clean command again; it mends the folder",
            ) from None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def finished_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a finished run.

    Raises:
        RunFolderError: There is no finished run in the folder, or one of another version.
    """
    if not folder.is_dir():
        raise RunFolderError("there is no such run folder", path=folder, hint=_folders_like(folder))
    manifest = _read_json(folder / "manifest.json")
    if manifest is None:
        if (folder / ".lock").exists():
            hint = "the same clean command goes on where it ended"
            raise RunFolderError("the run in this folder is not finished", path=folder, hint=hint)
        raise RunFolderError("the folder holds no run", path=folder, hint=_folders_like(folder / "manifest.json"))
    if not manifest.get("complete"):
        hint = "the same clean command goes on where it ended"
        raise RunFolderError("the run in this folder is not finished", path=folder, hint=hint)
    if manifest.get("layout") != LAYOUT:
        raise RunFolderError("the run is of another version of belle", path=folder, hint="run clean again with --force")
    if not is_like(manifest, MANIFEST):
        hint = "run the same clean command again; it mends the folder"
        raise RunFolderError("the manifest is damaged", path=folder / "manifest.json", hint=hint)
    return manifest


def _folders_like(folder: Path) -> str | None:
    """Hint at run folders beside or in the one that is none."""
    import difflib  # noqa: PLC0415 - needed for this hint only

    try:
        runs = sorted(entry.name for entry in folder.parent.iterdir() if (entry / "manifest.json").is_file())
    except OSError:
        return None
    near: Sequence[str] = difflib.get_close_matches(folder.name, runs, n=1, cutoff=0.5) or runs[:3]
    return f"did you mean {' or '.join(str(folder.parent / name) for name in near)}?" if near else None
