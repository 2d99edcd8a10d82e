"""Filled sheets, read as spreadsheets save them, checked, unblinded and counted, through the command line."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.judge.sheet_desk import Desk, Done, answer, decided, left_is_a

from belle_train.judge.filled_sheet import WORDS, verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.systems()
    return made


# Filled sheets


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16", "gb18030", "gbk"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_verdicts_are_unblinded_however_the_sheet_is_saved(encoding: str, separator: str, desk: Desk) -> None:
    desk.systems(a=lambda at: f"甲；{at},\n第二行", b=lambda at: f"乙😀é\t{at}")
    assert desk.export().code == 0
    desk.fill(decided(desk, "a"), encoding=encoding, separator=separator)
    done = desk.run("import", "--key", "key.json", "filled.csv", "--json", "--out", "human.json")
    assert done.code == 0, done.err
    assert ("GB18030" in done.err) is encoding.startswith("gb")
    found = done.json()["people"][0]
    assert (found["wins"]["overall"]["wins"], found["wins"]["overall"]["losses"]) == (18, 0)
    assert found["wins"]["overall"]["first_place"] == 0.5
    human = json.loads((desk.folder / "human.json").read_bytes())
    assert [row["verdict"] for row in human["people"][0]["rows"]] == ["a"] * 18
    assert {row["id"] for row in human["people"][0]["rows"]} == {f"row-{at:03}" for at in range(18)}


def test_numbers_that_one_can_count(desk: Desk) -> None:
    assert desk.export("--name-a", "甲", "--name-b", "乙").code == 0
    a, b = decided(desk, "a"), decided(desk, "b")
    desk.fill(lambda number, row: a(number, row) if number <= 9 else b(number, row) if number <= 12 else "都差 ")
    done = desk.run("import", "--key", "key.json", "filled.csv")
    assert done.code == 0, done.err
    assert "甲 wins / 乙 wins / ties (6 of them both bad)" in done.out
    assert re.search(r"overall +9 / 3 / 6; 甲 66\.7% \[\d\d\.\d%, \d\d\.\d%\], sign test p = 0\.146", done.out)
    assert len(re.findall(r"^  (?:others|rewrite|closed_qa) ", done.out, re.MULTILINE)) == 3


@pytest.mark.parametrize(("verdict", "words"), WORDS.items())
def test_people_write_verdicts_in_their_own_way(verdict: str, words: tuple[str, ...]) -> None:
    assert len(words) >= 5
    for word in words:
        for said in (word, f" {word}\u00a0", word.upper(), word.title(), f"{word}。", word.replace("1", "１")):
            assert verdict_of(said) == verdict, said


@pytest.mark.parametrize("said", ["", "?", "左右", "3", "left right", "=左", "lefty", "tie/left", "é"])
def test_other_words_are_no_verdict(said: str) -> None:
    assert verdict_of(said) is None


def test_missing_verdicts_are_listed_and_never_counted(desk: Desk) -> None:
    desk.systems(a=lambda at: f"两行\n{at}")
    assert desk.export().code == 0
    a = decided(desk, "a")
    said = {2: "", 5: "maybe"}
    path = desk.fill(lambda number, row: said.get(number, a(number, row)))
    head, *rows = desk.sheet(path.name)
    desk.save([head, *(row for row in rows if row[0] != "7")], path.name)
    done = desk.run("import", "--key", "key.json", "filled.csv", "--out", "human.json")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "filled.csv:4: row 2: there is no verdict",
        "filled.csv:10: row 5: the verdict is not known: 'maybe'",
        "filled.csv: row 7: the row is not in the sheet",
        "3 verdicts are missing or unknown; --allow-missing counts them as missing",
    ]
    assert not (desk.folder / "human.json").exists()
    done = desk.run("import", "--key", "key.json", "filled.csv", "--allow-missing", "--json")
    assert done.code == 0
    assert done.err.splitlines()[-1] == "3 verdicts are missing or unknown; they count as missing"
    assert desk.run("import", "--key", "key.json", "filled.csv", "--allow-missing", "--quiet") == Done(0, "", "")
    overall = done.json()["people"][0]["wins"]["overall"]
    assert [overall[name] for name in ("wins", "losses", "ties", "missing")] == [15, 0, 0, 3]
    assert (overall["win_rate"], overall["bound_low"], overall["bound_high"]) == (1.0, pytest.approx(15 / 18), 1.0)


def spoiled(rows: list[list[str]], what: str) -> list[list[str]]:
    if what == "text":
        rows[4][4] += "改"
    elif what == "sides":
        rows[4][4], rows[4][5] = rows[4][5], rows[4][4]
    elif what == "twice":
        rows.append(rows[3])
    elif what == "number":
        rows[4][0] = "99"
    elif what == "no number":
        rows[4][0] = "四"
    elif what == "column":
        rows = [row[:6] + row[7:] for row in rows]
    elif what == "two columns":
        rows[0][7] = "判断"
    elif what == "other rows":
        rows[1:] = [[number, *other[1:]] for (number, *_), other in zip(rows[1:], reversed(rows[1:]), strict=True)]
    return rows


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("text", "filled.csv:5: the texts of the row 4 are not those that were handed out"),
        ("sides", "filled.csv:5: the texts of the row 4 are not those that were handed out"),
        ("twice", "filled.csv:20: the row 3 is there twice, first in line 4"),
        ("number", "filled.csv:5: the key has no row of this number: 99"),
        ("no number", "filled.csv:5: the row has no number: '四'"),
        ("column", "filled.csv:1: the sheet lacks columns: verdict"),
        ("two columns", "filled.csv:1: two columns have the same name: '判断'"),
        ("other rows", "hint: is it a sheet of this key?"),
    ],
)
def test_a_sheet_that_is_not_as_it_was_handed_out_is_refused(what: str, says: str, desk: Desk) -> None:
    assert desk.export().code == 0
    path = desk.fill(lambda *_: "左")
    desk.save(spoiled(desk.sheet(path.name), what), path.name)
    done = desk.run("import", "--key", "key.json", "filled.csv")
    assert (done.code, done.out) == (2, "")
    assert says in done.err


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_changed_word_is_noticed_in_either_encoding(encoding: str, desk: Desk) -> None:
    assert desk.export().code == 0
    head, *rows = desk.sheet()
    rows[0][5] = rows[0][5].replace("回答", "答复")
    desk.save([head, *rows], "filled.csv", encoding)
    done = desk.run("import", "--key", "key.json", "filled.csv", "--allow-missing")
    assert done.code == 2
    assert "the texts of the row 1 are not those" in done.err


def test_a_changed_sign_is_noticed_unless_the_encoding_may_have_lost_it(desk: Desk) -> None:
    assert desk.export().code == 0
    head, *rows = desk.sheet()
    for row in rows:
        row[2], row[6] = row[2].replace("？", "?"), "left"
    for encoding, code in (("utf-8", 2), ("utf-16", 2), ("gb18030", 0)):
        desk.save([head, *rows], "filled.csv", encoding)
        done = desk.run("import", "--key", "key.json", "filled.csv")
        assert done.code == code, done.err
        assert ("Excel must save as CSV UTF-8" in done.err) is (code == 2)


@pytest.mark.parametrize(
    "content", ["[]", "{}", "x", '{"kind": "judge"}', '{"kind": "blind-sheet", "a": {"name": "a", "sha256": 1}}', ""]
)
def test_a_damaged_key_is_named(content: str, desk: Desk) -> None:
    assert desk.export().code == 0
    (desk.folder / "wrong.json").write_text(content, encoding="utf-8")
    done = desk.run("import", "--key", "wrong.json", "sheet.csv")
    assert done.code == 2
    assert done.err.startswith("error: wrong.json: ")


def test_a_key_with_a_damaged_row_is_named(desk: Desk) -> None:
    assert desk.export().code == 0
    for field, value in (("left", "c"), ("number", "1"), ("number", 2), ("id", None), ("id", "row-003"), ("texts", 5)):
        key = desk.key()
        rows = key["sheets"][0]["rows"]
        place = next(at for at, row in enumerate(rows) if row["id"] != "row-003" and row["number"] != 2)
        rows[place][field] = value
        (desk.folder / "wrong.json").write_text(json.dumps(key), encoding="utf-8")
        done = desk.run("import", "--key", "wrong.json", "sheet.csv")
        assert done.code == 2, (field, value)
        assert done.err.startswith("error: wrong.json: the file is no key of blind sheets")


def test_ids_and_categories_may_be_anything(desk: Desk) -> None:
    odd = ["\ud800", "=1", "a\nb", "\x1b[31m", "x" * 300, '"', "\u202e"]
    rows = [answer(at, "甲\udc00", id=own, category=own) for at, own in enumerate(odd)]
    for side in "ab":
        text = "".join(f"{json.dumps({**row, 'answer': side})}\n" for row in rows)
        (desk.folder / f"{side}.jsonl").write_text(text, encoding="ascii")
    done = desk.export("--html", "page.html", "--name-a", "\x1b[31m")
    assert done.code == 0, done.err
    desk.fill(decided(desk, "b"))
    done = desk.run("import", "--key", "key.json", "filled.csv", "--out", "human.json")
    assert done.code == 0, done.err
    assert not re.search(r"[^\n\x20-\x7e]", done.out)
    human = json.loads((desk.folder / "human.json").read_bytes())
    assert {row["id"]: row["verdict"] for row in human["people"][0]["rows"]} == dict.fromkeys(odd, "b")


# Several people, and a judge


def test_people_are_compared_with_each_other(desk: Desk) -> None:
    assert desk.export("--annotators", 2).code == 0
    sides = [{row["number"]: row for row in sheet["rows"]} for sheet in desk.key()["sheets"]]

    def by_id(person: int, verdicts: Callable[[int], str]) -> Callable[[int, list[str]], str]:
        def say(number: int, _: list[str]) -> str:
            row = sides[person][number]
            verdict = verdicts(int(row["id"].removeprefix("row-")))
            return "平" if verdict == "tie" else "左" if verdict == row["left"] else "右"

        return say

    first = by_id(0, lambda at: "ab"[at % 2])
    second = by_id(1, lambda at: "ab"[at % 2] if at < 12 else "tie")
    # Given in the other order and under other names: the key knows which is which.
    desk.fill(second, source="sheet-2.csv", name="ben.csv")
    desk.fill(first, source="sheet-1.csv", name="ann.csv")
    done = desk.run("import", "--key", "key.json", "ben.csv", "ann.csv", "--json")
    assert done.code == 0, done.err
    (agreed,) = done.json()["agreement"]
    assert (agreed["first"], agreed["second"], agreed["rows"]) == ("ben.csv", "ann.csv", 18)
    assert agreed["agreement"] == pytest.approx(12 / 18)
    assert agreed["kappa"] == pytest.approx((12 / 18 - 1 / 3) / (1 - 1 / 3))
    shown = desk.run("import", "--key", "key.json", "ben.csv", "ann.csv")
    assert "ben.csv and ann.csv: kappa 0.500 [" in shown.out
    assert "equal in 66.7% of 18 rows" in shown.out
    twice = desk.run("import", "--key", "key.json", "ben.csv", "ben.csv")
    assert (twice.code, "the sheet is given twice" in twice.err) == (2, True)


def test_two_people_may_fill_in_copies_of_one_sheet(desk: Desk) -> None:
    assert desk.export("--annotators", 2).code == 0
    for name in ("ann.csv", "ben.csv", "cid.csv"):
        desk.fill(lambda number, _: "left" if number % 3 else "tie", source="sheet-2.csv", name=name)
    done = desk.run("import", "--key", "key.json", "ann.csv", "ben.csv", "cid.csv", "--json")
    assert done.code == 0, done.err
    assert [one["kappa"] for one in done.json()["agreement"]] == [1.0, 1.0, 1.0]


def judged(desk: Desk, verdicts: dict[str, str | None], *, turned: bool = False, **sides: str) -> None:
    """A folder as `compare` writes it."""
    folder = desk.folder / "compared"
    folder.mkdir(exist_ok=True)
    digest = {side: hashlib.sha256((desk.folder / f"{side}.jsonl").read_bytes()).hexdigest() for side in "ab"} | sides
    a, b = (digest["b"], digest["a"]) if turned else (digest["a"], digest["b"])
    manifest = {"kind": "compare", "a": {"name": "x", "sha256": a}, "b": {"name": "y", "sha256": b}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    lines = [json.dumps({"id": own, "category": "others", "verdict": verdict}) for own, verdict in verdicts.items()]
    (folder / "verdicts.jsonl").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("turned", [False, True])
def test_people_are_compared_with_a_judge(turned: bool, desk: Desk) -> None:
    assert desk.export().code == 0
    left = left_is_a(desk)
    ids = {row["number"]: row["id"] for row in desk.key()["sheets"][0]["rows"]}
    desk.fill(lambda number, _: "left" if number % 2 else "right")
    person = {ids[number]: "a" if left[number] is bool(number % 2) else "b" for number in ids}
    assert set(person.values()) == {"a", "b"}
    judge: dict[str, str | None] = {own: {"a": "b", "b": "a"}[one] if turned else one for own, one in person.items()}
    judge[ids[1]] = None
    judged(desk, judge, turned=turned)
    done = desk.run("import", "--key", "key.json", "filled.csv", "--verdicts", "compared", "--json")
    assert done.code == 0, done.err
    (agreed,) = done.json()["agreement"]
    assert (agreed["second"], agreed["rows"], agreed["left_out"], agreed["kappa"]) == ("judge", 17, 1, 1.0)


def test_a_judge_of_other_answers_is_refused(desk: Desk) -> None:
    assert desk.export().code == 0
    desk.fill(decided(desk, "tie"))

    def told() -> str:
        done = desk.run("import", "--key", "key.json", "filled.csv", "--verdicts", "compared")
        assert done.code == 2
        return done.err

    judged(desk, {"row-001": "a"}, a="0" * 64)
    assert "compares other answers" in told()
    judged(desk, {"x": "a"})
    assert "no row of the sheets has a verdict there" in told()
    judged(desk, {"row-001": "left"})
    assert "verdicts.jsonl:1: the line is no verdict" in told()
    (desk.folder / "compared" / "manifest.json").write_text("{}", encoding="utf-8")
    assert "not that of compare" in told()
    (desk.folder / "compared" / "manifest.json").unlink()
    assert "cannot be read" in told()


def test_the_result_is_not_written_over_anything(desk: Desk) -> None:
    assert desk.export().code == 0
    desk.fill(decided(desk, "a"))
    for out in ("key.json", "human.txt", "nowhere/human.json"):
        done = desk.run("import", "--key", "key.json", "filled.csv", "--out", out, "--force")
        assert (done.code, done.out) == (2, ""), out
    assert desk.run("import", "--key", "key.json", "filled.csv", "--out", "human.json").code == 0
    assert "--force" in desk.run("import", "--key", "key.json", "filled.csv", "--out", "human.json").err


@pytest.mark.parametrize(
    "arguments", [[], ["exprot"], ["import", "--key", "key.json"], ["export"], ["import", "--nonsense"]]
)
def test_other_words_have_a_hint(arguments: list[str], desk: Desk) -> None:
    done = desk.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert [line.split(": ")[0] for line in done.err.splitlines()] == ["error", "hint"]
