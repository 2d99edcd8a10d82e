"""The command line itself: help, exit codes, what goes where, and what a user reads after a mistake."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from belle_data import __version__
from belle_data.cli import clean as words
from belle_data.cli import main, recipe_options
from belle_data.cli.parser import COMMANDS
from belle_data.config import Format, InputConfig, OutputConfig, OutputFormat, Recipe, StageName

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

FLAGS = [
    "--out", "--recipe", "--stages", "--set", "--threads", "--limit", "--dry-run", "--to", "--format", "--json",
    "--shard-rows", "--compress", "--max-bad-lines", "--max-line-bytes", "--verbose", "--quiet", "--force",
    "--instruction-set",
]  # fmt: skip


def test_help_is_quick_and_loads_nothing_heavy(belle: Shell) -> None:
    """The bound is generous for a busy machine; what is imported is the real test."""
    program = (
        "import sys; from belle_data.cli import main\n"
        "assert main([*sys.argv[1:], '--help']) == 0\n"
        "heavy = {'pyarrow', 'pydantic', 'fsspec', 'belle_data._native', 'zstandard', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    for command in ([], *([name] for name in COMMANDS)):
        done = subprocess.run([sys.executable, "-c", program, *command], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    began = time.perf_counter()
    assert belle("--help").code == 0
    assert time.perf_counter() - began < 2


def test_help_names_every_command_and_flag(belle: Shell) -> None:
    top, clean, explain = belle("--help"), belle("clean", "--help"), belle("explain", "-h")
    assert [top.code, clean.code, explain.code] == [0, 0, 0]
    assert [top.err, clean.err, explain.err] == ["", "", ""]
    assert "  clean " in top.out
    assert "  explain " in top.out
    assert [flag for flag in FLAGS if flag not in clean.out] == []
    assert "RUN ROW_ID" in explain.out
    for shown in (top, clean, explain):
        codes = shown.out.partition("exit codes:\n")[2].splitlines()
        assert [line.split()[0] for line in codes] == ["0", "2", "130"]


def test_help_agrees_with_the_recipe() -> None:
    """The help is written by hand, as the models are too slow to load for it."""
    assert get_args(Format) == recipe_options.FORMATS
    assert get_args(OutputFormat) == words.OUTPUT_FORMATS
    assert get_args(OutputConfig.model_fields["compress"].annotation) == words.COMPRESSIONS
    for table, key in recipe_options.RECIPE_FLAGS.values():
        assert key in type(getattr(Recipe(), table)).model_fields, (table, key)
        assert table in {"input", "output", *get_args(StageName)}
    shown = words.parser().format_help()
    assert f"({OutputConfig().shard_rows})" in shown
    assert f"({InputConfig().max_line_bytes >> 20}MiB)" in shown


def test_version(belle: Shell) -> None:
    done = belle("--version")
    assert (done.code, done.out, done.err) == (0, f"belle-data {__version__}\n", "")


def test_main_can_be_called(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["clean", str(tmp_path / "none.jsonl")]) == 2
    assert main(["--version"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"belle-data {__version__}\n"
    assert printed.err.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        ([], "no command is named", "clean raw.jsonl"),
        (["clena"], "unknown command: 'clena'", "did you mean clean?"),
        (["raw.jsonl"], "unknown command: 'raw.jsonl'", "to clean this file: python -m belle_data clean raw.jsonl"),
        (["--wrong"], "--wrong", "--help"),
        (["clean"], "INPUT", "clean --help"),
        (["clean", "raw.jsonl", "--thread", "2"], "unknown option --thread", "did you mean --threads?"),
        (["clean", "raw.jsonl", "--recpie=x"], "unknown option --recpie", "did you mean --recipe?"),
        (
            ["clean", "raw.jsonl", "--threshold", "0.9"],
            "unknown option --threshold",
            "given as --set near_dedup.threshold=0.9",
        ),
        (["clean", "--threshold=0.9", "raw.jsonl"], "unknown option --threshold", "--set near_dedup.threshold=0.9"),
        (["clean", "raw.jsonl", "--near-dedup.target-recall", "1"], "unknown", "--set near_dedup.target_recall=1"),
        (["clean", "raw.jsonl", "--bands"], "unknown option --bands", "--set near_dedup.bands=VALUE"),
        (
            ["clean", "raw.jsonl", "--field=prompt"],
            "unknown option --field",
            "--set exact_dedup.field=prompt or --set near_dedup.field=prompt",
        ),
        (["explain", "runs/x", "a", "--threshold", "1"], "unknown option --threshold", "explain --help lists"),
        (
            ["clean", "raw.jsonl", "--set", "near_dedup.target_recall=0.99", "--set", "near_dedup.bands=2"],
            "`near_dedup`: `bands` cannot be set beside `target_recall`, which derives",
            "drop near_dedup.bands, or drop near_dedup.target_recall",
        ),
        (
            ["clean", "raw.jsonl", "--set", "near_dedup.bands=20"],
            "`near_dedup`: 20 bands of 4 rows need 80 permutations, there are 64",
            None,
        ),
        (["clean", "raw.jsonl", "--zzz"], "unknown option --zzz", "--help lists"),
        (["clean", "raw.jsonl", "--out"], "--out", "--help"),
        (["clean", "raw.jsonl", "--threads", "two"], "'two'", "--help"),
        (["clean", "raw.jsonl", "--threads", "0"], "threads must be 1 to 1024: 0", None),
        (["explain", "runs/x", "a", "--verbos"], "unknown option --verbos", "did you mean --verbose?"),
        (["clean", "raw.jsonl", "--instruction-set", "avx"], "unknown instruction set: 'avx'", "did you mean avx2?"),
        (["clean", "raw.jsonl", "--out", ""], "the name of the run folder is empty: ''", "leave out --out"),
        (["clean", "raw.jsonl", "--out", "", "--dry-run"], "the name of the run folder is empty: ''", None),
        (["clean", "raw.json"], "raw.json: no such file", "did you mean raw.jsonl?"),
        (["clean", "raw.jsonl", "--recipe", "no.toml"], "no.toml: the recipe cannot be read", "belle-0.5m, clean"),
        (["clean", "raw.jsonl", "--stages", "near_dup"], "unknown stage: 'near_dup'", "did you mean near_dedup?"),
        (["clean", "raw.jsonl", "--stages", "near_dedup,near_dedup"], "a stage is named twice", "once"),
        (
            ["clean", "raw.jsonl", "--set", "near_dedup.treshold=1"],
            "`near_dedup.treshold` is no setting: 1",
            "threshold?",
        ),
        (
            ["clean", "raw.jsonl", "--set", "near_dedup"],
            "a setting must be table.key=value: 'near_dedup'",
            "for example",
        ),
        (["clean", "raw.jsonl", "--set", "near_dedup.threshold=high"], "`near_dedup.threshold`", None),
        (["clean", "raw.jsonl", "--set", "near_dedup.threshold=2"], "less than or equal to 1: 2", None),
        (["clean", "raw.jsonl", "--set", "near_dedup=1"], "`near_dedup` must be a table: 1", None),
        (["clean", "raw.jsonl", "--set", "stages='near_dedup'"], "`stages` must be a list: 'near_dedup'", None),
        (
            ["clean", "raw.jsonl", "--to", "alpacca"],
            "`output.to` has an unknown value: 'alpacca'",
            "did you mean alpaca?",
        ),
        (["clean", "raw.jsonl", "--format", "csv"], "`input.format` has an unknown value: 'csv'", "sharegpt"),
        (["clean", "raw.jsonl", "--compress", "xz"], "`output.compress` has an unknown value: 'xz'", "zst"),
        (["clean", "raw.jsonl", "--limit", "0"], "`input.limit`", None),
        (["clean", "raw.jsonl", "--shard-rows", "many"], "`output.shard_rows`", None),
        (["clean", "raw.jsonl", "--max-bad-lines", "-1"], "`input.max_bad_lines`", None),
        (["clean", "raw.jsonl", "--max-line-bytes", "64 elephants"], "`input.max_line_bytes`", None),
        (["clean", "raw.jsonl", "--max-line-bytes", "9GiB"], "less than or equal to 2147483647", None),
        (["explain", "runs/x"], "ROW_ID", "explain --help"),
        (["explain", "a", "b", "c"], "one argument too many: 'c'", "explain --help"),
        (["explain", "runs/x", "a"], "runs/x: there is no such run folder", None),
    ],
)
def test_wrong_use(
    belle: Shell,
    rows: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    error: str,
    hint: str | None,
) -> None:
    """Exit code 2, nothing on standard output, a line with the error and one with a hint; nothing is written."""
    belle.write("raw.jsonl", rows)
    monkeypatch.chdir(belle.folder)
    monkeypatch.setattr(sys, "argv", ["__main__.py"])
    code = main(arguments)
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    lines = printed.err.splitlines()
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert "Traceback" not in printed.err
    if hint is not None:
        assert lines[1].startswith("hint: ")
        assert hint in lines[1]
    assert not (belle.folder / "runs").exists()


def test_wrong_use_as_a_process(belle: Shell) -> None:
    done = belle("clean", "raw.jsonl", "--thread", "2")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: unknown option --thread\nhint: did you mean --threads?\n"


def test_all_mistakes_of_a_recipe_at_once(belle: Shell, rows: list[dict[str, Any]]) -> None:
    belle.write("raw.jsonl", rows)
    (belle.folder / "my.toml").write_text('[near_dedup]\nthreshold = 3\nshingle = 4\n[output]\nto = "csv"\n')
    done = belle("clean", "raw.jsonl", "--recipe", "my.toml", "--set", "nonsense")
    assert done.code == 2
    assert done.err.startswith("error: my.toml: 4 mistakes in the recipe\n")
    for part in ("nonsense", "`near_dedup.threshold`", "`near_dedup.shingle` is no setting: 4", "`output.to`"):
        assert part in done.err


@pytest.mark.parametrize("text", ["stages = [", "[near_dedup]\nx = 1\nx = 2", "a = " + "[" * 5000])
def test_a_recipe_that_is_not_toml(belle: Shell, rows: list[dict[str, Any]], text: str) -> None:
    belle.write("raw.jsonl", rows)
    (belle.folder / "my.toml").write_text(text)
    done = belle("clean", "raw.jsonl", "--recipe", "my.toml")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: my.toml: the recipe is ")


def test_a_flag_on_top_of_a_table_that_is_none(belle: Shell, rows: list[dict[str, Any]]) -> None:
    belle.write("raw.jsonl", rows)
    (belle.folder / "my.toml").write_text("input = 3\n")
    done = belle("clean", "raw.jsonl", "--recipe", "my.toml", "--limit", "3")
    assert done.code == 2
    assert "`input` must be a table: 3" in done.err


def test_a_traceback_only_with_verbose(belle: Shell) -> None:
    assert "Traceback" not in belle("clean", "none.jsonl").err
    assert "Traceback" not in belle("clean", "none.jsonl", "-q").err
    verbose = belle("clean", "none.jsonl", "-v")
    assert verbose.code == 2
    assert "Traceback" in verbose.err
    assert "error: none.jsonl: no such file" in verbose.err


def test_hostile_names_are_escaped(belle: Shell) -> None:
    done = belle("clean", "\x1b]0;evil\n.jsonl")
    assert done.code == 2
    assert "\x1b" not in done.err
    assert "\\x1b]0;evil\\n.jsonl: no such file" in done.err


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("RuntimeError('internal error in the native code: boom')", "internal error in the native code: boom"),
        ("MemoryError()", "error: there is not enough memory"),
        ("ZeroDivisionError()", "error: ZeroDivisionError"),
        ("BrokenPipeError(32, 'Broken pipe')", "BrokenPipeError"),
        ("ValueError('\\x1b[2J')", "\\x1b[2J"),
    ],
)
def test_an_unexpected_error_is_a_message(belle: Shell, rows: list[dict[str, Any]], raised: str, said: str) -> None:
    belle.write("raw.jsonl", rows)
    program = (
        "import sys, belle_data.engine.local as local\n"
        f"def broken(*given, **named): raise {raised}\n"
        "local.find_sources = broken\n"
        "from belle_data.cli import main\n"
        "sys.exit(main(['clean', 'raw.jsonl', '--out', 'x']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=belle.folder, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert "\nhint: " in done.stderr


def test_a_reader_that_has_enough_ends_quietly(belle: Shell, rows: list[dict[str, Any]]) -> None:
    belle.write("raw.jsonl", rows)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        belle.command("clean", "raw.jsonl", "--json"),
        cwd=belle.folder,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert done.returncode == 0
    assert b"rror" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_full_device_is_an_error(belle: Shell, rows: list[dict[str, Any]]) -> None:
    belle.write("raw.jsonl", rows)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            belle.command("clean", "raw.jsonl"), cwd=belle.folder, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert b"error: the result cannot be written to standard output (No space left" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_output_gives_json(belle: Shell, encoding: str) -> None:
    belle.write("问题😀.jsonl", ['{"id": "甲😀", "text": "你好"}'])
    done = belle("clean", "问题😀.jsonl", "--json", "--out", "run", PYTHONIOENCODING=encoding)
    assert done.code == 0
    assert done.json()["inputs"][0]["name"] == "问题😀.jsonl"


def test_colour_on_a_terminal_only_and_not_with_no_color(belle: Shell, rows: list[dict[str, Any]]) -> None:
    belle.write("raw.jsonl", rows)
    assert belle("clean", "raw.jsonl", "--out", "run").code == 0
    removed = next(row_id for row_id in ("a", "c") if "removed by" in belle("explain", "run", row_id).out)
    assert "\x1b" not in belle("explain", "run", removed).out
    assert "\x1b[31m" in _on_terminal(belle, "explain", "run", removed)
    assert "\x1b" not in _on_terminal(belle, "explain", "run", removed, NO_COLOR="1")
    assert "\x1b" not in _on_terminal(belle, "explain", "run", removed, TERM="dumb")


def _on_terminal(belle: Shell, *arguments: str, **environment: str) -> str:
    """Everything that a command prints on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        belle.command(*arguments), cwd=belle.folder, env=belle.environment(**environment), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:
            break
        if not data:
            break
        printed += data
    os.close(ours)
    assert process.wait(60) == 0
    return printed.decode()


def test_progress_on_a_terminal_is_redrawn_in_place(belle: Shell, rows: list[dict[str, Any]]) -> None:
    belle.write("raw.jsonl", rows)
    printed = _on_terminal(belle, "clean", "raw.jsonl", "--out", "run")
    assert "\r\x1b[K" in printed
    finished = re.findall(r"\r\x1b\[K([a-z_]+) [^\r]*? s\r\n", printed)
    stages = ["normalise", "rules", "exact_dedup", "near_dedup", "embed", "semantic_dedup", "quality"]
    assert finished == ["read", *stages, "write"]
    quiet = _on_terminal(belle, "clean", "raw.jsonl", "--out", "run", "--force", "-q")
    assert "\x1b" not in quiet
    assert quiet.startswith("run\r\n")
