"""Inputs that another program changes while they are read."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.end_to_end.runs import clean_command, run_clean
from tests.hostile.cases import ROW

LARGE = 200_000
"""Rows that take about a second to read."""


@pytest.mark.parametrize("left", [0, 1_000_000])
def test_an_input_that_is_cut_short_while_it_is_read(tmp_path: Path, left: int) -> None:
    """Reading a mapped file beyond its new end is a signal, which would end the process without a word."""
    path, out = tmp_path / "raw.jsonl", tmp_path / "out"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(ROW % (f"第{number}号", f"{number * 7919}之后，" * 20) for number in range(LARGE))
    process = subprocess.Popen(
        clean_command(path, "--out", out, "-q"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (out / "rejected" / "rejected.jsonl.tmp").exists():
        time.sleep(0.0005)
    process.send_signal(signal.SIGSTOP)
    assert not (out / "rejected" / "rejected.jsonl").exists()
    os.truncate(path, left)
    process.send_signal(signal.SIGCONT)
    printed, said = process.communicate(timeout=120)
    assert (process.returncode, printed) == (2, ""), said
    assert said.startswith("error: an input file became shorter while it was read\nhint: ")
    assert len(said.splitlines()) == 2
    path.write_text("".join(ROW % (f"第{number}号", f"答案{number}") for number in range(50)), encoding="utf-8")
    assert run_clean(path, "--out", out, "-q").code == 0
