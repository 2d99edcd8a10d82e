"""The page of `tokens` in a real browser: both languages, every width and colour scheme, and names that mean harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from tests.page import measures
from tests.page.conftest import Language
from tests.page.test_report_in_browser import HAN, LATIN, NO_VALUE, in_order, other
from tests.vocab.made_tokenizers import example_lines, train_pieces, write_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Shell
    from tests.page.conftest import Opened, Scheme

LANGUAGES: tuple[Language, ...] = get_args(Language)
SECTIONS = ["summary", "counts", "lengths", "tokenizers"]
HARM = "<script>alert(1)<b>{{ 7 * 7 }}<img>"


@pytest.fixture(scope="module")
def tokens_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of three tokenizers, one with a name that means harm, with lines on both sides of the context."""
    from tests.cli.conftest import Shell

    shell = Shell(tmp_path_factory.mktemp("tokens"))
    model = train_pieces(shell.folder / "zh.model")
    unigram = train_pieces(shell.folder / "unigram.model", 1900, model_type="unigram")
    write_lines(shell.folder / "<b>zh.txt", [*example_lines(), ""])
    tokenizers: list[str | Path] = ["--tokenizer", model, "--tokenizer", unigram, "--tokenizer", f"{HARM}={model}"]
    done = shell.here("tokens", "<b>zh.txt", *tokenizers, "--context", "40", "--html", "page.html", "--lang", "en")
    assert done.code == 0, done.err
    return shell.folder / "page.html"


@pytest.mark.parametrize("width", [1280, 768, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_shown_right(width: int, scheme: Scheme, tokens_page: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(tokens_page, width=width, scheme=scheme)
    for language in LANGUAGES:
        opened.choose(language)
        assert opened.ask(measures.WIDE) == []
        assert opened.ask(measures.CUT_IN_CHARTS) == []
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


def test_names_are_texts_and_charts_have_names(tokens_page: Path, visit: Callable[..., Opened]) -> None:
    opened = visit(tokens_page)
    text = opened.ask("() => document.body.innerText")
    assert HARM in text
    assert "<b>zh.txt" in text
    assert not NO_VALUE.search(text)
    assert opened.ask("() => document.querySelectorAll('img, script, b > b').length") == 0
    charts = opened.ask(measures.CHARTS)
    assert len(charts) == 3
    assert opened.ask("() => document.querySelectorAll('table.bars[aria-label]').length") == 1
    assert [chart for chart in charts if not (HAN.search(chart["label"]) and LATIN.search(chart["label"]))] == []
    assert opened.ask("() => document.querySelectorAll('svg .removed').length") > 0
    opened.quiet()


def test_the_page_of_one_line_is_whole(belle: Shell, tokens_page: Path, visit: Callable[..., Opened]) -> None:
    write_lines(belle.folder / "one.txt", [""])
    done = belle.here("tokens", "one.txt", "--tokenizer", tokens_page.parent / "zh.model", "--html", "page.html")
    assert done.code == 0, done.err
    opened = visit(belle.folder / "page.html")
    assert [section["id"] for section in opened.ask(measures.SECTIONS) if section["seen"]] == SECTIONS
    assert not NO_VALUE.search(opened.ask("() => document.body.innerText"))
    opened.quiet()
