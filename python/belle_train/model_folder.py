"""Folders of models: written whole or not at all, and never over what somebody else put there."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import RunFolderError, SourceError, UsageError
from belle_data.vocab.merged_folder import names_in_place

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL_CONFIG, GENERATION_CONFIG = "config.json", "generation_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)
LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*")
_PARTS = (*TOKENIZER_FILES, *LICENCES, MODEL_CONFIG, GENERATION_CONFIG, INDEX, "*.safetensors")
_BLOCK = 4 << 20


def check_model(path: str | Path) -> Path:
    """Refuse what is no folder of a model.

    Raises:
        UsageError: There is no such folder, or it has no ``config.json``.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "this is a file, and no folder" if folder.exists() else "there is no such folder"
        raise UsageError(what, path=path, hint="name the folder of a model, with config.json and model.safetensors")
    if not (folder / MODEL_CONFIG).is_file():
        hint = "an adapter is made a model by merge-lora" if (folder / "adapter_config.json").is_file() else None
        raise UsageError(f"the folder has no {MODEL_CONFIG}, so it is no model", path=path, hint=hint)
    return folder


def check_out(out: str | Path, *, marker: str, force: bool) -> None:
    """Refuse a place for a model, before the work begins.

    Args:
        out: The folder.
        marker: The file that only the command writes: a folder without it is never replaced.
        force: Whether a folder with it may be replaced.

    Raises:
        UsageError: It is a file or inside of one, its parent is missing, or it holds something that stays.
    """
    present = names_in_place(out)
    if not present:
        return
    known = (*_PARTS, marker)
    foreign = sorted(name for name in present if not any(fnmatch(name, pattern) for pattern in known))
    if marker not in present or foreign:
        hint = "name another folder; what this command did not write is never replaced"
        value = foreign[0] if foreign else min(present)
        raise UsageError("the folder holds other files", path=out, value=value, hint=hint)
    if not force:
        raise UsageError("there is a model of this command already", path=out, hint="--force replaces it")


@contextmanager
def new_folder(out: str | Path, *, marker: str, force: bool) -> Iterator[Path]:
    """Give a folder to write into, which takes its name when the block ends well and goes when it does not.

    Raises:
        UsageError: As `check_out`.
        RunFolderError: It cannot be written.
    """
    check_out(out, marker=marker, force=force)
    target = Path(out).absolute()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        temporary.mkdir()
        yield temporary
        for path in sorted(temporary.iterdir()):
            _flush(path)
        _flush(temporary)
        if target.exists():
            target.rename(old)
        temporary.rename(target)
        _flush(target.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFolderError(f"the folder cannot be written ({reason})", path=target) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a file with one JSON object.

    Raises:
        SourceError: It cannot be read, or is something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", path=path) from None
    except (ValueError, RecursionError):
        raise SourceError("the file is not valid JSON", path=path) from None
    if not isinstance(value, dict):
        raise SourceError("the file holds no JSON object", path=path)
    return value


def json_bytes(value: Any) -> bytes:
    """JSON as the files of a model have it: indented, with a line feed at its end."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8") + b"\n"


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits.

    Raises:
        SourceError: It cannot be read.
    """
    seen = sha256()
    try:
        with path.open("rb") as handle:
            while block := handle.read(_BLOCK):
                seen.update(block)
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", path=path) from None
    return seen.hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """The versions of this package and others."""
    from importlib.metadata import version  # noqa: PLC0415 - a fiftieth of a second

    from belle_data import __version__  # noqa: PLC0415

    return {"belle-data": __version__, **{package: version(package) for package in packages}}


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
