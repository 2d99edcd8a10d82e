"""`generate` on this machine: batches change no answer, interrupted files go on, and no row is lost."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.train.conftest import Done, command

if TYPE_CHECKING:
    from pathlib import Path

QUESTIONS = [
    "今天天气怎么样？",
    "the language model",
    "请写一个句子。" * 6,
    "一",
    "我们学习中文，也学习英文。" * 3,
    "time and people",
    "北京",
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    rows = [{"id": f"q{n}", "instruction": text, "output": "x", "class": "open qa"} for n, text in enumerate(QUESTIONS)]
    return write(tmp_path / "prompts.jsonl", rows)


def generate(model: Path | str, prompts: Path, out: Path, *options: str | int) -> Done:
    return command("generate", "--model", model, "--prompts", prompts, "--out", out, "--max-new-tokens", 8, *options)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def reference(model: Path, turns: list[dict[str, str]], count: int = 8) -> tuple[str, str, int]:
    """The slow and obvious: one prompt, the whole model again for each piece, the highest logit."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    weights: Any = AutoModelForCausalLM.from_pretrained(model)
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    pieces = max(tokenizer.get_vocab().values()) + 1
    made: list[int] = []
    with torch.no_grad():
        while len(made) < count:
            number = int(weights(torch.tensor([ids + made])).logits[0, -1, :pieces].argmax())
            if number == tokenizer.eos_token_id:
                return tokenizer.decode(made), "stop", len(ids)
            made.append(number)
    return tokenizer.decode(made, skip_special_tokens=True), "length", len(ids)


def test_answers_are_those_of_the_model_in_the_order_of_the_prompts(
    tmp_path: Path, tiny_model: Path, prompts: Path
) -> None:
    done = generate(tiny_model, prompts, tmp_path / "out.jsonl", "--greedy", "--batch-size", 3, "--json")
    assert done.code == 0
    answers = lines(tmp_path / "out.jsonl")
    assert [answer["id"] for answer in answers] == [f"q{number}" for number in range(len(QUESTIONS))]
    for answer, question in zip(answers, QUESTIONS, strict=True):
        turns = [{"role": "user", "content": question}]
        text, finish, tokens = reference(tiny_model, turns)
        assert answer["prompt"] == turns
        assert (answer["answer"], answer["finish"], answer["prompt_tokens"]) == (text, finish, tokens)
        assert (answer["category"], answer["reference"]) == ("open qa", "x")
        assert " ".join(answer) == "id row category prompt reference answer finish prompt_tokens answer_tokens"
    assert done.json()["rows"] == len(QUESTIONS)
    assert len({answer["answer"] for answer in answers}) > 3


@pytest.mark.parametrize("options", [("--greedy",), ("--temperature", "0.001"), ("--temperature", "1.5")])
def test_batches_change_no_answer(tmp_path: Path, tiny_model: Path, prompts: Path, options: tuple[str, ...]) -> None:
    for size in (1, 2, 7):
        out = tmp_path / f"{size}.jsonl"
        assert generate(tiny_model, prompts, out, *options, "--batch-size", size, "--precision", "float32").code == 0
    assert len(lines(tmp_path / "1.jsonl")) == len(QUESTIONS)
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "7.jsonl").read_bytes()


def test_draws_depend_on_the_seed_and_the_row(tmp_path: Path, tiny_model: Path) -> None:
    prompts = write(tmp_path / "p.jsonl", [{"instruction": "一", "output": ""}] * 6)
    made = {}
    for name, options in {"a": (), "b": ("--seed", 7), "cold": ("--temperature", "0.001")}.items():
        out = tmp_path / f"{name}.jsonl"
        assert generate(tiny_model, prompts, out, "--temperature" if name != "cold" else "--seed",
                        1 if name != "cold" else 3, *options).code == 0  # fmt: skip
        made[name] = [answer["answer"] for answer in lines(out)]
    assert len(set(made["a"])) == 6
    assert not set(made["a"]) & set(made["b"])
    assert len(set(made["cold"])) == 1


def test_draws_have_the_frequencies_of_the_softmax() -> None:
    import torch

    from belle_train.generation import Sampling, _Drawing

    logits = torch.tensor([0.0, 1.0, 2.0, 5.0])
    rows = 4000
    drawing = _Drawing(Sampling(temperature=0.7), range(rows), 3)
    drawn = drawing(None, logits.repeat(rows, 1)).argmax(dim=-1)
    frequencies = torch.bincount(drawn, minlength=4) / rows
    expected = torch.softmax(logits[:3] / 0.7, dim=0)
    assert float((frequencies[:3] - expected).abs().max()) < 0.03
    assert frequencies[3] == 0


def test_an_interrupted_file_goes_on(tmp_path: Path, tiny_model: Path, prompts: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    options = ("--temperature", 1, "--batch-size", 2)
    assert generate(tiny_model, prompts, whole, *options).code == 0
    assert generate(tiny_model, prompts, out, *options, "--limit", 3).code == 0
    assert len(lines(out)) == 3
    with out.open("ab") as handle:
        handle.write(whole.read_bytes().split(b"\n")[3][:20])
    done = generate(tiny_model, prompts, out, *options, "--json")
    assert (done.code, done.json()["kept"], done.json()["rows"]) == (0, 3, len(QUESTIONS))
    assert out.read_bytes() == whole.read_bytes()
    before = out.stat()
    done = generate(tiny_model, prompts, out, *options)
    assert f"{len(QUESTIONS)} were there" in done.out
    assert (out.stat().st_mtime_ns, out.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert {path.name for path in tmp_path.iterdir()} == {
        "prompts.jsonl", "whole.jsonl", "whole.jsonl.json", "out.jsonl", "out.jsonl.json",
    }  # fmt: skip


def test_ctrl_c_keeps_what_is_answered(
    tmp_path: Path, tiny_model: Path, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from belle_train import generation

    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert generate(tiny_model, prompts, whole, "--greedy").code == 0
    monkeypatch.setattr(generation, "WINDOW_BATCHES", 1)
    ordinary = generation.LocalModel._generate
    seen: list[int] = []

    def interrupted(self: Any, *arguments: Any) -> Any:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(1)
        return ordinary(self, *arguments)

    monkeypatch.setattr(generation.LocalModel, "_generate", interrupted)
    done = generate(tiny_model, prompts, out, "--greedy", "--batch-size", 2)
    assert done.code == 130
    assert done.err.endswith("\ninterrupted: the same command goes on where this one ended\n")
    assert len(lines(out)) == 4
    monkeypatch.setattr(generation.LocalModel, "_generate", ordinary)
    assert generate(tiny_model, prompts, out, "--greedy", "--batch-size", 2, "--json").json()["kept"] == 4
    assert out.read_bytes() == whole.read_bytes()


def test_other_settings_are_not_mixed(tmp_path: Path, tiny_model: Path, prompts: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert generate(tiny_model, prompts, out, "--limit", 2).code == 0
    first = out.read_bytes()
    for options, names in (
        (("--greedy",), "seed, temperature"),
        (("--seed", 1), "seed"),
        (("--precision", "float32"), "precision"),
        (("--max-new-tokens", 9), "max_new_tokens"),
    ):
        done = generate(tiny_model, prompts, out, *options)
        assert (done.code, f"were made with other settings ({names})" in done.err) == (2, True), done.err
    changed = tmp_path / "changed"
    shutil.copytree(tiny_model, changed)
    with (changed / "tokenizer_config.json").open("a", encoding="utf-8") as handle:
        handle.write("\n")
    assert "other settings (model)" in generate(changed, prompts, out).err
    with prompts.open("a", encoding="utf-8") as handle:
        handle.write('{"instruction": "more", "output": ""}\n')
    assert "other settings (prompts)" in generate(tiny_model, prompts, out).err
    assert out.read_bytes() == first
    assert generate(tiny_model, prompts, out, "--force").code == 0
    assert len(lines(out)) == len(QUESTIONS) + 1


def test_a_damaged_or_foreign_file_is_not_continued(tmp_path: Path, tiny_model: Path, prompts: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine\n", encoding="utf-8")
    for options in ((), ("--force",)):
        assert "the file is not one of answers" in generate(tiny_model, prompts, out, *options).err
    assert out.read_text(encoding="utf-8") == "mine\n"
    out.unlink()
    assert generate(tiny_model, prompts, out, "--limit", 3).code == 0
    stored = out.read_bytes().split(b"\n")
    for content, message in (
        (b"\n".join([stored[0], b"{}", b""]), f"{out}:2: the line is no answer"),
        (b"\n".join([stored[0], stored[0], b""]), f"{out}:2: the line answers another prompt"),
    ):
        out.write_bytes(content)
        done = generate(tiny_model, prompts, out)
        assert (done.code, message in done.err) == (2, True), done.err
        assert "hint: --force begins anew" in done.err


def test_repeated_and_missing_ids(tmp_path: Path, tiny_model: Path) -> None:
    rows = [{"id": "a", "instruction": text, "output": ""} for text in ("一", "two", "三")]
    prompts = write(tmp_path / "p.jsonl", [*rows, {"instruction": "four", "output": ""}])
    out = tmp_path / "out.jsonl"
    assert generate(tiny_model, prompts, out, "--limit", 2).code == 0
    assert generate(tiny_model, prompts, out).code == 0
    assert [(line["id"], line["row"]) for line in lines(out)] == [("a", 0), ("a", 1), ("a", 2), (None, 3)]


def test_rows_that_cannot_be_asked_stay_with_a_reason(tmp_path: Path, merged_folder: Path) -> None:
    short = tmp_path / "short"
    assert command("init-tiny", "--tokenizer", merged_folder, "--out", short, "--positions", 96).code == 0
    user, assistant = {"role": "user", "content": "一"}, {"role": "assistant", "content": "二"}
    rows: list[list[dict[str, str]]] = [
        [user, assistant],
        [{"role": "user", "content": "the time " * 60}, assistant],
        [{"role": "user", "content": "end </s> here"}, assistant],
        [user, {"role": "tool", "content": "25"}, assistant],
        [user, assistant, assistant],
        [assistant],
        [{"role": "system", "content": "be"}, user, assistant, user],
    ]
    prompts = write(tmp_path / "p.jsonl", [{"id": n, "messages": turns} for n, turns in enumerate(rows)])
    done = generate(short, prompts, tmp_path / "out.jsonl", "--json")
    assert done.code == 0
    answers = lines(tmp_path / "out.jsonl")
    assert [answer.get("error") for answer in answers] == [
        None, "prompt_too_long", "special_piece", "other_role", "no_prompt", "no_prompt", None,
    ]  # fmt: skip
    assert all(answer["answer"] is None for answer in answers if "error" in answer)
    assert answers[1]["detail"] == f"{answers[1]['prompt_tokens']} tokens and 8 for the answer, of 96"
    assert answers[-1]["prompt"] == rows[-1]
    assert "reference" not in answers[-1]
    assert done.json()["errors"] == {"no_prompt": 2, "other_role": 1, "prompt_too_long": 1, "special_piece": 1}
    # The longest prompt that still fits is answered.
    most = 96 - 8
    words = next(
        count for count in range(96, 0, -1) if reference(short, [_user("time " * count)], 0)[2] <= most
    )  # fmt: skip
    edge = write(tmp_path / "edge.jsonl", [{"instruction": "time " * n, "output": ""} for n in (words, words + 1)])
    assert generate(short, edge, tmp_path / "edge-out.jsonl").code == 0
    assert [line["finish"] == "error" for line in lines(tmp_path / "edge-out.jsonl")] == [False, True]


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def test_the_evaluation_set_of_belle_and_compressed_files(tmp_path: Path, tiny_model: Path) -> None:
    import gzip

    rows = [
        {"question": "一\u00a0", "std_answer": "答", "class": "closed\u00a0qa"},
        {"question": "二", "std_answer": "", "class": "math"},
    ]
    content = write(tmp_path / "eval.jsonl", rows).read_bytes()
    (tmp_path / "eval.jsonl.gz").write_bytes(gzip.compress(content))
    for name in ("eval.jsonl", "eval.jsonl.gz"):
        assert generate(tiny_model, tmp_path / name, tmp_path / f"{name}.out").code == 0
    answers = lines(tmp_path / "eval.jsonl.out")
    assert [(answer["prompt"][0]["content"], answer["reference"], answer["category"]) for answer in answers] == [
        ("一\u00a0", "答", "closed\u00a0qa"), ("二", "", "math"),
    ]  # fmt: skip
    assert (tmp_path / "eval.jsonl.out").read_bytes() == (tmp_path / "eval.jsonl.gz.out").read_bytes()


def test_wrong_use(tmp_path: Path, tiny_model: Path, tiny_base: Path, prompts: Path) -> None:
    out = tmp_path / "out.jsonl"
    cases: list[tuple[tuple[str | int, ...], str]] = [
        (("--temperature", 0), "the temperature is from 0.000001 to 100: 0.0\nhint: --greedy"),
        (("--temperature", "nan"), "must be a number from 0"),
        (("--temperature", 1, "--greedy"), "not allowed with argument"),
        (("--max-new-tokens", 0), "an answer has 1 to 1,048,576 tokens"),
        (("--precision", "int8"), "unknown precision: 'int8'"),
        (("--batch-size", 0), "a batch has 1 to 65,536 prompts"),
        (("--connections", 3), "--connections means nothing here"),
        (("--server", "http://localhost/v1", "--batch-size", 3), "--batch-size means nothing here"),
    ]
    for options, message in cases:
        done = generate(tiny_model, prompts, out, *options)
        assert (done.code, message in done.err) == (2, True), done.err
    other = tmp_path / "other"
    shutil.copytree(tiny_base, other)
    shutil.copy(tiny_model / "tokenizer.json", other / "tokenizer.json")
    assert "and the model only 600 rows of embeddings" in generate(other, prompts, out).err
    (tmp_path / "bad.jsonl").write_text('{"instruction": "a", "output": ""}\nbad\n', encoding="utf-8")
    assert "bad.jsonl:2: the line is no row because not_json" in generate(tiny_model, tmp_path / "bad.jsonl", out).err
    assert "nowhere.jsonl" in generate(tiny_model, tmp_path / "nowhere.jsonl", out).err
    assert "there is no such folder" in generate(tiny_model, prompts, tmp_path / "no" / "out.jsonl").err
    assert "there is a folder" in generate(tiny_model, prompts, other).err
    assert "there is no such folder" in generate(tmp_path / "nowhere", prompts, out).err
    assert not out.exists()
