"""`inspect-data` through the command line: what is learned of rows, counted as sft counts it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from tests.train.conftest import Done, command
from tests.train.training_runs import environment, rows_file

from belle_data.engine.progress import Silent
from belle_train.prepare_rows import prepare_conversations
from belle_train.recipe import DataConfig

if TYPE_CHECKING:
    from pathlib import Path

HARM = "<script>alert(1)</script>\x1b[31m"
LONGEST = 64


def talk(name: str, *texts: str) -> str:
    turns = [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]
    return json.dumps({"id": name, "messages": turns}, ensure_ascii=False) + "\n"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 good conversations, and one for each of three reasons."""
    path = rows_file(tmp_path_factory.mktemp("rows") / "rows.jsonl")
    with path.open("a", encoding="utf-8") as handle:
        handle.write(talk("no-answer", "你好"))
        handle.write(talk("special", "你好</s>", "好"))
        handle.write(talk("too-long", "我们可以" * 100, "好"))
        handle.write(talk(HARM, HARM, "好" + HARM))
    return path


def inspect(rows: Path, tokenizer: Path, *options: str | int | Path) -> Done:
    return command("inspect-data", "--data", rows, "--tokenizer", tokenizer, "--max-length", LONGEST, "-q", *options)


def test_counts_are_those_of_the_sequences_that_sft_learns(rows: Path, merged_folder: Path, tmp_path: Path) -> None:
    found = inspect(rows, merged_folder, "--json", "--set", "data.held_out=0.1").json()
    config = DataConfig(max_length=LONGEST, held_out=0.1)
    wanted = prepare_conversations([str(rows)], [], merged_folder, config, tmp_path / "prepared", Silent())
    assert found["prepared"] == wanted.to_dict()
    assert found["prepared"]["left_out"] == {"no_answer": 1, "nothing_learned": 1, "special_piece": 1}
    table = pa.ipc.open_file(tmp_path / "prepared" / "train.arrow").read_all()
    pieces, learned = (
        np.concatenate(table["input_ids"].to_pylist()),
        np.concatenate(table["labels"].to_pylist()) != -100,
    )
    assert found["filling"] == pytest.approx(len(pieces) / (len(table) * LONGEST), abs=1e-6)
    assert found["learned_share"] == pytest.approx(learned.mean(), abs=1e-6)
    assert found["prepared"]["cut"] >= 1


def test_lengths_are_those_of_whole_conversations(rows: Path, merged_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(merged_folder)
    turns = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    kept = [row["messages"] for row in turns if row["id"] not in {"no-answer", "special"}]
    lengths = sorted(len(tokenizer.apply_chat_template(one, return_dict=False)) for one in kept)
    found = inspect(rows, merged_folder, "--json").json()["lengths"]
    assert found["conversations"] == len(lengths)
    assert found["most"] == lengths[-1] > LONGEST
    for percent, length in found["percentiles"].items():
        assert length == np.percentile(lengths, int(percent), method="inverted_cdf")
    for one in found["classes"]:
        assert one["conversations"] == sum(one["from"] <= length <= one["to"] for length in lengths)
    assert sum(one["conversations"] for one in found["classes"]) == len(lengths)


def test_the_answers_of_the_first_rows_are_marked(rows: Path, merged_folder: Path) -> None:
    texts = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()[:2]]
    shown = inspect(rows, merged_folder, "--rows", 2, "--max-length", 2048)
    assert shown.code == 0
    assert "learned is what is in [[ ]]" in shown.out
    found = inspect(rows, merged_folder, "--rows", 2, "--max-length", 2048, "--json").json()["rows"]
    assert [row["id"] for row in found] == ["r0", "r1"]
    for row, text in zip(found, texts, strict=True):
        learned = [piece for piece, counts in zip(row["pieces"], row["learned"], strict=True) if counts]
        said = [turn["content"] for turn in text["messages"] if turn["role"] == "assistant"]
        assert plain(learned) == "".join(f"{one}</s>" for one in said)
    first = found[0]["learned"].index(True)
    end = found[0]["pieces"].index("</s>", first)
    assert f"[[ {' '.join(found[0]['pieces'][first : end + 1])} ]]" in shown.out


def plain(pieces: list[str]) -> str:
    """The text of pieces, as sentencepiece defines it."""
    parts = [bytes([int(one[3:5], 16)]) if one.startswith("<0x") else one.encode() for one in pieces]
    return b"".join(parts).decode().replace("\u2581", "")


def test_named_rows_say_why_they_are_left_out(rows: Path, merged_folder: Path) -> None:
    done = inspect(rows, merged_folder, "--row", "too-long", "--row", "special")
    assert done.out.index("special  (data, row 61 from 0)") < done.out.index("too-long  (data, row 62 from 0)")
    assert "left out: special_piece: a text has a special piece" in done.out
    assert "left out: nothing_learned: the answer begins after" in done.out
    found = inspect(rows, merged_folder, "--row", "too-long", "--json").json()
    (row,) = found["rows"]
    assert (len(row["pieces"]), row["cut"]) == (LONGEST, found["lengths"]["most"] - LONGEST)
    assert not any(row["learned"])


def test_a_terminal_gets_colours_and_no_text_steers_it(
    rows: Path, merged_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("belle_train.cli.inspect_data.may_colour", lambda stream: stream is not None)
    done = inspect(rows, merged_folder, "--row", HARM, "--row", "r1", "--max-length", 2048)
    assert done.out.count("\x1b[32m") == 3
    assert done.out.count("\x1b[0m") == 3
    assert "\x1b[31m" not in done.out
    assert "<script>alert(1)</script>\\x1b[31m" in done.out
    assert "[[" not in done.out


def test_the_page_has_the_rows_and_the_counts(rows: Path, merged_folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    again = tmp_path / "again.html"
    for path in (page, again):
        done = inspect(rows, merged_folder, "--row", HARM, "--row", "no-answer", "--html", path, "--lang", "zh")
        assert done.code == 0
    text = page.read_text(encoding="utf-8")
    assert text == again.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[U+001B][31m" in text
    assert "<span>&lt;s&gt;</span>" in text
    assert "没有助手的回答" in text
    assert "<ins><span>" in text
    assert text.count('class="example"') == 2
    assert 'class="removed"' in text


def test_a_mixture_shows_rows_of_each_data_set(rows: Path, merged_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(talk("x", "问题", "回答"), encoding="utf-8")
    options = ("--mixture", "a + b", "--source", f"b={other}", "--source", f"a={rows}", "--rows", 1, "--json")
    found = command("inspect-data", "--tokenizer", merged_folder, "-q", *options).json()
    assert [(row["source"], row["id"]) for row in found["rows"]] == [("a", "r0"), ("b", "x")]
    assert found["prepared"]["rows"] == 65


def test_it_needs_no_torch(rows: Path, merged_folder: Path) -> None:
    """Also transformers must not have it, so it is hidden before anything is imported."""
    program = (
        "import runpy, sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'torch', 'trl', 'peft', 'accelerate', 'datasets'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'torch' else found(name, package)\n"
        "runpy.run_module('belle_train', run_name='__main__')\n"
    )
    words = ["inspect-data", "--data", str(rows), "--tokenizer", str(merged_folder), "--rows", "1", "-q", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], check=False, capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    assert shown["rows"][0]["id"] == "r0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--row", "nobody"), "there is no row with this id"),
        (("--max-length", "many"), "max_length"),
        (("--max-length", "8"), "no row is left to learn"),
        (("--html", "page.txt"), "must end in .html"),
        (("--lang", "fr"), "unknown language"),
        (("--mixture", "a"), "not from --data"),
        (("--set", "data.nothing=1"), "nothing"),
        (("--tokenizer", "nowhere"), "there is no such folder"),
    ],
)
def test_wrong_use(options: tuple[str, ...], message: str, rows: Path, merged_folder: Path) -> None:
    done = inspect(rows, merged_folder, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
