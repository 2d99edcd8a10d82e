"""The page of a blind sheet in a real browser: texts that mean harm, choosing, and the table that comes back."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Error
from tests.judge.sheet_desk import Desk, answer
from tests.page import measures
from tests.page.payloads import PAYLOADS, RUN, Payload

from belle_data.errors import InternalError
from belle_data.page.script import inline_script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.page.conftest import Opened, Scheme

OWN = {"button#download in no section", "script in no section", "noscript in no section"}
"""What no other page has."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def exported(desk: Desk, *arguments: str | int) -> Path:
    done = desk.export("--html", "page.html", *arguments)
    assert done.code == 0, done.err
    return desk.folder / "page.html"


def hostile(desk: Desk) -> Path:
    """A page whose every text is one of the payloads."""
    rows = [
        answer(at, "", prompt=one.text, reference=f"r {one.text}", category=one.text) for at, one in enumerate(PAYLOADS)
    ]
    desk.answers("a.jsonl", [{**row, "answer": f"a {one.text}"} for row, one in zip(rows, PAYLOADS, strict=True)])
    desk.answers("b.jsonl", [{**row, "answer": one.text} for row, one in zip(rows, PAYLOADS, strict=True)])
    return exported(desk)


def without_policy(source: str) -> str:
    bare, count = re.subn(r"<meta[^>]*Content-Security-Policy[^>]*>", "", source, flags=re.IGNORECASE)
    assert count == 1
    return bare


def harm(opened: Opened) -> list[str]:
    """What came of a text that was taken for more than text."""
    found: list[str] = []
    with contextlib.suppress(Error):  # which comes of a page that is left while it is asked; the request is seen below
        found += [one for one in opened.ask(measures.CREATED) if one not in OWN]
    found += [f"asked for {address[:80]}" for address in opened.requests if address != opened.address]
    return found + opened.complaints


def choose(opened: Opened, number: int, value: str) -> None:
    opened.page.locator(f"#row-{number} .choice label:has(input[value={value}])").click()


def downloaded(opened: Opened, desk: Desk, name: str = "back.csv") -> Path:
    with opened.page.expect_download() as waiting:
        opened.page.locator("#download").click()
    assert re.fullmatch(r"verdicts-[0-9a-f]{12}\.csv", waiting.value.suggested_filename)
    waiting.value.save_as(desk.folder / name)
    # The browser writes down the page's own memory as the address that it fetches.
    opened.requests[:] = [address for address in opened.requests if not address.startswith("blob:")]
    return desk.folder / name


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.reader(handle))


def test_hostile_texts_are_shown_and_do_nothing(desk: Desk, visit: Callable[..., Opened]) -> None:
    path = hostile(desk)
    source = path.read_text(encoding="utf-8")
    assert source.count("<script") == 1
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", source) == []
    # Without its policy the page must be as harmless: that is only there if all else fails.
    bare = desk.folder / "bare.html"
    bare.write_text(without_policy(source), encoding="utf-8")
    for file, width in ((path, 1280), (bare, 375)):
        opened = visit(file, width=width)
        opened.ask("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert harm(opened) == []
        assert opened.ask("() => document.querySelectorAll('section.row').length") == len(PAYLOADS)
        assert opened.ask("() => document.querySelectorAll('section.row input').length") == 5 * len(PAYLOADS)
        assert opened.ask(measures.WIDE) == []
        assert opened.ask(measures.SHIFTED) == []
        texts = "".join(opened.ask("() => document.body.textContent").split())
        assert [one.name for one in PAYLOADS if "".join(one.visible.split()) not in texts] == []
        opened.quiet()


@pytest.mark.parametrize("name", ["script", "picture with a handler", "frame", "base", "refresh", "form"])
def test_the_checks_see_a_text_that_is_not_escaped(name: str, desk: Desk, visit: Callable[..., Opened]) -> None:
    """A page made wrong on purpose, with and without its policy."""
    desk.systems(4)
    source = exported(desk).read_text(encoding="utf-8")
    payload: Payload = next(one for one in PAYLOADS if one.name == name)
    place = source.index("</div>", source.index('data-text="left"'))
    for kind in ("broken", "bare"):
        text = source[:place] + payload.text + source[place:]
        path = desk.folder / f"{kind}.html"
        path.write_text(without_policy(text) if kind == "bare" else text, encoding="utf-8")
        assert harm(visit(path)) != []


def test_the_policy_runs_the_script_of_the_page_and_no_other(desk: Desk, visit: Callable[..., Opened]) -> None:
    desk.systems(4)
    path = exported(desk)
    source = path.read_text(encoding="utf-8")
    element, allowed = inline_script("blind_sheet.js")
    assert str(element) in source
    assert allowed.replace("'", "&#39;") in source
    place = source.index("</div>", source.index('data-text="left"'))
    other = f"<script>{RUN}</script><img src=x onerror='{RUN}'><a id=go href='javascript:{RUN}'>x</a>"
    for text in (source[:place] + other + source[place:], source.replace('"use strict";', '"use strict";' + RUN + ";")):
        path.write_text(text, encoding="utf-8")
        opened = visit(path)
        if "id=go" in text:
            opened.page.locator("#go").click()
        opened.page.wait_for_timeout(100)
        assert opened.ask("() => window.__ran ?? null") is None
        assert any("Content Security Policy" in one for one in opened.complaints)


def test_choices_come_back_as_a_table_that_import_takes(desk: Desk, visit: Callable[..., Opened]) -> None:
    hostile(desk)
    opened = visit(desk.folder / "page.html", width=375)
    left = {row["number"]: row["left"] for row in desk.key()["sheets"][0]["rows"]}
    for number, side in left.items():
        choose(opened, number, "left" if side == "a" else "right")
    opened.page.locator("#row-2 .note").fill('=1+1, "gut"')
    choose(opened, 3, "bad")
    assert opened.page.locator("#chosen").inner_text() == str(len(left))
    path = downloaded(opened, desk)
    opened.quiet()
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    # But for verdicts and notes it is the sheet that goes to those who work with a spreadsheet.
    assert [row[:6] for row in table(path)] == [row[:6] for row in desk.sheet()]
    assert [table(path)[number][6:] for number in (2, 3)] == [
        ["left" if left[2] == "a" else "right", '\'=1+1, "gut"'],
        ["bad", ""],
    ]
    done = desk.run("import", "--key", "key.json", path, "--json", "--out", "human.json")
    assert done.code == 0, done.err
    overall = done.json()["people"][0]["wins"]["overall"]
    assert [overall[name] for name in ("wins", "losses", "ties", "missing")] == [len(left) - 1, 0, 1, 0]
    rows = json.loads((desk.folder / "human.json").read_bytes())["people"][0]["rows"]
    assert [row["note"] for row in rows if row["note"]] == ['=1+1, "gut"']


def test_open_rows_come_back_without_a_verdict(desk: Desk, visit: Callable[..., Opened]) -> None:
    desk.systems(4)
    opened = visit(exported(desk))
    choose(opened, 2, "tie")
    choose(opened, 2, "right")
    assert opened.page.locator("#chosen").inner_text() == "1"
    path = downloaded(opened, desk)
    assert [row[6] for row in table(path)[1:]] == ["", "right", "", ""]
    assert desk.run("import", "--key", "key.json", path).code == 1
    opened.quiet()


def test_choices_last_when_the_page_is_opened_again(desk: Desk, visit: Callable[..., Opened]) -> None:
    desk.systems(4)
    opened = visit(exported(desk))
    choose(opened, 3, "left")
    opened.page.locator("#row-3 .note").fill("因为")
    opened.page.reload()
    assert opened.page.locator("#chosen").inner_text() == "1"
    assert opened.page.locator("#row-3 input[value=left]").is_checked()
    assert opened.page.locator("#row-3 .note").input_value() == "因为"
    # What somebody else left there must do no harm.
    for wrong in ("{", "3", '[1, [2], ["3", "<b>", 5], null]'):
        opened.ask("(text) => localStorage.setItem(Object.keys(localStorage)[0], text)", wrong)
        opened.page.reload()
        assert opened.page.locator("#chosen").inner_text() == "0"
    assert opened.complaints == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_well_on_a_phone(language: Any, scheme: Scheme, desk: Desk, visit: Callable[..., Opened]) -> None:
    desk.systems(4, a=lambda at: "很长的回答。" * 200 + str(at))
    opened = visit(exported(desk, "--lang", language), width=375, scheme=scheme)
    assert opened.ask(measures.WIDE) == []
    found = opened.ask(measures.CONTRAST)
    assert found["texts"] >= 40
    assert found["faint"] == {}
    for one in ("en", "zh"):
        opened.choose(one)
        assert opened.ask(measures.VISIBLE, "zh" if one == "en" else "en") == []
    heights = opened.ask("() => [...document.querySelectorAll('.choice label')].map((one) => one.offsetHeight)")
    assert len(heights) == 16
    assert min(heights) >= 44, "a finger needs so much"
    assert [level for level, _ in opened.ask(measures.HEADINGS)].count(1) == 1
    assert table(desk.folder / "sheet.csv")[0][6] == ("verdict" if language == "en" else "判断")
    opened.quiet()


def test_a_choice_is_made_from_the_keyboard(desk: Desk, visit: Callable[..., Opened]) -> None:
    desk.systems(2)
    opened = visit(exported(desk))
    opened.page.locator("#row-1 .choice input").first.focus()
    opened.page.keyboard.press("ArrowRight")
    assert opened.page.locator("#row-1 input[value=right]").is_checked()
    assert opened.page.locator("#chosen").inner_text() == "1"
    opened.quiet()


@pytest.mark.parametrize("name", ["none.js", "../style.css", "style.css", "", "a/b.js"])
def test_only_scripts_of_the_package_can_be_set_in(name: str) -> None:
    with pytest.raises(InternalError):
        inline_script(name)
