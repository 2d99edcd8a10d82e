"""The result does not depend on the processor, the threads, the size of chunks, the order or the split of the input."""

import itertools
import random
from pathlib import Path

import pytest
from tests.end_to_end.runs import cleaned, kept_lines, results

from belle_data import Recipe, _native, clean
from belle_data.engine import corpus as reading

EXAMPLE = Path(__file__).parents[2] / "examples" / "raw.jsonl"
"""Rows of every shape, and every defect."""
SHARDS = ("--shard-rows", "400")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the run over `EXAMPLE` gives with every default but the size of shards."""
    out = tmp_path_factory.mktemp("example") / "out"
    cleaned(EXAMPLE, *SHARDS, out=out)
    return results(out)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("instruction_set", _native.instruction_sets())
def test_instruction_sets_and_threads(
    example: dict[str, str], tmp_path: Path, instruction_set: str, threads: int
) -> None:
    cleaned(EXAMPLE, *SHARDS, "--instruction-set", instruction_set, "--threads", threads, out=tmp_path / "out")
    assert results(tmp_path / "out") == example


@pytest.mark.parametrize("size", [1, 1_000, 77_777])
def test_chunk_sizes(sample: Path, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(reading, "CHUNK_BYTES", size)
    clean(sample, out=tmp_path / "out", recipe=Recipe())
    assert results(tmp_path / "out") == results(plain)


def test_order_and_split(sample: Path, plain: Path, tmp_path: Path) -> None:
    lines = sample.read_bytes().splitlines(keepends=True)
    random.Random(5).shuffle(lines)
    cuts = [0, 17, 900, 901, len(lines)]
    files = []
    for number, (start, end) in enumerate(itertools.pairwise(cuts)):
        files.append(tmp_path / f"{number}.jsonl")
        files[-1].write_bytes(b"".join(lines[start:end]))
    cleaned(*files, out=tmp_path / "split")
    assert sorted(kept_lines(tmp_path / "split")) == sorted(kept_lines(plain))
