"""The result does not depend on the processor, the threads, the size of chunks, the order or the split of the input."""

import itertools
import random
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow.parquet as pq
import pytest
from tests.end_to_end.runs import STAGE_FILES, cleaned, kept_lines, ledger, results

from belle_data import Recipe, _native, clean
from belle_data.engine import corpus as reading
from belle_data.stages.normalise import NormaliseConfig

Apply: TypeAlias = Literal["comparison", "text"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "raw.jsonl"
"""Rows of every shape, and every defect."""
SHARDS = ("--shard-rows", "400")

pytestmark = pytest.mark.parametrize("apply", ["comparison", "text"], scope="module")


def setting(apply: Apply) -> tuple[str, str]:
    return "--set", f"normalise.apply={apply}"


def check_that_every_stage_did_something(run: Path) -> None:
    stages = {row["stage"] for row in ledger(run) if not row["kept"]}
    assert stages == {"rules", "exact_dedup", "near_dedup", "semantic_dedup", "quality"}
    assert pq.read_table(run / "stages" / "normalise.changes.parquet").num_rows > 0
    assert {path.name for path in (run / "stages").iterdir()} == set(STAGE_FILES)


@pytest.fixture(scope="module")
def example(apply: Apply, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the run over `EXAMPLE` gives with every default but the size of shards and the use of normalised texts."""
    out = tmp_path_factory.mktemp("example") / "out"
    cleaned(EXAMPLE, *SHARDS, *setting(apply), out=out)
    check_that_every_stage_did_something(out)
    return results(out)


@pytest.fixture(scope="module")
def whole(apply: Apply, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run over all of `sample`, in one piece and in its order."""
    out = tmp_path_factory.mktemp("whole") / "out"
    cleaned(sample, *setting(apply), out=out)
    check_that_every_stage_did_something(out)
    return out


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("instruction_set", _native.instruction_sets())
def test_instruction_sets_and_threads(
    example: dict[str, str], tmp_path: Path, apply: Apply, instruction_set: str, threads: int
) -> None:
    how = ("--instruction-set", instruction_set, "--threads", threads, *setting(apply))
    cleaned(EXAMPLE, *SHARDS, *how, out=tmp_path / "out")
    assert results(tmp_path / "out") == example


@pytest.mark.parametrize("size", [1, 1_000, 77_777])
def test_chunk_sizes(
    sample: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apply: Apply, size: int
) -> None:
    monkeypatch.setattr(reading, "CHUNK_BYTES", size)
    clean(sample, out=tmp_path / "out", recipe=Recipe(normalise=NormaliseConfig(apply=apply)))
    assert results(tmp_path / "out") == results(whole)


def test_order_and_split(sample: Path, whole: Path, tmp_path: Path, apply: Apply) -> None:
    lines = sample.read_bytes().splitlines(keepends=True)
    random.Random(5).shuffle(lines)
    cuts = [0, 17, 900, 901, len(lines)]
    files = []
    for number, (start, end) in enumerate(itertools.pairwise(cuts)):
        files.append(tmp_path / f"{number}.jsonl")
        files[-1].write_bytes(b"".join(lines[start:end]))
    cleaned(*files, *setting(apply), out=tmp_path / "split")
    assert sorted(kept_lines(tmp_path / "split")) == sorted(kept_lines(whole))


def test_whether_normalised_texts_are_written(sample: Path, whole: Path, apply: Apply) -> None:
    """The runs that are compared above differ in what they should."""
    lines = sample.read_bytes().splitlines()
    expected = [lines[row["line"] - 1] for row in ledger(whole) if row["kept"]]
    found = kept_lines(whole)
    changed = sum(left != right for left, right in zip(found, expected, strict=True))
    assert (changed > 20) == (apply == "text")
    assert any(b"\\r\\n" in line for line in expected)
    assert any(b"\\r\\n" in line for line in found) == (apply == "comparison")
