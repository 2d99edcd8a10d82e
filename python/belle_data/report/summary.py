"""The report of a run: what came in, what each stage removed and why, what went out, and what it took."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from belle_data.engine.written_json import REPORT, is_like
from belle_data.errors import escaped


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage did."""

    name: str
    rows_in: int
    removed: dict[str, int]
    """Removed rows by reason."""
    rows_out: int
    reused: bool
    """True if an earlier run in the same folder had done it."""
    seconds: float
    """By the wall, without the scan that the stages share."""
    cpu_seconds: float
    peak_private_bytes: int | None = None
    """Largest private memory while it worked, what is kept of the rows included; None where that is not known."""
    statistics: dict[str, Any] = field(default_factory=dict)
    """What else is worth knowing: `belle_data.stages.stage.Stage.statistics`."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """The result of `belle_data.clean`."""

    folder: str
    inputs: list[dict[str, Any]]
    """Per input: name, size (bytes on storage), format, hash (XXH3-128), lines, rows, rejected."""
    rows_in: int
    rows_out: int
    rejected: int
    """Lines that are no rows; rejected/rejected.jsonl has each with its reason."""
    repeated_ids: int
    """Ids that stand on more than one row. Such rows are not merged."""
    repeated_id_examples: list[str]
    stages: list[StageReport]
    shards: int
    threads: int
    read: dict[str, float | None]
    """Reading with all scans: ``seconds``, ``cpu_seconds`` and ``peak_private_bytes``."""
    write: dict[str, float | None]
    """Writing shards and ledger: the same."""
    texts: dict[str, Any]
    """Lengths, languages and words before and after: `belle_data.report.text_statistics.text_statistics`."""
    peak_private_bytes: int | None
    """Largest private memory, mapped files not counted; None where the system does not say."""
    seconds: float
    cpu_seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rows of the input by the whole time of the run."""
        return self.rows_in / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values for JSON."""
        return {**asdict(self), "rows_per_second": round(self.rows_per_second, 1)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunReport | None:
        """Make a report of what `to_dict` gave; None if it is something else."""
        if not is_like(values, REPORT):
            return None
        values = {key: value for key, value in values.items() if key != "rows_per_second"}
        try:
            stages = [StageReport(**stage) for stage in values.pop("stages")]
            return cls(stages=stages, **values)
        except (KeyError, TypeError):
            return None


def summary_text(report: RunReport) -> str:
    """The report as a table for a terminal."""
    lines = [("rows in", f"{report.rows_in:,}", "")]
    for stage in report.stages:
        # A stage with many reasons names those that took a row; one without any removes none.
        shown = {reason: count for reason, count in stage.removed.items() if count}
        nothing = dict.fromkeys(["nothing"], 0) if stage.removed else {}
        for reason, count in (shown or nothing).items():
            share = count / report.rows_in if report.rows_in else 0.0
            note = f"{share:6.2%}  {stage.name}: {reason}" + ("  (from an earlier run)" if stage.reused else "")
            lines.append(("removed", f"{count:,}", note))
    share = report.rows_out / report.rows_in if report.rows_in else 0.0
    lines.append(
        (
            "rows out",
            f"{report.rows_out:,}",
            f"{share:6.2%}  in {report.shards:,} shard{'s' if report.shards != 1 else ''}",
        )
    )
    if report.rejected:
        lines.append(("bad lines", f"{report.rejected:,}", "see rejected/rejected.jsonl"))
    if report.repeated_ids:
        examples = ", ".join(escaped(row_id) for row_id in report.repeated_id_examples[:3])
        lines.append(("repeated ids", f"{report.repeated_ids:,}", f"kept apart; for example {examples}"))
    memory = (
        "" if report.peak_private_bytes is None else f", {report.peak_private_bytes / 2**20:,.0f} MiB of memory at most"
    )
    width = max(len(label) for label, _, _ in lines)
    digits = max(len(number) for _, number, _ in lines)
    table = [f"  {label:<{width}}  {number:>{digits}}  {note}".rstrip() for label, number, note in lines]
    table.append(
        f"  {report.seconds:,.2f} s, {report.rows_per_second:,.0f} rows/s on {report.threads} "
        f"thread{'s' if report.threads != 1 else ''}{memory}"
    )
    return "\n".join([escaped(report.folder), *table])
