"""Writes a model anew with some rows of its embeddings replaced, and every other byte as it was."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import torch

from belle_data.errors import InternalError
from belle_train.checkpoint import config_of, open_checkpoint, piece_tensors, without_weights
from belle_train.model_folder import INDEX
from belle_train.new_rows import DTYPES

if TYPE_CHECKING:
    from pathlib import Path


def replace_rows(model: Path, folder: Path, rows: dict[str, tuple[int, torch.Tensor]]) -> None:
    """Copy the weights of a model, file by file, with other rows in its embeddings.

    Args:
        model: The folder of the model, with safetensors.
        folder: Where the files go.
        rows: For ``input`` and ``output`` the first row that is replaced, and all rows from it on, ``[rows,
            dimensions]``; they are rounded to the type that is stored. A model with one matrix has ``input`` only.

    Raises:
        SourceError: A file of the model is missing or damaged.
        InternalError: The rows have another shape than the model's.
    """
    checkpoint = open_checkpoint(model)
    tensors = piece_tensors(checkpoint, without_weights(config_of(model), model))
    sides = {name: "input" if name == tensors.input or tensors.tied else "output" for name in tensors.names}
    for file in checkpoint.files:
        target = folder / file.path.name
        shutil.copyfile(file.path, target)
        for name, side in sides.items():
            if name not in file.tensors:
                continue
            tensor = file.tensors[name]
            first, values = rows[side]
            if (first + values.shape[0], *values.shape[1:]) != tensor.shape:
                raise InternalError(f"rows of the shape {tuple(values.shape)} do not end the tensor {name}")
            stored = values.to(getattr(torch, DTYPES[tensor.dtype])).contiguous().view(torch.uint8).numpy()
            with target.open("r+b") as handle:
                handle.seek(file.header_bytes + tensor.end - stored.nbytes)
                handle.write(stored.tobytes())
    if checkpoint.index is not None:
        shutil.copyfile(model / INDEX, folder / INDEX)
