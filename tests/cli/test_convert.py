"""``convert`` through the command line, and ``dataset_info.json`` on both sides of it."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.json
import pytest
import zstandard

from belle_data import convert
from belle_data.dataset_info import described_sources, write_dataset_info
from belle_data.errors import RecipeError

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

FORMATS = ("messages", "alpaca", "belle", "sharegpt")
LINES = {
    "alpaca": '{"id":"1","instruction":"写一句诗","input":"关于春天","output":"春来江水绿。","n":1.0}',
    "belle": '{"input": "Human: 你好\\n\\nAssistant: 您好\\nHuman: 再见\\nAssistant:", "target": "再见！"}',
    "sharegpt": '{"conversations":[{"from":"user","value":"问"},{"value":"答","from":"bot"}],"system":"s"}',
    "messages": '{"messages": [{"role": "user", "content": [{"type": "text", "text": "看"}, {"type": "image"}]}, '
    '{"role": "assistant", "content": "好", "name": "n"}], "text": "x"}',
    "text": '{"text":"\\u6625天来了", "text":"秋天来了"}',
}
SHARED_FILES = ("alpaca_zh", "sharegpt_zh", "alpaca_en", "belle_eval_set")


@pytest.mark.parametrize(("source", "to"), list(itertools.product(LINES, FORMATS)))
def test_every_format_comes_back(belle: Shell, source: str, to: str) -> None:
    path = belle.write("in.jsonl", [LINES[source]] * 3)
    assert belle.here("convert", path, "--to", to, "--out", "there.jsonl").code == 0
    done = belle.here("convert", "there.jsonl", "--to", source, "--out", "back.jsonl", "--json")
    assert done.code == 0, done.err
    assert done.json()["rows"] == 3
    assert (belle.folder / "back.jsonl").read_bytes() == path.read_bytes()


def real_lines(path: Path, most: int | None) -> tuple[bytes, str | None]:
    with path.open("rb") as handle, zstandard.ZstdDecompressor().stream_reader(handle) as reader:
        lines = list(itertools.islice(io.BufferedReader(reader), most))
    data = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
    info = (
        None
        if b'"std_answer"' not in lines[0]
        else json.dumps({"set": {"file_name": "in.jsonl", "columns": {"prompt": "question", "response": "std_answer"}}})
    )
    return data, info


def real_round_trips(folder: Path, data: bytes, info: str | None) -> None:
    (folder / "in.jsonl").write_bytes(data)
    first = folder / "in.jsonl"
    if info is not None:
        (folder / "dataset_info.json").write_text(info, encoding="utf-8")
        first = folder / "named.jsonl"
        named = convert(folder / "in.jsonl", to="alpaca", out=first, dataset_info=str(folder / "dataset_info.json"))
        assert named.rejected == 0
        data = first.read_bytes()
        assert data.count(b"\n") == named.rows
    source = None
    for to in FORMATS:
        there = convert(first, to=to, out=folder / f"{to}.jsonl", force=True)
        source = there.files[0].format
        assert there.rejected == 0
        for further in FORMATS:
            convert(folder / f"{to}.jsonl", to=further, out=folder / "further.jsonl", force=True)
            convert(folder / "further.jsonl", to=source, out=folder / "back.jsonl", force=True)
            assert (folder / "back.jsonl").read_bytes() == data, f"{source} to {to} to {further}"
    assert source in FORMATS


@pytest.mark.parametrize("name", SHARED_FILES)
def test_real_rows_come_back(tmp_path: Path, shared_data: Path, name: str) -> None:
    real_round_trips(tmp_path, *real_lines(shared_data / f"{name}.jsonl.zst", 300))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED_FILES)
def test_whole_real_files_come_back(tmp_path: Path, shared_data: Path, name: str) -> None:
    real_round_trips(tmp_path, *real_lines(shared_data / f"{name}.jsonl.zst", None))


def test_mixed_sources_of_every_kind(belle: Shell) -> None:
    (belle.folder / "data").mkdir()
    (belle.folder / "data" / "a.jsonl.gz").write_bytes(gzip.compress(LINES["alpaca"].encode()))
    (belle.folder / "data" / "a.json").write_text(f"[{LINES['sharegpt']},\n1, {LINES['sharegpt']}]", encoding="utf-8")
    done = belle.here("convert", "data", "--to", "messages", "--out", "out", "--json")
    assert done.code == 0, done.err
    report = done.json()
    assert [(Path(file["output"]).name, file["rows"], file["rejected"]) for file in report["files"]] == [
        ("a.jsonl", 2, 1),
        ("a-2.jsonl", 1, 0),
    ]
    rejected = json.loads((belle.folder / "out.rejected.jsonl").read_text(encoding="utf-8"))
    assert (rejected["line"], rejected["reason"], rejected["file"]) == (2, "not_an_object", "data/a.json")
    info = json.loads((belle.folder / "out" / "dataset_info.json").read_text(encoding="utf-8"))
    assert sorted(info) == ["a", "a-2"]
    assert info["a"]["columns"] == {"messages": "messages"}
    assert sorted(path.name for path in belle.folder.iterdir()) == ["data", "out", "out.rejected.jsonl"]
    # The folder that was written is an input like any other.
    assert belle.here("convert", "out", "--to", "alpaca", "--out", "again.jsonl").code == 0


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_compressed_output(belle: Shell, ending: str) -> None:
    path = belle.write("in.jsonl", [LINES["alpaca"]] * 100)
    assert belle.here("convert", path, "--to", "belle", "--out", f"x.jsonl.{ending}").code == 0
    data = (belle.folder / f"x.jsonl.{ending}").read_bytes()
    plain = gzip.decompress(data) if ending == "gz" else zstandard.ZstdDecompressor().decompressobj().decompress(data)
    assert plain == path.read_bytes()


def test_the_same_bytes_for_any_number_of_threads(tmp_path: Path) -> None:
    lines = "".join(
        f'{{"instruction":"问{row}","input":"{"长" * (row % 90)}","output":"答"}}\n' for row in range(30_000)
    )
    (tmp_path / "in.jsonl").write_text(lines, encoding="utf-8")
    for threads in (1, 2, 5):
        convert(tmp_path / "in.jsonl", to="sharegpt", out=tmp_path / f"{threads}.jsonl", threads=threads)
    assert len({(tmp_path / f"{threads}.jsonl").read_bytes() for threads in (1, 2, 5)}) == 1


def test_arrow_can_infer_what_is_written(tmp_path: Path) -> None:
    """The loaders of training programs read JSON lines through Arrow, which wants one type per key."""
    rows = [LINES["alpaca"], '{"instruction": "q", "input": "", "output": "a"}', LINES["alpaca"]]
    (tmp_path / "in.jsonl").write_text("\n".join(rows), encoding="utf-8")
    for to in FORMATS:
        convert(tmp_path / "in.jsonl", to=to, out=tmp_path / f"{to}.jsonl")
        assert pyarrow.json.read_json(tmp_path / f"{to}.jsonl").num_rows == 3


def test_bad_lines(belle: Shell) -> None:
    path = belle.write("in.jsonl", [LINES["alpaca"], "{", LINES["text"], LINES["alpaca"]])
    alpaca = ("--format", "alpaca")
    done = belle.here("convert", path, "--to", "messages", "--out", "x.jsonl", *alpaca)
    assert done.code == 0
    assert "2 lines are no rows: x.rejected.jsonl" in done.out
    found = [json.loads(line) for line in (belle.folder / "x.rejected.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(one["line"], one["reason"]) for one in found] == [(2, "not_json"), (3, "missing_field")]
    assert found[0]["byte"] == len(LINES["alpaca"].encode()) + 1
    failed = belle.here("convert", path, "--to", "messages", "--out", "y.jsonl", "--max-bad-lines", "1", *alpaca)
    assert failed.code == 2
    assert "2 of 4 lines were rejected, 1 are allowed; the first because not_json (line 2:" in failed.err
    assert not (belle.folder / "y.jsonl").exists()
    assert (belle.folder / "y.rejected.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.jsonl", "--to", "mesages", "--out", "x.jsonl"], "unknown format: 'mesages'"),
        (["in.jsonl", "--to", "belle", "--out", "x.parquet"], "no name of an output"),
        (["in.jsonl", "--to", "belle", "--out", "in.jsonl"], "is there already"),
        (["in.jsonl", "--to", "belle", "--out", "x.jsonl.gz", "--compress", "zst"], "another compression"),
        (["in.jsonl", "--to", "belle", "--out", "x.jsonl", "--compress", "bz2"], "unknown compression"),
        (["in.jsonl", "--to", "belle", "--out", "x.jsonl", "--format", "x"], "unknown input format"),
        (["in.jsonl", "--to", "belle", "--out", "x.jsonl", "--max-line-bytes", "0"], "--max-line-bytes"),
        (["in.jsonl", "--to", "belle"], "--out"),
        (["--to", "belle", "--out", "x.jsonl"], "no input is named"),
        (["nothing.jsonl", "--to", "belle", "--out", "x.jsonl"], "no such file"),
        (["empty.jsonl", "--to", "belle", "--out", "x.jsonl"], "no row in the input"),
        (["in.jsonl", "--to", "belle", "--out", "in.jsonl/x.jsonl"], "cannot write here"),
        (["in.jsonl", "--to", "belle", "--out", "x.jsonl", "--dataset-info", "no.json"], "cannot be read"),
    ],
)
def test_wrong_use(belle: Shell, arguments: list[str], message: str) -> None:
    belle.write("in.jsonl", [LINES["alpaca"]])
    belle.write("empty.jsonl", [])
    before = sorted(belle.folder.iterdir())
    done = belle.here("convert", *arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert sorted(belle.folder.iterdir()) == before


def test_ctrl_c_leaves_nothing(belle: Shell) -> None:
    with (belle.folder / "big.jsonl").open("w", encoding="utf-8") as file:
        for _ in range(60):
            file.write((LINES["alpaca"] + "\n") * 10_000)
    command = belle.command("convert", "big.jsonl", "--to", "messages", "--out", "x.jsonl.gz", "--threads", "1")
    with subprocess.Popen(command, cwd=belle.folder, env=belle.environment(), stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + 60
        while not (belle.folder / "x.jsonl.gz.tmp").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert process.returncode == 130
    assert b"nothing was written" in error
    assert [path.name for path in belle.folder.iterdir()] == ["big.jsonl"]


INFO: dict[str, Any] = {
    "asked": {"file_name": "asked.jsonl", "columns": {"prompt": "question", "response": "answer", "system": "persona"}},
    "spoken": {
        "file_name": "spoken",
        "formatting": "sharegpt",
        "columns": {"messages": "dialog"},
        "tags": {
            "role_tag": "who",
            "content_tag": "says",
            "user_tag": "Q",
            "assistant_tag": "A",
            "function_tag": "call",
        },
    },
    "liked": {
        "file_name": "liked.jsonl",
        "ranking": True,
        "columns": {"prompt": "p", "chosen": "good", "rejected": "bad"},
    },
    "read": {"file_name": "read.jsonl", "columns": {"prompt": "body"}},
    "far": {"hf_hub_url": "someone/something"},
}


def test_names_of_a_description_are_read(belle: Shell) -> None:
    (belle.folder / "dataset_info.json").write_text(json.dumps(INFO), encoding="utf-8")
    (belle.folder / "spoken").mkdir()
    belle.write("asked.jsonl", ['{"question":"q","instruction":1,"answer":"a","persona":"s"}'])
    belle.write(
        "spoken/1.jsonl", ['{"dialog":[{"who":"Q","says":"q"},{"who":"call","says":"c"},{"who":"A","says":"a"}]}']
    )
    belle.write("liked.jsonl", ['{"p":"q","good":"a","bad":"b"}'])
    belle.write("read.jsonl", ['{"body":"t"}'])
    info = ("--dataset-info", "dataset_info.json")
    done = belle.here("convert", "--to", "messages", "--out", "out", *info, "--json")
    assert done.code == 0, done.err
    assert [file["rows"] for file in done.json()["files"]] == [1, 1, 0, 1]
    rejected = json.loads((belle.folder / "out.rejected.jsonl").read_text(encoding="utf-8"))
    assert rejected["reason"] == "preference_data"

    def turns(name: str) -> list[tuple[str, str]]:
        row = json.loads((belle.folder / "out" / name).read_text(encoding="utf-8"))
        return [(turn["role"], turn["content"]) for turn in row["messages"]]

    assert turns("asked.jsonl") == [("system", "s"), ("user", "q"), ("assistant", "a")]
    assert turns("1.jsonl") == [("user", "q"), ("function_call", "c"), ("assistant", "a")]
    assert turns("read.jsonl") == [("assistant", "t")]
    assert json.loads((belle.folder / "out" / "asked.jsonl").read_text(encoding="utf-8"))["source_instruction"] == 1
    # With a name, any file is one of that data set; without, each must be described.
    (belle.folder / "copy.jsonl").write_bytes((belle.folder / "asked.jsonl").read_bytes())
    named = belle.here(
        "convert", "copy.jsonl", "--to", "belle", "--out", "1.jsonl", "--dataset-info", f"{info[1]}:asked"
    )
    assert named.code == 0
    unknown = belle.here("convert", "copy.jsonl", "--to", "belle", "--out", "2.jsonl", *info)
    assert "copy.jsonl: no data set is described as this file" in unknown.err
    missing = belle.here("convert", "--to", "belle", "--out", "2.jsonl", "--dataset-info", f"{info[1]}:aksed")
    assert "did you mean asked?" in missing.err


def test_all_mistakes_of_a_description_at_once(belle: Shell) -> None:
    wrong = {
        "one": {"file_name": "x", "formating": "alpaca", "columns": {"promt": "a", "response": 3}},
        "two": {"file_name": "y", "formatting": "csv", "tags": []},
        "three": 4,
        "four": {},
    }
    (belle.folder / "dataset_info.json").write_text(json.dumps(wrong), encoding="utf-8")
    done = belle.here("convert", "--to", "belle", "--out", "x.jsonl", "--dataset-info", ".")
    assert done.code == 2
    assert "dataset_info.json: 8 mistakes in the descriptions of data sets" in done.err
    for part in ("`one.formating` is no key", "did you mean prompt?", "`one.columns.response` must be a name: 3"):
        assert part in done.err
    for part in ("`two.formatting` must be one of", "`two.tags` must be", "`three` must be", "`four` does not name"):
        assert part in done.err
    (belle.folder / "dataset_info.json").write_text("{", encoding="utf-8")
    assert "is not JSON" in belle.here("convert", "--to", "belle", "--out", "x", "--dataset-info", ".").err


def test_what_is_written_can_be_read_by_its_description(belle: Shell) -> None:
    """The entry of a converted folder names each column that is there, and none that is not."""
    rows = [
        '{"instruction":"q","input":"i","output":"a","system":"s","history":[["1","2"]],"tools":"[]"}',
        '{"instruction":"q","input":"","output":"\\"history\\": 1"}',
    ]
    path = belle.write("in.jsonl", rows)
    for to in FORMATS:
        assert belle.here("convert", path, "--to", to, "--out", f"as-{to}").code == 0
        described = described_sources([], str(belle.folder / f"as-{to}"))
        assert [(one.kind, one.dataset and one.dataset.names()) for one in described] == [("jsonl", None)]
        info = f"as-{to}/dataset_info.json"
        done = belle.here("convert", "--to", "alpaca", "--out", f"{to}.jsonl", "--dataset-info", info)
        assert done.code == 0, done.err
        assert (belle.folder / f"{to}.jsonl").read_bytes() == path.read_bytes()
    entry = json.loads((belle.folder / "as-alpaca" / "dataset_info.json").read_text(encoding="utf-8"))["in"]
    assert set(entry["columns"]) == {"prompt", "query", "response", "system", "history", "tools"}


def test_entries_stand_beside_others(tmp_path: Path) -> None:
    write_dataset_info(tmp_path, {"a": {"file_name": "a.jsonl"}})
    write_dataset_info(tmp_path, {"b": {"file_name": "b.jsonl"}})
    assert list(json.loads((tmp_path / "dataset_info.json").read_bytes())) == ["a", "b"]
    (tmp_path / "dataset_info.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(RecipeError, match="must be an object"):
        write_dataset_info(tmp_path, {})
