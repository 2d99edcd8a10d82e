"""The table of hostile cases: how the input is made, the command, and what must come of it."""

import gzip
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from tests.hostile.cases import DEEP, DEEP_ELSEWHERE, MANY, ROWS, line

RAW = "raw.jsonl"
CLEAN = ("clean", RAW, "--out", "out")
ALLOW = "name the format with --format if it was not recognised; see *rejected.jsonl"
AGAIN = "copy or download the file again*"
ELSEWHERE = "there is a file where a folder must be: name another folder with --out"


@dataclass(frozen=True)
class Case:
    """A case; patterns have ``*`` for any text, and stand for the whole line."""

    name: str
    make: Callable[[Path], object] | bytes
    """Makes the input in an empty folder, where the command then runs; or the bytes of raw.jsonl."""
    command: Sequence[str] = CLEAN
    error: str = ""
    """The one line after ``error: ``, if there is one; the exit code is then 2, otherwise 0."""
    hint: str = ""
    """The line after ``hint: ``, if there is one."""
    lines: int = 0
    """Of all inputs; with rows, rejected and blank lines this must add up."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Lines that are no rows, by reason."""
    blank: int = 0
    removed: int = 0
    """Rows that the stages take."""
    more_lines: int = 0
    """Further lines after the error: the mistakes of a recipe."""


def write(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def nothing(_: Path) -> None:
    return


def table(name: str, **columns: object) -> Callable[[Path], object]:
    return lambda folder: pq.write_table(pa.table(columns), folder / name)


def damaged_table(folder: Path, keep: float = 1.0) -> None:
    path = folder / "raw.parquet"
    numbers = range(3_000)
    pq.write_table(pa.table({"instruction": [f"q{n}" for n in numbers], "output": [f"a{n}" for n in numbers]}), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data[: int(keep * len(data))])


def bomb(folder: Path, packed: str, filler: bytes) -> None:
    """300 MiB in a few KiB: rows, and then one long line."""
    if packed == "zst":
        compressor = zstandard.ZstdCompressor(level=1).compressobj()
        pieces = [compressor.compress(ROWS), *(compressor.compress(filler * (1 << 20)) for _ in range(300))]
        (folder / f"raw.jsonl.{packed}").write_bytes(b"".join(pieces) + compressor.flush())
        return
    with gzip.open(folder / f"raw.jsonl.{packed}", "wb", compresslevel=9) as file:
        file.write(ROWS)
        for _ in range(300):
            file.write(filler * (1 << 20))


def long_line(folder: Path) -> None:
    with (folder / RAW).open("wb") as file:
        file.write(ROWS + b'{"instruction": "')
        for _ in range(100):
            file.write(b"a" * 1_000_000)
        file.write(b'", "output": "b"}\n')


def pipe(folder: Path, data: bytes) -> None:
    os.mkfifo(folder / RAW)
    threading.Thread(target=(folder / RAW).write_bytes, args=(data,), daemon=True).start()


def links(folder: Path) -> None:
    (folder / "d" / "e").mkdir(parents=True)
    (folder / "d" / "e" / "up").symlink_to("../../d")
    (folder / "d" / "here").symlink_to(".")
    (folder / "d" / "circle.jsonl").symlink_to("circle.jsonl")
    (folder / "d" / "rows.jsonl").write_bytes(ROWS)


def circle(folder: Path) -> None:
    (folder / "a.jsonl").symlink_to("b.jsonl")
    (folder / "b.jsonl").symlink_to("a.jsonl")


def folder_named_like_a_file(folder: Path) -> None:
    (folder / "d" / "x.jsonl").mkdir(parents=True)
    (folder / "d" / "y.jsonl").write_bytes(ROWS)


def recipe(folder: Path, data: str) -> None:
    (folder / RAW).write_bytes(ROWS)
    (folder / "my.toml").write_text(data, encoding="utf-8")


def array(*elements: bytes) -> bytes:
    return b"[" + b",\n".join(elements) + b"]"


FIVE = ROWS.splitlines()
TURNS = [{"from": ("human", "gpt")[turn % 2], "value": f"第{turn}句"} for turn in range(100_000)]
THREE_MISTAKES = '[near_dedup]\nthreshold = 3\nshingle = 4\n[output]\nto = "csv"\n'
GZIP_BOMB = (
    "raw.jsonl.gz (byte *): * stored bytes expand to 26*: more than 1,000 times is taken for a decompression bomb"
)
ESCAPES = b'{"conversations": [{"from": "\\u001b[2J\\u0007", "value": "x"}]}\n'
PIECES = ("--set", "near_dedup.threshold=")

INPUTS = [
    Case("no such file", nothing, error="raw.jsonl: no such file"),
    Case("no such file, a name like it", write("raw.json", ROWS), error="raw.jsonl: no such file", hint="did you mean raw.json?"),
    Case("an empty file", b"", error="raw.jsonl (byte 0): there is no row in the input", hint="check that this is the right file"),
    Case("a folder without data", lambda at: (at / "d").mkdir(), ("clean", "d"), "d: the folder holds no data", "data files end in .jsonl*"),
    Case("only bad lines", b"this\nis\nno data\n", error="raw.jsonl (byte 0): no line of the input is a row; all 3 were rejected, the first because not_json (line 1: byte 0: *)", hint=ALLOW),
    Case("good and bad lines", ROWS + b"{bad\n\n[1]\n" + ROWS, lines=13, rejected={"not_json": 1, "not_an_object": 1}, blank=1, removed=5),
    Case("a million empty lines", b"\n" * 1_000_000, error="raw.jsonl (byte 0): there is no row in the input", hint="check *"),
    Case("rows around a million empty lines", ROWS + b"\n" * 1_000_000 + MANY, ("clean", RAW, "--out", "out", "--stages", "exact_dedup"), lines=1_000_405, blank=1_000_000),
    Case("gzip breaks off", write("raw.jsonl.gz", gzip.compress(MANY)[:-300]), ("clean", "raw.jsonl.gz"), "raw.jsonl.gz (byte *): the gzip data breaks off", AGAIN),
    Case("zstd breaks off", write("raw.jsonl.zst", zstandard.compress(MANY)[:-9]), ("clean", "raw.jsonl.zst"), "raw.jsonl.zst (byte *): the zstd data breaks off", AGAIN),
    Case("a gzip bomb", partial(bomb, packed="gz", filler=b"\0"), ("clean", "raw.jsonl.gz"), GZIP_BOMB, "if the file can be trusted, allow more, for example with --max-ratio 10000"),
    Case("a zstd bomb", partial(bomb, packed="zst", filler=b" "), ("clean", "raw.jsonl.zst"), GZIP_BOMB.replace(".gz", ".zst").replace("26*", "*"), "if the file can be trusted, allow more, for example with --max-ratio 1*"),
    Case("a bomb that is trusted", partial(bomb, packed="zst", filler=b"x"), ("clean", "raw.jsonl.zst", "--out", "out", "--max-ratio", "1000000"), lines=6, rejected={"line_too_long": 1}),
    Case("a small file that compresses 10,000 times", write("raw.jsonl.zst", zstandard.compress(FIVE[0] + b"\n" + b"\n" * (20 << 20))), ("clean", "raw.jsonl.zst", "--out", "out"), lines=(20 << 20) + 1, blank=20 << 20),
    Case("Parquet without a column of a format", table("raw.parquet", question=["a"], answer=["b"]), ("clean", "raw.parquet"), "raw.parquet (byte 0): no line of the input is a row; all 1 were rejected, the first because missing_field (line 1: byte 0: the row has no * it has `question`, `answer`)", ALLOW),
    Case("Parquet without columns", lambda at: pq.write_table(pa.table({"a": [1]}).select([]), at / "raw.parquet"), ("clean", "raw.parquet"), "raw.parquet: the Parquet file has no columns"),
    Case("Parquet without rows", table("raw.parquet", text=pa.array([], pa.string())), ("clean", "raw.parquet"), "raw.parquet (byte 0): there is no row in the input", "check *"),
    Case("Parquet of numbers", table("raw.parquet", instruction=[1], output=[2.5]), ("clean", "raw.parquet"), "raw.parquet (byte 0): no line * wrong_type (line 1: byte 16: `instruction` is a number `1`, it must be a string)", ALLOW),
    Case("Parquet with a damaged page", damaged_table, ("clean", "raw.parquet"), "raw.parquet: the Parquet file is damaged near row 1 (*)", AGAIN),
    Case("Parquet breaks off", partial(damaged_table, keep=0.5), ("clean", "raw.parquet"), "raw.parquet (byte *): the Parquet file is damaged (*)", AGAIN),
    Case("100 MB in a line, above the limit", long_line, lines=6, rejected={"line_too_long": 1}),
    Case("100 MB in a line, below the limit", long_line, ("clean", RAW, "--out", "out", "--max-line-bytes", "200MB", "--stages", "exact_dedup"), lines=6),
    Case("nested 100,000 deep, as a text", ROWS + DEEP, lines=6, rejected={"wrong_type": 1}),
    Case("nested 100,000 deep, where nobody looks", ROWS + DEEP_ELSEWHERE, lines=6),
    Case("nested 100,000 deep, as a line", ROWS + b"[" * 100_000 + b"]" * 100_000 + b"\n" + b'{"a":' * 100_000 + b"\n", lines=7, rejected={"not_an_object": 1, "not_json": 1}),
    Case("NUL bytes", ROWS + b'{"instruction": "a\0b", "output": "c"}\n\0\0\0\n', lines=7, rejected={"not_json": 2}),
    Case("the same key twice", ROWS + '{"instruction": "旧", "instruction": "新的问题", "output": "新的回答"}\n'.encode(), lines=6),
    Case("numbers where text belongs", ROWS + line(instruction=17, output=True) + line(instruction="问", output=[1]), lines=7, rejected={"wrong_type": 2}),
    Case("lone surrogates", ROWS + b'{"instruction": "\\ud800", "output": "b"}\n{"instruction": "a", "output": "\\udc00\\ud800"}\n', lines=7, rejected={"lone_surrogate": 2}),
    Case("overlong and broken UTF-8", ROWS + b"".join(b'{"instruction": "' + bad + b'", "output": "x"}\n' for bad in (b"\xc0\xaf", b"\xe4\xbd", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80")), lines=9, rejected={"invalid_utf8": 4}),
    Case("UTF-16", ROWS.decode().encode("utf-16"), error="raw.jsonl (byte 0): the text is UTF-16 or UTF-32, not UTF-8: b'*", hint="convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"),
    Case("UTF-16 without a mark", ROWS.decode().encode("utf-16-be"), error="raw.jsonl (byte 0): the text looks like UTF-16, not UTF-8: *", hint="convert it *"),
    Case("CSV", write("raw.csv", "instruction,output\n你好,您好\n".encode()), ("clean", "raw.csv"), "raw.csv (byte 0): no line * the first because not_json (line 1: byte 0: found `i`, expected a value)", "raw.csv looks like CSV or TSV: write its rows as JSON lines, with a name before each value; see *"),
    Case("a mark of byte order in the middle", ROWS + b"\xef\xbb\xbf" + MANY, ("clean", RAW, "--out", "out", "--stages", "exact_dedup"), lines=405, rejected={"not_json": 1}),
    Case("line ends of CR alone", ROWS.replace(b"\n", b"\r"), error="raw.jsonl (byte 0): no line * not_json (line 1: byte 125: found `{`, expected nothing after the value)", hint="the lines of raw.jsonl end in CR alone: convert them, for example with tr '\\r' '\\n'; see *"),
    Case("a row of 100,000 turns", ROWS + json.dumps({"conversations": TURNS}).encode() + b"\n", (*CLEAN, "--format", "mixed"), lines=6),
    Case("ids of 1 MB", b"".join(line(id="x" * 1_000_000, text=f"第{n}段文字") for n in range(3)), lines=3),
    Case("an id of 400 digits", ROWS + b'{"id": ' + b"9" * 400 + b', "instruction": "ask", "output": "answer"}\n', lines=6),
    Case("a terminal's escapes in a speaker", ESCAPES, error='raw.jsonl (byte 0): no line * `"\\u001b[2J\\u0007"`, it must be a known role (*)', hint="*rejected.jsonl"),
    Case("a terminal's escapes in ids and texts", line(id="\x1b[2J", text="\x1b]0;x\x07文字") * 2 + line(id="\x1b[2J", text="另一段文字"), lines=3, removed=1),
    Case("a row goes for its rule", ROWS + line(instruction="写一首诗", output=""), lines=6, removed=1),
    Case("an array cut off", array(*FIVE)[:-20], error="raw.jsonl:5 (byte *): * found the end, expected the rest of the array", hint="the file begins with [, *"),
    Case("an array with more after it", array(*FIVE) + b" x", error="raw.jsonl:5 (byte *): * found `x`, expected nothing after the array", hint="the file begins with [, *"),
    Case("an array in an array", b"[" + array(*FIVE) + b"]", error="raw.jsonl (byte 0): no line of the input is a row; all 1 were rejected, the first because not_an_object (line 1: *)", hint=ALLOW),
    Case("an array nested 100,000 deep", b"[" * 100_000, error="raw.jsonl:1 (byte 100000): *", hint="the file begins with [, *"),
    Case("an array with bad elements", array(*FIVE, b"1", b'{"text": 1}', b'{"instruction": "\xff"}'), lines=8, rejected={"not_an_object": 1, "wrong_type": 1, "invalid_utf8": 1}),
    Case("an empty array", b"[]", error="raw.jsonl (byte 0): there is no row in the input", hint="check *"),
]  # fmt: skip
"""What is in the files."""

PLACES = [
    Case("a folder named like a file", lambda at: (at / RAW).mkdir(), error="raw.jsonl: the folder holds no data", hint="data files *"),
    Case("a folder named like a file, in a folder", folder_named_like_a_file, ("clean", "d", "--out", "out"), lines=5),
    Case("/dev/null", nothing, ("clean", "/dev/null"), "/dev/null: neither a file nor a folder nor a pipe"),
    Case("a device without end", nothing, ("clean", "/dev/zero"), "/dev/zero: neither a file nor a folder nor a pipe"),
    Case("a pipe", partial(pipe, data=ROWS + b"bad\n"), lines=6, rejected={"not_json": 1}),
    Case("an empty pipe", partial(pipe, data=b""), error="raw.jsonl (byte 0): there is no row in the input", hint="check *"),
    Case("a link to itself", lambda at: (at / RAW).symlink_to(RAW), error="raw.jsonl: the link leads in a circle", hint="name the file that it was meant to lead to"),
    Case("links in a circle", circle, ("clean", "a.jsonl"), "a.jsonl: the link leads in a circle", "name the file *"),
    Case("a link to nothing", lambda at: (at / RAW).symlink_to("gone"), error="raw.jsonl: the link leads to nothing", hint="name the file *"),
    Case("folders in a circle", links, ("clean", "d", "--out", "out"), lines=5),
    Case("a name with a line feed", write("a\nb.jsonl", ROWS + b"bad\n"), ("clean", "a\nb.jsonl", "--out", "out"), lines=6, rejected={"not_json": 1}),
    Case("a name with escapes", write("\x1b[31m.jsonl", b"bad\n"), ("clean", "./\x1b[31m.jsonl"), "./\\x1b[31m.jsonl (byte 0): no line *", ALLOW),
    Case("a name that is no UTF-8", write(os.fsdecode(b"a\xff.jsonl"), ROWS), ("clean", os.fsdecode(b"a\xff.jsonl"), "--out", "out"), lines=5),
    Case("a name with emoji", write("😀数据.jsonl", ROWS), ("clean", "😀数据.jsonl", "--out", "out"), lines=5),
    Case("a name of 300 characters", nothing, ("clean", "a" * 300), "a*: cannot be read (OSError: File name too long)"),
    Case("a run folder with a name of 300 characters", ROWS, ("clean", RAW, "--out", "a" * 300), "a*: cannot be a run folder (File name too long)", "name another with --out"),
    Case("the input as run folder", ROWS, ("clean", RAW, "--out", RAW), "raw.jsonl: cannot write here (File exists)", ELSEWHERE),
    Case("a run folder below a file", ROWS, ("clean", RAW, "--out", f"{RAW}/x"), "raw.jsonl/x: cannot write here (Not a directory)", ELSEWHERE),
    Case("a run folder where nothing can be written", ROWS, ("clean", RAW, "--out", "/proc/belle"), "/proc/belle: cannot write here (*)", "check the rights and the free space, *"),
    Case("the folder of the input as run folder", links, ("clean", "d", "--out", "d"), "d/rows.jsonl: the input lies in the run folder", "name another folder with --out, or narrower input"),
]  # fmt: skip
"""Where the files are."""

USE = [
    Case("three mistakes in a recipe", partial(recipe, data=THREE_MISTAKES), (*CLEAN, "--recipe", "my.toml"), "my.toml: 3 mistakes in the recipe", more_lines=5),
    Case("a recipe nested without end", partial(recipe, data="a = " + "[" * 100_000), (*CLEAN, "--recipe", "my.toml"), "my.toml: the recipe is *"),
    Case("a recipe with a number of 5,000 digits", partial(recipe, data="[near_dedup]\nseed = " + "9" * 5_000), (*CLEAN, "--recipe", "my.toml"), "my.toml: the recipe cannot be read (*)"),
    Case("a recipe without end", ROWS, (*CLEAN, "--recipe", "/dev/zero"), "/dev/zero: the file is larger than 1 MiB, which no recipe is", "was the input meant? *"),
    Case("an unknown flag", ROWS, (*CLEAN, "--max-ration", "3"), "unknown option --max-ration", "did you mean --max-ratio?"),
    Case("an unknown stage", ROWS, (*CLEAN, "--stages", "near_dup"), "unknown stage: 'near_dup'", "did you mean near_dedup? *"),
    Case("an unknown command", ROWS, ("clena", RAW), "unknown command: 'clena'", "did you mean clean?"),
    Case("a setting of 5,000 digits", ROWS, (*CLEAN, *PIECES[:1], PIECES[1] + "9" * 5_000), "`near_dedup.threshold`: *"),
    *[Case(f"--threads {number}", ROWS, (*CLEAN, "--threads", number), f"threads must be 1 to 1024: {number}") for number in ("0", "-1", "99999")],
    Case("--limit 0", ROWS, (*CLEAN, "--limit", "0"), "`input.limit`: input should be greater than or equal to 1: '0'"),
    Case("--shard-rows 0", ROWS, (*CLEAN, "--shard-rows", "0"), "`output.shard_rows`: input should be greater than or equal to 1: '0'"),
    Case("--max-ratio 0", ROWS, (*CLEAN, "--max-ratio", "0"), "`input.max_ratio`: input should be greater than or equal to 1: '0'"),
    *[Case(f"{flag} of 30 digits", ROWS, (*CLEAN, flag, "9" * 30), "`*`: input should be less than or equal to 4294967296: *") for flag in ("--limit", "--shard-rows")],
]  # fmt: skip
"""How the command is used."""

CASES = [*INPUTS, *PLACES, *USE]
