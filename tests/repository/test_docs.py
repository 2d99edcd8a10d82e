"""The pages say what is so: links lead somewhere, options exist, commands print what the page shows."""

import contextlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from belle_data import clean

ROOT = Path(__file__).resolve().parents[2]
# Folders that tools make; those with a dot before their name are left out too.
MADE = {"target", "runs", "dist"}


def project_pages() -> list[Path]:
    """Every page of the project, none that a tool brought along."""
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if name not in MADE and not name.startswith(".")]
        found += [Path(folder, name) for name in names if name.endswith(".md")]
    return sorted(found)


PAGES = project_pages()
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]\b")
# Options of the benchmark's script, which belle_data's help does not list.
FOREIGN_FLAGS = {
    "--latency",
    "--length",
    "--pieces",
    "--questions",
    "--rounds",
    "--steps",
    "--work",
    "--bin",
    "--check",
    "--corpus",
    "--instruction-sets",
    "--parse-write",
    "--peer-python",
    "--peers",
    "--python",
    "--release",
    "--repeat",
    "--show",
}
# What differs from run to run and from machine to machine.
MEASURED = [
    (re.compile(r"[\d.,]+ (?:ms|s)\b"), "TIME"),
    (re.compile(r"[\d,]+ rows/s on \d+ threads?(?:, [\d,]+ MiB of memory at most)?"), "RATE"),
    (re.compile(r'"(seconds|cpu_seconds|peak_private_bytes|rows_per_second|threads)": [\d.null]+'), r'"\1": MEASURED'),
]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *kinds: str) -> list[tuple[str, str]]:
    """Kind and text of the fenced blocks of a page, of these kinds alone if any are named."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [(kind, text) for kind, text in found if not kinds or kind in kinds]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Names under which the headings of a page can be linked, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_pages_are_found() -> None:
    names = {name_of(page) for page in PAGES}
    assert len(names) >= 15
    assert {"README.md", "README.zh-CN.md", "CHANGELOG.md", "docs/looking-inside.md", "docs/recipes.md"} <= names


def test_links_lead_to_files_and_headings() -> None:
    seen = 0
    for page in PAGES:
        for target in LINK.findall(prose(page)):
            if "://" in target:
                continue
            seen += 1
            path, _, anchor = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), f"{name_of(page)} links to {target}"
            if anchor:
                assert anchor in anchors(linked), f"{name_of(page)} links to {target}"
    assert seen >= 30


def test_every_decision_is_in_the_list() -> None:
    decisions = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("0*.md"))
    assert len(decisions) >= 14
    listed = LINK.findall((ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8"))
    assert [link for link in listed if link.startswith("0")] == decisions


def test_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    from belle_data.cli import evalset, main, vocab
    from belle_data.cli.parser import COMMANDS
    from belle_train.cli import blind_sheet
    from belle_train.cli import main as train
    from belle_train.cli.parser import PROGRAM

    assert len(COMMANDS) >= 7
    commands = [[], *([command] for command in COMMANDS), *(["vocab", action] for action in vocab.ACTIONS)]
    commands += [["evalset", action] for action in evalset.ACTIONS]
    for arguments in ([*command, "--help"] for command in commands):
        assert main(arguments) == 0
    # A command that is announced and not there yet has no help.
    training = [[name] for name in PROGRAM.commands if find_spec(f"belle_train.cli.{name.replace('-', '_')}")]
    assert len(training) >= 6
    for name in [*training, *(["blind-sheet", action] for action in blind_sheet.ACTIONS)]:
        assert train([*name, "--help"]) == 0
    known = set(FLAG.findall(capsys.readouterr().out))
    assert {"--out", "--set", "--force", "--version", "--greedy"} <= known
    named = {
        (flag, name_of(page))
        for page in PAGES
        for text in [*(text for _, text in blocks(page)), *re.findall(r"`[^`\n]+`", prose(page))]
        for flag in FLAG.findall(text)
        if page.name != "CONTRIBUTING.md"
    }
    assert len(named) >= 15
    assert {pair for pair in named if pair[0] not in known | FOREIGN_FLAGS} == set()


def test_python_compiles() -> None:
    found = [(name_of(page), text) for page in PAGES for _, text in blocks(page, "python")]
    assert len(found) >= 5
    for name, text in found:
        compile(text, name, "exec")


def test_both_readmes_have_the_same_parts() -> None:
    levels = [[len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)] for page in READMES]
    assert len(levels[0]) >= 10
    assert levels[0] == levels[1]
    # What is run is the same, so that it is run once. The tree of the run folder is explained in each language.
    shown = [
        [(kind, text) for kind, text in blocks(page, "console", "python", "text") if not text.startswith("runs/demo/")]
        for page in READMES
    ]
    assert shown[0] == shown[1]


def masked(text: str) -> list[str]:
    for pattern, word in MEASURED:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.rstrip("\n").split("\n")]


def fits(shown: list[str], printed: list[str]) -> bool:
    """Whether lines were printed as shown; a line ``…`` stands for any number of lines."""
    if not shown:
        return not printed
    if shown[0].strip() == "…":
        return any(fits(shown[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and shown[0] == printed[0] and fits(shown[1:], printed[1:])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what commands of the pages read."""
    for name in ("examples", "recipes"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUNNABLE = [page for page in PAGES if blocks(page, "console", "python") and page != READMES[1]]


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_commands_and_code_print_what_is_shown(page: Path, project: Path) -> None:
    """Run a page from its top to its end: `console` blocks, and `python` blocks with the `text` after them."""
    names: dict[str, object] = {"__name__": "page"}
    waiting: str | None = None
    for kind, text in blocks(page):
        if kind == "console":
            for block in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, shown = block.partition("\n")
                printed = run(command, project)
                assert fits(masked(shown), masked(printed)), f"{command}\nprinted\n{printed}"
        elif kind == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(text, name_of(page), "exec"), names)  # noqa: S102 - our own pages
            waiting = output.getvalue() or None
        elif kind == "text" and waiting is not None:
            assert fits(masked(text), masked(waiting)), f"printed\n{waiting}"
            waiting = None
    assert waiting is None, f"no block of text shows that this is printed:\n{waiting}"


def run(command: str, folder: Path) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return done.stdout


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_picture_has_the_numbers_of_the_demo(tmp_path: Path) -> None:
    report = clean(ROOT / "examples" / "raw.jsonl", out=tmp_path / "demo")
    images = ROOT / "docs" / "images"
    drawn = module(images / "draw_clean.py").draw(report.to_dict())
    assert drawn == (images / "clean.svg").read_text(encoding="utf-8"), "make demo && python docs/images/draw_clean.py"


def test_a_wildcard_stands_for_lines_and_times_do_not_count() -> None:
    began = time.perf_counter()
    assert fits(masked("a\n…\nc 1.25 s"), masked("a\nb\nb\nc 0.01 s"))
    assert not fits(["a", "…", "c"], ["a", "b"])
    assert not fits(["a"], ["a", "b"])
    assert time.perf_counter() - began < 1
