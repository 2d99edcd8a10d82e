"""What only a process can meet: full disks, streams that are closed, readers that leave, files that others change."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.end_to_end.runs import Finished, clean_command, kept_lines, temporary_files
from tests.hostile.cases import MANY, ROW, ROWS
from tests.hostile.test_table import accounted, clear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FULL = "check the rights and the free space, or name another folder with --out"
ALL_STAY = ("--set", "quality.highest=0", "--set", "quality.lowest=0")
"""Of any rows, some have the highest perplexity."""
LARGE = 20_000
"""Rows that take longer to read than the test to notice it."""


def in_shell(folder: Path, text: str) -> Finished:
    """Run ``clean raw.jsonl --out out`` with what a shell puts around it."""
    command = f"{' '.join(clean_command('raw.jsonl', '--out', 'out'))} {text}"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, capture_output=True, check=False)
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    "text", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "| head -1", "| true", ">/dev/full", "2>/dev/full", "<&- --json >&-"]
)
def test_streams(tmp_path: Path, text: str) -> None:
    """A stream that is closed stops nothing; only a result that cannot be written is an error, with the run done."""
    (tmp_path / "raw.jsonl").write_bytes(ROWS)
    done = in_shell(tmp_path, text)
    full = text == ">/dev/full"
    clear(
        Finished(done.code, "", done.err),
        "the result cannot be written to standard output (No space left on device)" if full else "",
    )
    accounted(tmp_path / "out", lines=5, rejected_lines={}, blank=0, removed=0)


def test_standard_input_that_is_closed(tmp_path: Path) -> None:
    command = f"{' '.join(clean_command('-', '--out', 'out'))} <&-"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False)
    clear(Finished(done.returncode, done.stdout.decode(), done.stderr.decode()), "-: standard input is closed")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with 128 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "belle", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], capture_output=True, check=True)


def several(folder: Path) -> Path:
    """Rows that take more than the small disk has, and are no duplicates."""
    path = folder / "raw.jsonl"
    rows = [ROW % (f"第{number}号", f"{os.urandom(200).hex()}") for number in range(600)]
    path.write_text("".join(rows) + "bad\n", encoding="utf-8")
    return path


def test_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    path, out = several(tmp_path), small_disk / "out"
    command = clean_command(path, "--out", out, "-q", *ALL_STAY)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    clear(Finished(done.returncode, done.stdout, done.stderr), f"{out}/*: * (No space left*)", FULL)
    assert temporary_files(small_disk) == []
    elsewhere = tmp_path / "out"
    done = subprocess.run(
        clean_command(path, "--out", elsewhere, "-q", *ALL_STAY), capture_output=True, text=True, check=False
    )
    clear(Finished(done.returncode, "", done.stderr), "")
    accounted(elsewhere, lines=601, rejected_lines={"not_json": 1}, blank=0, removed=0)


@pytest.mark.parametrize(("largest", "packed"), [(0, False), (1_000, False), (100_000, False), (100_000, True)])
def test_a_limit_on_the_size_of_files(tmp_path: Path, largest: int, packed: bool) -> None:
    """Whichever file reaches the limit first is named, nothing half written stays, and the same command goes on."""
    path, out = several(tmp_path), tmp_path / "out"
    if packed:
        subprocess.run(["gzip", path], check=True)
        path = path.with_name("raw.jsonl.gz")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    command = clean_command(path, "--out", out, "-q", *ALL_STAY)
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert "File too large" in done.stderr
    assert str(out) in done.stderr
    assert temporary_files(out) == [] if out.exists() else True
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    clear(Finished(done.returncode, "", done.stderr), "")
    accounted(out, lines=601, rejected_lines={"not_json": 1}, blank=0, removed=0)


def grows(path: Path) -> None:
    with path.open("ab") as file:
        file.write(ROWS)


def is_replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(MANY)
    other.replace(path)


def is_written_over(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b'{"instruction": "x')
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("change", [grows, is_replaced, is_written_over, os.unlink])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path, out = tmp_path / "raw.jsonl", tmp_path / "out"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(ROW % (f"第{number}号", f"{number * 7919}之后，" * 10) for number in range(LARGE))
    process = subprocess.Popen(
        clean_command(path, "--out", out, "-q", *ALL_STAY), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (out / "rejected" / "rejected.jsonl.tmp").exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    with suppress(FileNotFoundError):
        change(path)
    process.send_signal(signal.SIGCONT)
    printed, said = process.communicate(timeout=120)
    if change is os.unlink:
        error, hint = f"{path}: no such file", ""
    else:
        error = f"{path}: the file changed while it was read: it had * bytes and has *"
        hint = "run again when nothing writes to it any more"
    clear(Finished(process.returncode, printed, said), error, hint)
    assert not list(out.glob("shards/part-*"))
    path.write_bytes(MANY)
    done = subprocess.run(
        clean_command(path, "--out", out, "-q", *ALL_STAY), capture_output=True, text=True, check=False
    )
    clear(Finished(done.returncode, "", done.stderr), "")
    assert json.loads((out / "report.json").read_bytes())["rows_in"] == 400
    assert len(kept_lines(out)) == 400
