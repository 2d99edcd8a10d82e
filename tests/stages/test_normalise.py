"""The stage `normalise`: what it changes, what it leaves, and that it removes nothing."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from belle_data import _native
from belle_data.kernels import run_stage
from belle_data.stages.normalise import Normalise, NormaliseConfig, changes_schema

CHANGE = {name: 1 << bit for bit, name in enumerate(_native.change_names())}


def normalised(texts: list[str | None], **settings: Any) -> tuple[list[str], list[int]]:
    batch = pa.record_batch(Normalise(NormaliseConfig(**settings)).kernel.apply(pa.array(texts, pa.string())))
    return batch["text"].to_pylist(), batch["changes"].to_pylist()


@pytest.mark.parametrize(
    ("text", "expected", "changes", "settings"),
    [
        ("好。  \n行　\n\n", "好。\n行", ["trailing_blanks"], {}),
        ("a\r\nb\rc", "a\nb\nc", ["control_characters"], {}),
        ("\ufeffa\u200bb\x00c", "abc", ["control_characters"], {}),
        ("e\u0301", "é", ["composition"], {}),
        ("①，", "1,", ["compatibility"], {"form": "nfkc"}),
        ("ＡＢ，１", "AB,1", ["width"], {"width": True}),
        ("乾隆年間的頭髮", "乾隆年间的头发", ["simplified"], {"simplified": True}),
        ("e\u200b\u0301 ", "é", ["composition", "control_characters", "trailing_blanks"], {}),
    ],
)
def test_what_changes(text: str, expected: str, changes: list[str], settings: dict[str, Any]) -> None:
    assert normalised([text], **settings) == ([expected], [sum(CHANGE[name] for name in changes)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "题目是“春天”：\n\n　　春眠不觉晓……",
        "👨\u200d👩\u200d👧 👍🏽 ❤\ufe0f",
        "안녕하세요, 한국어 문장입니다.",
        "Tiếng Việt có dấu: được, những.",
        "العربيَّة لغةٌ جميلة",
        "def f(x):\n\treturn x\n\n# é",
        "全角ＡＢＣ，１２３",
        "繁體中文",
    ],
)
def test_what_stays(text: str) -> None:
    assert normalised([text]) == ([text], [0])


def test_null_is_the_empty_text_and_no_row_is_fine() -> None:
    assert normalised([None, "a "]) == (["", "a"], [0, CHANGE["trailing_blanks"]])
    assert normalised([]) == ([], [])


@given(some.lists(some.text(), max_size=5))
def test_nfc_is_that_of_the_standard_library(texts: list[str]) -> None:
    expected = [unicodedata.normalize("NFC", text) for text in texts]
    # Characters that one of the two Unicode versions does not know may differ.
    known = all(unicodedata.category(character) != "Cn" for text in texts for character in text)
    found, changes = normalised(list(texts), control_characters=False, trailing_blanks=False)
    assert not known or found == expected
    assert [change != 0 for change in changes] == [one != text for one, text in zip(found, texts, strict=True)]


def test_it_removes_nothing_and_says_what_it_changed() -> None:
    texts = ["好", "好 ", "a\r", "e\u0301", ""]
    stage = Normalise()
    assert run_stage(stage, texts).num_rows == 0
    assert stage.changes().schema == changes_schema()
    assert stage.changes().to_pydict() == {"row": [1, 2, 3], "changes": [32, 48, 1]}
    assert stage.counts() == {
        "composition": 1,
        "compatibility": 0,
        "width": 0,
        "simplified": 0,
        "control_characters": 1,
        "trailing_blanks": 2,
    }
    assert run_stage(Normalise(), pa.array([], pa.string())).num_rows == 0
    assert Normalise().changes().num_rows == 0
    with pytest.raises(ValueError, match="finish comes before decide"):
        Normalise().decide(pa.record_batch({"row": pa.array([], pa.uint32())}))


def test_conversations_but_not_calls_of_tools() -> None:
    turns = [[{"role": "user", "text": "问 "}, {"role": "function_call", "text": "{} "}]]
    kind = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
    batch = pa.record_batch(Normalise().kernel.apply(pa.record_batch({"turns": pa.array(turns, kind)})))
    assert batch.schema.names == ["turns", "changes"]
    assert batch["turns"].to_pylist() == [[{"role": "user", "text": "问"}, {"role": "function_call", "text": "{} "}]]


LINES = [
    {"instruction": "问：\r\n", "input": "甲", "output": "答 \n完"},
    {"instruction": "问", "input": "", "output": "答"},
]


@pytest.mark.parametrize("apply", ["comparison", "text"])
@pytest.mark.parametrize("to", [None, "messages"])
def test_a_corpus_reads_and_writes(apply: str, to: str | None) -> None:
    data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES).encode()
    stage = Normalise()
    corpus = _native.Corpus(stage.kernel, apply)
    source = corpus.add_source(data, "alpaca")
    _, rows, rejected = corpus.read(source, 0, 1 << 20, 1 << 20, 10)
    batch = pa.record_batch(rows)
    assert rejected is None
    assert batch["changes"].to_pylist() == [CHANGE["control_characters"] | CHANGE["trailing_blanks"], 0]
    assert [turn["text"] for turn in batch["turns"][0].as_py()] == ["问：\n\n甲", "答\n完"]
    stage.scan(batch)
    assert stage.changes()["row"].to_pylist() == [0]
    ledger = _native.Ledger(2)
    assert corpus.line(0) == data.split(b"\n")[0]
    if to is not None:
        lines = corpus.convert_kept_lines(0, 2, ledger, to).decode().splitlines()
        expected = "问：\n\n甲" if apply == "text" else "问：\r\n\n甲"
        assert json.loads(lines[0])["messages"][0]["content"] == expected
        return
    buffer = bytearray(1 << 16)
    _, count, size = corpus.fill_kept_lines(0, 2, ledger, buffer)
    assert count == 2
    if apply == "comparison":
        assert bytes(buffer[:size]) == data
    else:
        changed = {"instruction": "问：\n", "input": "甲", "output": "答\n完"}
        assert [json.loads(line) for line in bytes(buffer[:size]).splitlines()] == [changed, LINES[1]]


def test_unknown_words_are_errors() -> None:
    with pytest.raises(ValueError, match="unknown use"):
        _native.Corpus(None, "both")
    with pytest.raises(ValueError, match="form"):
        NormaliseConfig(form="nfd")
    with pytest.raises(ValueError, match="unknown form"):
        _native.Normalise(form="nfd", width=False, simplified=False, control_characters=True, trailing_blanks=True)
