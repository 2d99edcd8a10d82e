"""What the runner holds a stage to, and what it tells about the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from belle_data import clean
from belle_data.engine.progress import Silent
from belle_data.stages.exact_dedup import ExactDedup

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

Rows = list[dict[str, Any]]


@pytest.mark.parametrize(("code", "said"), [(1, ": 1"), (7, ": 7"), (None, "")])
def test_a_reason_that_is_not_declared_is_refused(
    belle: Shell, rows: Rows, monkeypatch: pytest.MonkeyPatch, code: int | None, said: str
) -> None:
    belle.write("raw.jsonl", rows)
    decide = ExactDedup.decide

    def undeclared(stage: ExactDedup, batch: pa.RecordBatch) -> pa.RecordBatch:
        removals = decide(stage, batch)
        reason = pa.array([code] * removals.num_rows, pa.uint8())
        schema = removals.schema.set(1, pa.field("reason", pa.uint8()))
        return pa.record_batch([removals["row"], reason, removals["kept_row"], removals["similarity"]], schema=schema)

    monkeypatch.setattr(ExactDedup, "decide", undeclared)
    done = belle.here("clean", "raw.jsonl", "-q")
    assert (done.code, done.out) == (2, "")
    message = "error: exact_dedup removes a row for a reason that it does not declare; it has 0 same_text"
    assert done.err.splitlines()[0] == message + said
    assert "hint: add the reason" in done.err


def test_a_decision_is_given_row_numbers_alone(belle: Shell, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the documentation of stages says."""
    belle.write("raw.jsonl", rows)
    given: list[pa.RecordBatch] = []
    decide = ExactDedup.decide

    def watched(stage: ExactDedup, batch: pa.RecordBatch) -> pa.RecordBatch:
        given.append(batch)
        return decide(stage, batch)

    monkeypatch.setattr(ExactDedup, "decide", watched)
    assert belle.here("clean", "raw.jsonl", "-q").code == 0
    assert [(batch.schema.names, batch.num_rows) for batch in given] == [(["row"], 7)]


class Counting(Silent):
    """Remembers the last count of every step."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[int, int, str]] = {}
        self._step = ""

    def begin(self, step: str, total: int, unit: str) -> None:
        self._step = step
        self.steps[step] = (0, total, unit)

    def update(self, done: int, total: int | None = None) -> None:
        before, was, unit = self.steps[self._step]
        assert done >= before
        self.steps[self._step] = (done, was if total is None else total, unit)


def test_the_progress_of_writing_counts_rows(belle: Shell, rows: Rows, tmp_path: Path) -> None:
    source, listener = belle.write("raw.jsonl", rows), Counting()
    clean(source, out=tmp_path / "run", listener=listener)
    assert listener.steps["write"] == (7, 7, "rows")
    assert listener.steps["read"] == (source.stat().st_size, source.stat().st_size, "B")


def test_exact_dedup_compares_texts_and_nothing_else(belle: Shell) -> None:
    """Neither who speaks, nor where a turn ends, nor the rest of the row; as its documentation says."""
    asked = [{"role": "user", "content": "一"}, {"role": "assistant", "content": "二"}]
    turned = [{"role": "assistant", "content": "一"}, {"role": "user", "content": "二"}]
    joined = [{"role": "user", "content": "一\n二"}, {"role": "assistant", "content": ""}]
    other = [{"role": "user", "content": "一二"}, {"role": "assistant", "content": ""}]
    belle.write("raw.jsonl", [{"messages": turns, "n": n} for n, turns in enumerate([asked, turned, joined, other])])
    whole = belle.here("clean", "raw.jsonl", "--stages", "exact_dedup", "--json", "-q", "--out", "whole").json()
    assert whole["stages"][0]["removed"] == {"same_text": 2}
    field = ("--set", "exact_dedup.field=prompt")
    prompt = belle.here("clean", "raw.jsonl", "--stages", "exact_dedup", *field, "--json", "-q", "--out", "p").json()
    assert prompt["stages"][0]["removed"] == {"same_text": 0}
