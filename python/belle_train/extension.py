"""Enlarges the embeddings of a model for a merged vocabulary, file by file, and keeps all else bit for bit.

The row of a new piece starts as the mean of the rows that the piece was made of before. The mean of all rows instead is
the advice of Hewitt 2021, "Initializing New Word Embeddings for Pretrained Language Models".
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.engine.progress import Silent
from belle_data.errors import SourceError, UsageError
from belle_train.checkpoint import config_of, open_checkpoint, piece_tensors, without_weights
from belle_train.model_folder import (
    GENERATION_CONFIG,
    INDEX,
    LICENCES,
    MODEL_CONFIG,
    TOKENIZER_FILES,
    check_model,
    check_out,
    json_bytes,
    new_folder,
    read_json,
    versions,
)
from belle_train.new_rows import DTYPES, INITS, SUBTOKEN_MEAN, RowMaker
from belle_train.quiet_libraries import quiet_libraries
from belle_train.safetensors_file import SIZES, copy_grown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from belle_data.engine.progress import Listener
    from belle_data.vocab.merged_folder import MergedFolder
    from belle_train.checkpoint import Checkpoint, PieceTensors

MARKER = "extend.json"
_VOCABULARY = ("tokenizer.model", "tokenizer.json", "row_map.json")


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """A merged vocabulary as far as rows go: ``parts`` has the old rows of each new piece."""

    folder: MergedFolder = field(repr=False)
    old: int
    parts: list[list[int]] = field(repr=False)
    padded: int
    digest: str

    @property
    def rows(self) -> int:
        return self.old + len(self.parts) + self.padded


def extend(
    model: str | Path,
    tokenizer: str | Path,
    out: str | Path,
    *,
    init: str = SUBTOKEN_MEAN,
    seed: int = 42,
    force: bool = False,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Write a model with a row for each piece of a merged vocabulary.

    Old rows and all other tensors stay bit for bit, in their type. Padded rows, which no text uses, are the mean of
    all old rows, whatever `init` is.

    Args:
        model: Its folder, with safetensors.
        tokenizer: The folder of a merged vocabulary whose base is the model's.
        out: The new folder.
        init: ``subtoken-mean``: the mean of the old rows that the piece was made of; ``mean``: of all old rows;
            ``random``: normal with the deviation ``initializer_range`` of the model.
        seed: Of ``random``.
        force: Replace an earlier model of this function.
        listener: Is told about the progress.

    Returns:
        What ``extend.json`` holds.

    Raises:
        UsageError: A folder or a value is wrong, or the vocabulary is not made for the model.
        SourceError: A file is missing or damaged.
        RunFolderError: The folder cannot be written.
    """
    if init not in INITS:
        raise UsageError("unknown start for the new rows", value=init, hint=f"one of {', '.join(INITS)}")
    if not 0 <= seed < 1 << 63:
        raise UsageError("a seed is from 0 to 2^63 - 1", value=seed)
    source = check_model(model)
    check_out(out, marker=MARKER, force=force)
    if Path(out).resolve() == source.resolve():
        raise UsageError("the model cannot be replaced by itself", path=out, hint="name another folder with --out")
    vocabulary = _vocabulary(tokenizer)
    with quiet_libraries():
        checkpoint = open_checkpoint(source)
        config = config_of(source)
        tensors = piece_tensors(checkpoint, without_weights(config, source))
        proof = _check_base(checkpoint, tensors, vocabulary, tokenizer)
        _check_shapes(checkpoint, tensors, vocabulary)
        maker = RowMaker(vocabulary.parts, vocabulary.padded, init, seed, _deviation(config))
        with new_folder(out, marker=MARKER, force=force) as folder:
            files = _write_weights(checkpoint, tensors, maker, folder, listener or Silent())
            files |= _write_rest(checkpoint, tensors, vocabulary, folder)
            summary = {
                "init": init,
                "seed": seed if init == "random" else None,
                "old_rows": vocabulary.old,
                "new_rows": len(vocabulary.parts),
                "padded": vocabulary.padded,
                "rows": vocabulary.rows,
                "tied": tensors.tied,
                "tensors": list(tensors.names),
                "base_checked_by": proof,
                "row_map": vocabulary.digest,
                "made_by": versions("torch", "transformers"),
                "files": dict(sorted(files.items())),
            }
            (folder / MARKER).write_bytes(json_bytes(summary))
    return summary


def _vocabulary(path: str | Path) -> _Vocabulary:
    """Read a merged vocabulary and check that its map of rows has no gap."""
    from belle_data.vocab.merged_folder import ROW_MAP, read_merged  # noqa: PLC0415 - needs sentencepiece

    folder = read_merged(path)
    changed = [name for name in folder.edited() if name in _VOCABULARY]
    if changed:
        raise SourceError(
            "the file is not the one that vocab merge wrote", path=folder.path / changed[0], hint="merge again"
        )
    rows = folder.row_map
    place = folder.path / ROW_MAP
    try:
        old = rows["base"]["pieces"]
        parts = [one["from"] for one in rows["new"]]
        whole = [one["id"] for one in rows["new"]] + rows["padded"] == list(range(old, rows["rows"]))
        whole = whole and all(part and all(0 <= number < old for number in part) for part in parts)
    except (KeyError, TypeError):
        whole, old, parts = False, 0, []
    if not whole:
        raise SourceError("the map of rows has gaps, or rows that are made of none", path=place, hint="merge again")
    return _Vocabulary(folder, old, parts, len(rows["padded"]), sha256(place.read_bytes()).hexdigest())


def _check_base(
    checkpoint: Checkpoint, tensors: PieceTensors, vocabulary: _Vocabulary, tokenizer: str | Path
) -> str | None:
    """Refuse a vocabulary that was made for another model; say which of the model's files shows that it was not."""
    file, tensor = checkpoint.homes()[tensors.input]
    if tensor.shape[0] != vocabulary.old:
        hint = "merge the pieces into the tokenizer of this very model"
        if tensor.shape[0] == vocabulary.rows:
            hint = "the model has the rows of the merged vocabulary already"
        message = f"the base of {tokenizer} has {vocabulary.old:,} pieces, and the embeddings of the model have"
        raise UsageError(f"{message} other rows", path=file.path, value=tensor.shape[0], hint=hint)
    hint = "merge with the tokenizer.model of the model as --base"
    own = checkpoint.folder / "tokenizer.model"
    if own.is_file():
        if sha256(own.read_bytes()).hexdigest() != vocabulary.folder.row_map["base"].get("sha256"):
            raise UsageError(f"the base of {tokenizer} is another vocabulary than the model's", path=own, hint=hint)
        return own.name
    own = checkpoint.folder / "tokenizer.json"
    if own.is_file():
        known = read_json(own).get("model")
        pieces = known.get("vocab") if isinstance(known, dict) else None
        base = {piece.text: number for number, piece in enumerate(vocabulary.folder.model.pieces[: vocabulary.old])}
        if pieces != base:
            raise UsageError(f"the base of {tokenizer} has other pieces than the model's", path=own, hint=hint)
        return own.name
    return None


def _check_shapes(checkpoint: Checkpoint, tensors: PieceTensors, vocabulary: _Vocabulary) -> None:
    """Refuse a model of which another tensor must grow too, or whose rows are stored in a type without a mean."""
    larger = without_weights(config_of(checkpoint.folder, vocab_size=vocabulary.rows), checkpoint.folder)
    shapes = {name: tuple(value.shape) for name, value in larger.state_dict(keep_vars=True).items()}
    for name, (file, tensor) in checkpoint.homes().items():
        grown = (vocabulary.rows, *tensor.shape[1:]) if name in tensors.names else tensor.shape
        expected = shapes.get(name, shapes.get(f"{larger.base_model_prefix}.{name}", grown))
        if grown != expected:
            message = "the tensor does not fit the configuration with the new vocabulary"
            raise UsageError(message, path=file.path, value=name)
        if name in tensors.names and tensor.dtype not in DTYPES:
            hint = "extend the model before it is quantised"
            raise UsageError(f"rows of the type {tensor.dtype} cannot be added", path=file.path, value=name, hint=hint)


def _deviation(config: Any) -> float:
    value = getattr(config, "initializer_range", None)
    return float(value) if isinstance(value, int | float) and 0 < value < 1e3 else 0.02


def _write_weights(
    checkpoint: Checkpoint, tensors: PieceTensors, maker: RowMaker, folder: Path, listener: Listener
) -> dict[str, dict[str, str | None]]:
    homes = checkpoint.homes()
    total = sum(tensor.end - tensor.start for _, tensor in homes.values())
    listener.begin("extend", total, "B")
    done = 0

    def progress(size: int) -> None:
        nonlocal done
        done += size
        listener.update(done)

    # Of a tied matrix that is stored twice, both copies get the same rows.
    numbers = {name: 0 if tensors.tied else place for place, name in enumerate(tensors.names)}
    files: dict[str, dict[str, str | None]] = {}
    for file in checkpoint.files:
        added = {
            name: (maker.count, maker.blocks(file, file.tensors[name], number))
            for name, number in numbers.items()
            if name in file.tensors
        }
        before, after = copy_grown(file, folder / file.path.name, added, progress)
        files[file.path.name] = {"source": before, "result": after}
    listener.end(f"{maker.count:,} rows")
    return files


def _write_rest(
    checkpoint: Checkpoint, tensors: PieceTensors, vocabulary: _Vocabulary, folder: Path
) -> dict[str, dict[str, str | None]]:
    """Write everything but the weights; give the SHA-256 of each file before and after."""
    source, homes = checkpoint.folder, checkpoint.homes()
    special = {f"{role}_token_id": number for role, (number, _) in vocabulary.folder.model.special().items()}
    config = {**read_json(source / MODEL_CONFIG), "vocab_size": vocabulary.rows}
    contents = {MODEL_CONFIG: json_bytes(_with_special(config, special, vocabulary.old))}
    if (source / GENERATION_CONFIG).is_file():
        generation = read_json(source / GENERATION_CONFIG)
        contents[GENERATION_CONFIG] = json_bytes(_with_special(generation, special, vocabulary.old))
    if checkpoint.index is not None:
        grown = [homes[name][1] for name in tensors.names]
        numbers = [(vocabulary.rows - vocabulary.old) * _numbers_in_a_row(tensor.shape) for tensor in grown]
        sizes = [count * SIZES[tensor.dtype] for count, tensor in zip(numbers, grown, strict=True)]
        contents[INDEX] = json_bytes(_larger(checkpoint.index, sum(sizes), sum(numbers)))
    for name in TOKENIZER_FILES:
        if (vocabulary.folder.path / name).is_file():
            contents[name] = (vocabulary.folder.path / name).read_bytes()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    for path in _licences(source):
        shutil.copyfile(path, folder / path.name)
    names = [*contents, *(path.name for path in _licences(source))]
    return {name: {"source": _digest(source / name), "result": _digest(folder / name)} for name in names}


def _with_special(config: dict[str, Any], special: dict[str, int], old: int) -> dict[str, Any]:
    """Set the ids of special pieces to those of the tokenizer, and drop a padding id that is no row."""
    changed = dict(config)
    for role in ("bos_token_id", "eos_token_id", "pad_token_id"):
        present, own = changed.get(role), special.get(role)
        if own is not None:
            # Several pieces may end a text; the tokenizer's must be among them.
            if not (isinstance(present, list) and own in present):
                changed[role] = own
        elif isinstance(present, int) and not 0 <= present < old:
            changed[role] = None
    return changed


def _larger(index: dict[str, Any], size: int, numbers: int) -> dict[str, Any]:
    facts = dict(index.get("metadata") or {})
    for name, more in (("total_size", size), ("total_parameters", numbers)):
        if isinstance(facts.get(name), int | float):
            facts[name] = int(facts[name]) + more
    return {**index, "metadata": facts}


def _numbers_in_a_row(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape[1:]:
        count *= size
    return count


def _licences(source: Path) -> Iterator[Path]:
    for pattern in LICENCES:
        yield from sorted(path for path in source.glob(pattern) if path.is_file())


def _digest(path: Path) -> str | None:
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else None
