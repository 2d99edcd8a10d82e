"""The nouns of this package: a source, the local file it becomes, and the splitter of JSON arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from belle_data.dataset_info import Description

Kind = Literal["jsonl", "json_array", "parquet"]
Compression = Literal["none", "gzip", "zstd"]


@dataclass(frozen=True, slots=True)
class Source:
    """One input file as it was found."""

    name: str
    """What messages, the manifest and the ledger call it: as given, or as found below a folder.

    Printable and without the secrets of a URL. No two sources of one `find_sources` share a name.
    """
    size: int | None
    """Bytes on storage; None when the storage does not say (a pipe, some web servers)."""
    stamp: str
    """Changes when the file does: the time of change in nanoseconds for a local file, else the storage's tag."""
    kind: Kind
    """What the decoded bytes are."""
    compression: Compression
    """How the stored bytes are compressed, by their first bytes. Parquet compresses within, so there it is "none"."""
    location: str = field(repr=False)
    """The path or URL that opens it. May hold a password or a signature: never to be written anywhere."""
    dataset: Description | None = field(default=None, compare=False, repr=False)
    """What a ``dataset_info.json`` says about it: its format, and which names its columns have."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine with a row per line, which can be memory-mapped unless it is empty."""

    path: Path
    temporary: bool
    """True for a decoded copy, which may be removed after use; False for the user's own file."""
    positions: tuple[bytes, bytes] | None
    """For a JSON array, where each row began in the decoded source: byte offsets from 0 and line numbers from 1.

    Two buffers of little-endian uint64 with one number per row. None where the rows are the lines of `path` itself.
    """


class ArraySplitter(Protocol):
    """Cuts the bytes of a JSON array into its elements, each written as one line.

    Every method raises a `ValueError` with the attributes `message`, `line` and `byte` for what is not a JSON array.
    """

    def feed(self, data: bytes, /) -> bytes:
        """Take the next bytes of the array; give the lines that they complete, each with its line feed."""

    def finish(self) -> bytes | None:
        """Say that the array has no more bytes; give what is still to be written, if anything."""

    def positions(self) -> tuple[bytes, bytes]:
        """Byte offsets and line numbers of all elements so far, as in `LocalFile.positions`."""
