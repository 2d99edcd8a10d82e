"""The engine for one machine: reads the sources once, runs the stages in order, writes what stands at the end.

All scans share one pass over the input. What a finished stage removed is in the run folder, so a run that was killed,
or whose recipe changed, repeats only what it must: a stage whose input, settings and version are unchanged is not
computed again.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.config import Recipe, load_recipe
from belle_data.engine.corpus import open_sources, read_corpus
from belle_data.engine.decisions import Decision, count_reasons, write_decision
from belle_data.engine.history import History, Origin
from belle_data.engine.output import write_output
from belle_data.engine.progress import MemoryWatch, Silent, Stopwatch, polled
from belle_data.engine.run_folder import DATASET_INFO, LAYOUT, REPORT_HTML, RunFolder
from belle_data.errors import BelleError, RunFolderError, UsageError
from belle_data.pipeline import stages_of
from belle_data.report.summary import RunReport, StageReport
from belle_data.sources import check_unchanged, find_sources
from belle_data.stages.normalise import Normalise
from belle_data.stages.stage import Workplace, row_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from belle_data import _native
    from belle_data.engine.corpus import OpenSource, SourceSummary
    from belle_data.engine.output import Shard
    from belle_data.engine.progress import Listener
    from belle_data.sources import Source
    from belle_data.stages.stage import Stage

REPEATED_IDS_SHOWN = 10
CLEANED = "cleaned"
"""Name of the data set in a run's `dataset_info.json`; not that of the folder, so that equal runs are equal."""
NOTHING_CHANGED = "nothing changed since the last run: its result is reported again"


def default_folder(inputs: Sequence[str]) -> Path:
    """``runs/<name of the first input>``, without the endings that say what kind of file it is."""
    # No input at all is for `find_sources` to refuse.
    name = inputs[0].rstrip("/").rsplit("/", 1)[-1] if inputs else ""
    for ending in (".gz", ".zst", ".jsonl", ".ndjson", ".json", ".parquet"):
        name = name.removesuffix(ending)
    name = "".join(character if character.isalnum() or character in "-_." else "-" for character in name).strip("-.")
    return Path("runs") / (name or "clean")


def folder_of(out: str | os.PathLike[str] | None, inputs: Sequence[str]) -> Path:
    """The run folder that `out` names, or the one of the inputs without it.

    Raises:
        UsageError: `out` is empty.
    """
    if out is None:
        return default_folder(inputs)
    if not os.fspath(out):
        raise UsageError("the name of the run folder is empty", value=out, hint="name a folder, or leave out --out")
    return Path(out)


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
    return run_recipe(names, recipe, folder_of(out, names), threads=threads, force=force, listener=listener)


def run_recipe(
    names: Sequence[str],
    recipe: Recipe,
    path: Path,
    *,
    threads: int | None,
    force: bool,
    listener: Listener | None,
    origin: Origin | None = None,
) -> RunReport:
    """Run a recipe into the folder `path`, as `clean` does.

    With an origin, its decisions are taken over, and the stage that it names decides from what it wrote down.
    """
    sources = sources_of(names, recipe.input.dataset_info)
    threads = use_threads(threads)
    _refuse_own_files(sources, path)
    folder = RunFolder(path)
    with folder.locked():
        run = _Run(sources, recipe, folder, threads=threads, force=force, listener=listener or Silent(), origin=origin)
        return run.run()


def sources_of(names: Sequence[str], dataset_info: str | None) -> list[Source]:
    """Find the sources, with what a ``dataset_info.json`` says about them; no names stand for the files it describes.

    Raises:
        UsageError: A name is nothing, or is not described.
        DatasetInfoError: The description has mistakes.
    """
    if dataset_info is None:
        return find_sources(names)
    from belle_data.dataset_info import described_sources  # noqa: PLC0415 - few runs have one

    return described_sources(names, dataset_info)


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
    try:
        if not folder.is_dir():
            return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RunFolderError(
            f"cannot be a run folder ({reason})", path=folder, hint="name another with --out"
        ) from None
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
        origin: Origin | None,
    ) -> None:
        self.sources, self.recipe, self.folder = sources, recipe, folder
        self.threads, self.listener, self.origin = threads, listener, origin
        self.stages = stages_of(recipe)
        if force:
            folder.clear()
        self.history = History(folder, recipe, self.stages, sources)
        self.memory = MemoryWatch()

    def run(self) -> RunReport:
        watch, memory = Stopwatch(), self.memory
        if (report := self.history.unchanged_report()) is not None:
            self.listener.message(NOTHING_CHANGED)
            if self.folder.size_of(REPORT_HTML) is None:
                self._write_page()
            return report
        with memory:
            timing: dict[str, Any] = {}

            step = Stopwatch()
            corpus, summaries, reusable = self._read()
            timing["read"] = {**step.read(), "peak_private_bytes": memory.lap()}
            inputs = [asdict(summary) for summary in summaries]
            fingerprints = self.history.fingerprints(inputs)
            manifest = self._manifest(inputs)
            self.folder.write_json("work/inputs.json", {"found": self.history.found, "inputs": inputs})
            if (report := self.history.finished_report(inputs)) is not None:
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
            timing["write"] = {**step.read(), "peak_private_bytes": memory.lap()}
            for source in self.sources:
                check_unchanged(source)
            self._describe(summaries, shards)
            repeated, examples = corpus.repeated_ids(REPEATED_IDS_SHOWN)
            manifest["repeated_ids"] = repeated
            manifest["rows_out"] = ledger.kept()
            manifest["shards"] = [asdict(shard) for shard in shards]
            manifest["ledger_bytes"] = self.folder.size_of("rows.parquet")
            manifest["output_fingerprint"] = self.history.output_fingerprint(fingerprints)
            texts = self._texts(corpus)
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
                texts=texts,
                peak_private_bytes=memory.peak(),
                **watch.read(),
            )
            self.folder.write_json("report.json", report.to_dict())
        self._write_page()
        return report

    def _write_page(self) -> None:
        """Write the page that people open; a run whose page cannot be made is finished all the same."""
        from belle_data.page.run_page import run_page  # noqa: PLC0415 - used at the end

        try:
            page = run_page(self.folder.path)
        except BelleError as error:
            self.listener.message(f"note: no {REPORT_HTML} is written: {error}")
            return
        with self.folder.writing(REPORT_HTML) as handle:
            handle.write(page.encode())

    def _read(self) -> tuple[Any, list[SourceSummary], dict[str, Any]]:
        """Read the input: the corpus, what was read of each source, and what the stages removed that need not run.

        Only the content decides whether a stage must run, and it is known when all is read. If names and sizes are
        those of the run before, the content is taken to be the same, and finished stages do not look at it.
        """
        opened = open_sources(self.sources, self.recipe, self.folder, self.listener)
        if self.origin is not None:
            corpus, summaries = self._read_corpus(opened, [])
            self.origin.check_inputs([asdict(summary) for summary in summaries])
            return corpus, summaries, {}
        before = self.history.manifest.get("inputs", [])
        alike = [(one["name"], one["size"]) for one in before] == [(one.name, one.size) for one in self.sources]
        expected = self.history.fingerprints(before) if alike else []
        reusable = self.history.reusable(expected)
        scan = [stage.scan for stage in self.stages if stage.scans and stage.name not in reusable]
        corpus, summaries = self._read_corpus(opened, scan)
        fingerprints = self.history.fingerprints([asdict(summary) for summary in summaries])
        if reusable and fingerprints != expected:
            # Other content of the same size: every stage must see it, and none may remember what it saw before.
            del corpus
            self.stages = stages_of(self.recipe)
            scan = [stage.scan for stage in self.stages if stage.scans]
            corpus, summaries = self._read_corpus(opened, scan)
            reusable = {}
        return corpus, summaries, reusable or self.history.reusable(fingerprints)

    def _read_corpus(
        self, opened: list[OpenSource], scan: Sequence[Callable[[Any], None]]
    ) -> tuple[_native.Corpus, list[SourceSummary]]:
        normalise = next((stage for stage in self.stages if isinstance(stage, Normalise)), None)
        return read_corpus(opened, self.recipe, self.folder, normalise, scan, self.listener)

    def _repeated(self, report: RunReport, manifest: dict[str, Any]) -> RunReport:
        """The report of the run before, whose result is that of this one; what was found is noted for the next."""
        report = replace(report, inputs=manifest["inputs"])
        about = {key: manifest[key] for key in ("inputs", "recipe")}
        self.folder.write_json("manifest.json", {**self.history.manifest, **about})
        self.folder.write_json("report.json", report.to_dict())
        self.listener.message(NOTHING_CHANGED)
        self._write_page()
        return report

    def _decide(
        self, corpus: Any, manifest: dict[str, Any], fingerprints: list[str], reusable: dict[str, Decision]
    ) -> tuple[Any, list[StageReport]]:
        """Let each stage remove rows from the ledger; what it decided goes to its files and into the manifest."""
        from belle_data import _native  # noqa: PLC0415 - the command line must answer before the kernels are loaded

        ledger = _native.Ledger(len(corpus))
        reports = []
        decided: dict[str, Decision] = {}
        for number, (stage, fingerprint) in enumerate(zip(self.stages, fingerprints, strict=True)):
            rows_in, watch = ledger.kept(), Stopwatch()
            decision = reusable.get(stage.name)
            reused = decision is not None
            if decision is None:
                decision = self._decision_of(stage, corpus, ledger, decided)
            decided[stage.name] = decision
            removed = count_reasons(stage, decision.removals)
            ledger.remove(number, decision.removals)
            manifest["stages"].append(
                {
                    "name": stage.name,
                    "version": stage.version,
                    "fingerprint": fingerprint,
                    **({"reads": reads} if (reads := self.history.reads[stage.name]) else {}),
                    "rows_in": rows_in,
                    "removed": removed,
                    "files": decision.files or write_decision(self.folder, stage, decision),
                    **({"statistics": decision.statistics} if decision.statistics else {}),
                }
            )
            self.folder.write_json("manifest.json", manifest)
            if not reused:
                self.listener.end(f"{decision.removals.num_rows:,} of {rows_in:,} rows removed")
                for note in stage.notes():
                    self.listener.message(note)
            reports.append(
                StageReport(
                    stage.name,
                    rows_in,
                    removed,
                    ledger.kept(),
                    reused,
                    **watch.read(),
                    peak_private_bytes=self.memory.lap(),
                    statistics=decision.statistics,
                )
            )
        self.folder.remove_except("stages", {name for record in manifest["stages"] for name in record["files"]})
        return ledger, reports

    def _decision_of(
        self, stage: Stage, corpus: _native.Corpus, ledger: _native.Ledger, decided: dict[str, Decision]
    ) -> Decision:
        """Let a stage decide over the rows that stand, or take over what the origin's decided."""
        import pyarrow as pa  # noqa: PLC0415

        before = self._before(stage, ledger)
        if before is not None and self.origin is not None:
            self.origin.check_stage(stage, self.history.reads[stage.name])
        if before is not None and self.origin is not None and self.origin.redecided != stage.name:
            self.listener.begin(stage.name, 0, "steps")
            return before
        stage.prepare(corpus, ledger, self._workplace(decided))
        self.listener.begin(stage.name, 0, "steps")
        with polled(self.listener, stage.progress):
            if before is None:
                stage.finish(corpus, ledger)
            else:
                stage.decide_again(before, corpus, ledger)
        every_row = pa.record_batch({"row": row_numbers(0, len(corpus))})
        decision = Decision(stage.decide(every_row), stage.evidence(), stage.statistics())
        if self.origin is not None and self.origin.redecided == stage.name:
            later = self.stages[self.stages.index(stage) + 1 :]
            self.origin.check_later_stages(decision, [one.name for one in later if one.scans])
        return decision

    def _before(self, stage: Stage, ledger: _native.Ledger) -> Decision | None:
        """What the origin's stage decided; None if there is none, or it decided over other rows and can do so again."""
        if self.origin is None:
            return None
        if not stage.scans and not self.origin.rows_before(stage.name, len(ledger)).keeps_as(ledger):
            return None
        return self.origin.before[stage.name]

    def _workplace(self, decided: dict[str, Decision]) -> Workplace:
        """What a stage may use; vectors that the origin keeps are there already."""
        vectors = self.folder.path / "vectors"
        if self.origin is not None and not vectors.exists():
            self.folder.copy_from(self.origin.folder, "vectors")
        return Workplace(vectors, self.listener, self.threads, decided)

    def _texts(self, corpus: _native.Corpus) -> dict[str, Any]:
        """What the texts are like before and after, for the report."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        from belle_data.report.text_statistics import text_statistics  # noqa: PLC0415

        rows = pq.read_table(self.folder.path / "rows.parquet", columns=["kept"])
        return text_statistics(corpus, rows["kept"].to_numpy())

    def _describe(self, summaries: Sequence[SourceSummary], shards: Sequence[Shard]) -> None:
        """Write ``dataset_info.json``, with which LLaMA-Factory trains on the shards as they are, if one can.

        It reads no compressed files, and one description is for rows of one format.
        """
        to = self.recipe.output.to
        formats = {summary.format for summary in summaries} if to == "same" else {to}
        if self.recipe.output.compress != "none" or len(formats) != 1 or "mixed" in formats or not shards:
            self.folder.remove(DATASET_INFO)
            return
        from belle_data.dataset_info import dataset_entry, first_rows, why_undescribed  # noqa: PLC0415 - used at the end

        keys = sorted({key for shard in shards for key in shard.keys})
        if (reason := why_undescribed(next(iter(formats)), keys)) is not None:
            self.folder.remove(DATASET_INFO)
            self.listener.message(f"note: no {DATASET_INFO} is written: {reason}")
            return
        rows = first_rows(self.folder.path / "shards" / shard.name for shard in shards)
        self.folder.write_json(DATASET_INFO, {CLEANED: dataset_entry("shards", formats.pop(), keys, rows)})

    def _id_of(self, corpus: _native.Corpus, ledger: _native.Ledger, row: int, files: Sequence[str]) -> str:
        """The id of a row as the ledger shows it."""
        import pyarrow as pa  # noqa: PLC0415

        # Not by Python's JSON: it refuses long numbers and deep nesting, which a row may have beside its id.
        named = [(stage.name, list(stage.reasons)) for stage in self.stages]
        return str(pa.record_batch(ledger.rows(corpus, row, row + 1, files, named))["id"][0].as_py())

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
