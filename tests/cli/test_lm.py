"""`lm` through the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import Shell

if TYPE_CHECKING:
    from pathlib import Path

LINES = ["今天天气很好。", "今天我们去公园。", "天气很冷，我们不去公园。"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "texts.txt").write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return Shell(tmp_path)


def test_a_model_is_trained_and_asked(shell: Shell) -> None:
    done = shell.here("lm", "train", "texts.txt", "--out", "model.lm", "--order", "3", "--arpa", "model.arpa")
    assert (done.code, done.out.split("  ")[0]) == (0, "model.lm")
    info = shell.here("lm", "info", "model.lm", "--json").json()
    assert (info["order"], info["tokens"], len(info["ngrams"])) == (3, "characters", 3)
    assert shell.here("lm", "import", "model.arpa", "--out", "again.lm").code == 0
    scores = [shell.here("lm", "score", name, "texts.txt", "--json").json() for name in ("model.lm", "again.lm")]
    assert scores[0]["perplexity"] == pytest.approx(scores[1]["perplexity"], rel=1e-4)
    assert (scores[0]["texts"], scores[0]["tokens"]) == (3, sum(map(len, LINES)) + 3)
    assert len(scores[0]["files"][0]["lines"]) == 3


def test_lines_of_standard_input(shell: Shell) -> None:
    shell.here("lm", "train", "texts.txt", "--out", "model.lm", "-q")
    done = shell("lm", "score", "model.lm", "--each-token", stdin="今天\n没".encode())
    lines = done.out.splitlines()
    assert done.code == 0
    assert [line.split("\t")[-1] for line in lines] == ["今天", "今", "天", "</s>", "没", "unknown", "</s>", "2 texts"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["teach", "texts.txt"], "unknown action"),
        (["train", "texts.txt"], "where the model goes"),
        (["train", "--out", "model.lm"], "no file is named"),
        (["info", "texts.txt"], "no language model"),
        (["info", "absent.lm"], "no such language model"),
        (["info", "texts.txt", "--order", "3"], "has no --order"),
        (["train", "texts.txt", "--out", "model.lm", "--memory", "much"], "--memory must be a size"),
        (["train", "texts.txt", "--out", "model.lm", "--memory", "1MiB"], "the model needs"),
        (["import", "texts.txt", "--out", "model.lm"], "texts.txt:"),
    ],
)
def test_wrong_use(shell: Shell, arguments: list[str], message: str) -> None:
    done = shell.here("lm", *arguments)
    assert (done.code, message in done.err) == (2, True), done.err
    assert [path.name for path in shell.folder.iterdir()] == ["texts.txt"]
