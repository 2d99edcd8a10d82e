"""``blind-sheet export``: writes sheets on which people compare two systems, and the key apart from them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json
from belle_data.page.render import system_language
from belle_train.cli.parser import Parser

if TYPE_CHECKING:
    import argparse

_NOTES = """\
Rows that both files answer are joined by id, and rows without one by their prompt. They are drawn evenly over the
categories and shuffled; each system stands on the left in half of them. A sheet has number, category, prompt,
reference, left answer, right answer, verdict and note; it names no system, file or id. Give people the sheet, and keep
the key where they cannot see it.

The CSV opens in Excel, WPS and LibreOffice. A text that begins like a formula (= + - @, a tab or line feed, also after
blanks) has an apostrophe before it, and so has one that begins with an apostrophe; import removes that one apostrophe.
The page of --html is one file that fetches and sends nothing: people choose in it, on a phone too, and download the
same CSV with their verdicts. In Excel save as "CSV UTF-8".

With --annotators 3 there are sheet-1.csv to sheet-3.csv with the same rows, each in an order of its own.

verdicts: left, right, tie or bad (both are); also 左, 右, 平, 都差; 1, 2, 0; A, B

examples:
  blind-sheet export --a belle.jsonl --b base.jsonl --out sheet.csv --key key.json --rows 90
  blind-sheet export --a belle.jsonl --b base.jsonl --out sheet.csv --key key.json --html sheet.html --annotators 2
"""
_SHOWN = 10


def parser() -> Parser:
    """The words of the action."""
    words = Parser(
        "blind-sheet export",
        usage="blind-sheet export --a FILE --b FILE --out SHEET --key FILE [OPTIONS]",
        description="Writes sheets on which people say which of two answers is better, without knowing whose they are.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("--a", metavar="FILE", required=True, help="answers of one system, as generate writes them")
    words.add_argument("--b", metavar="FILE", required=True, help="answers of the other")
    words.add_argument("--out", metavar="SHEET", required=True, help="the sheet, .csv")
    words.add_argument("--key", metavar="FILE", required=True, help="what tells whose answers are whose, .json")
    words.add_argument("--html", metavar="PAGE", help="the sheet as a page too, .html")
    words.add_argument("--rows", metavar="N", type=whole_number, help="draw so many rows, evenly over categories (all)")
    words.add_argument("--seed", metavar="N", type=whole_number, default=0, help="of rows, order and sides (0)")
    words.add_argument("--name-a", metavar="TEXT", help="of the first system, in the key (the name of its file)")
    words.add_argument("--name-b", metavar="TEXT", help="of the second")
    words.add_argument("--annotators", metavar="N", type=whole_number, default=1, help="sheets, one per person (1)")
    words.add_argument("--lang", metavar="NAME", help="of headings and page: en or zh (that of the system)")
    words.add_argument("--force", action="store_true", help="write over files that are there")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Write sheets and key as the options say.

    Raises:
        BelleError: Wrong use or input, or a file cannot be written.
    """
    from belle_train.judge.sheet_export import SheetJob, export_sheets  # noqa: PLC0415 - `--help` needs none of it

    job = SheetJob(
        a=options.a,
        b=options.b,
        out=options.out,
        key=options.key,
        html=options.html,
        rows=options.rows,
        seed=options.seed,
        names=(options.name_a, options.name_b),
        people=options.annotators,
        language=options.lang or system_language(),
        force=options.force,
    )
    written = export_sheets(job)
    if options.json:
        emit_json(written)
        return 0
    if not options.quiet:
        for line in _lines(written):
            emit(line)
    for line in _warnings(written, options.rows):
        sys.stderr.write(f"note: {line}\n")
    return 0


def _lines(written: dict[str, Any]) -> list[str]:
    shares = ", ".join(f"{printable(name)} {count:,}" for name, count in written["categories"].items())
    return [
        f"{written['rows']:,} of {written['of']:,} rows that both answer: {shares}",
        *(f"sheet  {printable(path)}" for path in written["sheets"]),
        *(f"page   {printable(path)}" for path in written["pages"]),
        f"key    {printable(written['key'])}  keep it where the people who judge cannot see it",
    ]


def _warnings(written: dict[str, Any], wanted: int | None) -> list[str]:
    """What a user should know before the sheets go out."""
    said = []
    left, differ = written["left_out"], written["differences"]
    if wanted is not None and written["rows"] < wanted:
        said.append(f"there are only {written['rows']:,} rows")
    if left["only_a"] or left["only_b"]:
        said.append(f"left out: {left['only_a']:,} rows of the first file only, {left['only_b']:,} of the second only")
    if left["no_answer"]:
        said.append(f"left out: {left['no_answer']:,} rows without an answer of one system")
    for name, count in differ.items():
        if count:
            said.append(f"{count:,} rows have another {name} in the second file; that of the first is taken")
    if written["naming_rows"]:
        said.append(f"{written['naming_rows']:,} rows have the name of a system in a text, which may give it away")
    for path, numbers in written["long_rows"].items():
        shown = ", ".join(map(str, numbers[:_SHOWN])) + (" …" if len(numbers) > _SHOWN else "")
        said.append(
            f"{printable(path)}: texts of more than 32,767 characters, which Excel cuts: rows {shown}; use the page"
        )
    return said
