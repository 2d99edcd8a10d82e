"""The rows of a finished run whose texts are nearest in meaning to another text, or to another row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from belle_data.errors import RunFolderError, UsageError
from belle_data.report.finished_run import FinishedRun, Row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from belle_data.embed.kept_vectors import KeptVectors
    from belle_data.report.texts import SourceTexts

STAGE = "semantic_dedup"
MOST_COUNT = 10_000
"""Neighbours of one text that can be asked for."""
_AT_ONCE = 16
"""Texts that are compared with all others at once: 4 bytes for each pair."""
_Asked = tuple[str, "npt.NDArray[np.uint64]"]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row that is near."""

    cosine: float
    row: Row
    text: str | None
    """What was compared of it; None if the source cannot be read any more."""
    kept_row: Row | None
    """The row that it went for; None if it is kept, or went for what it is."""
    same_text: int
    """How many more rows have the same text, of those that the stage compared."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest rows of one text."""

    text: str | None
    """As it was asked for; of a row what was compared of it, None if its source cannot be read any more."""
    row: Row | None
    """The row, if one was asked for; it and those with the same text are not among the neighbours."""
    neighbours: list[Neighbour]
    """The nearest first; of equally near ones the one that is first in the order of keeping."""
    notes: list[str] = field(default_factory=list)
    """What the reader must know: an input that changed or is gone."""


@dataclass(frozen=True, slots=True)
class Similar:
    """The nearest rows of each text that was asked for."""

    folder: str
    embedder: str
    field: str
    """What is compared of a row: ``prompt``, ``instruction`` or ``output``."""
    texts: int
    """Different texts that the run compared."""
    found: list[Neighbours]

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON."""
        return asdict(self)


def similar(run: str | Path, texts: str | Sequence[str] = (), count: int = 10, *, row: str | None = None) -> Similar:
    """Find the rows of a finished run that are nearest in meaning.

    Every row that semantic_dedup compared can be found, whether it stayed or went; of rows with the same text one.

    Args:
        run: The folder of a finished run with the stage semantic_dedup.
        texts: One text or several, such as prompts; they are embedded as the run embedded its rows.
        count: How many rows are wanted of each.
        row: The id of a row, or ``file:line``, in place of texts.

    Raises:
        RunFolderError: There is no finished run in the folder, its vectors are gone, or a file of it is damaged.
        UsageError: There is neither a text nor a row, or no such row; the text is empty; the run has no such stage, or
            its embedder is not there, or is another one today, or embeds no texts.

    Example:
        >>> from belle_data import similar
        >>> similar("runs/demo", "如何煮米饭？").found[0].neighbours[0].cosine  # doctest: +SKIP
        0.8712...
    """
    wanted = [texts] if isinstance(texts, str) else list(texts)
    if (row is None) == (not wanted):
        raise UsageError("name texts, or a row", hint="similar RUN TEXT, or similar RUN --row ID")
    if not 0 <= count <= MOST_COUNT:
        raise UsageError(f"the number of rows must be 0 to {MOST_COUNT:,}", value=count)
    finished = FinishedRun(run)
    if STAGE not in finished.stages:
        hint = f"its stages are {', '.join(finished.stages)}" if finished.stages else None
        raise UsageError(f"the run has no stage {STAGE}, so it has no vectors", path=finished.folder, hint=hint)
    with finished.texts() as sources:
        search = _Search(finished, sources)
        found = search.of_texts(wanted, count) if row is None else [search.of_row(row, count)]
    return Similar(str(finished.folder), search.settings.embedder, search.field, search.texts, found)


class _Search:
    """Looks for the neighbours of texts and rows in the vectors of a run."""

    def __init__(self, run: FinishedRun, sources: SourceTexts) -> None:
        from belle_data.embed.kept_vectors import KeptVectors  # noqa: PLC0415 - a wrong path must be told before numpy
        from belle_data.stages.semantic_dedup import SemanticDedupConfig  # noqa: PLC0415

        self._run, self._sources = run, sources
        self.settings = SemanticDedupConfig(**run.settings_of(STAGE))
        self.field: str = self.settings.fields[0]
        self._rows, hashes = self._compared()
        self._vectors: KeptVectors = KeptVectors(run.folder / "vectors")
        self._hashes, self._text_of_group = _distinct(hashes)
        self._places = self._vectors.places_of_all(self._hashes)
        self.texts = len(self._places)
        self._sizes = _GroupSizes(self._rows, run.removals(STAGE))

    def of_texts(self, texts: list[str], count: int) -> list[Neighbours]:
        """The neighbours of texts."""
        asked = [self._asked(_row_of(text, self.field)) for text in texts]
        for text, one in zip(texts, asked, strict=True):
            if one is None:
                raise UsageError("the text is empty", value=text)
        vectors = self._vectors_of([one for one in asked if one is not None], row=None)
        found: list[Neighbours] = []
        for start in range(0, len(texts), _AT_ONCE):
            nearest = self._vectors.nearest(vectors[start : start + _AT_ONCE], self._places, count)
            for text, (numbers, cosines) in zip(texts[start:], nearest, strict=False):
                notes: list[str] = []
                neighbours = self._neighbours(numbers, cosines, notes)
                found.append(Neighbours(text, None, neighbours, list(dict.fromkeys(notes))))
        return found

    def of_row(self, row_id: str, count: int) -> Neighbours:
        """The neighbours of the first row with an id."""
        import numpy as np  # noqa: PLC0415

        numbers = self._run.numbers_of(row_id)
        if not numbers:
            raise _unknown(self._run, row_id)
        notes: list[str] = []
        row = self._run.row(numbers[0])
        if len(numbers) > 1:
            notes.append(f"{len(numbers):,} rows have this id; these are the neighbours of the first")
        asked = self._asked(self._read(row, notes))
        group = np.flatnonzero(self._rows == row.row)
        if len(group):
            own = int(self._text_of_group[group[0]])
            vector = self._vectors.at(int(self._places[own]))[None, :]
        elif asked is None:
            reason = notes[-1] if notes else f"it has no {self.field}"
            raise UsageError(f"the row cannot be compared: {reason}", path=self._run.folder, value=row_id)
        else:
            same = np.flatnonzero((self._hashes == asked[1]).all(axis=1))
            own = int(same[0]) if len(same) else -1
            vector = self._vectors_of([asked], row=row.row)
        nearest, cosines = self._vectors.nearest(vector, self._places, count + 1)[0]
        others = np.flatnonzero(nearest != own)[:count]
        neighbours = self._neighbours(nearest[others], cosines[others], notes)
        return Neighbours(None if asked is None else asked[0], row, neighbours, list(dict.fromkeys(notes)))

    def _neighbours(
        self, numbers: npt.NDArray[np.intp], cosines: npt.NDArray[np.float64], notes: list[str]
    ) -> list[Neighbour]:
        import numpy as np  # noqa: PLC0415

        found = []
        for number, cosine in zip(numbers.tolist(), cosines.tolist(), strict=True):
            groups = np.flatnonzero(self._text_of_group == number)
            row = self._run.row(int(self._rows[groups[0]]))
            asked = self._asked(self._read(row, notes))
            text = None if asked is None else asked[0]
            kept = None if row.kept else self._run.kept_row_of(row)
            found.append(Neighbour(cosine, row, text, kept, self._sizes.rows_of(groups) - 1))
        return found

    def _read(self, row: Row, notes: list[str]) -> Any:
        batch = self._run.read(row, self._sources, notes)
        return None if batch is None else batch.select(["turns"])

    def _asked(self, batch: Any) -> _Asked | None:
        """The text of the only row of a batch that is compared, in the form of the run, and its hash."""
        import numpy as np  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415

        from belle_data import _native  # noqa: PLC0415
        from belle_data.report.row_findings import normalised  # noqa: PLC0415

        if batch is None:
            return None
        if "normalise" in self._run.stages:
            batch, _ = normalised(batch, self._run.settings_of("normalise"))
        compared = _native.ComparedTexts.read(_native.ArrowRows(batch), None, [self.field])
        if len(compared) == 0:
            return None
        text: str = pa.record_batch(compared.column(0, 1))["text"][0].as_py()
        return text, np.frombuffer(compared.hashes(), "<u8")

    def _vectors_of(self, asked: list[_Asked], row: int | None) -> npt.NDArray[np.float32]:
        """The vectors of texts: those that the run has, the others embedded as the run's were."""
        import numpy as np  # noqa: PLC0415

        places = self._vectors.places(np.array([digest for _, digest in asked], np.uint64).reshape(-1, 2))
        vectors = np.zeros((len(asked), self._vectors.dimensions), np.float32)
        for number in np.flatnonzero(places >= 0):
            vectors[number] = self._vectors.at(int(places[number]))
        missing = np.flatnonzero(places < 0)
        if len(missing):
            vectors[missing] = self._embedded([asked[number][0] for number in missing], row)
        return vectors

    def _embedded(self, texts: list[str], row: int | None) -> npt.NDArray[np.float32]:
        import pyarrow as pa  # noqa: PLC0415

        from belle_data.embed import embedder_of  # noqa: PLC0415

        name, owner = self.settings.embedder, self._vectors.owner
        if row is None and name.startswith("numpy:"):
            hint = "similar RUN --row ID gives the neighbours of a row"
            raise UsageError("the run's vectors are of a file, which has none of another text", value=name, hint=hint)
        embedder = embedder_of(name, settings=self.settings)
        try:
            if embedder.fingerprint != owner:
                raise UsageError(
                    f"the vectors of the run are of another model: {owner}; now there is {embedder.fingerprint}",
                    path=self._run.folder,
                    hint="install the model of the run, or clean again with --force, which embeds all texts anew",
                )
            rows = pa.array([row or 0] * len(texts), pa.uint32())
            return embedder.embed(pa.array(texts, pa.large_string()), rows)
        finally:
            embedder.close()

    def _compared(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        """The first row of each group in the order of keeping, and the hash of its text, ``[groups, 2]``."""
        import numpy as np  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415

        table, path = self._run.evidence(STAGE, "texts"), self._run.folder / "stages" / f"{STAGE}.texts.parquet"
        hint = "run the same clean command again; it mends the folder"
        if table is None:
            raise RunFolderError("what the stage compared is gone", path=path, hint=hint)
        columns = {"row": pa.uint32(), "hash": pa.binary(16)}
        known = {name: table.schema.field(name).type for name in columns if name in table.schema.names}
        if known != columns or any(table[name].null_count for name in columns):
            raise RunFolderError("what the stage compared is damaged", path=path, hint=hint)
        rows = table["row"].to_numpy()
        if len(rows) and int(rows.max()) >= len(self._run.ids):
            raise RunFolderError("what the stage compared is of another run", path=path, hint=hint)
        hashes = b"".join(table["hash"].to_pylist())
        return rows, np.frombuffer(hashes, "<u8").reshape(-1, 2)


class _GroupSizes:
    """How many rows each group has, as the stage's removals tell it.

    The rows of a group beside the first go for the row that the first went for, or for the first itself. Groups that
    went for the same row at the same cosine cannot be told apart, and are counted as one.
    """

    def __init__(self, firsts: npt.NDArray[np.uint32], removals: Any) -> None:
        import numpy as np  # noqa: PLC0415

        self._firsts = firsts
        self._row = removals["row"].to_numpy()
        self._kept = removals["kept_row"].to_numpy()
        self._similarity = removals["similarity"].to_numpy()
        self._is_first = np.isin(self._row, firsts)

    def rows_of(self, groups: npt.NDArray[np.intp]) -> int:
        """Rows of some groups, by their numbers."""
        import numpy as np  # noqa: PLC0415

        ends: set[tuple[int, float]] = set()
        for first in self._firsts[groups].tolist():
            at = np.flatnonzero(self._row == first)
            ends.add((int(self._kept[at[0]]), float(self._similarity[at[0]])) if len(at) else (first, 1.0))
        further = [
            np.count_nonzero(~self._is_first & (self._kept == kept) & (self._similarity == similarity))
            for kept, similarity in ends
        ]
        return len(groups) + int(sum(further))


def _row_of(text: str, field_name: str) -> Any:
    """A row of which that field is the text."""
    import pyarrow as pa  # noqa: PLC0415

    turns = [{"role": "user", "text": "" if field_name == "output" else text}]
    turns.append({"role": "assistant", "text": text if field_name == "output" else ""})
    try:
        return pa.record_batch({"turns": pa.array([turns])})
    except UnicodeEncodeError:
        raise UsageError("the text is not valid Unicode", value=text) from None


def _distinct(hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.intp]]:
    """Each hash once, in the order in which they come first, and the number of each group's."""
    import numpy as np  # noqa: PLC0415

    if len(hashes) == 0:
        return hashes, np.zeros(0, np.intp)
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    ordered = hashes[order]
    new = np.ones(len(hashes), np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    # `lexsort` keeps the order of equal ones, so the first of each run comes first.
    firsts = order[new]
    rank = np.empty(len(firsts), np.intp)
    rank[np.argsort(firsts, kind="stable")] = np.arange(len(firsts))
    numbers = np.empty(len(hashes), np.intp)
    numbers[order] = rank[np.cumsum(new) - 1]
    return hashes[np.sort(firsts)], numbers


def _unknown(run: FinishedRun, row_id: str) -> UsageError:
    try:
        near = run.like(row_id)
    except UnicodeEncodeError:
        near = []
    hint = f"did you mean {' or '.join(near)}?" if near else "an id is the row's own, or file:line"
    return UsageError("no row has this id", path=run.folder, value=row_id, hint=hint)
