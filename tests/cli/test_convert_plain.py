"""``convert --plain``, calls of tools, and descriptions that leave no row out: what other programs train on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.json
import pytest

from belle_data import convert
from belle_data.dataset_info import described_sources

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
KEYS = {
    "alpaca": ["instruction", "input", "output", "system", "history", "tools"],
    "belle": ["instruction", "input", "output", "system", "history", "tools"],
    "sharegpt": ["conversations", "tools"],
    "messages": ["messages", "tools"],
}
# The loaders of training programs read so much at once and take the types of all rows from the first piece.
PIECE = 10 << 20


def openai_call(arguments: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(arguments, ensure_ascii=False)
    return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": text}}


def tool_row(call: dict[str, Any]) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": "北京今天多少度？"},
            {"role": "assistant", "content": None, **call},
            {"role": "tool", "tool_call_id": "call_1", "content": "25"},
            {"role": "assistant", "content": "二十五度。"},
        ],
        "tools": TOOLS,
    }


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def types_of(lines: list[bytes]) -> pa.Schema:
    # In one block: between blocks, Arrow cannot make a list of lists of an empty list.
    whole = pyarrow.json.ReadOptions(block_size=4 * PIECE)
    return pyarrow.json.read_json(pa.BufferReader(b"".join(lines)), read_options=whole).schema


def types_of_pieces(path: Path) -> set[pa.Schema]:
    lines = path.read_bytes().splitlines(keepends=True)
    schemas, piece, size = set(), list[bytes](), 0
    for line in [*lines, b""]:
        piece.append(line)
        size += len(line)
        if size > PIECE or not line:
            schemas.add(types_of(piece))
            piece, size = [], 0
    return schemas


def test_calls_of_messages_become_text_that_training_reads(belle: Shell) -> None:
    rows = [
        tool_row({"tool_calls": [openai_call({"city": "北京"}), openai_call({})]}),
        tool_row({"function_call": openai_call({"city": "上海"})["function"]}),
    ]
    path = belle.write("in.jsonl", [json.dumps(row, ensure_ascii=False) for row in rows])
    assert belle.here("convert", path, "--to", "sharegpt", "--out", "there.jsonl").code == 0
    calls = [row["conversations"][1] for row in rows_of(belle.folder / "there.jsonl")]
    assert [call["from"] for call in calls] == ["function_call", "function_call"]
    assert [json.loads(call["value"]) for call in calls] == [
        [{"name": "weather", "arguments": {"city": "北京"}}, {"name": "weather", "arguments": {}}],
        {"name": "weather", "arguments": {"city": "上海"}},
    ]
    assert belle.here("convert", "there.jsonl", "--to", "messages", "--out", "back.jsonl").code == 0
    assert (belle.folder / "back.jsonl").read_bytes() == path.read_bytes()
    # The stages of `clean` write the same.
    assert belle.here("clean", path, "--to", "sharegpt", "--out", "run").code == 0
    kept = rows_of(belle.folder / "run" / "shards" / "part-00000.jsonl")
    assert kept[0]["conversations"][1] == calls[0]


@pytest.mark.parametrize("value", ['{"name": "w", "arguments": {"a": 1}}', '[{"name":"w","arguments":{}}]', "w(1)"])
def test_calls_of_turns_become_messages_with_a_text(belle: Shell, value: str) -> None:
    turns = [{"from": "human", "value": "q"}, {"from": "function_call", "value": value}]
    path = belle.write("in.jsonl", [json.dumps({"conversations": turns})])
    assert belle.here("convert", path, "--to", "messages", "--out", "there").code == 0
    (row,) = rows_of(belle.folder / "there" / "in.jsonl")
    assert row == {"messages": [{"role": "user", "content": "q"}, {"role": "function_call", "content": value}]}
    entry = json.loads((belle.folder / "there" / "dataset_info.json").read_bytes())["in"]
    assert (entry["formatting"], entry["tags"]["function_tag"]) == ("sharegpt", "function_call")
    assert belle.here("convert", "there/in.jsonl", "--to", "sharegpt", "--out", "back.jsonl").code == 0
    assert (belle.folder / "back.jsonl").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("to", list(KEYS))
def test_plain_rows_have_the_same_keys_and_types(belle: Shell, to: str) -> None:
    rows: list[dict[str, Any]] = [
        {"instruction": "q", "output": "a", "id": 1},
        {"id": "x", "instruction": "q", "input": None, "output": None, "meta": [1, "x"]},
        {"input": "Human: q\n\nAssistant:", "target": "a", "meta": {"a": 1}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, {"role": "bot", "content": "a"}]},
        {"conversation": [{"human": "q", "assistant": "a", "weight": 0}], "system": "s", "tools": TOOLS},
        {"instruction": "q", "input": "i", "output": "a", "history": [["1", "2"]], "tools": json.dumps(TOOLS)},
    ]
    path = belle.write("in.jsonl", [json.dumps(row, ensure_ascii=False) for row in rows])
    done = belle.here("convert", path, "--to", to, "--out", "out", "--plain", "--format", "mixed")
    assert done.code == 0, done.err
    written = rows_of(belle.folder / "out" / "in.jsonl")
    assert [list(row) for row in written] == [KEYS[to]] * len(rows)
    assert [bool(row["tools"] and json.loads(row["tools"]) == TOOLS) for row in written] == [False] * 4 + [True] * 2
    if to in {"alpaca", "belle"}:
        assert written[5] == {
            "instruction": "q",
            "input": "i",
            "output": "a",
            "system": "",
            "history": [["1", "2"]],
            "tools": json.dumps(TOOLS),
        }
    else:
        turns = [turn for row in written for turn in row[KEYS[to][0]]]
        assert {tuple(map(type, turn.values())) for turn in turns} == {(str, str)}
        assert len({tuple(turn) for turn in turns}) == 1
    entry = json.loads((belle.folder / "out" / "dataset_info.json").read_bytes())["in"]
    assert set(entry["columns"].values()) == set(KEYS[to])
    assert entry["formatting"] == ("alpaca" if to in {"alpaca", "belle"} else "sharegpt")
    # It is read by its own description, and a plain row stays one.
    assert len(described_sources([], str(belle.folder / "out"))) == 1
    again = belle.here("convert", "--to", to, "--out", "again", "--plain", "--dataset-info", "out")
    assert again.code == 0, again.err
    assert (belle.folder / "again" / "in.jsonl").read_bytes() == (belle.folder / "out" / "in.jsonl").read_bytes()


@pytest.mark.parametrize("to", list(KEYS))
def test_keys_that_come_late_have_types_from_the_start(tmp_path: Path, to: str) -> None:
    rows = [{"id": row, "instruction": f"q{row}", "output": "长" * 2_000} for row in range(2_500)]
    for row in rows[2_000:]:
        row |= {"id": "x", "system": "s", "history": [["1", "2"]], "input": "i", "late": 1}
    (tmp_path / "in.jsonl").write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    done = convert(tmp_path / "in.jsonl", to=to, out=tmp_path / "out", lossless=False)
    assert (done.rows, done.rejected) == (2_500, 0)
    path = tmp_path / "out" / "in.jsonl"
    assert path.stat().st_size > PIECE
    written = rows_of(path)
    if to in {"alpaca", "belle"}:
        # A list that is empty in all of the first rows has no type, so the first other one leads.
        assert [row["instruction"] for row in written[:3]] == ["q2000", "q0", "q1"]
        assert written[2_001]["instruction"] == "q2001"
        lines = path.read_bytes().splitlines(keepends=True)
        assert types_of(lines[:500]) == types_of(lines[2_001:])
    else:
        assert len(types_of_pieces(path)) == 1
    assert len(written) == 2_500


@pytest.mark.parametrize(
    ("to", "row", "detail"),
    [
        ("messages", {"instruction": "q", "output": "a", "images": ["a.png"]}, "pictures, film or sound"),
        ("messages", {"instruction": "q", "output": "a", "tools": "search"}, "`tools` is no list of objects"),
        ("alpaca", {"conversations": [{"from": "human", "value": "q"}]}, "`sharegpt` and `messages` hold any"),
        ("sharegpt", {"conversations": [{"from": "function_call", "value": "w(1)"}]}, "`name` and `arguments`"),
        (
            "sharegpt",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a"}}]}]},
            "part that is no text",
        ),
    ],
)
def test_what_a_plain_row_cannot_hold_is_rejected(belle: Shell, to: str, row: dict[str, Any], detail: str) -> None:
    lines = [json.dumps(row), '{"instruction":"q","output":"a"}']
    path = belle.write("in.jsonl", lines)
    done = belle.here("convert", path, "--to", to, "--out", "x.jsonl", "--plain", "--format", "mixed")
    assert done.code == 0, done.err
    (rejected,) = rows_of(belle.folder / "x.rejected.jsonl")
    assert (rejected["line"], rejected["reason"]) == (1, "wrong_type")
    assert detail in rejected["detail"]
    assert len(rows_of(belle.folder / "x.jsonl")) == 1


def test_plain_rows_are_made_from_the_first_line(belle: Shell) -> None:
    path = belle.write("in.jsonl", ['{"instruction":"q","input":"i","output":"a","id":3}'])
    assert belle.here("convert", path, "--to", "messages", "--out", "there.jsonl").code == 0
    for source in ("in", "there"):
        done = belle.here("convert", f"{source}.jsonl", "--to", "alpaca", "--out", f"{source}-2.jsonl", "--plain")
        assert done.code == 0
    assert (belle.folder / "in-2.jsonl").read_bytes() == (belle.folder / "there-2.jsonl").read_bytes()
    assert rows_of(belle.folder / "in-2.jsonl")[0]["input"] == "i"


def test_rows_with_target_are_not_described(belle: Shell) -> None:
    target = '{"input":"q","target":"a"}'
    (belle.folder / "data").mkdir()
    belle.write("data/one.jsonl", [target] * 2)
    belle.write("data/two.jsonl", ['{"instruction":"q","output":"\\"target\\": 1"}'])
    done = belle.here("convert", "data", "--to", "belle", "--out", "out", "--format", "belle")
    assert done.code == 0, done.err
    note = "note: one.jsonl: not described in dataset_info.json; LLaMA-Factory would drop the rows with `target`"
    assert f"{note}: write them with --to alpaca" in done.out
    info = belle.folder / "out" / "dataset_info.json"
    assert list(json.loads(info.read_bytes())) == ["two"]
    # An entry that was there, and is no longer true, goes, and a file without entries too.
    info.write_text('{"one": {"file_name": "one.jsonl"}, "other": null}', encoding="utf-8")
    belle.here("convert", "data/one.jsonl", "--to", "belle", "--out", "out", "--format", "belle", "--force")
    assert json.loads(info.read_bytes()) == {"other": None}
    info.write_text('{"one": {"file_name": "one.jsonl"}}', encoding="utf-8")
    done = belle.here("convert", "data/one.jsonl", "--to", "belle", "--out", "out", "--force", "--json")
    assert not info.exists()
    assert done.json()["dataset_info"] is None
    assert "--to alpaca" in done.json()["undescribed"]
    for arguments in (("--to", "alpaca"), ("--to", "belle", "--plain")):
        done = belle.here("convert", "data/one.jsonl", *arguments, "--out", "-".join(arguments).strip("-"), "--json")
        assert done.json()["undescribed"] is None
        entry = json.loads((belle.folder / done.json()["out"] / "dataset_info.json").read_bytes())["one"]
        assert entry["columns"]["response"] == "output"


def test_a_file_without_rows_is_not_described(belle: Shell) -> None:
    (belle.folder / "data").mkdir()
    belle.write("data/empty.jsonl", ['{"messages":[{"role":"user","content":"q"}]}'])
    belle.write("data/full.jsonl", ['{"instruction":"q","output":"a"}'] * 2)
    done = belle.here("convert", "data", "--to", "alpaca", "--out", "out", "--plain")
    assert done.code == 0, done.err
    assert "note: empty.jsonl: not described in dataset_info.json" in done.out
    assert list(json.loads((belle.folder / "out" / "dataset_info.json").read_bytes())) == ["full"]
