"""From plain text to sequences of ids on disk, for the embeddings of new pieces."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_data.errors import SourceError, UsageError
from belle_data.vocab.texts import each_unit
from belle_train.conversations import REASONS, SPECIAL_PIECE
from belle_train.packing import IGNORED
from belle_train.prepared import VERSION, Prepared, Sequences, finished, write_prepared
from belle_train.tokenizer import load_tokenizer, tokenizer_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from belle_data.engine.progress import Listener
    from belle_data.vocab.texts import Unit
    from belle_train.recipe import DataConfig


def prepare_text(
    names: Sequence[str],
    tokenizer_folder: str | Path,
    config: DataConfig,
    out: Path,
    listener: Listener,
    limit: int | None = None,
) -> Prepared:
    """Make sequences of texts, or take them as they are if `out` has those of the same texts and settings.

    A text begins with the piece that begins a text (BOS) and ends with that which ends one (EOS), where the tokenizer
    has them. A longer one is cut into several; a piece is told from those before it in its own part only.

    Args:
        names: Files of plain text, a text a line, or of rows, whose turns are texts.
        tokenizer_folder: Has the tokenizer.
        config: Length, packing and share held out.
        out: The folder for them.
        listener: Is told about the progress.
        limit: Only so many lines or rows.

    Raises:
        UsageError: No file is named, or one is not there.
        SourceError: A file cannot be read, or no text is left.
    """
    if not names:
        raise UsageError("no text is named", hint="--text zh.txt")
    tokenizer = load_tokenizer(tokenizer_folder)
    backend: Any = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    special = sorted({str(token) for token in tokenizer.all_special_tokens})
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    content, left_out = sha256(), Counter[str]()
    prepared, sequences = Prepared(), Sequences()

    def take(units: list[Unit]) -> None:
        texts = []
        for unit in units:
            prepared.rows += 1
            for text in unit:
                content.update(text.encode("utf-8", "surrogatepass") + b"\0")
                if any(piece in text for piece in special):
                    left_out[SPECIAL_PIECE] += 1
                elif text.strip():
                    texts.append(text)
        for encoding in backend.encode_batch(texts, add_special_tokens=False):
            pieces = np.array([*start, *encoding.ids, *end], np.int32)
            prepared.conversations += 1
            prepared.cut += len(pieces) > config.max_length
            for place in range(0, len(pieces), config.max_length):
                part = pieces[place : place + config.max_length]
                if len(part) < 2:
                    continue
                sequences.ids.append(part)
                sequences.labels.append(np.concatenate([np.full(1, IGNORED, np.int32), part[1:]]))

    each_unit(names, take, listener, limit)
    settings = {"version": VERSION, "text": True, "tokenizer": tokenizer_hash(tokenizer), **config.model_dump()}
    prepared.fingerprint = sha256(json.dumps([settings, content.hexdigest()]).encode()).hexdigest()
    prepared.sources = [{"name": name, "hash": content.hexdigest()} for name in names]
    prepared.left_out = dict(left_out)
    known = finished(out, prepared.fingerprint)
    if known is not None:
        return known
    if not sequences.ids:
        reasons = ", ".join(f"{name}: {REASONS[name]} ({count:,})" for name, count in left_out.items())
        raise SourceError("no text is left to learn", hint=reasons or "the files have no text")
    write_prepared(out, prepared, sequences, [], config)
    return prepared
