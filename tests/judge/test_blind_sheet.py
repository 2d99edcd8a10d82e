"""Blind sheets and their keys, through the command line."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.judge.sheet_desk import Desk, answer

from belle_train.judge.sheet_text import defused, letters_digest, sheet_text, texts_digest, undefused

if TYPE_CHECKING:
    from pathlib import Path

HEAD = ["number", "category", "prompt", "reference", "left answer", "right answer", "verdict", "note"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.systems()
    return made


# Sheets and keys


def test_a_sheet_hides_the_systems_and_the_key_tells_them(desk: Desk) -> None:
    done = desk.export("--name-a", "BELLE-7B", "--name-b", "baseline", "--json")
    assert (done.code, done.err) == (0, ""), done.err
    content = (desk.folder / "sheet.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    text = content.decode("utf-8-sig")
    assert not re.search(r"BELLE|baseline|row-0|a\.jsonl|b\.jsonl|key", text)
    head, *rows = desk.sheet()
    assert head == HEAD
    assert [row[0] for row in rows] == [str(at) for at in range(1, 19)]
    assert {(row[6], row[7]) for row in rows} == {("", "")}
    key = desk.key()
    assert (key["a"]["name"], key["b"]["name"]) == ("BELLE-7B", "baseline")
    for side in "ab":
        assert key[side]["sha256"] == hashlib.sha256((desk.folder / f"{side}.jsonl").read_bytes()).hexdigest()
    assert key["sheets"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    for row, kept in zip(rows, key["sheets"][0]["rows"], strict=True):
        at = int(kept["id"].removeprefix("row-"))
        left = "A" if kept["left"] == "a" else "B"
        right = "B" if left == "A" else "A"
        assert row[2:6] == [
            f"第{at}个问题是什么？", "" if at % 3 else f"参考 {at}",
            f"系统甲乙的回答 {left} {at}", f"系统甲乙的回答 {right} {at}",
        ]  # fmt: skip
    assert Counter(row["left"] for row in key["sheets"][0]["rows"]) == {"a": 9, "b": 9}
    ids = [row["id"] for row in key["sheets"][0]["rows"]]
    assert ids != sorted(ids), "the order is chance"
    assert done.json()["rows"] == 18


def test_the_seed_decides_and_the_order_of_the_files_does_not(desk: Desk) -> None:
    names = ["sheet.csv", "key.json", "page.html"]

    def made(*arguments: str | int) -> dict[str, Any]:
        assert desk.export("--rows", 10, "--html", "page.html", "--force", *arguments).code == 0
        key = desk.key()
        return {
            "key": key["sheets"],
            **{name: (desk.folder / name).read_bytes() for name in names if name != "key.json"},
        }

    first = made()
    for side in "ab":
        lines = (desk.folder / f"{side}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (desk.folder / f"{side}.jsonl").write_text("".join(reversed(lines)), encoding="utf-8")
    assert made() == first
    assert made("--seed", 1)["sheet.csv"] != first["sheet.csv"]


@pytest.mark.parametrize(("count", "wanted"), [(9, [1] * 9), (11, [1] * 7 + [2] * 2), (18, [2] * 9)])
def test_rows_are_drawn_evenly_over_categories(count: int, wanted: list[int], desk: Desk) -> None:
    assert desk.export("--rows", count).code == 0
    assert sorted(Counter(row[1] for row in desk.sheet()[1:]).values()) == wanted


def test_a_small_category_gives_all_and_the_others_more(desk: Desk) -> None:
    rows = [answer(9 * at, "x") for at in range(12)] + [answer(1, "x"), answer(2, "x"), answer(11, "x")]
    desk.answers("a.jsonl", rows)
    desk.answers("b.jsonl", [{**row, "answer": "y"} for row in rows])
    done = desk.export("--rows", 8, "--json")
    assert done.json()["categories"] == {"others": 5, "rewrite": 1, "classification": 2}
    more = desk.export("--rows", 99, "--force")
    assert (more.code, more.err) == (0, "note: there are only 15 rows\n")


def test_each_person_has_an_order_and_sides_of_their_own(desk: Desk) -> None:
    assert desk.export("--annotators", 3, "--html", "page.html").code == 0
    sheets = [desk.sheet(f"sheet-{person}.csv") for person in (1, 2, 3)]
    assert not (desk.folder / "sheet.csv").exists()
    assert all((desk.folder / f"page-{person}.html").is_file() for person in (1, 2, 3))
    assert len({tuple(row[2] for row in sheet) for sheet in sheets}) == 3
    assert len({frozenset(row[2] for row in sheet) for sheet in sheets}) == 1
    keys = desk.key()["sheets"]
    sides = {tuple(row["left"] for row in sorted(sheet["rows"], key=lambda row: row["id"])) for sheet in keys}
    assert len(sides) == 3


def test_rows_without_ids_are_joined_by_their_prompt(desk: Desk) -> None:
    bare = [{key: value for key, value in answer(at, "一").items() if key != "id"} for at in range(6)]
    desk.answers("a.jsonl", bare)
    desk.answers("b.jsonl", [{**answer(at, "二"), "prompt": f" 第{at}个问题是什么？\n"} for at in (5, 3, 1, 8)])
    done = desk.export("--json")
    assert done.code == 0, done.err
    found = done.json()
    assert (found["rows"], found["left_out"]) == (3, {"only_a": 3, "only_b": 1, "no_answer": 0})
    assert {row["id"] for row in desk.key()["sheets"][0]["rows"]} == {"row-001", "row-003", "row-005"}
    desk.answers("b.jsonl", [{**row, "answer": "三"} for row in bare])
    assert desk.export("--json", "--force").json()["rows"] == 6
    ids = {row["id"] for row in desk.key()["sheets"][0]["rows"]}
    wanted = hashlib.sha256("rewrite\n第1个问题是什么？".encode()).hexdigest()[:16]
    assert f"eval-{wanted}" in ids, "as an evaluation set names its rows"


def test_what_is_left_out_and_what_differs_is_told(desk: Desk) -> None:
    desk.answers("a.jsonl", [answer(0, "我是 Belle"), answer(1, "二"), answer(2, None, finish="error", error="timeout"),
                             answer(3, "四"), answer(4, "五" * 40_000)])  # fmt: skip
    desk.answers("b.jsonl", [answer(0, "甲"), answer(1, "乙", category="math"), answer(2, "丙"), answer(4, "丁"),
                             answer(5, "戊"), answer(6, "己")])  # fmt: skip
    done = desk.export("--name-a", "belle", "--name-b", "base")
    assert done.code == 0
    assert "3 of 3 rows that both answer" in done.out
    number = next(row[0] for row in desk.sheet()[1:] if "五" in row[4] + row[5])
    assert done.err.splitlines() == [
        "note: left out: 1 rows of the first file only, 2 of the second only",
        "note: left out: 1 rows without an answer of one system",
        "note: 1 rows have another category in the second file; that of the first is taken",
        "note: 1 rows have the name of a system in a text, which may give it away",
        f"note: sheet.csv: texts of more than 32,767 characters, which Excel cuts: rows {number}; use the page",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--a", "none.jsonl"], "there is no such file"),
        (["--out", "sheet.txt"], "must end in .csv"),
        (["--key", "key.csv"], "must end in .json"),
        (["--html", "page.csv"], "must end in .html"),
        (["--out", "nowhere/sheet.csv"], "cannot be written there"),
        (["--key", "a.json", "--out", "a.jsonl.csv", "--name-b", "a"], "both systems have the same name"),
        (["--name-a", " "], "a system needs a name"),
        (["--rows", "0"], "at least one row"),
        (["--annotators", "0"], "for 1 to 100 people"),
        (["--lang", "fr"], "unknown language"),
        (["--b", "other.jsonl"], "no row has an answer here and in"),
        (["--b", "prompts.jsonl"], "prompts.jsonl:1: the row has another prompt than in a.jsonl, line 4"),
        (["--b", "twice.jsonl"], "twice.jsonl:2: the row with this id is there twice, first in line 1: 'row-003'"),
        (["--b", "empty.jsonl"], "empty.jsonl:1: the line has no answer"),
        (["--b", "broken.jsonl"], "broken.jsonl:2: the line is no JSON object"),
    ],
)
def test_wrong_use_is_named(arguments: list[str], says: str, desk: Desk) -> None:
    desk.answers("other.jsonl", [answer(90, "x")])
    desk.answers("prompts.jsonl", [answer(3, "x", prompt="另一个问题")])
    desk.answers("twice.jsonl", [answer(3, "x"), answer(3, "x")])
    desk.answers("empty.jsonl", [{"id": "row-001", "prompt": "x"}])
    (desk.folder / "broken.jsonl").write_text(json.dumps(answer(3, "x")) + "\n{", encoding="utf-8")
    before = sorted(desk.folder.iterdir())
    done = desk.export(*arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert sorted(desk.folder.iterdir()) == before


def test_filled_sheets_and_keys_are_not_written_over(desk: Desk) -> None:
    assert desk.export().code == 0
    kept = (desk.folder / "sheet.csv").read_bytes()
    done = desk.export("--seed", 1)
    assert done.code == 2
    assert "the file is there already" in done.err
    (desk.folder / "sheet.csv").unlink()
    assert "key.json: the file is there already" in desk.export("--seed", 1).err
    assert desk.export("--seed", 1, "--force").code == 0
    assert (desk.folder / "sheet.csv").read_bytes() != kept
    done = desk.run(
        "export", "--a", "a.jsonl", "--b", "b.jsonl", "--out", "x.csv", "--key", "y.json", "--html", "x.csv"
    )
    assert done.code == 2


# Texts in cells


FORMULAS = [
    "=1+1",
    "+1",
    "-第一项",
    "@x",
    "\t=1",
    "\n=1",
    "  =1",
    "＝1",
    "\u3000－1",
    "'quoted",
    "''=1",
    "=cmd|' /C calc'!A0",
]


@pytest.mark.parametrize("text", [*FORMULAS, "", "1+1=2", "一、二", "a'b", '"=1"'])
def test_formulas_are_defused_and_come_back(text: str) -> None:
    cell = defused(text)
    assert undefused(cell) == text
    assert not re.match(r"\s*[=+\-@＝＋－＠\t\r]", cell)
    assert (cell == text) is (text not in FORMULAS)
    assert texts_digest([cell]) == texts_digest([text])


def test_no_cell_of_a_sheet_is_a_formula(desk: Desk) -> None:
    desk.systems(len(FORMULAS), a=lambda at: FORMULAS[at], b=lambda at: FORMULAS[-at - 1])
    assert desk.export().code == 0
    cells = [cell for row in desk.sheet()[1:] for cell in row]
    assert len(cells) == 8 * len(FORMULAS)
    assert [cell for cell in cells if re.match(r"[=+\-@\t\r\n＝＋－＠]|\s+[=+\-@]", cell)] == []
    done = desk.run("import", "--key", "key.json", desk.fill(lambda *_: "left"), "--json")
    assert done.code == 0, done.err


def test_what_cannot_be_seen_stands_there_as_its_number() -> None:
    assert sheet_text("a\r\nb\rc\td\u202ee\x00\ud800") == "a\nb\nc\td[U+202E]e[U+0000][U+D800]"
    assert sheet_text("长" * 5000) == "长" * 5000


def test_digests_see_a_changed_text() -> None:
    assert texts_digest(["a\r\nb", ""]) == texts_digest(["a\nb", ""]) != texts_digest(["a\nb ", ""])
    assert texts_digest(["ab", ""]) != texts_digest(["a", "b"])
    assert letters_digest(["好？😀 \u00a0a"]) == letters_digest(["好???? a"]) != letters_digest(["坏a"])
