"""What a file holds, by its first bytes; its name only has to agree."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from belle_data.errors import SourceError
from belle_data.sources.decode import decoded

if TYPE_CHECKING:
    from belle_data.sources.model import Compression, Kind

HEAD_BYTES = 1 << 16
"""Bytes from the start of a file that decide what it is."""
BINARY_BYTES = 1 << 12
"""Bytes of text in which a NUL says that it is not text."""

DATA_ENDINGS = (".jsonl", ".ndjson", ".json")
GZIP_ENDINGS = (".gz", ".gzip")
ZSTD_ENDINGS = (".zst", ".zstd")
PARQUET_ENDING = ".parquet"

_UTF8_BOM = b"\xef\xbb\xbf"
_JSON_BLANKS = b" \t\r\n"
_PARQUET_MAGIC = b"PAR1"
# What people pass by mistake: the bytes it begins with, what it is, what to do.
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive", "unpack it, or name a file within it as zip://FILE::ARCHIVE"),
    (b"\xfd7zXZ\x00", "xz data", "decompress it, for example with xz -d"),
    (b"BZh", "bzip2 data", "decompress it, for example with bzip2 -d"),
    (b"\x04\x22\x4d\x18", "lz4 data", "decompress it, for example with lz4 -d"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"PARE", "encrypted Parquet", "decrypt it"),
    (b"Obj\x01", "an Avro file", "write it as Parquet or JSON lines"),
    (b"ORC", "an ORC file", "write it as Parquet or JSON lines"),
    (b"SQLite format 3\x00", "an SQLite database", "export its rows as JSON lines"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "run git lfs pull"),
)
_UTF16_HINT = "convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"


def is_data_name(name: str) -> bool:
    """Tell whether a file in a folder is data: .jsonl, .ndjson or .json, also with .gz or .zst, or .parquet.

    ``dataset_info.json`` describes data and holds none.
    """
    lowered = name.lower()
    if lowered.rpartition("/")[2] == "dataset_info.json":
        return False
    for ending in (*GZIP_ENDINGS, *ZSTD_ENDINGS):
        if lowered.endswith(ending):
            return lowered[: -len(ending)].endswith(DATA_ENDINGS)
    return lowered.endswith((*DATA_ENDINGS, PARQUET_ENDING))


def sniff(name: str, file_name: str, head: bytes, *, complete: bool) -> tuple[Kind, Compression]:
    """Decide what a file holds.

    Args:
        name: The source's name, for errors.
        file_name: The name whose ending promises something.
        head: Its first `HEAD_BYTES` bytes, or all of them.
        complete: Whether `head` is the whole file.

    Raises:
        SourceError: The content is not what the name says, or is nothing that can be read.
    """
    compression = compression_of(head)
    promise = _promise(file_name)
    if head.startswith(_PARQUET_MAGIC):
        return "parquet", "none"
    _refuse_foreign(name, head)
    if compression == "none":
        if promise is not None:
            raise SourceError(
                f"the file is not what its name says: it ends in {promise}, but does not begin like one",
                path=name,
                byte=0,
                value=head[:16],
                hint="give it the name of what it is, such as .jsonl" if head[:1] in {b"{", b"["} else None,
            )
        text, text_complete = head, complete
    else:
        if promise == PARQUET_ENDING:
            message = f"the file is not what its name says: it ends in {promise}, but holds {compression} data"
            raise SourceError(message, path=name, byte=0, value=head[:16])
        text, text_complete = _decoded_head(name, head, compression, complete=complete)
        _refuse_nested(name, text, compression)
    _refuse_binary(name, text)
    return _text_kind(text, complete=text_complete), compression


def compression_of(head: bytes) -> Compression:
    """Read the compression off the first bytes of a file."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    # A skippable frame may come first: parallel compressors write one.
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        return "zstd"
    return "none"


def _promise(file_name: str) -> str | None:
    lowered = file_name.lower()
    for ending in (*GZIP_ENDINGS, *ZSTD_ENDINGS, PARQUET_ENDING):
        if lowered.endswith(ending):
            return ending
    return None


def _decoded_head(name: str, head: bytes, compression: Compression, *, complete: bool) -> tuple[bytes, bool]:
    """Decode the start; say whether that is all. What is damaged is left for the real reading to report."""
    text = b""
    try:
        for piece in decoded(io.BytesIO(head), compression, name):
            text += piece
            if len(text) >= HEAD_BYTES:
                return text[:HEAD_BYTES], False
    except SourceError:
        return text, False
    return text, complete


def _refuse_foreign(name: str, head: bytes) -> None:
    for magic, what, hint in _FOREIGN:
        if head.startswith(magic):
            raise SourceError(
                f"the file is {what}, which cannot be read", path=name, byte=0, value=head[:16], hint=hint
            )
    if head[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        hint = "name the address of the file itself, not of the page that shows it"
        raise SourceError("the file is a web page", path=name, byte=0, value=head[:16], hint=hint)


def _refuse_nested(name: str, text: bytes, compression: Compression) -> None:
    inner: str = "Parquet" if text.startswith(_PARQUET_MAGIC) else compression_of(text)
    if inner == "none" and text[257:262] == b"ustar":
        inner = "a tar archive"
    if inner != "none":
        message = f"the {compression} data holds {inner}, which cannot be read from within it"
        raise SourceError(message, path=name, value=text[:16], hint="decompress it and name the result")


def _refuse_binary(name: str, text: bytes) -> None:
    if text.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        raise SourceError(
            "the text is UTF-16 or UTF-32, not UTF-8", path=name, byte=0, value=text[:16], hint=_UTF16_HINT
        )
    start = text[:BINARY_BYTES]
    first = start.find(b"\0")
    if first < 0:
        return
    # Without a byte order mark, UTF-16 has a NUL beside each ASCII character.
    if start[:4].count(b"\0") == 2 and (start[0:4:2] == b"\0\0" or start[1:4:2] == b"\0\0"):
        raise SourceError("the text looks like UTF-16, not UTF-8", path=name, byte=0, value=text[:16], hint=_UTF16_HINT)
    # A stray NUL in JSON is one bad line, which the reading of lines reports.
    if start.removeprefix(_UTF8_BOM).lstrip(_JSON_BLANKS)[:1] in {b"{", b"["}:
        return
    raise SourceError("the file is binary, not text", path=name, byte=first, value=text[:16])


def _text_kind(text: bytes, *, complete: bool) -> Kind:
    body = text.removeprefix(_UTF8_BOM).lstrip(_JSON_BLANKS)
    if not body.startswith(b"["):
        return "jsonl"
    first_line, newline, rest = body.partition(b"\n")
    rest = rest.lstrip(_JSON_BLANKS)
    if not newline or (not rest and complete):
        return "json_array"
    # A line that is a whole array, with more lines after it: JSON lines with a row of the wrong kind.
    try:
        whole = isinstance(json.loads(first_line), list)
    except (ValueError, RecursionError):
        whole = False
    return "jsonl" if whole and rest else "json_array"
