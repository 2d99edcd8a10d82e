"""Whole runs over real corpora."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.runs import cleaned, kept_lines, kept_rows, ledger, rejected, run_clean

Real = Callable[[str], Path]
THRESHOLD = 0.8


def texts(real: Real) -> list[str]:
    """5,000 distinct Chinese instructions."""
    with real("alpaca_zh").open(encoding="utf-8") as file:
        distinct = dict.fromkeys(json.loads(line)["instruction"] for line in file)
    return list(distinct)[:5_000]


def write_texts(path: Path, rows: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": row}, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def similarity(left: str, right: str) -> float:
    """The Jaccard similarity of two texts with Han characters, from its definition."""

    def shingles(text: str) -> set[str]:
        return {text[at : at + 5] for at in range(len(text) - 4)} or {text}

    one, other = shingles(left), shingles(right)
    return len(one & other) / len(one | other)


def test_distinct_instructions_stay(real: Real, tmp_path: Path) -> None:
    rows = texts(real)
    assert len(rows) == 5_000
    path = write_texts(tmp_path / "distinct.jsonl", rows)
    cleaned(path, "--stages", "near_dedup", out=tmp_path / "out")
    found = ledger(tmp_path / "out")
    place = {row["id"]: number for number, row in enumerate(found)}
    gone = [(number, place[row["kept_id"]]) for number, row in enumerate(found) if not row["kept"]]
    for row, kept in gone:
        assert found[kept]["kept"]
        assert similarity(rows[row], rows[kept]) >= THRESHOLD, (rows[row], rows[kept])
        assert similarity(rows[row], rows[kept]) == pytest.approx(found[row]["similarity"])
    assert len(kept_lines(tmp_path / "out")) == 5_000 - len(gone) >= 4_998


def test_instructions_given_twice_stay_once(real: Real, tmp_path: Path) -> None:
    rows = texts(real)
    path = write_texts(tmp_path / "twice.jsonl", rows + rows)
    alone = cleaned(write_texts(tmp_path / "once.jsonl", rows), "--stages", "near_dedup", out=tmp_path / "once")
    report = cleaned(path, "--stages", "near_dedup", out=tmp_path / "out")
    kept = [row["text"] for row in kept_rows(tmp_path / "out")]
    assert len(kept) == len(set(kept)) == report["rows_out"] == alone["rows_out"]
    assert sorted(kept) == sorted(row["text"] for row in kept_rows(tmp_path / "once"))


@pytest.mark.parametrize(("name", "rows"), [("alpaca_zh", 52_002), ("alpaca_en", 52_002), ("sharegpt_zh", 1_000)])
def test_every_row_is_accounted_for(real: Real, tmp_path: Path, name: str, rows: int) -> None:
    report = cleaned(real(name), out=tmp_path / "out")
    assert report["rejected"] == 0
    assert report["rows_in"] == rows
    found = ledger(tmp_path / "out")
    assert len(found) == rows
    left = rows
    for stage in report["stages"]:
        assert stage["rows_in"] == left
        left -= sum(stage["removed"].values())
        assert stage["rows_out"] == left
    assert left == report["rows_out"] == sum(row["kept"] for row in found)
    counted = Counter((row["stage"], row["reason"]) for row in found if not row["kept"])
    told = {(one["name"], reason): count for one in report["stages"] for reason, count in one["removed"].items()}
    assert counted == {key: count for key, count in told.items() if count}
    removing = {"rules", "exact_dedup", "near_dedup", "semantic_dedup", "quality"}
    assert {"rules", "quality"} <= {stage for stage, _ in counted} <= removing
    lines = real(name).read_bytes().split(b"\n")
    expected = [lines[row["line"] - 1] for row in found if row["kept"]]
    assert kept_lines(tmp_path / "out") == expected
    for row in found:
        assert row["kept"] == (row["reason"] is None) == (row["stage"] is None)
        # These take a row for what it is, and not for another one.
        alone = row["kept"] or row["stage"] in {"rules", "quality"}
        assert alone == (row["kept_id"] is None) == (row["similarity"] is None)


def test_questions_without_a_known_answer_are_no_rows(real: Real, tmp_path: Path) -> None:
    path = real("belle_eval_set")
    done = run_clean(path, "--out", tmp_path / "out")
    assert done.code == 2
    assert len(done.errors()) == 1
    assert "no line of the input is a row; all 1,000 were rejected" in done.err
    assert "question" in done.err
    assert "std_answer" in done.err
    assert {entry["reason"] for entry in rejected(tmp_path / "out")} == {"missing_field"}


@pytest.fixture(scope="session")
def made_corpus(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50,000 rows with planted near duplicates."""
    out = tmp_path_factory.mktemp("planted")
    script = shared_data.parent / "bench" / "make_corpus.py"
    base = shared_data / "alpaca_zh.jsonl.zst"
    subprocess.run([sys.executable, script, "--base", base, "--rows", "50000", "--out", out], check=True)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_planted_near_duplicates_go_and_nothing_else(
    shared_data: Path, made_corpus: Path, tmp_path: Path, threads: int
) -> None:
    out = tmp_path / "out"
    cleaned(made_corpus / "raw.jsonl", "--stages", "near_dedup", "--threads", threads, out=out)
    judge = [sys.executable, str(shared_data.parent / "bench" / "check_removal.py"), "--corpus", str(made_corpus)]
    command = [*judge, "--kept", f"{out}/shards/*", "--ledger", f"{out}/rows.parquet", "--threshold", str(THRESHOLD)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    verdict: dict[str, Any] = json.loads(done.stdout)
    assert verdict["true_pairs"] > 10_000
    assert verdict["recall"] >= 0.9999
    assert [verdict[name] for name in ("false_removal", "lost", "wrong_evidence")] == [0, 0, 0]
