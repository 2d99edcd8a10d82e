"""The command line as a user runs it: a process of its own in an empty folder."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from belle_data.cli import main
from belle_data.embed import DEFAULT_EMBEDDER, embedder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "raw.jsonl"

NEAR_A = "请把下面这句话翻译成英文：春天来了，公园里的花都开了，孩子们在草地上放风筝，笑声传得很远很远。"
NEAR_B = "请把下面这句话翻译成英文：春天来了，公园里的花都开了，孩子们在草地上放风筝，笑声传得很远很远！"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs the command line in one folder."""

    folder: Path

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None, **environment: str) -> Done:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(**environment),
            input=stdin if stdin is not None else b"",
            capture_output=True,
            check=False,
            timeout=120,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def here(self, *arguments: str | Path) -> Done:
        """The same within this process, which saves half a second: for what does not depend on being a process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(map(str, arguments)))
        return Done(code, out.getvalue(), err.getvalue())

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "belle_data", *map(str, arguments)]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM", "PYTHONIOENCODING"}
        }
        return {**kept, "TERM": "xterm", **more}

    def write(self, name: str, rows: Sequence[dict[str, Any] | str]) -> Path:
        path = self.folder / name
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path


@pytest.fixture
def belle(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Seven rows: one exact and one near duplicate, four that are like no other."""
    return [
        {"id": "a", "instruction": NEAR_A, "input": "", "output": "好的。"},
        {"id": "b", "instruction": "煮米饭时水和米的比例是多少？", "input": "", "output": "一份米配一点二份水。"},
        {"id": "c", "instruction": NEAR_B, "input": "", "output": "好的。"},
        {"id": "d", "instruction": "煮米饭时水和米的比例是多少？", "input": "", "output": "一份米配一点二份水。"},
        {"instruction": "列出三种水果。", "input": "", "output": "苹果、香蕉、梨。"},
        {"id": "f", "instruction": "What is the capital of France?", "input": "", "output": "Paris."},
        {"id": "g", "instruction": "写一首关于秋天的短诗。", "input": "", "output": "秋风起，落叶黄。"},
    ]


@pytest.fixture
def kept_lines() -> Callable[[Path], list[bytes]]:
    def read(run: Path) -> list[bytes]:
        return [line for part in sorted((run / "shards").iterdir()) for line in part.read_bytes().splitlines()]

    return read


@pytest.fixture(scope="session", autouse=True)
def encoder() -> Any:
    """The encoder, loaded once for all that runs within this process: it is shared as long as somebody uses it."""
    embedder: Any = embedder_of(DEFAULT_EMBEDDER)
    return embedder.kernel
