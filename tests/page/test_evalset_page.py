"""The page of `evalset build` in a real browser: both languages, every width and colour scheme, and hostile texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from tests.cli.conftest import Shell
from tests.evalset.conftest import QUESTIONS, about, build, questions
from tests.page import measures
from tests.page.conftest import Language
from tests.page.payloads import groups
from tests.page.test_report_in_browser import HAN, NO_VALUE, harm, in_order, other, squeezed, without_policy

from belle_data.evalset.categories import CATEGORIES, CATEGORY_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.page.conftest import Opened, Scheme
    from tests.page.payloads import Payload

LANGUAGES: tuple[Language, ...] = get_args(Language)
SECTIONS = ["summary", "categories", "words", "lengths", "duplicates", "overlap", "origin"]


def built(shell: Shell, rows: list[dict[str, str]], held: list[dict[str, str]]) -> Path:
    """A page with everything on it: duplicates, overlap with `held`, rows without a reference."""
    shell.write("raw<b>.jsonl", rows)
    shell.write("train.jsonl", held)
    arguments = ("--against", "train.jsonl", "--html", "page.html", "--lang", "en")
    done = build(shell, *arguments, raw="raw<b>.jsonl")
    assert done.code == 0, done.err
    assert len(about(shell)["duplicates"]) >= 1
    assert len(about(shell)["overlap"]["rows"]) >= 1
    assert len(about(shell)["without_reference"]) >= 1
    return shell.folder / "page.html"


def ordinary(folder: Path) -> Path:
    rows = questions(*CATEGORIES)
    rows[0]["std_answer"] = ""
    rows.append({**rows[5], "class": "Open\u00a0QA"})
    return built(Shell(folder), rows, [{"instruction": text, "output": "好。"} for text in QUESTIONS[4:7]])


def hostile(folder: Path, payloads: tuple[Payload, ...]) -> Path:
    """Payloads in ids and prompts, each prompt twice, and in the ids and texts of what holds them."""
    texts = [(payload.text, payload.text + QUESTIONS[at % 10]) for at, payload in enumerate(payloads)]
    rows = [
        {"id": f"{copy} {text}", "question": prompt, "class": "math"}
        for copy in ("one", "other")
        for text, prompt in texts
    ]
    held = [{"id": text, "instruction": prompt, "output": "好。"} for text, prompt in texts]
    return built(Shell(folder), rows, held)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ordinary(tmp_path_factory.mktemp("evalset"))


@pytest.mark.parametrize("width", [1280, 768, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_shown_right(width: int, scheme: Scheme, page: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(page, width=width, scheme=scheme)
    for language in LANGUAGES:
        opened.choose(language)
        assert opened.ask(measures.WIDE) == []
        assert opened.ask(measures.VISIBLE, other(language)) == []
        found = opened.ask(measures.CONTRAST)
        assert found["texts"] >= 80
        assert found["faint"] == {}
        in_order(opened)
        sections = opened.ask(measures.SECTIONS)
        assert [section["id"] for section in sections if section["seen"]] == SECTIONS
        if language == "zh":
            assert [section["heading"] for section in sections if not HAN.search(section["heading"])] == []
    opened.quiet()


def test_every_category_is_there(page: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(page)
    for language in LANGUAGES:
        opened.choose(language)
        text = opened.ask("() => document.querySelector('#categories').innerText")
        names = [getattr(CATEGORY_NAMES[name], language) for name in CATEGORIES]
        assert [name for name in names if text.count(name) < 2] == []
    assert opened.ask("() => document.querySelectorAll('#categories .bars tr').length") == 9
    assert opened.ask("() => document.querySelectorAll('.cloud li').length") >= 10
    assert not NO_VALUE.search(opened.ask("() => document.body.innerText"))
    opened.quiet()


def test_the_page_of_one_row_is_whole(tmp_path: Path, visit: Callable[..., Opened]) -> None:
    shell = Shell(tmp_path)
    shell.write("raw.jsonl", [{"question": "1+1", "class": "math", "answer": "2"}])
    assert build(shell, "--html", "page.html", "--no-dedup").code == 0
    opened = visit(tmp_path / "page.html", width=375)
    seen = [section["id"] for section in opened.ask(measures.SECTIONS) if section["seen"]]
    assert seen == [name for name in SECTIONS if name not in {"duplicates", "overlap"}]
    assert not NO_VALUE.search(opened.ask("() => document.body.innerText"))
    assert opened.ask(measures.WIDE) == []
    opened.quiet()


@pytest.mark.parametrize("payloads", groups(), ids=lambda group: group[0].name.replace(" ", "-"))
def test_hostile_texts_are_shown_and_do_nothing(
    payloads: tuple[Payload, ...], page: Path, tmp_path: Path, visit: Callable[..., Opened]
) -> None:
    counts = visit(page).ask(measures.COUNTS)
    path = hostile(tmp_path, payloads)
    bare = tmp_path / "bare.html"
    bare.write_text(without_policy(path.read_text(encoding="utf-8")), encoding="utf-8")
    texts = ""
    for file, width in ((path, 1280), (bare, 375)):
        opened = visit(file, width=width)
        assert harm(opened, {**counts, "meta": counts["meta"] - (file == bare)}) == []
        assert opened.ask(measures.WIDE) == []
        assert opened.ask(measures.SHIFTED) == []
        in_order(opened)
        texts = squeezed(opened.ask("() => document.body.textContent"))
        opened.quiet()
    assert [payload.name for payload in payloads if squeezed(payload.visible)[:200] not in texts] == []
