"""`compare`, through the command line, with judges on this machine: fair ones, and ones that prefer a place."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.chat_server import ChatServer
from tests.judge.judged_rows import EACH, ROWS, answers, evaluation, read_lines, reply, row_id, shown
from tests.train.conftest import Done, command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = re.compile(r"好(\d+)分")


def fair(asked: dict[str, Any]) -> dict[str, Any]:
    first, second = map(int, GOOD.findall(shown(asked)))
    verdict = "tie" if first == second else "1" if first > second else "2"
    return reply(json.dumps({"reason": "如此。", "verdict": verdict}), asked)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running = ChatServer(fair)
    yield running
    running.close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    evaluation(tmp_path)
    # Row 0 of each category is better by a, row 1 by b, row 2 by neither.
    answers(tmp_path, "a", lambda _, number: f"好{(5, 3, 4)[number]}分，甲")
    answers(tmp_path, "b", lambda _, number: f"好{(3, 5, 4)[number]}分，乙")
    return tmp_path


def compare(server: ChatServer, files: Path, *options: str | float | Path, out: str = "verdicts") -> Done:
    return command("compare", "--a", files / "a.jsonl", "--b", files / "b.jsonl", "--eval", files / "eval.jsonl",
                   "--judge", "m", "--base-url", server.url, "--out", files / out, *options)  # fmt: skip


def results(files: Path, out: str = "verdicts") -> list[dict[str, Any]]:
    return read_lines(files / out / "verdicts.jsonl")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != ".lock"}


def test_a_fair_judge(server: ChatServer, files: Path) -> None:
    done = compare(server, files, "--json")
    assert done.code == 0, done.err
    assert len(server.asked) == 2 * len(ROWS)
    assert [line["verdict"] for line in results(files)] == ["a", "b", "tie"] * 9
    assert [order["first"] for order in results(files)[0]["orders"]] == ["a", "b"]
    overall = done.json()["overall"]
    assert {
        "wins": 9,
        "losses": 9,
        "ties": 9,
        "missing": 0,
        "win_rate": 0.5,
        "consistent": 1.0,
    }.items() <= overall.items()
    assert overall["low"] <= 0.5 <= overall["high"]
    assert done.json()["categories"]["extract"]["rows"] == EACH
    shown_once = [shown(asked) for asked in server.asked if "题目extract0？" in shown(asked)]
    assert sorted(GOOD.findall(text) for text in shown_once) == [["3", "5"], ["5", "3"]]


def test_a_judge_that_prefers_the_first_place_wins_nobody_anything(server: ChatServer, files: Path) -> None:
    server.reply = lambda asked: reply('{"reason": "…", "verdict": "1"}', asked)
    done = compare(server, files)
    assert done.code == 0, done.err
    assert {line["verdict"] for line in results(files)} == {"tie"}
    assert "both orders agree in 0.0% of 27 rows" in done.out
    assert "of the verdicts for one side 100.0% are for the first place" in done.out


def test_a_verdict_needs_both_orders(server: ChatServer, files: Path) -> None:
    def torn(asked: dict[str, Any]) -> dict[str, Any]:
        found = GOOD.findall(shown(asked))
        return (
            reply("两个回答各有千秋，难说。", asked)
            if "题目extract0？" in shown(asked) and found[0] == "3"
            else fair(asked)
        )

    server.reply = torn
    done = compare(server, files, "--max-missing", 0)
    assert done.code == 1
    line = next(line for line in results(files) if line["id"] == "extract-0")
    assert line["verdict"] is None
    assert [(order["verdict"], order["missing"]) for order in line["orders"]] == [("a", None), (None, "no_score")]
    assert "missing 1 of 27: no_score 1; more than --max-missing allows" in done.out


def test_a_row_that_one_system_did_not_answer_is_missing(server: ChatServer, files: Path) -> None:
    answers(files, "b", lambda category, number: None if (category, number) == ("others", 1) else "好5分，乙")
    assert compare(server, files).code == 0
    line = next(line for line in results(files) if line["id"] == row_id("others", 1))
    assert (line["verdict"], line["b"], line["orders"][0]["missing"]) == (None, None, "no_answer")
    assert len(server.asked) == 2 * (len(ROWS) - 1)


def test_scores_as_vicuna_was_judged(server: ChatServer, files: Path) -> None:
    from belle_train.judge import judge_prompts

    recipe = (judge_prompts._PRESETS / "compare-zh.toml").read_text(encoding="utf-8")
    own = re.sub(r'^way = "verdict"', 'way = "scores"', recipe, flags=re.MULTILINE)
    assert own != recipe
    (files / "own.toml").write_text(own, encoding="utf-8")

    def scores(asked: dict[str, Any]) -> dict[str, Any]:
        first, second = map(int, GOOD.findall(shown(asked)))
        return reply(json.dumps({"reason": "如此。", "score_1": first, "score_2": second}), asked)

    server.reply = scores
    done = compare(server, files, "--recipe", files / "own.toml", "--json")
    assert done.code == 0, done.err
    assert [line["verdict"] for line in results(files)] == ["a", "b", "tie"] * 9
    assert [order["scores"] for order in results(files)[0]["orders"]] == [[5, 3], [5, 3]]
    assert done.json()["relative_score"] == {"rows": 27, "a": 216.0, "b": 216.0, "ratio": 1.0}


def test_a_second_run_makes_no_call_and_gives_the_same_bytes(server: ChatServer, files: Path) -> None:
    assert compare(server, files, "--connections", 1).code == 0
    before, calls = content(files / "verdicts"), len(server.asked)
    assert compare(server, files).code == 0
    assert (len(server.asked), content(files / "verdicts")) == (calls, before)
    assert compare(server, files, "--connections", 9, out="again").code == 0
    assert content(files / "again") == before


def test_wrong_use(server: ChatServer, files: Path) -> None:
    done = compare(server, files, "--name-a", "x", "--name-b", "x")
    assert (done.code, "the two systems have one name: 'x'" in done.err) == (2, True)
    done = compare(server, files, "--recipe", "judge-zh")
    assert done.code == 2
    assert "judge-zh" in done.err
    server.reply = lambda asked: reply("得分：0.5", asked)
    judged = ("--answers", files / "a.jsonl", "--eval", files / "eval.jsonl", "--judge", "m", "--base-url", server.url)
    assert command("judge", *judged, "--out", files / "scores").code in {0, 1}
    done = compare(server, files, out="scores")
    assert (done.code, "the folder holds results of other settings" in done.err) == (2, True)
