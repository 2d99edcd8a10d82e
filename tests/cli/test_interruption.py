"""Ctrl-C at the worst moment: the handler of an interruption fails itself, or what is removed stays half removed."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from belle_data.cli import INTERRUPTED, guarded
from belle_data.cli.progress import listening
from belle_data.errors import RunFolderError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell


def _interrupt(_: list[str]) -> int:
    raise KeyboardInterrupt


def _fail(_: list[str]) -> int:
    raise RunFolderError("the folder cannot be written")


def _fail_while_interrupted(_: list[str]) -> int:
    try:
        return _interrupt([])
    finally:
        try:
            os.close(-1)
        except OSError:
            raise RunFolderError("the folder cannot be written") from None


def test_an_error_out_of_an_interruption_is_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(_fail_while_interrupted, []) == INTERRUPTED
    assert capsys.readouterr().err.startswith("interrupted: ")
    with (
        pytest.raises(KeyboardInterrupt, match="interrupted: checkpoints stay"),
        listening(quiet=True, interrupted="checkpoints stay"),
    ):
        _fail_while_interrupted([])


def test_an_error_after_an_interruption_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    def run(given: list[str]) -> int:
        with suppress(KeyboardInterrupt):
            _interrupt(given)
        return _fail(given)

    assert guarded(run, []) == 2
    assert capsys.readouterr().err.startswith("error: the folder cannot be written")


@pytest.mark.parametrize("moment", [1, 2])
def test_ctrl_c_while_a_temporary_folder_is_removed(
    moment: int, belle: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    belle.write("rows.jsonl", [{"instruction": f"问题{number}", "input": "", "output": "答案"} for number in range(3)])
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    close, closed = os.close, 0

    def interrupted(descriptor: int) -> None:
        nonlocal closed
        close(descriptor)
        if sys._getframe(1).f_code.co_filename.endswith("shutil.py"):
            closed += 1
            if closed == moment:
                raise KeyboardInterrupt

    monkeypatch.setattr(os, "close", interrupted)
    done = belle.here("stats", "rows.jsonl")
    assert closed >= moment, "the folder was not removed by what this test interrupts"
    assert (done.code, done.out) == (INTERRUPTED, "")
    assert "error" not in done.err
    assert not list(temporary.iterdir())
