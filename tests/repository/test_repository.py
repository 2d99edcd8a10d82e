"""Rules about the files of the project themselves: what they may import, how long they may be, what they may name."""

import ast
import os
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Folders that are made by tools, or by this project's own targets.
MADE = {".git", ".hypothesis", ".venv", "target", "runs", "dist", "__pycache__"} | {
    f".{tool}_cache" for tool in ("mypy", "pytest", "ruff")
}
# Written by a tool, or a text that is not ours to shorten.
NOT_OURS = {"Cargo.lock", "LICENSE", "requirements.lock", "requirements-dev.lock"}
# Words of a workplace, which mean nothing to a reader: places of a machine, and notes to self.
WORKPLACE = ["/work" + "/", "/tmp" + "/", "/root" + "/", "/home" + "/", "TO" + "DO", "FIX" + "ME", "X" + "XX:"]
TEXT = {".rs", ".py", ".pyi", ".toml", ".md", ".yml", ".txt", ".in", ".lock", ""}


def project_files() -> list[Path]:
    """Return every file of the project, none that a tool made."""
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if name not in MADE and not name.endswith(".egg-info")]
        # In a linked worktree .git is a file that names a folder of the machine.
        found += [Path(folder, name) for name in names if name not in MADE]
    return sorted(found)


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a Python file imports anywhere, in functions and under conditions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"}:
                names.add(str(node.args[0].value).split(".")[0])
    return names


TRAINING = {"belle_train", "torch", "transformers", "deepspeed", "trl"}
WITH_A_MODEL = {
    Path("quality/causal_model.py"): {"torch", "transformers"},
    Path("vocab/runtimes.py"): {"transformers"},
}
"""What a user asks for by naming a causal language model, and what vocabularies are checked against where it is; it is
imported then, and nothing else imports it before."""


def test_belle_data_never_imports_training() -> None:
    """Cleaning must install and run where torch does not."""
    files = sorted((ROOT / "python" / "belle_data").rglob("*.py*"))
    sources = [path for path in files if path.suffix in {".py", ".pyi"}]
    assert len(sources) >= 3, "the search found too few files to mean anything"
    for path in sources:
        allowed = WITH_A_MODEL.get(path.relative_to(ROOT / "python" / "belle_data"), set())
        assert not imported(path) & (TRAINING - allowed), path
        at_once = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if not isinstance(node, ast.If)]
        names = {
            name.split(".")[0]
            for node in at_once
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        }
        assert not names & TRAINING, path


def test_the_search_for_imports_sees_every_spelling(tmp_path: Path) -> None:
    source = tmp_path / "sample.py"
    source.write_text(
        "import a.b\nfrom c.d import e\nfrom . import k\ndef f():\n    import g\n"
        "    importlib.import_module('h.i')\n    __import__('j')\n",
        encoding="utf-8",
    )
    assert imported(source) == {"a", "c", "g", "h", "j"}


def test_files_are_short() -> None:
    """A file that one cannot read at a sitting should be two; data and what tools write are no reading."""
    files = [path for path in project_files() if path.suffix in {".rs", ".py", ".pyi", ".toml", ".md"}]
    assert len(files) >= 20
    too_long = {}
    for path in files:
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > 500 and path.name not in NOT_OURS:
            too_long[str(path.relative_to(ROOT))] = lines
    assert too_long == {}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-train.lock"])
def test_locks_name_no_host_and_have_hashes(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b", text, re.MULTILINE)
    pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*==", text, re.MULTILINE)
    assert len(pinned) >= 5
    for entry in re.split(r"\n(?=[a-z0-9])", text):
        if "==" in entry:
            assert "--hash=sha256:" in entry, entry


def test_the_locks_hold_the_same_versions() -> None:
    """What runs must be what was tested, with the packages for training or without."""
    pins = [
        set(re.findall(r"^([a-z0-9][a-z0-9._-]*==\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock", "requirements-train.lock")
    ]
    assert pins[0] < pins[1] < pins[2]
    assert not any(pin.startswith("torch==") for pin in pins[1])


def test_runtime_dependencies_are_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = [re.split(r"[<>=]", requirement)[0] for requirement in project["dependencies"]]
    assert len(names) >= 4
    assert [name for name in names if f"\n{name}==" not in lock] == []


def test_workflows_pin_every_action() -> None:
    """A tag can be moved to other code; a commit cannot."""
    uses = [
        line.strip()
        for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(- )?uses:", line)
    ]
    assert len(uses) >= 8
    assert [use for use in uses if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", use)] == []


def test_no_words_of_a_workplace() -> None:
    seen = 0
    for path in project_files():
        if path.suffix not in TEXT or path.name in NOT_OURS:
            continue
        seen += 1
        text = path.read_text(encoding="utf-8")
        assert [word for word in WORKPLACE if word in text] == [], path
    assert seen >= 20
