"""Counts the tokens of texts by any number of tokenizers: how many, of which kinds, and at what cost."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.config import Recipe, load_recipe
from belle_data.engine.local import use_threads
from belle_data.engine.progress import Silent
from belle_data.errors import UsageError
from belle_data.language_model.text_files import is_text_name
from belle_data.vocab.distribution import Distribution
from belle_data.vocab.text_blocks import MeasuredTexts
from belle_data.vocab.text_lines import TextLines, bad_lines_text
from belle_data.vocab.token_kinds import BYTE, DIGITS, SPACES, UNKNOWN
from belle_data.vocab.tokenizers import load_tokenizers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from belle_data.engine.progress import Listener
    from belle_data.page.input_rows import Inputs, InputSummary
    from belle_data.vocab.tokenizers import Described, Tokenizer

    Measured = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]

UNITS = ("line", "row", "turn")
CONTEXT = 2048
"""Tokens of the context that lengths are compared with, unless another number is given: LLaMA's."""
PERCENTILES = (5, 50, 90, 99)
KINDS = {"byte_fallback": BYTE, "unknown": UNKNOWN, "digits": DIGITS, "spaces": SPACES}
"""Kinds of tokens whose share is given, by their names."""
_AHEAD = 2
"""Batches that are encoded at once beyond one for each thread, so that none of these waits for the next."""


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """What one tokenizer makes of the texts.

    Attributes:
        described: Which tokenizer.
        encoder: Who encoded: ``belle``, or the name of a library.
        tokens: Tokens of all texts.
        distribution: How many units have how many tokens.
        kinds: How many tokens are of each of `KINDS`.
        used: Ids that occur.
    """

    described: Described
    encoder: str
    tokens: int
    distribution: Distribution
    kinds: dict[str, int]
    used: int


@dataclass(frozen=True, slots=True)
class TokenStatistics:
    """What `tokens` found.

    Attributes:
        by: What is counted: ``line``, ``row`` or ``turn``.
        context: Tokens of the context that lengths are compared with.
        source: What was read: files of text, or rows.
        units: Lines, rows or turns.
        empty: How many of them hold no character; they count.
        characters: Characters of all, line ends not counted.
        bytes: Bytes of the same in UTF-8.
        tokenizers: What each tokenizer makes of them, in the order in which they were given.
    """

    by: str
    context: int
    source: TextLines | InputSummary
    units: int
    empty: int
    characters: int
    bytes: int
    tokenizers: tuple[TokenCounts, ...]

    def ratio(self, counts: TokenCounts) -> float | None:
        """Tokens of a tokenizer, as a multiple of those of the first; None if the first has none."""
        first = self.tokenizers[0].tokens
        return counts.tokens / first if first else None

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON knows them: shares from 0 to 1, None for what cannot be computed."""
        return {
            **_source_dict(self.source),
            "by": self.by,
            f"{self.by}s": self.units,
            "empty": self.empty,
            "characters": self.characters,
            "bytes": self.bytes,
            "special_tokens_added": False,
            "tokenizers": [self._tokenizer(one) for one in self.tokenizers],
        }

    def _tokenizer(self, counts: TokenCounts) -> dict[str, Any]:
        described, distribution = counts.described, counts.distribution
        over, cut = distribution.above(self.context)
        return {
            "name": described.name,
            "path": described.path,
            "sha256": described.sha256,
            "kind": described.kind,
            "encoder": counts.encoder,
            "size": described.size,
            "tokens": counts.tokens,
            f"{self.by}s": self.units,
            f"tokens_per_{self.by}": counts.tokens / self.units,
            "tokens_per_character": per(counts.tokens, self.characters),
            "tokens_per_byte": per(counts.tokens, self.bytes),
            "characters_per_token": per(self.characters, counts.tokens),
            "ratio_to_first": self.ratio(counts),
            "min": distribution.least,
            "percentiles": {str(one): distribution.percentile(one) for one in PERCENTILES},
            "max": distribution.most,
            "histogram": [
                {"from": low, "to": high, f"{self.by}s": count} for low, high, count in distribution.classes()
            ],
            **{name: {"tokens": count, "share": per(count, counts.tokens)} for name, count in counts.kinds.items()},
            "vocabulary_used": {"ids": counts.used, "share": counts.used / described.size},
            "context": {
                "tokens": self.context,
                f"{self.by}s_over": over,
                "share_over": over / self.units,
                "mean_share": counts.tokens / self.units / self.context,
                "tokens_cut": cut,
            },
        }


def per(part: float, whole: float) -> float | None:
    """A quotient, None where there is nothing to divide by."""
    return part / whole if whole else None


def tokens(
    inputs: Inputs,
    tokenizers: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    by: str | None = None,
    context: int = CONTEXT,
    pattern: str | None = None,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    threads: int | None = None,
    listener: Listener | None = None,
) -> TokenStatistics:
    """Count the tokens of texts by tokenizers: the benchmark of section 5 of the BELLE paper.

    No special tokens are added, and no template: a row has the tokens of its turns, each cut by itself. Nothing is
    written. The result does not depend on the number of threads.

    Args:
        inputs: Either files of plain text (.txt, also .txt.gz and .txt.zst), or rows as for `clean`.
        tokenizers: Each ``PATH`` or ``NAME=PATH``, as `belle_data.vocab.tokenizers.load_tokenizers` takes them.
        by: What is counted: ``line``, ``row`` or ``turn``; without it lines of text and rows of data. A line of data is
            a line of a turn.
        context: Tokens of a context, with which lengths are compared, from 1.
        pattern: How tiktoken files are cut into words, if their names do not tell.
        recipe: A recipe, or the path of one: its table `input` counts.
        threads: Threads to use; one per processor without it.
        listener: Is told about the progress.

    Raises:
        UsageError: An input or tokenizer names nothing, a setting is wrong, or a package is not installed.
        RecipeError: The recipe has mistakes.
        SourceError: A file cannot be read, holds nothing, is no tokenizer, or too many lines are bad.
        KeyboardInterrupt: The user pressed Ctrl-C.

    Example:
        >>> from belle_data import tokens
        >>> tokens("zh.txt", ["llama.model", "merged"]).to_dict()["tokenizers"][1]["ratio_to_first"]  # doctest: +SKIP
    """
    names = [os.fspath(name) for name in ([inputs] if isinstance(inputs, str | os.PathLike) else inputs)]
    given = [tokenizers] if isinstance(tokenizers, str | os.PathLike) else list(tokenizers)
    of_text = texts_or_rows(names)
    by = by or ("line" if of_text else "row")
    _check(by, context, of_text=of_text)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(None if recipe is None else os.fspath(recipe))
    listener = listener or Silent()
    used_threads = use_threads(threads)
    loaded = load_tokenizers([os.fspath(one) for one in given], pattern)
    counting = _Counting(loaded, used_threads)
    source: TextLines | InputSummary
    if of_text:
        source = TextLines(names, recipe.input, used_threads)
        counting.count_lines(source, listener)
    else:
        from belle_data.page.input_rows import read_rows  # noqa: PLC0415 - loads the pages' modules

        takes = {"row": counting.take_rows, "turn": counting.take_turns, "line": counting.take_lines}
        _, source = read_rows([*names], recipe, [takes[by]], threads, listener)
    return counting.result(by, context, source)


def texts_or_rows(names: Sequence[str]) -> bool:
    """Tell whether inputs are files of text, by their names.

    Raises:
        UsageError: Some are and some are not, or none is named.
    """
    kinds = {is_text_name(name) for name in names}
    if len(kinds) != 1:
        hint = "name .txt files or rows, not both"
        raise UsageError(
            "no input is named" if not names else "files of text and of rows do not go together", hint=hint
        )
    return kinds.pop()


def _check(by: str, context: int, *, of_text: bool) -> None:
    if by not in UNITS:
        raise UsageError("unknown unit", value=by, hint=f"known are {', '.join(UNITS)}")
    if of_text and by != "line":
        raise UsageError(f"files of text have lines, no {by}s", hint="leave out --by, or name rows")
    if context < 1:
        raise UsageError("the context must have at least 1 token", value=context)


class _Counting:
    """Adds up what tokenizers make of batches of texts."""

    def __init__(self, tokenizers: Sequence[Tokenizer], threads: int) -> None:
        import numpy as np  # noqa: PLC0415

        self._tokenizers, self._threads = tokenizers, threads
        self._distributions = [Distribution() for _ in tokenizers]
        self._occurrences = [np.zeros(len(one.kinds), np.uint64) for one in tokenizers]
        self._units = self._empty = self._characters = self._bytes = 0

    def count_lines(self, source: TextLines, listener: Listener) -> None:
        """Count the lines of text files; with several threads, some batches at once."""
        batches = source.batches(listener, "count tokens")
        if self._threads == 1:
            for batch in batches:
                self._take(batch, None)
        else:
            self._take_together(batches)
        listener.end(f"{self._units:,} lines")
        note = bad_lines_text(source)
        if note:
            listener.message(note)

    def _take_together(self, batches: Iterator[MeasuredTexts]) -> None:
        """Count texts, some batches at once if the tokenizers can: no thread waits for the last one of a batch."""
        together = self._threads + _AHEAD if all(one.takes_many for one in self._tokenizers) else 1
        with ThreadPoolExecutor(together, thread_name_prefix="belle-count") as pool:
            waiting: deque[tuple[MeasuredTexts, Future[list[Measured]]]] = deque()
            try:
                for batch in batches:
                    waiting.append((batch, pool.submit(self._measure, batch)))
                    if len(waiting) > together:
                        done, measured = waiting.popleft()
                        self._add(done, measured.result(), None)
                for done, measured in waiting:
                    self._add(done, measured.result(), None)
            finally:
                pool.shutdown(cancel_futures=True)

    def take_rows(self, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch: a row has the tokens of its turns."""
        import pyarrow.compute as pc  # noqa: PLC0415

        self._take(MeasuredTexts(_texts(batch)), pc.list_value_length(batch["turns"]).to_numpy())

    def take_turns(self, batch: pa.RecordBatch) -> None:
        """Count the turns of a batch."""
        self._take(MeasuredTexts(_texts(batch)), None)

    def take_lines(self, batch: pa.RecordBatch) -> None:
        """Count the lines of the turns of a batch."""
        import pyarrow.compute as pc  # noqa: PLC0415

        self._take(MeasuredTexts(pc.split_pattern(_texts(batch), "\n").flatten()), None)

    def _take(self, batch: MeasuredTexts, turns: npt.NDArray[np.int32] | None) -> None:
        """Count texts, `turns` of which make a unit each; every text is a unit without it."""
        self._add(batch, self._measure(batch), turns)

    def _measure(self, batch: MeasuredTexts) -> list[Measured]:
        """What each tokenizer makes of texts."""
        return [tokenizer.measure(batch.texts, self._threads) for tokenizer in self._tokenizers]

    def _add(self, batch: MeasuredTexts, measured: list[Measured], turns: npt.NDArray[np.int32] | None) -> None:
        """Add up what was measured."""
        import numpy as np  # noqa: PLC0415

        row = None if turns is None else np.repeat(np.arange(len(turns)), turns)
        sizes = _summed(batch.sizes, row, turns)
        self._units += len(sizes)
        self._empty += int(np.count_nonzero(sizes == 0))
        self._characters += batch.characters
        self._bytes += batch.bytes
        for (counts, often), distribution, occurrences in zip(
            measured, self._distributions, self._occurrences, strict=True
        ):
            distribution.add(_summed(counts, row, turns))
            np.add(occurrences, often, out=occurrences)

    def result(self, by: str, context: int, source: TextLines | InputSummary) -> TokenStatistics:
        """What was counted."""
        found = []
        for tokenizer, distribution, occurrences in zip(
            self._tokenizers, self._distributions, self._occurrences, strict=True
        ):
            kinds = {name: int(occurrences[tokenizer.kinds == kind].sum()) for name, kind in KINDS.items()}
            used = int((occurrences > 0).sum())
            all_tokens = int(occurrences.sum())
            found.append(TokenCounts(tokenizer.described, tokenizer.encoder, all_tokens, distribution, kinds, used))
        return TokenStatistics(
            by, context, source, self._units, self._empty, self._characters, self._bytes, tuple(found)
        )


def _texts(batch: pa.RecordBatch) -> Any:
    return batch["turns"].flatten().field("text")


def _summed(values: Any, row: Any, turns: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    return values if row is None else np.bincount(row, values, len(turns)).astype(np.int64)


def _source_dict(source: TextLines | InputSummary) -> dict[str, Any]:
    if not isinstance(source, TextLines):
        return source.to_dict()
    return {
        "inputs": [
            {"name": file.name, "size": file.size, "lines": file.lines, "rejected": file.bad} for file in source.files
        ],
        "rejected": source.bad,
        "bad_lines": [
            {"file": one.file, "line": one.line, "byte": one.byte, "reason": one.reason} for one in source.bad_lines
        ],
    }
