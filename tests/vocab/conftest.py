"""Small sentencepiece models, trained on text that is written here."""

from __future__ import annotations

import random
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sentencepiece
from tests.cli.conftest import Shell

from belle_data.vocab.merging import Merge, merge
from belle_data.vocab.piece_model import PieceModel, load_piece_model, piece_model_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ENGLISH = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were all her she there would their we him been has when who will no more if out so up said what its about "
    "than into them can only other time new some could these two may first then do any like my now over such our man "
    "even model tokenizer piece score vocabulary language answer question write translate sentence summary number me"
)
_CHINESE = (
    "我们 可以 一个 使用 自己 如果 文件 需要 数据 这个 没有 可能 命令 问题 语言 模型 词表 训练 中文 分词 "
    "文本 句子 回答 请写 翻译 下面 总结 北京 天气 今天 明天 公园 孩子 学习 生活 工作 时间 世界 中国 人民 "
    "社会 发展 经济 文化 历史 科学 技术 方法 结果 研究 系统 程序 代码 函数 哈哈 哈哈哈 慢慢 慢慢地 看看 "
    "好好学习 天天向上"
)
ENGLISH, CHINESE = _ENGLISH.split(), _CHINESE.split()
# As LLaMA's model was trained.
SETTINGS: dict[str, Any] = {
    "model_type": "bpe",
    "character_coverage": 1.0,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "split_digits": True,
    "byte_fallback": True,
    "allow_whitespace_only_pieces": True,
    "num_threads": 1,
    "minloglevel": 2,
}


def english_lines(count: int) -> list[str]:
    chance = random.Random(1)
    return [
        " ".join(chance.choice(ENGLISH) for _ in range(chance.randint(3, 12))) + chance.choice((".", "?", " 12 3."))
        for _ in range(count)
    ]


def chinese_lines(count: int) -> list[str]:
    chance = random.Random(2)
    mixed = [*CHINESE * 6, "，", "，", "。", "python ", " GPU ", "2023年", "API", "！", "  "]
    return ["".join(chance.choice(mixed) for _ in range(chance.randint(3, 14))) + "。" for _ in range(count)]


def train(lines: Sequence[str], path: Path, size: int, **settings: Any) -> Path:
    text = path.with_suffix(".txt")
    text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with path.open("wb") as handle:
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_writer=handle, vocab_size=size, **{**SETTINGS, **settings}
        )
    text.unlink()
    return path


def edited(model: PieceModel | Path, change: Callable[[Any], object]) -> bytes:
    """The bytes of a model after a change to its message."""
    content = model.read_bytes() if isinstance(model, Path) else model.content
    message: Any = import_module("sentencepiece.sentencepiece_model_pb2").ModelProto()
    message.ParseFromString(content)
    change(message)
    changed: bytes = message.SerializeToString(deterministic=True)
    return changed


def with_pieces(model: PieceModel | Path, texts: Sequence[str]) -> PieceModel:
    """A model of the same special and byte pieces, and these with falling scores."""

    def change(message: Any) -> None:
        kept = [piece for piece in message.pieces if piece.type != 1]
        del message.pieces[:]
        message.pieces.extend(kept)
        for place, text in enumerate(texts):
            message.pieces.add(piece=text, score=-place)

    return piece_model_of(edited(model, change), "made")


@dataclass(frozen=True)
class Models:
    """Paths of the models."""

    base: Path
    add: Path


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """An English base with runs of spaces at -1e9 as LLaMA has them, and a Chinese model with Latin in it."""
    folder = tmp_path_factory.mktemp("models")
    base, add = folder / "base.model", folder / "zh.model"
    # Characters with marks between them: as in LLaMA, no piece of the base has two of them.
    lines = [*english_lines(1500), *[".".join(dict.fromkeys("".join(CHINESE[:40])))] * 2]
    train(lines, base, 700)

    def add_runs(message: Any) -> None:
        for count in (2, 3, 4, 8):
            message.pieces.add(piece="▁" * count, score=-1e9)

    base.write_bytes(edited(base, add_runs))
    train(chinese_lines(1500), add, 640)
    return Models(base, add)


@pytest.fixture(scope="session")
def base(models: Models) -> PieceModel:
    return load_piece_model(models.base)


@pytest.fixture(scope="session")
def add(models: Models) -> PieceModel:
    return load_piece_model(models.add)


@pytest.fixture(scope="session")
def safe(base: PieceModel, add: PieceModel) -> Merge:
    return merge(base, add)


@pytest.fixture
def shell(tmp_path: Path, models: Models) -> Shell:
    """A folder with both models and two files of text."""
    (tmp_path / "base.model").write_bytes(models.base.read_bytes())
    (tmp_path / "zh.model").write_bytes(models.add.read_bytes())
    for name, lines in (("en.txt", english_lines(300)), ("zh.txt", chinese_lines(300))):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Shell(tmp_path)
