"""The kernels for library users: every kind of Arrow data, and what is said about any other data."""

from __future__ import annotations

import doctest
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

import belle_data
from belle_data import kernels
from belle_data.errors import UsageError

TEXTS = pa.array(["你好", "再见", None, "你好", ""])
EXPECTED = [{"row": 3, "kept_row": 0, "similarity": 1.0}, {"row": 4, "kept_row": 2, "similarity": 1.0}]


@dataclass
class Stream:
    """Data of another library: it offers the protocol and nothing else."""

    data: Any

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.data.__arrow_c_stream__(requested_schema)


@dataclass
class Single:
    data: Any

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self.data.__arrow_c_array__(requested_schema)


def test_the_examples_of_the_documentation() -> None:
    tried = doctest.testmod(kernels)
    assert tried.attempted >= 8
    assert tried.failed == 0


@pytest.mark.parametrize(
    "data",
    [
        TEXTS,
        TEXTS.cast(pa.large_string()),
        TEXTS.cast(pa.string_view()),
        pa.chunked_array([TEXTS]),
        pa.chunked_array([TEXTS.slice(0, 2), TEXTS.slice(2, 0), TEXTS.slice(2)]),
        pa.table({"other": range(5), "turns": TEXTS}),
        pa.record_batch({"turns": TEXTS.cast(pa.large_string())}),
        pa.table({"row": [9, 9, 9, 9, 9], "turns": TEXTS}),
        Stream(pa.chunked_array([TEXTS.cast(pa.string_view())])),
        Stream(pa.table({"turns": TEXTS})),
        Single(TEXTS),
        Single(pa.record_batch({"turns": TEXTS})),
        pa.chunked_array([pa.array(["x", *TEXTS.to_pylist()]).slice(1)]),
        TEXTS.to_pylist(),
        tuple(TEXTS.to_pylist()),
    ],
    ids=str,
)
def test_every_kind_of_data(data: Any) -> None:
    found = kernels.exact_dedup(data)
    assert {frozenset((row["row"], row["kept_row"])) for row in found.to_pylist()} == {
        frozenset((row["row"], row["kept_row"])) for row in EXPECTED
    }
    assert found.schema.names == ["row", "kept_row", "similarity"]
    assert found.schema.types == [pa.uint32(), pa.uint32(), pa.float64()]


def conversation(roles: pa.Array, texts: pa.Array, kind: Any, offsets: pa.Array) -> pa.Array:
    return kind.from_arrays(offsets, pa.StructArray.from_arrays([roles, texts], ["role", "text"]))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("roles", ["plain", "large", "view", "int8", "int32"])
def test_conversations_in_the_layouts_of_other_libraries(wide: bool, roles: str) -> None:
    names = pa.array(["user", "assistant"] * 2)
    coded = {
        "plain": names,
        "large": names.cast(pa.large_string()),
        "view": names.cast(pa.string_view()),
        "int8": names.cast(pa.dictionary(pa.int8(), pa.string())),
        "int32": names.dictionary_encode(),
    }[roles]
    kind, offset = (pa.LargeListArray, pa.int64()) if wide else (pa.ListArray, pa.int32())
    turns = conversation(coded, pa.array(["问", "答"] * 2), kind, pa.array([0, 2, 4], offset))
    assert kernels.exact_dedup(pa.table({"turns": turns})).num_rows == 1
    assert kernels.exact_dedup(turns).num_rows == 1


@pytest.mark.parametrize("data", [[], pa.array([], pa.string()), pa.chunked_array([], pa.string()),
                                  pa.table({"turns": TEXTS}).schema.empty_table()], ids=str)  # fmt: skip
def test_empty_data(data: Any) -> None:
    for kernel in (kernels.exact_dedup, kernels.near_dedup):
        assert kernel(data).num_rows == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "no Arrow data"),
        ("text", "no Arrow data"),
        (pa.array([1, 2]), "neither texts nor turns"),
        (pa.array([[1]]), "neither texts nor turns"),
        (pa.table({"text": TEXTS}), "needs a column that the data lacks: 'turns'"),
        (pa.array([[{"role": "king", "text": "x"}]]), "king"),
        (pa.array([[{"who": "user", "text": "x"}]]), "role"),
        (["\ud800"], "cannot be read as Arrow data"),
        ([1], "cannot be read as Arrow data"),
    ],
)
def test_other_data_is_refused(data: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kernels.exact_dedup(data)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="threshold"):
        kernels.near_dedup(["x"], threshold=2)
    with pytest.raises(ValueError, match="treshold"):
        kernels.near_dedup(["x"], treshold=0.5)


def test_the_similarity_is_the_jaccard_of_the_shingles() -> None:
    left, right = "今天天气很好我们去公园散步吧", "今天天气很好我们去公园散步啦"
    shingles = [{text[at : at + 5] for at in range(len(text) - 4)} for text in (left, right)]
    (found,) = kernels.near_dedup([left, right], threshold=0.5).to_pylist()
    assert found["similarity"] == len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])


def test_where_a_user_looks() -> None:
    assert belle_data.kernels is kernels
    assert kernels.candidate_probability(0.8, 16, 4) == pytest.approx(1 - (1 - 0.8**4) ** 16)
    assert kernels.use_threads(2) == 2
