"""The page of a run as a reader sees it: in a real browser, in both languages, and with texts that mean harm."""

from __future__ import annotations

import contextlib
import html
import itertools
import re
import shlex
from typing import TYPE_CHECKING, Any, get_args

import pytest
from playwright.sync_api import Error
from tests.page import measures
from tests.page.conftest import Language
from tests.page.payloads import PAYLOADS, Payload, groups, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Shell
    from tests.page.conftest import Opened, Scheme

SECTIONS = [
    "summary", "flow", "reasons", "examples", "clusters", "similarity", "perplexity", "words", "lengths", "languages",
    "cost", "recipe", "repeat",
]  # fmt: skip
"""Of a run with every default, from the top."""
LANGUAGES: tuple[Language, ...] = get_args(Language)
WIDTHS = (1280, 768, 375)
LATIN = re.compile(r"[A-Za-z]{3}")
HAN = re.compile(r"[\u4e00-\u9fff]")
# What a template shows of a value that nobody thought of.
NO_VALUE = re.compile(r"\b(?:nan|NaN|None|inf|Infinity|undefined|null|True|False)\b|object at 0x|\bBoth\(")


def other(language: Language) -> Language:
    return "zh" if language == "en" else "en"


def in_order(opened: Opened) -> None:
    """Check that each section lies below the one before, and within the window's width."""
    boxes: list[dict[str, Any]] = opened.ask(measures.SECTIONS)
    width = opened.ask("() => document.documentElement.clientWidth")
    for before, after in itertools.pairwise(boxes):
        assert after["top"] >= before["bottom"] - 1, (before, after)
    for box in boxes:
        assert -1 <= box["left"] < box["right"] <= width + 1, box
        assert box["bottom"] - box["top"] > 40, box


# The page of the examples


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_can_be_seen_and_has_a_heading(
    language: Language, example: Path, visit: Callable[..., Opened]
) -> None:
    opened = visit(example)
    opened.choose(language)
    sections = opened.ask(measures.SECTIONS)
    assert [section["id"] for section in sections] == SECTIONS
    assert [section["id"] for section in sections if not section["seen"]] == []
    headings = [section["heading"].strip() for section in sections]
    assert all(headings)
    assert len(set(headings)) == len(SECTIONS)
    if language == "zh":
        assert [heading for heading in headings if not HAN.search(heading)] == []
    in_order(opened)
    opened.quiet()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(width: int, example: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(example, width=width)
    for language in LANGUAGES:
        opened.choose(language)
        assert opened.ask(measures.WIDE) == []
        assert opened.ask(measures.CUT_IN_CHARTS) == []
        in_order(opened)
    opened.quiet()


def test_the_switch_shows_one_language(example: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(example)
    for language in (*LANGUAGES, LANGUAGES[0]):
        opened.choose(language)
        assert opened.ask(measures.VISIBLE, other(language)) == []
        assert len(opened.ask(measures.VISIBLE, language)) >= 50
    # Each says all that the other says.
    counts = opened.ask("() => ['en', 'zh'].map((one) => document.querySelectorAll('.' + one).length)")
    assert counts[0] == counts[1]
    for language in LANGUAGES:
        script = "(one) => [...document.querySelectorAll('.' + one)].map((each) => each.getAttribute('lang'))"
        assert [lang for lang in opened.ask(script, language) if not lang.startswith(language)] == []
    opened.quiet()


def test_the_switch_works_from_the_keyboard(example: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(example)
    page = opened.page
    unfocused = page.screenshot()
    for _ in range(3):
        page.keyboard.press("Tab")
        if str(opened.ask("() => document.activeElement.id")).startswith("lang-"):
            break
    at_first = opened.ask("() => document.activeElement.id")
    assert at_first in {"lang-en", "lang-zh"}
    assert page.screenshot() != unfocused, "one cannot see that the switch has the focus"
    seen = [at_first.removeprefix("lang-")]
    for _ in range(2):
        page.keyboard.press("ArrowRight")
        now: Language = opened.ask("() => document.activeElement.id.replace('lang-', '')")
        assert opened.ask(measures.VISIBLE, other(now)) == []
        assert opened.ask(measures.VISIBLE, now) != []
        seen.append(now)
    assert seen[0] == seen[2] != seen[1]
    opened.quiet()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_opens_in_the_language_that_was_asked_for(
    language: Language, example: Path, visit: Callable[..., Opened], belle: Shell
) -> None:
    done = belle.here("report", example.parent, "--lang", language, "--out", "page.html")
    assert done.code == 0, done.err
    opened = visit(belle.folder / "page.html")
    assert opened.ask(measures.VISIBLE, other(language)) == []
    assert opened.ask(measures.VISIBLE, language) != []
    assert opened.ask("() => document.documentElement.lang").startswith(language)
    opened.quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(scheme: Scheme, example: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(example, scheme=scheme)
    for language in LANGUAGES:
        opened.choose(language)
        found = opened.ask(measures.CONTRAST)
        assert found["texts"] >= 200
        assert found["faint"] == {}
        assert found["ground"] > 0.8 if scheme == "light" else found["ground"] < 0.1
    opened.quiet()


def test_a_screen_reader_can_name_every_chart(example: Path, visit: Callable[..., Opened]) -> None:
    charts = visit(example).ask(measures.CHARTS)
    assert len(charts) >= 5
    assert [chart for chart in charts if chart["role"] != "img" or not chart["label"].strip()] == []
    # A chart that is there for both languages has a name in both.
    assert [chart for chart in charts if chart["language"] != "en" and not HAN.search(chart["label"])] == []
    assert [chart for chart in charts if chart["language"] == "" and not LATIN.search(chart["label"])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_headings_leave_no_level_out(language: Language, example: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(example)
    opened.choose(language)
    headings = opened.ask(measures.HEADINGS)
    levels = [level for level, _ in headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert levels.count(2) >= len(SECTIONS)
    assert [pair for pair in itertools.pairwise(levels) if pair[1] > pair[0] + 1] == []
    assert [heading for heading in headings if not heading[1]] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_print_shows_every_section_in_ink(scheme: Scheme, example: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(example, width=718, scheme=scheme)
    opened.choose("zh")
    opened.page.emulate_media(media="print", color_scheme=scheme)
    sections = opened.ask(measures.SECTIONS)
    assert [section["id"] for section in sections if section["seen"] and section["heading"]] == SECTIONS
    assert opened.ask(measures.WIDE) == []
    assert opened.ask(measures.VISIBLE, "en") == []
    found = opened.ask(measures.CONTRAST)
    assert found["faint"] == {}
    assert found["ground"] > 0.8
    printed = opened.page.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 20_000
    opened.quiet()


# Other runs


@pytest.mark.parametrize(
    ("arguments", "rows", "without"),
    [
        (["--stages", "normalise,rules"], 30, {"clusters", "similarity", "perplexity"}),
        (["--stages", "exact_dedup,near_dedup"], 30, {"perplexity"}),
        ([], 1, set()),
        (["--set", "rules.short_prompt=1000"], 3, set()),
    ],
    ids=["rules alone", "duplicates alone", "one row", "no row left"],
)
def test_small_runs_have_whole_pages(
    arguments: list[str], rows: int, without: set[str], belle: Shell, visit: Callable[..., Opened]
) -> None:
    belle.write(
        "raw.jsonl",
        [
            {"instruction": f"写一首关于第{number % 20}座山的诗。", "output": f"第{number % 20}座山在云上。" * 4}
            for number in range(rows)
        ],
    )
    done = belle.here("clean", "raw.jsonl", "--out", "run", *arguments)
    assert done.code == 0, done.err
    opened = visit(belle.folder / "run" / "report.html", width=375)
    found = [section["id"] for section in opened.ask(measures.SECTIONS)]
    assert found == [name for name in SECTIONS if name in found]
    assert not without & set(found)
    if rows == 30:
        assert {"summary", "flow", "reasons", "examples", "cost", "recipe", "repeat"} <= set(found)
    for language in LANGUAGES:
        opened.choose(language)
        assert opened.ask(measures.WIDE) == []
        in_order(opened)
        words = opened.page.locator("main, body").first.inner_text()
        recipe = opened.page.locator("#recipe").inner_text()
        assert NO_VALUE.findall(words.replace(recipe, "")) == []
    opened.quiet()


@pytest.mark.parametrize(
    "name", ["a b", "a;touch ran", "$(touch ran)", "`touch ran`", "'q'", '"q"', "a&b|c>d<e", "-v", "~"]
)
def test_the_shown_command_can_be_copied(name: str, belle: Shell, visit: Callable[..., Opened]) -> None:
    belle.write(f"{name}.jsonl", [{"instruction": "列出三种水果。", "output": "苹果、香蕉、梨。"}])
    done = belle.here("clean", belle.folder / f"{name}.jsonl", "--out", "run")
    assert done.code == 0, done.err
    shown = visit(belle.folder / "run" / "report.html").page.locator("#repeat pre").inner_text()
    words = shlex.split(shown)
    # What a shell would not take for one word: a sign of its language outside of quotes.
    assert words == [*itertools.takewhile("clean".__ne__, words), "clean", words[-5], *words[-4:]]
    assert words[-5].removeprefix("./").endswith(f"{name}.jsonl")
    assert not re.search(r"[;&|<>()$`]", re.sub(r"'[^']*'", "", shown))


# Texts that mean harm


SETTINGS = (
    "input.max_bad_lines=100000",
    "rules.mojibake=off",
    "rules.character_run=off",
    "rules.repeated_10grams=off",
    "quality.least_rows=1",
    "quality.highest=0.3",
)
"""So that the rows come past the rules, and every stage removes some."""
STAGES = ["rules", "exact_dedup", "near_dedup", "semantic_dedup", "quality"]


def cleaned(belle: Shell, payloads: tuple[Payload, ...]) -> Path:
    """The page of a run over rows with these texts, of which each stage removed some."""
    inputs = write_rows(belle.folder, payloads)
    settings = [f"--set={setting}" for setting in SETTINGS]
    recipe = inputs[0].with_suffix(".toml")
    comment = re.sub(r"[\x00-\x08\x0a-\x1f\x7f]", " ", payloads[0].text)
    recipe.write_text(f"# {comment}\n[near_dedup]\nthreshold = 0.79\n", encoding="utf-8")
    done = belle.here("clean", *inputs, "--recipe", recipe, *settings, "--format", "mixed", "--out", "run", "--json")
    assert done.code == 0, done.err
    assert [stage["name"] for stage in done.json()["stages"] if any(stage["removed"].values())] == STAGES, done.out
    return belle.folder / "run" / "report.html"


def squeezed(text: str) -> str:
    return "".join(text.split())


def harm(opened: Opened, counts: dict[str, int]) -> list[str]:
    """All that is wrong with a page that only shows texts: what ran, what was loaded, what was made of a text."""
    found: list[str] = []
    with contextlib.suppress(Error):  # which comes of a page that is left while it is asked; the request is seen below
        found += opened.ask(measures.CREATED)
        now = opened.ask(measures.COUNTS)
        found += [f"{now[name]} {name} and not {wanted}" for name, wanted in counts.items() if now[name] != wanted]
    found += [f"asked for {address[:80]}" for address in opened.requests if address != opened.address]
    return found + opened.complaints


@pytest.mark.parametrize("payloads", groups(), ids=lambda group: group[0].name.replace(" ", "-"))
def test_hostile_texts_are_shown_and_do_nothing(
    payloads: tuple[Payload, ...], example: Path, belle: Shell, visit: Callable[..., Opened]
) -> None:
    path = cleaned(belle, payloads)
    source = path.read_text(encoding="utf-8")
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", source) == []
    # Without its policy the page must be as harmless: that is only there if all else fails.
    bare = belle.folder / "bare.html"
    bare.write_text(without_policy(source), encoding="utf-8")
    counts = visit(example).ask(measures.COUNTS)
    texts = ""
    for file, width in ((path, 1280), (bare, 375)):
        opened = visit(file, width=width)
        opened.ask("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert harm(opened, {**counts, "meta": counts["meta"] - (file == bare)}) == []
        assert opened.ask(measures.WIDE) == []
        assert opened.ask(measures.SHIFTED) == []
        in_order(opened)
        assert [one["id"] for one in opened.ask(measures.SECTIONS)] == SECTIONS
        texts = squeezed(opened.ask("() => document.body.textContent"))
        opened.quiet()
    assert [payload.name for payload in payloads if squeezed(payload.visible) not in texts] == []


def without_policy(source: str) -> str:
    """The page without its rules about what it may run and load."""
    bare, count = re.subn(r"<meta[^>]*Content-Security-Policy[^>]*>", "", source, flags=re.IGNORECASE)
    assert count == 1
    return bare


@pytest.mark.parametrize(
    "name",
    ["script", "picture with a handler", "svg with a handler", "end of a style", "refresh", "frame", "base", "form",
     "link with a script", "object and media", "switch of the language", "end of all", "template element"],
)  # fmt: skip
def test_the_checks_see_a_text_that_is_not_escaped(
    name: str, example: Path, belle: Shell, visit: Callable[..., Opened]
) -> None:
    """A page made wrong on purpose, with and without its policy."""
    payload = next(one for one in PAYLOADS if one.name == name)
    counts = visit(example).ask(measures.COUNTS)
    source = example.read_text(encoding="utf-8")
    place = source.index("</p>", source.index('id="examples"'))
    for kind, shown in (("escaped", html.escape(payload.text)), ("broken", payload.text), ("bare", payload.text)):
        text = source[:place] + shown + source[place:]
        path = belle.folder / f"{kind}.html"
        path.write_text(without_policy(text) if kind == "bare" else text, encoding="utf-8")
        found = harm(visit(path), {**counts, "meta": counts["meta"] - (kind == "bare")})
        assert (found == []) is (kind == "escaped"), found


def test_the_policy_stops_what_is_not_escaped(example: Path, belle: Shell, visit: Callable[..., Opened]) -> None:
    source = example.read_text(encoding="utf-8")
    place = source.index("</p>", source.index('id="examples"'))
    for kind, text in (("broken", source), ("bare", without_policy(source))):
        path = belle.folder / f"{kind}.html"
        script = "<script>window.__ran = 1</script><img src=x onerror='window.__handled = 1'>"
        path.write_text(text[:place] + script + text[place:], encoding="utf-8")
        opened = visit(path)
        opened.page.wait_for_timeout(100)
        assert opened.ask("() => [window.__ran, window.__handled]") == ([None, None] if kind == "broken" else [1, 1])
