"""words: the content words of data, compared with a recount of what the kernel cuts."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests.cli.conftest import EXAMPLE
from tests.cli.test_stats import Seen

import belle_data
from belle_data import _native

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell


def rows() -> list[dict[str, Any]]:
    topics = ["春天", "历史", "电影", "诗歌", "巴黎", "机器", "健康", "音乐"]
    return [
        {"instruction": f"介绍{topics[at % 8]}", "input": "", "output": f"{topics[at * 3 % 5]}和{topics[at * at % 7]}"}
        for at in range(50)
    ]


def counted(texts: list[str]) -> dict[str, int]:
    counts = pa.record_batch(_native.count_words(pa.array(texts, pa.string())))
    return dict(zip(counts["word"].to_pylist(), counts["count"].to_pylist(), strict=True))


def recount(found: dict[str, Any], texts: list[str], most: int) -> None:
    """Compare with the words of the texts."""
    counts = counted(texts)
    total, ordered = sum(counts.values()), sorted(counts.values(), reverse=True)
    assert (found["words"], found["distinct_words"]) == (total, len(counts))
    assert [(one["word"], one["count"]) for one in found["top_words"]] == list(counts.items())[:most]
    assert all(one["share"] == one["count"] / total for one in found["top_words"])
    assert math.isclose(found["entropy"], -sum(one / total * math.log2(one / total) for one in ordered))
    assert math.isclose(found["top_100_share"], sum(ordered[:100]) / total)
    assert found["ranks"][0] == [1, ordered[0]]
    assert found["ranks"][-1] == [len(counts), ordered[-1]]
    assert all(count == ordered[rank - 1] for rank, count in found["ranks"])
    points = [(math.log(rank), math.log(count)) for rank, count in enumerate(ordered[:5000], 1)]
    across, upward = (sum(point[axis] for point in points) / len(points) for axis in (0, 1))
    slope = sum((x - across) * (y - upward) for x, y in points) / sum((x - across) ** 2 for x, _ in points)
    assert math.isclose(found["zipf_slope"], slope)


def test_numbers_are_those_of_a_recount(belle: Shell) -> None:
    some = rows()
    belle.write("raw.jsonl", some)
    done = belle("words", "raw.jsonl", "-n", "5", "--json")
    assert done.code == 0, done.err
    found = done.json()
    assert found["rows"] == 50
    recount(found, [row[key] for row in some for key in ("instruction", "output")], 5)
    assert len(found["top_words"]) == 5
    assert "words: " in done.err
    function = belle_data.words(belle.folder / "raw.jsonl", count=5).to_dict()
    assert {**json.loads(json.dumps(function)), "inputs": None} == {**found, "inputs": None}


def test_stats_says_the_same(belle: Shell) -> None:
    belle.write("raw.jsonl", rows())
    words = belle.here("words", "raw.jsonl", "--json").json()
    assert {**words, **belle.here("stats", "raw.jsonl", "--json").json()["words"]} == words


def test_the_list_says_what_json_says(belle: Shell) -> None:
    belle.write("raw.jsonl", rows())
    found = belle.here("words", "raw.jsonl", "--json").json()
    shown = belle.here("words", "raw.jsonl", "--count", "3").out.splitlines()
    listed = [line.split()[:2] for line in shown[shown.index("most frequent words") + 1 :]]
    assert listed == [[one["word"], str(one["count"])] for one in found["top_words"][:3]]
    assert next(line.split()[-1] for line in shown if line.startswith("  distinct words")) == str(
        found["distinct_words"]
    )
    assert "\nmost frequent words\n" not in belle.here("words", "raw.jsonl", "--count", "0").out


def test_no_word_at_all(belle: Shell) -> None:
    belle.write("raw.jsonl", [{"instruction": "。", "input": "", "output": "1"}])
    done = belle.here("words", "raw.jsonl", "--html", "page.html")
    assert done.code == 0, done.err
    assert next(line.split()[-1] for line in done.out.splitlines() if line.startswith("  entropy, bits")) == "–"
    found = belle.here("words", "raw.jsonl", "--json").json()
    assert (found["words"], found["entropy"], found["top_words"], found["ranks"]) == (0, None, [], [])
    assert Seen((belle.folder / "page.html").read_text(encoding="utf-8")).tags["svg"] == 0


def test_the_page(belle: Shell) -> None:
    hostile = [{"instruction": "<script>", "input": "", "output": "介绍</svg>春天"}]
    belle.write("raw.jsonl", [*rows(), *hostile])
    done = belle.here("words", "raw.jsonl", "--html", "page.html", "--lang", "en")
    assert done.code == 0, done.err
    text = (belle.folder / "page.html").read_text(encoding="utf-8")
    page = Seen(text)
    assert '<html lang="en">' in text
    assert page.ids == ["summary", "words"]
    assert (page.tags["svg"], page.classes["cloud"], page.tags["script"]) == (1, 1, 0)
    for one in belle.here("words", "raw.jsonl", "--json").json()["top_words"]:
        assert one["word"] in page.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "none.jsonl: no such file"),
        (["raw.jsonl", "-n", "-1"], "must be a whole number from 0"),
        (["raw.jsonl", "-n", "few"], "must be a whole number from 0"),
        (["raw.jsonl", "--html", "page.txt"], "the name of the page must end in .html: 'page.txt'"),
        (["raw.jsonl", "--category-field", "x"], "unknown option --category-field"),
    ],
)
def test_mistakes_are_told(belle: Shell, arguments: list[str], said: str) -> None:
    belle.write("raw.jsonl", rows())
    done = belle.here("words", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert [path.name for path in belle.folder.iterdir()] == ["raw.jsonl"]


def test_threads_give_the_same_bytes(belle: Shell) -> None:
    seen = set()
    for threads in ("1", "3"):
        done = belle.here("words", EXAMPLE, "--json", "--html", f"{threads}.html", "--threads", threads, "-q")
        assert (done.code, done.err) == (0, "")
        seen.add((done.out, (belle.folder / f"{threads}.html").read_bytes()))
    assert len(seen) == 1


def test_real_words(belle: Shell, shared_data: Path) -> None:
    done = belle.here("words", shared_data / "alpaca_zh.jsonl.zst", "--limit", "2000", "--json", "-n", "200")
    found = done.json()
    assert found["rows"] == 2000
    assert len(found["top_words"]) == 200
    assert 10 < found["entropy"] < 14
    counts = Counter({one["word"]: one["count"] for one in found["top_words"]})
    assert [count for _, count in counts.most_common()] == [one["count"] for one in found["top_words"]]
