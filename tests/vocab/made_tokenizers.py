"""Tokenizers of every kind, trained on the example data, and texts to count."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import sentencepiece
import tokenizers
from tests.cli.conftest import EXAMPLE
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def example_lines() -> list[str]:
    """Lines of the turns of the example data that are plain rows of Alpaca, none empty."""
    found = []
    for stored in EXAMPLE.read_bytes().splitlines():
        try:
            row = json.loads(stored)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str):
            text = f"{row['instruction']}\n{row['output']}"
            # U+FFFD is what libraries give for a token that is no whole characters.
            if text.replace("\n", "").isprintable() and "\ufffd" not in text:
                found += [line for line in text.split("\n") if line]
    return found


HARD_LINES = [
    "",
    " ",
    "   两个  空格   ",
    "1234567890 １２３ 3.14",
    "𠮷野家 🙂 \u200d é e\u0301",
    "</s> <s> <unk> <0x0A> ▁▁ literal <|endoftext|>",
    "tab\there\u3000全角空格",
    "مرحبا שלום नमस्ते",
    "哈" * 300,
    "a" * 300,
]
"""Lines on which tokenizers differ, none with a line feed or a carriage return."""


def train_pieces(path: Path, size: int = 2200, **options: Any) -> Path:
    """A sentencepiece model of the example lines."""
    out = io.BytesIO()
    settings: dict[str, Any] = {
        "model_type": "bpe", "character_coverage": 0.98, "byte_fallback": True, "split_digits": True,
        "normalization_rule_name": "identity", "remove_extra_whitespaces": False, "allow_whitespace_only_pieces": True,
        "num_threads": 1, "minloglevel": 2, "hard_vocab_limit": False,
    }  # fmt: skip
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(example_lines()), model_writer=out, vocab_size=size, **{**settings, **options}
    )
    path.write_bytes(out.getvalue())
    return path


def byte_level(path: Path) -> Path:
    """A byte-level ``tokenizer.json``, as GPT-2's is."""
    tokenizer: Any = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1200, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(example_lines(), trainer)
    tokenizer.save(str(path))
    return path


def unknown_words(path: Path) -> Path:
    """A ``tokenizer.json`` of whole words, with an unknown token, truncation and padding, which must not count."""
    words = ["[UNK]", "我", "们", "1", "12", " ", "a"]
    tokenizer: Any = tokenizers.Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, "[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"\d+|."), "isolated")
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(path))
    return path


def ranks(path: Path) -> Path:
    """A tiktoken file: all bytes, and the characters of the example lines."""
    known = [bytes([byte]) for byte in range(256)]
    for character in sorted({character for line in example_lines()[:400] for character in line}):
        encoded = character.encode()
        known += [part for end in range(2, len(encoded) + 1) if (part := encoded[:end]) not in known]
    known += [b"12", b"123", b"  "]
    text = "".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(known))
    path.write_text(text, encoding="ascii")
    return path


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path
