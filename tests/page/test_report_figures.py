"""Every figure of a run's page is that of its report, and that of a recount from the ledger and the input."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.cli.conftest import Shell

from belle_data.cli.terminal import human_bytes
from belle_data.page.run_page import DUPLICATES
from belle_data.page.wording import CHANGES, REASONS, STAGES
from belle_data.pipeline import STAGES as PIPELINE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def run(example: Path) -> Path:
    return example.parent


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def read(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "report.json").read_bytes())
    return found


def section(page: str, name: str) -> str:
    """A section's marked-up text."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)
    assert found is not None, name
    return found[1]


def cells(marked: str) -> list[list[str]]:
    """The texts of the rows of all tables, in English."""
    marked = re.sub(r'<span class="zh".*?</span>', "", marked, flags=re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", marked, re.DOTALL)
    return [
        [html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
        for row in rows
    ]


def test_the_stages_are_those_of_the_report_and_of_the_ledger(run: Path, page: str) -> None:
    ledger = pq.read_table(run / "rows.parquet")
    removed = Counter(ledger.filter(pc.invert(ledger["kept"]))["stage"].to_pylist())
    rows = cells(section(page, "flow"))[1:]
    assert len(rows) == len(read(run)["stages"]) > 5
    left = ledger.num_rows
    for row, stage in zip(rows, read(run)["stages"], strict=True):
        gone = removed[stage["name"]]
        assert sum(stage["removed"].values()) == gone
        assert [row[1], row[2], row[4]] == [f"{left:,}", f"{gone:,}", f"{left - gone:,}"]
        left -= gone
    assert left == sum(ledger["kept"].to_pylist()) == read(run)["rows_out"]
    assert f"{left:,} of {ledger.num_rows:,}." in section(page, "summary")


def test_the_reasons_are_those_of_the_report_and_of_the_ledger(run: Path, page: str) -> None:
    ledger = pq.read_table(run / "rows.parquet")
    counts = Counter(ledger["reason"].drop_null().to_pylist())
    shown = section(page, "reasons")
    for stage in read(run)["stages"]:
        for reason, count in stage["removed"].items():
            assert counts[reason] == count
            bar = f"{REASONS[reason].en} · {REASONS[reason].zh}: {count:,} · "
            assert (html.escape(bar) in shown) == (count > 0), reason
            groups = re.findall(rf">{REASONS[reason].en}</span>.*? · ([\d,]+)</summary>", section(page, "examples"))
            assert groups == ([f"{count:,}"] if count else [])


def columns(marked: str, kind: str) -> int:
    """All rows or pairs in the columns of a histogram."""
    found = re.findall(rf'<rect class="{kind}"[^>]*><title>[^<]*: ([\d,]+) [^<]*</title>', marked)
    return sum(int(count.replace(",", "")) for count in found)


def test_histograms_hold_what_the_stages_wrote_down(run: Path, page: str) -> None:
    charts = dict(zip(("near_dedup", "semantic_dedup"), section(page, "similarity").split("<h3>")[1:], strict=True))
    for stage, chart in charts.items():
        similarities = pq.read_table(run / "stages" / f"{stage}.parquet")["similarity"].to_pylist()
        equal = sum(similarity == 1 for similarity in similarities)
        assert columns(chart, "removed") == len(similarities) - equal > 0
        assert (f"{equal:,} more rows went with a similarity of 1" in chart) == (equal > 0)
        assert columns(chart, "kept") == pq.read_table(run / "stages" / f"{stage}.near_misses.parquet").num_rows
    quality = next(stage for stage in read(run)["stages"] if stage["name"] == "quality")
    assert columns(section(page, "perplexity"), "removed") == sum(quality["removed"].values())
    assert columns(section(page, "perplexity"), "kept") == quality["rows_out"]


def test_lengths_and_languages_are_the_shares_of_the_report(run: Path, page: str) -> None:
    texts = read(run)["texts"]
    for part, chart in zip(("prompt", "output"), section(page, "lengths").split("<h3>")[1:], strict=True):
        for when, name in (("before", "before · 清洗前"), ("after", "after · 清洗后")):
            shown = re.findall(rf'title="([^"]+), {name}: ([^"]+)"', chart)
            wanted = [100 * count / texts[when]["rows"] for count in texts[when][part]["classes"]]
            assert len(shown) > 3
            for (_, figure), share in zip(shown, wanted, strict=False):
                assert abs(float(figure.removesuffix(" %").removeprefix("< ")) - share) < 0.051
            assert not any(wanted[len(shown) :])
    shown = re.findall(r'title="([^"]+), after · 清洗后: ([\d.]+) %"', section(page, "languages"))
    assert len(shown) >= len(texts["after"]["languages"]) > 2
    assert abs(float(shown[0][1]) - 100 * texts["after"]["languages"]["zh"] / texts["after"]["rows"]) < 0.051


def test_the_largest_clusters_are_those_of_the_ledger(run: Path, page: str) -> None:
    ledger = pq.read_table(run / "rows.parquet").to_pylist()
    kept = Counter(row["id"] for row in ledger if row["kept"])
    sizes = Counter(row["final_kept_id"] for row in ledger if row["stage"] in DUPLICATES)
    # An id may stand on several rows, which are clusters of their own.
    wanted = sorted((size for name, size in sizes.items() if kept[name] == 1), reverse=True)
    shown = [int(size) for size in re.findall(r">([\d,]+) rows went for this one<", section(page, "clusters"))]
    assert len(shown) == 5
    assert shown[0] > 1
    assert shown == wanted[:5]


def test_the_name_of_the_run_is_a_text(run: Path, tmp_path: Path) -> None:
    name = '"><script>alert(1)<&\u202e'
    shutil.copytree(run, tmp_path / name)
    done = Shell(tmp_path).here("report", name, "--out", "page.html")
    assert done.code == 0, done.err
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&#34;&gt;&lt;script&gt;alert(1)&lt;&amp;[U+202E]</h1>" in page


def test_time_and_memory_are_those_of_the_report(run: Path, page: str) -> None:
    report = read(run)
    steps = [report["read"], *report["stages"], report["write"]]
    rows = cells(section(page, "cost"))[1:]
    assert [row[1:3] for row in rows] == [[f"{step['seconds']:,.2f}", f"{step['cpu_seconds']:,.2f}"] for step in steps]
    # Of a process that has run other tests before, and may hold more than a GiB.
    assert [row[3] for row in rows] == [human_bytes(step["peak_private_bytes"]) for step in steps]


def test_lengths_and_words_are_those_of_a_recount(run: Path, page: str) -> None:
    shards = [json.loads(line) for path in sorted((run / "shards").iterdir()) for line in path.open(encoding="utf-8")]
    texts = read(run)["texts"]
    assert texts["after"]["rows"] == texts["after"]["of"] == len(shards)
    assert texts["before"]["rows"] == read(run)["rows_in"]
    for when in ("before", "after"):
        assert sum(texts[when]["output"]["classes"]) == sum(texts[when]["prompt"]["classes"]) == texts[when]["rows"]
        assert sum(texts[when]["languages"].values()) == texts[when]["rows"]
        words = texts[when]["words"]
        assert texts[when]["ranks"][0] == [1, texts[when]["top_words"][0][1]]
        assert f"{words['distinct_words']:,}" in section(page, "words")
        assert f"{words['entropy']:.4f}" in section(page, "words")
        for word, count in texts[when]["top_words"][:20]:
            assert f'title="{count:,}">{html.escape(word)}</li>' in section(page, "words")


def test_the_words_of_kept_rows_are_counted_in_the_shards(belle: Shell) -> None:
    rows = [
        {"instruction": f"请介绍苹果的第{number}个特点", "input": "", "output": "苹果很甜。" * 5} for number in range(3)
    ]
    rows.append({"instruction": "香蕉是什么", "input": "", "output": ""})
    belle.write("raw.jsonl", rows)
    done = belle.here("clean", "raw.jsonl", "--out", "run", "--stages", "rules", "--set", "rules.repeated_10grams=off")
    assert done.code == 0, done.err
    texts = read(belle.folder / "run")["texts"]
    assert dict(texts["before"]["top_words"])["香蕉"] == 1
    after = dict(texts["after"]["top_words"])
    assert "香蕉" not in after
    assert after["苹果"] == 18
    assert texts["before"]["prompt"]["percentiles"]["50"] == 11
    assert texts["after"]["output"]["classes"][3] == 3


def test_the_page_says_what_to_look_at_first(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    report = read(run)
    for stage in report["stages"]:
        if stage["name"] == "semantic_dedup":
            stage["statistics"]["recall"] = [2_000, 1_822, 1_819]
        if stage["name"] == "exact_dedup":
            stage["rows_in"] = 200
    (copy / "report.json").write_text(json.dumps(report), encoding="utf-8")
    done = Shell(tmp_path).here("report", "copy", "--lang", "zh", "--out", "page.html")
    assert (done.code, done.out) == (0, "page.html\n")
    first = section((tmp_path / "page.html").read_text(encoding="utf-8"), "summary")
    assert "found 99.8 % of the pairs that 2,000 sampled prompts are in" in first
    assert "2,000 条指令所涉及的重复对中找到了 99.8 %" in first
    assert "Exact duplicates</span>" in first
    assert "removed" in first
    assert "56.0 %" in first
    assert f"{report['rejected']} lines are no rows" in first


def test_a_page_that_cannot_be_made_says_why(run: Path, tmp_path: Path) -> None:
    shell, copy = Shell(tmp_path), tmp_path / "copy"
    shutil.copytree(run, copy)
    for arguments, said in (
        (("report", "nowhere"), "there is no such run folder"),
        (("report", "copy", "--out", "copy/report.json"), "the name of the page must end in .html"),
        (("report", "copy", "--lang", "fr"), "unknown language: 'fr'"),
        (("report", "copy", "--out", "no/such/folder.html"), "the page cannot be written there"),
    ):
        done = shell.here(*arguments)
        assert done.code == 2
        assert said in done.err
    (copy / "report.json").write_text("{}", encoding="utf-8")
    done = shell.here("report", "copy")
    assert done.code == 2
    assert "the report of the run is gone or damaged" in done.err


def test_stages_reasons_and_changes_have_words_in_both_languages() -> None:
    from belle_data import _native

    assert {stage.name for stage in PIPELINE} == set(STAGES)
    assert {reason for stage in PIPELINE for reason in stage.reasons} == set(REASONS)
    assert set(_native.change_names()) == set(CHANGES)
    for both in (*STAGES.values(), *REASONS.values(), *CHANGES.values()):
        assert both.en
        assert re.search("[\u4e00-\u9fff]", both.zh)
