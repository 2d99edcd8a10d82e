"""Makes the rows that an embedding matrix gets: block by block, the same whatever the number of threads."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from belle_train.safetensors_file import Tensor, TensorFile

SUBTOKEN_MEAN, MEAN, RANDOM = "subtoken-mean", "mean", "random"
INITS = (SUBTOKEN_MEAN, MEAN, RANDOM)
DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""Types of rows that a mean can be taken of, with torch's names of them."""
_AT_ONCE = 1 << 17
"""Numbers that are worked on at once: their block stays in the processor's caches."""


class RowMaker:
    """Makes new rows of old ones.

    Means are sums in double precision, in the order of the parts, rounded to the type of the matrix.

    Args:
        parts: For each new piece the old rows that it was made of.
        padded: Number of rows that no text uses; they are the mean of all old rows.
        init: One of `INITS`.
        seed: Of `RANDOM`; each matrix has draws of its own.
        deviation: The standard deviation of `RANDOM`.
    """

    def __init__(self, parts: Sequence[Sequence[int]], padded: int, init: str, seed: int, deviation: float) -> None:
        self._parts, self._padded = parts, padded
        self._init, self._seed, self._deviation = init, seed, deviation

    @property
    def count(self) -> int:
        """Rows that a matrix gets."""
        return len(self._parts) + self._padded

    def blocks(self, file: TensorFile, tensor: Tensor, number: int) -> Callable[[], Iterable[bytes]]:
        """What gives the bytes of the new rows of a matrix.

        Args:
            file: The file that the matrix is in.
            tensor: The matrix, [rows, width], or a bias, [rows].
            number: Of the matrix, so that two have different random rows.

        Raises:
            SourceError: When called: an old row that is needed is not finite.
        """
        return lambda: self._blocks(file, tensor, number)

    def _blocks(self, file: TensorFile, tensor: Tensor, number: int) -> Iterator[bytes]:
        import torch  # noqa: PLC0415 - seconds

        dtype = getattr(torch, DTYPES[tensor.dtype])
        with file.path.open("rb") as handle:
            # Closed with the last tensor that looks into it.
            mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_COPY)
        size, start = tensor.end - tensor.start, file.header_bytes + tensor.start
        old = _viewed(torch.frombuffer(mapped, dtype=torch.uint8, count=size, offset=start), dtype)
        for rows in self._rows(torch, old.view(tensor.shape[0], -1), number):
            if not bool(torch.isfinite(rows).all()):
                message = "a new row would not be finite: the model's own rows are not"
                raise SourceError(message, path=file.path, value=tensor.name)
            yield rows.to(dtype).contiguous().view(torch.uint8).numpy().tobytes()

    def _rows(self, torch: Any, old: Any, number: int) -> Iterator[Any]:
        at_once = max(1, _AT_ONCE // old.shape[1])
        total = torch.zeros(old.shape[1], dtype=torch.float64)
        if self._padded or self._init == MEAN:
            for start in range(0, old.shape[0], at_once):
                # numpy adds row after row on one thread, so that the sum is the same everywhere.
                total += torch.from_numpy(old[start : start + at_once].double().numpy().sum(axis=0))
            total /= old.shape[0]
        generator = torch.Generator().manual_seed((self._seed + number) % (1 << 63))
        for start in range(0, len(self._parts), at_once):
            parts = self._parts[start : start + at_once]
            if self._init == SUBTOKEN_MEAN:
                yield _means(torch, old, parts)
            elif self._init == MEAN:
                yield total.expand(len(parts), -1)
            else:
                drawn = torch.randn(len(parts), old.shape[1], generator=generator, dtype=torch.float64)
                yield drawn * self._deviation
        if self._padded:
            yield total.expand(self._padded, -1)


def _means(torch: Any, old: Any, parts: Sequence[Sequence[int]]) -> Any:
    """The mean of old rows for each list of them, float64 [len(parts), width]."""
    counts = torch.tensor([len(one) for one in parts])
    means = torch.zeros(len(parts), old.shape[1], dtype=torch.float64)
    for place in range(int(counts.max())):
        which = (counts > place).nonzero().flatten()
        ids = torch.tensor([one[place] for one in parts if len(one) > place])
        means[which] += old[ids].double()
    return means / counts.unsqueeze(1)


def _viewed(content: Any, dtype: Any) -> Any:
    """Bytes as numbers; those that do not begin at a multiple of the number's size are copied."""
    if content.data_ptr() % dtype.itemsize:
        content = content.clone()
    return content.view(dtype)
