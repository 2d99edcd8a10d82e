"""Proves and times the encoder of vocabularies on LLaMA's model and three ways to merge a Chinese one into it.

    python benches/python/encoder.py models WORK         train 50,000 Chinese pieces and merge them in three ways
    python benches/python/encoder.py same WORK           compare all ids with those of sentencepiece
    python benches/python/encoder.py rate WORK           MB per CPU second of one thread, beside the peers
    python benches/python/encoder.py threads WORK        two threads beside one

Needs the corpora in ../shared/data and the package sentencepiece; WORK keeps the models (6 MB). `rate` compares with
those of tokie, tokenizers and gigatoken that are installed; set RAYON_NUM_THREADS=1 for them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import random
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import zstandard

from belle_data import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MODES = ("base", "paper", "chinese-llama", "safe")
TRAINING_LINES = 300_000
FUZZED = 100_000
SEED = 20261122
LINES_AT_ONCE = 20_000
ROUNDS = 6
SLOW = ("sentencepiece", "tokenizers")
PARTS = (
    *(" ", "  ", "   ", "\u3000", "▁", "▁▁", " ▁", "\t", "\n", "\x00", "\x7f", "\r\n"),
    *("\ufeff", "\u200b", "\u200d", "\u00ad", "a", "e", "the", " the", "The", "ing", "def", "aaaa", "==", "//"),
    *("1", "20", "3.14", "%", "<s>", "</s>", "<unk>", "<0x0A>", "的", "我们", "中国", "人工智能", "，", "。", "："),
    *("你好", "龘", "𠮷", "𪚥", "哈哈哈", "一", "二〇二三", "か\u3099", "ｶﾞ", "ありがとう", "é", "e\u0301", "ﬁ", "１"),
    *("한국어", "привет", "عربي", "हिन्दी", "🀄", "😀", "👩\u200d👩\u200d👧", "🇨🇳", "\U0010ffff", "\ue000"),
)


def main() -> None:
    """Run what the command line names."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    commands = words.add_subparsers(required=True)
    for run in (make_models, compare, measure_rates, measure_threads):
        name = {"make_models": "models", "compare": "same", "measure_rates": "rate", "measure_threads": "threads"}
        command = commands.add_parser(name[run.__name__], help=(run.__doc__ or "").splitlines()[0])
        command.add_argument("work", type=Path)
        command.add_argument("--mode", choices=MODES, action="append", help="only this model; may be given again")
        command.set_defaults(run=run)
    options = words.parse_args()
    options.run(options.data, options.work, options.mode or MODES)


def zh_text(data: Path) -> list[str]:
    """The lines of zh_text."""
    with zstandard.open(data / "zh_text.txt.zst", "rt", encoding="utf-8", newline="\n") as text:
        return [line.removesuffix("\n") for line in text]


def alpaca(data: Path, name: str) -> list[str]:
    """All texts of the rows of an Alpaca set."""
    with zstandard.open(data / f"{name}.jsonl.zst", "rt", encoding="utf-8") as lines:
        return [text for row in map(json.loads, lines) for text in row.values() if isinstance(text, str)]


def fuzzed() -> list[str]:
    """Strings of odd parts, of runs of one of them, and of any characters."""
    chance = random.Random(SEED)
    texts = []
    for number in range(FUZZED):
        if number % 4 == 0:
            texts.append("".join(chance.choice(PARTS) * chance.randrange(1, 40) for _ in range(chance.randrange(1, 4))))
        elif number % 4 == 1:
            codes = (chance.randrange(chance.choice((0x80, 0x800, 0x1_0000, 0x11_0000))) for _ in range(20))
            texts.append("".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000))
        else:
            texts.append("".join(chance.choices(PARTS, k=chance.randrange(40))))
    return texts


def make_models(data: Path, work: Path, _: Any) -> None:
    """Train a Chinese model on a sample of zh_text, and merge it into LLaMA's.

    paper: pieces that are not there yet, with their own scores; chinese-llama: with score 0; safe: only those of Han
    characters, with distinct scores below all ordinary ones of LLaMA's.
    """
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as proto

    work.mkdir(parents=True, exist_ok=True)
    lines = [line for line in zh_text(data) if line.strip()]
    random.Random(5).shuffle(lines)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines[:TRAINING_LINES]),
        model_prefix=str(work / "chinese"),
        model_type="bpe",
        vocab_size=50_000,
        character_coverage=0.9995,
        normalization_rule_name="identity",
        split_digits=True,
        num_threads=2,
        max_sentence_length=20_000,
        minloglevel=1,
    )
    stored = (data / "llama.tokenizer.model").read_bytes()
    (work / "base.model").write_bytes(stored)
    base = proto.ModelProto.FromString(stored)
    chinese = proto.ModelProto.FromString((work / "chinese.model").read_bytes())
    there = {piece.piece for piece in base.pieces}
    added = [piece for piece in chinese.pieces if piece.type == 1 and piece.piece not in there]
    # Not -1e9, which pieces of white space have.
    lowest = min(piece.score for piece in base.pieces if piece.type == 1 and piece.score > -1e8)
    for mode in MODES[1:]:
        model = proto.ModelProto.FromString(stored)
        for number, piece in enumerate(added, 1):
            if mode != "safe" or is_han(piece.piece):
                score = {"paper": piece.score, "chinese-llama": 0.0, "safe": lowest - number}[mode]
                model.pieces.add(piece=piece.piece, score=score)
        (work / f"{mode}.model").write_bytes(model.SerializeToString())
        print(f"{mode}: {len(model.pieces)} pieces")


def is_han(text: str) -> bool:
    """Whether all characters are Han."""
    return all("\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf" for character in text)


def library(work: Path, mode: str) -> Any:
    """The processor of a model."""
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(work / f"{mode}.model"))


def compare(data: Path, work: Path, modes: tuple[str, ...]) -> None:
    """Compare the ids of all texts with the library's; print how many differ."""
    sources = {"zh_text": zh_text(data), "fuzzed": fuzzed()}
    sources |= {name: alpaca(data, name) for name in ("alpaca_zh", "alpaca_en")}
    differences = 0
    for mode in modes:
        processor, encoder = library(work, mode), _native.BytePairEncoder((work / f"{mode}.model").read_bytes())
        for name, texts in sources.items():
            different = list(differing(encoder, processor, texts))
            differences += len(different)
            shown = f", such as {different[0][:60]!r}" if different else ""
            print(f"{mode:<14} {name:<10} {len(texts):>8} lines, {len(different)} differ{shown}", flush=True)
    raise SystemExit(1 if differences else 0)


def differing(encoder: _native.BytePairEncoder, processor: Any, texts: list[str]) -> Iterator[str]:
    """Texts of which ids or their number are not the library's."""
    for first in range(0, len(texts), LINES_AT_ONCE):
        part = texts[first : first + LINES_AT_ONCE]
        column = pa.array(part, pa.string())
        theirs = processor.encode(part, num_threads=1)
        ours, counts = encoder.encode(column).to_pylist(), encoder.count(column).to_pylist()
        for text, expected, ids, count in zip(part, theirs, ours, counts, strict=True):
            if ids != expected or count != len(expected):
                yield text


def seconds(work: Callable[[], Any]) -> float:
    """Processor time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def at_once(lines: list[str]) -> Iterator[list[str]]:
    """Parts of some lines."""
    return (lines[first : first + LINES_AT_ONCE] for first in range(0, len(lines), LINES_AT_ONCE))


def megabytes(lines: list[str]) -> float:
    """Of some lines in UTF-8."""
    return sum(len(line.encode()) for line in lines) / 1e6


def measure_rates(data: Path, work: Path, modes: tuple[str, ...]) -> None:
    """Print MB per CPU second of one thread for each model, each line once, and how many times each peer's that is.

    20,000 lines a call, and of each call the best of six rounds in which all have their turn, for other work on the
    machine disturbs some calls of each round. Each round is cold: ours and the peers are made anew and get each line
    once, the slow ones a tenth of them at random: of rows with four texts every tenth would be one of the same two.
    """
    _native.set_threads(1)
    texts = {"zh_text": zh_text(data), "alpaca_en": alpaca(data, "alpaca_en")}
    for mode in modes:
        for name, lines in texts.items():
            if mode != "base" and name != "zh_text":
                continue
            stored = (work / f"{mode}.model").read_bytes()
            few = random.Random(SEED).sample(lines, len(lines) // 10)
            parts, few_parts = list(at_once(lines)), list(at_once(few))
            columns = [pa.array(part, pa.string()) for part in parts]
            loading = min(seconds(partial(_native.BytePairEncoder, stored)) for _ in range(3))
            best: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                runs = {run: (getattr(_native.BytePairEncoder(stored), run), columns) for run in ("encode", "count")}
                for peer, encode in peers(work, mode).items():
                    runs[peer] = (encode, few_parts if peer in SLOW else parts)
                for run, (encode, calls) in runs.items():
                    took = [seconds(partial(encode, call)) for call in calls]
                    best[run] = list(map(min, took, best.get(run, took)))
            rates = {run: megabytes(few if run in SLOW else lines) / sum(took) for run, took in best.items()}
            ratios = ", ".join(
                f"{peer} {rate:.1f} ({rates['encode'] / rate:.1f} times)"
                for peer, rate in rates.items()
                if peer not in ("encode", "count")
            )
            print(
                f"{mode:<14} {name:<10} encode {rates['encode']:.0f} MB/s, count {rates['count']:.0f}, loading"
                f" {loading:.2f} s; {ratios}",
                flush=True,
            )


def peers(work: Path, mode: str) -> dict[str, Callable[[list[str]], Any]]:
    """What encodes a list of texts, of the packages that are installed."""
    processor = library(work, mode)
    found: dict[str, Callable[[list[str]], Any]] = {
        "sentencepiece": lambda texts: processor.encode(texts, num_threads=1)
    }
    converted = work / f"{mode}.json"
    if not converted.exists():
        convert(work / f"{mode}.model", converted)
    try:
        fast = importlib.import_module("tokenizers").Tokenizer.from_file(str(converted))
    except ImportError:
        return found
    found["tokenizers"] = lambda texts: [fast.encode(text, add_special_tokens=False).ids for text in texts]
    for name, load in (("tokie", load_tokie), ("gigatoken", load_gigatoken)):
        try:
            peer = load(work / f"{mode}.model", converted)
            peer(["春天"])
        except Exception as error:  # noqa: BLE001 - a peer that cannot read the model is told of and left out
            print(f"{name} is left out: {error}")
            continue
        found[name] = peer
    return found


def load_tokie(_: Path, converted: Path) -> Callable[[list[str]], Any]:
    """Tokie, by the call that makes no objects."""
    peer = importlib.import_module("tokie").Tokenizer.from_json(str(converted))
    return lambda texts: peer.encode_batch_flat(texts, add_special_tokens=False)


def load_gigatoken(model: Path, _: Path) -> Callable[[list[str]], Any]:
    """Gigatoken, by the call that makes no objects."""
    peer = importlib.import_module("gigatoken").Tokenizer.from_sentencepiece(str(model))
    return lambda texts: peer.encode_batch(texts, parallel=False)


def convert(model: Path, converted: Path) -> None:
    """Write a model as tokenizer.json: merges by score, then by id of the piece."""
    from sentencepiece import sentencepiece_model_pb2 as proto

    stored = proto.ModelProto.FromString(model.read_bytes())
    ids = {piece.piece: number for number, piece in enumerate(stored.pieces)}
    order = sorted(range(len(stored.pieces)), key=lambda number: (-stored.pieces[number].score, number))
    merges = [
        [text[:cut], text[cut:]]
        for text in (stored.pieces[number].piece for number in order)
        for cut in range(1, len(text))
        if text[:cut] in ids and text[cut:] in ids
    ]
    model_part = {"type": "BPE", "vocab": ids, "merges": merges, "unk_token": "<unk>", "byte_fallback": True}
    spaces = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    whole = {"version": "1.0", "added_tokens": [], "normalizer": {"type": "Sequence", "normalizers": spaces}}
    whole |= {"pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model_part}
    converted.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")


def measure_threads(data: Path, work: Path, modes: tuple[str, ...]) -> None:
    """Print how many times faster two threads are, by the clock, the best of three rounds."""
    column = pa.array(zh_text(data), pa.string())
    for mode in modes:
        encoder = _native.BytePairEncoder((work / f"{mode}.model").read_bytes())
        for run in (encoder.encode, encoder.count):
            best = {}
            for threads in (1, 2) * 3:
                _native.set_threads(threads)
                began = time.perf_counter()
                run(column)
                best[threads] = min(best.get(threads, math.inf), time.perf_counter() - began)
            print(f"{mode:<14} {run.__name__:<7} two threads {best[1] / best[2]:.2f} times one", flush=True)


if __name__ == "__main__":
    main()
