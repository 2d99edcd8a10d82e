"""Rejected lines that have one cause are told with what to do about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from belle_data.engine.rejected import is_gbk

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Rows = list[dict[str, Any]]

TEXTS = ["请把下面这句话翻译成英文：春天来了，公园里的花都开了。", "煮米饭时水和米的比例是多少？", "ＡＢＣ，一二三……"]
ICONV = "raw.jsonl looks like GBK or GB18030 and must be UTF-8: convert it, for example with iconv -f GB18030 -t UTF-8"


def messages(number: int) -> dict[str, Any]:
    asked = {"role": "user", "content": f"第{number}个问题是什么？"}
    return {"messages": [asked, {"role": "assistant", "content": f"答案是{number * 7919}。"}]}


@pytest.mark.parametrize("encoding", ["gbk", "gb18030"])
@pytest.mark.parametrize("array", [False, True])
def test_gbk_is_told_with_iconv(belle: Shell, rows: Rows, encoding: str, array: bool) -> None:
    text = json.dumps(rows, ensure_ascii=False, indent=1) if array else "\n".join(
        json.dumps(row, ensure_ascii=False) for row in rows
    )  # fmt: skip
    (belle.folder / "raw.jsonl").write_bytes(text.encode(encoding))
    done = belle.here("clean", "raw.jsonl", "--max-bad-lines", "3")
    assert done.code == 2
    assert f"hint: {ICONV}; see runs/raw/rejected/rejected.jsonl" in done.err


def test_a_few_lines_of_gbk_are_told_too(belle: Shell, rows: Rows) -> None:
    source = belle.write("raw.jsonl", rows)
    with source.open("ab") as file:
        file.write('{"instruction": "你好", "output": "再见"}\n'.encode("gbk"))
    assert f"note: some lines were rejected; {ICONV}" in belle.here("clean", "raw.jsonl").err
    assert belle.here("clean", "raw.jsonl", "-q", "--force").err == ""


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_taken_for_gbk(text: str) -> None:
    assert is_gbk(f'{{"text": "{text}"}}'.encode("gbk"))
    utf8 = text.encode()
    for at in range(len(utf8)):
        assert not is_gbk(utf8[:at] + utf8[at + 1 :])
        assert not is_gbk(utf8[:at] + b"\xff" + utf8[at:])
    assert not is_gbk("Größe, déjà vu, señor".encode("latin-1"))
    assert not is_gbk(b"")
    assert not is_gbk(bytes(range(128, 256)))


@pytest.mark.parametrize("array", [False, True])
def test_a_shape_that_changes_further_on_is_told(belle: Shell, array: bool) -> None:
    rows = [{"instruction": f"第{n}题", "output": f"{n * 31}"} for n in range(120)] + [messages(n) for n in range(40)]
    if array:
        (belle.folder / "raw.jsonl").write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        belle.write("raw.jsonl", rows)
    failed = belle.here("clean", "raw.jsonl")
    number = 482 if array else 121
    hint = (
        f"the first rows of raw.jsonl are alpaca and line {number} is messages: "
        "read every row by its own shape with --format mixed"
    )
    assert failed.code == 2
    assert f"hint: {hint}; see runs/raw/rejected/rejected.jsonl" in failed.err
    allowed = belle.here("clean", "raw.jsonl", "--max-bad-lines", "40")
    assert (allowed.code, f"note: some lines were rejected; {hint}" in allowed.err) == (0, True)
    mixed = belle.here("clean", "raw.jsonl", "--format", "mixed", "--json").json()
    assert (mixed["rows_in"], mixed["rejected"]) == (160, 0)


def test_a_format_that_was_named_and_is_another(belle: Shell) -> None:
    belle.write("raw.jsonl", [messages(number) for number in range(5)])
    done = belle.here("clean", "raw.jsonl", "--format", "alpaca")
    assert done.code == 2
    assert (
        "hint: line 1 of raw.jsonl is messages: leave out --format alpaca, or name --format messages; see" in done.err
    )


@pytest.mark.parametrize("line", ["{broken", '{"a": 1}', "[]", '{"instruction": ' + '"' + "长" * 600_000])
def test_other_bad_lines_have_no_such_hint(belle: Shell, rows: Rows, line: str) -> None:
    belle.write("raw.jsonl", [*rows, line])
    done = belle.here("clean", "raw.jsonl")
    assert (done.code, "note:" in done.err) == (0, False)
