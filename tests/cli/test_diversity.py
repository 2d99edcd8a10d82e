"""The stage diversity from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

WORDS = (
    *("春天", "夏天", "历史", "电影", "诗歌", "巴黎", "机器", "健康"),
    *("饮食", "北京", "音乐", "旅行", "足球", "数学", "化学", "经济"),
)


def rows(belle: Shell, count: int) -> None:
    lines = []
    for number in range(count):
        first, second = WORDS[number % 3], WORDS[number * 7 % len(WORDS)]
        row = {
            "id": str(number),
            "instruction": f"介绍{first}",
            "input": "",
            "output": f"{second}和{first}，编号{number}",
        }
        lines.append(json.dumps(row, ensure_ascii=False))
    (belle.folder / "raw.jsonl").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("settings", "missing"), [((), "target_rows"), (("--set", "diversity.mode=cap"), "cap")], ids=["greedy", "cap"]
)
def test_what_is_missing_is_told_before_anything_is_read(belle: Shell, settings: tuple[str, ...], missing: str) -> None:
    done = belle.here("clean", "nowhere.jsonl", "--out", "run", "--stages", "diversity", *settings)
    assert done.code == 2
    assert f"the stage diversity needs `diversity.{missing}`" in done.err
    assert f"--set diversity.{missing}=" in done.err


def test_it_is_explained_and_decided_again(belle: Shell) -> None:
    rows(belle, 60)
    clean = ("clean", "raw.jsonl", "--stages", "diversity", "--set")
    done = belle.here(*clean, "diversity.target_rows=20", "--out", "run")
    assert done.code == 0, done.err
    assert "entropy of words" in done.err
    shown = [belle.here("explain", "run", str(number)).out for number in range(60)]
    assert sum("chosen as number" in text for text in shown) == 20
    assert sum("not among the 20 chosen rows" in text and "diversity: not_chosen" in text for text in shown) == 40

    assert belle.here("rethreshold", "run", "--set", "diversity.target_rows=7", "--out", "fewer").code == 0
    assert belle.here(*clean, "diversity.target_rows=7", "--out", "fresh").code == 0
    for name in ("rows.parquet", "stages/diversity.parquet", "stages/diversity.scores.parquet", "manifest.json"):
        assert (belle.folder / "fewer" / name).read_bytes() == (belle.folder / "fresh" / name).read_bytes(), name
    assert belle.here("undo", "run", "--stage", "diversity", "--out", "all").code == 0
    assert json.loads((belle.folder / "all" / "manifest.json").read_text())["rows_out"] == 60


def test_fewer_rows_than_wanted_all_stay(belle: Shell) -> None:
    rows(belle, 5)
    done = belle.here("clean", "raw.jsonl", "--stages", "diversity", "--set", "diversity.target_rows=9", "--out", "run")
    assert done.code == 0
    assert "5 rows stand and 9 were asked for, so all stay" in done.err


def test_a_cap_lets_rows_go(belle: Shell) -> None:
    rows(belle, 60)
    settings = ("--set", "diversity.mode=cap", "--set", "diversity.cap=4")
    done = belle.here("clean", "raw.jsonl", "--stages", "diversity", *settings, "--out", "run", "--json")
    assert done.code == 0, done.err
    removed = done.json()["stages"][0]["removed"]
    assert removed["words_seen_often"] > 10
    assert removed["not_chosen"] == 0
