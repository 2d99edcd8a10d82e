"""Files that are wrong, broken or meant to do harm, each with what must come of it."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

ROW = '{"instruction": "写一首关于%s的诗。", "input": "", "output": "%s在山上，云在天上，人在路上。"}\n'
ROWS = "".join(ROW % (word, word) for word in ("春天", "夏夜", "秋风", "冬雪", "故乡")).encode()
MANY = b"".join((ROW % (f"第{number}号", f"答案{number * 7919}")).encode() for number in range(400))


@dataclass
class Hostile:
    """A file, how it is read, and what must come of it."""

    name: str
    data: bytes
    rows: int = 0
    reasons: Sequence[str] = ()
    """Of the rejected lines, in order."""
    blank: int = 0
    error: str = ""
    """A pattern of the message, if the run fails."""
    arguments: Sequence[str] = ()
    file: str = "raw.jsonl"
    removed: int = 0


def line(**values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


SURROGATE = b'{"instruction": "\\ud800", "output": "one half"}\n'
PREFERENCE = line(instruction="比较", chosen="好", rejected="坏")
NUMBERS = line(instruction=17, output=True)
DEEP = b'{"instruction": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
DEEP_ELSEWHERE = b'{"instruction": "q", "output": "a", "meta": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}\n"

CASES = [
    Hostile("empty file", b"", error=r"there is no row"),
    Hostile("only blank lines", b"\n  \n\t\r\n\n", error=r"there is no row"),
    Hostile("only a mark of byte order", b"\xef\xbb\xbf", error=r"there is no row"),
    Hostile("only bad lines", b"this\nis\nno data\n", error=r"no line of the input is a row; all 3"),
    Hostile("no format", line(a=1) * 5, error=r"no line of the input is a row; all 5"),
    Hostile(
        "mixed",
        ROWS + b"{broken\n\n[1]\n" + line(text="一段文字"),
        rows=6,
        reasons=["not_json", "not_an_object"],
        blank=1,
        arguments=["--format", "mixed"],
    ),
    Hostile("too many bad lines", ROWS + b"x\n" * 11, error=r"11 of 16 lines were rejected, 10 are allowed"),
    Hostile(
        "a limit on bad lines",
        ROWS + b"x\n",
        error=r"1 of 6 lines were rejected, 0 are allowed",
        arguments=["--max-bad-lines", "0"],
    ),
    Hostile("gzip breaks off", gzip.compress(MANY)[:-300], error=r"byte \d+", file="raw.jsonl.gz"),
    Hostile(
        "gzip is damaged",
        bytes(b ^ (0xFF if i == 200 else 0) for i, b in enumerate(gzip.compress(MANY))),
        error=r"byte \d+",
        file="raw.jsonl.gz",
    ),
    Hostile("zstd breaks off", zstandard.compress(MANY)[:-30], error=r"byte \d+", file="raw.jsonl.zst"),
    Hostile("an array breaks off", b"[" + ROWS.replace(b"\n", b",\n")[:-20], error=r"byte \d+", file="raw.json"),
    Hostile("an array without commas", b"[" + ROWS + b"]", error=r"byte \d+", file="raw.json"),
    Hostile("a name that lies: gzip", ROWS, error=r"ends in \.gz, but", file="raw.jsonl.gz"),
    Hostile("a name that lies: zstd", ROWS, error=r"ends in \.zst, but", file="raw.jsonl.zst"),
    Hostile("a name that lies: Parquet", ROWS, error=r"[Pp]arquet", file="raw.parquet"),
    Hostile("Parquet breaks off", b"PAR1" + bytes(50), error=r"[Pp]arquet", file="raw.parquet"),
    Hostile("binary", bytes(range(256)) * 40, error=r"", file="raw.jsonl"),
    Hostile("deep nesting", ROWS + DEEP, rows=5, reasons=["wrong_type"]),
    Hostile("deep nesting where nobody looks", ROWS + DEEP_ELSEWHERE, rows=6),
    Hostile("open nesting", ROWS + b"[" * 100_000 + b"\n", rows=5, reasons=["not_json"]),
    Hostile("zero bytes", ROWS + b'{"instruction": "a\0b", "output": "c"}\n', rows=5, reasons=["not_json"]),
    Hostile("escaped zero bytes", ROWS + b'{"instruction": "a\\u0000b", "output": "c"}\n', rows=6),
    Hostile("half of a pair", ROWS + SURROGATE, rows=5, reasons=["lone_surrogate"]),
    Hostile("no UTF-8", ROWS + b'{"instruction": "\xff\xfe", "output": "x"}\n', rows=5, reasons=["invalid_utf8"]),
    Hostile(
        "GBK", ROWS + '{"instruction": "你好", "output": "再见"}\n'.encode("gbk"), rows=5, reasons=["invalid_utf8"]
    ),
    Hostile("numbers for text", ROWS + NUMBERS, rows=5, reasons=["wrong_type"]),
    Hostile("preference data", ROWS + PREFERENCE, rows=5, reasons=["preference_data"]),
    Hostile("only preference data", PREFERENCE * 3, error=r"preference_data"),
    Hostile("mark of byte order", b"\xef\xbb\xbf" + ROWS, rows=5),
    Hostile("CRLF", ROWS.replace(b"\n", b"\r\n"), rows=5),
    Hostile("no last line feed", ROWS[:-1], rows=5),
    Hostile("blank lines between", ROWS.replace(b"\n", b"\n\n \n"), rows=5, blank=10),
    Hostile("one row", ROWS.splitlines(keepends=True)[0], rows=1),
    Hostile("two equal rows", ROWS.splitlines(keepends=True)[0] * 2, rows=2, removed=1),
    Hostile("only spaces", ROWS + line(instruction="  ", output="\u3000"), rows=6, removed=1),
    Hostile("empty texts", ROWS + line(instruction="", input="", output=""), rows=6, removed=1),
    Hostile("repeated ids", line(id="a", text="第一行") + line(id="a", text="另一行"), rows=2),
    Hostile("the same key twice", ROWS + b'{"instruction": "a", "instruction": "b", "output": "c"}\n', rows=6),
    Hostile(
        "a control character", ROWS + b'{"instruction": "\x1b[31mred", "output": "x"}\n', rows=5, reasons=["not_json"]
    ),
    Hostile("an escape of the terminal in a key", ROWS + line(**{"\x1b[31m": 1}), rows=5, reasons=["missing_field"]),
    Hostile("long numbers", ROWS + b'{"instruction": "n", "output": "m", "score": ' + b"9" * 100_000 + b"}\n", rows=6),
    Hostile("a path as id", ROWS + line(id="../../etc/passwd", instruction="a", output="b"), rows=6),
    Hostile(
        "hash collisions of spaces",
        ROWS + b'{"text": "' + b" " * 1_000_000 + b'"}\n',
        rows=6,
        arguments=["--format", "mixed"],
    ),
    Hostile(
        "one character a million times", ROWS + line(instruction="啊" * 1_000_000, output="啊") * 2, rows=7, removed=1
    ),
]
