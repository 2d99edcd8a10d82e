"""The file of replies: what a crash leaves, what is damage, who may write."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from belle_data.errors import RunFolderError, SourceError
from belle_train.judge.budget import Tokens
from belle_train.judge.replies import Reply
from belle_train.judge.reply_store import REPLIES, ReplyStore

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [sha256(str(number).encode()).hexdigest() for number in range(6)]


def reply(number: int) -> Reply:
    return Reply(f"得分：{number}\n\u2028", "stop", "m", 1_700_000_000 + number, 10, number)


def record(**changed: object) -> bytes:
    fields = {"key": "KEY", "text": "", "finish": None, "model": None, "created": None, "prompt_tokens": 1,
              "answer_tokens": 1}  # fmt: skip
    return json.dumps({**fields, **changed}).encode()


def fill(folder: Path, numbers: list[int]) -> None:
    with ReplyStore(folder) as store:
        for number in numbers:
            store.put(KEYS[number], reply(number), Tokens(10, number))


def test_replies_are_there_again(tmp_path: Path) -> None:
    fill(tmp_path / "out", [0, 2, 1])
    with ReplyStore(tmp_path / "out") as store:
        assert [store.get(key) for key in KEYS[:4]] == [reply(0), reply(1), reply(2), None]
        assert len(store) == 3
        assert store.spent == store.spent_before == Tokens(30, 3)


def test_a_reply_is_in_the_file_at_once(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        store.put(KEYS[0], reply(0), Tokens(10, 0))
        lines = (tmp_path / REPLIES).read_bytes().splitlines()
        assert [json.loads(line)["key"] for line in lines] == [KEYS[0]]


def test_tokens_that_no_server_counted(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        store.put(KEYS[0], Reply("a"), Tokens(100, 50))
        store.add_unanswered(Tokens(7, 8))
        store.add_unanswered(Tokens(1, 1))
    for _ in range(2):
        with ReplyStore(tmp_path) as store:
            assert store.get(KEYS[0]) == Reply("a")
            assert store.spent == Tokens(108, 59)
            store.finish([KEYS[0]])
    assert (tmp_path / REPLIES).read_bytes().count(b"\n") == 2


def test_the_order_of_the_questions(tmp_path: Path) -> None:
    orders = [[3, 1, 0, 5, 2], [0, 1, 2, 3, 5]]
    for number, order in enumerate(orders):
        fill(tmp_path / f"{number}", order)
        with ReplyStore(tmp_path / f"{number}") as store:
            store.decide(KEYS[4], structured=True)
            store.finish([KEYS[2], KEYS[0], KEYS[2]])
            assert len(store) == 5
            # Writing goes on behind.
            store.put(sha256(b"new").hexdigest(), reply(1), Tokens(10, 1))
    made = [(tmp_path / f"{number}" / REPLIES).read_bytes() for number in range(2)]
    assert made[0] == made[1]
    keys = [json.loads(line)["key"] for line in made[0].splitlines()]
    assert keys[:3] == [KEYS[4], KEYS[2], KEYS[0]]
    assert keys[3:6] == sorted(KEYS[number] for number in (1, 3, 5))
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == [".lock", REPLIES]


@pytest.mark.parametrize("cut", [1, 20, 90])
def test_a_line_that_breaks_off_is_cut(tmp_path: Path, cut: int) -> None:
    fill(tmp_path, [0, 1])
    path = tmp_path / REPLIES
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    notes: list[str] = []
    with ReplyStore(tmp_path, notes.append) as store:
        assert (store.get(KEYS[0]), store.get(KEYS[1])) == (reply(0), None)
        store.put(KEYS[1], reply(1), Tokens(10, 1))
    assert len(notes) == 1
    assert "was cut" in notes[0]
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}", b"[]", b"1", b"null", b'"key"', b'{"key": "short"}', b"\x00" * 50, b"\xff",
        b'{"key": "KEY"}', b'{"key": "KEY", "structured": 1}', b'{"unanswered": [1]}', b'{"unanswered": [1, -1]}',
        record(text=5), record(prompt_tokens=True), record(prompt_tokens=None), record(answer_tokens=-1),
        record(created="1"), record(finish=1), record(counted_as=[1]),
        b"FIRST", b"[" * 100_000,
    ],
)  # fmt: skip
def test_damage_is_named(tmp_path: Path, line: bytes) -> None:
    fill(tmp_path, [0, 1])
    path = tmp_path / REPLIES
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = line.replace(b"KEY", KEYS[2].encode()).replace(b"FIRST", lines[0][:-1])
    path.write_bytes(lines[0] + damaged + b"\n" + lines[1])
    before = path.read_bytes()
    assert "KEY" not in before.decode("utf-8", "replace")
    with pytest.raises(SourceError) as caught, ReplyStore(tmp_path):
        pass
    assert str(caught.value) == f"{path}:2: the line is no reply of a judge"
    assert caught.value.hint
    assert path.read_bytes() == before


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    code = f"from belle_train.judge.reply_store import ReplyStore\nwith ReplyStore({str(tmp_path)!r}): pass"
    with ReplyStore(tmp_path):
        with pytest.raises(RunFolderError, match="another process asks a judge"), ReplyStore(tmp_path):
            pass
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "another process asks a judge for this folder" in other.stderr
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert other.returncode == 0, other.stderr


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "missing" / "folder"):
        with pytest.raises(RunFolderError, match="cannot be written"), ReplyStore(folder):
            pass
