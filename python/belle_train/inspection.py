"""What `sft` would learn of rows: their pieces, and the counts that preparing them gives. Needs no torch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.errors import RunFolderError, UsageError
from belle_data.temporary import temporary_folder
from belle_train.prepare_rows import prepare_conversations
from belle_train.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from belle_data.engine.progress import Listener
    from belle_train.prepare_rows import SeenRow
    from belle_train.prepared import Prepared
    from belle_train.recipe import DataConfig

PERCENTILES = (5, 50, 95)


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row that is shown.

    Attributes:
        source: Its data set.
        row: Its place in it, from 0.
        id: Its id.
        reason: Why it is left out; None if it is not.
        pieces: As the vocabulary writes them, cut to the longest sequence; empty if the row was not cut into pieces.
        learned: For each, whether it is learned.
        cut: Pieces that are cut off.
    """

    source: str
    row: int
    id: str | None
    reason: str | None
    pieces: list[str]
    learned: list[bool]
    cut: int

    def stretches(self) -> list[tuple[bool, list[str]]]:
        """Pieces that follow each other and are learned alike."""
        pairs = zip(self.learned, self.pieces, strict=True)
        return [(learned, [piece for _, piece in group]) for learned, group in groupby(pairs, key=lambda pair: pair[0])]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        names = ("source", "row", "id", "reason", "pieces", "learned", "cut")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Inspection:
    """What was found.

    Attributes:
        tokenizer: Its folder, as it was named.
        config: The settings.
        prepared: The counts.
        lengths: Pieces of each conversation before anything was cut off, rising; also of those that were left out
            after they were cut into pieces.
        rows: Those that are shown, by data set and place.
    """

    tokenizer: str
    config: DataConfig
    prepared: Prepared
    lengths: NDArray[np.int64]
    rows: list[ShownRow] = field(default_factory=list)

    @property
    def filling(self) -> float:
        """Pieces of the sequences, as a share of those for which they have room."""
        return self.prepared.tokens / (self.prepared.sequences * self.config.max_length)

    @property
    def learned_share(self) -> float:
        """Learned pieces, as a share of all of the sequences."""
        return self.prepared.learned_tokens / self.prepared.tokens

    def percentiles(self) -> dict[int, int]:
        """Lengths that so many in a hundred conversations do not exceed, each that of a conversation."""
        last = len(self.lengths) - 1
        return {one: int(self.lengths[min(last, -(-one * len(self.lengths) // 100) - 1)]) for one in PERCENTILES}

    def classes(self) -> list[tuple[int, int, int]]:
        """First and last length of each class, from one power of two to the next, and how many are in it."""
        borders = [1 << power for power in range(int(self.lengths[-1]).bit_length() + 1)]
        places = np.searchsorted(self.lengths, borders)
        found = [
            (low, high - 1, int(end - start))
            for (low, high), (start, end) in zip(pairwise(borders), pairwise(places.tolist()), strict=True)
        ]
        first = next(place for place, one in enumerate(found) if one[2])
        return found[first:]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        return {
            "tokenizer": self.tokenizer,
            "settings": self.config.model_dump(mode="json"),
            "prepared": self.prepared.to_dict(),
            "learned_share": round(self.learned_share, 6),
            "filling": round(self.filling, 6),
            "lengths": {
                "conversations": len(self.lengths),
                "percentiles": {str(one): length for one, length in self.percentiles().items()},
                "most": int(self.lengths[-1]),
                "classes": [{"from": low, "to": high, "conversations": count} for low, high, count in self.classes()],
            },
            "rows": [row.to_dict() for row in self.rows],
        }


def inspect_rows(
    inputs: Sequence[str],
    sources: Sequence[str],
    tokenizer_folder: str,
    config: DataConfig,
    listener: Listener,
    *,
    first: int = 3,
    ids: Sequence[str] = (),
    limit: int | None = None,
) -> Inspection:
    """Prepare rows as `sft` does, into a folder that goes again, and keep what is to be shown.

    Args:
        inputs: Files, folders, globs of rows; the shards of a run, for example.
        sources: ``NAME=PATH`` for the names of a mixture.
        tokenizer_folder: Has the tokenizer and its chat template.
        config: Length, packing, share held out, mixture.
        listener: Is told about the progress.
        first: So many rows of each data set are shown, if `ids` is empty.
        ids: The rows that are shown.
        limit: Only so many rows of each input.

    Raises:
        UsageError: The inputs and the mixture do not go together, or there is no row of an id.
        SourceError: Rows, tokenizer or template cannot be used, or no row is left.
        RunFolderError: There is no room for temporary files.
    """
    wanted, order = frozenset(ids), Counter[str]()
    chosen: list[SeenRow] = []
    lengths: list[int] = []

    def see(row: SeenRow) -> None:
        order.setdefault(row.source, len(order))
        if row.length:
            lengths.append(row.length)
        if row.id in wanted if wanted else row.number < first:
            chosen.append(row)

    try:
        with temporary_folder("belle-") as folder:
            out = Path(folder) / "prepared"
            prepared = prepare_conversations(inputs, sources, tokenizer_folder, config, out, listener, limit, see)
    except OSError as error:
        hint = "TMPDIR names another place for temporary files"
        raise RunFolderError(f"temporary files cannot be written ({error.strerror or error})", hint=hint) from None
    missing = sorted(wanted - {row.id for row in chosen if row.id is not None})
    if missing:
        hint = "without --row the first rows are shown, with their ids"
        raise UsageError("there is no row with this id", value=missing[0], hint=hint)
    tokenizer = load_tokenizer(tokenizer_folder)
    chosen.sort(key=lambda row: (order[row.source], row.number))
    rows = [_shown(row, tokenizer) for row in chosen]
    return Inspection(tokenizer_folder, config, prepared, np.sort(np.array(lengths, np.int64)), rows)


def _shown(row: SeenRow, tokenizer: Any) -> ShownRow:
    if row.pieces is None or row.learned is None:
        return ShownRow(row.source, row.number, row.id, row.reason, [], [], 0)
    pieces = [str(piece) for piece in tokenizer.convert_ids_to_tokens(row.pieces.tolist())]
    cut = row.length - len(pieces)
    return ShownRow(row.source, row.number, row.id, row.reason, pieces, row.learned.tolist(), cut)
