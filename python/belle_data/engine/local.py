"""The engine for one machine: reads the sources once, runs the stages in order, writes what stands at the end.

All scans share one pass over the input. What a finished stage removed is in the run folder, so a run that was killed,
or whose recipe changed, repeats only what it must: a stage whose input, settings and version are unchanged is not
computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.config import Recipe, load_recipe
from belle_data.engine.corpus import open_sources, read_corpus
from belle_data.engine.output import write_output
from belle_data.engine.progress import MemoryWatch, Silent, Stopwatch, polled
from belle_data.engine.run_folder import LAYOUT, RunFolder
from belle_data.errors import InternalError, RunFolderError, UsageError
from belle_data.pipeline import stages_of
from belle_data.report.summary import RunReport, StageReport
from belle_data.sources import check_unchanged, find_sources
from belle_data.stages.stage import row_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data import _native
    from belle_data.engine.corpus import SourceSummary
    from belle_data.engine.progress import Listener
    from belle_data.sources import Source
    from belle_data.stages.stage import Stage

REPEATED_IDS_SHOWN = 10
NOTHING_CHANGED = "nothing changed since the last run: its result is reported again"


def default_folder(inputs: Sequence[str]) -> Path:
    """``runs/<name of the first input>``, without the endings that say what kind of file it is."""
    name = inputs[0].rstrip("/").rsplit("/", 1)[-1]
    for ending in (".gz", ".zst", ".jsonl", ".ndjson", ".json", ".parquet"):
        name = name.removesuffix(ending)
    name = "".join(character if character.isalnum() or character in "-_." else "-" for character in name).strip("-.")
    return Path("runs") / (name or "clean")


def clean(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str] | None = None,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    threads: int | None = None,
    force: bool = False,
    listener: Listener | None = None,
) -> RunReport:
    """Clean instruction data: the kept rows, and the reason for every removed one, in a run folder.

    Args:
        inputs: Files, folders, globs or URLs: JSONL, JSON arrays, Parquet, also ``.gz`` and ``.zst``.
        out: The run folder; ``runs/<name of the input>`` without it.
        recipe: A recipe, or the path of one; every default without it.
        threads: Threads to use; one per processor without it. The result does not depend on it.
        force: Compute everything again, also over a folder that belongs to other input.
        listener: Is told about progress.

    Returns:
        What was read, removed and written, and what it took.

    Raises:
        UsageError: An input names nothing, or a setting is out of range.
        RecipeError: The recipe has mistakes.
        SourceError: An input cannot be read, holds no row, or too many bad lines.
        RunFolderError: The folder cannot be written, is in use, or belongs to other input.
        KeyboardInterrupt: Ctrl-C; the same call goes on where it ended.

    Example:
        >>> from belle_data import clean
        >>> report = clean("examples/raw.jsonl", out="runs/example")  # doctest: +SKIP
        >>> report.rows_out  # doctest: +SKIP
    """
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    names = [os.fspath(name) for name in given]
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(None if recipe is None else os.fspath(recipe))
    sources = find_sources(names)
    threads = use_threads(threads)
    path = Path(out) if out is not None else default_folder(names)
    _refuse_own_files(sources, path)
    folder = RunFolder(path)
    with folder.locked():
        run = _Run(sources, recipe, folder, threads=threads, force=force, listener=listener or Silent())
        return run.run()


def use_threads(threads: int | None) -> int:
    """Make the kernels use so many threads, one per processor without a number, and say how many.

    Raises:
        UsageError: The number is below 1 or above 1,024.
    """
    from belle_data import _native  # noqa: PLC0415 - a wrong path must be told before the kernels are loaded

    if threads is not None and not 1 <= threads <= 1024:
        raise UsageError("threads must be 1 to 1024", value=threads)
    return _native.set_threads(threads or _processors())


def _processors() -> int:
    """Processors that this process may use; where the system does not say, those of the machine, at most 1,024."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        # macOS has no such call, and some sandboxes forbid it.
        return min(os.cpu_count() or 1, 1024)


def _refuse_own_files(sources: Sequence[Source], folder: Path) -> None:
    home = folder.resolve()
    for source in sources:
        if "://" not in source.location and Path(source.location).resolve().is_relative_to(home):
            raise UsageError(
                "the input lies in the run folder",
                path=source.name,
                hint="name another folder with --out, or narrower input",
            )


class _Run:
    """One run of `clean` over a locked folder."""

    def __init__(
        self,
        sources: list[Source],
        recipe: Recipe,
        folder: RunFolder,
        *,
        threads: int,
        force: bool,
        listener: Listener,
    ) -> None:
        self.sources, self.recipe, self.folder = sources, recipe, folder
        self.threads, self.listener = threads, listener
        self.stages = stages_of(recipe)
        self.found = [{"name": one.name, "size": one.size, "stamp": one.stamp} for one in sources]
        if force:
            folder.clear()
        self.previous = self._read_previous()

    def _read_previous(self) -> dict[str, Any]:
        """The manifest of the run before; empty if there is none, or none that can be used."""
        manifest = self.folder.read_json("manifest.json") or {}
        layout = manifest.get("layout", LAYOUT)
        if layout != LAYOUT:
            raise RunFolderError(
                f"the folder was made by a version of belle with another layout ({layout}, this one has {LAYOUT})",
                path=self.folder.path,
                hint="name another folder with --out, or compute everything again with --force",
            )
        try:
            before = [one["name"] for one in manifest["inputs"] if {"size", "format", "hash", "rows"} <= one.keys()]
            usable = len(before) == len(manifest["inputs"]) and all(
                {"name", "fingerprint", "file_hash"} <= record.keys() for record in manifest["stages"]
            )
            usable = usable and isinstance(manifest["recipe"]["input"], dict)
        except (KeyError, TypeError, AttributeError):
            return {}
        if before and before != [one.name for one in self.sources]:
            raise RunFolderError(
                f"the folder belongs to a run over other input ({', '.join(before[:3])})",
                path=self.folder.path,
                hint="name another folder with --out, or overwrite this one with --force",
            )
        return manifest if usable else {}

    def run(self) -> RunReport:
        watch, memory = Stopwatch(), MemoryWatch()
        if self._inputs_unchanged() and (report := self._finished_report(self.previous["inputs"])) is not None:
            self.listener.message(NOTHING_CHANGED)
            return report
        with memory:
            timing: dict[str, Any] = {}

            step = Stopwatch()
            corpus, summaries, reusable = self._read()
            timing["read"] = step.read()
            inputs = [asdict(summary) for summary in summaries]
            fingerprints = self._fingerprints(inputs)
            manifest = self._manifest(inputs)
            self.folder.write_json("work/inputs.json", {"found": self.found, "inputs": inputs})
            if (report := self._finished_report(inputs)) is not None:
                return self._repeated(report, manifest)

            ledger, stage_reports = self._decide(corpus, manifest, fingerprints, reusable)

            step = Stopwatch()
            files = [summary.name for summary in summaries]
            shards = write_output(
                corpus,
                ledger,
                files=files,
                stages=self.stages,
                config=self.recipe.output,
                folder=self.folder,
                threads=self.threads,
                listener=self.listener,
            )
            timing["write"] = step.read()
            for source in self.sources:
                check_unchanged(source)
            repeated, examples = corpus.repeated_ids(REPEATED_IDS_SHOWN)
            manifest["repeated_ids"] = repeated
            manifest["rows_out"] = ledger.kept()
            manifest["shards"] = [asdict(shard) for shard in shards]
            manifest["ledger_bytes"] = self.folder.size_of("rows.parquet")
            manifest["output_fingerprint"] = self._output_fingerprint(fingerprints)
            manifest["complete"] = True
            self.folder.write_json("manifest.json", manifest)
            report = RunReport(
                folder=str(self.folder.path),
                inputs=inputs,
                rows_in=len(corpus),
                rows_out=ledger.kept(),
                rejected=sum(summary.rejected for summary in summaries),
                repeated_ids=repeated,
                repeated_id_examples=[self._id_of(corpus, ledger, row, files) for row in examples],
                stages=stage_reports,
                shards=len(shards),
                threads=self.threads,
                read=timing["read"],
                write=timing["write"],
                peak_private_bytes=memory.peak(),
                **watch.read(),
            )
            self.folder.write_json("report.json", report.to_dict())
        return report

    def _read(self) -> tuple[Any, list[SourceSummary], dict[str, Any]]:
        """Read the input: the corpus, what was read of each source, and what the stages removed that need not run.

        Only the content decides whether a stage must run, and it is known when all is read. If names and sizes are
        those of the run before, the content is taken to be the same, and finished stages do not look at it.
        """
        opened = open_sources(self.sources, self.recipe, self.folder, self.listener)
        before = self.previous.get("inputs", [])
        alike = [(one["name"], one["size"]) for one in before] == [(one.name, one.size) for one in self.sources]
        expected = self._fingerprints(before) if alike else []
        reusable = self._reusable(expected)
        scan = [stage.scan for stage in self.stages if stage.name not in reusable]
        corpus, summaries = read_corpus(opened, self.recipe, self.folder, scan, self.listener)
        fingerprints = self._fingerprints([asdict(summary) for summary in summaries])
        if reusable and fingerprints != expected:
            # Other content of the same size: every stage must see it, and none may remember what it saw before.
            del corpus
            self.stages = stages_of(self.recipe)
            scan = [stage.scan for stage in self.stages]
            corpus, summaries = read_corpus(opened, self.recipe, self.folder, scan, self.listener)
            reusable = {}
        return corpus, summaries, reusable or self._reusable(fingerprints)

    def _repeated(self, report: RunReport, manifest: dict[str, Any]) -> RunReport:
        """The report of the run before, whose result is that of this one; what was found is noted for the next."""
        report = replace(report, inputs=manifest["inputs"])
        about = {key: manifest[key] for key in ("inputs", "recipe")}
        self.folder.write_json("manifest.json", {**self.previous, **about})
        self.folder.write_json("report.json", report.to_dict())
        self.listener.message(NOTHING_CHANGED)
        return report

    def _decide(
        self, corpus: Any, manifest: dict[str, Any], fingerprints: list[str], reusable: dict[str, Any]
    ) -> tuple[Any, list[StageReport]]:
        """Let each stage remove rows from the ledger; what it removed goes to its file and into the manifest."""
        import pyarrow as pa  # noqa: PLC0415 - the command line must answer before Arrow is loaded

        from belle_data import _native  # noqa: PLC0415

        ledger = _native.Ledger(len(corpus))
        every_row = None
        reports = []
        for number, (stage, fingerprint) in enumerate(zip(self.stages, fingerprints, strict=True)):
            rows_in, watch = ledger.kept(), Stopwatch()
            removals = reusable.get(stage.name)
            reused = removals is not None
            if removals is None:
                self.listener.begin(stage.name, 0, "steps")
                with polled(self.listener, stage.progress):
                    stage.finish(corpus, ledger)
                if every_row is None:
                    every_row = pa.record_batch({"row": row_numbers(0, len(corpus))})
                removals = stage.decide(every_row)
                _refuse_undeclared(stage, removals)
            ledger.remove(number, removals)
            file = f"stages/{stage.name}.parquet"
            if not reused:
                self._write_removals(file, removals)
                self.listener.end(f"{removals.num_rows:,} of {rows_in:,} rows removed")
            removed = _count_reasons(stage, removals)
            manifest["stages"].append(
                {
                    "name": stage.name,
                    "version": stage.version,
                    "fingerprint": fingerprint,
                    "rows_in": rows_in,
                    "removed": removed,
                    "file_hash": _file_hash(self.folder.path / file),
                }
            )
            self.folder.write_json("manifest.json", manifest)
            reports.append(StageReport(stage.name, rows_in, removed, ledger.kept(), reused, **watch.read()))
        self.folder.remove_except("stages", {f"{stage.name}.parquet" for stage in self.stages})
        return ledger, reports

    def _write_removals(self, name: str, removals: Any) -> None:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        with self.folder.writing(name) as handle:
            pq.write_table(
                pa.Table.from_batches([removals]),
                handle,
                compression="lz4",
                use_dictionary=["reason"],
                write_statistics=False,
            )

    def _id_of(self, corpus: _native.Corpus, ledger: _native.Ledger, row: int, files: Sequence[str]) -> str:
        """The id of a row as the ledger shows it."""
        import pyarrow as pa  # noqa: PLC0415

        # Not by Python's JSON: it refuses long numbers and deep nesting, which a row may have beside its id.
        named = [(stage.name, list(stage.reasons)) for stage in self.stages]
        return str(pa.record_batch(ledger.rows(corpus, row, row + 1, files, named))["id"][0].as_py())

    def _inputs_unchanged(self) -> bool:
        """Whether name, size and time of change of every input are those of the run that the manifest is of."""
        state = self.folder.read_json("work/inputs.json") or {}
        recipe = self.previous.get("recipe", {}).get("input")
        return (
            "inputs" in self.previous
            and state.get("found") == self.found
            # A run that was killed right after reading leaves the manifest of the one before it.
            and state.get("inputs") == self.previous["inputs"]
            and recipe == self.recipe.model_dump(mode="json")["input"]
        )

    def _fingerprints(self, inputs: list[dict[str, Any]]) -> list[str]:
        """One per stage: a hash of all that its result depends on."""
        settings = self.recipe.model_dump(mode="json")
        # The other settings of reading choose what is read, and that is in the hash.
        longest = self.recipe.input.max_line_bytes
        content = [{key: one[key] for key in ("name", "format", "hash", "rows")} for one in inputs]
        last = _hash({"layout": LAYOUT, "inputs": content, "max_line_bytes": longest})
        fingerprints = []
        for stage in self.stages:
            last = _hash({"stage": stage.name, "version": stage.version, "config": settings[stage.name], "after": last})
            fingerprints.append(last)
        return fingerprints

    def _output_fingerprint(self, fingerprints: list[str]) -> str:
        output = self.recipe.model_dump(mode="json")["output"]
        return _hash({"output": output, "after": fingerprints[-1:], "inputs": [one["name"] for one in self.found]})

    def _reusable(self, fingerprints: list[str]) -> dict[str, Any]:
        """What the stages removed that need not run again: the unchanged ones up to the first that changed."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        reusable: dict[str, Any] = {}
        records = {record["name"]: record for record in self.previous.get("stages", [])}
        for stage, fingerprint in zip(self.stages, fingerprints, strict=False):
            path = self.folder.path / "stages" / f"{stage.name}.parquet"
            record = records.get(stage.name, {})
            if record.get("fingerprint") != fingerprint or record.get("file_hash") != _file_hash(path):
                break
            reusable[stage.name] = pq.read_table(path).combine_chunks()
        return reusable

    def _finished_report(self, inputs: list[dict[str, Any]]) -> RunReport | None:
        """The report of the last run, if it is finished, its result is that for `inputs`, and its files are there."""
        fingerprints = self._fingerprints(inputs)
        sizes = {f"shards/{shard['name']}": shard["bytes"] for shard in self.previous.get("shards", [])}
        sizes["rows.parquet"] = self.previous.get("ledger_bytes")
        whole = all(self.folder.size_of(name) == size for name, size in sizes.items())
        if (
            not self.previous.get("complete")
            or [record["fingerprint"] for record in self.previous["stages"]] != fingerprints
            or self.previous.get("output_fingerprint") != self._output_fingerprint(fingerprints)
            or not whole
            or self.folder.size_of("rejected/rejected.jsonl") is None
        ):
            return None
        report = self.folder.read_json("report.json")
        return None if report is None else RunReport.from_dict(report)

    def _manifest(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        from belle_data import __version__  # noqa: PLC0415

        return {
            "layout": LAYOUT,
            "belle_data": __version__,
            "complete": False,
            "inputs": inputs,
            "recipe": self.recipe.model_dump(mode="json"),
            "stages": [],
        }


def _refuse_undeclared(stage: Stage, removals: Any) -> None:
    """See that every reason is one of those that the stage declares: its place in the list is all that is stored."""
    import pyarrow.compute as pc  # noqa: PLC0415

    codes = removals["reason"]
    highest = pc.max(codes).as_py()
    if codes.null_count or (highest is not None and highest >= len(stage.reasons)):
        known = ", ".join(f"{code} {reason}" for code, reason in enumerate(stage.reasons))
        raise InternalError(
            f"{stage.name} removes a row for a reason that it does not declare; it has {known}",
            value=None if codes.null_count else highest,
            hint="add the reason at the end of the stage's `reasons`, or correct its `decide`",
        )


def _count_reasons(stage: Stage, removals: Any) -> dict[str, int]:
    import pyarrow.compute as pc  # noqa: PLC0415

    counts = {pair["values"]: pair["counts"] for pair in pc.value_counts(removals["reason"]).to_pylist()}
    return {reason: counts.get(code, 0) for code, reason in enumerate(stage.reasons)}


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _file_hash(path: Path) -> str | None:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return None
