"""decontaminate through the command line: evaluation files of any kind, what it shows, and decisions made anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

QUESTION = "请用三句话介绍一下中国古代四大发明对世界文明的影响。"
EVALUATION = [
    {"id": "e1", "instruction": QUESTION, "output": ""},
    {"id": "e2", "instruction": "煮米饭的水", "output": ""},
    {"id": "e3", "instruction": "说明潮汐的成因，并举出一个利用潮汐能发电的例子。", "output": ""},
]
DATA = [
    {"id": "a", "instruction": QUESTION, "output": "造纸术让知识走得更远。"},
    {"id": "b", "instruction": "翻译：" + QUESTION.replace("影响", "作用"), "output": "Paper, printing, powder."},
    {"id": "c", "instruction": "煮米饭的水！", "output": "一份米配一点二份水。"},
    {"id": "d", "instruction": "怎样煮米饭的水才够？", "output": "先量米，再加水。"},
    {"id": "e", "instruction": "列出三种水果。", "output": "苹果、香蕉、梨。"},
]


def removed(run: Path) -> dict[str, str]:
    rows = pq.read_table(run / "rows.parquet").to_pylist()
    return {row["id"]: row["reason"] for row in rows if not row["kept"]}


@pytest.fixture
def files(belle: Shell) -> Shell:
    belle.write("raw.jsonl", DATA)
    belle.write("eval.jsonl", EVALUATION)
    return belle


def clean(belle: Shell, *more: str, out: str = "run") -> Any:
    return belle.here("clean", "raw.jsonl", "--out", out, "--stages", "rules", *more)


def test_rows_with_text_of_an_evaluation_row_go(files: Shell) -> None:
    done = clean(files, "--against", "eval.jsonl")
    assert done.code == 0, done.err
    near = "near_evaluation_row"
    assert removed(files.folder / "run") == {"a": near, "b": near, "c": near}
    assert "2 of 3 evaluation rows were found in the data" in done.err
    found = pq.read_table(files.folder / "run" / "stages" / "decontaminate.evaluation.parquet").to_pylist()
    assert [(one["against"], one["against_row"], one["against_id"], one["rows"]) for one in found] == [
        ("eval.jsonl", 1, "e1", 2),
        ("eval.jsonl", 2, "e2", 1),
    ]


@pytest.mark.parametrize("kind", ["json", "jsonl.zst", "parquet"])
def test_evaluation_files_have_any_format(files: Shell, kind: str) -> None:
    name, text = f"eval.{kind}", (files.folder / "eval.jsonl").read_bytes()
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(EVALUATION), files.folder / name)
    else:
        data = json.dumps(EVALUATION).encode() if kind == "json" else zstandard.compress(text)
        (files.folder / name).write_bytes(data)
    assert clean(files, "--against", name).code == 0
    assert sorted(removed(files.folder / "run")) == ["a", "b", "c"]


def test_without_a_file_there_is_nothing_to_look_for(files: Shell) -> None:
    done = files.here("clean", "raw.jsonl", "--out", "run", "--stages", "rules,decontaminate")
    assert done.code == 2
    assert "decontaminate has no evaluation rows to look for" in done.err
    assert "hint: name the evaluation files with --against FILE" in done.err
    missing = clean(files, "--against", "gone.jsonl")
    assert missing.code == 2
    assert "of the evaluation rows" in missing.err
