"""``dataset_info.json`` of LLaMA-Factory: what it says about files, and entries for files that are written.

The file is an object with one description per data set: where the rows are (``file_name``), their ``formatting``
(``alpaca`` or ``sharegpt``), the names of their ``columns``, and for lists of turns the names in a turn, the ``tags``.
"""

from __future__ import annotations

import difflib
import json
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import RecipeError, RunFolderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from belle_data import _native
    from belle_data.sources import Source

NAME = "dataset_info.json"
_FORMATTINGS = ("alpaca", "sharegpt", "openai")
_ELSEWHERE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
_KEYS = (
    "file_name",
    "formatting",
    "ranking",
    "columns",
    "tags",
    "subset",
    "split",
    "folder",
    "num_samples",
    "revision",
    *_ELSEWHERE,
)
_INSTRUCTION = {"prompt": "instruction", "query": "input", "response": "output", "history": "history"}
_COMMON = {"system": "system", "chosen": "chosen", "rejected": "rejected"}
_MEDIA = ("tools", "images", "videos", "audios", "kto_tag")
_COLUMNS = (*_INSTRUCTION, "messages", *_COMMON, *_MEDIA)
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
# Spellings that the readers take for the speaker by themselves.
_SPEAKERS = {
    "user_tag": ("human", "user"),
    "assistant_tag": ("gpt", "assistant"),
    "observation_tag": ("observation", "tool"),
    "function_tag": ("function_call",),
    "system_tag": ("system",),
}
# All spellings that the readers know, in lower case.
_TAG_OF_SPELLING = {
    **dict.fromkeys(("human", "user", "prompter", "question"), "user_tag"),
    **dict.fromkeys(("gpt", "assistant", "bot", "chatgpt", "bard", "bing", "model", "answer"), "assistant_tag"),
    **dict.fromkeys(("system", "developer"), "system_tag"),
    **dict.fromkeys(("function_call", "tool_call", "tool_calls"), "function_tag"),
    **dict.fromkeys(("observation", "tool", "function", "function_response", "tool_response"), "observation_tag"),
}
_SAMPLE_BYTES = 1 << 20


class DatasetInfoError(RecipeError):
    """One mistake in a ``dataset_info.json``, or several: then `mistakes` holds each of them."""


@dataclass(frozen=True, slots=True)
class Description:
    """What is said about one data set.

    `columns` and `tags` map LLaMA-Factory's names to those in the data; a column that is not named is not there.
    """

    name: str
    file_name: str
    """As written: relative to the folder of the file, a file or a folder."""
    formatting: str
    columns: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def format(self) -> str:
        """The name of the format in which the rows are read, once they have its names."""
        if self.formatting == "alpaca":
            return "text" if set(self.columns) & {"prompt", "query", "response", "chosen"} == {"prompt"} else "alpaca"
        return "messages" if (self.tags["role_tag"], self.tags["content_tag"]) == ("role", "content") else "sharegpt"

    def names(self) -> _native.Names | None:
        """What the native code needs to see the fields; None if all have the names of the format."""
        from belle_data import _native  # noqa: PLC0415 - loads the kernels

        form = self.format
        if form in {"alpaca", "text"}:
            standard = {**_INSTRUCTION, **_COMMON} if form == "alpaca" else {**_COMMON, "prompt": "text"}
            keys = [(own, standard[column]) for column, own in self.columns.items() if column in standard]
            names = _native.Names(keys, None, [], None, [])
        else:
            turns = "messages" if form == "messages" else "conversations"
            standard = {**_COMMON, "messages": turns}
            keys = [(own, standard[column]) for column, own in self.columns.items() if column in standard]
            speaker, said = self.tags["role_tag"], self.tags["content_tag"]
            items = [] if form == "messages" else [(speaker, "from"), (said, "value")]
            speakers = [
                (tag, tag if tag in known else _TAGS[which])
                for which, known in _SPEAKERS.items()
                if (tag := self.tags.get(which)) is not None
            ]
            names = _native.Names(keys, self.columns["messages"], items, speaker, speakers)
        return None if names.is_standard() else names


@dataclass(slots=True)
class _Mistakes:
    path: Path
    found: list[RecipeError] = field(default_factory=list)

    def add(self, key: str, message: str, value: object = None, hint: str | None = None) -> None:
        self.found.append(DatasetInfoError(f"`{key}` {message}", path=self.path, value=value, hint=hint))

    def unknown(self, key: str, kind: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(key.rpartition(".")[2], known, n=1, cutoff=0.6)
        start = f"did you mean {near[0]}? " if near else ""
        self.add(key, f"is no {kind}", hint=f"{start}known here: {', '.join(known)}")


def split_name(given: str) -> tuple[Path, str | None]:
    """Cut ``FILE[:name]``; a file whose own name has a colon is taken as it is."""
    if not Path(given).exists() and ":" in given:
        path, _, name = given.rpartition(":")
        if path and name:
            return Path(path), name
    return Path(given), None


def load_dataset_info(given: str) -> dict[str, Description]:
    """Read the descriptions of ``FILE[:name]``; only those of local files, or only the one named.

    Raises:
        UsageError: There is no such file, or no data set of that name in it.
        DatasetInfoError: It is no JSON object, or there are mistakes in it; all of them are named.
    """
    path, name = split_name(given)
    if path.is_dir():
        path = path / NAME
    try:
        entries: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror})", path=path, hint=f"name a {NAME}") from None
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise DatasetInfoError(f"is not JSON ({error})", path=path, line=line) from None
    if not isinstance(entries, dict):
        raise DatasetInfoError("must be an object with one description per data set", path=path)
    if name is not None:
        if name not in entries:
            near = difflib.get_close_matches(name, list(entries), n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"it describes {', '.join(list(entries)[:20]) or 'nothing'}"
            raise UsageError("there is no data set of that name", path=path, value=name, hint=hint)
        entries = {name: entries[name]}
    mistakes = _Mistakes(path)
    described = {key: _description(key, entry, mistakes, named=name is not None) for key, entry in entries.items()}
    if mistakes.found:
        if len(mistakes.found) == 1:
            raise mistakes.found[0]
        heading = f"{len(mistakes.found)} mistakes in the descriptions of data sets"
        raise DatasetInfoError(heading, mistakes=mistakes.found, path=path)
    return {key: description for key, description in described.items() if description is not None}


def _description(name: str, entry: Any, mistakes: _Mistakes, *, named: bool) -> Description | None:
    if not isinstance(entry, dict):
        mistakes.add(name, "must be an object", value=entry)
        return None
    for key in entry:
        if key not in _KEYS:
            mistakes.unknown(f"{name}.{key}", "key of a description", _KEYS)
    formatting = entry.get("formatting", "alpaca")
    if formatting not in _FORMATTINGS:
        mistakes.add(f"{name}.formatting", f"must be one of {', '.join(_FORMATTINGS)}", value=formatting)
    tags = _names(name, "tags", entry, (*_TAGS, "tool_calls_tag"), mistakes)
    columns = _columns(name, entry, formatting, mistakes)
    file_name = entry.get("file_name")
    if file_name is None:
        elsewhere = next((key for key in _ELSEWHERE if key in entry), None)
        if elsewhere is None:
            mistakes.add(name, "does not name a `file_name`")
        elif named:
            hint = "name the files themselves; hf://datasets/... reads from the Hugging Face hub"
            mistakes.add(f"{name}.{elsewhere}", "is no local file", value=entry[elsewhere], hint=hint)
        return None
    if not isinstance(file_name, str) or not file_name:
        mistakes.add(f"{name}.file_name", "must be the name of a file or folder", value=file_name)
        return None
    return Description(name, file_name, formatting, columns, {**_TAGS, **(tags or {})})


def _columns(name: str, entry: Mapping[str, Any], formatting: object, mistakes: _Mistakes) -> dict[str, str]:
    columns = _names(name, "columns", entry, _COLUMNS, mistakes)
    lists = formatting != "alpaca"
    if columns is None:
        columns = {"messages": "conversations"} if lists else {"prompt": "instruction", "query": "input"}
        if not lists:
            columns["response"] = "output"
    elif (needed := "messages" if lists else "prompt") not in columns:
        mistakes.add(f"{name}.columns", f"does not name `{needed}`", hint=f"a data set of {formatting} needs it")
    ranking = entry.get("ranking", False)
    if not isinstance(ranking, bool):
        mistakes.add(f"{name}.ranking", "must be true or false", value=ranking)
    elif ranking:
        columns = {"chosen": "chosen", "rejected": "rejected", **columns}
    _check_distinct(f"{name}.columns", columns, mistakes)
    return columns


def _names(
    name: str, table: str, entry: Mapping[str, Any], known: Sequence[str], mistakes: _Mistakes
) -> dict[str, str] | None:
    if entry.get(table) is None:
        return None
    values = entry[table]
    if not isinstance(values, dict):
        mistakes.add(f"{name}.{table}", "must be an object", value=values)
        return {}
    names = {}
    for key, value in values.items():
        if key not in known:
            mistakes.unknown(f"{name}.{table}.{key}", table.removesuffix("s"), known)
        elif isinstance(value, str) and value:
            names[key] = value
        elif value is not None:
            mistakes.add(f"{name}.{table}.{key}", "must be a name", value=value)
    return names


def _check_distinct(key: str, columns: Mapping[str, str], mistakes: _Mistakes) -> None:
    taken: dict[str, str] = {}
    for column, own in columns.items():
        if own in taken:
            mistakes.add(f"{key}.{column}", f"has the name of `{taken[own]}` too", value=own)
        taken[own] = column


def described_sources(inputs: Sequence[str], given: str) -> list[Source]:
    """Find the sources; each holds in `dataset` what ``FILE[:name]`` says about it.

    Args:
        inputs: As for `find_sources`. None at all stands for the files that are described. With a name, all inputs are
            files of that data set; without one, each must be the file, or lie in the folder, of one description.
        given: ``FILE[:name]``; a folder stands for the ``dataset_info.json`` in it.

    Raises:
        UsageError: Nothing is described, or an input by none.
        DatasetInfoError: There are mistakes; all of them are named.
        SourceError: A file cannot be read.
    """
    from belle_data.sources import find_sources  # noqa: PLC0415

    path, name = split_name(given)
    described = load_dataset_info(given)
    folder = path if path.is_dir() else path.parent
    if not described:
        raise UsageError("no local file is described", path=path)
    if not inputs:
        return [
            replace(source, dataset=description)
            for description in described.values()
            for source in find_sources([str(folder / description.file_name)])
        ]
    sources = find_sources(inputs)
    if name is not None:
        return [replace(source, dataset=described[name]) for source in sources]
    places = {(folder / description.file_name).resolve(): description for description in described.values()}
    pairs: list[Source] = []
    for source in sources:
        own = Path(source.location).resolve()
        found = next((places[place] for place in (own, *own.parents) if place in places), None)
        if found is None:
            hint = f"name the data set: --dataset-info {path}:{next(iter(described))}"
            raise UsageError("no data set is described as this file", path=source.name, hint=hint)
        pairs.append(replace(source, dataset=found))
    return pairs


def first_rows(paths: Iterable[Path], most: int = _SAMPLE_BYTES) -> list[dict[str, Any]]:
    """Read the rows at the start of files without compression, up to `most` bytes of each; an empty file gives none.

    Rows that Python's parser refuses (long numbers, deep nesting) are left out.

    Raises:
        RunFolderError: A file cannot be read.
    """
    rows = []
    for path in paths:
        try:
            with path.open("rb") as handle:
                lines = handle.readlines(most)
        except OSError as error:
            raise RunFolderError(f"cannot be read ({error.strerror})", path=path) from None
        for line in lines:
            try:
                row: Any = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                rows.append(row)
    return rows


def dataset_entry(
    file_name: str, to: str, keys: Iterable[str] = (), rows: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Describe written rows, so that LLaMA-Factory trains on them as they are.

    Args:
        file_name: A file, or a folder of files, relative to the folder of the ``dataset_info.json``.
        to: The format of the rows: alpaca, belle, sharegpt, messages or text.
        keys: Keys that at least one row has. Of system, history, tools, images, videos and audios those are named as
            columns: one that no row has would stop the training. ``tool_calls``: a turn of a message has calls.
        rows: Some of the rows. A row that has the shape already is written as it was, so they tell how the speakers are
            spelled, whether messages have calls, and whether `tools` is a list.
    """
    there, rows = set(keys), list(rows)
    # LLaMA-Factory reads tools from JSON in a string, and stops at a list; only its `openai` takes one.
    listed = any(isinstance(row.get("tools"), list | dict) for row in rows)
    if listed and to not in {"messages", "sharegpt"}:
        there.discard("tools")
    also: dict[str, str] = {key: key for key in ("system", "tools", "images", "videos", "audios") if key in there}
    if to == "text":
        return {"file_name": file_name, "columns": {"prompt": "text"}}
    if to in {"alpaca", "belle"}:
        columns = {"prompt": "instruction", "query": "input", "response": "output", **also}
        if "history" in there:
            columns["history"] = "history"
        return {"file_name": file_name, "formatting": "alpaca", "columns": columns}
    if to == "sharegpt":
        columns = {"messages": "conversations", **also}
        tags = _spelled(_TAGS, "conversations", rows)
        formatting = "openai" if listed else "sharegpt"
        return {"file_name": file_name, "formatting": formatting, "columns": columns, "tags": tags}
    tags = {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "observation_tag": "tool",
        "function_tag": "function_call",
        "system_tag": "system",
    }
    calls = "tool_calls" in there or any(turn.get("tool_calls") for row in rows for turn in _turns(row, "messages"))
    return {
        "file_name": file_name,
        "formatting": "openai" if calls or listed else "sharegpt",
        "columns": {"messages": "messages", **also},
        "tags": _spelled(tags, "messages", rows),
    }


def plain_entry(file_name: str, to: str) -> dict[str, Any]:
    """Describe rows that were written with ``convert --plain``, which all have the same keys.

    Args:
        file_name: As for `dataset_entry`.
        to: As for `dataset_entry`.
    """
    if to in {"alpaca", "belle"}:
        return dataset_entry(file_name, to, ("system", "history", "tools"))
    return dataset_entry(file_name, to, ("tools",))


def why_undescribed(to: str, keys: Iterable[str]) -> str | None:
    """Say why no entry can tell LLaMA-Factory how to read all rows; None if one can.

    Args:
        to: The format of the rows.
        keys: Keys that at least one row has. It reads answers from one key only, and drops rows without it.
    """
    if to == "belle" and "target" in set(keys):
        return "LLaMA-Factory would drop the rows with `target`: write them with --to alpaca"
    return None


def _turns(row: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    turns = row.get(key)
    return [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []


def _spelled(tags: Mapping[str, str], key: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The tags as most turns have them; those of `tags` where there is no turn to tell."""
    names: Counter[tuple[str, str]] = Counter()
    speakers: dict[str, Counter[str]] = {tag: Counter() for tag in _SPEAKERS}
    for row in rows:
        for turn in _turns(row, key):
            speaker = next((name for name in ("from", "role") if isinstance(turn.get(name), str)), None)
            said = next((name for name in ("value", "content", "text") if name in turn), None)
            if speaker is None or said is None:
                continue
            names[speaker, said] += 1
            tag = _TAG_OF_SPELLING.get(turn[speaker].lower())
            if tag is not None:
                speakers[tag][turn[speaker]] += 1
    spelled = dict(tags)
    if names:
        ((spelled["role_tag"], spelled["content_tag"]), _), *_ = names.most_common(1)
    spelled |= {tag: seen.most_common(1)[0][0] for tag, seen in speakers.items() if seen}
    return spelled


def write_dataset_info(folder: Path, entries: Mapping[str, Mapping[str, Any] | None]) -> Path | None:
    """Put entries into the ``dataset_info.json`` of a folder; others that are there stay.

    An entry of None goes, if it is there. Gives the file's path, and None if there is nothing to describe and no file.

    Raises:
        RunFolderError: It cannot be written.
        DatasetInfoError: The file that is there is no JSON object.
    """
    path = folder / NAME
    temporary = folder / f"{NAME}.tmp"
    try:
        before: Any = json.loads(path.read_bytes()) if path.exists() else {}
        if not isinstance(before, dict):
            raise DatasetInfoError("must be an object with one description per data set", path=path)
        gone = {name for name, entry in entries.items() if entry is None}
        after = {name: entry for name, entry in {**before, **entries}.items() if name not in gone}
        if not after:
            path.unlink(missing_ok=True)
            return None
        text = json.dumps(after, ensure_ascii=False, indent=2) + "\n"
        with temporary.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise RunFolderError(f"cannot be written ({error.strerror})", path=path) from None
    except ValueError as error:
        hint = "repair or remove it; the new entries are to stand beside those that are there"
        raise DatasetInfoError(f"is not JSON ({error})", path=path, hint=hint) from None
    return path
