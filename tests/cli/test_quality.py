"""The stage quality from the command line."""

from __future__ import annotations

import json
import random
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

TOPICS = {
    "茶": ("泡茶", "绿茶用八十度的水，红茶用开水，茶叶要先洗一遍，再泡三分钟。"),
    "足球": ("踢足球", "足球场上有十一名球员，守门员可以用手，其他球员只能用脚传球和射门。"),
    "电脑": ("修电脑", "电脑开不了机时先检查电源，再看内存条是否插好，最后重装操作系统。"),
    "医院": ("看医生", "感冒发烧的病人应该多喝水，多休息，必要时去医院让医生开药。"),
    "火车": ("坐火车", "火车票可以在车站或者网上购买，乘客要提前半小时到站台检票上车。"),
    "小麦": ("种小麦", "农民在秋天播种小麦，冬天浇水施肥，到了夏天麦子成熟就可以收割。"),
}
QUESTIONS = ("请说说怎么{}。", "我想知道如何{}？", "{}要注意什么？", "给初学者讲讲{}的方法。")
STARTS = ("首先，", "一般来说，", "很简单：", "根据经验，", "我的建议是：", "通常")
ENDS = ("希望这些对你有帮助。", "祝你成功！", "如果还有问题，请继续问我。", "多练习几次就会了。")
SHUFFLED = (77, 191, 333)
SWAPPED = (50, 150, 250)
STAGE = ("--stages", "quality", "--set", "quality.least_rows=50")


def rows(belle: Shell, count: int = 400) -> None:
    """Questions and answers about six topics; some answers are shuffled, some of another topic."""
    chance, lines = random.Random(4), []
    topics = list(TOPICS)
    for number in range(count):
        topic = topics[number % len(topics)]
        of = topics[(number + 3) % len(topics)] if number in SWAPPED else topic
        answer = chance.choice(STARTS) + TOPICS[of][1] + chance.choice(ENDS)
        if number in SHUFFLED:
            answer = "".join(chance.sample(answer, len(answer)))
        asked = chance.choice(QUESTIONS).format(TOPICS[topic][0])
        lines.append({"id": str(number), "instruction": asked, "input": "", "output": answer})
    belle.write("raw.jsonl", lines)


def removed(belle: Shell, run: str) -> set[int]:
    return set(pq.read_table(belle.folder / run / "stages" / "quality.parquet")["row"].to_pylist())


def same_run(belle: Shell, one: str, other: str) -> None:
    for name in ("rows.parquet", "stages/quality.parquet", "stages/quality.perplexities.parquet", "manifest.json"):
        assert (belle.folder / one / name).read_bytes() == (belle.folder / other / name).read_bytes(), name


def test_garbage_goes_and_is_explained(belle: Shell) -> None:
    rows(belle)
    done = belle.here("clean", "raw.jsonl", *STAGE, "--set", "quality.lowest=0", "--out", "run")
    assert done.code == 0, done.err
    assert removed(belle, "run") == set(SHUFFLED)
    shown = belle.here("explain", "run", "77").out
    assert "high_perplexity" in shown
    assert re.search(r"perplexity [\d.]+, higher than (99|100)\.\d+% of the \d+ rows like it \(zh, 32 to 63", shown)
    assert "strangest: " in shown
    kept = belle.here("explain", "run", "78").out
    assert "perplexity" in kept
    assert "of these a row goes above" in kept
    seen = belle.here("inspect", "run", "--stage", "quality").out
    assert "high_perplexity" in seen
    assert "perplexity" in seen


def test_other_shares_decide_as_a_fresh_run_does(belle: Shell) -> None:
    rows(belle)
    wider = ("--set", "quality.highest=0.1", "--set", "quality.lowest=0.05")
    for settings, out in (((), "run"), (wider, "fresh")):
        done = belle.here("clean", "raw.jsonl", *STAGE, *settings, "--out", out)
        assert done.code == 0, done.err
    assert belle.here("rethreshold", "run", *wider, "--out", "again").code == 0
    same_run(belle, "again", "fresh")
    assert removed(belle, "fresh") > removed(belle, "run")
    without = ("--set", "quality.highest=0", "--set", "quality.lowest=0.05")
    assert belle.here("undo", "fresh", "--stage", "quality", "--reason", "high_perplexity", "--out", "low").code == 0
    assert belle.here("clean", "raw.jsonl", *STAGE, *without, "--out", "fresh_low").code == 0
    same_run(belle, "low", "fresh_low")
    assert belle.here("undo", "fresh", "--stage", "quality", "--out", "all").code == 0
    assert json.loads((belle.folder / "all" / "manifest.json").read_text())["rows_out"] == 400
    refused = belle.here("rethreshold", "run", "--set", "quality.order=3", "--out", "never")
    assert refused.code == 2
    assert "with another order, every text must be scored again" in refused.err


def test_answers_of_other_prompts_go(belle: Shell) -> None:
    rows(belle)
    tails = ("--set", "quality.highest=0", "--set", "quality.lowest=0")
    done = belle.here("clean", "raw.jsonl", *STAGE, *tails, "--set", "quality.least_belonging=0.1", "--out", "run")
    assert done.code == 0, done.err
    assert set(SWAPPED) <= removed(belle, "run") <= {*SWAPPED, *SHUFFLED}
    shown = belle.here("explain", "run", "50").out
    assert "answer_does_not_belong" in shown
    assert "belonging -" in shown or "belonging 0.0" in shown
    seen = belle.here("inspect", "run", "--stage", "quality", "--reason", "answer_does_not_belong").out
    assert "belonging" in seen
    stricter = ("--set", "quality.least_belonging=0.6")
    assert belle.here("rethreshold", "run", *stricter, "--out", "again").code == 0
    assert belle.here("clean", "raw.jsonl", *STAGE, *tails, *stricter, "--out", "fresh").code == 0
    same_run(belle, "again", "fresh")
    undone = belle.here("undo", "run", "--stage", "quality", "--reason", "answer_does_not_belong", "--out", "all")
    assert undone.code == 0, undone.err
    assert belle.here("clean", "raw.jsonl", *STAGE, *tails, "--out", "fresh_all").code == 0
    same_run(belle, "all", "fresh_all")


def test_what_was_not_scored_cannot_be_judged(belle: Shell) -> None:
    rows(belle, 100)
    assert belle.here("clean", "raw.jsonl", *STAGE, "--out", "run").code == 0
    refused = belle.here("rethreshold", "run", "--set", "quality.least_belonging=0.1", "--out", "never")
    assert refused.code == 2
    assert "it did not score how well answers belong to their prompts" in refused.err


@pytest.mark.parametrize("pieces", [False, True], ids=["characters", "pieces"])
def test_a_model_of_a_file_scores(belle: Shell, pieces: bool) -> None:
    rows(belle)
    text = "".join(f"{start}{answer}{end}\n" for _, answer in TOPICS.values() for start in STARTS for end in ENDS)
    (belle.folder / "text.txt").write_text(text)
    train = ["lm", "train", "text.txt", "--out", "zh.lm", "--memory", "256MiB"]
    if pieces:
        import sentencepiece

        sentencepiece.SentencePieceTrainer.train(
            input=str(belle.folder / "text.txt"), model_prefix=str(belle.folder / "zh"), vocab_size=170, minloglevel=2
        )
        train += ["--tokens", "sentencepiece:zh.model"]
    done = belle.here(*train)
    assert done.code == 0, done.err
    done = belle.here("clean", "raw.jsonl", *STAGE, "--set", "quality.model=zh.lm", "--out", "run")
    assert done.code == 0, done.err
    assert set(SHUFFLED) <= removed(belle, "run")
    assert "high_perplexity" in belle.here("explain", "run", "77").out
    # Another file under the same name is another model.
    (belle.folder / "zh.lm").write_bytes(b"")
    again = belle.here("clean", "raw.jsonl", *STAGE, "--set", "quality.model=zh.lm", "--out", "run")
    assert again.code == 2
    assert "zh.lm" in again.err


def test_rows_without_text_stay(belle: Shell) -> None:
    belle.write("raw.jsonl", [{"instruction": "", "output": ""}] * 3)
    done = belle.here("clean", "raw.jsonl", "--stages", "quality", "--set", "quality.least_belonging=0", "--out", "run")
    assert done.code == 0, done.err
    assert removed(belle, "run") == set()
    belle.write("one.jsonl", [{"instruction": "你好", "output": "你好！"}])
    assert belle.here("clean", "one.jsonl", "--stages", "quality", "--out", "one").code == 0
    assert removed(belle, "one") == set()


def test_little_memory_is_told_with_what_would_do(belle: Shell) -> None:
    chance = random.Random(1)
    texts = ["".join(chr(0x4E00 + chance.randrange(5_000)) for _ in range(900)) for _ in range(4_000)]
    belle.write("raw.jsonl", [{"instruction": text[:100], "output": text[100:]} for text in texts])
    done = belle.here("clean", "raw.jsonl", "--stages", "quality", "--set", "quality.memory=64MiB", "--out", "run")
    assert done.code == 2
    assert "quality.memory is too small" in done.err
    assert "set quality.memory to " in done.err
    needed = done.err.split("set quality.memory to ")[1].split(",")[0]
    done = belle.here("clean", "raw.jsonl", "--stages", "quality", "--set", f"quality.memory={needed}", "--out", "run")
    assert done.code == 0, done.err


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_a_causal_model_needs_its_packages(belle: Shell) -> None:
    rows(belle, 10)
    done = belle.here("clean", "raw.jsonl", *STAGE, "--set", "quality.model=hf:models/small", "--out", "run")
    assert done.code == 2
    assert "torch" in done.err
    assert "pip install" in done.err


@pytest.mark.parametrize("value", ["nowhere.lm", "raw.jsonl", "."])
def test_what_is_no_model_is_refused(belle: Shell, value: str) -> None:
    rows(belle, 10)
    done = belle.here("clean", "raw.jsonl", *STAGE, "--set", f"quality.model={value}", "--out", "run")
    assert done.code == 2
    assert value in done.err
    assert "Traceback" not in done.err


def test_flags_say_what_a_stage_needs_and_switch_it_on(belle: Shell) -> None:
    rows(belle)
    (belle.folder / "text.txt").write_text("".join(f"{answer}\n" for _, answer in TOPICS.values()) * 20)
    assert belle.here("lm", "train", "text.txt", "--out", "zh.lm", "--memory", "256MiB").code == 0
    flags = ("--stages", "exact_dedup", "--lm", "zh.lm", "--target-rows", "30")
    done = belle.here("clean", "raw.jsonl", *flags, "--out", "run", "--json")
    assert done.code == 0, done.err
    assert [stage["name"] for stage in done.json()["stages"]] == ["exact_dedup", "quality", "diversity"]
    assert done.json()["rows_out"] == 30
    report = done.json()
    peaks = [step["peak_private_bytes"] for step in (report["read"], *report["stages"], report["write"])]
    assert 10 << 20 < min(peaks) <= max(peaks) <= report["peak_private_bytes"]
    refused = belle.here("clean", "raw.jsonl", "--target-rows", "many", "--out", "never")
    assert refused.code == 2
    assert "`diversity.target_rows`" in refused.err
