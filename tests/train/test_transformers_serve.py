"""A real server: the one that transformers bring along, in a process of its own, with a tiny model behind it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from tests.train.conftest import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RAW = [
    {"question": "请把下面的句子改写得更正式：我觉得这个办法不行。", "class": "rewrite", "std_answer": ""},
    {"question": "中国的首都是哪里？", "class": "open QA", "std_answer": "北京。"},
    {"question": "3 乘以 7 等于多少？", "class": "math", "std_answer": "21。"},
    {"question": "给出三个节约用水的办法。", "class": "brainstorming", "std_answer": ""},
]


@pytest.fixture(scope="module")
def url(tiny_model: Path) -> Iterator[str]:
    missing = [package for package in ("fastapi", "uvicorn") if find_spec(package) is None]
    if missing:
        assert not os.environ.get("BELLE_REQUIRE_TRAIN"), missing
        pytest.skip(f"transformers serve needs {', '.join(missing)}")
    assert tiny_model.is_dir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = "from transformers.cli.transformers import main; main()"
    arguments = ["serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with subprocess.Popen(
        [sys.executable, "-c", serve, *arguments],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            for _ in range(1200):
                with socket.socket() as trying:
                    if trying.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation set of raw rows, made by the command."""
    from belle_data.cli import main

    folder = tmp_path_factory.mktemp("evaluation")
    raw = folder / "raw.jsonl"
    raw.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in RAW), encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["evalset", "build", str(raw), "--out", str(folder / "eval.jsonl"), "-q"]) == 0
    return folder / "eval.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_server_answers_as_the_model_does(url: str, evaluation: Path, tiny_model: Path, tmp_path: Path) -> None:
    options = ("--prompts", evaluation, "--greedy", "--max-new-tokens", 6)
    there, here = tmp_path / "there.jsonl", tmp_path / "here.jsonl"
    done = command("generate", "--server", url, "--model", tiny_model, "--out", there, *options)
    assert done.code == 0, done.err
    assert command("generate", "--model", tiny_model, "--out", here, *options).code == 0
    assert there.read_bytes() == here.read_bytes()


def test_from_raw_rows_to_the_page(url: str, evaluation: Path, tiny_model: Path, tmp_path: Path) -> None:
    """A random model as system and as judge: what it says is noise, so the right result is that scores are missing."""
    answers, scores, page = tmp_path / "answers.jsonl", tmp_path / "scores", tmp_path / "report.html"
    generated = command("generate", "--server", url, "--model", tiny_model, "--prompts", evaluation, "--out", answers,
                        "--max-new-tokens", 8)  # fmt: skip
    assert generated.code == 0, generated.err
    asked = ("--eval", evaluation, "--judge", tiny_model, "--base-url", url, "--reply-tokens", 8, "--retries", 1)
    judge = ("judge", "--answers", answers, "--out", scores, *asked)
    done = command(*judge)
    assert done.code == 1, done.err
    found = lines(scores / "scores.jsonl")
    assert [line["id"] for line in found] == [line["id"] for line in lines(evaluation)]
    assert {line["score"] for line in found} == {None}
    # Noise of eight pieces is cut, ends early without a score, or has no text.
    assert {line["missing"][0] for line in found} <= {"truncated_reply", "no_score", "empty_reply"}, found
    assert f"missing {len(RAW)} of {len(RAW)}" in done.out
    summary = json.loads((scores / "summary.json").read_text(encoding="utf-8"))
    assert (summary["macro"]["mean"], summary["macro"]["bound_low"], summary["macro"]["bound_high"]) == (None, 0, 1)
    # All was answered: nothing is asked twice.
    before = (scores / "scores.jsonl").read_bytes()
    again = command(*judge)
    assert (again.code, f"nothing to ask; {len(RAW)} replies are stored" in again.err) == (1, True), again.err
    assert (scores / "scores.jsonl").read_bytes() == before
    systems = ("--a", answers, "--b", answers, "--name-a", "x", "--name-b", "y")
    compared = command("compare", *systems, "--out", tmp_path / "verdicts", "--max-missing", 1, *asked)
    assert compared.code == 0, compared.err
    reported = command("report", scores, tmp_path / "verdicts", "--out", page)
    assert reported.code == 0, reported.err
    assert "中国的首都是哪里" in page.read_text(encoding="utf-8")
