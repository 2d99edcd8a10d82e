"""The weights of a model folder: which files they are in, and which tensors have a row for each piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_train.model_folder import INDEX, MODEL_CONFIG, WEIGHTS, read_json
from belle_train.safetensors_file import open_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from belle_train.safetensors_file import Tensor, TensorFile


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The weights of a model, none of them loaded.

    Attributes:
        folder: Where they are.
        files: The files, by the order of their names.
        index: The file that says which tensor is where; None for a model of one file.
    """

    folder: Path
    files: tuple[TensorFile, ...] = field(repr=False)
    index: dict[str, Any] | None = field(repr=False)

    def homes(self) -> dict[str, tuple[TensorFile, Tensor]]:
        """Each tensor by its name, and the file that it is in."""
        return {name: (file, tensor) for file in self.files for name, tensor in file.tensors.items()}


@dataclass(frozen=True, slots=True)
class PieceTensors:
    """The tensors with a row for each piece, by the names that the checkpoint has for them.

    Attributes:
        input: The embeddings.
        output: What belongs to the output matrix, its bias too; empty if it is the input's matrix and not stored.
        tied: Whether input and output are one matrix.
    """

    input: str
    output: tuple[str, ...]
    tied: bool

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, the input first."""
        return (self.input, *self.output)


def open_checkpoint(folder: Path) -> Checkpoint:
    """Check the files of a model's weights.

    Raises:
        UsageError: The folder has no safetensors.
        SourceError: A file is missing or damaged, or the index does not fit the files.
    """
    if (folder / WEIGHTS).is_file():
        return Checkpoint(folder, (open_tensors(folder / WEIGHTS),), None)
    if not (folder / INDEX).is_file():
        raise UsageError(f"the folder has neither {WEIGHTS} nor {INDEX}", path=folder, hint=_without_weights(folder))
    index = read_json(folder / INDEX)
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise SourceError("the index has no weight_map", path=folder / INDEX)
    files = []
    for name in sorted(set(places.values())):
        if "/" in name or "\\" in name or not name.endswith(".safetensors"):
            raise SourceError("the index names no safetensors file of its folder", path=folder / INDEX, value=name)
        if not (folder / name).is_file():
            raise SourceError("the index names a file that is not there", path=folder / INDEX, value=name)
        files.append(open_tensors(folder / name))
    found = {tensor: file.path.name for file in files for tensor in file.tensors}
    wrong = sorted(tensor for tensor in places.keys() | found.keys() if places.get(tensor) != found.get(tensor))
    if wrong:
        message = (
            f"the index says {places.get(wrong[0], 'nothing')} for a tensor that is in {found.get(wrong[0], 'none')}"
        )
        raise SourceError(message, path=folder / INDEX, value=wrong[0])
    if sum(len(file.tensors) for file in files) != len(found):
        raise SourceError("a tensor stands in two files", path=folder / INDEX)
    return Checkpoint(folder, tuple(files), index)


def _without_weights(folder: Path) -> str:
    if any(folder.glob("*.bin")):
        return (
            "weights in .bin files are programs when they are read: load the model with transformers where you trust "
            "it, and save it again, which writes safetensors"
        )
    return "name the folder of a model with its weights"


def config_of(folder: Path, **changes: Any) -> Any:
    """The configuration of a model as transformers read it; code of the folder is never run.

    Raises:
        SourceError: transformers do not take it.
    """
    from transformers import AutoConfig  # noqa: PLC0415 - seconds

    read_json(folder / MODEL_CONFIG)
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise SourceError(
            f"transformers do not take the configuration ({reason})", path=folder / MODEL_CONFIG
        ) from None
    for name, value in changes.items():
        setattr(config, name, value)
    return config


def without_weights(config: Any, path: Path) -> Any:
    """The model of a configuration on the meta device: shapes and names, and no numbers.

    Raises:
        SourceError: transformers have no causal language model for it.
    """
    import torch  # noqa: PLC0415 - seconds
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, AssertionError) as error:
        reason = str(error).split("\n", 1)[0]
        message = f"transformers make no causal language model of the configuration ({reason})"
        raise SourceError(message, path=path) from None


def piece_tensors(checkpoint: Checkpoint, model: Any) -> PieceTensors:
    """Find the tensors with a row for each piece: the model says which they are, whatever their names.

    Args:
        checkpoint: The weights.
        model: The model on the meta device.

    Raises:
        SourceError: A tensor is missing, or has another shape than the model.
    """
    stored = checkpoint.homes()
    entry, head = model.get_input_embeddings(), model.get_output_embeddings()
    if entry is None or head is None:
        raise SourceError("the model has no input or no output matrix", path=checkpoint.folder)
    names = {id(part): name for name, part in model.named_modules(remove_duplicate=False)}
    wanted = {f"{names[id(entry)]}.weight": entry.weight}
    rows = entry.weight.shape[0]
    tied = head.weight is entry.weight
    for name, parameter in head.named_parameters():
        if parameter.shape[0] == rows:
            wanted[f"{names[id(head)]}.{name}"] = parameter
    found = []
    for place, (name, parameter) in enumerate(wanted.items()):
        alike = [one for one in (name, name.removeprefix(f"{model.base_model_prefix}.")) if one in stored]
        if not alike:
            if place and parameter is entry.weight:
                continue
            raise SourceError("the weights have no such tensor", path=checkpoint.folder, value=name)
        tensor = stored[alike[0]][1]
        if tensor.shape != tuple(parameter.shape):
            message = f"the tensor {alike[0]} has the shape {list(tensor.shape)}, and {MODEL_CONFIG} says"
            raise SourceError(message, path=stored[alike[0]][0].path, value=list(parameter.shape))
        found.append(alike[0])
    return PieceTensors(found[0], tuple(found[1:]), tied)
