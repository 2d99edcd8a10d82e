"""The page of scores in a real browser: shown right, searched and filtered, and with texts that mean harm."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any, get_args

import pytest
from tests.judge.made_runs import (
    Row,
    judged_lines,
    made_rows,
    manifest_of,
    summary_of,
    text,
    write_comparison,
    write_folder,
    write_run,
)
from tests.page import measures
from tests.page.conftest import Language
from tests.page.payloads import PAYLOADS, Payload, groups
from tests.page.test_report_in_browser import HAN, NO_VALUE, harm, in_order, other, squeezed, without_policy
from tests.train.conftest import command

from belle_data.evalset.categories import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from playwright.sync_api import Browser
    from tests.page.conftest import Opened, Scheme

LANGUAGES: tuple[Language, ...] = get_args(Language)
SECTIONS = [
    "summary", "table-2", "table-5", "pairs", "comparisons", "distributions", "lengths", "agreement", "cases",
    "provenance",
]  # fmt: skip
UNFOLD = """() => {
    document.querySelectorAll('details').forEach((one) => { one.open = true; });
    document.querySelectorAll('.case').forEach((one) => { one.style.contentVisibility = 'visible'; });
}"""
"""Opens what is folded, and lays out the cases that are not in view too."""
CONTROLS = re.compile(r"^(script in cases|script in provenance|script in no section|button#reset in cases)$")
"""What only this page has of all that a text could have become."""


def make(folder: Path, *options: str) -> Path:
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    done = command("report", *folders, "--out", folder / "report.html", *options)
    assert done.code == 0, done.err
    return folder / "report.html"


def lost(reason: str, each: int) -> Callable[[int], str | None]:
    return lambda number: reason if number % each == 0 else None


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three runs of 45 rows, one with missing scores, one with repeats and people, and a comparison."""
    folder = tmp_path_factory.mktemp("scores")
    rows = made_rows(45)
    write_run(folder, "good", rows, good=0.9, base="LLaMA-EXT", data="zh(alpaca-4)", factor="data quality")
    write_run(folder, "middle", rows, good=0.6, missing=lost("no_score", 10), base="LLaMA", data="zh(alpaca-3.5)")
    lines = judged_lines(rows, "poor", good=0.3)
    for number, line in enumerate(lines):
        line["scores"], line["missing"] = [line["score"]] * 2, [None, None]
        line["judged"] = ["第一次评审", "第二次评审"]
        line["human"] = (number % 5) / 5
    lines[7]["answer"] = "Ｔhe  ＮＥＥＤＬＥ in the haystack"
    write_folder(folder / "poor", manifest_of("poor", rows), summary_of(lines), lines)
    write_comparison(folder, "versus", "good", "poor", rows)
    return make(folder, "--language", "en")


@pytest.mark.parametrize("width", [1280, 768, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_shown_right(width: int, scheme: Scheme, scores: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(scores, width=width, scheme=scheme)
    opened.ask(UNFOLD)
    for language in LANGUAGES:
        opened.choose(language)
        assert opened.ask(measures.WIDE) == []
        assert opened.ask(measures.CUT_IN_CHARTS) == []
        assert opened.ask(measures.VISIBLE, other(language)) == []
        found = opened.ask(measures.CONTRAST)
        assert found["texts"] >= 500
        assert found["faint"] == {}
        assert found["ground"] > 0.8 if scheme == "light" else found["ground"] < 0.1
        in_order(opened)
        sections = opened.ask(measures.SECTIONS)
        assert [section["id"] for section in sections if section["seen"] and section["heading"].strip()] == SECTIONS
        if language == "zh":
            assert [section["heading"] for section in sections if not HAN.search(section["heading"])] == []
        levels = [level for level, _ in opened.ask(measures.HEADINGS)]
        assert levels.count(1) == 1
        assert [pair for pair in itertools.pairwise(levels) if pair[1] > pair[0] + 1] == []
        assert NO_VALUE.findall(opened.page.locator("main").inner_text()) == []
    charts = opened.ask(measures.CHARTS)
    assert len(charts) == 3
    assert [chart for chart in charts if chart["role"] != "img" or not HAN.search(chart["label"])] == []
    opened.quiet()


def test_print_shows_every_case(scores: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(scores, width=718)
    opened.page.emulate_media(media="print")
    assert opened.ask(measures.WIDE) == []
    assert shown(opened) == 45
    assert not opened.page.locator("#filters").is_visible()
    assert opened.page.pdf(format="A4").startswith(b"%PDF-")
    opened.quiet()


# Search and filters


def shown(opened: Opened) -> int:
    """Cases that can be seen, which is also what the page says."""
    count = opened.page.locator(".case").filter(visible=True).count()
    assert int(opened.page.locator("#count").inner_text() or -1) == count if controls(opened) else True
    return count


def controls(opened: Opened) -> bool:
    return opened.page.locator("#filters").is_visible()


def places(opened: Opened) -> list[int]:
    return [
        int(one.get_attribute("data-place") or -1) for one in opened.page.locator(".case").filter(visible=True).all()
    ]


def lines(scores: Path, name: str) -> list[Row]:
    return [json.loads(line) for line in (scores.parent / name / "scores.jsonl").read_text("utf-8").splitlines()]


def test_search_finds_what_is_in_any_text_of_a_case(scores: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(scores)
    assert shown(opened) == 45
    row = lines(scores, "good")[11]
    for words in (row["prompt"], row["reference"], row["answer"], row["judged"][0], row["id"]):
        assert words
        opened.page.locator("#search").fill(words)
        assert 11 in places(opened)
        assert shown(opened) <= 3
    # As people type: another width, another case, words apart.
    opened.page.locator("#search").fill("")
    opened.page.locator("#search").press_sequentially("haystack needle")
    assert places(opened) == [7]
    opened.page.locator("#search").fill("this is nowhere")
    assert shown(opened) == 0
    assert opened.page.locator("#nothing").is_visible()
    # The script must not take it for a pattern or for markup.
    for words in (".*", "[", "\\", "<b>", "${1}", "')"):
        opened.page.locator("#search").fill(words)
        assert shown(opened) == 0
    opened.page.locator("#reset").click()
    assert shown(opened) == 45
    assert not opened.page.locator("#nothing").is_visible()
    opened.quiet()


def test_filters_show_what_they_say(scores: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(scores)
    page = opened.page
    page.get_by_label("open qa", exact=False).first.check()
    assert places(opened) == [number for number in range(45) if CATEGORIES[number % 9] == "open_qa"]
    page.locator("#reset").click()
    page.locator("#missing").check()
    assert places(opened) == [0, 10, 20, 30, 40]
    # Without the run that lacks them there is none.
    page.get_by_label("middle").uncheck()
    assert shown(opened) == 0
    assert page.locator(".answer[data-run='1']").filter(visible=True).count() == 0
    page.locator("#reset").click()
    assert page.locator(".answer[data-run='1']").filter(visible=True).count() == 45
    found = {name: [line["score"] for line in lines(scores, name)] for name in ("good", "middle", "poor")}
    rows = [[one for one in row if one is not None] for row in zip(*found.values(), strict=True)]
    page.locator("#low").fill("0.4")
    page.locator("#high").fill("0.5")
    wanted = [place for place, row in enumerate(rows) if any(0.4 <= one <= 0.5 for one in row)]
    assert 0 < len(wanted) < 45
    assert places(opened) == wanted
    page.locator("#reset").click()
    # Tenths are not exact to a machine: 0.7 - 0.4 is a little less than 0.3.
    for tenths in range(2, 9):
        page.locator("#apart").fill(str(tenths / 10))
        wanted = [place for place, row in enumerate(rows) if round(10 * (max(row) - min(row))) >= tenths]
        assert 0 < len(wanted) < 45
        assert places(opened) == wanted
    for wrong in ("", "-3", "7"):
        page.locator("#apart").fill(wrong)
        assert shown(opened) == (0 if wrong == "7" else 45)
    opened.quiet()


def test_cases_are_sorted(scores: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(scores)
    found = {name: [line["score"] for line in lines(scores, name)] for name in ("good", "middle", "poor")}
    rows = [[one for one in row if one is not None] for row in zip(*found.values(), strict=True)]
    keys: dict[str, Callable[[int], float]] = {
        "largest difference": lambda place: -round(max(rows[place]) - min(rows[place]), 6),
        "lowest score": lambda place: min(rows[place]),
        "highest score": lambda place: -max(rows[place]),
    }
    for name, key in keys.items():
        opened.page.get_by_label(name).check()
        now = places(opened)
        assert sorted(now) == list(range(45))
        assert [key(place) for place in now] == sorted(key(place) for place in now)
        assert now != list(range(45))
    opened.page.get_by_label("as in the set").check()
    assert places(opened) == list(range(45))
    opened.quiet()


def test_filters_work_from_the_keyboard_and_in_chinese(scores: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(scores, width=375)
    opened.choose("zh")
    opened.page.get_by_label("搜索指令").focus()
    opened.page.keyboard.type("needle")
    assert places(opened) == [7]
    opened.page.keyboard.press("Control+A")
    opened.page.keyboard.press("Delete")
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("ArrowRight")
    assert places(opened) == [number for number in range(45) if number % 9 == 0]
    assert opened.ask("() => document.activeElement.name") == "category"
    opened.quiet()


def test_without_scripts_every_case_is_there(scores: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(scores.as_uri())
    assert page.locator(".case").filter(visible=True).count() == 45
    assert page.locator(".answer").filter(visible=True).count() == 135
    assert not page.locator("#filters").is_visible()
    assert page.locator("section").filter(visible=True).count() == len(SECTIONS)
    page.locator("label:has(#lang-zh)").click()
    assert page.locator("h1 .zh").is_visible()
    context.close()


# Texts that mean harm


def hostile(folder: Path, payloads: Sequence[Payload]) -> Path:
    """The page of two runs and a comparison that have the payloads wherever a text can stand."""
    rows = []
    for number, payload in enumerate(payloads):
        everything = " ".join(one.text for one in (*payloads[number:], *payloads[:number]))
        category = CATEGORIES[number % len(CATEGORIES)]
        rows.append({"id": payload.text, "category": category, "prompt": everything, "reference": payload.text})
    first = payloads[0].text
    for name in ("a", "b"):
        found = judged_lines(rows, name, missing=lost("no_score", 2) if name == "b" else lambda _: None)
        for line, payload in zip(found, payloads, strict=True):
            line["answer"] = line["detail"] = payload.text
            line["judged"] = [f"{payload.text}\n得分：0.5", payload.text][: len(line["judged"])]
        manifest = damaged(manifest_of(f"{first}{name}", rows, base=first, data=first, factor=first), payloads)
        summary = summary_of(found)
        summary["length"] = {first: first, "overall": {"spearman": None, "reason": first, "mean_characters": first}}
        summary["repeats"] = {"rows": 1, "equal": None, "alpha": first, "reason": first, first: first}
        write_folder(folder / name, manifest, summary, found)
    path = write_comparison(folder, "versus", f"{first} one", f"{first} two", rows)
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    summary = json.loads((path / "summary.json").read_text("utf-8"))
    summary["missing_reasons"] = {first: 1}
    summary["overall"]["reason"], summary["overall"]["win_rate"] = first, None
    (path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (path / "manifest.json").write_text(json.dumps({**damaged(manifest, payloads), "name": first}), encoding="utf-8")
    return make(folder, "--title", re.sub("\0", "", first))


def damaged(manifest: Row, payloads: Sequence[Payload]) -> Row:
    """A manifest with payloads for all values that are shown as they are, and for names of settings."""
    one, words = payloads[-1].text, [payload.text for payload in payloads]
    for number, part in enumerate(("judge", "replies", "made_by", "answers", "a", "b")):
        if part in manifest:
            kept = {key: manifest[part][key] for key in ("name",) if key in manifest[part]}
            manifest[part] = {
                key: words[(number + place) % len(words)] for place, key in enumerate(manifest[part])
            } | kept
            manifest[part]["settings"] = {one: one, "model": {one: [one]}}
            manifest[part]["models"] = {one: one}
    manifest["evaluation"]["path"] = one
    files: list[Any] = [{"name": word, "hash": word, "rows": word} for word in words]
    manifest["training"] = {"model": one, "training": {"kind": one, "model": one, "data": [*files, one, None, 3]}}
    return manifest


@pytest.mark.parametrize("payloads", groups(), ids=lambda group: group[0].name.replace(" ", "-"))
def test_hostile_texts_are_shown_and_do_nothing(
    payloads: tuple[Payload, ...], scores: Path, tmp_path: Path, visit: Callable[..., Opened]
) -> None:
    path = hostile(tmp_path, payloads)
    source = path.read_text(encoding="utf-8")
    page, script = source[: source.rindex("<script>")], source[source.rindex("<script>") :]
    assert script in scores.read_text(encoding="utf-8")
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", page) == []
    # Without its policy the page must be as harmless: that is only there if all else fails.
    bare = tmp_path / "bare.html"
    bare.write_text(without_policy(source), encoding="utf-8")
    fixed = ["html", "head", "body", "main", "h1", "head title", "style", "meta"]
    counts = {name: count for name, count in visit(scores).ask(measures.COUNTS).items() if name in fixed}
    texts = ""
    for file, width in ((path, 1280), (bare, 375)):
        opened = visit(file, width=width)
        opened.ask(UNFOLD)
        found = harm(opened, {**counts, "meta": counts["meta"] - (file == bare)})
        assert [one for one in found if not CONTROLS.match(one)] == []
        assert opened.ask("() => document.scripts.length") == 1
        assert opened.ask("() => document.querySelectorAll('button').length") == 1
        assert opened.ask(measures.WIDE) == []
        assert opened.ask(measures.SHIFTED) == []
        in_order(opened)
        assert [one["id"] for one in opened.ask(measures.SECTIONS)] == SECTIONS
        texts = squeezed(opened.ask("() => document.getElementById('cases').textContent"))
        # The search must take them for text too.
        for payload in payloads:
            opened.page.locator("#search").fill(payload.text[:200])
            assert opened.ask("() => window.__ran === undefined")
        opened.page.locator("#search").fill("")
        assert shown(opened) == len(payloads)
        opened.quiet()
    assert [payload.name for payload in payloads if squeezed(payload.visible) not in texts] == []


@pytest.mark.parametrize("name", ["script", "picture with a handler", "svg with a handler"])
def test_the_policy_stops_what_is_not_escaped(
    name: str, scores: Path, tmp_path: Path, visit: Callable[..., Opened]
) -> None:
    """A page made wrong on purpose: what runs without its policy does not run with it."""
    payload = next(one for one in PAYLOADS if one.name == name)
    source = scores.read_text(encoding="utf-8")
    place = source.index("</div>", source.index('class="said"'))
    for kind, made in (("broken", source), ("bare", without_policy(source))):
        at = place - (len(source) - len(made))
        path = tmp_path / f"{kind}.html"
        path.write_text(made[:at] + payload.text + made[at:], encoding="utf-8")
        opened = visit(path)
        opened.page.wait_for_timeout(100)
        assert (opened.ask("() => window.__ran") == 1) is (kind == "bare")
        if kind == "broken":
            assert controls(opened)
            assert shown(opened) == 45


def test_another_script_in_the_place_of_ours_does_not_run(
    scores: Path, tmp_path: Path, visit: Callable[..., Opened]
) -> None:
    source = scores.read_text(encoding="utf-8")
    path = tmp_path / "changed.html"
    path.write_text(source.replace('"use strict";', '"use strict"; window.__ran = 1;'), encoding="utf-8")
    opened = visit(path)
    assert opened.ask("() => window.__ran") is None
    assert opened.page.locator(".case").filter(visible=True).count() == 45
    assert not controls(opened)


def test_damaged_text_of_a_case_is_long_and_stays_in_its_place(tmp_path: Path, visit: Callable[..., Opened]) -> None:
    rows = made_rows(9)
    found = judged_lines(rows, "a")
    found[0]["answer"] = text("long", 20_000)
    found[1]["judged"] = ["好" * 20_000]
    write_folder(tmp_path / "a", manifest_of("a", rows), summary_of(found), found)
    for width in (1280, 375):
        opened = visit(make(tmp_path), width=width)
        assert opened.ask(measures.WIDE) == []
        assert opened.page.locator("#cases").get_by_text("(+16,000)").count() == 2
        opened.ask(UNFOLD)
        assert opened.ask(measures.WIDE) == []
        in_order(opened)
        opened.quiet()
