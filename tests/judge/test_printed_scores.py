"""Tables of printed scores: read as spreadsheets save them, and checked against themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from belle_data.errors import BelleError, SourceError
from belle_data.evalset.categories import CATEGORIES
from belle_train.judge.printed_scores import printed_row_consistent, read_category_scores

if TYPE_CHECKING:
    from pathlib import Path

HEADER = (
    "Model,Macro ave.,Macro w/o others,others,Rewrite,classification,generation,summarization,extract,"
    "open QA,brainstorming,closed\u00a0QA"
)
SCORES = [0.6, 0.85, 0.75, 0.9, 0.7, 0.55, 0.65, 0.8, 0.5]
ROW = "one,0.700,0.713," + ",".join(map(str, SCORES))


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_table_is_read(tmp_path: Path) -> None:
    found = read_category_scores(written(tmp_path, f"{HEADER},Base model\n\n{ROW},LLaMA\n{ROW.replace('0.700', '')}\n"))
    assert [(one.name, one.line, one.macro, one.labels) for one in found] == [
        ("one", 3, 0.7, {"base": "LLaMA"}),
        ("one", 4, None, {}),
    ]
    assert found[0].categories == dict(zip(CATEGORIES, SCORES, strict=True))
    assert list(found[0].categories) == list(CATEGORIES)
    assert found[0].macro_without_others == 0.713


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_read_as_spreadsheets_save_it(encoding: str, separator: str, tmp_path: Path) -> None:
    text = f"{HEADER}\n{ROW}\n".replace("Model", "模型").replace("one", "甲").replace(",", separator)
    text = text.replace("0.85", "0,85" if separator != "," else "0.85").replace("\n", "\r\n").replace("\u00a0", " ")
    found = read_category_scores(written(tmp_path, text, encoding))
    assert [(one.name, one.categories["rewrite"]) for one in found] == [("甲", 0.85)]


def test_excel_says_its_separator_itself(tmp_path: Path) -> None:
    text = f"sep=;\r\n{HEADER}\r\n{ROW}\r\n{ROW.replace('0.6', 'x')}".replace(",", ";")
    with pytest.raises(SourceError, match=r"table\.csv:4: the column 'others' has no number") as failed:
        read_category_scores(written(tmp_path, text))
    assert failed.value.value == "x"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no table of the kind"),
        ("a,b\n1,2\n", "no table of the kind"),
        (f"{HEADER}\n", "has no rows"),
        (f"{HEADER.replace('others,Rewrite,', '')}\none", r"lacks columns: others, rewrite"),
        (f"{HEADER},poetry\n{ROW},1", "csv:1: unknown column: 'poetry'"),
        (f"{HEADER},math\n{ROW},1", "csv:1: two columns mean others: 'math'"),
        (f"{HEADER}\n{ROW},7", "csv:2: the row has 13 cells, and the header 12"),
        (f"{HEADER}\n{ROW.replace('0.85', '')}", "csv:2: the column 'Rewrite' has no number from 0 to 1: ''"),
        (f"{HEADER}\n{ROW.replace('0.85', '85')}", "csv:2: the column 'Rewrite' has no number from 0 to 1: '85'"),
        (f"{HEADER}\n{ROW.replace('0.85', '-0.85')}", "csv:2: the column 'Rewrite' has no number from 0 to 1"),
        (f"{HEADER}\n{ROW.replace('0.85', 'nan')}", "csv:2: the column 'Rewrite' has no number from 0 to 1"),
        (f"{HEADER}\n{ROW.replace('0.85', '1e-3')}", "csv:2: the column 'Rewrite' has no number from 0 to 1"),
        (f"{HEADER}\n{ROW.replace('0.713', 'n/a')}", "csv:2: the column 'Macro w/o others' has no number"),
        (f"{HEADER}\n{ROW.replace('one', ' ')}", "csv:2: the column 'Model' is empty"),
        (f'{HEADER}\n{ROW}\n"one" x,1', "csv:3: the quotes of the row do not match"),
        (f'{HEADER}\n{ROW}\n"one,1\n2\n', "csv:3: the quotes of the row do not match"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=says):
        read_category_scores(written(tmp_path, text))


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"\xff\xfea", b"\xef\xbb\xbf\xff", b"a\x80\xff,1\n"])
def test_files_that_are_no_text_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError):
        read_category_scores(path)
    for wrong in (tmp_path, tmp_path / "none.csv", "a\0b"):
        with pytest.raises(SourceError, match="cannot be read"):
            read_category_scores(wrong)


def test_a_row_that_goes_with_its_categories() -> None:
    scores = dict(zip(CATEGORIES, SCORES, strict=True))
    found = printed_row_consistent(scores, 0.7, 0.713)
    assert found
    assert (found.macro, found.macro_without_others) == pytest.approx((0.7, 0.7125))
    assert printed_row_consistent(scores, 0.701, None)
    assert printed_row_consistent(scores, None, None)


@pytest.mark.parametrize(
    ("macro", "without", "apart"),
    [
        (0.7012, 0.713, ("macro",)),
        (0.7, 0.7, ("macro_without_others",)),
        (0.5, 0.5, ("macro", "macro_without_others")),
        (float("nan"), None, ("macro",)),
    ],
)
def test_a_row_that_does_not_go_with_its_categories(
    macro: float, without: float | None, apart: tuple[str, ...]
) -> None:
    found = printed_row_consistent(dict(zip(CATEGORIES, SCORES, strict=True)), macro, without)
    assert not found
    assert found.disagreements == apart


def test_rounding_to_thousandths_is_no_disagreement() -> None:
    for step in range(200):
        exact = [(step * 37 + at * 101) % 1000 / 1000 + 0.0004999 for at in range(9)]
        printed = dict(zip(CATEGORIES, [round(one, 3) for one in exact], strict=True))
        assert printed_row_consistent(printed, round(sum(exact) / 9, 3), round(sum(exact[1:]) / 8, 3))
    with pytest.raises(BelleError):
        printed_row_consistent({"others": 0.1}, 0.1, None)
