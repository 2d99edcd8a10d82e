"""Conversations put together to sequences of at most one length, and batches of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

IGNORED = -100
"""The label of a piece that is not learned, as in torch's cross-entropy."""


def pack(lengths: Sequence[int] | NDArray[np.integer], capacity: int) -> list[list[int]]:
    """Distribute conversations over sequences by best fit, the longest first (Johnson 1974).

    Args:
        lengths: Pieces of each conversation, each from 1 to `capacity`.
        capacity: Pieces of a sequence at most.

    Returns:
        For each sequence the numbers of its conversations, rising; the sequences by their first number. Each
        conversation is in exactly one. Nothing gives no sequence.

    Raises:
        ValueError: A length is out of its range.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.size and not (sizes.min() >= 1 and sizes.max() <= capacity):
        message = f"lengths must be from 1 to {capacity}"
        raise ValueError(message)
    # Open sequences by the room that they have left; the set bits of `rooms` are those that are not empty.
    open_with: list[list[int]] = [[] for _ in range(capacity + 1)]
    rooms = 0
    sequences: list[list[int]] = []
    for number in np.argsort(-sizes, kind="stable").tolist():
        size = int(sizes[number])
        fitting = rooms >> size
        if fitting:
            room = size + (fitting & -fitting).bit_length() - 1
            place = open_with[room].pop()
            if not open_with[room]:
                rooms ^= 1 << room
            sequences[place].append(number)
        else:
            room, place = capacity, len(sequences)
            sequences.append([number])
        left = room - size
        if left:
            open_with[left].append(place)
            rooms |= 1 << left
    return sorted(sorted(one) for one in sequences)


def training_order(sequences: int, epochs: float, global_batch: int, seed: int) -> NDArray[np.int64]:
    """The order in which sequences are learned, over all epochs.

    Each epoch is a permutation by its own seed. Its last step is filled with −1, which stands for a sequence that
    counts for nothing: so every sequence is seen once an epoch, and a step is the same for any number of processes.

    Args:
        sequences: How many there are, at least 1.
        epochs: May be a fraction: then the last epoch ends early, at a whole step.
        global_batch: Sequences of a step.
        seed: Of the permutations.

    Returns:
        ``int64 [steps × global_batch]``.
    """
    steps_each = -(-sequences // global_batch)
    steps = max(1, round(steps_each * epochs))
    parts = []
    for epoch in range(-(-steps // steps_each)):
        order = np.full(steps_each * global_batch, -1, dtype=np.int64)
        order[:sequences] = np.random.default_rng([seed, epoch]).permutation(sequences)
        parts.append(order)
    return np.concatenate(parts)[: steps * global_batch]


class Collator:
    """Makes a batch of tensors of sequences.

    A batch has ``input_ids``, ``labels`` and ``position_ids``, each ``int64 [sequences, pieces]``, and no mask of the
    attention: positions that begin anew at 0 tell the model where a conversation ends, and what fills a sequence up
    counts as one more conversation of which nothing is learned.

    Args:
        pad: Id of what fills up.
        flat: Give one sequence ``[1, pieces]`` without anything that fills up, for flash attention.
    """

    def __init__(self, pad: int, *, flat: bool = False) -> None:
        self.pad = pad
        self.flat = flat

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Put the rows of a data set, with ``input_ids``, ``labels`` and ``seq_lengths``, into tensors."""
        import torch  # noqa: PLC0415 - seconds

        ids = [np.asarray(row["input_ids"], dtype=np.int64) for row in rows]
        labels = [np.asarray(row["labels"], dtype=np.int64) for row in rows]
        positions = [
            np.concatenate([np.arange(length, dtype=np.int64) for length in row["seq_lengths"]]) for row in rows
        ]
        if self.flat:
            columns = {"input_ids": ids, "labels": labels, "position_ids": positions}
            return {name: torch.from_numpy(np.concatenate(parts))[None] for name, parts in columns.items()}
        longest = max(map(len, ids))
        filled = [np.arange(longest - len(one), dtype=np.int64) for one in ids]
        return {
            "input_ids": torch.from_numpy(np.stack([_filled(one, longest, self.pad) for one in ids])),
            "labels": torch.from_numpy(np.stack([_filled(one, longest, IGNORED) for one in labels])),
            "position_ids": torch.from_numpy(
                np.stack([np.concatenate(pair) for pair in zip(positions, filled, strict=True)])
            ),
        }


def _filled(values: NDArray[np.int64], length: int, value: int) -> NDArray[np.int64]:
    return np.concatenate([values, np.full(length - len(values), value, dtype=np.int64)])
