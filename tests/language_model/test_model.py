"""`belle_data.language_model`: training, saving and asking models, beside the package kenlm."""

from __future__ import annotations

import gzip
import json
import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import zstandard

from belle_data import _native
from belle_data.errors import BelleError, SourceError, UsageError
from belle_data.language_model import Model, import_arpa, open_model, train

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["今天天气很好。", "今天我们去公园。", "天气很冷，我们不去公园。", "a b c", "公园里的花很好看！"] * 3
GIB = 1 << 30
TRAINED_LINES, COMPARED_LINES = 60_000, 10_000


def written(folder: Path, texts: list[str], name: str = "texts.txt") -> Path:
    path = folder / name
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def as_words(text: str) -> str:
    """A text as kenlm takes it: characters as words, white space and control characters by their number."""
    return " ".join(
        f"<U+{ord(one):04X}>" if one.isspace() or ord(one) < 32 or 127 <= ord(one) < 160 else one for one in text
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    return train([written(folder, TEXTS)], folder / "model.lm", order=4)


def test_the_log_probabilities_are_those_of_kenlm(tmp_path: Path, shared_data: Path) -> None:
    kenlm = pytest.importorskip("kenlm", reason="needs the package kenlm")
    with zstandard.open(shared_data / "zh_text.txt.zst", "rt", encoding="utf-8", newline="\n") as handle:
        lines = [line.removesuffix("\n") for line in handle]
    step = len(lines) // TRAINED_LINES
    trained, asked = lines[::step][:TRAINED_LINES], lines[1 :: len(lines) // COMPARED_LINES][:COMPARED_LINES]
    assert len(asked) == COMPARED_LINES
    own = train([written(tmp_path, trained)], tmp_path / "zh.lm", order=5, arpa=tmp_path / "zh.arpa")
    theirs = kenlm.Model(str(tmp_path / "zh.arpa"))
    scores = own.score(asked)
    for text, sum_, tokens in zip(asked, scores.log_probability, scores.tokens, strict=True):
        wanted = theirs.score(as_words(text), bos=True, eos=True) * math.log(10)
        assert tokens == len(text) + 1
        assert abs(sum_ - wanted) <= 1e-4 * tokens, text
    for text in asked[:50]:
        wanted = [score * math.log(10) for score, _, _ in theirs.full_scores(as_words(text), bos=True, eos=True)]
        assert [one.log_probability for one in own.tokens(text)] == pytest.approx(wanted, abs=1e-4), text


def test_the_tokens_sum_up_to_the_text(model: Model) -> None:
    texts = [*TEXTS, "", "没见过的字", "\n\u3000x"]
    scores = model.score(texts)
    for text, sum_, count in zip(texts, scores.log_probability, scores.tokens, strict=True):
        tokens = model.tokens(text)
        assert len(tokens) == count == len(text) + 1
        assert math.isclose(sum(one.log_probability for one in tokens), sum_, abs_tol=1e-9)
        assert [one.text for one in tokens] == [*text, "</s>"]
    assert [one.known for one in model.tokens("今没")] == [True, False, True]
    assert model.score(pa.array(["今天", None])) == model.score(["今天", ""])


def test_what_was_seen_is_more_probable_than_its_characters_in_another_order(model: Model) -> None:
    good, bad = model.score(["今天天气很好。", "好很。今气天天"]).perplexity
    assert good * 5 < bad


def test_files_memory_and_order_of_texts_change_no_byte(tmp_path: Path, model: Model) -> None:
    text = "".join(f"{text}\n" for text in reversed(TEXTS)).encode()
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text[: text.index(b"\n") + 1]))
    (tmp_path / "b.txt.zst").write_bytes(zstandard.compress(text[text.index(b"\n") + 1 :]))
    other = train(
        [tmp_path / "b.txt.zst", tmp_path / "a.txt.gz"], tmp_path / "other.lm", order=4, memory=64 << 20, threads=1
    )
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    of_rows = train([rows], tmp_path / "rows.lm", order=4)
    whole = model.native.image(0, len(model.native))
    assert other.native.image(0, len(other.native)) == whole
    assert of_rows.native.image(0, len(of_rows.native)) == whole


def test_an_arpa_file_comes_back(tmp_path: Path) -> None:
    own = train([written(tmp_path, TEXTS)], tmp_path / "own.lm", order=3, arpa=tmp_path / "own.arpa")
    (tmp_path / "own.arpa.gz").write_bytes(gzip.compress((tmp_path / "own.arpa").read_bytes()))
    read = import_arpa(tmp_path / "own.arpa.gz", tmp_path / "read.lm")
    assert read.info["ngrams"] == own.info["ngrams"]
    texts = [*TEXTS, "没有 见过"]
    assert read.score(texts).log_probability == pytest.approx(own.score(texts).log_probability, abs=1e-4)


def test_pieces_of_a_tokenizer(tmp_path: Path, shared_data: Path) -> None:
    pytest.importorskip("sentencepiece", reason="needs the package sentencepiece")
    tokenizer = shared_data / "llama.tokenizer.model"
    own = train([written(tmp_path, TEXTS)], tmp_path / "own.lm", order=3, tokens=f"sentencepiece:{tokenizer}")
    assert own.info["tokens"] == "pieces"
    good, bad = own.score(["今天天气很好。", "好很。今气天天"]).perplexity
    assert good * 2 < bad
    tokens = own.tokens("今天")
    assert sum(one.log_probability for one in tokens) == pytest.approx(own.score(["今天"]).log_probability[0])
    with pytest.raises(ValueError, match="pieces"):
        own.native.score_texts(pa.array(["今天"]))
    other = tmp_path / "other.model"
    other.write_bytes(tokenizer.read_bytes() + b"\x00")
    with pytest.raises(SourceError, match="another sentencepiece model"):
        open_model(tmp_path / "own.lm", sentencepiece=str(other)).score(["今天"])


def rows_of(texts: list[tuple[str, str]]) -> _native.ArrowRows:
    turns = [[{"role": "user", "text": ask}, {"role": "assistant", "text": answer}] for ask, answer in texts]
    kind = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
    return _native.ArrowRows(pa.table({"turns": pa.array(turns, kind)}))


def test_rows_are_scored_by_the_fold_that_did_not_see_them(model: Model) -> None:
    pairs = [(f"问题{number}", f"回答{number % 5}") for number in range(200)] + [("重复", "一样")] * 4
    rows, everything = rows_of(pairs), {}
    for fold in range(2):
        other = _native.LanguageModel.train_rows(rows, None, order=3, memory=GIB, fold=fold, folds=2)
        scored = pa.record_batch(other.score_rows(rows, None, fold=fold, folds=2)).to_pylist()
        everything.update({row["row"]: fold for row in scored})
        seen = set("".join(ask + answer for at, (ask, answer) in enumerate(pairs) if everything.get(at) != fold))
        if fold:
            assert set(other.names()[3:]) == seen
    assert sorted(everything) == list(range(len(pairs)))
    assert 70 < sum(everything.values()) < 134
    assert len({everything[row] for row in range(200, 204)}) == 1
    row = pa.record_batch(model.native.score_rows(rows, None)).slice(7, 1).to_pylist()[0]
    ask, answer = model.score(list(pairs[7])).log_probability
    assert row == {
        "row": 7,
        "prompt_log_probability": ask,
        "prompt_tokens": 4,
        "answer_log_probability": answer,
        "answer_tokens": 4,
    }


def test_folds_and_samples_do_not_follow_the_order_of_rows() -> None:
    pairs = [(f"问题{number}", f"回答{number % 7}") for number in range(300)]
    settings: dict[str, Any] = {"order": 3, "memory": GIB, "fold": 1, "folds": 3, "most_characters": 500}
    model, other = (
        _native.LanguageModel.train_rows(rows_of(order), None, **settings) for order in (pairs, pairs[::-1])
    )
    assert model.image(0, len(model)) == other.image(0, len(other))
    ledger = _native.Ledger(300)
    assert len(pa.record_batch(model.score_rows(rows_of(pairs), ledger, fold=1, folds=3))) < 150
    with pytest.raises(ValueError, match="fold is 3 of 3"):
        model.score_rows(rows_of(pairs), None, fold=3, folds=3)
    with pytest.raises(ValueError, match="a ledger of 300 rows"):
        model.score_rows(rows_of(pairs[1:]), ledger)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no language model"),
        (b"BELLE_LM" + bytes(100), "breaks off"),
        (b"BELLE_LM" + bytes(400), "has the version 0"),
        (b"PAR1" + bytes(400), "no language model"),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "model.lm").write_bytes(content)
    with pytest.raises(SourceError, match=message):
        open_model(tmp_path / "model.lm")


def test_a_damaged_model(tmp_path: Path, model: Model) -> None:
    image = bytearray(model.native.image(0, len(model.native)))
    image[-100] ^= 1
    (tmp_path / "model.lm").write_bytes(image)
    with pytest.raises(SourceError, match="have another checksum"):
        open_model(tmp_path / "model.lm")
    (tmp_path / "model.lm").write_bytes(image[:-64])
    with pytest.raises(SourceError, match="bytes and should have"):
        open_model(tmp_path / "model.lm")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"order": 7}, UsageError, "order must be 1 to 6"),
        ({"memory": 1000}, UsageError, "the model needs [0-9]+ bytes"),
        ({"tokens": "words"}, UsageError, "unknown tokens"),
        ({"tokens": "sentencepiece:nowhere"}, BelleError, "cannot be read|not installed"),
        ({"out": "nowhere/model.lm"}, UsageError, "lies in no folder"),
        ({"inputs": ["a.txt", "b.jsonl"]}, UsageError, "do not go together"),
        ({"inputs": ["absent.txt"]}, UsageError, "no such file"),
        ({"inputs": ["empty.txt"]}, SourceError, "no text"),
        ({"inputs": ["wrong.txt"]}, SourceError, r"wrong.txt:2 \(byte 4\): the line is not UTF-8"),
    ],
)
def test_what_cannot_be_trained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    error: type[BelleError],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, TEXTS, "a.txt")
    written(tmp_path, [], "empty.txt")
    (tmp_path / "wrong.txt").write_bytes(b"abc\n\xff\n")
    with pytest.raises(error, match=message):
        train(**{"inputs": ["a.txt"], "out": "model.lm", **settings})
    assert not list(tmp_path.glob("*.lm*"))
