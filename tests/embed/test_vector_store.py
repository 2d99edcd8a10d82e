"""Stored vectors: what a death at any byte leaves is read, and nothing else."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from belle_data.embed import vector_store
from belle_data.embed.vector_store import VectorStore, key_of
from belle_data.errors import InternalError, RunFolderError

KEYS = [key_of(f"文本{number}") for number in range(300)]
VECTORS = np.random.default_rng(7).normal(size=(300, 6)).astype(np.float32)
RECORD = 16 + 6 * 4 + 4


def filled(path: Path, count: int = 300) -> VectorStore:
    store = VectorStore(path, "owner")
    for first in range(0, count, 50):
        last = min(first + 50, count)
        store.add(KEYS[first:last], VECTORS[first:last])
    return store


def held(path: Path) -> npt.NDArray[np.bool_]:
    """Which keys a new process would find; what it finds must be right."""
    store = VectorStore(path, "owner")
    present, vectors = store.find(KEYS)
    assert len(vectors) == present.sum()
    assert all(np.array_equal(*pair) for pair in zip(vectors, VECTORS[present], strict=True))
    store.close()
    return present


def test_a_store_that_is_not_there_is_empty_and_is_not_made(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "absent" / "x", "owner")
    assert not store.open()
    assert len(store) == 0
    assert not store.present(KEYS).any()
    assert store.find(KEYS)[1].shape == (0, 0)
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_added_is_found_by_this_and_by_another(tmp_path: Path) -> None:
    store = filled(tmp_path / "a" / "x")
    present, vectors = store.find(KEYS[::-1])
    assert present.all()
    assert np.array_equal(vectors, VECTORS[::-1])
    assert len(store) == 300
    store.flush()
    store.close()
    assert held(tmp_path / "a" / "x").all()


def test_a_file_cut_at_any_byte_has_its_whole_records(tmp_path: Path) -> None:
    filled(tmp_path / "x", 4).close()
    content = (tmp_path / "x").read_bytes()
    assert len(content) == 64 + 4 * RECORD
    for size in range(len(content) + 1):
        cut = tmp_path / "cut"
        cut.write_bytes(content[:size])
        assert held(cut).sum() == max(size - 64, 0) // RECORD
        # And it can be written on.
        store = VectorStore(cut, "owner")
        store.add(KEYS[10:12], VECTORS[10:12])
        store.close()
        assert held(cut)[10:12].all()
        cut.unlink()


def test_a_damaged_record_counts_as_absent_and_is_replaced(tmp_path: Path) -> None:
    filled(tmp_path / "x").close()
    content = bytearray((tmp_path / "x").read_bytes())
    content[64 + 20 * RECORD + 18] ^= 1
    content[64 + 30 * RECORD : 64 + 31 * RECORD] = bytes(RECORD)
    (tmp_path / "x").write_bytes(content)
    assert np.flatnonzero(~held(tmp_path / "x")).tolist() == [20, 30]
    store = VectorStore(tmp_path / "x", "owner")
    store.add(KEYS[20:31], VECTORS[20:31])
    assert store.find(KEYS)[0].all()
    store.close()
    assert held(tmp_path / "x").all()


def test_many_new_records_are_sorted_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_store, "_MANY", 60)
    monkeypatch.setattr(vector_store, "_BLOCK", 100)
    store = filled(tmp_path / "x")
    store.add(KEYS[:70], VECTORS[:70])
    assert np.array_equal(store.find(KEYS)[1], VECTORS)
    store.close()
    assert held(tmp_path / "x").all()


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    filled(path, 50).close()
    before = path.read_bytes()
    with pytest.raises(RunFolderError, match="no file of stored vectors of this model"):
        VectorStore(path, "another").find(KEYS)
    path.write_bytes(b"something else entirely " * 20)
    with pytest.raises(RunFolderError):
        VectorStore(path, "owner").add(KEYS[:1], VECTORS[:1])
    assert path.read_bytes() == b"something else entirely " * 20
    path.write_bytes(before)
    assert held(path).sum() == 50
    with pytest.raises(RunFolderError, match="cannot be read"):
        VectorStore(tmp_path, "owner").open()


def test_a_full_disk_leaves_whole_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "x", 50)
    write = os.pwrite

    def full(file: int, data: Any, offset: int) -> int:
        if offset > 64 + 50 * RECORD:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:100], offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(RunFolderError, match="No space left"):
        store.add(KEYS[50:60], VECTORS[50:60])
    monkeypatch.undo()
    store.add(KEYS[60:70], VECTORS[60:70])
    store.close()
    assert np.flatnonzero(held(tmp_path / "x")).tolist() == [*range(50), *range(60, 70)]


def test_vectors_of_another_length_are_not_mixed_in(tmp_path: Path) -> None:
    store = filled(tmp_path / "x", 50)
    with pytest.raises(InternalError):
        store.add(KEYS[:2], np.ones((2, 5), np.float32))
    with pytest.raises(InternalError):
        store.add(KEYS[:2], np.ones((1, 6), np.float32))
    store.close()


def test_a_file_is_open_in_one_place(tmp_path: Path) -> None:
    store = filled(tmp_path / "x", 50)
    with pytest.raises(RunFolderError, match="in use by another run"):
        VectorStore(tmp_path / "x", "owner").open()
    store.close()
    assert held(tmp_path / "x").sum() == 50
