"""Run folders whose files are damaged, of another version, or replaced, and every command that reads them."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from tests.end_to_end.runs import kept_bytes
from tests.hostile.cases import ROWS, line
from tests.hostile.test_table import called, clear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CLEAN = ("clean", "raw.jsonl", "--out", "run", "-q")
COMMANDS = {
    "clean": CLEAN,
    "clean with other output": (*CLEAN, "--shard-rows", "3"),
    "dry run": (*CLEAN, "--dry-run"),
    "explain": ("explain", "run", "two"),
    "inspect": ("inspect", "run", "--stage", "exact_dedup"),
    "inspect rules": ("inspect", "run", "--stage", "rules"),
    "rethreshold": ("rethreshold", "run", "--set", "near_dedup.threshold=0.9", "--out", "new", "-q"),
    "undo": ("undo", "run", "--stage", "near_dedup", "--out", "new", "-q"),
}
FILES = (
    ".lock",
    "manifest.json",
    "report.json",
    "rows.parquet",
    "work/inputs.json",
    "rejected/rejected.jsonl",
    "shards/part-00000.jsonl",
    "stages/rules.parquet",
    "stages/rules.scores.parquet",
    "stages/exact_dedup.parquet",
    "stages/near_dedup.parquet",
    "stages/near_dedup.near_misses.parquet",
)
MENDS = "hint: run the same clean command again; it mends the folder"


def gone(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def noise(path: Path) -> None:
    path.write_bytes(b"\x00\xff noise\x1b[2J" * 20)


def a_bit_flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 2, len(data), 97):
        data[at] ^= 0xFF
    path.write_bytes(data)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def nested_without_end(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


DAMAGES = (gone, emptied, cut, noise, a_bit_flipped, a_folder, a_link_to_itself, nested_without_end)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an input and a run over it, in which each kind of stage removes a row."""
    folder = tmp_path_factory.mktemp("good")
    near = "请把下面这句话翻译成英文：春天来了，公园里的花都开了，孩子们在草地上放风筝，笑声传得很远很远"
    rows = [
        line(id="one", instruction="列出三种水果。", output="苹果、香蕉、梨。"),
        line(id="two", instruction="列出三种水果。", output="苹果、香蕉、梨。"),
        line(id="three", instruction=f"{near}。", output="好的。"),
        line(id="four", instruction=f"{near}！", output="好的。"),
        line(id="five", instruction="写一首诗", output=""),
    ]
    (folder / "raw.jsonl").write_bytes(ROWS + b"".join(rows) + b"bad\n")
    clear(called(folder, CLEAN), "")
    manifest = json.loads((folder / "run" / "manifest.json").read_bytes())
    assert (manifest["rows_out"], manifest["complete"]) == (7, True)
    return folder


def again(good: Path, folder: Path) -> Path:
    """A copy of the good folder in an empty one."""
    for name in ("run", "new"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copy2(good / "raw.jsonl", folder)
    shutil.copytree(good / "run", folder / "run")
    return folder / "run"


def check(good: Path, folder: Path, name: str) -> str:
    """Run a command over a damaged folder: it does its work, or says one thing. Gives the error."""
    done = called(folder, COMMANDS[name])
    said = done.out + done.err
    assert done.code in {0, 2}, said
    for unwanted in ("Traceback", "panicked", "not expected to happen", "\x1b", "\x07"):
        assert unwanted not in said, said
    errors = done.errors()
    assert len(errors) == (1 if done.code else 0), said
    if errors:
        assert "run" in errors[0]
        assert done.err.splitlines()[-1].startswith("hint: "), said
    elif name.startswith("clean"):
        assert kept_bytes(folder / "run") == kept_bytes(good / "run"), "a damaged result was taken for whole"
    return errors[0] if errors else ""


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file(good: Path, tmp_path: Path, name: str) -> None:
    """Whatever happened to whichever file: `clean` mends it, the others say which file it is."""
    commands = [command for command in COMMANDS if command != "undo"]
    for damage in DAMAGES:
        if name.startswith("shards/") and damage is a_bit_flipped:
            # A shard is known by its name and size; --force writes it anew.
            continue
        for command in commands:
            damage(again(good, tmp_path) / name)
            error = check(good, tmp_path, command)
            if command.startswith("clean") and damage not in {a_folder, a_link_to_itself} and name != ".lock":
                assert not error, (damage.__name__, command, error)


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a JSON value; of lists only the first two."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            yield from places(inner, (*at, index))


def changed(value: Any, at: tuple[str | int, ...], new: object) -> Any:
    if not at:
        return new
    value = deepcopy(value)
    inner = value
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = new
    return value


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("manifest.json", ("explain", "clean")),
        ("report.json", ("clean",)),
        ("work/inputs.json", ("clean", "explain")),
    ],
)
def test_a_value_that_makes_no_sense(good: Path, tmp_path: Path, name: str, commands: tuple[str, ...]) -> None:
    """Each value of each file in turn is another kind of thing."""
    value = json.loads((good / "run" / name).read_bytes())
    found = [at for at in places(value) if at[:2] != ("recipe", "rules")][::2]
    assert len(found) > 5
    again(good, tmp_path)
    wrong: list[object] = [None, -1, "x", [], {"a": [1]}]
    for number, at in enumerate(found):
        # One wrong value a place, each kind in its turn: all of them take minutes.
        for command in commands:
            (tmp_path / "run" / name).write_text(json.dumps(changed(value, at, wrong[number % len(wrong)])))
            check(good, tmp_path, command)
            if command == "clean":
                again(good, tmp_path)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "dry run"])
def test_a_run_of_another_version(good: Path, tmp_path: Path, command: str) -> None:
    path = again(good, tmp_path) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "layout": 99}), encoding="utf-8")
    error = check(good, tmp_path, command)
    assert "another layout (99, this one has" in error if command.startswith("clean") else "of another version" in error


def test_what_can_be_mended_says_so(good: Path, tmp_path: Path) -> None:
    damages: list[tuple[str, Callable[[Path], None], str]] = [
        ("rows.parquet", cut, "explain"),
        ("stages/exact_dedup.parquet", a_folder, "inspect"),
        ("stages/near_dedup.parquet", a_bit_flipped, "rethreshold"),
    ]
    for name, damage, command in damages:
        path = again(good, tmp_path) / name
        damage(path)
        done = called(tmp_path, COMMANDS[command])
        assert done.err.splitlines()[-1] == MENDS
        assert f"run/{name}: " in done.errors()[0]
        if path.is_dir():
            path.rmdir()
        clear(called(tmp_path, CLEAN), "")
        assert called(tmp_path, COMMANDS[command]).code == 0
