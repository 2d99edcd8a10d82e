"""Packing beside a slow and obvious best fit, the order of training, and batches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_train.packing import IGNORED, Collator, pack, training_order

if TYPE_CHECKING:
    from pathlib import Path

PAD = 7


@st.composite
def lengths_and_capacity(draw: st.DrawFn) -> tuple[list[int], int]:
    capacity = draw(st.integers(1, 40))
    return draw(st.lists(st.integers(1, capacity), max_size=60)), capacity


def best_fit(lengths: list[int], capacity: int) -> list[list[int]]:
    """The longest first, each into the fullest sequence that has room; of equally full ones that which grew last."""
    sequences: list[list[int]] = []
    grew: list[int] = []
    for turn, number in enumerate(sorted(range(len(lengths)), key=lambda one: (-lengths[one], one))):
        rooms = [capacity - sum(lengths[member] for member in members) for members in sequences]
        fitting = [place for place, room in enumerate(rooms) if room >= lengths[number]]
        if fitting:
            place = min(fitting, key=lambda one: (rooms[one], -grew[one]))
            sequences[place].append(number)
            grew[place] = turn
        else:
            sequences.append([number])
            grew.append(turn)
    return sorted(sorted(members) for members in sequences)


@given(lengths_and_capacity())
def test_packing_is_best_fit(case: tuple[list[int], int]) -> None:
    lengths, capacity = case
    assert pack(lengths, capacity) == best_fit(lengths, capacity)


@given(lengths_and_capacity())
def test_each_conversation_is_in_one_sequence_that_is_not_too_long(case: tuple[list[int], int]) -> None:
    lengths, capacity = case
    packed = pack(np.array(lengths, dtype=np.int32), capacity)
    assert sorted(number for members in packed for number in members) == list(range(len(lengths)))
    assert all(members == sorted(members) for members in packed)
    assert [members[0] for members in packed] == sorted(members[0] for members in packed)
    loads = [sum(lengths[number] for number in members) for members in packed]
    assert all(0 < load <= capacity for load in loads)
    # No two sequences could have been one.
    assert len(loads) < 2 or sum(sorted(loads)[:2]) > capacity


@pytest.mark.parametrize("lengths", [[0], [9], [3, -1], [8, 8, 9]])
def test_lengths_out_of_range_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="from 1 to 8"):
        pack(lengths, 8)


@given(st.integers(1, 50), st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_each_epoch_has_each_sequence_once_and_whole_steps(sequences: int, batch: int, epochs: int, seed: int) -> None:
    order = training_order(sequences, epochs, batch, seed)
    assert order.dtype == np.int64
    each = -(-sequences // batch) * batch
    assert len(order) == each * epochs
    for epoch in order.reshape(epochs, each):
        counts = Counter(epoch.tolist())
        assert counts.pop(-1, 0) == each - sequences
        assert counts == dict.fromkeys(range(sequences), 1)
        # What fills up is in the last step alone.
        assert (epoch[:sequences] >= 0).all()
    assert (order == training_order(sequences, epochs, batch, seed)).all()


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    first, second = training_order(40, 2, 8, 1).reshape(2, 40)
    assert (first != second).any()
    assert (training_order(40, 1, 8, 2) != first).any()


@pytest.mark.parametrize(
    ("epochs", "steps"), [(0.01, 1), (0.5, 2), (0.75, 3), (1.0, 4), (1.25, 5), (2.5, 10), (0.001, 1)]
)
def test_a_fraction_of_epochs_ends_at_a_whole_step(epochs: float, steps: int) -> None:
    whole = training_order(13, 3, 4, 5)
    assert training_order(13, epochs, 4, 5).tolist() == whole[: steps * 4].tolist()


def _rows(groups: list[list[int]]) -> list[dict[str, Any]]:
    """Sequences of conversations of these lengths: ids count up, and every second piece is learned."""
    rows, start = [], 100
    for lengths in groups:
        ids = list(range(start, start + sum(lengths)))
        labels = [one if one % 2 else IGNORED for one in ids]
        rows.append({"input_ids": ids, "labels": labels, "seq_lengths": lengths})
        start += 1000
    return rows


GROUPS = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), min_size=1, max_size=4)


@settings(deadline=None)  # the first call imports torch
@given(GROUPS)
def test_a_batch_has_rows_of_one_length_and_positions_that_begin_anew(groups: list[list[int]]) -> None:
    rows = _rows(groups)
    batch = Collator(PAD)(rows)
    longest = max(map(sum, groups))
    assert set(batch) == {"input_ids", "labels", "position_ids"}
    for tensor in batch.values():
        assert tuple(tensor.shape) == (len(groups), longest)
        assert str(tensor.dtype) == "torch.int64"
    for number, (row, lengths) in enumerate(zip(rows, groups, strict=True)):
        fill = longest - sum(lengths)
        assert batch["input_ids"][number].tolist() == row["input_ids"] + [PAD] * fill
        assert batch["labels"][number].tolist() == row["labels"] + [IGNORED] * fill
        expected = [place for length in [*lengths, fill] for place in range(length)]
        assert batch["position_ids"][number].tolist() == expected


@settings(deadline=None)  # the first call imports torch
@given(GROUPS)
def test_a_flat_batch_is_one_sequence_without_filling(groups: list[list[int]]) -> None:
    rows = _rows(groups)
    batch = Collator(PAD, flat=True)(rows)
    assert batch["input_ids"].tolist() == [[one for row in rows for one in row["input_ids"]]]
    assert batch["labels"].tolist() == [[one for row in rows for one in row["labels"]]]
    lengths = [length for group in groups for length in group]
    assert batch["position_ids"].tolist() == [[place for length in lengths for place in range(length)]]


def test_sequences_that_cannot_be_written_are_an_error_with_the_folder(tmp_path: Path) -> None:
    from belle_data.errors import RunFolderError
    from belle_train.prepared import Prepared, Sequences, write_prepared
    from belle_train.recipe import DataConfig

    (tmp_path / "file").touch()
    sequences = Sequences([np.array([1, 2], np.int32)], [np.array([-100, 2], np.int32)])
    with pytest.raises(RunFolderError, match="the sequences cannot be written") as told:
        write_prepared(tmp_path / "file" / "prepared", Prepared(), sequences, [], DataConfig())
    assert told.value.path == str(tmp_path / "file" / "prepared")
