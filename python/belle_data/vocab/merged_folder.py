"""The folder of a merged vocabulary: what is in it, how it is written whole or not at all, and how it is read again."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import RunFolderError, SourceError, UsageError
from belle_data.vocab.chat_template import CHAT_TEMPLATE
from belle_data.vocab.merging import ADDED, MODES
from belle_data.vocab.piece_model import CONTROL, UNKNOWN, PieceModel, load_piece_model
from belle_data.vocab.tokenizer_json import tokenizer_json

if TYPE_CHECKING:
    from belle_data.vocab.merging import Merge

MODEL, TOKENIZER, CONFIG, SPECIAL = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
ROW_MAP, LEDGER, SUMMARY, CERTIFICATE = "row_map.json", "pieces.jsonl", "merge.json", "certificate.json"
MAX_LENGTH = 2048
"""Tokens of the longest text that the tokenizer promises to the model: LLaMA's, unless another number is given."""
# With this class transformers use tokenizer.json as it is; LlamaTokenizer has rules of its own for spaces.
_CLASS = "PreTrainedTokenizerFast"
_FILES = (MODEL, TOKENIZER, CONFIG, SPECIAL, ROW_MAP, LEDGER)


@dataclass(frozen=True, slots=True)
class MergedFolder:
    """A folder that `write_merged` made, read again.

    Attributes:
        path: Where it is.
        model: The merged model.
        tokenizer: The bytes of ``tokenizer.json``.
        summary: ``merge.json``.
        row_map: ``row_map.json``.
    """

    path: Path
    model: PieceModel
    tokenizer: bytes
    summary: dict[str, Any]
    row_map: dict[str, Any]

    def edited(self) -> list[str]:
        """Name the files whose bytes are not those that were written."""
        written = self.summary["files"]
        return [name for name in _FILES if written.get(name) != _digest(self.path / name)]


def write_merged(merge: Merge, out: str | Path, *, max_length: int = MAX_LENGTH, force: bool = False) -> dict[str, Any]:
    """Write everything that a merged vocabulary is used with.

    The folder appears when it is whole. Equal merges give equal bytes.

    Args:
        merge: The merge.
        out: The folder.
        max_length: Tokens of the longest text, for ``model_max_length``.
        force: Replace the folder of an earlier merge. Files of somebody else are never replaced.

    Returns:
        What ``merge.json`` holds.

    Raises:
        UsageError: The folder is in use, lies inside a file or in no folder, or the length is below 1.
        RunFolderError: It cannot be written.
    """
    if max_length < 1:
        raise UsageError("the longest text has at least 1 token", value=max_length)
    target = Path(out).absolute()
    check_out(target, force=force)
    contents = _contents(merge, max_length)
    summary = {
        "mode": merge.mode,
        **merge.counts(),
        "base_model": _model_facts(merge.base),
        "added_model": _model_facts(merge.add),
        "made_by": _versions(),
        "files": {name: sha256(content).hexdigest() for name, content in contents.items()},
    }
    contents[SUMMARY] = _json(summary)
    _place(contents, target)
    return summary


def names_in_place(out: str | Path) -> set[str]:
    """What lies where a folder is to be written; nothing where there is none yet.

    Raises:
        UsageError: It is a file or inside of one, its parent is missing, or it cannot be read.
    """
    target = Path(out).absolute()
    try:
        if target.exists() and not target.is_dir():
            raise UsageError("there is a file where the folder is to be written", path=out)
        if not target.parent.is_dir():
            what = "a file" if target.parent.exists() else "not there"
            raise UsageError(f"the folder cannot be written here: its parent is {what}", path=out)
        return {path.name for path in target.iterdir()} if target.exists() else set()
    except OSError as error:
        raise UsageError(f"the folder cannot be written here ({error.strerror})", path=out) from None


def check_out(out: str | Path, *, force: bool) -> None:
    """Refuse a place for the folder, before the work begins.

    Raises:
        UsageError: It is a file or inside of one, its parent is missing, or it holds something that stays.
    """
    present = names_in_place(out)
    foreign = sorted(present - {*_FILES, SUMMARY, CERTIFICATE})
    if foreign:
        hint = "name another folder; files that merge did not write are never replaced"
        raise UsageError("the folder holds other files", path=out, value=foreign[0], hint=hint)
    if present and not force:
        raise UsageError("there is a merged vocabulary already", path=out, hint="--force replaces it")


def read_merged(path: str | Path) -> MergedFolder:
    """Read the folder of a merge.

    Raises:
        UsageError: There is no such folder, or it was not made by a merge.
        SourceError: A file of it is missing, damaged, or not what it should be.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "this is a file, and no folder" if folder.exists() else "there is no such folder"
        raise UsageError(what, path=path, hint="name the folder that vocab merge wrote with --out")
    if not (folder / SUMMARY).is_file():
        hint = "check reads folders that vocab merge wrote"
        raise UsageError(f"the folder has no {SUMMARY}", path=path, hint=hint)
    for name in _FILES:
        if not (folder / name).is_file():
            raise SourceError(f"the folder has no {name}", path=path, hint="merge again")
    summary, row_map = _read_json(folder / SUMMARY), _read_json(folder / ROW_MAP)
    if not isinstance(summary.get("files"), dict) or summary.get("mode") not in MODES:
        raise SourceError("the file is not one that vocab merge wrote", path=folder / SUMMARY)
    kinds = {"new": list, "padded": list, "rows": int}
    if not all(isinstance(row_map.get(name), kind) for name, kind in kinds.items()):
        raise SourceError("the file is not one that vocab merge wrote", path=folder / ROW_MAP)
    tokenizer = folder / TOKENIZER
    _read_json(tokenizer)
    return MergedFolder(folder, load_piece_model(folder / MODEL), tokenizer.read_bytes(), summary, row_map)


def row_map(merge: Merge) -> dict[str, Any]:
    """Say what each row of the enlarged embedding matrix is made of.

    Returns:
        ``new`` has for each new row its id, its piece, and in ``from`` the ids of the base for that piece alone,
        without the dummy prefix: the mean of their rows is a good start.
        ``padded`` are the ids of rows that no text uses.
    """
    first = len(merge.base.pieces)
    new = merge.model.pieces[first:]
    parts = merge.base.processor(dummy_prefix=False).encode([piece.text for piece in new])
    return {
        "base": _model_facts(merge.base),
        "added": _model_facts(merge.add),
        "rows": merge.rows,
        "new": [
            {"id": first + place, "piece": piece.text, "from": ids}
            for place, (piece, ids) in enumerate(zip(new, parts, strict=True))
        ],
        "padded": list(range(len(merge.model.pieces), merge.rows)),
    }


def tokenizer_files(model: PieceModel, *, max_length: int = MAX_LENGTH) -> dict[str, bytes]:
    """Make the files with which transformers use a model: the model itself and what is written of it, by their names.

    Args:
        model: Without user-defined and unused pieces.
        max_length: Tokens of the longest text, for ``model_max_length``.
    """
    special = model.special()
    tokens = {f"{role}_token": text for role, (_, text) in special.items()}
    config = {
        "tokenizer_class": _CLASS,
        **tokens,
        "add_bos_token": "bos" in special,
        "add_eos_token": False,
        "added_tokens_decoder": {
            str(number): {
                "content": piece.text,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": True,
            }
            for number, piece in enumerate(model.pieces)
            if piece.type in {UNKNOWN, CONTROL}
        },
        "clean_up_tokenization_spaces": False,
        "model_max_length": max_length,
        "padding_side": "right",
        "chat_template": CHAT_TEMPLATE,
    }
    return {
        MODEL: model.content,
        TOKENIZER: tokenizer_json(model),
        CONFIG: _json(config),
        SPECIAL: _json(tokens),
    }


def _contents(merge: Merge, max_length: int) -> dict[str, bytes]:
    return {
        **tokenizer_files(merge.model, max_length=max_length),
        ROW_MAP: _rows_json(row_map(merge)),
        LEDGER: _ledger(merge),
    }


def _ledger(merge: Merge) -> bytes:
    lines = []
    for one in merge.candidates:
        new = merge.model.pieces[one.id] if one.decision == ADDED and one.id is not None else None
        line = {
            "added_id": one.add_id,
            "piece": one.piece.text,
            "decision": one.decision,
            "reason": one.reason,
            "id": one.id,
            "score": None if new is None else new.score,
        }
        lines.append(json.dumps(line, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _rows_json(rows: dict[str, Any]) -> bytes:
    """JSON with a line for each new row, so that it can be looked through."""
    head = {key: value for key, value in rows.items() if key not in {"new", "padded"}}
    new = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in rows["new"])
    start = json.dumps(head, ensure_ascii=False, indent=2).rstrip("}\n")
    return f'{start},\n  "new": [\n    {new}\n  ],\n  "padded": {json.dumps(rows["padded"])}\n}}\n'.encode()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8") + b"\n"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", path=path) from None
    except (ValueError, RecursionError):
        raise SourceError("the file is not valid JSON", path=path, hint="merge again") from None
    if not isinstance(value, dict):
        raise SourceError("the file holds no JSON object", path=path, hint="merge again")
    return value


def _model_facts(model: PieceModel) -> dict[str, Any]:
    return {"pieces": len(model.pieces), "bytes": len(model.content), "sha256": model.sha256}


def _versions() -> dict[str, str]:
    from importlib.metadata import version  # noqa: PLC0415 - a fiftieth of a second

    from belle_data import __version__  # noqa: PLC0415

    return {"belle-data": __version__, "sentencepiece": version("sentencepiece"), "protobuf": version("protobuf")}


def _digest(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _place(contents: dict[str, bytes], target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        temporary.mkdir()
        for name, content in contents.items():
            with (temporary / name).open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
        if target.exists():
            target.rename(old)
        temporary.rename(target)
    except OSError as error:
        raise RunFolderError(f"the folder cannot be written ({error.strerror})", path=target) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)
