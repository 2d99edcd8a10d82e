"""`explain` through the command line: what happened to a row, and the difference to the row that it went for."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from belle_data import explain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

Rows = list[dict[str, Any]]


@pytest.fixture
def run(belle: Shell, rows: Rows) -> Path:
    """A finished run over the seven rows."""
    belle.write("raw.jsonl", rows)
    assert belle.here("clean", "raw.jsonl", "--out", "run", "-q").code == 0
    return belle.folder / "run"


def removed_and_kept(belle: Shell, one: str) -> tuple[str, str]:
    """Which row of a pair was removed is for a hash to say."""
    for row in pq.read_table(belle.folder / "run" / "rows.parquet").to_pylist():
        if row["kept_id"] and one in {row["id"], row["kept_id"]}:
            return row["id"], row["kept_id"]
    pytest.fail(f"{one} is not of a pair")


@pytest.mark.usefixtures("run")
def test_a_near_duplicate(belle: Shell) -> None:
    removed, kept = removed_and_kept(belle, "a")
    done = belle("explain", "run", removed)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{removed}  raw.jsonl:")
    assert lines[1:3] == ["  passed 11 rules", "  removed by near_dedup: near_duplicate"]
    assert lines[3].startswith("  similarity 0.8")
    assert lines[3].endswith(", the threshold is 0.8")
    assert lines[4].startswith(f"  for {kept}  (raw.jsonl:")
    assert lines[4].endswith("), which is kept")
    old, new = ("。", "！") if removed == "a" else ("！", "。")
    assert f"笑声传得很远很远[-{old}-]{{+{new}+}}" in done.out
    assert "    好的。" in lines


@pytest.mark.usefixtures("run")
def test_an_exact_duplicate(belle: Shell) -> None:
    removed, kept = removed_and_kept(belle, "b")
    done = belle.here("explain", "run", removed)
    assert done.code == 0
    assert "  removed by exact_dedup: same_text\n  similarity 1.0000\n" in done.out
    assert f"  for {kept}  (raw.jsonl:" in done.out
    assert "  the texts are the same:\n  user:\n    煮米饭时水和米的比例是多少？\n" in done.out


@pytest.mark.usefixtures("run")
def test_a_kept_row_and_what_went_for_it(belle: Shell) -> None:
    removed, kept = removed_and_kept(belle, "a")
    done = belle.here("explain", "run", kept)
    assert "\n  kept\n  user:\n" in done.out
    assert f"  1 row was removed for it: {removed}\n" in done.out
    lonely = belle.here("explain", "run", "g")
    assert "秋风起，落叶黄。" in lonely.out
    assert "removed" not in lonely.out


@pytest.mark.usefixtures("run")
def test_a_row_by_its_place(belle: Shell) -> None:
    by_line = belle.here("explain", "run", "raw.jsonl:5")
    assert by_line.out.startswith("raw.jsonl:5  raw.jsonl:5 (byte ")
    assert "苹果、香蕉、梨。" in by_line.out
    # A row with an id of its own is found by its place too.
    assert belle.here("explain", "run", "raw.jsonl:7").out == belle.here("explain", "run", "g").out


@pytest.mark.usefixtures("run")
def test_json_has_the_whole_evidence(belle: Shell, rows: Rows) -> None:
    removed, kept = removed_and_kept(belle, "a")
    found = belle.here("explain", "run", removed, "--json").json()
    assert found["found"] == 1
    row = found["rows"][0]
    (link,) = row["chain"]
    assert (link["removed"]["id"], link["kept"]["id"]) == (removed, kept)
    assert (link["threshold"], link["compared"]) == (0.8, "conversation")
    assert 0.8 <= link["removed"]["similarity"] < 1
    texts = {one.get("id"): one["instruction"] for one in rows}
    role, parts = link["difference"][0]
    assert role == "user"
    assert "".join(text for kind, text in parts if kind != "kept") == texts[removed]
    assert "".join(text for kind, text in parts if kind != "removed") == texts[kept]
    assert row["turns"] == [["user", texts[removed]], ["assistant", "好的。"]]
    assert row["notes"] == []


def test_the_chain_when_the_kept_row_goes_later(belle: Shell) -> None:
    """exact_dedup removes a row for one that near_dedup then removes for a third."""
    base = "请用五百字介绍一下长城的历史，以及它在中国文化中的地位，并举出三个有名的关口作为例子来说明"
    variants = [{"id": f"{mark}{copy}", "text": base + mark} for mark in "，。！？" for copy in range(2)]
    belle.write("raw.jsonl", variants)
    assert belle.here("clean", "raw.jsonl", "--out", "run", "-q").code == 0
    ledger = {row["id"]: row for row in pq.read_table(belle.folder / "run" / "rows.parquet").to_pylist()}
    start = next(
        row["id"] for row in ledger.values() if row["stage"] == "exact_dedup" and not ledger[row["kept_id"]]["kept"]
    )
    chain = belle.here("explain", "run", start, "--json").json()["rows"][0]["chain"]
    assert [link["removed"]["stage"] for link in chain] == ["exact_dedup", "near_dedup"]
    assert chain[0]["kept"] == chain[1]["removed"]
    assert chain[1]["kept"]["kept"]
    text = belle.here("explain", "run", start).out
    assert "which near_dedup removed later" in text
    assert text.index("exact_dedup") < text.index("near_duplicate")


def test_rows_with_one_id_are_all_shown(belle: Shell) -> None:
    """The row that one was removed for is found by its number, as its id stands on several."""
    belle.write(
        "raw.jsonl", [{"id": "x", "text": "你好，世界"}] * 2 + [{"id": "x", "text": f"第{n}个问题"} for n in range(30)]
    )
    assert belle.here("clean", "raw.jsonl", "--out", "run", "-q", "--stages", "exact_dedup").code == 0
    done = belle.here("explain", "run", "x")
    assert done.out.startswith("32 rows have the id x\n")
    assert done.out.endswith("\n12 more rows have this id\n")
    assert "  the texts are the same:\n  text:\n    你好，世界\n" in done.out


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("row_id", "said"),
    [
        ("aa", "did you mean a?"),
        ("raw.jsonl:55", "did you mean raw.jsonl:5?"),
        ("没有", "the first row is a"),
        ("", "the first row is a"),
        ("raw.jsonl:99999999999999999999999", "hint: "),
    ],
)
def test_an_unknown_row(belle: Shell, row_id: str, said: str) -> None:
    done = belle.here("explain", "run", row_id)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: run: no row has this id: '{row_id}'\n")
    assert said in done.err


def test_a_rejected_line_says_why(belle: Shell, rows: Rows) -> None:
    belle.write("raw.jsonl", [*rows, "[1]"])
    assert belle.here("clean", "raw.jsonl", "--out", "run", "-q").code == 0
    done = belle.here("explain", "run", "raw.jsonl:8")
    assert done.code == 2
    assert "error: raw.jsonl:8 (byte " in done.err
    assert "this line is no row: not_an_object" in done.err


def test_folders_that_hold_no_finished_run(belle: Shell, run: Path) -> None:
    unknown = belle.here("explain", "rum", "a")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err == "error: rum: there is no such run folder\nhint: did you mean run?\n"
    (belle.folder / "empty").mkdir()
    assert "the folder holds no run" in belle.here("explain", "empty", "a").err
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    assert "the run in this folder is not finished" in belle.here("explain", "run", "a").err
    (run / "manifest.json").write_text(json.dumps({**manifest, "layout": 99}))
    assert "of another version" in belle.here("explain", "run", "a").err
    (run / "manifest.json").write_text(json.dumps(manifest))
    (run / "rows.parquet").write_bytes(b"PAR1 nothing PAR1")
    damaged = belle.here("explain", "run", "a")
    assert damaged.code == 2
    assert damaged.err.startswith("error: run/rows.parquet: cannot be read")


def test_hostile_texts_do_not_reach_the_terminal(belle: Shell) -> None:
    evil = "\x1b]0;owned\x07\x9b2J\u202egnp.exe\u2028"
    belle.write("raw.jsonl", [{"id": evil, "text": f"你好{evil}\n第二行"}])
    assert belle.here("clean", "raw.jsonl", "--out", "run", "-q").code == 0
    for arguments in (["explain", "run", evil], ["explain", "run", evil, "--json"]):
        done = belle.here(*arguments)
        assert done.code == 0
        assert not set(done.out) & set("\x1b\x07\x9b\u202e\u2028")
        assert "202egnp.exe" in done.out
    assert belle.here("explain", "run", evil, "--json").json()["rows"][0]["turns"] == [["text", f"你好{evil}\n第二行"]]


@pytest.mark.parametrize("kind", ["jsonl.gz", "json", "json.gz", "parquet"])
@pytest.mark.parametrize("copy", ["there", "gone"])
def test_sources_that_are_decoded(
    belle: Shell, rows: Rows, monkeypatch: pytest.MonkeyPatch, *, kind: str, copy: str
) -> None:
    """The text is that of the decoded copy, which is made again where it was deleted."""
    rows[4]["id"] = "e"
    path = belle.folder / f"raw.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    else:
        text = json.dumps(rows, ensure_ascii=False, indent=1).encode()
        path.write_bytes(gzip.compress(text) if kind == "json.gz" else text)
    assert belle.here("clean", path.name, "--out", "run", "-q").code == 0
    if copy == "gone":
        shutil.rmtree(belle.folder / "run" / "work")
    monkeypatch.chdir(belle.folder)
    for row in rows:
        found = explain("run", row["id"]).rows[0]
        assert found.turns == [("user", row["instruction"]), ("assistant", row["output"])], found.notes
        assert found.notes == []


def test_a_source_that_changed_or_went(belle: Shell, run: Path, rows: Rows) -> None:
    source = belle.folder / "raw.jsonl"
    before = source.read_text()
    os.utime(source, ns=(1, 1))
    touched = belle.here("explain", "run", "g")
    assert "  note: raw.jsonl changed since the run; the text is that of today\n" in touched.out
    assert "秋风起" in touched.out
    source.write_text(json.dumps(rows[1], ensure_ascii=False) + "\n" + before)
    moved = belle.here("explain", "run", "g")
    assert moved.code == 0
    assert "秋风起" not in moved.out
    assert "  note: raw.jsonl " in moved.out
    source.unlink()
    gone = belle.here("explain", "run", "g")
    assert gone.code == 0
    assert "  kept\n  note: raw.jsonl is not there" in gone.out
    assert run.is_dir()


def test_from_another_folder_than_the_run_was_started_in(belle: Shell, run: Path) -> None:
    elsewhere = belle.folder / "elsewhere"
    elsewhere.mkdir()
    done = type(belle)(elsewhere).here("explain", run, "g")
    assert "秋风起" in done.out


def test_a_pipe_is_explained_from_its_copy(belle: Shell, rows: Rows) -> None:
    source = belle.write("raw.jsonl", rows)
    assert belle("clean", "-", "--out", "run", "-q", stdin=source.read_bytes()).code == 0
    assert "秋风起" in belle.here("explain", "run", "g").out
    shutil.rmtree(belle.folder / "run" / "work")
    assert (
        "  note: - was a pipe, which can be read only once, and the copy in work/ is gone\n"
        in belle.here("explain", "run", "g").out
    )


def test_long_texts_are_folded_and_verbose_shows_them(belle: Shell) -> None:
    text = "".join(f"第{number}句话说的是另一件事情。" for number in range(60))
    belle.write("raw.jsonl", [{"id": "a", "text": text}, {"id": "b", "text": text.replace("第30句", "第三十句")}])
    # The sentences repeat each other, which is for `rules` to judge.
    assert belle.here("clean", "raw.jsonl", "--out", "run", "-q", "--stages", "exact_dedup,near_dedup").code == 0
    removed, _ = removed_and_kept(belle, "a")
    folded = belle.here("explain", "run", removed).out
    assert "characters)…" in folded
    assert "第55句" not in folded
    assert "第29句" in folded
    whole = belle.here("explain", "run", removed, "-v").out
    assert "第55句" in whole
    assert "characters)…" not in whole
