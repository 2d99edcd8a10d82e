"""Files of plain text, a text on each line."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_data.sources.decode import decoded
from belle_data.sources.sniff import GZIP_ENDINGS, HEAD_BYTES, ZSTD_ENDINGS, compression_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from belle_data.engine.progress import Listener

_ENDING = ".txt"


def is_text_name(name: str) -> bool:
    """Tell whether a file is plain text by its name: .txt, also with .gz or .zst."""
    lowered = name.lower()
    for ending in (*GZIP_ENDINGS, *ZSTD_ENDINGS):
        lowered = lowered.removesuffix(ending)
    return lowered.endswith(_ENDING)


def mapped_text(name: str, work: Path, listener: Listener) -> Any:
    """Map a file of text; one that is compressed is written into `work` before.

    Raises:
        UsageError: There is no such file.
        SourceError: It cannot be read or is damaged.
    """
    path = Path(name)
    try:
        with path.open("rb") as handle:
            compression = compression_of(handle.read(HEAD_BYTES))
            if compression == "none":
                return _mapped(handle)
            handle.seek(0)
            listener.begin(f"decode {name}", path.stat().st_size, "B")
            done = 0

            def count(stored: int) -> None:
                nonlocal done
                done += stored
                listener.update(done)

            copy = work / f"{len(list(work.iterdir()))}.txt"
            with copy.open("xb") as out:
                for piece in decoded(handle, compression, name, count):
                    out.write(piece)
            listener.end("")
        with copy.open("rb") as handle:
            return _mapped(handle)
    except FileNotFoundError:
        raise UsageError("there is no such file", path=name) from None
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", path=name) from None


def _mapped(handle: Any) -> Any:
    return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) if handle.seek(0, 2) else b""


def lines_of(name: str, buffer: Any) -> Iterator[str]:
    """Give the lines of a mapped file as the kernel cuts them.

    Raises:
        SourceError: A line is not UTF-8.
    """
    at, number = 0, 0
    size = len(buffer)
    if buffer[:3] == b"\xef\xbb\xbf":
        at = 3
    while at < size:
        end = buffer.find(b"\n", at)
        end = size if end < 0 else end
        number += 1
        try:
            text = buffer[at:end].decode("utf-8")
        except UnicodeDecodeError as error:
            raise not_utf8(name, number, at + error.start) from None
        yield text.removesuffix("\r") if end < size else text
        at = end + 1


def not_utf8(name: str, line: int, byte: int) -> SourceError:
    """The error of a line that is not UTF-8."""
    return SourceError("the line is not UTF-8", path=name, line=line, byte=byte, hint="convert the file with iconv")
