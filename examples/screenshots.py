"""Takes pictures of the page of a run (`report.html`), as a reader would see it.

    python examples/screenshots.py runs/demo/report.html pictures --sections
    python examples/screenshots.py runs/demo/report.html --readme docs/images/report.png
    python examples/screenshots.py runs/demo/report.html --readme docs/images/report.zh-CN.png --lang zh

Needs the browser chromium, and the package playwright of requirements-dev.lock.
"""

import argparse
import itertools
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

LANGUAGES = ("en", "zh")
SCHEMES = ("light", "dark")
WINDOWS = {"wide": (1280, 900, 1), "phone": (375, 800, 2)}
"""Width and height in pixels of the style sheet, and pixels of the picture for one of these."""
LARGEST_README_PICTURE = 400_000
"""In bytes: everybody who reads the README loads it."""


def main() -> int:
    """Take the pictures that the command line asks for, and print their names and sizes."""
    options = arguments()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("error: there is no chromium on the PATH\nhint: apt-get install chromium", file=sys.stderr)
        return 2
    if not options.report.is_file():
        print(f"error: no such file: {options.report}", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        # The page runs nothing and loads nothing, and in a container there is no sandbox to be had.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        if options.folder:
            for path in take_all(browser, options.report, options.folder, sections=options.sections):
                print(f"{path.stat().st_size:>9,}  {path}")
        if options.readme:
            take_for_readme(browser, options.report, options.readme, options.lang)
            size = options.readme.stat().st_size
            print(f"{size:>9,}  {options.readme}")
            if size > LARGEST_README_PICTURE:
                print(f"error: larger than {LARGEST_README_PICTURE:,} bytes", file=sys.stderr)
                return 1
        browser.close()
    return 0


def arguments() -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser(description="Takes pictures of the page of a run.")
    parser.add_argument("report", type=Path, metavar="REPORT.html", help="the page")
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="OUT_FOLDER", help="pictures in every width, colour scheme and language"
    )
    parser.add_argument("--sections", action="store_true", help="also a picture of each section")
    parser.add_argument("--readme", type=Path, metavar="FILE.png", help="the top of the page, 1280 by 900")
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="the language of that picture (en)")
    options = parser.parse_args()
    if not options.folder and not options.readme:
        parser.error("name a folder, or --readme FILE.png")
    return options


def take_all(browser: Browser, report: Path, folder: Path, *, sections: bool) -> list[Path]:
    """Take whole pages, and each of their sections by itself; give the files."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    for window, scheme, language in itertools.product(WINDOWS, SCHEMES, LANGUAGES):
        page = opened(browser, report, window=window, scheme=scheme, language=language)
        taken.append(folder / f"{window}-{scheme}-{language}.png")
        page.screenshot(path=taken[-1], full_page=True)
        if sections:
            for section in page.locator("section[id]").all():
                taken.append(folder / f"{window}-{scheme}-{language}-{section.get_attribute('id')}.png")
                section.screenshot(path=taken[-1])
        page.context.close()
    return taken


def take_for_readme(browser: Browser, report: Path, path: Path, language: str) -> None:
    """Take the top of the page, in light colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page = opened(browser, report, window="wide", scheme="light", language=language)
    page.screenshot(path=path)
    page.context.close()


def opened(browser: Browser, report: Path, *, window: str, scheme: str, language: str) -> Page:
    """The page in a window of its own, in the wanted language."""
    width, height, scale = WINDOWS[window]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(report.resolve().as_uri())
    page.locator(f"label:has(#lang-{language})").click()
    # The pointer must not stand on what it has clicked.
    page.mouse.move(0, 0)
    return page


if __name__ == "__main__":
    sys.exit(main())
