"""`report`, through the command line: folders of scores and verdicts in, one page out."""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from tests.chat_server import ChatServer
from tests.judge.judged_rows import answers, evaluation, reply, shown
from tests.judge.made_runs import (
    Row,
    judged_lines,
    made_rows,
    manifest_of,
    summary_of,
    write_comparison,
    write_folder,
    write_run,
)
from tests.judge.page_tables import Page
from tests.train.conftest import Done, command

from belle_data.evalset.categories import CATEGORIES
from belle_train.judge.bootstrap import WHY_NULL
from belle_train.judge.judged_runs import read_folders
from belle_train.judge.replies import REASONS
from belle_train.judge.report_cases import LEAST, MOST, chosen_cases, cut_to_fit
from belle_train.judge.report_words import CHINESE_NULLS, CHINESE_REASONS

if TYPE_CHECKING:
    from pathlib import Path

SECTIONS = ["summary", "table-2", "table-5", "pairs", "comparisons", "distributions", "lengths", "cases", "provenance"]


def report(folder: Path, *options: str | int | Path) -> Done:
    """Make the page of all folders within one."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    return command("report", *folders, "--out", folder / "report.html", "--language", "en", *options)


def page(folder: Path, *options: str | int | Path) -> Page:
    done = report(folder, *options)
    assert done.code == 0, done.err
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def summary(folder: Path) -> Row:
    found: Row = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def lost(reason: str, each: int) -> Any:
    return lambda number: reason if number % each == 0 else None


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three runs of one set, one with missing scores, and a comparison."""
    rows = made_rows(90)
    write_run(tmp_path, "good", rows, good=0.9, base="LLaMA", data="zh", factor="quality")
    write_run(
        tmp_path, "middle", rows, good=0.6, missing=lost("timeout", 10), base="LLaMA", data="en", factor="quality"
    )
    write_run(tmp_path, "poor", rows, good=0.3)
    write_comparison(tmp_path, "pair", "good", "poor", rows)
    return tmp_path


def test_the_page_has_every_section_and_both_languages(three: Path) -> None:
    shown = page(three)
    assert list(shown.texts) == SECTIONS
    classes = [(found.get("class") or "").split() for _, found in shown.tags]
    assert sum("en" in one for one in classes) == sum("zh" in one for one in classes) > 100
    assert ("html", {"lang": "en"}) in shown.tags
    assert report(three, "--language", "zh").code == 0
    assert ("html", {"lang": "zh-CN"}) in Page((three / "report.html").read_text(encoding="utf-8")).tags


def test_numbers_are_those_of_the_summaries(three: Path) -> None:
    shown = page(three)
    for name in ("good", "middle", "poor"):
        found = summary(three / name)
        figures = [found["categories"][one] for one in CATEGORIES] + [found["macro"], found["macro_without_others"]]
        cells = shown.row("table-5", name)[1:]
        assert len(cells) == len(figures) == 11
        for cell, one in zip(cells, figures, strict=True):
            numbers = re.findall(r"\d\.\d{3}", cell)
            wanted = [one["mean"], one["low"], one["high"]]
            lacking = sum(one["missing"].values())
            wanted += [one["bound_low"], one["bound_high"]] if lacking else []
            assert numbers == [f"{value:.3f}" for value in wanted], cell
            assert (f"{lacking} missing" in cell) is bool(lacking)
    assert sum("missing" in cell for cell in shown.row("table-5", "middle")) > 5


def test_missing_scores_are_told_first(three: Path) -> None:
    done = report(three)
    assert "warning: 9 of 90 rows of middle have no score (no reply in time: 9)" in done.out
    shown = page(three)
    assert "9 of 90 rows of middle have no score (no reply in time: 9)" in shown.texts["summary"]
    assert "18 of 90 rows of pair have no verdict" in shown.texts["summary"]
    assert "no reply in time" in shown.texts["provenance"]


def test_a_category_without_a_score_is_a_dash_with_its_reason(tmp_path: Path) -> None:
    rows = made_rows(27)
    others = {number for number, row in enumerate(rows) if row["category"] == "others"}
    write_run(tmp_path, "a", rows, missing=lambda number: "no_score" if number in others else None)
    write_run(tmp_path, "b", [row for row in rows if row["category"] != "others"])
    shown = page(tmp_path)
    first, second = shown.row("table-5", "a"), shown.row("table-5", "b")
    assert first[1] == "– no score 3 missing [0.000–1.000]"
    assert second[1] == "– no rows"
    assert first[10].startswith("– a category has no score 3 missing [")
    assert re.match(r"(★ )?0\.\d{3}", first[11])
    assert not any(re.match(r"(★ )?0\.000\b(?!–)", cell) for cell in first[1:] + second[1:])


def marks(folder: Path, means: dict[str, list[float | None]]) -> dict[str, str]:
    """The mark of the category rewrite for runs with these scores there, and 0.5 elsewhere."""
    rows = made_rows(18)
    for name, scores in means.items():
        lines = judged_lines(rows, name)
        left = list(scores)
        for line in lines:
            value = left.pop(0) if line["category"] == "rewrite" else 0.5
            line["score"], line["scores"] = value, [value]
            line["missing"] = [None if value is not None else "timeout"]
        write_folder(folder / name, manifest_of(name, rows), summary_of(lines), lines)
    shown = page(folder)
    return {name: shown.row("table-5", name)[2][0] for name in means}


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ({"a": [0.5, 0.5], "b": [0.6, 0.6], "c": [0.1, 0.9]}, {"a": "0", "b": "★", "c": "0"}),
        ({"a": [0.5, 0.7], "b": [0.6, 0.6], "c": [0.1, 0.9]}, {"a": "★", "b": "★", "c": "0"}),
        # What is missing could be 1, and then another were best.
        ({"a": [0.5, None], "b": [0.6, 0.6]}, {"a": "0", "b": "☆"}),
        ({"a": [0.1, None], "b": [0.6, 0.6]}, {"a": "0", "b": "★"}),
        ({"a": [0.9, None], "b": [0.4, 0.4]}, {"a": "★", "b": "0"}),
        ({"a": [0.7, None], "b": [0.4, 0.4]}, {"a": "☆", "b": "0"}),
        ({"a": [None, None], "b": [0.4, 0.4]}, {"a": "–", "b": "☆"}),
    ],
)
def test_the_best_is_marked(scores: dict[str, list[float | None]], wanted: dict[str, str], tmp_path: Path) -> None:
    assert marks(tmp_path, scores) == wanted


def test_table_2_groups_by_factor_and_falls_back_to_names(three: Path) -> None:
    cells = page(three).cells("table-2")
    assert [row[0] for row in cells[1:]] == ["quality", "LLaMA middle", "–"]
    assert cells[1][1:3] == ["LLaMA good", "zh"]
    assert cells[2][1] == "en"
    assert cells[3][1] == "poor"
    for row, name in zip(cells[1:], ("good", "middle", "poor"), strict=True):
        assert f"{summary(three / name)['macro_without_others']['mean']:.3f}" in row[-1]


def test_paired_tests_are_of_the_rows_that_both_have(three: Path) -> None:
    done = report(three, "--json")
    pairs = {(pair["a"], pair["b"]): pair for pair in done.json()["pairs"]}
    assert list(pairs) == [("good", "middle"), ("good", "poor"), ("middle", "poor")]
    assert pairs["good", "poor"]["rows"] == 90
    assert pairs["good", "middle"]["rows"] == 81
    assert pairs["good", "middle"]["left_out"]["missing_b"] == 9
    means = [summary(three / name)["macro_without_others"]["mean"] for name in ("good", "poor")]
    difference = pairs["good", "poor"]["macro_without_others"]["difference"]
    assert difference == pytest.approx(means[0] - means[1])
    assert all(pair["p_value_holm"] >= pair["macro_without_others"]["p_value"] for pair in pairs.values())
    shown = page(three)
    assert shown.row("pairs", "good")[3].startswith(f"{difference:+.3f}")
    assert shown.row("pairs", "poor")[1].startswith(f"−{difference:.3f}")
    assert shown.row("pairs", "good − middle", 1)[1:3] == ["72", "8"]


def test_a_comparison_shows_wins_ties_losses_and_what_is_missing(three: Path) -> None:
    shown = page(three)
    found = summary(three / "pair")["overall"]
    assert (found["wins"], found["ties"], found["losses"], found["missing"]) == (36, 18, 18, 18)
    for words in ("good is better: 36 (40.0 %)", "tie: 18 (20.0 %)", "poor is better: 18", "no verdict: 18"):
        assert words in shown.texts["comparisons"]
    rate = shown.row("comparisons", "win rate of good, a tie counts half")[1]
    assert re.findall(r"\d\.\d{3}", rate) == [f"{found[key]:.3f}" for key in ("win_rate", "low", "high")]
    assert shown.row("comparisons", "the same verdict in both orders")[1] == "75.0 %"
    lines = [json.loads(line) for line in (three / "pair" / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    inside = [line["verdict"] for line in lines if line["category"] == "open_qa"]
    figures = shown.row("comparisons", "open qa", 1)
    assert figures[1:6] == [str(len(inside)), *(str(inside.count(kind)) for kind in ("a", "tie", "b", None))]
    rate = summary(three / "pair")["categories"]["open_qa"]
    assert re.findall(r"\d\.\d{3}", figures[6]) == [f"{rate[key]:.3f}" for key in ("win_rate", "low", "high")]


def test_another_evaluation_set_is_shown_and_not_compared(tmp_path: Path) -> None:
    rows = made_rows(27)
    write_run(tmp_path, "a", made_rows(27, "other"), good=1.0)
    write_run(tmp_path, "b", rows, good=0.5)
    write_run(tmp_path, "c", rows, good=0.4)
    done = report(tmp_path, "--json")
    found = done.json()
    assert [(pair["a"], pair["b"]) for pair in found["pairs"]] == [("b", "c")]
    assert found["runs"][0]["best"] == []
    assert "a answered another evaluation set" in found["warnings"][0]
    shown = page(tmp_path)
    assert "a answered another evaluation set" in shown.texts["summary"]
    assert shown.row("table-5", "a")[1].startswith(f"{summary(tmp_path / 'a')['categories']['others']['mean']:.3f}")
    assert "eval-other-" not in shown.texts["cases"]
    assert {found["data-run"] for tag, found in shown.tags if "data-run" in found} == {"1", "2"}


def test_a_part_of_the_set_is_not_compared_with_the_whole(tmp_path: Path) -> None:
    rows = made_rows(27)
    write_run(tmp_path, "a", rows)
    write_run(tmp_path, "b", rows)
    lines = judged_lines(rows[:9], "c")
    write_folder(tmp_path / "c", manifest_of("c", rows), summary_of(lines), lines)
    assert [(pair["a"], pair["b"]) for pair in report(tmp_path, "--json").json()["pairs"]] == [("a", "b")]


def test_one_run_and_one_comparison_alone(tmp_path: Path) -> None:
    rows = made_rows(9)
    write_run(tmp_path / "one", "a", rows)
    write_comparison(tmp_path / "two", "pair", "x", "y", rows)
    shown = page(tmp_path / "one")
    assert list(shown.texts) == ["summary", "table-2", "table-5", "distributions", "lengths", "cases", "provenance"]
    assert "★" not in "".join(shown.row("table-5", "a"))
    assert list(page(tmp_path / "two").texts) == ["summary", "comparisons", "provenance"]


def test_no_rows_and_only_missing_ones(tmp_path: Path) -> None:
    write_run(tmp_path / "none", "a", [])
    shown = page(tmp_path / "none")
    assert shown.row("table-5", "a")[1:] == ["– no rows"] * 11
    assert "a has no rows." in shown.texts["summary"]
    write_run(tmp_path / "lost", "a", made_rows(9), missing=lambda _: "quota")
    write_run(tmp_path / "lost", "b", made_rows(9), missing=lambda _: "no_answer")
    shown = page(tmp_path / "lost")
    assert shown.row("table-5", "a")[1] == "– no score 1 missing [0.000–1.000]"
    assert "100.0 %of the scores are missing" in shown.texts["summary"]
    assert "a category has rows, and none of them has a score" in shown.row("pairs", "a")[2]
    write_comparison(tmp_path / "nothing", "pair", "x", "y", [])
    assert "pair has no rows." in page(tmp_path / "nothing").texts["summary"]


def test_runs_that_were_judged_otherwise_are_told(tmp_path: Path) -> None:
    rows = made_rows(9)
    write_run(tmp_path, "a", rows)
    folder = write_run(tmp_path, "b", rows)
    assert "not judged alike" not in page(tmp_path).texts["summary"]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["judge"]["recipe_sha256"] = "9" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert "not judged alike" in page(tmp_path).texts["summary"]


def test_provenance_says_all_that_the_manifest_knows(tmp_path: Path) -> None:
    write_run(tmp_path, "a", made_rows(9))
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text(encoding="utf-8"))
    manifest["judge"]["base_url"] = "https://somebody:secret@judge.invalid/v1"
    (tmp_path / "a" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    text = page(tmp_path).texts["provenance"]
    assert "secret" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    wanted = [
        manifest["answers"]["sha256"],
        manifest["evaluation"]["sha256"],
        *(digit * 64 for digit in "12356"),
        "4" * 32,
    ]
    wanted += ["judge-model-1", "judge-model-1-0613 × 9", "//…@judge.invalid/v1", "judge-zh", "models/a", "1,200"]
    wanted += ["shards/part-00000.jsonl", "5,000", "2026-11-20 08:00:00 UTC", "123,456", "0.4321 USD", "0.001"]
    assert [one for one in wanted if one not in text] == []


def test_cases_are_spread_evenly_over_the_categories(tmp_path: Path) -> None:
    chance = random.Random(3)
    rows = made_rows(180)
    chance.shuffle(rows)
    write_run(tmp_path, "a", rows)
    for options, wanted in ((["--cases", "18"], 18), ([], 180), (["--cases", "all"], 180), (["--cases", "1"], 1)):
        shown = page(tmp_path, *options)
        found = [found["data-category"] for tag, found in shown.tags if tag == "article"]
        places = [int(found["data-place"] or "") for tag, found in shown.tags if tag == "article"]
        assert len(found) == wanted
        assert places == sorted(set(places))
        assert f"{wanted} of 180 rows" in shown.texts["cases"]
        if wanted >= 18:
            assert {found.count(category) for category in CATEGORIES} == {wanted // 9}
    default = write_run(tmp_path / "many", "a", made_rows(300)).parent
    assert "200 of 300 rows" in page(default).texts["cases"]


def test_a_case_has_the_texts_scores_and_reasons_of_all_runs(tmp_path: Path) -> None:
    rows = made_rows(9)
    write_run(tmp_path, "a", rows)
    write_run(tmp_path, "b", rows, missing=lost("several_scores", 4))
    text = page(tmp_path).texts["cases"]
    for name in "ab":
        for line in (tmp_path / name / "scores.jsonl").read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            for one in (found["id"], found["prompt"], found["reference"] or "", found["answer"], found["judged"][0]):
                assert one in text
    assert text.count(REASONS["several_scores"]) == 3


@pytest.mark.parametrize("room", [100, 5_000, 60_000])
def test_texts_are_cut_to_the_room_that_there_is(room: int) -> None:
    chance = random.Random(room)
    lengths = [chance.randint(0, 9_000) for _ in range(60)]
    most = cut_to_fit(lengths, room)
    fits = [one for one in range(LEAST, MOST + 1) if sum(min(length, one) for length in lengths) <= room]
    assert most == max(fits, default=LEAST)
    assert cut_to_fit([], room) == MOST


def test_ten_runs_of_a_thousand_rows_stay_small(tmp_path: Path) -> None:
    rows = made_rows(1000)
    for number in range(10):
        lines = judged_lines(rows, str(number))
        for line in lines:
            line["answer"] = (line["answer"] * 40)[:3000]
        write_folder(tmp_path / str(number), manifest_of(str(number), rows), summary_of(lines), lines)
    from belle_data.engine.progress import Silent
    from belle_train.judge import report_page

    # Paired tests of 45 pairs are no part of the size.
    found = report_page.make_report([str(tmp_path / "0")], Silent())
    runs, _ = read_folders([str(path) for path in sorted(tmp_path.iterdir())])
    cases = chosen_cases(list(enumerate(runs)), 200)
    assert cases.cut_to is not None
    found.runs, found.names, found.together, found.cases = runs, [run.name for run in runs], list(range(10)), cases
    size = len(report_page.report_page(found, language="zh").encode())
    assert 2_000_000 < size < 5_000_000


def test_the_same_folders_give_the_same_bytes(three: Path) -> None:
    assert report(three).code == 0
    first = (three / "report.html").read_bytes()
    assert report(three).code == 0
    assert (three / "report.html").read_bytes() == first
    assert report(three, "--title", "另一个 & <标题>").code == 0
    changed = (three / "report.html").read_text(encoding="utf-8")
    assert "<h1>另一个 &amp; &lt;标题&gt;</h1>" in changed


def test_the_only_script_is_our_own_and_allowed_by_its_hash(three: Path) -> None:
    assert report(three).code == 0
    source = (three / "report.html").read_text(encoding="utf-8")
    script = (files("belle_data.page") / "templates" / "judge_report.js").read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>(.*?)</script>", source, re.DOTALL) == [script]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', source)
    allowed = f"script-src &#39;sha256-{digest}&#39;; base-uri 'none'; form-action 'none'"
    assert policy == [f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {allowed}"]
    never = (
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|setTimeout|setInterval|fetch|XMLHttp"
    )
    never += r"|createElement|setAttribute|\.src\b|\.href\b|location|import\b|cookie|[sS]torage|postMessage|open\("
    assert re.findall(never, script) == []


def test_rows_of_a_printed_table_stand_below(three: Path, tmp_path: Path) -> None:
    names = ",".join(CATEGORIES)
    good = ",".join(["0.5"] * 9)
    table = three / "paper.csv"
    table.write_text(f"name,{names},macro\nX,{good},0.5\nY,{good},0.7\n", encoding="utf-8")
    shown = page(three, "--table-5", table)
    assert shown.row("table-5", "X")[1:] == ["0.500"] * 10 + ["– not printed"]
    assert "Printed row Y: not the mean of its own categories: macro average." in shown.texts["summary"]
    assert "Printed row X" not in shown.texts["summary"]
    done = report(three, "--table-5", tmp_path / "none.csv")
    assert (done.code, "none.csv" in done.err) == (2, True)


def test_repeats_and_people_are_shown(tmp_path: Path) -> None:
    rows = made_rows(18)
    lines = judged_lines(rows, "a")
    for number, line in enumerate(lines):
        line["scores"] = [line["score"], line["score"]]
        line["missing"], line["judged"] = [None, None], ["一", "二"]
        line["human"] = round((number % 7) / 7, 2)
    write_folder(tmp_path / "a", manifest_of("a", rows), summary_of(lines), lines)
    shown = page(tmp_path)
    found = summary(tmp_path / "a")
    assert shown.row("agreement", "all repeats equal")[1] == "100.0 %"
    kappa = f"{found['human']['kappa']:.3f}".replace("-", "−")
    assert shown.row("agreement", "Cohen's kappa, quadratic weights", 1)[1] == kappa
    assert "a person: 0.14" in shown.texts["cases"]


def test_names_that_are_the_same_are_told_apart(tmp_path: Path) -> None:
    rows = made_rows(9)
    for folder in ("x", "y"):
        lines = judged_lines(rows, folder)
        write_folder(tmp_path / folder, manifest_of("same", rows), summary_of(lines), lines)
    shown = page(tmp_path)
    assert shown.row("table-5", "same (x)")
    assert shown.row("table-5", "same (y)")


def test_every_reason_has_words_in_chinese() -> None:
    assert CHINESE_REASONS.keys() == REASONS.keys()
    assert CHINESE_NULLS.keys() == WHY_NULL.keys()


def test_folders_of_judge_and_compare_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the commands really write, with a judge on this machine."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def says(asked: dict[str, Any]) -> dict[str, Any]:
        first, second = shown(asked).find("甲的回答"), shown(asked).find("乙的回答")
        found: dict[str, str | float] = {"verdict": "1" if first < second else "2"} if min(first, second) >= 0 else {}
        found |= {} if found else {"score": 0.9 if first >= 0 else 0.2}
        return reply(json.dumps({"reason": "如此。", **found}), asked)

    evaluation(tmp_path)
    for name, words in (("a", "甲"), ("b", "乙")):
        answers(tmp_path, name, partial("{0}的回答 {1} {2}".format, words))
    server = ChatServer(says)
    judge = ("--eval", tmp_path / "eval.jsonl", "--judge", "m", "--base-url", server.url)
    try:
        for name in ("a", "b"):
            file = tmp_path / f"{name}.jsonl"
            done = command("judge", "--answers", file, *judge, "--out", tmp_path / "scores" / name)
            assert done.code == 0, done.err
        a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
        done = command("compare", "--a", a, "--b", b, *judge, "--out", tmp_path / "scores" / "versus")
        assert done.code == 0, done.err
    finally:
        server.close()
    found_page = page(tmp_path / "scores")
    assert found_page.row("table-2", "–")[1:] == ["a", "★ 0.900 0.900–0.900"]
    assert found_page.row("table-5", "b")[11] == "0.200 0.200–0.200"
    assert found_page.row("pairs", "a")[2].startswith("+0.700")
    assert "甲的回答" in found_page.texts["cases"]
    assert "a is better: 27 (100.0 %)" in found_page.texts["comparisons"]
