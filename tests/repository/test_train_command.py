"""``python -m belle_train`` says what is coming and takes nothing else yet."""

import subprocess
import sys

import pytest

from belle_train.__main__ import main

COMMANDS = ["extend", "pretrain", "sft", "generate", "judge"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command_and_exits_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert all(f"\n  {command} " in printed.out for command in COMMANDS)
    assert printed.err == ""


@pytest.mark.parametrize("arguments", [[command] for command in COMMANDS] + [["--verbose"], ["--help", "sft"], [""]])
def test_any_other_use_exits_2_with_a_hint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    first, second = printed.err.splitlines()
    assert first.startswith("error: belle_train")
    assert second.startswith("hint: ")


def test_runs_as_a_module_without_torch() -> None:
    program = (
        "import runpy, sys; sys.modules['torch'] = None; sys.argv[1:] = ['--help']; "
        "runpy.run_module('belle_train', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m belle_train")
