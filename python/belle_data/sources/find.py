"""From what the user names to a list of sources: files, folders, globs, URLs, standard input."""

from __future__ import annotations

import errno
import stat
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from belle_data.engine.run_folder import is_run_folder
from belle_data.errors import SourceError, UsageError
from belle_data.sources.model import Source
from belle_data.sources.sniff import HEAD_BYTES, is_data_name, sniff
from belle_data.sources.storage import (
    STDIN,
    file_system,
    is_url,
    open_pipe,
    read_errors,
    remote_stamp,
    shown_name,
    without_file_protocol,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MAGIC = frozenset("*?[")
_ENDINGS_HINT = "data files end in .jsonl, .ndjson or .json (also with .gz or .zst after it) or in .parquet"


def find_sources(inputs: Sequence[str]) -> list[Source]:
    """List the files that `inputs` name, each with what its first bytes say it holds.

    Files come in the order of `inputs`; those of a folder or glob are sorted by name. A file named twice counts once,
    at its first place, also when a link leads to it.

    Args:
        inputs: Files (any name), folders (every data file at any depth; hidden ones and loops of links skipped), globs
            (with ``**`` too), URLs of anything that fsspec opens, and ``-`` for standard input. What a run wrote, below
            a folder, is no input: its decoded copies and rejected lines would come back as rows.

    Raises:
        UsageError: An input names nothing: no such file, no match, no data in a folder, an unknown or uninstalled
            protocol.
        SourceError: A file or folder cannot be read, or a file is not what its name says.
    """
    if isinstance(inputs, str):
        inputs = [inputs]
    if not inputs:
        raise UsageError("no input is named", hint="name files, folders, globs or URLs")
    found: dict[str, Source] = {}
    names: set[str] = set()
    for given in inputs:
        for identity, location, remote in _expanded(given):
            if identity in found:
                continue
            name = shown_name(location)
            # Two files may look the same once secrets and bytes that are not text are hidden.
            distinct, number = name, 1
            while distinct in names:
                number += 1
                distinct = f"{name}#{number}"
            names.add(distinct)
            found[identity] = _described(distinct, location, remote)
    return list(found.values())


Remote = tuple[Any, str, "Mapping[str, Any]"]
"""A file of fsspec: its file system, its path there and what the storage says about it."""


def _expanded(given: str) -> Iterator[tuple[str, str, Remote | None]]:
    """Give identity, location and, for a URL, the remote file of each file that `given` names, by location."""
    if given == STDIN:
        yield STDIN, STDIN, None
        return
    text = without_file_protocol(given)
    if is_url(text) and not Path(text).exists():
        for location, remote in sorted(_remote_files(text), key=lambda pair: pair[0]):
            yield location, location, remote
        return
    # A local name that looks like a URL must not be taken for one later.
    for location in sorted(set(_local_files(f"./{text}" if is_url(text) else text))):
        with read_errors(location):
            identity = str(Path(location).resolve())
        yield identity, location, None


def _local_files(given: str) -> list[str]:
    if given == "":
        raise UsageError("an input is empty", value=given, hint="name a file, or . for this folder")
    path = str(Path(given).expanduser()) if given.startswith("~") else given
    with read_errors(path):
        exists = Path(path).exists()
    if exists:
        if not Path(path).is_dir():
            return [path]
        if is_run_folder(Path(path)):
            hint = f"to clean the rows that it kept, name {shown_name(_joined(given, 'shards'))}"
            raise UsageError("the folder is that of a run, not of data", path=shown_name(given), hint=hint)
        files = [file for folder in _folders_below(path) for file in _data_files(folder)]
        if not files:
            raise UsageError("the folder holds no data", path=shown_name(given), hint=_ENDINGS_HINT)
        return files
    if Path(path).is_symlink():
        what = "the link leads in a circle" if _is_circle(path) else "the link leads to nothing"
        raise UsageError(what, path=shown_name(given), hint="name the file that it was meant to lead to")
    if _MAGIC.isdisjoint(path):
        raise UsageError("no such file", path=shown_name(given), hint=_similar(path))
    parts = [part for part in path.split("/") if part]
    files = list(_matches("/" if path.startswith("/") else "", parts))
    if not files:
        hint = "** stands for any folders, * for any name; hidden files are skipped"
        raise UsageError("no file matches", path=shown_name(given), hint=hint)
    return files


def _is_circle(path: str) -> bool:
    try:
        Path(path).stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _similar(path: str) -> str | None:
    """Hint at the name in the same folder that is most like `path`."""
    import difflib  # noqa: PLC0415 - needed for this hint only

    folder = Path(path).parent
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return None if folder.is_dir() else f"the folder {shown_name(str(folder))} does not exist either"
    close = difflib.get_close_matches(Path(path).name, names, n=1, cutoff=0.7)
    return f"did you mean {shown_name(str(folder / close[0]))}?" if close else None


def _names(folder: str) -> list[str]:
    """List what is in a folder, sorted, without hidden names."""
    with read_errors(folder or "."):
        return sorted(path.name for path in Path(folder or ".").iterdir() if not path.name.startswith("."))


def _joined(folder: str, name: str) -> str:
    return folder + name if folder in {"", "/"} or folder.endswith("/") else f"{folder}/{name}"


def _folders_below(folder: str) -> Iterator[str]:
    """Give `folder` and all folders in it at any depth, each once however many links lead to it; no run folders."""
    visited: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        with read_errors(current or "."):
            status = Path(current or ".").stat()
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        yield current
        inner = [_joined(current, name) for name in _names(current)]
        waiting.extend(
            path
            for path in reversed(inner)
            if _what(path) == "folder" and not _leads_up(path) and not is_run_folder(Path(path))
        )


def _data_files(folder: str) -> Iterator[str]:
    for name in _names(folder):
        path = _joined(folder, name)
        if is_data_name(name) and _what(path) == "file":
            yield path


def _leads_up(path: str) -> bool:
    """Tell whether a path is a link to a folder that it is in itself, at any depth."""
    link = Path(path)
    return link.is_symlink() and link.parent.resolve().is_relative_to(link.resolve())


def _what(path: str) -> Literal["folder", "file", "nothing"]:
    """Tell what a path leads to; a link that leads in a circle, a socket or a device is nothing.

    Raises:
        SourceError: A link with the name of a data file leads nowhere: leaving it out could lose rows in silence.
    """
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "nothing"
        if isinstance(error, FileNotFoundError):
            if Path(path).is_symlink() and is_data_name(path):
                hint = "remove the link, or bring back what it leads to"
                raise SourceError("the link leads to nothing", path=shown_name(path), hint=hint) from error
            return "nothing"
        raise SourceError(f"cannot be read ({error.strerror})", path=shown_name(path)) from error
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "nothing"


def _matches(folder: str, parts: list[str]) -> Iterator[str]:
    """Find the files below `folder` that match `parts`, the rest of a glob; a folder stands for the data in it."""
    if not parts:
        for inner in _folders_below(folder):
            yield from _data_files(inner)
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        while rest[:1] == ["**"]:
            rest = rest[1:]
        for inner in _folders_below(folder):
            yield from _matches(inner, rest) if rest else _data_files(inner)
        return
    literal = _MAGIC.isdisjoint(part)
    names = [part] if literal else [name for name in _names(folder) if fnmatchcase(name, part)]
    for name in names:
        path = _joined(folder, name)
        what = _what(path)
        if what == "folder":
            yield from _matches(path, rest)
        elif what == "file" and not rest and (part != "*" or is_data_name(name)):
            # A lone * says nothing about the ending, so it chooses as a folder does; *.txt means what it says.
            yield path


def _remote_files(url: str) -> list[tuple[str, Remote]]:
    system, path = file_system(url)
    with read_errors(url):
        info: Mapping[str, Any] | None = None
        if "*" not in path:
            try:
                info = system.info(path)
            except FileNotFoundError:
                if _MAGIC.isdisjoint(path):
                    raise
        if info is not None and info.get("type") != "directory":
            return [(url, (system, path, info))]
        if info is None:
            listed: Mapping[str, Mapping[str, Any]] = system.glob(path, detail=True)
            open_ended = path.rstrip("/").rpartition("/")[2] in {"*", "**"}
            files = {
                inner: about
                for inner, about in listed.items()
                if about.get("type") != "directory"
                and (not open_ended or is_data_name(inner))
                and ("/." in path or "/." not in inner)
            }
        else:
            listed = system.find(path, detail=True)
            depth = len(path.strip("/")) + 1
            files = {
                inner: about
                for inner, about in listed.items()
                if is_data_name(inner) and "/." not in f"/{inner.strip('/')[depth:]}"
            }
    if not files:
        what = "no file matches" if info is None else "the folder holds no data"
        raise UsageError(what, path=shown_name(url), hint=_ENDINGS_HINT)
    return [(_remote_location(url, system, inner), (system, inner, about)) for inner, about in files.items()]


def _remote_location(url: str, system: Any, path: str) -> str:
    """Give the URL of a file that was found through `url`, which may chain several protocols with ``::``."""
    location = str(system.unstrip_protocol(path))
    first, chained, rest = url.partition("::")
    if not chained:
        return location
    return f"{location}::{rest}" if "://" in first else f"{first}::{location}"


def _described(name: str, location: str, remote: Remote | None) -> Source:
    """Look at the first bytes of one file."""
    file_name = location
    if remote is not None:
        system, path, info = remote
        file_name = path.partition("?")[0]
        with read_errors(location):
            with system.open(path, "rb") as handle:
                head = handle.read(HEAD_BYTES)
            if info.get("size") is None:
                # Some storages list names only.
                info = {**info, **system.info(path)}
        size = info.get("size")
        stamp = remote_stamp(info)
        complete = len(head) < HEAD_BYTES
    elif location == STDIN:
        size = None
        stamp, head, complete = open_pipe(location)
    else:
        with read_errors(location):
            status = Path(location).stat()
        if stat.S_ISFIFO(status.st_mode):
            size = None
            stamp, head, complete = open_pipe(location)
        elif stat.S_ISREG(status.st_mode):
            with read_errors(location), Path(location).open("rb") as file:
                head = file.read(HEAD_BYTES)
            size, stamp, complete = status.st_size, str(status.st_mtime_ns), len(head) == status.st_size
        else:
            raise SourceError("neither a file nor a folder nor a pipe", path=name)
    kind, compression = sniff(name, file_name, head, complete=complete)
    return Source(name, size, stamp, kind, compression, location)
