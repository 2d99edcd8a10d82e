"""A real browser, and the pages of runs to open in it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pytest
from tests.cli.conftest import EXAMPLE, Shell

from belle_data.embed import DEFAULT_EMBEDDER, embedder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

Language = Literal["en", "zh"]
Scheme = Literal["light", "dark"]


@dataclass
class Opened:
    """A page in the browser, and what happened since it was opened."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    """Addresses, the page's own too."""
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, errors of scripts, dialogs, and other pages that opened."""

    def choose(self, language: Language) -> None:
        """Switch the language as a reader does, with the mouse."""
        self.page.locator(f"label:has(#lang-{language})").click()

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def ask(self, script: str, argument: object = None) -> Any:
        """What a function of JavaScript answers: the page's own rules about scripts do not hold for it."""
        return self.page.evaluate(script, argument)

    def quiet(self) -> None:
        """Check that it asked for nothing besides itself, and that nobody complained."""
        assert self.requests == [self.address]
        assert self.complaints == []
        assert self.page.url == self.address


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found:
        return found
    reason = "needs the browser chromium on the PATH, such as that of Debian's package chromium"
    if os.environ.get("BELLE_REQUIRE_BROWSER"):
        pytest.fail(f"{reason}, and BELLE_REQUIRE_BROWSER is set")
    pytest.skip(reason)


# Of the module and not of the session: while it is open there is a running event loop in this thread, and a test of
# another module could start none.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window.

    A test that needs it is skipped where it is absent, or fails there if BELLE_REQUIRE_BROWSER is set, so that CI
    cannot pass by skipping.
    """
    path = _chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # In a container there is no sandbox to be had; what is opened here is our own.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Open a file in a fresh window: with its width in pixels, and the colours that the reader prefers."""
    contexts = []

    def open_page(path: Path, *, width: int = 1280, scheme: Scheme = "light") -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        opened = Opened(page, path.as_uri())
        page.on("request", lambda request: opened.requests.append(request.url))
        page.on("console", opened.hear)
        page.on("pageerror", lambda error: opened.complaints.append(f"page error: {error}"))
        page.on("dialog", opened.dismiss)
        context.on("page", lambda other: opened.complaints.append(f"another page: {other.url}"))
        page.goto(opened.address)
        return opened

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session", autouse=True)
def encoder() -> Any:
    """The encoder, loaded once for all runs: it is shared as long as somebody uses it."""
    embedder: Any = embedder_of(DEFAULT_EMBEDDER)
    return embedder.kernel


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the example data, cleaned with every default."""
    shell = Shell(tmp_path_factory.mktemp("example"))
    done = shell.here("clean", EXAMPLE, "--out", "run")
    assert done.code == 0, done.err
    return shell.folder / "run" / "report.html"


@pytest.fixture
def belle(tmp_path: Path) -> Shell:
    return Shell(tmp_path)
