"""``python -m belle_train`` as a whole: its help, mistyped commands, and that it answers without torch."""

import subprocess
import sys

import pytest

from belle_train.cli import main
from belle_train.cli.parser import PROGRAM


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_command_and_exits_0(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    printed = capsys.readouterr()
    assert all(f"\n  {command} " in printed.out for command in PROGRAM.commands)
    assert printed.err == ""


@pytest.mark.parametrize("arguments", [[], ["sfft"], ["--nonsense"], [""]])
def test_any_other_use_exits_2_with_a_hint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    first, second = printed.err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("hint: ")


@pytest.mark.parametrize("command", PROGRAM.commands)
def test_each_command_has_its_help_without_torch(command: str) -> None:
    program = (
        f"import runpy, sys; sys.modules['torch'] = None; sys.argv[1:] = [{command!r}, '--help']; "
        "runpy.run_module('belle_train', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m belle_train {command}")
