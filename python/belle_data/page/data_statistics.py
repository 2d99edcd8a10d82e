"""What instruction data is like: lengths, turns, languages, words, and categories where rows say theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.engine.progress import Silent
from belle_data.page.input_rows import read_rows
from belle_data.page.word_statistics import COUNT, count_words
from belle_data.report.text_statistics import LENGTH_BORDERS

if TYPE_CHECKING:
    import os

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from belle_data import _native
    from belle_data.config import Recipe
    from belle_data.engine.progress import Listener
    from belle_data.page.categories import Categories
    from belle_data.page.input_rows import Inputs, InputSummary
    from belle_data.page.word_statistics import WordCounts

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
_BLANKS = " \t\n\x0c\r"
"""White space that does not count at the ends of a turn."""
_ANSWER, _TEXT = "assistant", "text"


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the texts of rows are, in characters.

    Attributes:
        rows: How many rows there are.
        empty: How many of them have no such text, or an empty one; they count with length 0.
        total: Characters of all.
        mean: The arithmetic mean.
        least: The shortest.
        percentiles: For each of `PERCENTILES` the length of the row that has so many percent of the others before it in
            the order of lengths, rounded down; 50 is the median, 25 and 75 are the quartiles.
        most: The longest.
        classes: Rows with a length from each of `belle_data.report.text_statistics.LENGTH_BORDERS` up to the next.
    """

    rows: int
    empty: int
    total: int
    mean: float
    least: int
    percentiles: dict[int, int]
    most: int
    classes: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """The lengths as JSON knows them."""
        return {
            "rows": self.rows,
            "empty": self.empty,
            "total": self.total,
            "mean": self.mean,
            "min": self.least,
            "percentiles": {str(one): value for one, value in self.percentiles.items()},
            "max": self.most,
            "classes": list(self.classes),
        }


@dataclass(frozen=True, slots=True)
class Category:
    """The rows of one category."""

    name: str
    rows: int
    prompt: Lengths
    output: Lengths


@dataclass(frozen=True, slots=True)
class CategoryShares:
    """The categories of rows.

    Attributes:
        field: The key of a row that says its category.
        without: Rows that say none.
        categories: All categories, that with the most rows first, equal ones by name.
    """

    field: str
    without: int
    categories: tuple[Category, ...]


@dataclass(frozen=True, slots=True)
class DataStatistics:
    """What `stats` found.

    Attributes:
        summary: What was read.
        prompt: Lengths of prompts: all turns of a row that are not the model's.
        output: Lengths of answers: the model's turns of a row.
        text: Lengths of texts that nobody speaks, of the rows that have one; None if none has.
        turns: Rows by the number of their turns, ascending.
        languages: Rows by language, the most frequent first, equal ones in the order of
            `belle_data._native.language_names`.
        words: The content words.
        categories: None if no field of the rows says them.
    """

    summary: InputSummary
    prompt: Lengths
    output: Lengths
    text: Lengths | None
    turns: dict[int, int]
    languages: dict[str, int]
    words: WordCounts
    categories: CategoryShares | None

    @property
    def characters(self) -> int:
        """Characters of all prompts, answers and texts that nobody speaks."""
        return self.prompt.total + self.output.total + (0 if self.text is None else self.text.total)

    @property
    def mean_turns(self) -> float:
        """The mean number of turns."""
        return sum(turns * rows for turns, rows in self.turns.items()) / self.summary.rows

    def to_dict(self) -> dict[str, Any]:
        """The statistics as JSON knows them: shares from 0 to 1, lengths in characters."""
        rows = self.summary.rows
        return {
            **self.summary.to_dict(),
            "characters": self.characters,
            "length_borders": list(LENGTH_BORDERS),
            "prompt": self.prompt.to_dict(),
            "output": self.output.to_dict(),
            "text": None if self.text is None else self.text.to_dict(),
            "turns": {"mean": self.mean_turns, "rows": {str(turns): count for turns, count in self.turns.items()}},
            "languages": {name: {"rows": count, "share": count / rows} for name, count in self.languages.items()},
            "words": self.words.to_dict(),
            "categories": None if self.categories is None else self._categories(self.categories),
        }

    def _categories(self, shares: CategoryShares) -> dict[str, Any]:
        return {
            "field": shares.field,
            "without": shares.without,
            "categories": [
                {
                    "name": one.name,
                    "rows": one.rows,
                    "share": one.rows / self.summary.rows,
                    "prompt": one.prompt.to_dict(),
                    "output": one.output.to_dict(),
                }
                for one in shares.categories
            ],
        }


def stats(
    inputs: Inputs,
    *,
    category_field: str | None = None,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    threads: int | None = None,
    listener: Listener | None = None,
) -> DataStatistics:
    """Measure instruction data: lengths, turns, languages, words and categories.

    Nothing is written. The result does not depend on the number of threads.

    Args:
        inputs: Files, folders, globs or URLs as for `clean`.
        category_field: The key of a row that says its category; without it ``category``, ``class`` or ``type``, if some
            of the first rows of a file have it.
        recipe: A recipe, or the path of one: its table `input` counts.
        threads: Threads to use; one per processor without it.
        listener: Is told about the progress.

    Returns:
        The statistics, of at least one row: input without one is an error.

    Raises:
        UsageError: An input names nothing, the number of threads is wrong, or the field is no category.
        RecipeError: The recipe has mistakes.
        SourceError: A file cannot be read, or holds no row, or too many bad lines.
        KeyboardInterrupt: The user pressed Ctrl-C.

    Example:
        >>> from belle_data import stats
        >>> stats("raw.jsonl").prompt.percentiles[50]  # doctest: +SKIP
    """
    listener = listener or Silent()
    scan = _Scan()
    corpus, summary = read_rows(inputs, recipe, [scan.take], threads, listener)
    from belle_data.page.categories import read_categories  # noqa: PLC0415 - loads Arrow

    categories = read_categories(corpus, category_field, listener)
    languages = _languages(corpus, listener)
    words = count_words(corpus, COUNT, listener)
    prompts, outputs, texts = (scan.lengths(part) for part in range(3))
    spoken = texts >= 0
    return DataStatistics(
        summary=summary,
        prompt=lengths_of(prompts),
        output=lengths_of(outputs),
        text=lengths_of(texts[spoken]) if spoken.any() else None,
        turns=scan.turns(),
        languages=languages,
        words=words,
        categories=None if categories is None else _shares(categories, prompts, outputs),
    )


class _Scan:
    """Remembers of each row how long its texts are and how many turns it has."""

    def __init__(self) -> None:
        self._lengths: list[npt.NDArray[np.int32]] = []
        self._turns: list[npt.NDArray[np.int64]] = []

    def take(self, batch: pa.RecordBatch) -> None:
        """Measure the rows of a batch."""
        import numpy as np  # noqa: PLC0415 - reading must begin before it is loaded
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        turns = batch["turns"]
        counts = pc.list_value_length(turns).to_numpy()
        flat = turns.flatten()
        length = pc.utf8_length(pc.utf8_trim(flat.field("text"), characters=_BLANKS)).to_numpy().astype(np.int64)
        role = flat.field("role").cast(pa.string())
        answer, text = (pc.equal(role, name).to_numpy(zero_copy_only=False) for name in (_ANSWER, _TEXT))
        row = np.repeat(np.arange(len(counts)), counts)
        lengths = np.empty((3, len(counts)), np.int32)
        for part, spoken in enumerate((~answer & ~text, answer, text)):
            # Turns that are not empty are joined by line feeds: one for each, without the first.
            there = spoken & (length > 0)
            joined = np.bincount(row[there], length[there] + 1, len(counts))
            lengths[part] = np.maximum(joined - 1, 0)
            if part == 2:
                lengths[part, np.bincount(row[spoken], minlength=len(counts)) == 0] = -1
        self._lengths.append(lengths)
        self._turns.append(np.bincount(counts))

    def lengths(self, part: int) -> npt.NDArray[np.int32]:
        """Lengths of prompts, answers (1) or other texts (2, -1 where there is none): ``int32 [rows]``."""
        import numpy as np  # noqa: PLC0415

        return np.concatenate([lengths[part] for lengths in self._lengths])

    def turns(self) -> dict[int, int]:
        """Rows by the number of their turns."""
        found: dict[int, int] = {}
        for counts in self._turns:
            for turns in counts.nonzero()[0].tolist():
                found[turns] = found.get(turns, 0) + int(counts[turns])
        return dict(sorted(found.items()))


def lengths_of(lengths: npt.NDArray[np.int32]) -> Lengths:
    """Summarise lengths, ``int32 [rows]`` in characters, of at least one row."""
    import numpy as np  # noqa: PLC0415

    ascending = np.sort(lengths)
    rows, total = len(ascending), int(ascending.sum(dtype=np.int64))
    starts = np.append(np.searchsorted(ascending, LENGTH_BORDERS), rows)
    return Lengths(
        rows=rows,
        empty=int(np.searchsorted(ascending, 0, side="right")),
        total=total,
        mean=total / rows,
        least=int(ascending[0]),
        # In whole numbers, so that no rounding moves a percentile to the row beside.
        percentiles={one: int(ascending[(rows - 1) * one // 100]) for one in PERCENTILES},
        most=int(ascending[-1]),
        classes=tuple(np.diff(starts).tolist()),
    )


def class_names() -> list[str]:
    """The classes of length as they are shown: ``5–9``, and ``5,000+`` for the last."""
    ends = [f"–{border - 1:,}" for border in LENGTH_BORDERS[1:]]
    return [f"{border:,}{end}" for border, end in zip(LENGTH_BORDERS, [*ends, "+"], strict=True)]


def _languages(corpus: _native.Corpus, listener: Listener) -> dict[str, int]:
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    from belle_data import _native  # noqa: PLC0415

    listener.begin("languages", 0, "steps")
    names = _native.language_names()
    found = pa.record_batch(_native.row_languages(corpus, None))["language"].to_numpy()
    counts = np.bincount(found, minlength=len(names)).tolist()
    listener.end("")
    ordered = sorted(zip(names, counts, strict=True), key=lambda one: -one[1])
    return {name: count for name, count in ordered if count}


def _shares(categories: Categories, prompts: npt.NDArray[np.int32], outputs: npt.NDArray[np.int32]) -> CategoryShares:
    import numpy as np  # noqa: PLC0415

    order = np.argsort(categories.codes, kind="stable")
    borders = np.searchsorted(categories.codes[order], np.arange(len(categories.names) + 1)).tolist()
    found = []
    for place, name in enumerate(categories.names):
        rows = order[borders[place] : borders[place + 1]]
        found.append(Category(name, len(rows), lengths_of(prompts[rows]), lengths_of(outputs[rows])))
    found.sort(key=lambda one: (-one.rows, one.name))
    return CategoryShares(categories.field, borders[0], tuple(found))
