"""Files of tensors, one header and the bytes: checked, and copied with some tensors made longer.

The layout is the one of the safetensors format: eight bytes that say how long the header is (little endian), the
header as JSON with type, shape and place of each tensor, then the bytes of all tensors without a gap. Copying bytes
keeps what is not touched bit for bit, and needs no memory for it.
"""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

SIZES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
"""Bytes of a number of each type."""
_METADATA = "__metadata__"
_LONGEST_HEADER = 100_000_000
_BLOCK = 4 << 20
_HINT = "the file is cut short or damaged: copy or download it again"


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor stands.

    Attributes:
        name: Its name.
        dtype: The format's name of its type, such as ``BF16``.
        shape: Its shape.
        start: Its first byte, counted from the end of the header.
        end: The byte after its last one.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A file whose header is right and which is as long as its header says.

    Attributes:
        path: Where it is.
        header_bytes: Bytes before the first tensor.
        tensors: The tensors by their names, in the order of their bytes.
        metadata: What else the header says.
    """

    path: Path
    header_bytes: int
    tensors: dict[str, Tensor] = field(repr=False)
    metadata: dict[str, str] | None


def open_tensors(path: Path) -> TensorFile:
    """Read and check the header of a file.

    Raises:
        SourceError: The file cannot be read, is no file of tensors, or is cut short.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            start = handle.read(8)
            length = int.from_bytes(start, "little")
            if len(start) < 8 or length > min(size - 8, _LONGEST_HEADER):
                raise SourceError("this is no safetensors file, or it is cut short", path=path, hint=_HINT)
            stored = handle.read(length)
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", path=path) from None
    try:
        header = json.loads(stored)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise SourceError("the header of the safetensors file is no JSON object", path=path, hint=_HINT)
    metadata = header.pop(_METADATA, None)
    tensors = sorted(
        (_tensor(name, entry, path) for name, entry in header.items()), key=lambda one: (one.start, one.end)
    )
    at = 0
    for tensor in tensors:
        if tensor.start != at:
            raise SourceError("the tensors do not follow one another", path=path, value=tensor.name, hint=_HINT)
        at = tensor.end
    if 8 + length + at != size:
        message = f"the file has {size:,} bytes, and its header says {8 + length + at:,}"
        raise SourceError(message, path=path, hint=_HINT)
    return TensorFile(path, 8 + length, {tensor.name: tensor for tensor in tensors}, metadata)


def _tensor(name: str, entry: Any, path: Path) -> Tensor:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        whole = all(type(number) is int and number >= 0 for number in [*shape, start, end])
        if whole and math.prod(shape) * SIZES[dtype] == end - start:
            return Tensor(name, dtype, shape, start, end)
    except (TypeError, KeyError, ValueError):
        pass
    raise SourceError("a tensor's type, shape and place do not fit", path=path, value=name, hint=_HINT)


def copy_grown(
    source: TensorFile,
    target: Path,
    added: dict[str, tuple[int, Callable[[], Iterable[bytes]]]],
    progress: Callable[[int], object],
) -> tuple[str, str]:
    """Copy a file; some tensors get rows at their end, and all else stays bit for bit.

    Args:
        source: The file.
        target: The copy.
        added: For the name of a tensor the number of rows that it gets, and what gives their bytes.
        progress: Is told how many bytes were copied since the last call.

    Returns:
        The SHA-256 of the source and of the copy.

    Raises:
        SourceError: The source cannot be read.
        OSError: The copy cannot be written.
    """
    if not added:
        return _copy(source, target, progress)
    read, written = sha256(), sha256()
    with target.open("wb") as out, ThreadPoolExecutor(1) as other:

        def put(block: bytes) -> None:
            written.update(block)
            out.write(block)

        for block in _blocks(source, 0, source.header_bytes):
            read.update(block)
        put(_header(source, {name: rows for name, (rows, _) in added.items()}))
        for name, tensor in source.tensors.items():
            for block in _blocks(source, source.header_bytes + tensor.start, source.header_bytes + tensor.end):
                # Both digests at once: they take longer than the copy.
                seen = other.submit(read.update, block)
                put(block)
                seen.result()
                progress(len(block))
            if name in added:
                for block in added[name][1]():
                    put(block)
    return read.hexdigest(), written.hexdigest()


def _copy(source: TensorFile, target: Path, progress: Callable[[int], object]) -> tuple[str, str]:
    """Copy a file as it is, which needs one digest."""
    seen = sha256()
    size = max((tensor.end for tensor in source.tensors.values()), default=0)
    with target.open("wb") as out:
        for block in _blocks(source, 0, source.header_bytes + size):
            seen.update(block)
            out.write(block)
            progress(len(block))
    return seen.hexdigest(), seen.hexdigest()


def _header(source: TensorFile, more: dict[str, int]) -> bytes:
    """The header with longer tensors, padded by spaces so that the tensors begin at a multiple of eight bytes."""
    entries: dict[str, Any] = {} if source.metadata is None else {_METADATA: source.metadata}
    at = 0
    for name, tensor in source.tensors.items():
        shape = (tensor.shape[0] + more.get(name, 0), *tensor.shape[1:]) if tensor.shape else ()
        end = at + math.prod(shape) * SIZES[tensor.dtype]
        entries[name] = {"dtype": tensor.dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    stored = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    stored += b" " * (-len(stored) % 8)
    return len(stored).to_bytes(8, "little") + stored


def _blocks(source: TensorFile, start: int, end: int) -> Iterator[bytes]:
    try:
        with source.path.open("rb") as handle:
            handle.seek(start)
            while start < end:
                block = handle.read(min(_BLOCK, end - start))
                if not block:
                    raise SourceError("the file became shorter while it was read", path=source.path, hint=_HINT)
                start += len(block)
                yield block
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", path=source.path) from None
