"""The prompts of the input: which ones there are, and a sample of them that does not depend on their order."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from belle_data.engine.corpus import open_sources, read_corpus
from belle_data.engine.local import sources_of
from belle_data.engine.run_folder import RunFolder
from belle_data.errors import SourceError
from belle_data.stages.normalise import Normalise
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from belle_data.config import Recipe
    from belle_data.engine.progress import Listener

_NOT_ASKED = ("assistant", "text")
"""Roles whose turns are no part of a prompt."""
_BLANKS = " \t\n\x0c\r"
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True, order=True)
class Prompt:
    """All that the model is given before it answers, and where in it the user's last turn is.

    Attributes:
        text: The turns that are not the model's, each without white space at its ends, joined by line feeds.
        start: Where the user's last turn begins in `text`; 0 where no turn is a user's.
        end: Where it ends; 0 where no turn is a user's.
    """

    text: str
    start: int
    end: int

    @classmethod
    def of_text(cls, text: str) -> Prompt:
        """A prompt of a single turn."""
        return cls(text, 0, len(text))

    @property
    def asked(self) -> str:
        """The user's last turn."""
        return self.text[self.start : self.end]

    @property
    def instruction(self) -> str:
        """The first line of the user's last turn: what is asked, where an input follows it."""
        return self.asked.partition("\n")[0].strip(_BLANKS)

    def with_asked(self, asked: str) -> Prompt:
        """The same prompt with another last turn of the user."""
        return Prompt(self.text[: self.start] + asked + self.text[self.end :], self.start, self.start + len(asked))


@dataclass(frozen=True, slots=True)
class Sample:
    """Distinct prompts, in the order of the hash of their text.

    Attributes:
        prompts: The prompts.
        rows: ``int64 [prompts]``, the first row that each stands on, counted from 0 over all inputs.
        rows_read: Rows of the input.
        empty: Rows without a prompt.
        distinct: Distinct prompts of the input, those that were not sampled too.
    """

    prompts: list[Prompt]
    rows: npt.NDArray[np.int64]
    rows_read: int
    empty: int
    distinct: int


def read_sample(names: Sequence[str], recipe: Recipe, most: int, listener: Listener) -> Sample:
    """Read the input as `clean` does and sample at most so many distinct prompts.

    Raises:
        UsageError: An input names nothing.
        SourceError: An input cannot be read, holds no row, or too many bad lines.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    sources = sources_of(names, recipe.input.dataset_info)
    sampler = Sampler(most)
    normalise = Normalise(recipe.normalise) if "normalise" in recipe.stages else None
    with temporary_folder("belle-calibrate-") as work:
        folder = RunFolder(Path(work) / "run")
        opened = open_sources(sources, recipe, folder, listener)
        try:
            read_corpus(opened, recipe, folder, normalise, [sampler.scan], listener)
        except SourceError as error:
            # The list of bad lines goes with the folder; `clean` leaves one that stays.
            where = str(folder.path / "rejected" / "rejected.jsonl")
            if error.hint and where in error.hint:
                error.hint = error.hint.replace(where, "rejected/ in the run folder of clean, which lists them")
            raise
    return sampler.sample()


class Sampler:
    """Keeps the prompts with the smallest hashes, whatever the order in which rows come.

    Args:
        most: How many to keep.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[int, tuple[Prompt, int]] = {}
        self._bound = 1 << (8 * _DIGEST_BYTES)
        self._digests: list[npt.NDArray[np.uint64]] = []
        self._rows = self._empty = 0

    def scan(self, batch: pa.RecordBatch) -> None:
        """Look at the prompts of a batch with the columns ``row`` and ``turns``."""
        self._rows += batch.num_rows
        digests = []
        turns = batch["turns"]
        for at, text in enumerate(prompts_of(turns).to_pylist()):
            if not text:
                self._empty += 1
                continue
            digest = digest_of(text)
            digests.append(digest)
            if digest < self._bound:
                prompt, row = prompt_of(turns[at].as_py()), batch["row"][at].as_py()
                before = self._kept.get(digest)
                # The same text may be cut into turns in several ways; which row comes first must not choose.
                self._kept[digest] = (min(before[0], prompt), min(before[1], row)) if before else (prompt, row)
        self._digests.append(np.unique(np.array(digests, dtype=np.uint64)))
        if len(self._kept) > 2 * self._most:
            self._prune()

    def sample(self) -> Sample:
        """What was found so far."""
        self._prune()
        chosen = [self._kept[digest] for digest in sorted(self._kept)]
        distinct = np.unique(np.concatenate(self._digests)) if self._digests else ()
        return Sample(
            prompts=[prompt for prompt, _ in chosen],
            rows=np.array([row for _, row in chosen], dtype=np.int64),
            rows_read=self._rows,
            empty=self._empty,
            distinct=len(distinct),
        )

    def _prune(self) -> None:
        smallest = sorted(self._kept)[: self._most]
        if len(smallest) == self._most:
            self._bound = smallest[-1] + 1
        self._kept = {digest: self._kept[digest] for digest in smallest}


def digest_of(text: str) -> int:
    """A hash of a text with 64 bits, the same in every process and on every machine."""
    content = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=_DIGEST_BYTES).digest(), "big")


def prompts_of(turns: Any) -> pa.Array:
    """The prompt of every row: the turns that are not the model's, each without white space at its ends, in lines.

    Args:
        turns: Lists of structs of ``role`` and ``text``.

    Returns:
        ``large_string [rows]``; empty for a row that asks nothing.
    """
    flat = turns.flatten()
    text = pc.utf8_trim(flat.field("text").cast(pa.large_string()), characters=_BLANKS)
    role = flat.field("role").cast(pa.string())
    asked = pc.and_(pc.invert(pc.is_in(role, value_set=pa.array(_NOT_ASKED))), pc.not_equal(text, ""))
    counts = np.zeros(len(flat) + 1, dtype=np.int64)
    np.cumsum(asked.to_numpy(zero_copy_only=False), out=counts[1:])
    ends = turns.offsets.to_numpy().astype(np.int64)
    offsets = pa.array(counts[ends - ends[0]], pa.int64())
    lists = pa.LargeListArray.from_arrays(offsets, text.filter(asked))
    return cast("pa.Array", pc.binary_join(lists, pa.scalar("\n", pa.large_string())))


def prompt_of(turns: list[dict[str, str]]) -> Prompt:
    """The prompt of one row."""
    text, start, end = "", 0, 0
    for turn in turns:
        piece = turn["text"].strip(_BLANKS)
        if turn["role"] in _NOT_ASKED or not piece:
            continue
        text += "\n" if text else ""
        if turn["role"] == "user":
            start, end = len(text), len(text) + len(piece)
        text += piece
    return Prompt(text, start, end)
