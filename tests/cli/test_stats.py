"""stats: lengths, turns, languages, words and categories of data, compared with a slow and obvious recount."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli.conftest import EXAMPLE

import belle_data
from belle_data.page.categories import FIELDS, MOST_CATEGORIES
from belle_data.page.data_statistics import PERCENTILES, class_names
from belle_data.report.text_statistics import LENGTH_BORDERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

BLANKS = " \t\n\x0c\r"


def recounted(lengths: list[int]) -> dict[str, Any]:
    """Lengths summarised in the plainest way."""
    ascending = sorted(lengths)
    borders = [*LENGTH_BORDERS, float("inf")]
    return {
        "rows": len(lengths),
        "empty": sum(length == 0 for length in lengths),
        "total": sum(lengths),
        "mean": sum(lengths) / len(lengths),
        "min": min(lengths),
        "percentiles": {str(one): ascending[(len(lengths) - 1) * one // 100] for one in PERCENTILES},
        "max": max(lengths),
        "classes": [sum(low <= length < high for length in lengths) for low, high in itertools.pairwise(borders)],
    }


def joined(*texts: str) -> int:
    return len("\n".join(text.strip(BLANKS) for text in texts if text.strip(BLANKS)))


def test_numbers_are_those_of_a_recount(belle: Shell) -> None:
    """With all that rows can be: turns, blanks, characters of many bytes, empty texts, no category."""
    conversations: list[list[tuple[str, str]]] = [
        [("user", " 写一首诗。\n"), ("assistant", "春眠不觉晓，\n处处闻啼鸟。")],
        [("system", "你是诗人"), ("user", "写"), ("assistant", "好"), ("user", "\t "), ("assistant", "😀é")],
        [("user", "长" * 700), ("assistant", "")],
        *([("user", f"第{at}个问题"), ("assistant", "答" * at)] for at in range(60)),
    ]
    names = ["诗", "", None, *("甲甲乙丙"[at % 4] for at in range(60))]
    rows = [
        {"messages": [{"role": role, "content": text} for role, text in turns], "category": name}
        for turns, name in zip(conversations, names, strict=True)
    ]
    belle.write("raw.jsonl", rows)
    done = belle("stats", "raw.jsonl", "--json")
    assert done.code == 0, done.err
    found = done.json()
    prompts = [joined(*(text for role, text in turns if role != "assistant")) for turns in conversations]
    outputs = [joined(*(text for role, text in turns if role == "assistant")) for turns in conversations]
    assert prompts[:3] == [5, 6, 700]
    assert found["rows"] == 63
    assert found["prompt"] == recounted(prompts)
    assert found["output"] == recounted(outputs)
    assert found["text"] is None
    assert found["characters"] == sum(prompts) + sum(outputs)
    assert found["turns"] == {"mean": (62 * 2 + 5) / 63, "rows": {"2": 62, "5": 1}}
    assert found["length_borders"] == list(LENGTH_BORDERS)
    groups = defaultdict(list)
    for at, name in enumerate(names):
        groups[name or None].append(at)
    assert found["categories"] == {
        "field": "category",
        "without": 2,
        "categories": [
            {
                "name": name,
                "rows": len(places),
                "share": len(places) / 63,
                "prompt": recounted([prompts[at] for at in places]),
                "output": recounted([outputs[at] for at in places]),
            }
            for name, places in sorted(groups.items(), key=lambda one: (-len(one[1]), str(one[0])))
            if name is not None
        ],
    }
    assert [one["name"] for one in found["categories"]["categories"]] == ["甲", "丙", "乙", "诗"]
    assert "read: 63 rows" in done.err
    assert "categories: 4 in the field category" in done.err


TEXT = st.text(st.sampled_from("春 \t\nab😀\x0b\xa0é"), max_size=12)
NAME = st.none() | st.sampled_from(["", "诗", "a", "a ", "closed\xa0qa", "\0"]) | st.integers(0, 3) | st.booleans()


def as_name(value: str | int | None) -> str | None:
    """How a value is written as the name of a category."""
    if isinstance(value, str):
        return value or None
    return None if value is None else json.dumps(value)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXT, TEXT, NAME), min_size=1, max_size=30), st.sampled_from(["class", "kind"]))
def test_any_rows_are_measured_as_a_recount_does(
    belle: Shell, rows: list[tuple[str, str, str | int | None]], field: str
) -> None:
    belle.write(
        "raw.jsonl",
        [{"instruction": asked, "input": "", "output": answer, field: name} for asked, answer, name in rows],
    )
    found = belle_data.stats(belle.folder / "raw.jsonl").to_dict()
    assert (found["rows"], found["rejected"]) == (len(rows), 0)
    assert found["prompt"] == recounted([joined(asked) for asked, _, _ in rows])
    assert found["output"] == recounted([joined(answer) for _, answer, _ in rows])
    named = Counter(as_name(name) for _, _, name in rows)
    without = named.pop(None, 0)
    if field == "kind" or not named:
        assert found["categories"] is None
    else:
        assert found["categories"]["without"] == without
        assert {one["name"]: one["rows"] for one in found["categories"]["categories"]} == named


def alpaca(count: int, **more: Any) -> list[dict[str, Any]]:
    """Rows that differ, each with more keys; of a function, what it gives for the row's number."""
    return [
        {
            "instruction": f"介绍第{at}座城市",
            "input": "",
            "output": f"城市{at}的历史" * (at % 7),
            **{name: value(at) if callable(value) else value for name, value in more.items()},
        }
        for at in range(count)
    ]


def names_of(found: dict[str, Any]) -> dict[str, int]:
    return {one["name"]: one["rows"] for one in found["categories"]["categories"]}


def test_the_field_is_found_or_named(belle: Shell) -> None:
    assert FIELDS == ("category", "class", "type")
    belle.write("a.jsonl", alpaca(5, type="x", task=lambda at: at % 2 == 0))
    belle.write("b.jsonl", alpaca(150, **{"class": "y"}))
    assert belle.here("stats", "a.jsonl", "--json").json()["categories"]["field"] == "type"
    # One field for all files: that which comes first in the list, whichever file it is in.
    both = belle.here("stats", "a.jsonl", "b.jsonl", "--json").json()["categories"]
    assert (both["field"], both["without"]) == ("class", 5)
    named = belle.here("stats", "a.jsonl", "--category-field", "task", "--json").json()
    assert names_of(named) == {"true": 3, "false": 2}
    # A field that comes late is not looked for.
    belle.write("late.jsonl", [*alpaca(100), *alpaca(9, category="z")])
    assert belle.here("stats", "late.jsonl", "--json").json()["categories"] is None
    late = belle.here("stats", "late.jsonl", "--category-field", "category", "--json").json()
    assert (names_of(late), late["categories"]["without"]) == ({"z": 9}, 100)


def test_a_field_with_a_value_for_each_row_is_no_category(belle: Shell) -> None:
    belle.write("raw.jsonl", alpaca(MOST_CATEGORIES + 1, type=lambda at: f"t{at}"))
    done = belle.here("stats", "raw.jsonl", "--json")
    assert done.json()["categories"] is None
    assert "note: the field type has more than 1,000 different values and is no category" in done.err
    refused = belle.here("stats", "raw.jsonl", "--category-field", "type")
    assert (refused.code, refused.out) == (2, "")
    assert "more than 1,000 different values: 'type'" in refused.err
    most = belle.here("stats", "raw.jsonl", "--limit", "1000", "--json").json()
    assert len(most["categories"]["categories"]) == 1000


def test_lines_that_arrow_refuses_have_their_category(belle: Shell) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in alpaca(3, category="a")]
    lines.append('{"instruction": "数", "input": "", "output": "一", "size": 1e999, "category": "b"}')
    belle.write("raw.jsonl", lines)
    assert names_of(belle.here("stats", "raw.jsonl", "--json").json()) == {"a": 3, "b": 1}


def test_every_format_is_read_as_clean_reads_it(belle: Shell) -> None:
    rows = alpaca(40, category=lambda at: "甲乙"[at % 2])
    belle.write("raw.jsonl", rows)
    (belle.folder / "raw.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    (belle.folder / "raw.jsonl.zst").write_bytes(
        zstandard.ZstdCompressor().compress((belle.folder / "raw.jsonl").read_bytes())
    )
    told = []
    for name in ("raw.jsonl", "raw.json", "raw.jsonl.zst"):
        found = belle.here("stats", name, "--json").json()
        told.append({key: value for key, value in found.items() if key != "inputs"})
        assert found["inputs"][0]["name"] == name
    assert told[0] == told[1] == told[2]
    assert told[0]["categories"]["categories"][0]["rows"] == 20
    halves = belle.here("stats", "raw.jsonl", "--limit", "20", "--json").json()
    assert halves["rows"] == 20
    # Plain texts are neither asked nor answered.
    belle.write("texts.jsonl", [{"text": " 春天 "}, {"text": ""}])
    texts = belle.here("stats", "texts.jsonl", "--json").json()
    assert (texts["text"], texts["prompt"]["empty"]) == (recounted([2, 0]), 2)
    assert texts["characters"] == 2


def test_one_row_without_a_text(belle: Shell) -> None:
    belle.write("raw.jsonl", [{"instruction": "", "input": "", "output": ""}])
    done = belle.here("stats", "raw.jsonl", "--html", "page.html")
    assert done.code == 0, done.err
    assert "most frequent: none" in done.out
    found = belle.here("stats", "raw.jsonl", "--json").json()
    assert found["prompt"] == recounted([0])
    assert (found["words"]["words"], found["words"]["entropy"], found["words"]["ranks"]) == (0, None, [])
    assert found["languages"] == {"none": {"rows": 1, "share": 1.0}}


def test_bad_lines_are_counted_or_too_many(belle: Shell) -> None:
    belle.write("raw.jsonl", [*alpaca(20), "{", '{"instruction": 1}', "[]"])
    done = belle.here("stats", "raw.jsonl", "--json")
    found = done.json()
    assert (found["rows"], found["rejected"], sum(found["rejected_reasons"].values())) == (20, 3, 3)
    assert found["rejected_reasons"]["not_json"] == 1
    assert "3 lines are no rows: " in belle.here("stats", "raw.jsonl").out
    refused = belle.here("stats", "raw.jsonl", "--max-bad-lines", "2")
    assert (refused.code, refused.out) == (2, "")
    assert "3 of 23 lines were rejected, 2 are allowed" in refused.err
    assert "rejected/ in the run folder of clean" in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "none.jsonl: no such file"),
        (["empty.jsonl"], "there is no row in the input"),
        (["raw.jsonl", "--category-field", "kind"], "no row has a category in the field: 'kind'"),
        (["raw.jsonl", "--html", "raw.jsonl"], "the name of the page must end in .html: 'raw.jsonl'"),
        (["raw.jsonl", "--html", "none/page.html"], "the page cannot be written there"),
        (["raw.jsonl", "--html", "page.html", "--lang", "fr"], "unknown language: 'fr'"),
        (["raw.jsonl", "--threads", "0"], "threads must be 1 to 1024: 0"),
        (["raw.jsonl", "--format", "csv"], "`input.format` has an unknown value: 'csv'"),
        (["raw.jsonl", "--jsn"], "did you mean --json?"),
        ([], "INPUT"),
    ],
)
def test_mistakes_are_told(belle: Shell, arguments: list[str], said: str) -> None:
    belle.write("raw.jsonl", alpaca(3))
    belle.write("empty.jsonl", [])
    done = belle.here("stats", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert sorted(path.name for path in belle.folder.iterdir()) == ["empty.jsonl", "raw.jsonl"]


def test_threads_and_runs_give_the_same_bytes(belle: Shell) -> None:
    seen = set()
    for threads in ("1", "2", "4"):
        name = f"{threads}.html"
        done = belle.here("stats", EXAMPLE, "--json", "--html", name, "--threads", threads, "-q")
        assert (done.code, done.err) == (0, "")
        seen.add((done.out, (belle.folder / name).read_bytes()))
    assert len(seen) == 1


def test_the_table_says_what_json_says(belle: Shell) -> None:
    belle.write("raw.jsonl", alpaca(30, category=lambda at: f"类{at}"))
    shown, found = belle.here("stats", "raw.jsonl").out, belle.here("stats", "raw.jsonl", "--json").json()
    assert "  30 rows" in shown
    for name, part in (("prompts", "prompt"), ("answers", "output")):
        at = re.split(" {2,}", next(line for line in shown.splitlines() if line.startswith("characters  "))).index(name)
        median = next(line for line in shown.splitlines() if line.startswith("  median"))
        assert int(median.split()[at]) == found[part]["percentiles"]["50"]
    assert shown.count("类") == 20
    assert "  and 10 other categories; -v shows all" in shown
    whole = belle.here("stats", "raw.jsonl", "-v").out
    assert whole.count("类") == 30
    assert "1 row" not in whole


@pytest.mark.parametrize("command", ["stats", "words", "clean"])
def test_the_files_of_a_dataset_info_need_no_other_name(command: str, belle: Shell) -> None:
    belle.write("one.jsonl", [{"question": f"列出第{at}种水果。", "reply": "苹果、香蕉和梨。"} for at in range(7)])
    columns = {"prompt": "question", "response": "reply"}
    info = {"fruits": {"file_name": "one.jsonl", "columns": columns}}
    (belle.folder / "dataset_info.json").write_text(json.dumps(info), encoding="utf-8")
    done = belle.here(command, "--dataset-info", "dataset_info.json", "--json")
    assert done.code == 0, done.err
    assert done.json()["rows_in" if command == "clean" else "rows"] == 7


class Seen(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.classes: Counter[str] = Counter()
        self.tooltips: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        given = dict(attrs)
        self.classes.update((given.get("class") or "").split())
        self.tooltips.append(given.get("title") or "")
        if tag == "section":
            self.ids.append(str(given["id"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_every_part_and_does_nothing_that_a_text_says(belle: Shell) -> None:
    evil = "<script>alert(1)</script>"
    rows = alpaca(12, category=lambda at: evil if at % 3 else "诗\u202e")
    belle.write("raw<b>.jsonl", [*rows, {"instruction": evil, "input": "", "output": "</section><img src=x>"}])
    done = belle.here("stats", "raw<b>.jsonl", "--html", "page.html", "--lang", "zh")
    assert done.code == 0, done.err
    assert "\u202e" not in done.out
    text = (belle.folder / "page.html").read_text(encoding="utf-8")
    page = Seen(text)
    assert page.ids == ["summary", "categories", "lengths", "words", "languages"]
    assert page.tags["script"] == page.tags["img"] == page.tags["b"] - 6 == 0
    assert page.tags["svg"] == 1
    assert page.classes["bars"] == 6
    assert page.classes["cloud"] == 1
    assert '<html lang="zh-CN">' in text
    assert "\u202e" not in text
    assert evil in page.text
    assert "What the data is like" in page.text
    assert "数据概况" in page.text
    found = belle.here("stats", "raw<b>.jsonl", "--json").json()
    for name, count in zip(class_names(), found["output"]["classes"], strict=True):
        assert any(tooltip.startswith(f"{name}: {count:,} · ") for tooltip in page.tooltips) == (count > 0)
    for one in found["categories"]["categories"]:
        assert f"{one['rows']} · {100 * one['share']:.1f} %" in page.text


def test_the_published_evaluation_set(belle: Shell, shared_data: Path) -> None:
    packed = (shared_data / "belle_eval_set.jsonl.zst").read_bytes()
    (belle.folder / "eval.jsonl").write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed))
    columns = {"prompt": "question", "response": "std_answer"}
    belle.write("info.json", [json.dumps({"eval": {"file_name": "eval.jsonl", "columns": columns}})])
    done = belle("stats", "eval.jsonl", "--dataset-info", "info.json", "--json", "-q")
    assert (done.code, done.err) == (0, "")
    found = done.json()
    lines = (belle.folder / "eval.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    assert found["rows"] == len(rows) == 1000
    assert found["prompt"] == recounted([joined(row["question"]) for row in rows])
    assert found["output"] == recounted([joined(row["std_answer"]) for row in rows])
    assert found["categories"]["field"] == "class"
    assert names_of(found) == Counter(row["class"] for row in rows)
    assert names_of(found)["closed\xa0qa"] == 52
    for one in found["categories"]["categories"]:
        members = [row for row in rows if row["class"] == one["name"]]
        assert one["prompt"] == recounted([joined(row["question"]) for row in members])
        assert one["output"] == recounted([joined(row["std_answer"]) for row in members])
