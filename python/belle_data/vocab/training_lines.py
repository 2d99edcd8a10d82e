"""The lines that a vocabulary is trained on: of text files or of rows, read as often as needed.

What the trainer would drop in silence is cut instead, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from belle_data.vocab.text_lines import TextLines, bad_lines_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from belle_data.config import Recipe
    from belle_data.engine.progress import Listener

LONGEST = 4096
"""Characters of a line at most: longer ones are cut, since the trainer counts places of a word in 16 bits."""
RESERVED = "\u2585"
"""The trainer drops every line with this character, which it uses itself: the line is cut there instead."""


class Corpus(Protocol):
    """Texts that can be read again and again."""

    def each(self, take: Callable[[Any], None], listener: Listener, step: str) -> None:
        """Show every batch of lines to `take`, in order: Arrow arrays of strings, none null or empty."""

    def files(self) -> list[dict[str, Any]]:
        """What was read: for each file its name, size, hash and lines, as JSON knows them."""


@dataclass(slots=True)
class TextCorpus:
    """The lines of text files."""

    reader: TextLines
    _read: list[dict[str, Any]] = field(default_factory=list)

    def each(self, take: Callable[[Any], None], listener: Listener, step: str) -> None:
        """Show every batch of lines to `take`."""
        for lines in self.reader.batches(listener, step):
            take(without_empty(lines.texts))
        listener.end(f"{self.reader.lines:,} lines")
        if not self._read:
            note = bad_lines_text(self.reader)
            if note:
                listener.message(note)
            self._read = [
                {
                    "name": one.name,
                    "size": one.size,
                    "sha256": _sha256(one.name),
                    "lines": one.lines,
                    "rejected": one.bad,
                }
                for one in self.reader.files
            ]

    def files(self) -> list[dict[str, Any]]:
        """What was read."""
        return self._read


@dataclass(slots=True)
class RowCorpus:
    """The lines of the turns of rows."""

    names: Sequence[str]
    recipe: Recipe
    threads: int | None
    _read: list[dict[str, Any]] = field(default_factory=list)

    def each(self, take: Callable[[Any], None], listener: Listener, step: str) -> None:  # noqa: ARG002 - reading has its own name
        """Show every batch of lines to `take`."""
        import pyarrow.compute as pc  # noqa: PLC0415

        from belle_data.page.input_rows import read_rows  # noqa: PLC0415 - loads the pages' modules

        def scan(batch: Any) -> None:
            turns = batch["turns"].flatten().field("text")
            turns = pc.replace_substring(turns, "\r\n", "\n")
            take(without_empty(pc.split_pattern(turns, "\n").flatten()))

        _, summary = read_rows(list(self.names), self.recipe, [scan], self.threads, listener)
        names = ("name", "format", "size", "hash", "rows", "rejected")
        self._read = [{name: getattr(source, name) for name in names} for source in summary.sources]

    def files(self) -> list[dict[str, Any]]:
        """What was read; ``hash`` is XXH3-128 of the decoded bytes."""
        return self._read


def _sha256(name: str) -> str:
    """Of the bytes of a file, in hexadecimal digits."""
    with Path(name).open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()


def without_empty(lines: Any) -> Any:
    """The lines that hold a character."""
    import pyarrow.compute as pc  # noqa: PLC0415

    return lines.filter(pc.greater(pc.binary_length(lines), 0))


@dataclass(slots=True)
class Prepared:
    """Makes lines that the trainer takes whole, and counts what it changes.

    Attributes:
        cut: Lines that were longer than `LONGEST`, and are several now.
        reserved: Characters `RESERVED` that were left out.
    """

    cut: int = 0
    reserved: int = 0

    def of(self, lines: Any) -> Any:
        """The lines as the trainer may have them: an Arrow array of strings, none null or empty."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        reserved = pc.sum(pc.count_substring(lines, RESERVED)).as_py() or 0
        if reserved:
            self.reserved += reserved
            lines = without_empty(pc.split_pattern(lines, RESERVED).flatten())
        # A character has one byte at least, so short lines need no counting.
        if (pc.max(pc.binary_length(lines)).as_py() or 0) <= LONGEST:
            return lines
        long = pc.greater(pc.utf8_length(lines), LONGEST)
        self.cut += pc.sum(long).as_py() or 0
        parts = [text[at : at + LONGEST] for text in lines.to_pylist() for at in range(0, len(text), LONGEST)]
        return pa.array(parts, pa.string())
