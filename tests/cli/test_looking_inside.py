"""inspect, rethreshold and undo: what a finished run shows, and the runs that are made of it."""

from __future__ import annotations

import json
import random
import shlex
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from tests.cli.conftest import EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

RESULT = ("rows.parquet", "stages/rules.parquet", "stages/exact_dedup.parquet", "stages/near_dedup.parquet")


def result(folder: Path) -> dict[str, bytes]:
    """The bytes of all that a run decided and wrote."""
    shards = {path.name: path.read_bytes() for path in sorted((folder / "shards").iterdir())}
    return shards | {name: (folder / name).read_bytes() for name in RESULT if (folder / name).exists()}


def families(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows that change little by little from one to the next, so that a threshold decides where a family is cut."""
    chance = random.Random(seed)
    han = [chr(0x4E00 + at) for at in range(3000)]
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        text = [chance.choice(han) for _ in range(60)]
        for _ in range(chance.randrange(1, 12)):
            text[chance.randrange(60)] = chance.choice(han)
            rows.append({"id": str(len(rows)), "instruction": "写", "output": "".join(text)})
    chance.shuffle(rows)
    return rows[:count]


TEXTS = ("--stages", "normalise,rules,exact_dedup,near_dedup")
"""The stages that compare texts: in `families` all ask for the same."""


@pytest.fixture
def finished(belle: Shell) -> Shell:
    """A shell in whose folder `raw.jsonl` was cleaned into `run`."""
    belle.write("raw.jsonl", families(1500, 3))
    assert belle("clean", "raw.jsonl", *TEXTS, "--out", "run", "-q").code == 0
    return belle


@pytest.mark.parametrize("threshold", ["0.8", "0.85", "0.93", "1.0"])
def test_a_higher_threshold_gives_the_bytes_of_a_fresh_run(finished: Shell, threshold: str) -> None:
    setting = f"near_dedup.threshold={threshold}"
    done = finished("rethreshold", "run", "--set", setting, "--out", "made", "--threads", "2", "--json")
    assert "Traceback" not in done.err
    made = done.json()
    fresh = finished(
        "clean", "raw.jsonl", *TEXTS, "--set", setting, "--out", "fresh", "--threads", "1", "--json"
    ).json()
    assert result(finished.folder / "made") == result(finished.folder / "fresh")
    assert made["rows_out"] == fresh["rows_out"]
    before = json.loads((finished.folder / "run" / "report.json").read_bytes())
    assert (made["rows_out"] > before["rows_out"]) == (threshold != "0.8")
    # What was made is a run like any other: the same settings again compute nothing.
    again = finished("clean", "raw.jsonl", *TEXTS, "--set", setting, "--out", "made", "--json").json()
    assert again["rows_out"] == fresh["rows_out"]
    assert "seconds" in again


def test_a_made_run_can_be_raised_again(finished: Shell) -> None:
    for source, threshold, out in (("run", "0.85", "a"), ("a", "0.9", "b")):
        finished("rethreshold", source, "--set", f"near_dedup.threshold={threshold}", "--out", out, "-q")
    finished("clean", "raw.jsonl", *TEXTS, "--set", "near_dedup.threshold=0.9", "--out", "fresh", "-q")
    assert result(finished.folder / "b") == result(finished.folder / "fresh")


def test_what_was_not_written_down_is_refused_with_the_command_that_tells(finished: Shell) -> None:
    refused = finished("rethreshold", "run", "--set", "near_dedup.threshold=0.7", "--out", "low")
    assert refused.code == 2
    assert "needs pairs that it never looked at" in refused.err
    assert not (finished.folder / "low").exists()
    command = shlex.split(refused.err.split("hint: run python -m belle_data ")[1])
    assert finished(*command).code == 0
    assert pq.read_table(finished.folder / "low" / "rows.parquet").num_rows == 1500
    for setting in ("near_dedup.shingle_characters=4", "near_dedup.field=prompt", "exact_dedup.field=prompt",
                    "input.limit=5", "near_dedup.mode=exact", "normalise.width=true"):  # fmt: skip
        refused = finished("rethreshold", "run", "--set", setting, "--out", "other")
        assert (refused.code, refused.err.count("hint: run python -m belle_data clean")) == (2, 1), refused.err
    both = finished("rethreshold", "run", "--set", "near_dedup.threshold=0.9", "--set", "rules.refusal=2", "--out", "x")
    assert "only one stage can be decided anew" in both.err
    absent = finished("rethreshold", "run", "--set", "quality.highest=0.3", "--out", "x")
    assert (absent.code, "the run has no such stage, so its settings change nothing" in absent.err) == (2, True)
    assert not (finished.folder / "x").exists()


def test_the_settings_of_the_output_can_change_too(finished: Shell) -> None:
    settings = ["--set", "output.to=messages", "--set", "output.shard_rows=100"]
    assert finished("rethreshold", "run", *settings, "--out", "made", "-q").code == 0
    finished("clean", "raw.jsonl", *TEXTS, *settings, "--out", "fresh", "-q")
    assert result(finished.folder / "made") == result(finished.folder / "fresh")


def test_undo_gives_the_bytes_of_a_run_without_the_stage(finished: Shell) -> None:
    made = finished("undo", "run", "--stage", "near_dedup", "--out", "made", "--json").json()
    finished("clean", "raw.jsonl", "--stages", "normalise,rules,exact_dedup", "--out", "fresh", "-q")
    assert result(finished.folder / "made") == result(finished.folder / "fresh")
    assert [stage["name"] for stage in made["stages"]] == ["normalise", "rules", "exact_dedup"]


def test_undo_of_a_reason_gives_the_bytes_of_a_run_with_its_rules_off(belle: Shell) -> None:
    rules = ("--stages", "normalise,rules", "--max-bad-lines", "100", "-q")
    assert belle("clean", EXAMPLE, *rules, "--out", "run").code == 0
    ledger = pq.read_table(belle.folder / "run" / "rows.parquet", columns=["reason"])["reason"].to_pylist()
    assert ledger.count("refusal") > 0
    assert len(set(ledger)) > 2
    made = belle("undo", "run", "--stage", "rules", "--reason", "refusal", "--out", "made", "--json").json()
    fresh = belle("clean", EXAMPLE, *rules, "--set", "rules.refusal=off", "--out", "fresh", "--json").json()
    assert result(belle.folder / "made") == result(belle.folder / "fresh")
    assert made["stages"][1]["removed"] == fresh["stages"][1]["removed"]
    assert made["stages"][1]["removed"]["refusal"] == 0
    # Under later stages the rows that come back were never compared.
    belle("clean", EXAMPLE, "--max-bad-lines", "100", "-q", "--out", "whole")
    refused = belle("undo", "whole", "--stage", "rules", "--reason", "refusal", "--out", "x")
    assert (refused.code, "never saw the rows as rules leaves them now" in refused.err) == (2, True)


def test_an_earlier_stage_cannot_be_undone_under_later_ones(finished: Shell) -> None:
    belle = finished
    belle.write("twice.jsonl", families(50, 1) * 2)
    belle("clean", "twice.jsonl", *TEXTS, "--out", "twice", "-q")
    refused = belle("undo", "twice", "--stage", "exact_dedup", "--out", "made")
    assert refused.code == 2
    assert "near_dedup never saw the rows as exact_dedup would leave them" in refused.err
    # But a stage that removed nothing left nothing for later ones to miss.
    made = belle("undo", "run", "--stage", "exact_dedup", "--out", "made", "-q")
    belle("clean", "raw.jsonl", "--stages", "normalise,rules,near_dedup", "--out", "fresh", "-q")
    assert made.code == 0, made.err
    assert result(belle.folder / "made") == result(belle.folder / "fresh")


def test_mistakes_are_told(finished: Shell) -> None:
    for words, said in (
        (["undo", "run", "--stage", "nothing", "--out", "x"], "no such stage"),
        (["undo", "run", "--stage", "rules", "--reason", "nothing", "--out", "x"], "no such reason"),
        (["undo", "run", "--stage", "near_dedup", "--out", "run"], "a run is not overwritten by its own change"),
        (["rethreshold", "run", "--set", "near_dedup.treshold=0.9", "--out", "x"], "did you mean threshold?"),
        (["rethreshold", "none", "--set", "near_dedup.threshold=0.9", "--out", "x"], "no such run folder"),
        (["inspect", "run", "--stage", "nothing"], "no such stage"),
        (["inspect", "run", "--reason", "nothing"], "has this reason"),
        (["inspect", "run", "-n", "-1"], "must be a whole number"),
    ):
        done = finished(*words)
        assert done.code == 2, words
        assert said in done.err, done.err
        assert not (finished.folder / "x").exists()
    rows = families(1500, 4)
    finished.write("raw.jsonl", rows)
    changed = finished("rethreshold", "run", "--set", "near_dedup.threshold=0.9", "--out", "x")
    assert (changed.code, "the input changed since the run" in changed.err) == (2, True), changed.err


def test_inspect_shows_what_went_and_what_just_stayed(finished: Shell) -> None:
    shown = finished("inspect", "run", "--stage", "near_dedup", "-n", "4", "--json").json()["inspections"]
    assert [one["reason"] for one in shown] == ["near_duplicate"]
    went, stayed = shown[0]["went"], shown[0]["stayed"]
    assert [len(went), len(stayed)] == [4, 4]
    assert all(one["value"] >= 0.8 and not one["row"]["kept"] for one in went)
    assert all(0.7 <= one["value"] < 0.8 and one["row"]["kept"] and one["other"]["kept"] for one in stayed)
    assert [one["value"] for one in stayed] == sorted((one["value"] for one in stayed), reverse=True)
    nearest = finished("inspect", "run", "--stage", "near_dedup", "-n", "4", "--nearest", "--json").json()
    least = min(pq.read_table(finished.folder / "run/stages/near_dedup.parquet")["similarity"].to_pylist())
    assert nearest["inspections"][0]["went"][0]["value"] == least
    page = finished("inspect", "run", "-n", "1").out
    assert "near_dedup: near_duplicate" in page
    assert "just stayed (1)" in page


def test_inspect_and_explain_of_rules_and_normalise(belle: Shell) -> None:
    some = "有人问：今天到底是几月几号星期几呢？" * 2 + "另一个人想了又想，最后翻开日历说：我也不知道。"
    belle.write("raw.jsonl", [
        {"id": "loop", "instruction": "讲个故事", "output": "从前有座山，山里有座庙，庙里有个老和尚。" * 30},
        {"id": "some", "instruction": "讲个笑话", "output": some},
        {"id": "no", "instruction": "画一只猫", "output": "很抱歉，我无法画图。"},
        {"id": "blank", "instruction": "写一句话  ", "output": "今天天气很好，我们去公园散步吧。  \n"},
        {"id": "plain", "instruction": "写一个词", "output": "高山流水"},
    ])  # fmt: skip
    assert belle("clean", "raw.jsonl", *TEXTS, "--out", "run", "-q").code == 0
    shown = {one["reason"]: one for one in belle("inspect", "run", "--stage", "rules", "--json").json()["inspections"]}
    assert [one["row"]["id"] for one in shown["repetition"]["went"]] == ["loop"]
    assert shown["repetition"]["went"][0]["value"] >= 0.8
    assert shown["repetition"]["stayed"][0]["row"]["id"] == "some"
    assert [one["row"]["id"] for one in shown["refusal"]["went"]] == ["no"]
    assert shown["refusal"]["stayed"] == []
    changed = belle("inspect", "run", "--stage", "normalise", "--reason", "trailing_blanks").out
    assert "normalise: trailing_blanks  1 row changed" in changed
    refusal = belle("explain", "run", "no").out
    assert "fired: refusal, 1 >= 1" in refusal
    assert "[-抱歉，我无法-]" in refusal
    assert "removed by rules: refusal" in refusal
    blank = belle("explain", "run", "blank").out
    assert "changed by normalise: trailing_blanks" in blank
    assert "写一句话[-  -]" in blank
    whole = belle("explain", "run", "plain", "-v").out
    assert "repeated_10grams" in whole
    assert "goes if >= 0.8" in whole
    told = belle("explain", "run", "no", "--json").json()["rows"][0]["findings"]
    assert [one["rule"] for one in told if one["fired"] and one["threshold"] is not None] == ["refusal"]


def test_recipe_shows_and_validates(belle: Shell) -> None:
    (belle.folder / "mine.toml").write_text("[near_dedup]\nthreshold = 0.9\n[rules]\nrefusal = 2\n")
    shown = belle("recipe", "show", "mine.toml")
    assert shown.code == 0
    (belle.folder / "shown.toml").write_text(shown.out, encoding="utf-8")
    said = belle("recipe", "validate", "shown.toml")
    assert said.code == 0
    assert "near_dedup.threshold = 0.9" in said.out
    assert "rules.refusal = 2" in said.out
    assert belle("recipe", "show").out.count("\nthreshold = 0.8\n") == 1
    (belle.folder / "wrong.toml").write_text('stages = ["near"]\n[near_dedup]\nthreshold = 2\nfeld = "prompt"\n')
    wrong = belle("recipe", "validate", "wrong.toml")
    assert wrong.code == 2
    assert all(word in wrong.err for word in ("near_dedup.threshold", "did you mean field?", "unknown stage"))
