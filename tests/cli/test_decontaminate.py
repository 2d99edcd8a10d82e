"""decontaminate through the command line: evaluation files of any kind, what it shows, and decisions made anew."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

DEADLY = """
import os, signal, sys
from belle_data.cli import main
from belle_data.stages.decontaminate import Decontaminate

Decontaminate.{moment} = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
sys.exit(main(sys.argv[1:]))
"""
"""The command line, killed when the stage is to do something."""
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


def test_a_published_set_with_other_names_is_read(files: Shell) -> None:
    rows = [{"question": row["instruction"], "std_answer": "", "class": "open qa"} for row in EVALUATION]
    files.write("published.jsonl", rows)
    assert clean(files, "--against", "published.jsonl").code == 0
    assert sorted(removed(files.folder / "run")) == ["a", "b", "c"]
    files.write("questions.jsonl", [{"question": row["instruction"]} for row in EVALUATION])
    assert clean(files, "--against", "questions.jsonl", out="other").code == 0
    assert sorted(removed(files.folder / "other")) == ["a", "b", "c"]
    files.write("nothing.jsonl", [{"number": 1}])
    done = clean(files, "--against", "nothing.jsonl", out="third")
    assert done.code == 2
    assert "rejected.jsonl" not in done.err


def test_explain_and_inspect_show_the_place(files: Shell) -> None:
    assert clean(files, "--against", "eval.jsonl").code == 0
    shown = files.here("explain", "run", "b").out
    assert "holds the prompt of eval.jsonl, row 1 (e1): similarity 0.9" in shown
    assert "翻译：[-请用三句话介绍一下中国古代四大发明对世界文明的作用-]。" in shown
    assert "removed by decontaminate: near_evaluation_row" in shown
    assert "the threshold is 0.85" in shown
    found = files.here("explain", "run", "b", "--json").json()["rows"][0]["evaluation"]
    assert [(one["against_id"], one["reason"]) for one in found] == [("e1", "near_evaluation_row")]
    inspected = files.here("inspect", "run", "--stage", "decontaminate")
    assert inspected.code == 0, inspected.err
    assert "decontaminate: near_evaluation_row  3 rows went" in inspected.out
    assert "row 2 (e2): similarity 1.0000" in inspected.out
    assert files.here("inspect", "run", "--nearest", "-n", "1").code == 0


def test_thresholds_are_set_and_reasons_undone_without_the_texts(files: Shell) -> None:
    assert clean(files, "--against", "eval.jsonl").code == 0
    stricter = ("--set", "decontaminate.threshold=0.99", "--set", "decontaminate.covered=0.99")
    done = files.here("rethreshold", "run", *stricter, "--out", "again")
    assert done.code == 0, done.err
    assert sorted(removed(files.folder / "again")) == ["a", "c"]
    assert clean(files, "--against", "eval.jsonl", *stricter, out="anew").code == 0
    for name in ("rows.parquet", "stages/decontaminate.parquet", "stages/decontaminate.evaluation.parquet"):
        assert (files.folder / "again" / name).read_bytes() == (files.folder / "anew" / name).read_bytes()
    undone = files.here("undo", "run", "--stage", "decontaminate", "--reason", "near_evaluation_row", "--out", "undone")
    assert undone.code == 0, undone.err
    assert removed(files.folder / "undone") == {"a": "shared_ngrams", "b": "shared_ngrams"}
    assert files.here("undo", "run", "--stage", "decontaminate", "--out", "all").code == 0
    assert removed(files.folder / "all") == {}
    refused = files.here("rethreshold", "run", "--set", "decontaminate.ngram=10", "--out", "refused")
    assert refused.code == 2
    assert "with another ngram" in refused.err


def test_a_changed_file_is_seen(files: Shell) -> None:
    assert clean(files, "--against", "eval.jsonl").code == 0
    files.write("eval.jsonl", EVALUATION[1:])
    for setting in ("decontaminate.threshold=0.9", "output.to=messages"):
        refused = files.here("rethreshold", "run", "--set", setting, "--out", "again")
        assert refused.code == 2
        assert "what decontaminate reads beside the rows changed since the run" in refused.err
        assert "hint: run python -m belle_data clean raw.jsonl --out again" in refused.err
    assert clean(files, "--against", "eval.jsonl").code == 0
    assert sorted(removed(files.folder / "run")) == ["c"]


def test_a_killed_run_ends_with_the_same_bytes(files: Shell) -> None:
    arguments = ("clean", "raw.jsonl", "--stages", "rules", "--against", "eval.jsonl")
    assert files(*arguments, "--out", "whole").code == 0
    for moment in ("prepare", "finish", "decide"):
        deadly = DEADLY.format(moment=moment)
        command = [sys.executable, "-c", deadly, *arguments, "--out", moment]
        done = subprocess.run(command, cwd=files.folder, capture_output=True, check=False, timeout=120)
        assert done.returncode == -signal.SIGKILL
        assert files(*arguments, "--out", moment).code == 0
        for path in (files.folder / "whole" / "stages").iterdir():
            assert path.read_bytes() == (files.folder / moment / "stages" / path.name).read_bytes()
        again, whole = (files.folder / name / "rows.parquet" for name in (moment, "whole"))
        assert again.read_bytes() == whole.read_bytes()
