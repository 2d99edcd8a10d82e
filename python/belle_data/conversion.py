"""``convert``: files of rows in another format, so that they can come back byte for byte."""

from __future__ import annotations

import json
import mmap
import os
import re
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from belle_data.engine.corpus import CHUNK_BYTES, SMALLEST_ALLOWANCE
from belle_data.engine.local import use_threads
from belle_data.engine.output import _compressed
from belle_data.engine.progress import Silent, Stopwatch
from belle_data.engine.rejected import EXCERPT_BYTES
from belle_data.errors import RunFolderError, SourceError, UsageError
from belle_data.sources import check_unchanged, find_sources, materialise, sample
from belle_data.sources.decode import MAX_RATIO
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from belle_data import _native
    from belle_data.dataset_info import Description
    from belle_data.engine.progress import Listener
    from belle_data.sources import LocalFile, Source

FORMATS = ("messages", "alpaca", "belle", "sharegpt", "text")
SOURCE_FORMATS = ("auto", *FORMATS, "mixed")
ENDINGS = {"none": "", "gz": ".gz", "zst": ".zst"}
MAX_LINE_BYTES = 64 << 20
_FILE = re.compile(r"(?P<stem>.+?)\.(?:jsonl|ndjson)(?:\.(?P<compress>gz|zst))?$", re.IGNORECASE)
_COLUMNS = ("system", "history", "tools", "images", "videos", "audios", "target", "tool_calls")
# In a plain row, a history that is not empty. No string holds these bytes, since a quote in it is escaped.
_HISTORY = re.compile(rb'"history": ?\[\[')
# The loaders of training programs take the types of all rows from the first 10 MiB.
_LOOKED_AT = 8 << 20


@dataclass(frozen=True, slots=True)
class ConvertedFile:
    """What became of one source."""

    source: str
    format: str
    output: str
    lines: int
    rows: int
    rejected: int


@dataclass(slots=True)
class ConvertReport:
    """What a conversion did."""

    to: str
    out: str
    rows: int = 0
    rejected: int = 0
    rejected_file: str | None = None
    dataset_info: str | None = None
    undescribed: str | None = None
    """Why the files of a folder are not described."""
    files: list[ConvertedFile] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON knows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Job:
    source: Source
    description: Description | None
    path: Path


def convert(
    inputs: str | Path | Sequence[str | Path],
    *,
    to: str,
    out: str | Path,
    format: str = "auto",  # noqa: A002 - the word of the command line
    dataset_info: str | None = None,
    compress: str | None = None,
    lossless: bool = True,
    force: bool = False,
    max_bad_lines: int | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
    max_ratio: int = MAX_RATIO,
    threads: int | None = None,
    listener: Listener | None = None,
) -> ConvertReport:
    """Write the rows of files in another format, in their order.

    Args:
        inputs: Files, folders, globs and URLs as for `clean`; none with `dataset_info` takes the files that it names.
        to: messages, alpaca, belle, sharegpt or text (only for rows that were plain text).
        out: A file ``x.jsonl``, ``x.jsonl.gz`` or ``x.jsonl.zst`` for all rows, or a folder for one file per source and
            a ``dataset_info.json``.
        format: Of the input; ``auto`` looks at each file.
        dataset_info: ``FILE[:name]``, which says how the files' columns are named.
        compress: none, gz or zst; by default what the name of the file says, and none in a folder.
        lossless: Keep under ``belle_source`` what the format cannot hold, so that the line can come back. Else the rows
            are plain: each has the keys of the format, all of the same types, and no other, so that any loader of JSON
            lines reads them. Of rows of alpaca and belle, the first with a history may move to the front for that.
        force: Replace files that are there.
        max_bad_lines: Fail above so many lines that are no rows (1 % of the lines, at least 10).
        max_line_bytes: A longer line is no row.
        max_ratio: Compressed data that grows more than so many times is taken for a decompression bomb.
        threads: Number of threads; the result does not depend on it.
        listener: Is told about the progress.

    Raises:
        UsageError: A format, a file or an option is wrong, or the output is there already.
        SourceError: A file cannot be read, has no row, or has too many bad lines. Nothing but the file of rejected
            lines is written then.
        RunFolderError: The output cannot be written.
        KeyboardInterrupt: The user pressed Ctrl-C. Nothing is written then.
    """
    _known("format", to, FORMATS)
    _known("input format", format, SOURCE_FORMATS)
    if max_ratio < 1:
        raise UsageError("max_ratio must be a whole number from 1 on", value=max_ratio)
    given = [str(one) for one in ([inputs] if isinstance(inputs, (str, Path)) else inputs)]
    target = Path(out)
    as_file = _FILE.fullmatch(target.name) if not target.is_dir() else None
    compression = compress or (as_file["compress"] or "none" if as_file else "none").lower()
    _known("compression", compression, tuple(ENDINGS))
    if as_file and (as_file["compress"] or "none").lower() != compression:
        raise UsageError("the name of the output says another compression", path=target, value=compression)
    if not as_file and (target.is_file() or target.suffix.lower() in {".json", ".parquet", ".csv", ".gz", ".zst"}):
        raise UsageError("no name of an output", path=target, hint="name x.jsonl, x.jsonl.gz, x.jsonl.zst or a folder")
    use_threads(threads)
    jobs = _jobs(given, dataset_info, target, compression, as_file=as_file is not None)
    if not force:
        taken = next((job.path for job in jobs if job.path.exists()), None)
        if taken is not None:
            raise UsageError("is there already", path=taken, hint="name another output, or replace it with --force")
    report = ConvertReport(to=to, out=str(target))
    run = _Run(report, format, lossless, max_line_bytes, max_ratio, compression, listener or Silent())
    stem = as_file["stem"] if as_file else target.name or "rows"
    with _errors(target), ExitStack() as stack:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = stack.enter_context(temporary_folder(".belle-convert-", target.parent))
        if not as_file:
            target.mkdir(exist_ok=True)
        run.convert(jobs, Path(work), target.parent / f"{stem}.rejected.jsonl", max_bad_lines)
    if not as_file and compression == "none":
        run.describe(target)
    return report


def _known(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(f"unknown {what}", value=value, hint=f"known are {', '.join(known)}")


def _jobs(
    inputs: Sequence[str], dataset_info: str | None, target: Path, compression: str, *, as_file: bool
) -> list[_Job]:
    if dataset_info is None:
        sources = find_sources(inputs)
    else:
        from belle_data.dataset_info import described_sources  # noqa: PLC0415

        # Renamed while they are converted, and not in a copy before.
        sources = described_sources(inputs, dataset_info)
    jobs = []
    taken: set[str] = set()
    for described in sources:
        source, description = replace(described, dataset=None), described.dataset
        path = target
        if not as_file:
            stem = re.sub(r"(\.(jsonl|ndjson|json|parquet|gz|zst))+$", "", Path(source.name).name) or "rows"
            name, number = stem, 1
            while name.lower() in taken:
                number += 1
                name = f"{stem}-{number}"
            taken.add(name.lower())
            path = target / f"{name}.jsonl{ENDINGS[compression]}"
        jobs.append(_Job(source, description, path))
    return jobs


@dataclass(slots=True)
class _Run:
    """One conversion on its way."""

    report: ConvertReport
    format: str
    lossless: bool
    max_line_bytes: int
    max_ratio: int
    compression: str
    listener: Listener
    keys: dict[Path, set[str]] = field(default_factory=dict)
    sizes: dict[Path, int] = field(default_factory=dict)
    histories: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Start and length of the first row with a history, in plain files."""
    first: str = "of nothing"

    def convert(self, jobs: Sequence[_Job], work: Path, rejected_path: Path, max_bad_lines: int | None) -> None:
        watch = Stopwatch()
        with ExitStack() as outputs:
            # Outputs appear when all of this was left without an error; rejected lines are worth keeping in any case.
            opened: dict[Path, Any] = {}
            handles: dict[Path, BinaryIO] = {}
            with _appearing(rejected_path) as rejected_file:
                for job in jobs:
                    if job.path not in opened:
                        handle = outputs.enter_context(_appearing(job.path))
                        opened[job.path] = _compressed(handle, self.compression)
                        handles[job.path] = handle
                        self.keys[job.path] = set()
                        self.sizes[job.path] = 0
                    self._convert_one(job, opened[job.path][0], work, rejected_file)
            if self.report.rejected:
                self.report.rejected_file = str(rejected_path)
            else:
                rejected_path.unlink(missing_ok=True)
            self._check(jobs, max_bad_lines)
            for _, close in opened.values():
                close()
            for path, (start, length) in self.histories.items():
                # No training program reads packed files, of which no part can move.
                if start > _LOOKED_AT and self.compression == "none":
                    _move_to_front(handles[path], start, length)
        for name, value in watch.read().items():
            setattr(self.report, name, value)

    def _convert_one(self, job: _Job, write: Any, work: Path, rejected_file: BinaryIO) -> None:
        from belle_data import _native  # noqa: PLC0415

        local = self._local(job.source, work)
        names = job.description.names() if job.description else None
        form = job.description.format if job.description else self.format
        if form == "auto":
            form = _native.detect_format(sample(local)) or "mixed"
        with local.path.open("rb") as handle:
            size = handle.seek(0, 2)
            buffer: Any = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self.listener.begin(f"convert {job.source.name}", size, "B")
        rows = lines = bad = 0
        for end, more_lines, more_rows, out, rejected in self._chunks(buffer, form, names):
            write(out)
            self._notice(out, job.path)
            self.sizes[job.path] += len(out)
            lines, rows = lines + more_lines, rows + more_rows
            if rejected is not None:
                bad += self._reject(rejected, job.source, local, buffer, rejected_file)
            self.listener.update(end)
        check_unchanged(job.source)
        self.listener.end(f"{rows:,} rows")
        self.report.files.append(ConvertedFile(job.source.name, form, str(job.path), lines, rows, bad))
        self.report.rows += rows
        self.report.rejected += bad
        if local.temporary:
            local.path.unlink(missing_ok=True)

    def _local(self, source: Source, work: Path) -> LocalFile:
        from belle_data import _native  # noqa: PLC0415

        if source.kind == "jsonl" and source.compression == "none":
            return materialise(source, work, _native.ArraySplitter)
        self.listener.begin(f"decode {source.name}", source.size or 0, "B")
        done = 0

        def progress(size: int) -> None:
            nonlocal done
            done += size
            self.listener.update(done)

        local = materialise(source, work, _native.ArraySplitter, progress, max_ratio=self.max_ratio)
        self.listener.end("")
        return local

    def _chunks(self, buffer: Any, form: str, names: _native.Names | None) -> Iterator[Any]:
        """The chunks of a source, the next one being converted while the caller writes this one."""
        from belle_data import _native  # noqa: PLC0415

        def converted(at: int, lines: int) -> Any:
            return _native.convert_lines(
                buffer,
                at,
                CHUNK_BYTES,
                lines,
                form,
                self.report.to,
                lossless=self.lossless,
                max_line_bytes=self.max_line_bytes,
                names=names,
            )

        lines = 0
        with ThreadPoolExecutor(1, thread_name_prefix="belle-convert") as pool:
            waiting = pool.submit(converted, 0, 0) if len(buffer) else None
            while waiting is not None:
                chunk = waiting.result()
                lines += chunk[1]
                waiting = pool.submit(converted, chunk[0], lines) if chunk[0] < len(buffer) else None
                yield chunk

    def _notice(self, lines: bytes, path: Path) -> None:
        """Remember which keys of the description any row has, and where the first history of plain rows is."""
        if not self.lossless:
            found = _HISTORY.search(lines) if path not in self.histories else None
            if found and self.report.to in {"alpaca", "belle"}:
                start = lines.rfind(b"\n", 0, found.start()) + 1
                self.histories[path] = (self.sizes[path] + start, lines.find(b"\n", start) + 1 - start)
            return
        seen = self.keys[path]
        for key in _COLUMNS:
            if key in seen:
                continue
            for match in re.finditer(rb'"%s"\s*:' % key.encode(), lines):
                start = lines.rfind(b"\n", 0, match.start()) + 1
                row = json.loads(lines[start : lines.find(b"\n", start)])
                turns = row.get("messages") if key == "tool_calls" else None
                calls = isinstance(turns, list) and any(isinstance(turn, dict) and turn.get(key) for turn in turns)
                if calls or (key != "tool_calls" and key in row):
                    seen.add(key)
                    break

    def _reject(self, rejected: Any, source: Source, local: LocalFile, buffer: Any, handle: BinaryIO) -> int:
        import pyarrow as pa  # noqa: PLC0415

        bad: list[dict[str, Any]] = pa.record_batch(rejected).to_pylist()
        for line in bad:
            start = line["byte"]
            excerpt = bytes(buffer[start : start + min(line["length"], EXCERPT_BYTES)])
            if local.positions is not None:
                place = 8 * (line["line"] - 1)
                line["byte"], line["line"] = (struct.unpack_from("<Q", part, place)[0] for part in local.positions)
            entry = {"file": source.name, **line, "excerpt": excerpt.decode("utf-8", "backslashreplace")}
            if self.first == "of nothing":
                self.first = f"{entry['reason']} (line {entry['line']}: {entry['detail']})"
            handle.write(json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        return len(bad)

    def _check(self, jobs: Sequence[_Job], max_bad_lines: int | None) -> None:
        rows, bad, where = self.report.rows, self.report.rejected, self.report.rejected_file
        first = next((file.source for file in self.report.files if file.rejected), None)
        if rows == 0 and bad == 0:
            names = ", ".join(job.source.name for job in jobs)
            raise SourceError("there is no row in the input", path=names, hint="check that this is the right file")
        allowed = max(SMALLEST_ALLOWANCE, (rows + bad) // 100) if max_bad_lines is None else max_bad_lines
        if rows == 0 or bad > allowed:
            raise SourceError(
                f"{bad:,} of {rows + bad:,} lines were rejected, {allowed if rows else 0:,} are allowed; the first "
                f"because {self.first}",
                path=first,
                hint=f"see {where}; allow more with --max-bad-lines, or name the format with --format",
            )

    def describe(self, folder: Path) -> None:
        """Write the dataset_info.json of a folder, with the files that can be trained on."""
        from belle_data.dataset_info import (  # noqa: PLC0415
            NAME,
            dataset_entry,
            first_rows,
            plain_entry,
            why_undescribed,
            write_dataset_info,
        )

        entries: dict[str, dict[str, Any] | None] = {}
        reasons: dict[str, str] = {}
        for path, keys in self.keys.items():
            reason = why_undescribed(self.report.to, keys) if self.lossless else None
            if not self.sizes[path]:
                reason = "LLaMA-Factory cannot load a file without rows"
            if reason is not None:
                reasons[path.name] = reason
                entries[path.stem] = None
            elif self.lossless:
                rows = first_rows([folder / path.name])
                entries[path.stem] = dataset_entry(path.name, self.report.to, sorted(keys), rows)
            else:
                entries[path.stem] = plain_entry(path.name, self.report.to)
        if reasons:
            shown = ", ".join(list(reasons)[:3]) + (f" and {len(reasons) - 3:,} more" if len(reasons) > 3 else "")
            self.report.undescribed = f"{shown}: not described in {NAME}; {next(iter(reasons.values()))}"
        info = write_dataset_info(folder, entries)
        self.report.dataset_info = None if info is None else str(info)


def _move_to_front(handle: BinaryIO, start: int, length: int) -> None:
    handle.flush()
    with mmap.mmap(handle.fileno(), start + length) as view:
        row = view[start : start + length]
        view.move(length, 0, start)
        view[:length] = row


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "check the rights and the free space, or name another output with --out"
        reason = error.strerror or str(error)
        raise RunFolderError(f"cannot write here ({reason})", path=error.filename or path, hint=hint) from None


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when it is whole."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("w+b") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
