"""How varied the words of instruction data are: the most frequent ones, and measures over all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.engine.progress import Silent, polled
from belle_data.errors import UsageError
from belle_data.page.bilingual import Both
from belle_data.page.input_rows import read_rows
from belle_data.page.render import share
from belle_data.page.wording import MEASURES
from belle_data.report.text_statistics import ranks_of

if TYPE_CHECKING:
    import os

    from belle_data import _native
    from belle_data.config import Recipe
    from belle_data.engine.progress import Listener
    from belle_data.page.input_rows import Inputs, InputSummary

COUNT = 100
"""Most frequent words that are given, unless another number is asked for."""
MEASURE_NAMES = {
    "words": Both("content words", "实词数"),
    **dict(MEASURES),
    "pairs": Both("pairs of neighbouring words", "相邻词对数"),
    "kinds_entropy": Both("entropy of kinds, bits", "任务类型的熵，比特"),
}
"""The measures, in the order in which they are shown, and what each is."""


@dataclass(frozen=True, slots=True)
class WordCounts:
    """The content words of rows.

    Attributes:
        measures: By the names of `MEASURE_NAMES`, as `belle_data._native.Words.measure` gives them: entropies in bits,
            shares and distinct-2 from 0 to 1, the rest counts; None for what cannot be computed, such as the entropy
            of no words.
        top: The most frequent words with their counts, the most frequent first.
        ranks: Ranks from 1 on, each about as many times the one before, with the count of the word at each.
    """

    measures: dict[str, Any]
    top: tuple[tuple[str, int], ...]
    ranks: tuple[tuple[int, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON knows them."""
        words = self.measures["words"]
        return {
            **self.measures,
            "top_words": [{"word": word, "count": count, "share": count / words} for word, count in self.top],
            "ranks": [list(point) for point in self.ranks],
        }


@dataclass(frozen=True, slots=True)
class WordStatistics:
    """What `words` found: what was read, and the words of its rows."""

    summary: InputSummary
    words: WordCounts

    def to_dict(self) -> dict[str, Any]:
        """The statistics as JSON knows them."""
        return {**self.summary.to_dict(), **self.words.to_dict()}


def words(
    inputs: Inputs,
    *,
    count: int = COUNT,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    threads: int | None = None,
    listener: Listener | None = None,
) -> WordStatistics:
    """Count and measure the content words of instruction data.

    Content words are those of prompts and answers without function words, numbers, marks and single letters; letters
    are in lower case. Nothing is written. The result does not depend on the number of threads.

    Args:
        inputs: Files, folders, globs or URLs as for `clean`.
        count: Most frequent words that are given, from 0.
        recipe: A recipe, or the path of one: its table `input` counts.
        threads: Threads to use; one per processor without it.
        listener: Is told about the progress.

    Returns:
        The statistics. Rows without a content word give counts of 0, and None for what cannot be computed.

    Raises:
        UsageError: An input names nothing, or a number is out of range.
        RecipeError: The recipe has mistakes.
        SourceError: A file cannot be read, or holds no row, or too many bad lines.
        KeyboardInterrupt: The user pressed Ctrl-C.

    Example:
        >>> from belle_data import words
        >>> words("raw.jsonl").words.top[:3]  # doctest: +SKIP
    """
    _check(count)
    listener = listener or Silent()
    corpus, summary = read_rows(inputs, recipe, [], threads, listener)
    return WordStatistics(summary, count_words(corpus, count, listener))


def _check(count: int) -> None:
    if count < 0:
        raise UsageError("the number of words must be a whole number from 0", value=count)


def count_words(corpus: _native.Corpus, count: int, listener: Listener) -> WordCounts:
    """Count the content words of all rows, and give the `count` most frequent ones.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
    import pyarrow as pa  # noqa: PLC0415 - a wrong path must be told before it is loaded

    from belle_data import _native  # noqa: PLC0415

    # It tells how far the reading is, and chooses nothing.
    steps = _native.Diversity(prompt_weight=1.0)
    listener.begin("words", 0, "steps")
    with polled(listener, steps.progress):
        read = _native.Words.read(corpus, None, steps)
        measures = read.measure()
    top = pa.record_batch(read.top(measures["distinct_words"]))
    listener.end(f"{measures['words']:,} words")
    first, counts = top.slice(0, count), top["count"]
    return WordCounts(
        {name: measures[name] for name in MEASURE_NAMES},
        tuple(zip(first["word"].to_pylist(), first["count"].to_pylist(), strict=True)),
        tuple((rank, counts[rank - 1].as_py()) for rank in ranks_of(len(counts))),
    )


def measure_text(name: str, value: float | None) -> str:
    """A measure as it is shown: a share in percent, a dash for what cannot be computed."""
    if value is None:
        return "–"
    if name.endswith("_share"):
        return share(value, 1)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
