"""Reading: sources to a corpus of rows, each batch shown to the stages that want it, bad lines written down."""

from __future__ import annotations

import json
import mmap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.engine.rejected import RejectedLines
from belle_data.errors import SourceError
from belle_data.sources import check_unchanged, materialise, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from belle_data.config import Recipe
    from belle_data.engine.progress import Listener
    from belle_data.engine.run_folder import RunFolder
    from belle_data.sources import LocalFile, Source
    from belle_data.stages.normalise import Normalise

CHUNK_BYTES = 4 << 20
"""Bytes that are read at once: a chunk and its columns stay in the processor's caches from stage to stage."""
SMALLEST_ALLOWANCE = 10


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What was read of one source."""

    name: str
    size: int | None
    format: str
    hash: str
    """XXH3-128 of the decoded bytes that were read."""
    lines: int
    rows: int
    rejected: int


@dataclass(slots=True)
class OpenSource:
    """A source that is ready to be read."""

    source: Source
    local: LocalFile
    format: str
    buffer: Any


def open_sources(sources: Sequence[Source], recipe: Recipe, folder: RunFolder, listener: Listener) -> list[OpenSource]:
    """Decode what must be decoded, find each file's format, and map the files.

    Raises:
        SourceError: A file cannot be read, breaks off, or shows no format.
    """
    from belle_data import _native  # noqa: PLC0415 - finding sources needs no kernel

    opened = []
    for source in sources:
        in_place = source.kind == "jsonl" and source.compression == "none" and source.dataset is None
        done = 0
        if not in_place:
            listener.begin(f"decode {source.name}", source.size or 0, "B")

        def progress(size: int) -> None:
            nonlocal done
            done += size
            listener.update(done)

        local = materialise(source, folder.work(), _native.ArraySplitter, progress, max_ratio=recipe.input.max_ratio)
        if not in_place:
            listener.end("")
        form: str | None = recipe.input.format
        if form == "auto" and source.dataset is not None:
            form = source.dataset.format
        if form == "auto":
            # A file in which no line tells is read row by row; each bad line then says what it lacks.
            form = _native.detect_format(sample(local)) or "mixed"
        with local.path.open("rb") as handle:
            size = handle.seek(0, 2)
            buffer: Any = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        opened.append(OpenSource(source, local, form or "mixed", buffer))
    return opened


def read_corpus(
    opened: Sequence[OpenSource],
    recipe: Recipe,
    folder: RunFolder,
    normalise: Normalise | None,
    scan: Sequence[Callable[[Any], None]],
    listener: Listener,
) -> tuple[Any, list[SourceSummary]]:
    """Read every source into a corpus and pass each batch to every function of `scan`.

    With `normalise` the corpus gives normalised turns.

    Returns the native corpus and what was read of each source. Rejected lines are in the folder's rejected/.

    Raises:
        SourceError: No row at all, too many bad lines, or a file that changed meanwhile.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    import pyarrow as pa  # noqa: PLC0415 - the command line must answer before Arrow is loaded

    from belle_data import _native  # noqa: PLC0415

    corpus = _native.Corpus() if normalise is None else _native.Corpus(normalise.kernel, normalise.apply)
    limit = recipe.input.limit or 2**32
    summaries, every_rejected = [], []
    total = sum(len(one.buffer) for one in opened)
    before = 0
    listener.begin("read", total, "B")
    with folder.writing("rejected/rejected.jsonl") as rejected_file:
        for one in opened:
            number = corpus.add_source(one.buffer, one.format, one.local.positions)
            first_row, bad = len(corpus), RejectedLines(one)
            every_rejected.append(bad)
            for at, rows, rejected in _chunks(corpus, number, one.buffer, recipe.input.max_line_bytes, limit):
                batch = pa.record_batch(rows)
                if batch.num_rows:
                    for function in scan:
                        function(batch)
                if rejected is not None:
                    bad.write(rejected_file, pa.record_batch(rejected))
                listener.update(before + at)
            before += len(one.buffer)
            check_unchanged(one.source)
            summaries.append(
                SourceSummary(
                    name=one.source.name,
                    size=one.source.size,
                    format=one.format,
                    hash=corpus.source_hash(number),
                    lines=corpus.lines_read(number),
                    rows=len(corpus) - first_row,
                    rejected=bad.reasons.total(),
                )
            )
    listener.end(f"{len(corpus):,} rows")
    hints = [hint for bad in every_rejected if (hint := bad.hint(recipe.input.format))]
    _check_rejected(summaries, recipe, folder, hints)
    for hint in hints:
        listener.message(f"note: some lines were rejected; {hint}")
    return corpus, summaries


def _chunks(corpus: Any, number: int, buffer: Any, max_line_bytes: int, limit: int) -> Iterator[tuple[int, Any, Any]]:
    """The chunks of a source, the next one being read while the caller is busy with this one."""

    def read(at: int) -> Any:
        if at >= len(buffer) or len(corpus) >= limit:
            return None
        return corpus.read(number, at, CHUNK_BYTES, max_line_bytes, limit - len(corpus))

    with ThreadPoolExecutor(1, thread_name_prefix="belle-read") as reader:
        chunk = read(0)
        while chunk is not None:
            following = reader.submit(read, chunk[0])
            yield chunk
            chunk = following.result()


def _check_rejected(
    summaries: Sequence[SourceSummary], recipe: Recipe, folder: RunFolder, hints: Sequence[str]
) -> None:
    rows = sum(summary.rows for summary in summaries)
    bad = sum(summary.rejected for summary in summaries)
    where = folder.path / "rejected" / "rejected.jsonl"
    first = next((summary.name for summary in summaries if summary.rejected), None)
    if rows == 0 and bad == 0:
        names = ", ".join(summary.name for summary in summaries)
        raise SourceError("there is no row in the input", path=names, byte=0, hint="check that this is the right file")
    reasons = _first_rejection(where)
    if rows == 0:
        raise SourceError(
            f"no line of the input is a row; all {bad:,} were rejected, the first because {reasons}",
            path=first,
            byte=0,
            hint=f"{hints[0] if hints else 'name the format with --format if it was not recognised'}; see {where}",
        )
    allowed = recipe.input.max_bad_lines
    if allowed is None:
        allowed = max(SMALLEST_ALLOWANCE, (rows + bad) // 100)
    if bad > allowed:
        raise SourceError(
            f"{bad:,} of {rows + bad:,} lines were rejected, {allowed:,} are allowed; the first because {reasons}",
            path=first,
            hint=f"{hints[0]}; see {where}"
            if hints
            else f"see {where}; allow more with --max-bad-lines, or name the format with --format",
        )


def _first_rejection(path: Any) -> str:
    with path.open(encoding="utf-8") as handle:
        line = handle.readline()
    if not line:
        return "of nothing"
    entry = json.loads(line)
    return f"{entry['reason']} (line {entry['line']}: {entry['detail']})"
