"""Arrow data crosses the boundary in both directions, without a copy where the layout allows it."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa
import pytest

from belle_data import _native

TEXTS = [
    "今天天气很好，我们去公园散步吧。",
    "今天天气很好，我们去公园散步吧！",
    "完全不同的一句话，讲的是别的事。",
    "hello big world",
]
LINES = b"".join(
    b'{"id": %d, "instruction": "%s", "input": "", "output": "\\u597d"}\n' % (number, text.encode())
    for number, text in enumerate(TEXTS)
)


def near_dedup(**settings: Any) -> _native.NearDedup:
    values: dict[str, Any] = {
        "field": "conversation", "fold": [], "shingle_characters": 5, "shingle_words": 3, "threshold": 0.8,
        "permutations": 64, "bands": 16, "rows_per_band": 4, "seed": 1,
    }  # fmt: skip
    return _native.NearDedup(**{**values, **settings})


def removed(data: Any) -> list[int]:
    stage = near_dedup()
    stage.scan(data)
    found: list[int] = pa.record_batch(stage.finish(_native.ArrowRows(data))[0])["row"].to_pylist()
    return found


def read() -> tuple[_native.Corpus, Any]:
    corpus = _native.Corpus()
    source = corpus.add_source(LINES, "alpaca")
    _, batch, rejected = corpus.read(source, 0, 1 << 20, 1 << 20, 1 << 20)
    assert rejected is None
    return corpus, pa.record_batch(batch)


def test_the_batch_of_a_corpus_has_the_columns_that_the_pipeline_declares() -> None:
    from belle_data.pipeline import READ_COLUMNS

    _, batch = read()
    assert tuple(batch.schema.names) == READ_COLUMNS
    assert batch.num_rows == len(TEXTS)
    batch.validate(full=True)
    turns = batch["turns"].to_pylist()
    assert turns[0] == [{"role": "user", "text": TEXTS[0]}, {"role": "assistant", "text": "好"}]


def test_a_batch_is_handed_over_without_a_copy() -> None:
    corpus = _native.Corpus()
    source = corpus.add_source(LINES, "alpaca")
    _, native, _ = corpus.read(source, 0, 1 << 20, 1 << 20, 1 << 20)
    first, second = pa.record_batch(native), pa.record_batch(native)
    addresses = [[buffer.address for buffer in batch["turns"].buffers() if buffer] for batch in (first, second)]
    assert addresses[0] == addresses[1]
    del native, corpus
    assert first["turns"].to_pylist() == second["turns"].to_pylist()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_strings_of_every_layout_give_the_same(kind: Any) -> None:
    whole = pa.array(TEXTS, kind)
    expected = removed(pa.array(TEXTS))
    assert len(expected) == 1
    assert expected[0] in {0, 1}
    assert removed(whole) == expected
    assert removed(pa.chunked_array([whole[:1], whole[1:1], whole[1:]])) == expected
    # A slice has offsets that do not begin at zero.
    assert removed(pa.concat_arrays([pa.array(["前面"], kind), whole])[1:]) == expected


def test_null_is_the_empty_text() -> None:
    stage = _native.ExactDedup("conversation", [])
    texts = pa.array(["", None, "a"])
    stage.scan(texts)
    found = pa.record_batch(stage.finish(_native.ArrowRows(texts)))
    assert found.num_rows == 1


def test_roles_may_come_as_strings_or_as_another_dictionary() -> None:
    _, batch = read()
    plain = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))
    turns = pa.array(batch["turns"].to_pylist(), plain)
    other = pa.array(["assistant", "user"])
    codes = pa.array([1, 0] * len(TEXTS), pa.int8())
    texts = turns.flatten().field("text")
    struct = pa.StructArray.from_arrays([pa.DictionaryArray.from_arrays(codes, other), texts], ["role", "text"])
    dictionary = pa.ListArray.from_arrays(turns.offsets, struct)
    results = []
    for column in (batch["turns"], turns, dictionary):
        stage = near_dedup(field="prompt")
        data = pa.record_batch({"row": batch["row"], "turns": column})
        stage.scan(data)
        results.append(pa.record_batch(stage.finish(_native.ArrowRows(data))[0]).to_pylist())
    assert results[0] == results[1] == results[2]
    assert len(results[0]) == 1


@pytest.mark.parametrize(
    "data",
    [
        pa.array([1, 2]), pa.array([[1]]), pa.array([{"a": 1}]), pa.array([[{"role": "nobody", "text": "x"}]]), 3, "x",
        pa.record_batch({"turns": pa.array([1])}), pa.array([[{"role": None, "text": "x"}]]),
    ],
)  # fmt: skip
def test_other_data_is_an_error_of_python(data: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"\w"):
        _native.ArrowRows(data)


def test_a_field_that_a_row_lacks_is_never_compared() -> None:
    texts = pa.array(["一样的话一样的话", "一样的话一样的话"])
    stage = near_dedup(field="output")
    stage.scan(texts)
    assert pa.record_batch(stage.finish(_native.ArrowRows(texts))[0]).num_rows == 0


@pytest.mark.parametrize("name", _native.instruction_sets())
def test_every_instruction_set_gives_the_same_batches_and_removals(name: str) -> None:
    try:
        _native.set_instruction_set(name)
        corpus, batch = read()
        stage = near_dedup(field="prompt")
        stage.scan(batch)
        found = pa.record_batch(stage.finish(corpus)[0]).to_pylist()
    finally:
        _native.set_instruction_set(None)
    _, expected_batch = read()
    assert batch.equals(expected_batch)
    assert [row["row"] for row in found] in ([0], [1])


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown instruction set"):
        _native.set_instruction_set("mmx")


def test_the_extension_takes_no_reference_to_what_it_is_given() -> None:
    texts = pa.array(TEXTS)
    before = sys.getrefcount(texts)
    removed(texts)
    assert sys.getrefcount(texts) == before
