"""Embeddings of which only new rows learn, and the proof of what did not move.

Weight decay, momentum and the rounding of a training precision reach every number that an optimiser is given. So the
rows that must not move are no part of what it is given: the matrix is split into old rows, which are frozen, and new
rows, which learn. This holds for any optimiser and any stage of ZeRO.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from belle_data.errors import InternalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedModel

ONLY = ("embeddings", "new-rows", "all")


class SplitEmbedding(nn.Module):
    """An embedding whose first rows are frozen.

    Args:
        weight: ``[rows, dimensions]``.
        old_rows: So many rows are frozen.
    """

    def __init__(self, weight: torch.Tensor, old_rows: int) -> None:
        super().__init__()
        self.old_rows = old_rows
        self.old = nn.Parameter(weight[:old_rows].detach().clone(), requires_grad=False)
        self.new = nn.Parameter(weight[old_rows:].detach().clone())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows of ids: ``[…]`` gives ``[…, dimensions]``."""
        is_new = (ids >= self.old_rows)[..., None]
        old = functional.embedding(ids.clamp(max=self.old_rows - 1), self.old)
        new = functional.embedding((ids - self.old_rows).clamp(min=0), self.new)
        return torch.where(is_new, new, old)


class SplitHead(nn.Module):
    """The output layer of a language model whose first rows are frozen.

    Args:
        weight: ``[rows, dimensions]``.
        old_rows: So many rows are frozen.
        shared: The embedding whose rows these are, for a model that has one matrix for both.
    """

    def __init__(self, weight: torch.Tensor | None, old_rows: int, shared: SplitEmbedding | None = None) -> None:
        super().__init__()
        # In a list, so that the parameters stay those of one module and are stored once.
        self._shared = [] if shared is None else [shared]
        if shared is None:
            if weight is None:
                raise InternalError("an output layer needs rows")
            self.old = nn.Parameter(weight[:old_rows].detach().clone(), requires_grad=False)
            self.new = nn.Parameter(weight[old_rows:].detach().clone())

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Scores of all pieces: ``[…, dimensions]`` gives ``[…, rows]``."""
        rows = self.rows()
        return torch.cat([functional.linear(hidden, rows.old), functional.linear(hidden, rows.new)], dim=-1)

    def rows(self) -> SplitEmbedding | SplitHead:
        """The module that has the rows."""
        return self._shared[0] if self._shared else self


def freeze(model: PreTrainedModel, only: str, old_rows: int | None) -> None:
    """Let only the embeddings, or only their new rows, learn; the input and the output matrix alike.

    Args:
        model: Changed in place.
        only: ``embeddings``, ``new-rows`` or ``all``.
        old_rows: Rows that stay, for ``new-rows``.

    Raises:
        UsageError: There are no new rows.
    """
    if only == "all":
        return
    for parameter in model.parameters():
        parameter.requires_grad_(requires_grad=False)
    inside: Any = model.get_input_embeddings()
    outside: Any = model.get_output_embeddings()
    if only == "embeddings":
        inside.weight.requires_grad_(requires_grad=True)
        outside.weight.requires_grad_(requires_grad=True)
        return
    rows = inside.weight.shape[0] if not hasattr(inside.weight, "ds_shape") else inside.weight.ds_shape[0]
    if old_rows is None or not 0 < old_rows < rows:
        hint = "extend writes an extend.json with the number of old rows, or name it with --old-rows"
        raise UsageError("the model has no new rows", value=old_rows, hint=hint)
    tied = inside.weight is outside.weight
    with gathered([inside.weight, outside.weight]):
        split = SplitEmbedding(inside.weight.data, old_rows)
        head = SplitHead(None if tied else outside.weight.data, old_rows, split if tied else None)
    model.set_input_embeddings(split)
    model.set_output_embeddings(head)
    # Saving a model joins tied matrices by their names, which are no longer there.
    model.config.tie_word_embeddings = False


def gathered(parameters: list[Any]) -> Any:
    """A context in which parameters that ZeRO-3 has spread over the processes are whole in each of them."""
    from contextlib import nullcontext  # noqa: PLC0415

    spread = [one for one in parameters if hasattr(one, "ds_id")]
    if not spread:
        return nullcontext()
    import deepspeed  # noqa: PLC0415 - seconds

    return deepspeed.zero.GatheredParameters(spread)


def learned_rows(model: PreTrainedModel, only: str) -> Iterator[tuple[str, int, torch.Tensor]]:
    """What learned: ``input`` or ``output``, the first row that learned, and the rows, one after the other.

    A model with one matrix for both gives the input only. Under ZeRO-3 every process has to go through it; the rows
    are on the processor.
    """
    inside: Any = model.get_input_embeddings()
    outside: Any = model.get_output_embeddings()
    if only == "new-rows":
        found = [("input", inside.old_rows, inside.new), ("output", inside.old_rows, outside.rows().new)]
    else:
        found = [("input", 0, inside.weight), ("output", 0, outside.weight)]
    if found[0][2] is found[1][2]:
        found.pop()
    for name, first, parameter in found:
        with gathered([parameter]):
            rows = parameter.detach().to("cpu", copy=True)
        yield name, first, rows


def frozen_hash(model: nn.Module) -> tuple[int, str]:
    """How many tensors are frozen, and the SHA-256 of their names, shapes and numbers as this process holds them.

    A tensor that ZeRO-3 has spread counts with the part that lies here.
    """
    digest, count = sha256(), 0
    for name, parameter in sorted(model.named_parameters()):
        if parameter.requires_grad:
            continue
        count += 1
        values = getattr(parameter, "ds_tensor", parameter).detach().to("cpu").contiguous()
        digest.update(f"{name} {tuple(values.shape)} {values.dtype}\n".encode())
        digest.update(values.view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return count, digest.hexdigest()
