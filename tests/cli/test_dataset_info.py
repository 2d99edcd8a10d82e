"""`clean --dataset-info`: rows whose columns have names of their own, and the description of what was kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from belle_data.dataset_info import described_sources

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

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
    assert again["rows_out"] == 51


def test_mistakes_of_a_description_are_told_at_once(belle: Shell) -> None:
    path = belle.write("mine.jsonl", [{"question": "a", "reply": "b"}])
    info = belle.folder / "dataset_info.json"
    wrong = {"mine": {"file_name": 3, "formatting": "alpacca", "columns": {"promt": "question"}}}
    info.write_text(json.dumps(wrong), encoding="utf-8")
    done = belle("clean", path, "--dataset-info", str(info), "--out", "run")
    assert done.code == 2
    assert all(word in done.err for word in ("file_name", "formatting", "promt")), done.err


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
        assert belle("clean", "raw.jsonl", "--to", to, "--shard-rows", "90", "--out", to).code == 0
        entry = json.loads((belle.folder / to / "dataset_info.json").read_bytes())["cleaned"]
        assert entry["file_name"] == "shards"
        assert entry["columns"] == columns
        sources = described_sources([], str(belle.folder / to / "dataset_info.json"))
        assert len(sources) == 4
        assert belle("clean", f"{to}/shards", "--dataset-info", f"{to}/dataset_info.json", "--out", f"{to}-2").code == 0
    # It cannot be told for packed shards, and an old one must not stay.
    assert belle("clean", "raw.jsonl", "--compress", "gz", "--out", "same").code == 0
    assert not (belle.folder / "same" / "dataset_info.json").exists()
