"""What a run shows while it goes on, without a run: a stream that counts, and a clock that is told the time."""

from __future__ import annotations

import io
import os
import threading

import pytest

from belle_data.cli import progress
from belle_data.cli.progress import PlainProgress, Quiet, TerminalProgress, progress_for
from belle_data.cli.terminal import cells, cut, human_bytes, human_seconds, padded
from belle_data.engine.progress import MemoryWatch, private_memory


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen(io.StringIO):
    encoding = "utf-8"

    def drawn(self) -> list[str]:
        return [line.strip("\n") for line in self.getvalue().split("\r\x1b[K")[1:]]


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "private_memory", lambda: 512 << 20)


def test_a_terminal_line_has_bar_share_amount_rate_time_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "width", lambda _: 100)
    screen, clock = Screen(), Clock()
    shown = TerminalProgress(screen, clock)
    shown.begin("read", 100 << 20, "B")
    shown.update(1)
    clock.now = 2.0
    shown.update(50 << 20)
    line = screen.drawn()[-1]
    assert line == "read          ━━━━━━━━━━──────────   50%  50 MiB of 100 MiB  25 MiB/s  2.00 s left  512 MiB"
    shown.end("3 rows")
    assert screen.drawn()[-1] == "read          3 rows  2.00 s"
    assert screen.getvalue().endswith("\n")


def test_at_most_ten_redraws_a_second() -> None:
    screen, clock = Screen(), Clock()
    shown = TerminalProgress(screen, clock)
    shown.begin("read", 1000, "rows")
    before = len(screen.drawn())
    for step in range(1000):
        clock.now = step / 1000
        shown.update(step)
    assert 8 <= len(screen.drawn()) - before <= 10


@pytest.mark.parametrize("columns", [20, 30, 40, 60, 80, 200])
def test_a_line_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Chinese characters take two cells."""
    monkeypatch.setattr(progress, "width", lambda _: columns)
    screen, clock = Screen(), Clock()
    shown = TerminalProgress(screen, clock)
    shown.begin("decode 数据/很长的中文文件名字" * 5, 10**9, "B")
    for done in (1, 10**8, 9 * 10**8):
        clock.now += 1
        shown.update(done)
    shown.end("完成了很多行的处理" * 4)
    lines = screen.drawn()
    assert len(lines) >= 5
    assert max(map(cells, lines)) <= columns - 1
    if columns >= 60:
        assert "decode 数据" in lines[-2]
        assert "90%" in lines[-2]


def test_plain_lines_one_a_step_and_one_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    shown = PlainProgress(stream, clock)
    shown.begin("near_dedup", 0, "steps")
    for second in range(36):
        clock.now = float(second)
        shown.update(second * 10, 400)
    shown.end("7 of 9 rows removed")
    lines = stream.getvalue().splitlines()
    assert lines == [
        "near_dedup: 25%, 27.0 s left, 512 MiB",
        "near_dedup: 50%, 19.0 s left, 512 MiB",
        "near_dedup: 75%, 9.67 s left, 512 MiB",
        "near_dedup: 7 of 9 rows removed, 35.0 s",
    ]


def test_hostile_names_and_messages_are_escaped() -> None:
    stream = io.StringIO()
    shown = PlainProgress(stream)
    shown.begin("decode \x1b[31m.gz", 1, "B")
    shown.end("\x07")
    shown.message("two\nlines\x1b")
    assert stream.getvalue().splitlines()[1:] == ["two", "lines\\x1b"]
    assert stream.getvalue().startswith("decode \\x1b[31m.gz: \\x07, ")


def test_a_stream_that_is_gone_does_not_stop_a_run() -> None:
    stream = io.StringIO()
    shown = TerminalProgress(stream)
    stream.close()
    shown.begin("read", 1, "B")
    shown.end("")
    shown.close()


def test_updates_from_many_threads() -> None:
    screen = Screen()
    shown = TerminalProgress(screen)
    shown.every = 0.0
    shown.begin("write", 4000, "rows")

    def work() -> None:
        for done in range(1000):
            shown.update(done)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown.end("done")
    assert all(line.startswith("write ") for line in screen.drawn())


def test_which_listener() -> None:
    assert isinstance(progress_for(None, quiet=False), Quiet)
    assert isinstance(progress_for(io.StringIO(), quiet=True), Quiet)
    assert isinstance(progress_for(io.StringIO(), quiet=False), PlainProgress)


def test_widths() -> None:
    assert [cells(text) for text in ("abc", "中文", "ａ", "e\u0301", "")] == [3, 4, 2, 1, 0]
    assert [cut("中文文件", most) for most in (8, 7, 4, 3, 1, 0)] == ["中文文件", "中文文…", "中…", "中…", "…", ""]
    assert padded("中文", 6) == "中文  "


def test_numbers_for_people() -> None:
    assert [human_bytes(size) for size in (0, 999, 1024, 1536, 10 << 20, 5 << 30, 1 << 50)] == [
        "0 B", "999 B", "1 KiB", "1.5 KiB", "10 MiB", "5 GiB", "1,024 TiB",
    ]  # fmt: skip
    assert [human_seconds(time) for time in (0.123, 9.99, 12.34, 61, 3725)] == [
        "0.12 s", "9.99 s", "12.3 s", "1:01 min", "1:02:05 h",
    ]  # fmt: skip


def test_each_lap_has_its_own_memory() -> None:
    if private_memory() is None:
        pytest.skip("this system does not say how much memory a process has")
    watch = MemoryWatch()
    block = bytearray(os.urandom(1)) * (200 << 20)
    first = watch.lap()
    del block
    second = watch.lap()
    assert first is not None
    assert second is not None
    assert first - second > 100 << 20
    assert watch.peak() == first
