"""Where bytes are: local files, pipes and what fsspec opens. The modules above see a binary handle."""

from __future__ import annotations

import re
import stat
import sys
import time
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from belle_data.errors import BelleError, SourceError, UsageError
from belle_data.sources.optional import load
from belle_data.sources.sniff import HEAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from belle_data.sources.model import Source

STDIN = "-"

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_SECRET_QUERY = re.compile(
    r"([?&][^=&#]*(?:sig|token|key|secret|password|credential|auth)[^=&#]*=)[^&#]*", re.IGNORECASE
)
_USER = re.compile(r"(://[^/@:]*):[^/@]*@")
# Packages whose name is not that of the module which fsspec imports, or which fsspec does not name.
_BACKEND = {
    "http": "aiohttp requests",
    "https": "aiohttp requests",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "smb": "smbprotocol",
}
# What storages call that which changes with the content, best first.
_TAGS = (
    "ETag",
    "etag",
    "blob_id",
    "md5Hash",
    "md5",
    "LastModified",
    "Last-Modified",
    "last_modified",
    "mtime",
    "modified",
)

# A pipe can be read once, and looking at its first bytes has begun to: the open handle waits here.
_pipes: dict[str, BinaryIO] = {}


def is_url(text: str) -> bool:
    """Tell whether `text` is for fsspec: it begins with a protocol of two or more letters."""
    return _URL.match(text) is not None


def without_file_protocol(text: str) -> str:
    """Give a ``file://`` or ``local://`` URL as the path that it is; anything else unchanged."""
    for protocol in ("file://", "local://"):
        if text.startswith(protocol) and "::" not in text:
            return text.removeprefix(protocol)
    return text


def shown_name(location: str) -> str:
    """Write `location` as it may be printed and stored: no passwords or signatures, no bytes that are not text."""
    if is_url(location):
        location = _SECRET_QUERY.sub(r"\1***", _USER.sub(r"\1:***@", location))
    return location.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def read_errors(location: str) -> Iterator[None]:
    """Turn what a storage raises into errors that name the source.

    Raises:
        UsageError: There is no such file.
        SourceError: Anything else that the storage raised.
    """
    name = shown_name(location)
    try:
        yield
    except BelleError:
        raise
    except FileNotFoundError as error:
        raise UsageError("no such file", path=name) from error
    except PermissionError as error:
        raise SourceError(
            "no permission to read it", path=name, hint="check its rights, or the keys of the storage"
        ) from error
    except Exception as error:  # storages raise classes of their own, which nobody can list
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).replace(location, name)
        raise SourceError(f"cannot be read ({type(error).__name__}: {reason})", path=name) from error


def file_system(location: str) -> tuple[Any, str]:
    """Find the fsspec file system of a URL and the path within it.

    Raises:
        UsageError: The protocol is unknown, or the package that speaks it is not installed.
        SourceError: The storage cannot be reached.
    """
    protocol = location.partition("://")[0].rpartition("::")[2].lower()
    name = shown_name(location)
    core = load("fsspec.core", f"reading {protocol}://", path=name)
    with read_errors(location):
        try:
            return cast("tuple[Any, str]", core.url_to_fs(location))
        except ImportError as error:
            hint = f"pip install {_backend(protocol)}"
            raise UsageError(f"{protocol}:// needs a package that is not installed", path=name, hint=hint) from error
        except ValueError as error:
            if "rotocol not known" not in str(error):
                raise
            hint = "use a local path, or a protocol of fsspec such as s3:// or hf://"
            raise UsageError(f"the protocol {protocol}:// is unknown", path=name, hint=hint) from error


def _backend(protocol: str) -> str:
    known: Mapping[str, Mapping[str, str]] = load("fsspec.registry", "reading a URL").known_implementations
    module = known.get(protocol, {}).get("class", protocol).partition(".")[0]
    return _BACKEND.get(protocol, module)


def remote_stamp(info: Mapping[str, Any]) -> str:
    """Choose what changes when a file of a storage does: its tag, its time of change, or else all that is said."""
    for tag in _TAGS:
        if info.get(tag) is not None:
            return f"{tag}={info[tag]}"
    # fsspec's own key is no help: for some storages it never changes, for others always.
    said = sorted(
        (key, str(value))
        for key, value in info.items()
        if isinstance(value, str | int | tuple) or hasattr(value, "isoformat")
    )
    said = [pair for pair in said if pair[0] not in {"name", "url"}]
    return f"info={blake2b(repr(said).encode('utf-8', 'backslashreplace'), digest_size=16).hexdigest()}"


def open_pipe(location: str) -> tuple[str, bytes, bool]:
    """Open a named pipe, or standard input for `STDIN`, and look at its start.

    Returns:
        A stamp that no other pipe has, the first bytes, and whether they are all.
    """
    if location == STDIN and sys.stdin is None:
        raise UsageError("standard input is closed", path=location)
    with read_errors(location):
        handle = sys.stdin.buffer if location == STDIN else cast("BinaryIO", Path(location).open("rb"))  # noqa: SIM115
        head = handle.read(HEAD_BYTES)
    _pipes[location] = cast("BinaryIO", _Rejoined(head, handle))
    return f"pipe={time.time_ns()}", head, len(head) < HEAD_BYTES


class _Rejoined:
    """A pipe whose first bytes were read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._rest.read(size)
        if size < 0:
            data, self._head = self._head + self._rest.read(), b""
        else:
            data, self._head = self._head[:size], self._head[size:]
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._rest is not sys.stdin.buffer:
            self._rest.close()


def open_source(source: Source) -> BinaryIO:
    """Open a source at its first byte; a pipe only once.

    Raises:
        UsageError, SourceError: It cannot be opened.
    """
    if is_url(source.location):
        remote, path = file_system(source.location)
        with read_errors(source.location):
            return cast("BinaryIO", remote.open(path, "rb"))
    if source.stamp.startswith("pipe="):
        handle = _pipes.pop(source.location, None)
        if handle is None:
            raise SourceError("a pipe can be read only once", path=source.name, hint="save it to a file and name that")
        return handle
    with read_errors(source.location):
        return cast("BinaryIO", Path(source.location).open("rb"))


def is_local(source: Source) -> bool:
    """Tell whether a source is a file of this machine: neither from a storage nor a pipe."""
    return not is_url(source.location) and not source.stamp.startswith("pipe=")


def check_unchanged(source: Source) -> None:
    """Make sure that a local source is still the file that was found; others are not asked.

    Raises:
        UsageError: It is gone.
        SourceError: Its size or its time of change is another.
    """
    if not is_local(source):
        return
    with read_errors(source.location):
        status = Path(source.location).stat()
    if not stat.S_ISREG(status.st_mode) or (status.st_size, str(status.st_mtime_ns)) != (source.size, source.stamp):
        message = f"the file changed while it was read: it had {source.size:,} bytes and has {status.st_size:,}"
        raise SourceError(message, path=source.name, hint="run again when nothing writes to it any more")
