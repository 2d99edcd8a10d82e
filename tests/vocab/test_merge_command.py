"""`vocab merge`: the folder as sentencepiece, tokenizers and transformers read it, and wrong use."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
import sentencepiece
import tokenizers
from tests.vocab.conftest import SETTINGS, chinese_lines, edited, english_lines, train, with_pieces

from belle_data.vocab.fuzz import fuzzed
from belle_data.vocab.merging import Merge, merge
from belle_data.vocab.piece_model import piece_model_of
from belle_data.vocab.tokenizer_json import tokenizer_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.cli.conftest import Shell

    from belle_data.vocab.piece_model import PieceModel

FILES = {
    *("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("row_map.json", "pieces.jsonl", "merge.json"),
}
MERGE = ("vocab", "merge", "--base", "base.model", "--add", "zh.model", "--out", "merged")


def differing(model: PieceModel, texts: Sequence[str]) -> list[str]:
    tokenizer = tokenizers.Tokenizer.from_str(tokenizer_json(model).decode())
    tokenizer.encode_special_tokens = True
    wanted = model.processor().encode(list(texts))
    found = [one.ids for one in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    assert sum(map(len, wanted)) > len(texts)
    return [text for text, one, other in zip(texts, wanted, found, strict=True) if one != other]


def test_the_folder(shell: Shell) -> None:
    done = shell(*MERGE)
    assert (done.code, done.err) == (0, "")
    merged = shell.folder / "merged"
    assert {path.name for path in merged.iterdir()} == FILES
    assert {path.name for path in shell.folder.iterdir()} == {"merged", "base.model", "zh.model", "en.txt", "zh.txt"}
    summary = json.loads((merged / "merge.json").read_text(encoding="utf-8"))
    assert summary["files"] == {
        name: sha256((merged / name).read_bytes()).hexdigest() for name in FILES - {"merge.json"}
    }
    assert summary["base_model"]["sha256"] == sha256((shell.folder / "base.model").read_bytes()).hexdigest()
    assert summary["added_model"]["sha256"] == sha256((shell.folder / "zh.model").read_bytes()).hexdigest()
    assert done.out.split("\n")[0] == "merged  merged in the mode safe"
    for name in ("added", "duplicate", "filtered", "unreachable", "padded", "rows of the embeddings"):
        key = "rows" if name.startswith("rows") else name
        assert any(line.split() == [*name.split(), f"{summary[key]:,}"] for line in done.out.split("\n")), name
    ledger = [json.loads(line) for line in (merged / "pieces.jsonl").read_text(encoding="utf-8").splitlines()]
    decisions = Counter(line["decision"] for line in ledger)
    assert {name: decisions[name] for name in ("added", "duplicate", "filtered", "unreachable")} == {
        name: summary[name] for name in ("added", "duplicate", "filtered", "unreachable")
    }
    assert [line["added_id"] for line in ledger] == list(range(summary["candidates"]))


def test_rows_are_made_of_rows_of_the_base(shell: Shell) -> None:
    assert shell.here(*MERGE).code == 0
    rows = json.loads((shell.folder / "merged" / "row_map.json").read_text(encoding="utf-8"))
    model = sentencepiece.SentencePieceProcessor(model_file=str(shell.folder / "merged" / "tokenizer.model"))
    base = sentencepiece.SentencePieceProcessor(model_file=str(shell.folder / "base.model"))
    first, count = base.get_piece_size(), model.get_piece_size()
    assert [row["id"] for row in rows["new"]] == list(range(first, count))
    assert [row["piece"] for row in rows["new"]] == [model.id_to_piece(number) for number in range(first, count)]
    assert rows["padded"] == list(range(count, rows["rows"]))
    assert rows["rows"] % 64 == 0
    for row in rows["new"]:
        assert row["from"]
        assert max(row["from"]) < first
        # The parts are the piece, and no space before it that it does not have itself.
        assert "".join(map(base.id_to_piece, row["from"])).replace("▁", " ") == row["piece"].replace("▁", " ") or any(
            base.is_byte(part) for part in row["from"]
        )
        assert base.decode([base.piece_to_id("a"), *row["from"]]) == f"a{row['piece'].replace('▁', ' ')}"


def test_the_same_bytes_again(shell: Shell) -> None:
    assert shell.here(*MERGE).code == 0
    first = {path.name: path.read_bytes() for path in (shell.folder / "merged").iterdir()}
    done = shell(*MERGE, "--force", "--json")
    assert done.code == 0
    assert {path.name: path.read_bytes() for path in (shell.folder / "merged").iterdir()} == first
    assert done.json() == {"folder": "merged", **json.loads(first["merge.json"])}


@pytest.mark.parametrize("prefix", [True, False])
def test_tokenizers_agree_with_sentencepiece(base: PieceModel, add: PieceModel, prefix: bool) -> None:
    def change(message: Any) -> None:
        message.normalizer_spec.add_dummy_prefix = prefix

    model = merge(piece_model_of(edited(base, change), "base"), add).model
    new = [piece.text for piece in model.pieces[len(base.pieces) :]]
    texts = [*fuzzed(new, 4000, 1), *chinese_lines(500), *english_lines(500), "", " ", "▁"]
    assert differing(model, texts) == []


def test_characters_that_are_unknown_agree_too(base: PieceModel, add: PieceModel) -> None:
    def without_bytes(message: Any) -> None:
        kept = [piece for piece in message.pieces if piece.type != 6]
        del message.pieces[:]
        message.pieces.extend(kept)
        message.trainer_spec.byte_fallback = False

    model = merge(piece_model_of(edited(base, without_bytes), "base"), add).model
    assert not model.has_bytes()
    texts = [*fuzzed([piece.text for piece in model.pieces[-200:]], 2000, 1), "🙂🙂🙂我🙂"]
    assert differing(model, texts) == []


def test_runs_and_pieces_within_pieces_agree(base: PieceModel) -> None:
    import random

    chance = random.Random(4)
    for _ in range(20):
        letters = chance.choice(("甲乙", "甲乙丙", "▁甲", "哈"))
        words = {"".join(chance.choice(letters) for _ in range(chance.randint(2, 7))) for _ in range(40)}
        order = sorted(words, key=lambda word: (len(word) + chance.random() * 3, word))
        model = merge(base, with_pieces(base, [*order, *set(letters) - {"▁"}])).model
        assert len(model.pieces) >= len(base.pieces) + 2
        texts = ["".join(chance.choice(letters + " ") for _ in range(chance.randint(1, 40))) for _ in range(300)]
        assert differing(model, texts) == []


def test_where_scores_tie_the_runtimes_differ(base: PieceModel, add: PieceModel) -> None:
    # This is why the certificate does not promise it of chinese-llama.
    assert differing(merge(base, add, mode="chinese-llama").model, chinese_lines(500))


@pytest.fixture(scope="module")
def transformers() -> Any:
    return pytest.importorskip("transformers", reason="needs the package transformers")


@pytest.mark.parametrize("beside_a_model", [False, True])
@pytest.mark.parametrize("mode", ["safe", "chinese-llama"])
def test_transformers_use_the_file_as_it_is(shell: Shell, transformers: Any, mode: str, beside_a_model: bool) -> None:
    assert shell.here(*MERGE, "--mode", mode, "--max-length", "512").code == 0
    merged = shell.folder / "merged"
    if beside_a_model:
        (merged / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(merged))
    written = json.loads((merged / "tokenizer.json").read_text(encoding="utf-8"))
    assert json.loads(tokenizer.backend_tokenizer.to_str()) == written
    model = sentencepiece.SentencePieceProcessor(model_file=str(merged / "tokenizer.model"))
    assert (len(tokenizer), tokenizer.model_max_length) == (model.get_piece_size(), 512)
    assert (tokenizer.unk_token, tokenizer.bos_token, tokenizer.eos_token) == ("<unk>", "<s>", "</s>")
    text = "我们 use 12 GPU 🙂"
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == model.bos_id() == 1
    assert ids[-1] != model.eos_id()
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    if mode == "safe":
        lines = [*chinese_lines(300), *english_lines(300)]
        found = tokenizer(lines, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert found == model.encode(lines)


def test_the_chat_template_marks_what_the_assistant_says(shell: Shell, transformers: Any) -> None:
    assert shell.here(*MERGE).code == 0
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(shell.folder / "merged"))
    turns = [
        {"role": "system", "content": "请回答问题"},
        {"role": "user", "content": "今天天气?"},
        {"role": "assistant", "content": "今天🙂天气"},
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "我们\n学习"},
    ]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    assert text == (
        "<s>请回答问题\n\nHuman: 今天天气?\n\nAssistant: 今天🙂天气</s>Human: x\n\nAssistant: 我们\n学习</s>"
    )
    whole = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    ids, mask = whole["input_ids"], whole["assistant_masks"]
    answers: list[list[int]] = [[]]
    for number, marked in zip(ids, mask, strict=True):
        if marked:
            answers[-1].append(number)
        elif answers[-1]:
            answers.append([])
    assert [tokenizer.decode(answer) for answer in answers] == [" 今天🙂天气</s>", " 我们\n学习</s>"] or [
        tokenizer.decode(answer) for answer in answers
    ] == ["今天🙂天气</s>", "我们\n学习</s>"]
    assert [answer[-1] for answer in answers] == [tokenizer.eos_token_id] * 2
    assert tokenizer.convert_ids_to_tokens(answers[0])[0].startswith("▁")
    # A prompt is the beginning of the conversation, id for id.
    for end in (2, 4):
        prompt = tokenizer.apply_chat_template(turns[:end], add_generation_prompt=True, return_dict=True)["input_ids"]
        assert ids[: len(prompt)] == prompt
        assert mask[len(prompt)] == 1
    with pytest.raises(Exception, match="the roles are"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}])


def test_pieces_of_the_old_ids_are_those_of_the_base(shell: Shell, base: PieceModel) -> None:
    assert shell.here(*MERGE, "--mode", "paper").code == 0
    vocabulary = json.loads((shell.folder / "merged" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    assert {text: vocabulary[text] for text in base.ids()} == base.ids()


def wrong_models(folder: Path, base: PieceModel) -> None:
    (folder / "noise.model").write_bytes(b"\xff\xfe this is no model" * 50)
    (folder / "text.model").write_text("我们可以\n", encoding="utf-8")
    (folder / "empty.model").write_bytes(b"")
    (folder / "cut.model").write_bytes(base.content[:3000])
    (folder / "no_settings.model").write_bytes(edited(base, lambda message: message.ClearField("trainer_spec")))
    (folder / "no_pieces.model").write_bytes(edited(base, lambda message: message.ClearField("pieces")))
    (folder / "twice.model").write_bytes(edited(base, lambda message: message.pieces.add(piece="▁the", score=-9999)))
    (folder / "nan.model").write_bytes(edited(base, lambda message: message.pieces.add(piece="甲", score=float("nan"))))
    (folder / "special.model").write_bytes(with_pieces(base, []).content)
    train(chinese_lines(300), folder / "unigram.model", 400, model_type="unigram")
    (folder / "eos.model").write_bytes(edited(base, lambda message: setattr(message.pieces[2], "piece", "<end>")))
    (folder / "folder").mkdir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.model", "there is no such file"),
        ("folder", "this is a folder, and no sentencepiece model"),
        ("empty.model", "the file is empty"),
        ("noise.model", "no sentencepiece model"),
        ("text.model", "no sentencepiece model"),
        ("cut.model", "cut short"),
        ("no_settings.model", "cut short"),
        ("no_pieces.model", "has no pieces"),
        ("twice.model", "1 pieces stand twice in the model"),
        ("nan.model", "no number as its score"),
        ("unigram.model", "a unigram model, and a BPE model is needed"),
        ("base.model", "base and added model are the same"),
        ("special.model", "no piece is left to add"),
        ("eos.model", "disagree on special pieces: eos is '</s>' in the base: '<end>'"),
    ],
)
def test_wrong_models(shell: Shell, base: PieceModel, name: str, message: str) -> None:
    assert SETTINGS["model_type"] == "bpe"
    wrong_models(shell.folder, base)
    before = sorted(path.name for path in shell.folder.iterdir())
    done = shell.here("vocab", "merge", "--base", "base.model", "--add", name, "--out", "merged")
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert name in done.err
    assert "Traceback" not in done.err
    assert sorted(path.name for path in shell.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vocab"], "no action is named"),
        (["vocab", "merg"], "did you mean merge?"),
        (["vocab", "x"], "the actions are train, merge"),
        (["vocab", "merge", "--out", "merged"], "--base, --add"),
        ([*MERGE, "more"], "one argument too many"),
        ([*MERGE, "--padto", "8"], "did you mean --pad-to?"),
        ([*MERGE, "--pad-to", "-3"], "must be a whole number"),
        ([*MERGE, "--pad-to", "99999999"], "padded to a multiple"),
        ([*MERGE, "--mode", "quick"], "the modes are safe, paper, chinese-llama"),
        ([*MERGE, "--max-length", "0"], "at least 1 token"),
        ([*MERGE[:-1], "zh.txt"], "there is a file where"),
        ([*MERGE[:-1], "zh.txt/merged"], "cannot be written here"),
        ([*MERGE[:-1], "none/merged"], "its parent is not there"),
        ([*MERGE[:-1], "."], "the folder holds other files"),
        ([*MERGE[:-1], ".", "--force"], "never replaced"),
        ([*MERGE[:-1], "x" * 300], "cannot be written here"),
    ],
)
def test_wrong_use(shell: Shell, arguments: list[str], message: str) -> None:
    before = sorted(path.name for path in shell.folder.iterdir())
    done = shell.here(*arguments)
    assert (done.code, done.out, message in done.err) == (2, "", True), done.err
    assert sorted(path.name for path in shell.folder.iterdir()) == before


def test_a_folder_that_is_there(shell: Shell) -> None:
    (shell.folder / "merged").mkdir()
    assert shell.here(*MERGE).code == 0, "an empty folder is free"
    before = (shell.folder / "merged" / "merge.json").read_bytes()
    done = shell.here(*MERGE, "--mode", "paper")
    assert (done.code, "--force" in done.err) == (2, True)
    assert (shell.folder / "merged" / "merge.json").read_bytes() == before
    assert shell.here(*MERGE, "--mode", "paper", "--force").code == 0
    assert json.loads((shell.folder / "merged" / "merge.json").read_bytes())["mode"] == "paper"
    (shell.folder / "merged" / "weights.bin").write_bytes(b"x")
    done = shell.here(*MERGE, "--force")
    assert (done.code, "weights.bin" in done.err) == (2, True)
    assert (shell.folder / "merged" / "weights.bin").read_bytes() == b"x"


def test_no_space_leaves_nothing_half_written(shell: Shell) -> None:
    assert shell.here(*MERGE).code == 0
    before = {path.name: path.read_bytes() for path in (shell.folder / "merged").iterdir()}
    # A file of at most 8 KiB: what the first one needs is more.
    command = " ".join(shell.command(*MERGE, "--mode", "paper", "--force"))
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; ulimit -f 8; {command}"],
        cwd=shell.folder,
        env=shell.environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, b"cannot be written" in done.stderr) == (2, True), done.stderr
    assert {path.name: path.read_bytes() for path in (shell.folder / "merged").iterdir()} == before
    assert not [path.name for path in shell.folder.iterdir() if path.name.startswith(".")]


def test_help_names_the_options(shell: Shell) -> None:
    for action in ("merge", "check"):
        done = shell.here("vocab", action, "--help")
        assert (done.code, done.err) == (0, "")
        assert f"vocab {action}" in done.out
        assert "--base" in done.out


def test_safe_is_the_default(shell: Shell, safe: Merge) -> None:
    assert shell.here(*MERGE).code == 0
    assert (shell.folder / "merged" / "tokenizer.model").read_bytes() == safe.model.content
