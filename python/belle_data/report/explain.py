"""What happened to a row of a finished run, and the text of the row that it was removed for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.engine.run_folder import LAYOUT
from belle_data.errors import RunFolderError, UsageError
from belle_data.report.difference import turn_differences
from belle_data.report.texts import SourceTexts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.report.difference import Part
    from belle_data.report.texts import Turns

MOST_ROWS = 20
"""Rows of one id that are explained; of the others only the number is told."""
MOST_IDS = 10
"""Ids of rows removed for a row that are named."""


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


@dataclass(frozen=True, slots=True)
class Link:
    """Why a row went: for which row, on which evidence."""

    removed: Row
    kept: Row | None
    """The row that stood in its place; None if the stage removes rows for what they are, or its file is gone."""
    threshold: float | None
    """Similarity from which on the stage removes; None if it has no threshold."""
    compared: str | None
    """What the similarity is of: ``conversation``, ``prompt`` or ``output``."""
    difference: list[tuple[str, list[Part]]] | None
    """Speaker and parts of each turn; None if a text cannot be read."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened to a row.

    `chain` is empty for a kept row. Otherwise its first link is why the row went; each further link is why the kept row
    of the one before was removed by a later stage, up to a row that is in the shards.
    """

    row: Row
    turns: Turns | None
    """Role and text of each turn; None if the source cannot be read any more."""
    chain: list[Link]
    removed_for_it: int
    """How many rows were removed for this one."""
    removed_ids: list[str]
    """The ids of the first `MOST_IDS` of these."""
    notes: list[str] = field(default_factory=list)
    """What the reader must know about the texts: a source that changed or is gone."""

    def to_dict(self) -> dict[str, Any]:
        """Give the explanation as plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Explanations:
    """All rows that an id means."""

    folder: str
    row_id: str
    found: int
    """How many rows have the id; more than `rows` holds if there are very many."""
    rows: list[Explanation]

    def to_dict(self) -> dict[str, Any]:
        """Give the explanations as plain values for JSON."""
        return {**asdict(self), "rows": [row.to_dict() for row in self.rows]}


def explain(run: str | Path, row_id: str) -> Explanations:
    """Say what happened to a row.

    Args:
        run: The folder of a finished run.
        row_id: The row's own id, or ``file:line``, where the file may be cut at the front.

    Raises:
        RunFolderError: There is no finished run in the folder, or a file of it is damaged.
        UsageError: No row has that id; the hint names ids that are like it.

    Example:
        >>> from belle_data.report.explain import explain
        >>> explain("runs/demo", "ex-00003").rows[0].chain[0].similarity  # doctest: +SKIP
        0.9263157894736842
    """
    folder = Path(run)
    manifest = _finished_manifest(folder)
    ledger = _Ledger(folder, manifest)
    numbers = ledger.numbers_of(row_id)
    if not numbers:
        raise _unknown(ledger, folder, row_id)
    found = (_read_json(folder / "work" / "inputs.json") or {}).get("found", [])
    with SourceTexts(folder, manifest, found) as texts:
        rows = [_explanation(number, ledger, texts) for number in numbers[:MOST_ROWS]]
    return Explanations(str(folder), row_id, len(numbers), rows)


def _explanation(number: int, ledger: _Ledger, texts: SourceTexts) -> Explanation:
    notes: list[str] = []
    row = ledger.row(number)
    turns = _turns(row, texts, notes)
    chain: list[Link] = []
    removed, removed_turns = row, turns
    # Each link is of a later stage than the one before, so there are no more links than stages.
    while not removed.kept and len(chain) < len(ledger.stages):
        kept = ledger.kept_row_of(removed)
        kept_turns = None if kept is None else _turns(kept, texts, notes)
        both = removed_turns is not None and kept_turns is not None
        settings = ledger.settings_of(removed.stage)
        link = Link(
            removed=removed,
            kept=kept,
            threshold=settings.get("threshold"),
            compared=settings.get("field"),
            difference=turn_differences(removed_turns or [], kept_turns or []) if both else None,
        )
        chain.append(link)
        if kept is None:
            break
        removed, removed_turns = kept, kept_turns
    count, ids = ledger.removed_for(number)
    return Explanation(row, turns, chain, count, ids, list(dict.fromkeys(notes)))


def _turns(row: Row, texts: SourceTexts, notes: list[str]) -> Turns | None:
    own_id = row.id if row.id != f"{row.file}:{row.line}" else None
    turns, note = texts.turns(row.file, row.byte, own_id)
    if note:
        notes.append(note)
    return turns


class _Ledger:
    """rows.parquet and stages/: reads the column of ids whole, of everything else only what is asked for."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded

        self._folder = folder
        self._recipe = manifest["recipe"]
        self.stages = [stage["name"] for stage in manifest["stages"]]
        with _damage(folder / "rows.parquet"):
            self._file = pq.ParquetFile(folder / "rows.parquet", memory_map=True)
            self.ids = self._file.read(columns=["id"])["id"]
        groups = [self._file.metadata.row_group(group).num_rows for group in range(self._file.metadata.num_row_groups)]
        self._starts = [sum(groups[:group]) for group in range(len(groups) + 1)]
        self._removals: dict[str, Any] = {}

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
        with _damage(self._folder / "rows.parquet"):
            places = self._file.read(columns=["file", "line"])
        at_line = pc.indices_nonzero(pc.equal(places["line"], pa.scalar(int(line), pa.uint64())))
        files = places["file"].take(at_line).cast(pa.string())
        named = zip(at_line.to_pylist(), files.to_pylist(), strict=True)
        return [number for number, name in named if name == file or name.endswith(f"/{file}")]

    def row(self, number: int) -> Row:
        group = next(group for group, start in enumerate(self._starts[1:]) if number < start)
        with _damage(self._folder / "rows.parquet"):
            values = self._file.read_row_group(group).slice(number - self._starts[group], 1).to_pylist()[0]
        return Row(row=number, **values)

    def settings_of(self, stage: str | None) -> dict[str, Any]:
        settings = self._recipe.get(stage, {})
        return settings if isinstance(settings, dict) else {}

    def kept_row_of(self, removed: Row) -> Row | None:
        """The row that a row was removed for, by its number: an id may stand on several rows."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        if removed.kept_id is None or removed.stage is None:
            return None
        removals = self._removals_of(removed.stage)
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
            removals = self._removals_of(stage)
            if removals is not None:
                found = pc.equal(removals["kept_row"], pa.scalar(number, pa.uint32()))
                rows += removals.filter(found)["row"].to_pylist()
        return len(rows), [self.ids[row].as_py() for row in sorted(rows)[:MOST_IDS]]

    def _removals_of(self, stage: str) -> Any:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        if stage not in self._removals:
            try:
                removals = pq.read_table(self._folder / "stages" / f"{stage}.parquet", columns=["row", "kept_row"])
            except (OSError, pa.ArrowInvalid):
                removals = None
            self._removals[stage] = removals
        return self._removals[stage]

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


def _unknown(ledger: _Ledger, folder: Path, row_id: str) -> UsageError:
    rejected = _rejected_line(folder, row_id)
    if rejected is not None:
        return UsageError(
            f"this line is no row: {rejected['reason']} ({rejected['detail']})",
            path=rejected["file"],
            line=rejected["line"],
            byte=rejected["byte"],
            hint=f"see {folder / 'rejected' / 'rejected.jsonl'}",
        )
    try:
        near = ledger.like(row_id)
    except UnicodeEncodeError:
        near = []
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    else:
        first = ledger.ids[0].as_py() if len(ledger.ids) else None
        hint = "an id is the row's own, or file:line" + (f"; the first row is {first}" if first else "")
    return UsageError("no row has this id", path=folder, value=row_id, hint=hint)


def _rejected_line(folder: Path, row_id: str) -> dict[str, Any] | None:
    file, _, line = row_id.rpartition(":")
    if not file or not line.isdigit():
        return None
    needle = f'"line": {int(line)},'
    try:
        with (folder / "rejected" / "rejected.jsonl").open(encoding="utf-8") as handle:
            for text in handle:
                if needle in text:
                    entry: dict[str, Any] = json.loads(text)
                    if entry["line"] == int(line) and (entry["file"] == file or entry["file"].endswith(f"/{file}")):
                        return entry
    except (OSError, ValueError, KeyError):
        pass
    return None


class _damage:  # noqa: N801 - used as the context managers of the standard library are
    """Turns what a damaged file raises into an error that names it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

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
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _finished_manifest(folder: Path) -> dict[str, Any]:
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
    if manifest.get("layout") != LAYOUT or not {"inputs", "recipe", "stages"} <= manifest.keys():
        raise RunFolderError("the run is of another version of belle", path=folder, hint="run clean again with --force")
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
