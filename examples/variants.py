"""Changed copies of an example, and the similarity by which they are told to be near duplicates or not."""

import random
import re
from collections.abc import Callable

from families import Example

HAN = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]")
# Characters that a careless typist confuses.
CONFUSED = {
    "的": "地",
    "在": "再",
    "做": "作",
    "像": "象",
    "他": "她",
    "得": "的",
    "以": "已",
    "会": "回",
    "有": "又",
    "是": "事",
    "一": "壹",
}
TO_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
TO_HALF_WIDTH = str.maketrans("，。！？：；（）“”", ',.!?:;()""')
OPENERS = ("好的，", "当然可以！", "您好，", "没问题。", "回答：")
CLOSERS = ("希望对您有帮助。", "祝您顺利！", "还有问题请告诉我。", "以上仅供参考。", "谢谢提问。")


def shingles(text: str) -> frozenset[str]:
    """Return the 5-character pieces of a text with any East Asian letter, else its 3-word pieces.

    A text too short for one piece is its own piece.
    """
    if HAN.search(text):
        return frozenset(text[at : at + 5] for at in range(max(1, len(text) - 4)))
    words = text.split()
    return frozenset(" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2)))


def similarity(first: str, second: str) -> float:
    """Return the Jaccard similarity of the two texts' shingle sets, 0 to 1."""
    left, right = shingles(first), shingles(second)
    return len(left & right) / len(left | right)


def sentences(text: str) -> list[str]:
    """Split after each full stop; joined again they give the text."""
    return [piece for piece in re.split(r"(?<=[。！？\n])", text) if piece]


def edited(example: Example, chance: random.Random) -> Example:
    """One or two characters of the answer confused, doubled or left out."""
    letters = list(example.answer)
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(letters))
        letters[at] = chance.choice([CONFUSED.get(letters[at], letters[at] * 2), ""])
    return Example(example.instruction, "".join(letters), example.context)


def swapped(example: Example, chance: random.Random) -> Example:
    """Two neighbouring sentences of the answer in the other order."""
    pieces = sentences(example.answer)
    if len(pieces) > 1:
        at = chance.randrange(len(pieces) - 1)
        pieces[at], pieces[at + 1] = pieces[at + 1], pieces[at]
    return Example(example.instruction, "".join(pieces), example.context)


def punctuated(example: Example, chance: random.Random) -> Example:
    """One or two marks of punctuation in another spelling."""
    answer = example.answer
    marks = [at for at, letter in enumerate(answer) if letter in "，。；：！"]
    for at in chance.sample(marks, min(len(marks), chance.randint(1, 2))):
        answer = (
            answer[:at] + {"，": "、", "。": "！", "；": "。", "：": "，", "！": "。"}[answer[at]] + answer[at + 1 :]
        )
    return Example(example.instruction, answer, example.context)


def half_width(example: Example, _chance: random.Random) -> Example:
    """All punctuation in half width: the same to a reader, far away by shingles unless width is folded."""
    return Example(*(text.translate(TO_HALF_WIDTH) for text in (example.instruction, example.answer, example.context)))


def full_width(example: Example, chance: random.Random) -> Example:
    """One number or Latin word of the answer in full width."""
    runs = list(re.finditer(r"[0-9A-Za-z]+", example.answer))
    if not runs:
        return example
    run = chance.choice(runs)
    wide = run.group().translate(TO_FULL_WIDTH)
    return Example(
        example.instruction, example.answer[: run.start()] + wide + example.answer[run.end() :], example.context
    )


def framed(example: Example, chance: random.Random) -> Example:
    """A polite phrase before the answer, or after it."""
    if chance.random() < 0.5:
        return Example(example.instruction, chance.choice(OPENERS) + example.answer, example.context)
    return Example(example.instruction, example.answer + chance.choice(CLOSERS), example.context)


def rewritten(example: Example, chance: random.Random) -> Example:
    """Part of the answer said in other words, so that it is a different answer to the same question."""
    pieces = sentences(example.answer)
    others = [
        "具体做法因人而异，先少量试一试。",
        "我的经验正好相反，慢一些反而更快。",
        "这一点有不同的说法，最好再查一查。",
    ]
    for at in chance.sample(range(len(pieces)), max(1, len(pieces) // 3)):
        pieces[at] = chance.choice(others)
    return Example(example.instruction, "".join(pieces), example.context)


Change = Callable[[Example, random.Random], Example]

# kind, change, rows, lowest and highest similarity to the example it was made from; first what few examples allow
NEAR: tuple[tuple[str, Change, int, float, float], ...] = (
    ("near_full_width", full_width, 12, 0.82, 0.999),
    ("near_edited_characters", edited, 34, 0.82, 0.999),
    ("near_swapped_sentences", swapped, 24, 0.82, 0.999),
    ("near_punctuation", punctuated, 24, 0.82, 0.999),
    ("near_opener_or_closer", framed, 28, 0.82, 0.999),
    ("far_half_width", half_width, 16, 0.0, 0.78),
    ("far_rewritten", rewritten, 26, 0.35, 0.78),
)
