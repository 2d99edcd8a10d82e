"""The encoder against the sentencepiece library, on models of every kind that can be had here."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from belle_data import _native

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

sentencepiece = pytest.importorskip("sentencepiece", reason="needs the extra vocab")
proto = pytest.importorskip("sentencepiece.sentencepiece_model_pb2", reason="needs the extra vocab")

# The numbers that the format has for the kinds of pieces.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
CORPUS = [
    "春天来了，花园里的花都开了。",
    "今天天气很好，我们一起去公园看花吧！",
    "我们学习中文，也学习英文和数学。",
    "The quick brown fox jumps over the lazy dog, again and again.",
    "There is nothing that these words say; they are only words.",
    "价格是 1234.50 元，比去年高 5%。",
    "花园、公园、校园：都是园。",
] * 6
PARTS = [
    *(
        " ",
        "  ",
        "\u3000",
        "▁",
        "▁▁",
        "\t",
        "\n",
        "\x00",
        "\x7f",
        "a",
        "e",
        "the",
        "The",
        "again",
        "words",
        "1",
        "20",
        "%",
    ),
    *(
        "花",
        "花园",
        "公园",
        "我们",
        "天",
        "，",
        "。",
        "龘",
        "é",
        "e\u0301",
        "ﬁ",
        "１",
        "ｶ",
        "か\u3099",
        "\u200b",
        "\u200d",
    ),
    *(
        "\ufeff",
        "\u00ad",
        "🀄",
        "👩\u200d👩\u200d👧",
        "𠮷",
        "한국",
        "я",
        "عربي",
        "\U0010ffff",
        "<s>",
        "<unk>",
        "<0x41>",
    ),
    *("<sep>", "<0"),
]
TEXTS = st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=4)), max_size=30).map("".join)
MODES = ("base", "paper", "chinese-llama", "safe")
TRAINED: dict[str, dict[str, Any]] = {
    "plain": {},
    "bytes": {"byte_fallback": True, "vocab_size": 500, "normalization_rule_name": "identity", "split_digits": True},
    "spaces": {
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
    },
    "symbols": {"user_defined_symbols": ["<sep>", "  ", "花园", "▁▁", "12"], "control_symbols": ["<0"]},
    "no_prefix": {"add_dummy_prefix": False, "normalization_rule_name": "nfkc"},
    "suffix": {"treat_whitespace_as_suffix": True, "user_defined_symbols": ["again"]},
    "folded": {"normalization_rule_name": "nmt_nfkc_cf", "split_by_whitespace": False},
}


def trained(folder: Path, **choices: Any) -> bytes:
    prefix = folder / "trained"
    sentencepiece.SentencePieceTrainer.train(
        **{
            "sentence_iterator": iter(CORPUS),
            "model_prefix": str(prefix),
            "model_type": "bpe",
            "vocab_size": 220,
            "hard_vocab_limit": False,
            "num_threads": 1,
            "minloglevel": 2,
            **choices,
        }
    )
    return prefix.with_suffix(".model").read_bytes()


def library(model: bytes) -> Any:
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(model)
    return processor


def encoded(encoder: _native.BytePairEncoder, texts: list[str]) -> list[list[int]]:
    ids: list[list[int]] = encoder.encode(pa.array(texts, pa.string())).to_pylist()
    return ids


@pytest.fixture(scope="module", params=list(TRAINED))
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Train a small model; give the library's processor and our encoder."""
    model = trained(tmp_path_factory.mktemp("model"), **TRAINED[request.param])
    return library(model), _native.BytePairEncoder(model)


@pytest.fixture(scope="module")
def merged(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """Append the pieces of a small Chinese model to LLaMA's in the three ways that are in use."""
    base = proto.ModelProto.FromString((shared_data / "llama.tokenizer.model").read_bytes())
    added = proto.ModelProto.FromString(trained(tmp_path_factory.mktemp("added"), vocab_size=300))
    there = {piece.piece for piece in base.pieces}
    lowest = min(piece.score for piece in base.pieces if piece.type == NORMAL and piece.score > -1e8)
    models = {}
    for mode in MODES:
        model = proto.ModelProto.FromString(base.SerializeToString())
        for number, piece in enumerate(added.pieces if mode != "base" else []):
            is_han = all("\u4e00" <= character <= "\u9fff" for character in piece.piece)
            if piece.type != NORMAL or piece.piece in there or (mode == "safe" and not is_han):
                continue
            score = {"paper": piece.score, "chinese-llama": 0.0, "safe": lowest - 1 - number}[mode]
            model.pieces.add(piece=piece.piece, score=score)
        assert mode == "base" or len(model.pieces) > len(base.pieces) + 20
        stored = model.SerializeToString()
        models[mode] = library(stored), _native.BytePairEncoder(stored)
    return models


@given(text=TEXTS)
@example("")
@example(" ")
@example("   ")
@example("▁")
@example("\u200b")
@example("\x00 ")
@settings(max_examples=150, deadline=None)
def test_ids_of_trained_models_are_those_of_the_library(small: tuple[Any, Any], text: str) -> None:
    processor, encoder = small
    assert encoded(encoder, [text]) == [processor.encode(text)]


@pytest.mark.parametrize("mode", MODES)
@given(text=TEXTS)
@settings(max_examples=150, deadline=None)
def test_ids_of_merged_models_are_those_of_the_library(merged: dict[str, Any], mode: str, text: str) -> None:
    processor, encoder = merged[mode]
    assert encoded(encoder, [text]) == [processor.encode(text)]


SCORES = st.sampled_from([0.0, -0.0, -1.0, -1.0, -2.0, -3.5, 1.0, -1e9])
KINDS = st.sampled_from([NORMAL] * 8 + [UNUSED, UNUSED, USER_DEFINED, CONTROL])
PIECES = st.lists(
    st.tuples(st.text("ab▁ 中文", min_size=1, max_size=5), SCORES, KINDS), max_size=25, unique_by=lambda piece: piece[0]
)


@given(
    pieces=PIECES,
    fallback=st.booleans(),
    prefix=st.booleans(),
    extra=st.booleans(),
    escape=st.booleans(),
    suffix=st.booleans(),
    texts=st.lists(st.text("aab▁ 中文x", max_size=30), min_size=1, max_size=8),
)
@settings(max_examples=400, deadline=None)
def test_any_pieces_scores_and_kinds(
    pieces: list[tuple[str, float, int]],
    fallback: bool,
    prefix: bool,
    extra: bool,
    escape: bool,
    suffix: bool,
    texts: list[str],
) -> None:
    model = proto.ModelProto()
    model.trainer_spec.model_type = 2
    model.trainer_spec.byte_fallback = fallback
    model.trainer_spec.treat_whitespace_as_suffix = suffix
    model.normalizer_spec.add_dummy_prefix = prefix
    model.normalizer_spec.remove_extra_whitespaces = extra
    model.normalizer_spec.escape_whitespaces = escape
    model.pieces.add(piece="<unk>", type=UNKNOWN)
    for byte in range(256 if fallback else 0):
        model.pieces.add(piece=f"<0x{byte:02X}>", type=BYTE)
    for text, score, kind in pieces:
        model.pieces.add(piece=text, score=score, type=kind)
    stored = model.SerializeToString()
    processor, encoder = library(stored), _native.BytePairEncoder(stored)
    assert encoded(encoder, texts) == processor.encode(texts)


def test_counts_and_histogram_agree_with_the_ids(small: tuple[Any, Any]) -> None:
    _, encoder = small
    chance = random.Random(7)
    texts = ["".join(chance.choices(PARTS, k=chance.randrange(40))) for _ in range(500)]
    ids = encoded(encoder, texts)
    counts, sums = encoder.histogram(pa.array(texts))
    assert (counts.type, sums.type, len(sums)) == (pa.uint32(), pa.uint64(), encoder.size)
    assert counts.to_pylist() == [len(one) for one in ids]
    assert encoder.count(pa.array(texts)).equals(counts)
    flat = [one for text in ids for one in text]
    assert sums.to_pylist() == [flat.count(one) for one in range(encoder.size)]


@pytest.fixture
def threads() -> Iterator[None]:
    yield
    _native.set_threads(0)


@pytest.mark.usefixtures("threads")
def test_threads_change_nothing(merged: dict[str, Any]) -> None:
    _, encoder = merged["paper"]
    chance = random.Random(8)
    texts = pa.array(["".join(chance.choices(PARTS, k=chance.randrange(90))) for _ in range(9_000)])
    assert texts.nbytes > 1 << 20
    results = []
    for count in (1, 2, 3):
        _native.set_threads(count)
        results.append((encoder.encode(texts), encoder.count(texts), *encoder.histogram(texts)))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("mode", ["safe", "paper"])
def test_many_words_among_characters(merged: dict[str, Any], mode: str) -> None:
    processor, encoder = merged[mode]
    chance = random.Random(9)
    words = ["".join(chance.choices("aehnorstw", k=chance.randrange(1, 20))) for _ in range(400)]
    texts = [
        "".join(chance.choice(["花园", "我们", "花", "，"]) + chance.choice(words) for _ in range(200))
        for _ in range(20)
    ]
    for _ in range(2):
        assert encoded(encoder, texts) == processor.encode(texts)
        assert encoder.count(pa.array(texts)).to_pylist() == [len(ids) for ids in processor.encode(texts)]


def test_room_for_ids_grows(small: tuple[Any, Any]) -> None:
    processor, encoder = small
    # What has few ids for its bytes, and what has one for each byte.
    for texts in (["花园公园" * 500], ["\x7f\x01" * 5_000, ""], ["again again " * 3_000], [""], ["\x7f" * 50_000]):
        assert encoded(encoder, texts) == processor.encode(texts)


def test_arrays_of_every_layout(small: tuple[Any, Any]) -> None:
    processor, encoder = small
    texts = ["花园", "", "The words", "again " * 9]
    expected = processor.encode(texts)
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        ids = encoder.encode(pa.array(texts, kind))
        assert ids.type == pa.list_(pa.field("item", pa.int32(), nullable=False))
        assert ids.to_pylist() == expected
    assert encoder.encode(pa.array(["x", *texts]).slice(1)).to_pylist() == expected
    assert encoder.encode(pa.chunked_array([texts[:1], texts[1:]])).to_pylist() == expected
    assert encoder.encode(pa.array([], pa.string())).to_pylist() == []
    assert encoder.count(pa.array([], pa.string())).to_pylist() == []
    with pytest.raises(ValueError, match="text 1 is null: it has no tokens"):
        encoder.encode(pa.array(["a", None]))
    with pytest.raises(TypeError, match="texts must be strings, not Int64"):
        encoder.count(pa.array([1]))
    with pytest.raises(TypeError, match="list is no Arrow data"):
        encoder.histogram(["a"])


@pytest.mark.parametrize("kind", ["unigram", "word", "char"])
def test_models_of_other_kinds_are_refused(tmp_path: Path, kind: str) -> None:
    stored = trained(tmp_path, model_type=kind)
    with pytest.raises(ValueError, match=f"it is a {'character' if kind == 'char' else kind} model .* must be BPE"):
        _native.BytePairEncoder(stored)


def test_what_the_library_refuses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a sentencepiece model"):
        _native.BytePairEncoder(b"these bytes are no model")
    with pytest.raises(ValueError, match="not a sentencepiece model: it has no pieces"):
        _native.BytePairEncoder(b"")
    model = proto.ModelProto.FromString(trained(tmp_path))
    model.pieces.add(piece=model.pieces[9].piece, score=-1)
    with pytest.raises(ValueError, match="is there twice: it is piece 9 too"):
        _native.BytePairEncoder(model.SerializeToString())
    del model.pieces[-1], model.pieces[0]
    with pytest.raises(ValueError, match="no unknown piece"):
        _native.BytePairEncoder(model.SerializeToString())
    model.trainer_spec.byte_fallback = True
    with pytest.raises(ValueError, match="256 of 256 bytes have no piece"):
        _native.BytePairEncoder(model.SerializeToString())


def test_any_bytes_are_a_model_or_refused(tmp_path: Path) -> None:
    stored, chance = trained(tmp_path), random.Random(9)
    refused = 0
    for _ in range(300):
        bytes_ = bytearray(stored[: chance.randrange(len(stored))] if chance.random() < 0.3 else stored)
        for _ in range(chance.randrange(1, 6)):
            if bytes_:
                bytes_[chance.randrange(len(bytes_))] = chance.randrange(256)
        try:
            encoder = _native.BytePairEncoder(bytes(bytes_))
        except ValueError:
            refused += 1
            continue
        assert all(0 <= one < encoder.size for one in encoded(encoder, ["花园 The words 12"])[0])
    assert 0 < refused < 300


def test_one_line_of_many_megabytes(small: tuple[Any, Any]) -> None:
    _, encoder = small
    line = "花园里 again\u3000" * 200_000
    (ids,) = encoded(encoder, [line])
    assert encoder.count(pa.array([line])).to_pylist() == [len(ids)]
    (run,) = encoded(encoder, ["花" * 2_000_000])
    assert len(run) >= 1


class StoppedError(Exception):
    """A signal that ends what runs."""


@pytest.mark.usefixtures("threads")
def test_a_signal_ends_a_long_line(merged: dict[str, Any]) -> None:
    _, encoder = merged["base"]
    _native.set_threads(1)
    # One call that takes many times as long as the timer.
    line = pa.array(["=" * 30_000_000] * 4)
    signals = []

    def handle(*_: object) -> None:
        signals.append(True)
        # The first one was seen by the call, or after it: then no second one comes in time.
        if len(signals) == 2:
            raise StoppedError

    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)
        while not signals:
            time.sleep(0.01)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, handle)
    timer = threading.Timer(1, interrupt)
    try:
        timer.start()
        with pytest.raises(StoppedError):
            encoder.count(line)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
