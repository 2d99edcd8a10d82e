"""`clean --dataset-info`: rows whose columns have names of their own, and the description of what was kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from belle_data.dataset_info import described_sources

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

DUPLICATES = "normalise,rules,exact_dedup,near_dedup,semantic_dedup"
"""Rows that differ in their numbers alone have tails of perplexity too, in which one of them would go."""

DESCRIPTION = {"mine": {"file_name": "mine.jsonl", "columns": {"prompt": "question", "response": "reply"}}}


def test_columns_with_names_of_their_own_are_read_by_their_description(belle: Shell) -> None:
    rows = [
        {"id": str(row), "question": f"第{row}个问题是什么？", "reply": f"第{row}个答案，{row * 7919}。"}
        for row in range(50)
    ]
    path = belle.write("mine.jsonl", [*rows, rows[3] | {"id": "copy"}])
    info = belle.folder / "dataset_info.json"
    info.write_text(json.dumps(DESCRIPTION), encoding="utf-8")
    assert belle("clean", path, "--out", "without").code == 2
    report = belle("clean", path, "--dataset-info", str(info), "--out", "run", "--json").json()
    assert (report["rows_in"], report["rows_out"]) == (51, 50)
    kept = (belle.folder / "run" / "shards" / "part-00000.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(kept[0]) == {"id": "0", "instruction": "第0个问题是什么？", "output": "第0个答案，0。"}
    explained = belle("explain", "run", "copy").out
    assert "removed by exact_dedup: same_text" in explained
    assert "第3个问题" in explained
    for copy in (belle.folder / "run" / "work").glob("source-*"):
        copy.unlink()
    assert belle("explain", "run", "copy").out == explained
    # Another description of the same file is another input.
    info.write_text(json.dumps(DESCRIPTION).replace("reply", "id"), encoding="utf-8")
    again = belle("clean", path, "--dataset-info", f"{info}:mine", "--out", "run", "--json").json()
    assert again["rows_out"] == 50
    assert again["stages"][4]["removed"] == {"semantic_duplicate": 1}


def test_mistakes_of_a_description_are_told_at_once(belle: Shell) -> None:
    path = belle.write("mine.jsonl", [{"question": "a", "reply": "b"}])
    info = belle.folder / "dataset_info.json"
    wrong = {"mine": {"file_name": 3, "formatting": "alpacca", "columns": {"promt": "question"}}}
    info.write_text(json.dumps(wrong), encoding="utf-8")
    done = belle("clean", path, "--dataset-info", str(info), "--out", "run")
    assert done.code == 2
    assert all(word in done.err for word in ("file_name", "formatting", "promt")), done.err


def test_rows_that_would_be_read_in_part_are_not_described(belle: Shell) -> None:
    rows = [{"input": f"问题{row}号", "target": f"答案{row * 7919}号"} for row in range(9)]
    path = belle.write("raw.jsonl", rows)
    done = belle("clean", path, "--out", "run")
    assert done.code == 0
    assert "no dataset_info.json is written" in done.err
    assert "--to alpaca" in done.err
    assert not (belle.folder / "run" / "dataset_info.json").exists()
    # Kept as alpaca by the same run, they are; and back again the description goes.
    assert belle("clean", path, "--out", "run", "--to", "alpaca").code == 0
    assert (belle.folder / "run" / "dataset_info.json").exists()
    assert belle("clean", path, "--out", "run").code == 0
    assert not (belle.folder / "run" / "dataset_info.json").exists()


def test_what_was_kept_is_described(belle: Shell) -> None:
    rows = [
        {"instruction": f"问题{row}号", "output": f"答案{row * 7919}号", "note": {"tools": 1}} for row in range(300)
    ]
    rows[250]["system"] = "你是助手。"
    belle.write("raw.jsonl", rows)
    for to, columns in (
        ("same", {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}),
        # The system text is a turn there.
        ("sharegpt", {"messages": "conversations"}),
    ):
        assert (
            belle("clean", "raw.jsonl", "--to", to, "--shard-rows", "90", "--out", to, "--stages", DUPLICATES).code == 0
        )
        entry = json.loads((belle.folder / to / "dataset_info.json").read_bytes())["cleaned"]
        assert entry["file_name"] == "shards"
        assert entry["columns"] == columns
        sources = described_sources([], str(belle.folder / to / "dataset_info.json"))
        assert len(sources) == 4
        assert belle("clean", f"{to}/shards", "--dataset-info", f"{to}/dataset_info.json", "--out", f"{to}-2").code == 0
    # It cannot be told for packed shards, and an old one must not stay.
    assert belle("clean", "raw.jsonl", "--compress", "gz", "--out", "same").code == 0
    assert not (belle.folder / "same" / "dataset_info.json").exists()


def test_the_description_has_the_speakers_as_the_rows_spell_them(belle: Shell) -> None:
    rows = [
        {
            "conversations": [
                {"role": "user", "content": f"第{row}个问题是什么？"},
                {"role": "bot", "content": f"第{row}个答案，{row * 7919}。"},
            ]
        }
        for row in range(20)
    ]
    path = belle.write("raw.jsonl", rows)
    assert belle("clean", path, "--out", "run").code == 0
    assert belle("convert", path, "--to", "sharegpt", "--out", "other").code == 0
    for folder, name in (("run", "cleaned"), ("other", "raw")):
        entry = json.loads((belle.folder / folder / "dataset_info.json").read_bytes())[name]
        assert entry["formatting"] == "sharegpt"
        assert entry["tags"] == {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "bot",
            "observation_tag": "observation",
            "function_tag": "function_call",
            "system_tag": "system",
        }
        # It is read back as it was.
        info = str(belle.folder / folder / "dataset_info.json")
        assert len(described_sources([], info)) == 1
        again = belle("clean", path, "--dataset-info", f"{info}:{name}", "--out", f"{folder}-2", "--json").json()
        assert (again["rows_in"], again["rows_out"]) == (20, 20)


def test_calls_of_messages_need_the_formatting_that_reads_them(belle: Shell) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "北京"}'}}
    turns = [
        {"role": "user", "content": "北京今天多少度，能查一下吗？"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "25"},
        {"role": "assistant", "content": "北京今天二十五度，天气很好。"},
    ]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    for name, row, to, formatting in (
        ("calls", {"messages": turns}, "same", "openai"),
        ("tools", {"messages": [turns[0], turns[3]], "tools": tools}, "same", "openai"),
        ("text", {"messages": [turns[0], turns[3]], "tools": json.dumps(tools)}, "same", "sharegpt"),
        ("turns", {"messages": [turns[0], turns[3]], "tools": tools}, "sharegpt", "openai"),
        ("rows", {"messages": [turns[0], turns[3]], "tools": tools}, "alpaca", "alpaca"),
    ):
        path = belle.write(f"{name}.jsonl", [row])
        assert belle("clean", path, "--to", to, "--out", name).code == 0
        entry = json.loads((belle.folder / name / "dataset_info.json").read_bytes())["cleaned"]
        assert entry["formatting"] == formatting, name
        # A list of tools stops the training of alpaca rows.
        assert ("tools" in entry["columns"]) == (name in {"tools", "text", "turns"}), name


def test_rows_that_python_does_not_parse_are_no_obstacle(belle: Shell) -> None:
    belle.write("raw.jsonl", [{"instruction": f"第{row}个问题是什么？", "output": "答案很长。"} for row in range(2)])
    path = belle.folder / "raw.jsonl"
    deep = '{"instruction":"这个问题有多深？","output":"很深很深。","x":' + "[" * 100_000 + "]" * 100_000 + "}\n"
    path.write_text(deep + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert belle("clean", "raw.jsonl", "--out", "run").code == 0
    assert (belle.folder / "run" / "dataset_info.json").exists()
