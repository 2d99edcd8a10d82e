"""A folder in which people work with blind sheets."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.evalset.categories import CATEGORIES
from belle_train.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """A folder in which somebody works with sheets."""

    folder: Path

    def run(self, *arguments: str | int | Path) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["blind-sheet", *map(str, arguments)])
        return Done(code, out.getvalue(), err.getvalue())

    def export(self, *arguments: str | int) -> Done:
        files = ("--a", "a.jsonl", "--b", "b.jsonl", "--out", "sheet.csv", "--key", "key.json", "--lang", "en")
        return self.run("export", *files, *arguments)

    def answers(self, name: str, rows: list[dict[str, Any]]) -> None:
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        (self.folder / name).write_text(text, encoding="utf-8")

    def systems(self, count: int = 18, **changed: Callable[[int], str]) -> None:
        """Answers of two systems to the same rows."""
        for side in "ab":
            texts = changed.get(side, lambda at, side=side: f"系统甲乙的回答 {'AB'['ab'.index(side)]} {at}")
            self.answers(f"{side}.jsonl", [answer(at, texts(at)) for at in range(count)])

    def sheet(self, name: str = "sheet.csv") -> list[list[str]]:
        with (self.folder / name).open(encoding="utf-8-sig", newline="") as handle:
            return list(csv.reader(handle))

    def key(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.folder / "key.json").read_bytes())
        return value

    def fill(
        self,
        say: Callable[[int, list[str]], str],
        *,
        source: str = "sheet.csv",
        name: str = "filled.csv",
        encoding: str = "utf-8-sig",
        separator: str = ",",
    ) -> Path:
        """Fill a sheet in as a spreadsheet would save it: `say` sees a row's number and cells."""
        head, *rows = self.sheet(source)
        for row in rows:
            row[6] = say(int(row[0]), row)
        return self.save([head, *rows], name, encoding, separator)

    def save(self, rows: list[list[str]], name: str, encoding: str = "utf-8-sig", separator: str = ",") -> Path:
        with (self.folder / name).open("w", encoding=encoding, newline="", errors="replace") as handle:
            csv.writer(handle, delimiter=separator).writerows(rows)
        return self.folder / name


def answer(at: int, text: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": f"row-{at:03}",
        "row": at,
        "category": CATEGORIES[at % 9],
        "prompt": [{"role": "user", "content": f"第{at}个问题是什么？"}],
        "reference": None if at % 3 else f"参考 {at}",
        "answer": text,
        "finish": "stop",
        **more,
    }


def left_is_a(desk: Desk) -> dict[int, bool]:
    return {row["number"]: row["left"] == "a" for row in desk.key()["sheets"][0]["rows"]}


def decided(desk: Desk, verdict: str) -> Callable[[int, list[str]], str]:
    """What somebody writes who prefers a system, wherever it stands."""
    left = left_is_a(desk)
    return lambda number, _: verdict if verdict == "tie" else "left" if left[number] is (verdict == "a") else "right"
