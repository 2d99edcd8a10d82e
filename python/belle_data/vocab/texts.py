"""Texts that vocabularies are measured on: lines of text files, and the turns of rows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_data.language_model.text_files import is_text_name, lines_of, mapped_text
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from belle_data.engine.progress import Listener

AT_ONCE = 2_000
"""Units that are handed over at once."""
Unit = tuple[str, ...]
"""The texts that belong together: one line, or the turns of a row."""


def each_unit(
    names: Sequence[str], take: Callable[[list[Unit]], None], listener: Listener, limit: int | None = None
) -> str:
    """Hand the texts of files over, at most `AT_ONCE` units at a time.

    Args:
        names: Files of plain text (.txt, also .txt.gz and .txt.zst), whose lines are the units; or data in any format
            that `clean` reads, whose rows are the units.
        take: Is given the units.
        listener: Is told about the progress.
        limit: Only so many units; None for all.

    Returns:
        What a unit is: ``line`` or ``row``.

    Raises:
        UsageError: There is no such file, or files of text and of rows are given.
        SourceError: A file cannot be read.
    """
    kinds = {is_text_name(name) for name in names}
    if len(kinds) != 1:
        raise UsageError("files of text and of rows do not go together", hint="give them names of their own")
    if kinds == {True}:
        with temporary_folder("belle-vocab-") as work:
            _each_line(names, take, Path(work), listener, limit)
        return "line"
    _each_row(names, take, listener, limit)
    return "row"


def _each_line(
    names: Sequence[str], take: Callable[[list[Unit]], None], work: Path, listener: Listener, limit: int | None
) -> None:
    left = limit
    for name in names:
        buffer = mapped_text(name, work, listener)
        listener.begin(f"read {name}", len(buffer), "B")
        block: list[Unit] = []
        done = 0
        for line in lines_of(name, buffer):
            if left is not None:
                if left == 0:
                    break
                left -= 1
            block.append((line,))
            done += len(line.encode("utf-8")) + 1
            if len(block) == AT_ONCE:
                take(block)
                block = []
                listener.update(done)
        if block:
            take(block)
        listener.end("")


def _each_row(names: Sequence[str], take: Callable[[list[Unit]], None], listener: Listener, limit: int | None) -> None:
    from belle_data.config import load_recipe  # noqa: PLC0415 - a tenth of a second
    from belle_data.page.input_rows import read_rows  # noqa: PLC0415

    def scan(batch: Any) -> None:
        turns = batch["turns"]
        texts = turns.flatten().field("text").to_pylist()
        ends = [0, *_ends(turns)]
        units = [tuple(texts[start:end]) for start, end in pairwise(ends)]
        for start in range(0, len(units), AT_ONCE):
            take(units[start : start + AT_ONCE])

    recipe = load_recipe(None, [], {"input": {} if limit is None else {"limit": limit}})
    read_rows(tuple(names), recipe, [scan], None, listener)


def _ends(turns: Any) -> list[int]:
    """Where the turns of each row end among all turns of a batch."""
    offsets = turns.offsets.to_pylist()
    return [offset - offsets[0] for offset in offsets[1:]]
