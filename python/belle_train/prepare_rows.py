"""From the rows of shards to sequences of ids on disk: read, cut into pieces, cut to length, and named if left out.

What is left out is counted, and each such row is named in ``left_out.jsonl``.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from belle_data.errors import SourceError, UsageError
from belle_train.conversations import (
    BOUNDARY,
    NOTHING_LEARNED,
    OTHER_ROLE,
    REASONS,
    ROLES,
    check_prompt_is_a_prefix,
    encode,
    reason_against,
)
from belle_train.mixture import Member, named_sources, parse_mixture
from belle_train.packing import IGNORED
from belle_train.prepared import VERSION, Prepared, Sequences, finished, write_prepared
from belle_train.tokenizer import check_template, load_tokenizer, tokenizer_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from belle_data.engine.progress import Listener
    from belle_train.recipe import DataConfig

AT_ONCE = 1_000
_CHECKED = 100


@dataclass(frozen=True, slots=True)
class SeenRow:
    """A row, and what it became.

    Attributes:
        source: Its data set.
        number: Its place in it, from 0.
        id: Its id.
        reason: Why it is left out; None if it is not.
        pieces: Ids, cut to the longest sequence; None for a row that was left out before it was cut into pieces.
        learned: For each piece, whether it is learned.
        length: Pieces before anything was cut off.
    """

    source: str
    number: int
    id: str | None
    reason: str | None
    pieces: NDArray[np.int32] | None = None
    learned: NDArray[np.bool_] | None = None
    length: int = 0


def prepare_conversations(
    inputs: Sequence[str],
    sources: Sequence[str],
    tokenizer_folder: str | Path,
    config: DataConfig,
    out: Path,
    listener: Listener,
    limit: int | None = None,
    see: Callable[[SeenRow], None] | None = None,
) -> Prepared:
    """Make the sequences of rows, or take them as they are if `out` has those of the same rows and settings.

    Args:
        inputs: Files, folders, globs of rows in any format of `belle_data`; the shards of a run, for example.
        sources: ``NAME=PATH`` for the names of a mixture.
        tokenizer_folder: Has the tokenizer and its chat template.
        config: Length, packing, share held out, mixture.
        out: The folder for them.
        listener: Is told about the progress.
        limit: Only so many rows of each input.
        see: Is shown every row, unless the sequences are there already. Of each thousand rows those that are left out
            before they are cut into pieces come first.

    Raises:
        UsageError: The inputs and the mixture do not go together.
        SourceError: Rows, tokenizer or template cannot be used, or no row is left.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    check_template(tokenizer, tokenizer_folder)
    members = _members(inputs, sources, config)
    prepared = Prepared()
    rows: list[tuple[str, str, pa.Array]] = []
    for member, names in members:
        rows.append((member.name, *_read(names, member.language, limit, prepared, listener)))
    settings = {"version": VERSION, "tokenizer": tokenizer_hash(tokenizer), **config.model_dump(), "limit": limit}
    named = [[source["hash"], source["rows"], source["language"]] for source in prepared.sources]
    prepared.fingerprint = sha256(json.dumps([settings, named]).encode()).hexdigest()
    known = finished(out, prepared.fingerprint)
    if known is not None:
        return known
    left_out: list[dict[str, Any]] = []
    sequences = Sequences()
    special = sorted({str(token) for token in tokenizer.all_special_tokens})
    for source, ids, turns in rows:
        _encode_all(source, ids, turns, (tokenizer, special, config), (prepared, sequences, left_out), listener, see)
    prepared.left_out = dict(sorted(Counter(row["reason"] for row in left_out).items()))
    if not sequences.ids:
        reasons = ", ".join(f"{name}: {REASONS[name]} ({count:,} rows)" for name, count in prepared.left_out.items())
        raise SourceError("no row is left to learn", hint=reasons or "the inputs, or the mixture, have no row")
    write_prepared(out, prepared, sequences, left_out, config)
    return prepared


def _members(inputs: Sequence[str], sources: Sequence[str], config: DataConfig) -> list[tuple[Member, list[str]]]:
    known = named_sources(list(sources))
    if config.mixture is None:
        if known:
            raise UsageError(
                "--source names data sets for a mixture, and the recipe has none", hint="--mixture, or --data"
            )
        if not inputs:
            raise UsageError("no data is named", hint="--data runs/x/shards")
        return [(Member("data"), list(inputs))]
    if inputs:
        raise UsageError("a mixture takes its data from --source NAME=PATH, not from --data")
    members = parse_mixture(config.mixture)
    missing = [member.name for member in members if member.name not in known]
    if missing:
        hint = f"--source {missing[0]}=PATH"
        raise UsageError("the mixture names data sets that no --source gives", value=missing, hint=hint)
    unused = sorted(set(known) - {member.name for member in members})
    if unused:
        raise UsageError("the mixture does not have this data set", value=unused[0], hint=config.mixture)
    return [(member, [known[member.name]]) for member in members]


def _read(
    names: list[str], language: str | None, limit: int | None, prepared: Prepared, listener: Listener
) -> tuple[pa.Array, pa.Array]:
    """Ids and turns of the rows in a language."""
    from belle_data import _native  # noqa: PLC0415
    from belle_data.config import load_recipe  # noqa: PLC0415 - a tenth of a second
    from belle_data.page.input_rows import read_rows  # noqa: PLC0415

    parts: list[Any] = []
    overrides: dict[str, Any] = {} if limit is None else {"input": {"limit": limit}}
    corpus, summary = read_rows(
        tuple(names),
        load_recipe(None, [], overrides),
        [lambda batch: parts.append(pa.record_batch(batch))],
        None,
        listener,
    )
    table = pa.Table.from_batches(parts).select(["id", "turns"])
    if language is not None:
        languages = pa.record_batch(_native.row_languages(corpus, None))["language"].to_numpy()
        number = _native.language_names().index(language)
        table = table.filter(pa.array(languages == number))
    for source in summary.sources:
        facts = {name: getattr(source, name) for name in ("name", "size", "hash", "rows")}
        prepared.sources.append({**facts, "language": language})
    prepared.rows += len(table)
    return table["id"].combine_chunks(), table["turns"].combine_chunks()


def _encode_all(
    source: str,
    ids: pa.Array,
    turns: pa.Array,
    how: tuple[Any, list[str], DataConfig],
    into: tuple[Prepared, Sequences, list[dict[str, Any]]],
    listener: Listener,
    see: Callable[[SeenRow], None] | None,
) -> None:
    tokenizer, special, config = how
    prepared, sequences, left_out = into
    listener.begin("tokenise", len(turns), "rows")
    for start in range(0, len(turns), AT_ONCE):
        numbers, conversations = [], []
        for number, conversation in enumerate(_conversations(turns.slice(start, AT_ONCE)), start):
            reason = reason_against(conversation, special)
            if reason == OTHER_ROLE and config.other_roles == "error":
                role = next(turn["role"] for turn in conversation if turn["role"] not in ROLES)
                hint = "leave such rows out with --set data.other_roles=leave-out"
                raise SourceError(
                    f"a row has a turn of the role {role!r}", path=source, value=ids[number].as_py(), hint=hint
                )
            if reason is not None:
                left_out.append({"source": source, "row": number, "id": ids[number].as_py(), "reason": reason})
                if see is not None:
                    see(SeenRow(source, number, ids[number].as_py(), reason))
                continue
            numbers.append(number)
            conversations.append(conversation)
        encoded = encode(tokenizer, conversations)
        if start == 0:
            check_prompt_is_a_prefix(tokenizer, conversations[:_CHECKED], encoded[:_CHECKED])
        for number, one in zip(numbers, encoded, strict=True):
            pieces = np.array(one.ids[: config.max_length], np.int32)
            learned = np.array(one.learned[: config.max_length], bool)
            # The first piece of a sequence has none before it to be told from.
            learned[:1] = False
            reason = BOUNDARY if one.boundary else NOTHING_LEARNED if not learned.any() else None
            if see is not None:
                see(SeenRow(source, number, ids[number].as_py(), reason, pieces, learned, len(one.ids)))
            if reason is not None:
                left_out.append({"source": source, "row": number, "id": ids[number].as_py(), "reason": reason})
                continue
            prepared.cut += len(one.ids) > config.max_length
            prepared.conversations += 1
            sequences.ids.append(pieces)
            sequences.labels.append(np.where(learned, pieces, np.int32(IGNORED)))
        listener.update(min(start + AT_ONCE, len(turns)))
    listener.end(f"{len(turns):,} rows")


def _conversations(turns: pa.Array) -> Iterator[list[dict[str, str]]]:
    for row in turns.to_pylist():
        yield [{"role": turn["role"], "content": turn["text"]} for turn in row]
