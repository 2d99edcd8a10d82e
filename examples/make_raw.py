"""Writes raw.jsonl: instruction data as it comes, with every defect that a cleaner meets, each planted on purpose.

    python examples/make_raw.py            write examples/raw.jsonl and print the table of README.md
    python examples/make_raw.py --table    print the table alone

The same seed gives the same bytes. ``plan`` is the list of what is in the file; the other functions add to it.
"""

import argparse
import random
import sys
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from families import FAMILIES, Example
from formats import Writer, conversation, dump, single
from variants import NEAR, edited, sentences, similarity

FOLDER = Path(__file__).resolve().parent
SEED = 20261121
PAIR_FILES = ("life", "knowledge", "study", "work", "english")
# Long enough that a changed character leaves a near duplicate.
LONG = 75


@dataclass(frozen=True)
class Line:
    """One line of the file, what was planted with it, and how similar a changed copy is to its example, 0 to 1."""

    kind: str
    data: bytes
    similarity: float | None = None


# What README.md says of each kind, in the order of its table.
KINDS = {
    "clean": "hand-written questions and answers",
    "clean_conversation": "conversations of several turns, some with a system turn or calls of tools",
    "template": "a pattern shared with many rows, filled with other content: must stay",
    "same_prompt": "the question of another row with another answer: must stay",
    "short": "a few characters long and right: must stay",
    "exact_copy": "the whole line again, byte for byte",
    "copy_other_id": "the same texts under an id of its own",
    "copy_other_format": "the same turns in another format",
    "copy_nfd": "the same texts with decomposed accents (NFD)",
    "copy_blanks": "the same texts with blanks and empty lines at their ends",
    "copy_controls": "the same texts with control characters and invisible marks in them",
    "near_edited_characters": "one or two characters changed, doubled or left out",
    "near_swapped_sentences": "two neighbouring sentences in the other order",
    "near_punctuation": "one or two marks of punctuation changed",
    "near_full_width": "a number or Latin word in full width",
    "near_opener_or_closer": "a polite phrase before or after the answer",
    "chain_middle": "near duplicate of a row and of a chain_end",
    "chain_end": "near duplicate of a chain_middle, but not of the row where the chain starts",
    "far_half_width": "all punctuation in half width: a near duplicate only if width is folded",
    "far_rewritten": "a third of the answer rewritten: below the threshold, must stay",
    "repetition": "an answer that repeats itself",
    "refusal": "“作为一个AI语言模型” and its relatives",
    "wrong_language": "an answer in a language that nobody asked for",
    "empty_answer": "an answer without a visible character",
    "empty_prompt": "an answer to nothing",
    "missing_content": "a gap where the chart or the figures should be that were asked for",
    "placeholder": "gaps for names and dates that nobody filled in",
    "picture": "an answer that leans on a picture",
    "markup": "leftovers of a web page",
    "personal_data": "numbers and addresses of persons (all made up)",
    "blanks": "lines that end in blanks",
    "invisible": "zero-width, control or odd space characters",
    "no_words": "an answer of emoji or punctuation alone",
    "mojibake": "text decoded with the wrong encoding",
    "echo": "an answer equal to its question",
    "cut_off": "an answer that ends in the middle of a sentence",
    "part_not_text": "a message with a part that is a picture",
    "repeated_id": "the id of another row, with other content",
    "bad_line": "no row at all: one line per reason for which a line is rejected",
}

# How many rows of a kind the rules take with their default settings, by reason. Of kinds that do not stand here they
# take none: those are good, or duplicates, or no rule sees what is wrong with them.
TAKEN = {
    "repetition": {"repetition": 12},
    "refusal": {"speaks_as_ai": 9, "refusal": 2},
    "wrong_language": {"other_language": 9},
    "empty_answer": {"empty_answer": 14},
    "empty_prompt": {"short_prompt": 6},
    "missing_content": {"placeholder": 6},
    "mojibake": {"mojibake": 12},
    "echo": {"answer_is_instruction": 10},
}


def load(name: str) -> dict[str, Any]:
    """Return the tables of ``seeds/<name>.toml``."""
    return tomllib.loads((FOLDER / "seeds" / f"{name}.toml").read_text(encoding="utf-8"))


def hand_written() -> list[Example]:
    """Return all question and answer pairs, in the order of the files."""
    pairs = [pair for name in PAIR_FILES for pair in load(name)["pairs"]]
    return [Example(pair[0], pair[-1], pair[1] if len(pair) == 3 else "") for pair in pairs]


def decomposed(example: Example) -> Example:
    """Return the example with every accented letter as a letter and an accent (NFD)."""
    return Example(
        *(unicodedata.normalize("NFD", text) for text in (example.instruction, example.answer, example.context))
    )


def with_blanks(example: Example, number: int) -> Example:
    """Return the example with blanks at the end of its lines, as editors and tables leave them."""
    end = (" ", "\u3000", "  \n", "\t\n\n")[number % 4]
    answer = "".join(line.rstrip("\n") + " \n" for line in example.answer.splitlines(keepends=True)).rstrip(" \n")
    return Example(f"{example.instruction} ", answer + end, example.context)


def with_controls(example: Example, number: int) -> Example:
    """Return the example with what copying from pages and terminals leaves behind."""
    middle = len(example.answer) // 2
    before, after = example.answer[:middle], example.answer[middle:]
    answers = (
        f"\ufeff{example.answer}",
        f"{before}\u200b{after}\u200b",
        f"{before}\u0008{after}\u0007",
        f"{example.answer}\r\n",
    )
    return Example(example.instruction, answers[number % len(answers)], example.context)


def has_accents(example: Example) -> bool:
    """Say whether NFD changes the example."""
    return decomposed(example) != example


def conversations(writer: Writer) -> Iterator[Line]:
    """Each conversation once, in a format that can hold its roles."""
    for number, dialog in enumerate(load("dialogs")["dialogs"]):
        turns = [(role, text) for role, text in dialog]
        plain = {role for role, _ in turns} <= {"human", "assistant"}
        forms = (
            ("sharegpt", "multi_turn", "messages", "sharegpt_user")
            if plain
            else ("sharegpt", "messages", "message_parts")
        )
        yield Line("clean_conversation", writer.line(conversation(turns, forms[number % len(forms)])))


def copies(clean: list[Example], templates: list[Example], writer: Writer) -> Iterator[Line]:
    """Rows whose text is that of another row; both are written here, so that the first is not copied twice."""
    for example in templates[:30]:
        line = writer.alpaca(example, named=False)
        yield Line("template", line)
        yield Line("exact_copy", line)
    for example in templates[30:70]:
        yield Line("template", writer.alpaca(example))
        yield Line("copy_other_id", writer.alpaca(example, named=True))
    # The context of alpaca has no place in the other formats, so these examples have none.
    for example in [example for example in templates[70:] if not example.context][:16]:
        yield Line("template", writer.alpaca(example))
        yield Line(
            "copy_other_format",
            writer.line(single(example, writer.chance.choice(["sharegpt", "messages", "input_target"]))),
        )
    for example in clean:
        if has_accents(example):
            yield Line("copy_nfd", writer.alpaca(decomposed(example), named=True))


def untidy_copies(templates: list[Example], writer: Writer) -> Iterator[Line]:
    """Rows whose text is that of another row once blanks and control characters are gone; 18 examples, each twice."""
    for number, example in enumerate(templates):
        yield Line("template", writer.alpaca(example))
        kind, change = ("copy_blanks", with_blanks) if number < 10 else ("copy_controls", with_controls)
        yield Line(kind, writer.alpaca(change(example, number), named=True))


def near_copies(originals: list[Example], writer: Writer) -> Iterator[Line]:
    """Changed copies, each of another example, which is taken out of ``originals``.

    A change that misses the range of its kind is not used.
    """
    for kind, change, rows, low, high in NEAR:
        done = 0
        for example in list(originals):
            if done == rows:
                break
            changed = change(example, writer.chance)
            reached = similarity(example.text, changed.text)
            if low <= reached <= high:
                originals.remove(example)
                yield Line(kind, writer.alpaca(changed), reached)
                done += 1
        if done < rows:
            raise ValueError(f"{kind}: {done} of {rows} rows could be made; more long examples are needed")


def chains(originals: list[Example], writer: Writer, rows: int = 8) -> Iterator[Line]:
    """Pairs of changed copies of which the second is similar to the first only, not to the original of both."""
    done = 0
    while done < rows:
        start = originals.pop()
        middle = end = start
        while similarity(start.text, middle.text) > 0.88:
            middle = edited(middle, writer.chance)
        while similarity(start.text, end.text) > 0.78:
            end = edited(middle if end is start else end, writer.chance)
        first, second = similarity(start.text, middle.text), similarity(middle.text, end.text)
        if min(first, second) >= 0.82:
            yield Line("chain_middle", writer.alpaca(middle), first)
            yield Line("chain_end", writer.alpaca(end), second)
            done += 1


def repetitions(examples: Iterable[Example], chance: random.Random) -> Iterator[Example]:
    """Answers that go in circles: a sentence, a pair of sentences, a word or a character over and over."""
    for number, example in enumerate(examples):
        first, second, *_ = [*sentences(example.answer), "总之就是这样。"]
        times = chance.randint(8, 30)
        answers = (
            example.answer + first * times,
            (first + second) * times,
            first + "非常" * times * 3 + "好。",
            first + "哈" * times * 5,
        )
        yield Example(example.instruction, answers[number % len(answers)], example.context)


def broken_text(examples: Iterable[Example]) -> Iterator[Example]:
    """Answers as they look after a wrong decoding."""
    for number, example in enumerate(examples):
        raw = example.answer.encode()
        answers = (
            raw.decode("latin-1"),
            raw.decode("gbk", errors="replace"),
            "锟斤拷" * 4 + example.answer[:20] + "烫烫烫烫" + example.answer[20:40],
            "ï»¿" + raw[1:].decode("utf-8", errors="replace"),
        )
        yield Example(example.instruction, answers[number % len(answers)], example.context)


def cut_off(examples: Iterable[Example]) -> Iterator[Example]:
    """Answers that stop halfway, never at the end of a sentence."""
    for example in examples:
        end = len(example.answer) // 2
        while example.answer[end - 1] in "。！？\n":
            end -= 1
        yield Example(example.instruction, example.answer[:end], example.context)


def defects(spare: list[Example], templates: list[Example], writer: Writer) -> Iterator[Line]:
    """Rows that can be read but should not be learnt from, one defect each."""
    written = load("defects")
    names = {
        "refusals": "refusal",
        "wrong_language": "wrong_language",
        "empty_prompts": "empty_prompt",
        "missing_content": "missing_content",
        "placeholders": "placeholder",
        "pictures": "picture",
        "markup": "markup",
        "personal": "personal_data",
        "blanks": "blanks",
        "invisible": "invisible",
        "emoji_only": "no_words",
        "short": "short",
    }
    for table, kind in names.items():
        for question, answer in written[table]:
            yield Line(
                kind,
                writer.any_form(Example(question, answer))
                if kind == "refusal"
                else writer.alpaca(Example(question, answer)),
            )
    for question, *answers in written["other_answers"]:
        for number, answer in enumerate(answers):
            yield Line("same_prompt" if number else "clean", writer.alpaca(Example(question, answer)))

    for example in repetitions(spare[:16], writer.chance):
        yield Line("repetition", writer.alpaca(example))
    for example in broken_text(spare[16:28]):
        yield Line("mojibake", writer.alpaca(example))
    for example in cut_off(spare[28:40]):
        yield Line("cut_off", writer.alpaca(example))
    for number, example in enumerate(templates[:14]):
        empty = ("", " ", "\n\n", "\u3000")[number % 4]
        yield Line("empty_answer", writer.alpaca(Example(example.instruction, empty, example.context)))
    for example in templates[14:24]:
        yield Line("echo", writer.alpaca(Example(example.instruction, example.prompt, example.context)))
    for question, answer in written["pictures"][:3]:
        parts = [
            {"type": "text", "text": question},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ]
        turns = [{"role": "user", "content": parts}, {"role": "assistant", "content": f"{answer[:8]}……"}]
        yield Line("part_not_text", writer.line({"messages": turns}))


def repeated_ids(templates: list[Example], writer: Writer) -> Iterator[Line]:
    """Pairs of different rows that carry the same id."""
    for first, second in zip(templates[::2], templates[1::2], strict=True):
        name = writer.new_id()
        yield Line("template", dump({"id": name, **single(first, "alpaca")}))
        yield Line("repeated_id", dump({"id": name, **single(second, "alpaca")}))


def bad_lines() -> list[Line]:
    """Lines that hold no row; nine, so that the default limit on bad lines is not reached."""
    row = {"instruction": "写一句关于春天的话。", "input": "", "output": "风一软，河就醒了。"}
    lines = [
        '{"instruction": "这一行在半路断了", "input": "", "output": "因为写文件的程序'.encode(),
        str(row).encode(),
        r'{"instruction": "程序装在哪里？", "input": "", "output": "在 D:\xampp 里。"}'.encode(),
        '["写一句话。", "今天的云很低。"]'.encode(),
        dump({"id": "bad-fields", "instruction": "只有问题，没有回答。", "input": ""}),
        dump({"id": "bad-types", "instruction": 12, "input": "", "output": ["十二"]}),
        dump(row).decode().encode("gbk"),
        b'{"instruction": "\\u5199\\u4e00\\u4e2a\\u8868\\u60c5\\u3002", "input": "", "output": "\\ud83d"}',
        dump({"prompt": "晚饭吃什么？", "chosen": "番茄面，十分钟就好。", "rejected": "不知道。"}),
    ]
    return [Line("bad_line", data) for data in lines]


def plan(seed: int = SEED) -> list[Line]:
    """Return every line of the file but the blank ones, in its order."""
    chance = random.Random(seed)
    writer = Writer(chance)
    clean = hand_written()
    lists = load("families")
    templates = [example for family in FAMILIES for example in family(lists, chance)]
    chance.shuffle(templates)

    # Rows with a defect are made of examples that stand nowhere else, so that no stage can take them for a duplicate.
    spare = [example for example in templates if len(example.text) >= LONG][:40]
    untidy = [example for example in templates if len(example.text) < LONG and not has_accents(example)][:18]
    templates = [example for example in templates if example not in spare and example not in untidy]
    long = [
        example for example in [*clean, *templates[102:-64]] if len(example.text) >= LONG and not has_accents(example)
    ]
    chance.shuffle(long)

    head = [Line("clean", writer.alpaca(example, named=True)) for example in clean[:12]]
    lines = [Line("clean", writer.any_form(example)) for example in clean[12:]]
    lines += conversations(writer)
    lines += copies(clean, templates[:102], writer)
    lines += untidy_copies(untidy, writer)
    lines += [Line("template", writer.any_form(example)) for example in templates[102:-64]]
    lines += near_copies(long, writer)
    lines += chains(long, writer)
    lines += defects(spare, templates[-64:-40], writer)
    lines += repeated_ids(templates[-40:-16], writer)
    lines += [Line("template", writer.any_form(example)) for example in templates[-16:]]
    lines += bad_lines()
    chance.shuffle(lines)
    # The last line of the file has no newline, so it should be one that can be read.
    tail = next(line for line in lines if line.kind == "template")
    lines.remove(tail)
    return [*head, *lines, tail]


def contents(lines: list[Line]) -> bytes:
    """Return the file: one line ends in CRLF, three are blank, the last has no newline."""
    ends = [b"\n"] * (len(lines) - 1) + [b""]
    ends[7] = b"\r\n"
    for at in (100, 500, 501):
        ends[at] = b"\n\n"
    return b"".join(line.data + end for line, end in zip(lines, ends, strict=True))


def table(lines: list[Line]) -> str:
    """Return the table of README.md: each kind with its rows, how similar changed copies are, what the rules take."""
    rows = ["| Kind | Rows | Similarity | The rules take | What it is |", "|---|---:|---|---|---|"]
    for kind, meaning in KINDS.items():
        found = [line for line in lines if line.kind == kind]
        reached = [line.similarity for line in found if line.similarity is not None]
        span = f"{min(reached):.2f} to {max(reached):.2f}" if reached else ""
        taken = ", ".join(f"{count} for `{reason}`" for reason, count in TAKEN.get(kind, {}).items())
        rows.append(f"| `{kind}` | {len(found)} | {span} | {taken} | {meaning} |")
    return "\n".join([*rows, f"| all | {len(lines)} | | | |"])


def main() -> int:
    """Write the file, print the table."""
    parser = argparse.ArgumentParser(description="Write the example data, or print what is in it.")
    parser.add_argument("--out", type=Path, default=FOLDER / "raw.jsonl", help="file to write (default: %(default)s)")
    parser.add_argument("--table", action="store_true", help="print the table of what is planted and write nothing")
    options = parser.parse_args()
    lines = plan()
    if not options.table:
        options.out.write_bytes(contents(lines))
    print(table(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
