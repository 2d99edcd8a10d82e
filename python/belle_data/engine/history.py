"""What the run before left in a folder, and how much of it still holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from belle_data.engine.decisions import Decision, file_hash, read_decision
from belle_data.engine.run_folder import LAYOUT
from belle_data.engine.written_json import INPUTS, MANIFEST, is_like
from belle_data.errors import RunFolderError, SourceError, UsageError
from belle_data.report.summary import RunReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from belle_data import _native
    from belle_data.config import Recipe
    from belle_data.engine.run_folder import RunFolder
    from belle_data.sources import Source
    from belle_data.stages.stage import Stage


class History:
    """The manifest of the run before in a folder, beside what is to run now.

    Args:
        folder: The run folder, locked.
        recipe: What is to run.
        stages: The stages of it; only their names, versions and fingerprints are looked at.
        sources: What is to be read.

    Raises:
        RunFolderError: The folder belongs to other input, or to another layout.
    """

    def __init__(self, folder: RunFolder, recipe: Recipe, stages: Sequence[Stage], sources: Sequence[Source]) -> None:
        self._folder, self._recipe = folder, recipe
        self.reads = {stage.name: stage.fingerprint() for stage in stages}
        """What each stage reads beside the rows and the settings, such as a model: a hash, or nothing."""
        self._versions = [(stage.name, stage.version, self.reads[stage.name]) for stage in stages]
        self._names = [source.name for source in sources]
        self.found = [{"name": one.name, "size": one.size, "stamp": one.stamp} for one in sources]
        """Name, size and stamp of each source, as `work/inputs.json` holds them."""
        self.manifest = self._read()
        """The manifest of the run before; empty if there is none, or none that can be used."""

    def _read(self) -> dict[str, Any]:
        manifest = self._folder.read_json("manifest.json") or {}
        layout = manifest.get("layout", LAYOUT)
        if layout != LAYOUT:
            raise RunFolderError(
                f"the folder was made by a version of belle with another layout ({layout}, this one has {LAYOUT})",
                path=self._folder.path,
                hint="name another folder with --out, or compute everything again with --force",
            )
        inputs = manifest.get("inputs")
        before = [one["name"] for one in inputs] if inputs and is_like(inputs, INPUTS) else []
        if before and before != self._names:
            raise RunFolderError(
                f"the folder belongs to a run over other input ({', '.join(before[:3])})",
                path=self._folder.path,
                hint="name another folder with --out, or overwrite this one with --force",
            )
        return manifest if is_like(manifest, MANIFEST) else {}

    def _inputs_unchanged(self) -> bool:
        """Whether name, size and time of change of every input are those of the run that the manifest is of."""
        state = self._folder.read_json("work/inputs.json") or {}
        recipe = self.manifest.get("recipe", {}).get("input")
        return (
            "inputs" in self.manifest
            and state.get("found") == self.found
            # A run that was killed right after reading leaves the manifest of the one before it.
            and state.get("inputs") == self.manifest["inputs"]
            and recipe == self._recipe.model_dump(mode="json")["input"]
        )

    def fingerprints(self, inputs: list[dict[str, Any]]) -> list[str]:
        """One per stage: a hash of all that its result depends on."""
        settings = self._recipe.model_dump(mode="json")
        # The other settings of reading choose what is read, and that is in the hash.
        longest = self._recipe.input.max_line_bytes
        content = [{key: one[key] for key in ("name", "format", "hash", "rows")} for one in inputs]
        last = _hash({"layout": LAYOUT, "inputs": content, "max_line_bytes": longest})
        fingerprints = []
        for name, version, own in self._versions:
            about = {"stage": name, "version": version, "config": settings[name], "after": last}
            last = _hash({**about, "fingerprint": own} if own else about)
            fingerprints.append(last)
        return fingerprints

    def output_fingerprint(self, fingerprints: list[str]) -> str:
        """A hash of all that the written files depend on."""
        output = self._recipe.model_dump(mode="json")["output"]
        return _hash({"output": output, "after": fingerprints[-1:], "inputs": [one["name"] for one in self.found]})

    def reusable(self, fingerprints: list[str]) -> dict[str, Decision]:
        """What the stages decided that need not run again: the unchanged ones up to the first that changed."""
        reusable: dict[str, Decision] = {}
        records = {record["name"]: record for record in self.manifest.get("stages", [])}
        for (name, _, _), fingerprint in zip(self._versions, fingerprints, strict=False):
            record = records.get(name)
            if record is None or record["fingerprint"] != fingerprint:
                break
            decision = read_decision(self._folder.path, name, record["files"])
            if decision is None:
                break
            reusable[name] = replace(decision, files=record["files"], statistics=record.get("statistics", {}))
        return reusable

    def _decisions_whole(self) -> bool:
        """Whether the tables of the stages are what was written."""
        # Whoever finds one damaged tells the user to run the same command again, which must then mend it.
        return all(
            file_hash(self._folder.path / "stages" / name) == written
            for record in self.manifest["stages"]
            for name, written in record["files"].items()
        )

    def unchanged_report(self) -> RunReport | None:
        """The report of the last run, if its result is that of this one as far as names, sizes and times tell."""
        return self.finished_report(self.manifest["inputs"]) if self._inputs_unchanged() else None

    def finished_report(self, inputs: list[dict[str, Any]]) -> RunReport | None:
        """The report of the last run, if it is finished, its result is that for `inputs`, and its files are there."""
        fingerprints = self.fingerprints(inputs)
        sizes = {f"shards/{shard['name']}": shard["bytes"] for shard in self.manifest.get("shards", [])}
        sizes["rows.parquet"] = self.manifest.get("ledger_bytes")
        whole = all(self._folder.size_of(name) == size for name, size in sizes.items())
        if (
            not self.manifest.get("complete")
            or [record["fingerprint"] for record in self.manifest["stages"]] != fingerprints
            or self.manifest.get("output_fingerprint") != self.output_fingerprint(fingerprints)
            or not whole
            or self._folder.size_of("rejected/rejected.jsonl") is None
            or not self._decisions_whole()
        ):
            return None
        report = self._folder.read_json("report.json")
        return None if report is None else RunReport.from_dict(report)


@dataclass(frozen=True, slots=True)
class Origin:
    """The finished run that a new one is made of."""

    inputs: list[dict[str, Any]]
    """What it read; the new run must read the same."""
    records: dict[str, dict[str, Any]]
    """What its manifest says of its stages."""
    before: dict[str, Decision]
    """What its stages decided."""
    redecided: str | None
    """The stage that decides anew from what it wrote down; None if one is only left out."""
    command: str
    """What computes the new run from the start."""
    folder: Path
    """Where it is."""

    def check_inputs(self, inputs: list[dict[str, Any]]) -> None:
        """See that the same was read.

        Raises:
            SourceError: It was not.
        """
        for before, now in zip(self.inputs, inputs, strict=True):
            if any(before[key] != now[key] for key in ("format", "hash", "rows")):
                raise SourceError("the input changed since the run", path=now["name"], hint=f"run {self.command}")

    def check_stage(self, stage: Stage, reads: str) -> None:
        """See that a stage would decide now as it did, so that what it decided can be taken over.

        Args:
            stage: The stage.
            reads: What it reads beside the rows now. Settings may have it read less than it did.

        Raises:
            UsageError: It is of another version now.
            SourceError: What it reads beside the rows changed, such as a model or evaluation files.
        """
        record = self.records[stage.name]
        if record["version"] != stage.version:
            raise self.refusal(f"{stage.name} is of another version now")
        if not {*filter(None, reads.split("; "))} <= {*record.get("reads", "").split("; ")}:
            raise SourceError(
                f"what {stage.name} reads beside the rows changed since the run", hint=f"run {self.command}"
            )

    def check_later_stages(self, decision: Decision, later: Sequence[str]) -> None:
        """See that the stages after the one that decided anew get the rows that they scanned.

        Raises:
            UsageError: They do not.
        """
        name = str(self.redecided)
        if later and not decision.removals["row"].equals(
            self.before[name].removals.combine_chunks()["row"].combine_chunks()
        ):
            raise self.refusal(f"{', '.join(later)} never saw the rows as {name} leaves them now")

    def rows_before(self, stage: str, rows: int) -> _native.Ledger:
        """The ledger as it was when a stage of the old run decided."""
        from belle_data import _native  # noqa: PLC0415 - the command line must answer before the kernels are loaded

        ledger = _native.Ledger(rows)
        for number, (name, decision) in enumerate(self.before.items()):
            if name == stage:
                break
            ledger.remove(number, decision.removals)
        return ledger

    def refusal(self, why: str) -> UsageError:
        """The error for a change that what was written down does not tell."""
        return UsageError(f"what the run wrote down does not tell this result: {why}", hint=f"run {self.command}")


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
