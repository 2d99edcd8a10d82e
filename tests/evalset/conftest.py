"""Evaluation sets through the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.conftest import Shell

from belle_data.embed import DEFAULT_EMBEDDER, embedder_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Done

QUESTIONS = (
    "中国有多少个省级行政区？",
    "请写一首关于秋天的短诗。",
    "把下面这句话改写得更正式：我明天不来了。",
    "列出三种常见的水果。",
    "标准大气压下水的沸点是多少？",
    "用一句话说明潮汐的成因。",
    "请判断这条评论是好评还是差评：味道不错。",
    "从文中找出人名：李白与杜甫是朋友。",
    "计算一百二十乘以三等于几。",
    "给周末的家庭聚会出几个主意。",
)
"""Ten that ask for different things."""


def questions(*labels: str, **more: Any) -> list[dict[str, Any]]:
    """Rows as the published set has them, one for each label; `more` is on every row."""
    return [
        {"question": text, "std_answer": f"答案{number}。", "class": label, **more}
        for number, (text, label) in enumerate(zip(QUESTIONS, labels, strict=False))
    ]


def build(belle: Shell, *arguments: str | Path, raw: str = "raw.jsonl", out: str = "eval.jsonl") -> Done:
    return belle.here("evalset", "build", raw, "--out", out, *arguments)


def rows_of(belle: Shell, name: str = "eval.jsonl") -> list[dict[str, Any]]:
    lines = (belle.folder / name).read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def about(belle: Shell, name: str = "eval.jsonl") -> Any:
    return json.loads((belle.folder / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def belle(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def encoder() -> Any:
    """The encoder, loaded once for all that runs within this process: it is shared as long as somebody uses it."""
    embedder: Any = embedder_of(DEFAULT_EMBEDDER)
    return embedder.kernel
