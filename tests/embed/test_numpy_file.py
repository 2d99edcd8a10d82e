"""numpy:FILE: rows of a file are vectors of rows, and a file that is none is refused with the reason."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from belle_data.embed import Embedder, embedder_of
from belle_data.errors import BelleError, SourceError, UsageError


def saved(folder: Path, array: npt.NDArray[np.generic], name: str = "vectors.npy") -> Embedder:
    np.save(folder / name, array)
    return embedder_of(f"numpy:{folder / name}")


def ask(embedder: Embedder, rows: list[int], texts: list[str | None] | None = None) -> npt.NDArray[np.float32]:
    return embedder.embed(pa.array(texts or ["x"] * len(rows), pa.string()), pa.array(rows, pa.uint32()))


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4", ">f8"])
def test_rows_of_every_type_come_at_norm_one(tmp_path: Path, kind: str) -> None:
    array = np.random.default_rng(1).normal(size=(40, 7)).astype(kind)
    embedder = saved(tmp_path, array)
    assert embedder.dimensions == 7
    rows = [39, 0, 3, 3, 17]
    found = ask(embedder, rows)
    wanted = array[rows].astype(np.float64)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, wanted, atol=1e-7)
    assert np.array_equal(found[2], found[3])


def test_a_column_major_file_reads_the_same(tmp_path: Path) -> None:
    array = np.random.default_rng(2).normal(size=(20, 5)).astype(np.float32)
    assert np.array_equal(
        ask(saved(tmp_path, array), list(range(20))),
        ask(saved(tmp_path, np.asfortranarray(array), "columns.npy"), list(range(20))),
    )


def test_a_row_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    embedder = saved(tmp_path, np.random.default_rng(3).normal(size=(300, 129)).astype(np.float32))
    whole = ask(embedder, list(range(300)))
    assert np.array_equal(whole, np.concatenate([ask(embedder, [row]) for row in range(300)]))
    assert np.array_equal(whole[::-1], ask(embedder, list(range(299, -1, -1))))


def test_empty_texts_and_rows_of_zeros_are_zero(tmp_path: Path) -> None:
    array = np.ones((5, 4), np.float32)
    array[3] = 0
    found = ask(saved(tmp_path, array), [0, 1, 2, 3, 4], ["a", "", " \n　", "b", None])
    assert np.linalg.norm(found, axis=1).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("size", [1e-40, 1e-300, 1e300])
def test_very_small_and_very_large_numbers_keep_their_direction(tmp_path: Path, size: float) -> None:
    found = ask(saved(tmp_path, np.array([[3.0, 4.0]]) * size), [0])
    np.testing.assert_allclose(found, [[0.6, 0.8]], atol=1e-7)


def test_no_rows_give_no_vectors(tmp_path: Path) -> None:
    assert ask(saved(tmp_path, np.ones((5, 4), np.float32)), []).shape == (0, 4)


def test_chunks_and_views_of_texts_are_taken(tmp_path: Path) -> None:
    embedder = saved(tmp_path, np.ones((2, 4), np.float32))
    rows = pa.array([0, 1], pa.uint32())
    for texts in (
        pa.chunked_array([["a"], ["b"]]),
        pa.array(["a", "b"], pa.large_string()),
        pa.array(["a", "b"], pa.string_view()),
        pa.array(["", "a", "b"])[1:],
    ):
        assert embedder.embed(texts, rows).any(axis=1).all()


def test_it_costs_nothing_and_its_fingerprint_is_the_content(tmp_path: Path) -> None:
    first = saved(tmp_path, np.ones((2, 4), np.float32), "a.npy")
    same = saved(tmp_path, np.ones((2, 4), np.float32), "b.npy")
    other = saved(tmp_path, np.ones((3, 4), np.float32), "c.npy")
    assert first.cost(pa.array(["a"])) is None
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert str(tmp_path) not in first.fingerprint
    first.close()


BAD: dict[str, tuple[npt.NDArray[np.generic], str]] = {
    "one dimension": (np.ones(4, np.float32), "float32 of shape [4]"),
    "three dimensions": (np.ones((2, 2, 2), np.float32), "float32 of shape [2, 2, 2]"),
    "whole numbers": (np.ones((2, 2), np.int8), "int8 of shape [2, 2]"),
    "complex numbers": (np.ones((2, 2), np.complex64), "complex64"),
    "long doubles": (np.ones((2, 2), np.longdouble), "of shape [2, 2]"),
    "vectors without numbers": (np.ones((2, 0), np.float32), ""),
    "named fields": (np.zeros(2, [("a", "f4")]), "of shape [2]"),
}


@pytest.mark.parametrize("case", BAD)
def test_arrays_of_other_kinds_are_refused(tmp_path: Path, case: str) -> None:
    array, said = BAD[case]
    with pytest.raises(SourceError) as caught:
        saved(tmp_path, array)
    assert said in str(caught.value)
    assert "float16, float32 or float64" in str(caught.value.hint)
    assert str(tmp_path) in str(caught.value)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(ran),)

    np.save(tmp_path / "evil.npy", np.array([[Evil()]], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError):
        embedder_of(f"numpy:{tmp_path / 'evil.npy'}")
    assert not ran.exists()


def test_files_that_hold_no_array_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "many.npz", a=np.ones((2, 2)))
    np.save(tmp_path / "whole.npy", np.ones((50, 8)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:-9])
    (tmp_path / "text.npy").write_text("vectors", encoding="utf-8")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for name in ("many.npz", "cut.npy", "text.npy", "empty.npy", "folder"):
        with pytest.raises(SourceError, match=name):
            embedder_of(f"numpy:{tmp_path / name}")
    with pytest.raises(UsageError, match="no such file"):
        embedder_of(f"numpy:{tmp_path / 'absent.npy'}")
    with pytest.raises(BelleError):
        embedder_of("numpy:a\0b")


def test_too_few_rows_are_said(tmp_path: Path) -> None:
    embedder = saved(tmp_path, np.ones((1000, 4), np.float32))
    ask(embedder, [999])
    with pytest.raises(SourceError, match="the vectors of 1,000 rows, and the run has a row 1,000"):
        ask(embedder, [0, 1000])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_said_with_its_row(tmp_path: Path, wrong: float) -> None:
    array = np.ones((10, 4), np.float32)
    array[6, 2] = wrong
    embedder = saved(tmp_path, array)
    ask(embedder, [5, 7])
    with pytest.raises(SourceError, match="row 6 has a NaN"):
        ask(embedder, [5, 6, 7])


def test_a_file_that_changes_is_noticed_before_it_is_read(tmp_path: Path) -> None:
    """Reading pages that a mapped file has no more would kill the process."""
    embedder = saved(tmp_path, np.ones((100_000, 4), np.float32))
    (tmp_path / "vectors.npy").write_bytes(b"short")
    with pytest.raises(SourceError, match="changed while it was used"):
        ask(embedder, [99_999])
    with pytest.raises(SourceError, match="changed while it was used"):
        _ = embedder.fingerprint
