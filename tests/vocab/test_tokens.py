"""`tokens` through the command line, recounted one text at a time by the tokenizers' own libraries."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import sentencepiece
import tiktoken
import tiktoken.load
import tokenizers
import zstandard
from tests.cli.conftest import Shell
from tests.vocab.made_tokenizers import (
    HARD_LINES,
    byte_level,
    example_lines,
    ranks,
    train_pieces,
    unknown_words,
    write_lines,
)

import belle_data
from belle_data.vocab.tokenizer_patterns import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Made:
    """Files of tokenizers."""

    pieces: Path
    unigram: Path
    byte_level: Path
    words: Path
    ranks: Path


@pytest.fixture
def belle(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("tokenizers")
    (folder / "hf").mkdir()
    return Made(
        train_pieces(folder / "zh.model"),
        train_pieces(folder / "unigram.model", 1900, model_type="unigram", byte_fallback=False),
        byte_level(folder / "hf" / "tokenizer.json"),
        unknown_words(folder / "words.json"),
        ranks(folder / "cl100k_base.tiktoken"),
    )


def percentile(ascending: list[int], percent: int) -> int:
    return ascending[(len(ascending) - 1) * percent // 100]


def recounted(texts: Sequence[Sequence[str]], encode: Any, context: int = 2048) -> dict[str, Any]:
    """The figures of units, each of some texts, in plain Python."""
    encoded = [[number for text in unit for number in encode(text)] for unit in texts]
    lengths = sorted(map(len, encoded))
    ids = [number for unit in encoded for number in unit]
    characters = sum(len(text) for unit in texts for text in unit)
    return {
        "tokens": len(ids),
        "per_unit": len(ids) / len(texts),
        "tokens_per_character": len(ids) / characters,
        "tokens_per_byte": len(ids) / sum(len(text.encode()) for unit in texts for text in unit),
        "min": lengths[0],
        "percentiles": {str(one): percentile(lengths, one) for one in (5, 50, 90, 99)},
        "max": lengths[-1],
        "used": len(set(ids)),
        "over": sum(length > context for length in lengths),
        "cut": sum(max(0, length - context) for length in lengths),
        "ids": ids,
        "lengths": lengths,
    }


def check(found: dict[str, Any], wanted: dict[str, Any], by: str = "line") -> None:
    assert found["tokens"] == wanted["tokens"]
    assert found[f"tokens_per_{by}"] == pytest.approx(wanted["per_unit"], rel=1e-12)
    for name in ("tokens_per_character", "tokens_per_byte"):
        assert found[name] == pytest.approx(wanted[name], rel=1e-12)
    assert [found[name] for name in ("min", "percentiles", "max")] == [
        wanted[name] for name in ("min", "percentiles", "max")
    ]
    assert found["vocabulary_used"]["ids"] == wanted["used"]
    assert (found["context"][f"{by}s_over"], found["context"]["tokens_cut"]) == (wanted["over"], wanted["cut"])
    # The classes leave nothing out, and each holds what is within its borders.
    for one in found["histogram"]:
        last = one["to"] if one["to"] is not None else float("inf")
        assert one[f"{by}s"] == sum(one["from"] <= length <= last for length in wanted["lengths"])
    assert sum(one[f"{by}s"] for one in found["histogram"]) == len(wanted["lengths"])


def sentencepiece_of(path: Path) -> Any:
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def test_lines_by_tokenizers_of_every_kind(belle: Shell, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [*example_lines(), *HARD_LINES]
    text = write_lines(belle.folder / "zh.txt", lines)
    given: list[str | Path] = [
        "--tokenizer",
        made.pieces,
        "--tokenizer",
        made.byte_level.parent,
        "--tokenizer",
        f"w={made.words}",
    ]
    given += ["--tokenizer", made.ranks, "--tokenizer", f"uni={made.unigram}"]
    found = belle.here("tokens", text, *given, "--context", "100", "--json").json()
    counts = found["tokenizers"]
    assert [one["name"] for one in counts] == ["zh", "hf", "w", "cl100k_base", "uni"]
    assert (found["by"], found["lines"], found["empty"]) == ("line", len(lines), lines.count(""))
    assert found["characters"] == sum(map(len, lines))
    assert found["bytes"] == sum(len(line.encode()) for line in lines)

    pieces, unigram = sentencepiece_of(made.pieces), sentencepiece_of(made.unigram)
    level: Any = tokenizers.Tokenizer.from_file(str(made.byte_level))
    level.encode_special_tokens = True
    assert level.token_to_id("<|endoftext|>") not in level.encode(lines[-5]).ids
    words: Any = tokenizers.Tokenizer.from_file(str(made.words))
    words.no_truncation()
    words.no_padding()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")  # no copy outside of this test
    loaded = tiktoken.load.load_tiktoken_bpe(str(made.ranks))
    encoding = tiktoken.Encoding(
        "one", pat_str=PATTERNS["cl100k_base"], mergeable_ranks=loaded, special_tokens={"</s>": 9999}
    )
    encoders: list[Any] = [
        pieces.encode,
        lambda line: level.encode(line, add_special_tokens=False).ids,
        lambda line: words.encode(line, add_special_tokens=False).ids,
        encoding.encode_ordinary,
        unigram.encode,
    ]
    wanted = [recounted([[line] for line in lines], encode, 100) for encode in encoders]
    for one, expected in zip(counts, wanted, strict=True):
        check(one, expected)
        assert one["ratio_to_first"] == pytest.approx(expected["tokens"] / wanted[0]["tokens"])
    sizes = [pieces.get_piece_size(), level.get_vocab_size(), words.get_vocab_size(), len(loaded)]
    assert [one["size"] for one in counts[:4]] == sizes

    kinds = [{name: one[name]["tokens"] for name in ("byte_fallback", "unknown", "digits", "spaces")} for one in counts]
    assert kinds[0] == {
        "byte_fallback": sum(pieces.is_byte(number) for number in wanted[0]["ids"]),
        "unknown": 0,
        "digits": sum(pieces.id_to_piece(number).strip("▁").isdecimal() for number in wanted[0]["ids"]),
        "spaces": sum(not pieces.id_to_piece(number).strip("▁\u3000") for number in wanted[0]["ids"]),
    }
    halves = sum("\ufffd" in level.decode([number]) for number in wanted[1]["ids"])
    assert kinds[1]["byte_fallback"] == halves > 0
    assert kinds[2]["unknown"] == wanted[2]["ids"].count(0) > 0
    assert kinds[2]["digits"] == sum(number in {3, 4} for number in wanted[2]["ids"]) > 0
    assert kinds[2]["spaces"] == wanted[2]["ids"].count(5) > 0
    assert kinds[3]["byte_fallback"] == sum(
        "\ufffd" in encoding.decode([number], "replace") for number in wanted[3]["ids"]
    )
    assert kinds[4]["unknown"] == wanted[4]["ids"].count(unigram.unk_id()) > 0


ROWS: list[dict[str, Any] | str] = [
    {"instruction": "第一行\n第二行 12", "input": "", "output": "回答。\n\n又一行"},
    {"conversations": [{"from": "human", "value": "你好"}, {"from": "gpt", "value": "你好！\r\n再见"}] * 2},
    {"text": "没有人说的一段文本"},
    {"instruction": "空回答", "input": "", "output": ""},
]
TURNS = [
    ["第一行\n第二行 12", "回答。\n\n又一行"],
    ["你好", "你好！\r\n再见"] * 2,
    ["没有人说的一段文本"],
    ["空回答", ""],
]


@pytest.mark.parametrize("by", ["row", "turn", "line"])
def test_rows_turns_and_lines_of_data(by: str, belle: Shell, made: Made) -> None:
    belle.write("rows.jsonl", [*ROWS, "no row"])
    found = belle.here("tokens", "rows.jsonl", "--tokenizer", made.pieces, "--by", by, "--json").json()
    units: list[Sequence[str]] = list(TURNS)
    if by != "row":
        units = [[turn] for turns in TURNS for turn in turns]
    if by == "line":
        units = [[line] for turns in TURNS for turn in turns for line in turn.split("\n")]
    assert found[f"{by}s"] == len(units)
    assert (found["rejected"], found["rejected_reasons"]) == (1, {"not_json": 1})
    check(found["tokenizers"][0], recounted(units, sentencepiece_of(made.pieces).encode), by)
    if by == "row":
        unsaid = belle.here("tokens", "rows.jsonl", "--tokenizer", made.pieces, "--json").json()
        assert unsaid == found


def test_compressed_text_and_any_number_of_threads_give_the_same(belle: Shell, made: Made) -> None:
    data = "".join(f"{line}\r\n" for line in example_lines() * 40).encode()
    (belle.folder / "a.txt").write_bytes(b"\xef\xbb\xbf" + data)
    (belle.folder / "b.txt.gz").write_bytes(gzip.compress(data))
    (belle.folder / "c.txt.zst").write_bytes(zstandard.compress(data))
    found = []
    for name in ("a.txt", "b.txt.gz", "c.txt.zst"):
        for threads in ("1", "2"):
            done = belle.here("tokens", name, "--tokenizer", made.pieces, "--threads", threads, "--json").json()
            assert [one["name"] for one in done.pop("inputs")] == [name]
            found.append(done)
    assert len(data) > 1 << 21, "more than one block"
    assert found[0]["lines"] == len(example_lines()) * 40
    assert all(one == found[0] for one in found)
    check(found[0]["tokenizers"][0], recounted([[line] for line in example_lines() * 40], _memo(made.pieces)))


def _memo(path: Path) -> Any:
    processor = sentencepiece_of(path)
    known: dict[str, list[int]] = {}

    def encode(line: str) -> list[int]:
        if line not in known:
            known[line] = processor.encode(line)
        return known[line]

    return encode


def test_lines_that_are_no_text_are_counted_and_named(belle: Shell, made: Made) -> None:
    text = belle.folder / "zh.txt"
    text.write_bytes("好\n".encode() + b"ab\xffc\n" + "行\n".encode() * 20 + b"\xe4\xbd")
    done = belle.here("tokens", text, "--tokenizer", made.pieces, "--json")
    found = done.json()
    assert (found["lines"], found["rejected"]) == (21, 2)
    assert [(one["line"], one["byte"], one["reason"]) for one in found["bad_lines"]] == [
        (2, 6, "invalid_utf8"),
        (23, 89, "invalid_utf8"),
    ]
    assert "zh.txt:2 (byte 6, invalid_utf8)" in done.err
    refused = belle.here("tokens", text, "--tokenizer", made.pieces, "--max-bad-lines", "1")
    assert (refused.code, "zh.txt:2 (byte 6): 2 of 23 lines cannot be read" in refused.err) == (2, True), refused.err
    short = belle.here("tokens", text, "--tokenizer", made.pieces, "--limit", "5", "--json").json()
    assert (short["lines"], short["rejected"]) == (5, 1)
    long = write_lines(belle.folder / "long.txt", ["短", "长" * 100, "短"])
    found = belle.here("tokens", long, "--tokenizer", made.pieces, "--max-line-bytes", "100", "--json").json()
    assert [found["lines"], found["bad_lines"][0]["line"], found["bad_lines"][0]["reason"]] == [2, 2, "line_too_long"]


def test_the_table_on_a_terminal(belle: Shell, made: Made) -> None:
    text = write_lines(belle.folder / "zh.txt", example_lines())
    found = belle.here("tokens", text, "--tokenizer", f"one={made.pieces}", "--tokenizer", f"one={made.pieces}", "-v")
    assert found.code == 0
    lines = found.out.splitlines()
    assert any(line.split() == ["one", "one#2"] for line in lines)
    assert any(line.split() == ["ratio", "to", "the", "first", "1.0000", "1.0000"] for line in lines)
    assert any(line.startswith("one: sentencepiece ") for line in lines)


def test_patterns_are_those_of_tiktoken(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken_ext import openai_public  # type: ignore[import-untyped]

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", lambda *_, **__: {})
    for name in ("r50k_base", "p50k_base", "cl100k_base", "o200k_base"):
        assert getattr(openai_public, name)()["pat_str"] == PATTERNS[name]


def test_a_pattern_is_taken_from_the_name_of_the_tokenizer_of_the_file_or_of_the_option(
    belle: Shell, made: Made
) -> None:
    text = write_lines(belle.folder / "zh.txt", ["12345678 abc"])
    other = belle.folder / "mine.tiktoken"
    other.write_bytes(made.ranks.read_bytes())
    refused = belle.here("tokens", text, "--tokenizer", other)
    assert (refused.code, "--tokenizer cl100k_base=mine.tiktoken" in refused.err) == (2, True)
    counts = [
        belle.here("tokens", text, *arguments, "--json").json()["tokenizers"][0]["tokens"]
        for arguments in (
            ["--tokenizer", made.ranks],
            ["--tokenizer", f"cl100k_base={other}"],
            ["--tokenizer", other, "--pattern", "cl100k_base"],
            ["--tokenizer", other, "--pattern", "qwen"],
            ["--tokenizer", other, "--pattern", r"\d+|\D+"],
        )
    ]
    # 123, 45, 6 … with three digits at most in a word; one by one for qwen; the whole number for the expression.
    assert counts[0] == counts[1] == counts[2]
    assert counts[3] > counts[0]
    assert belle.here("tokens", text, "--tokenizer", other, "--pattern", "(").code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zh.txt"], "no tokenizer is named"),
        (["zh.txt", "--tokenizer", "absent.model"], "there is no such tokenizer"),
        (["zh.txt", "--tokenizer", ""], "there is no such tokenizer"),
        (["zh.txt", "--tokenizer", "zh.txt"], "this is no tokenizer"),
        (["zh.txt", "--tokenizer", "wrong.json"], "this is no tokenizer.json"),
        (["zh.txt", "--tokenizer", "folder"], "the folder has neither tokenizer.json nor tokenizer.model"),
        (["zh.txt", "--tokenizer", "cut.tiktoken", "--pattern", "qwen"], "the ranks lack a byte"),
        (["zh.txt", "--tokenizer", "zh.model", "--by", "row"], "files of text have lines, no rows"),
        (["zh.txt", "--tokenizer", "zh.model", "--by", "page"], "unknown unit"),
        (["zh.txt", "--tokenizer", "zh.model", "--context", "0"], "the context must have at least 1 token"),
        (["zh.txt", "--tokenizer", "zh.model", "--format", "alpaca"], "--format is for rows"),
        (["zh.txt", "--tokenizer", "zh.model", "--html", "page.txt"], "must end in .html"),
        (["zh.txt", "--tokenizer", "zh.model", "--threads", "0"], "threads must be 1 to 1024"),
        (["zh.txt", "rows.jsonl", "--tokenizer", "zh.model"], "do not go together"),
        (["absent.txt", "--tokenizer", "zh.model"], "there is no such file"),
        (["empty.txt", "--tokenizer", "zh.model"], "there is no line in the input"),
        (["binary.txt", "--tokenizer", "zh.model"], "binary.txt:2 (byte 3): this is no text"),
        (["broken.txt.gz", "--tokenizer", "zh.model"], "broken.txt.gz"),
        (["rows.jsonl", "--tokenizer", "zh.model"], "no line of the input is a row"),
    ],
)
def test_wrong_use(arguments: list[str], message: str, belle: Shell, made: Made) -> None:
    write_lines(belle.folder / "zh.txt", ["一行"])
    (belle.folder / "zh.model").write_bytes(made.pieces.read_bytes())
    (belle.folder / "folder").mkdir()
    files = {
        "wrong.json": b'{"model": 1}', "cut.tiktoken": b"IQ== 0\nIg== 1\n", "empty.txt": b"", "binary.txt": b"a\nb\0\n",
        "broken.txt.gz": gzip.compress(b"a line\n" * 100)[:30], "rows.jsonl": b"no row\n",
    }  # fmt: skip
    for name, content in files.items():
        (belle.folder / name).write_bytes(content)
    before = sorted(belle.folder.iterdir())
    done = belle.here("tokens", *arguments)
    assert (done.code, message in done.err) == (2, True), done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert sorted(belle.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("module", "attribute"), [("sentencepiece", "pieces"), ("tokenizers", "byte_level"), ("tiktoken", "ranks")]
)
def test_an_absent_package_is_named(
    module: str, attribute: str, belle: Shell, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = write_lines(belle.folder / "zh.txt", ["一行"])
    monkeypatch.setitem(sys.modules, module, None)
    done = belle.here("tokens", text, "--tokenizer", getattr(made, attribute))
    assert (done.code, f"needs the package {module}, which is not installed" in done.err) == (2, True), done.err
    assert "hint: pip install 'belle-data[vocab]'" in done.err


def test_the_function_gives_what_the_command_gives(belle: Shell, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(belle.folder)
    write_lines(belle.folder / "zh.txt", example_lines()[:50])
    said = belle.here("tokens", "zh.txt", "--tokenizer", made.pieces, "--context", "20", "--json").json()
    found = belle_data.tokens("zh.txt", made.pieces, context=20).to_dict()
    assert json.loads(json.dumps(found)) == said


def test_many_batches_are_counted_at_once_and_all_of_them(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belle_data.vocab.text_blocks.BLOCK_BYTES", 300)
    monkeypatch.setattr("belle_data.sources.decode.CHUNK_BYTES", 100)
    lines = example_lines() * 3
    monkeypatch.chdir(made.pieces.parent)
    path = write_lines(made.pieces.parent / "many.txt", lines)
    for tokenizers_given in ([made.pieces], [made.pieces, made.words]):
        found = [belle_data.tokens(path, tokenizers_given, threads=threads).to_dict() for threads in (1, 2, 5)]
        assert found[0] == found[1] == found[2]
        check(found[0]["tokenizers"][0], recounted([[line] for line in lines], sentencepiece_of(made.pieces).encode))


def test_ctrl_c_ends_at_once(belle: Shell, made: Made) -> None:
    import signal

    data = "".join(f"{line}\n" for line in example_lines() * 2000).encode()
    (belle.folder / "zh.txt").write_bytes(data)
    process = subprocess.Popen(
        belle.command("tokens", "zh.txt", "--tokenizer", str(made.byte_level), "--html", "page.html"),
        cwd=belle.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(3)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "interrupted: nothing was written")
    assert time.monotonic() - began < 5
    assert [path.name for path in belle.folder.iterdir()] == ["zh.txt"]


def test_llama_on_real_rows(belle: Shell, shared_data: Path) -> None:
    rows = [
        json.loads(line)
        for line in zstandard.ZstdDecompressor()
        .stream_reader((shared_data / "alpaca_zh.jsonl.zst").open("rb"))
        .read(1 << 20)
        .splitlines()[:1500]
    ]
    belle.write("zh.jsonl", rows)
    model = shared_data / "llama.tokenizer.model"
    found = belle.here("tokens", "zh.jsonl", "--tokenizer", model, "--json").json()["tokenizers"][0]
    prompts = [[row["instruction"], row["input"]] for row in rows]
    llama = sentencepiece_of(model)
    assert found["name"] == "llama"
    # How instruction and input make a turn is for the reader of rows to say, so their sum has some play.
    answers = sum(len(llama.encode(row["output"])) for row in rows)
    least = answers + sum(len(llama.encode(one)) for prompt in prompts for one in prompt[:1])
    assert least <= found["tokens"] <= least + sum(len(llama.encode(one)) + 3 for _, one in prompts if one)
