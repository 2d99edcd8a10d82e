"""Signatures of the kernel against the package `datasketch` itself."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from datasketch import LeanMinHash, MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_data import _native, datasketch
from belle_data._reference import shingles
from belle_data.datasketch import Scheme, from_minhash, minhashes, permutations, to_lean_minhash, to_minhash
from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMES: list[Scheme] = ["affine32", "affine64", "legacy"]
FOUR_WORDS = "one two three four"
TEXTS = ["今天天气很好，我们去公园。", "今天天气很好，我们去爬山。", "你好", "", FOUR_WORDS, "one two", "😀" * 30]


def expected(text: str, num_perm: int, seed: int, scheme: Scheme, *, characters: int = 5, words: int = 3) -> MinHash:
    sketch = MinHash(num_perm=num_perm, seed=seed, scheme=scheme)
    found = shingles(text, characters, words)
    sketch.update_batch([" ".join(parts).encode() for _, *parts in found])
    return sketch


TEXT = st.one_of(
    st.text(max_size=40),
    st.text("天地玄黄 ab，", max_size=60),
    st.lists(st.text("abcdefghij", min_size=1, max_size=30), max_size=9).map(" ".join),
)


@given(
    texts=st.lists(TEXT, max_size=6),
    num_perm=st.integers(1, 140),
    seed=st.integers(0, 2**32 - 1),
    scheme=st.sampled_from(SCHEMES),
    characters=st.integers(1, 20),
    words=st.integers(1, 6),
)
@settings(deadline=None, max_examples=150)
def test_values_are_those_of_datasketch(
    *, texts: list[str], num_perm: int, seed: int, scheme: Scheme, characters: int, words: int
) -> None:
    found = minhashes(
        texts, num_perm=num_perm, seed=seed, scheme=scheme, shingle_characters=characters, shingle_words=words
    )
    assert len(found) == len(texts)
    for row, text in zip(found, texts, strict=True):
        sketch = expected(text, num_perm, seed, scheme, characters=characters, words=words)
        assert row.values.to_numpy().dtype == sketch.hashvalues.dtype
        assert row.values.to_pylist() == sketch.hashvalues.tolist()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("level", _native.instruction_sets())
def test_every_instruction_set_gives_the_same(level: str, scheme: Scheme) -> None:
    _native.set_instruction_set(level)
    try:
        found = minhashes(TEXTS, scheme=scheme)
    finally:
        _native.set_instruction_set(None)
    assert found.to_pylist() == [expected(text, 128, 1, scheme).hashvalues.tolist() for text in TEXTS]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sketches_go_on_where_they_came_from(scheme: Scheme) -> None:
    found = minhashes(TEXTS, num_perm=64, seed=3, scheme=scheme)
    sketches = [to_minhash(row, seed=3, scheme=scheme) for row in found]
    own = [expected(text, 64, 3, scheme) for text in TEXTS]
    for sketch, other in zip(sketches, own, strict=True):
        assert sketch == other
        sketch.update(b"more")
        other.update(b"more")
        assert sketch == other
    assert sketches[0].jaccard(sketches[1]) == own[0].jaccard(own[1])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lean_sketches_come_back(scheme: Scheme) -> None:
    found = minhashes(TEXTS, num_perm=16, scheme=scheme)
    lean = [to_lean_minhash(row, scheme=scheme) for row in found]
    buffer = bytearray(lean[0].bytesize())
    lean[0].serialize(buffer)
    assert LeanMinHash.deserialize(buffer) == lean[0]
    assert from_minhash(lean).equals(found)
    assert from_minhash([to_minhash(row, scheme=scheme) for row in found]).equals(found)


def test_estimates_agree_with_the_similarity() -> None:
    left, right = "".join(map(chr, range(0x4E00, 0x4E00 + 300))), "".join(map(chr, range(0x4E00 + 30, 0x4E00 + 330)))
    one, two = (to_minhash(row) for row in minhashes([left, right], num_perm=4096))
    true = len(shingles(left) & shingles(right)) / len(shingles(left) | shingles(right))
    assert one.jaccard(two) == pytest.approx(true, abs=0.04)


@pytest.mark.parametrize(
    "data",
    [
        pa.array(TEXTS),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS, pa.string_view()),
        pa.chunked_array([TEXTS[:3], [], TEXTS[3:]], pa.string()),
        pa.array([[{"role": "user", "text": text[:4]}, {"role": "assistant", "text": text[4:]}] for text in TEXTS]),
    ],
)
def test_any_arrow_data(data: Any) -> None:
    kind = data.type
    found = minhashes(data, num_perm=32).to_pylist()
    texts = TEXTS if not pa.types.is_list(kind) else ["\n".join(filter(None, (t[:4], t[4:]))) for t in TEXTS]
    assert found == [expected(text, 32, 1, "affine32").hashvalues.tolist() for text in texts]


def test_nothing_and_null() -> None:
    empty = minhashes([])
    assert (len(empty), empty.type.list_size, empty.type.value_type) == (0, 128, pa.uint32())
    assert minhashes([None]).to_pylist() == minhashes([""]).to_pylist()


@pytest.mark.parametrize(
    "settings",
    [
        {"num_perm": 0},
        {"seed": -1},
        {"seed": 1 << 32},
        {"scheme": "md5"},
        {"shingle_characters": 0},
        {"shingle_words": 65},
        {"shingle_words": -1},
    ],
)
def test_wrong_settings_are_usage_errors(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        minhashes(["文"], **settings)


@pytest.mark.parametrize("texts", ["one text", [1], pa.array([1]), pa.table({"text": ["a"]}), 7, ["\ud800"]])
def test_what_is_no_text_is_a_usage_error(texts: object) -> None:
    with pytest.raises(UsageError):
        minhashes(texts)


def test_wrong_rows_are_usage_errors() -> None:
    for row in ([], [1 << 32], [-1], "values", [[1]], None):
        with pytest.raises(UsageError):
            to_minhash(row)
    with pytest.raises(UsageError):
        from_minhash([])
    with pytest.raises(UsageError, match="same number"):
        from_minhash([MinHash(num_perm=4), MinHash(num_perm=4, scheme="legacy")])


def test_a_missing_package_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    row = minhashes(["文"])[0]
    permutations.cache_clear()

    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(datasketch, "import_module", missing)
    calls: list[Callable[[], object]] = [
        lambda: minhashes(["文"]),
        lambda: to_minhash(row),
        lambda: from_minhash([MinHash(num_perm=4)]),
    ]
    for call in calls:
        with pytest.raises(UsageError) as error:
            call()
        assert error.value.hint == "pip install 'belle-data[datasketch]'"


def test_permutations_are_those_of_datasketch() -> None:
    for scheme in SCHEMES:
        drawn = permutations(20, 5, scheme)
        assert np.array_equal(drawn, MinHash(num_perm=20, seed=5, scheme=scheme).permutations)
        assert not drawn.flags.writeable
