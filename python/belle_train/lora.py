"""Joins a LoRA adapter and its model to one model (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_train.checkpoint import config_of, open_checkpoint, without_weights
from belle_train.model_folder import (
    GENERATION_CONFIG,
    MODEL_CONFIG,
    TOKENIZER_FILES,
    check_model,
    check_out,
    digest,
    json_bytes,
    new_folder,
    read_json,
    versions,
)
from belle_train.quiet_libraries import quiet_libraries
from belle_train.safetensors_file import open_tensors
from belle_train.tokenizer import load_tokenizer
from belle_train.tokenizer_source import highest_id

if TYPE_CHECKING:
    from belle_data.engine.progress import Listener

MARKER = "merge_lora.json"
ADAPTER_CONFIG, ADAPTER = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."


def merge_lora(
    adapter: str | Path,
    out: str | Path,
    *,
    model: str | Path | None = None,
    force: bool = False,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Write a model of which the adapter is a part, in the type of the base.

    Args:
        adapter: The adapter's folder.
        out: The new folder.
        model: The base; None for the one that the adapter names.
        force: Replace an earlier model of this function.
        listener: Is told about the progress.

    Returns:
        What ``merge_lora.json`` holds.

    Raises:
        UsageError: A folder is wrong, or the adapter was made for another model.
        SourceError: A file is missing or damaged.
        RunFolderError: The folder cannot be written.
    """
    place = Path(adapter)
    settings = _settings(place)
    base = _base(place, settings, model)
    check_out(out, marker=MARKER, force=force)
    taken = {place.resolve(), base.resolve()}
    if Path(out).resolve() in taken:
        raise UsageError("the folder is the adapter's or the model's", path=out, hint="name another folder with --out")
    with quiet_libraries():
        checkpoint = open_checkpoint(base)
        _check_shapes(place, settings, without_weights(config_of(base), base), base)
        if listener:
            listener.begin("merge", 0, "steps")
        merged = _merged(place, base)
        source = _tokenizer_folder(place, base)
        if source is not None:
            rows = merged.get_input_embeddings().weight.shape[0]
            most = highest_id(load_tokenizer(source))
            if most >= rows:
                message = f"the tokenizer has the id {most:,}, and the model {rows:,} rows"
                raise UsageError(
                    message, path=source, hint="give the base that the adapter was trained on with --model"
                )
        summary = {
            "rank": settings.get("r"),
            "alpha": settings.get("lora_alpha"),
            "adapter": digest(place / ADAPTER),
            "base": {file.path.name: digest(file.path) for file in checkpoint.files},
            "dtype": str(merged.dtype).removeprefix("torch."),
            "made_by": versions("peft", "torch", "transformers"),
        }
        with new_folder(out, marker=MARKER, force=force) as folder:
            merged.save_pretrained(folder)
            if (base / GENERATION_CONFIG).is_file():
                (folder / GENERATION_CONFIG).write_bytes((base / GENERATION_CONFIG).read_bytes())
            for name in TOKENIZER_FILES:
                if source is not None and (source / name).is_file():
                    (folder / name).write_bytes((source / name).read_bytes())
            (folder / MARKER).write_bytes(json_bytes(summary))
    if listener:
        listener.end("")
    return summary


def _settings(place: Path) -> dict[str, Any]:
    """Check that a folder holds a LoRA adapter, and read what it says about itself."""
    if not place.is_dir():
        what = "this is a file, and no folder" if place.exists() else "there is no such folder"
        raise UsageError(what, path=place, hint="name the folder that sft --lora wrote")
    if not (place / ADAPTER_CONFIG).is_file():
        raise UsageError(f"the folder has no {ADAPTER_CONFIG}, so it is no adapter", path=place)
    settings = read_json(place / ADAPTER_CONFIG)
    if settings.get("peft_type") != "LORA":
        raise UsageError("this is no LoRA adapter", path=place / ADAPTER_CONFIG, value=settings.get("peft_type"))
    if not (place / ADAPTER).is_file():
        hint = "weights in .bin files are programs when they are read: save the adapter as safetensors"
        raise UsageError(f"the folder has no {ADAPTER}", path=place, hint=hint)
    return settings


def _base(place: Path, settings: dict[str, Any], model: str | Path | None) -> Path:
    """The folder of the base; another one than the adapter names must be a copy of it, as far as that can be seen."""
    named = settings.get("base_model_name_or_path")
    known = Path(named) if isinstance(named, str) and named else None
    if model is None:
        if known is None or not known.is_dir():
            hint = "name the folder of the base with --model"
            raise UsageError("the base that the adapter names is not here", path=place, value=named, hint=hint)
        return check_model(known)
    base = check_model(model)
    if known is None or not (known / MODEL_CONFIG).is_file() or known.resolve() == base.resolve():
        return base
    if _telling(known) != _telling(base):
        hint = f"leave --model out, or move {named} away if the adapter does belong to this model"
        raise UsageError(f"the adapter was trained on {named}, and this is another model", path=base, hint=hint)
    return base


def _telling(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that says which model it is."""
    return {path.name: digest(path) for path in [folder / MODEL_CONFIG, *sorted(folder.glob("*.safetensors"))]}


def _check_shapes(place: Path, settings: dict[str, Any], model: Any, base: Path) -> None:
    """Compare each pair of small matrices with the matrix that they are added to."""
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters(remove_duplicate=False)}
    found = 0
    for name, tensor in open_tensors(place / ADAPTER).tensors.items():
        module, part, _ = name.removeprefix(_PREFIX).partition(".lora_")
        if not part:
            continue
        found += 1
        which = name.removeprefix(f"{_PREFIX}{module}.lora_")[:1]
        whole = shapes.get(f"{module}.weight")
        hint = f"the adapter was trained on {settings.get('base_model_name_or_path')}"
        if whole is None:
            raise UsageError(f"the model has no {module}", path=base, hint=hint)
        # A is [rank, inputs] and B is [outputs, rank]; embeddings and convolutions are the other way round.
        own = tensor.shape[1] if which == "A" else tensor.shape[0]
        if len(whole) == 2 and which in "AB" and own not in whole:
            message = f"{module} has the shape {list(whole)} in the model, and the adapter was made for another"
            raise UsageError(message, path=base, value=list(tensor.shape), hint=hint)
    if not found:
        raise SourceError("there is no LoRA matrix in the file", path=place / ADAPTER)


def _merged(place: Path, base: Path) -> Any:
    from peft import PeftModel  # noqa: PLC0415 - seconds
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    try:
        model = AutoModelForCausalLM.from_pretrained(str(base), dtype="auto", local_files_only=True)
        adapted = PeftModel.from_pretrained(model, str(place), local_files_only=True, autocast_adapter_dtype=True)
        merged = adapted.merge_and_unload(safe_merge=True)
    except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise SourceError(f"peft cannot join the adapter and the model ({reason})", path=place) from None
    return merged


def _tokenizer_folder(place: Path, base: Path) -> Path | None:
    """Where the tokenizer is: with the adapter, which may have been trained with another, or else with the base."""
    for folder in (place, base):
        if any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
            return folder
    return None
