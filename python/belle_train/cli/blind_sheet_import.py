"""``blind-sheet import``: reads filled sheets, checks them against the key, and counts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json, padded
from belle_train.cli.parser import Parser

if TYPE_CHECKING:
    import argparse

    from belle_train.judge.filled_sheet import FilledSheet

INCOMPLETE = 1
_SHOWN = 20
_NOTES = """\
A sheet is read as spreadsheets save it: separated by commas, semicolons or tabs, in UTF-8, UTF-16 or GB18030. Its texts
must be those that were handed out; rows may stand in any order. Of a file in GB18030 only letters and digits are
compared, as characters that it lacks are question marks there.

verdicts: left, right, tie or bad (both are); also 左, 右, 平, 都差; 1, 2, 0; A, B; whatever their case and width.
Both bad is a tie, and counted apart. A verdict that is missing or unknown is listed with its line and the command ends
with 1; with --allow-missing it counts as missing, never as a tie: bounds say what it could change.

The win rate is wins and half of the ties. With several sheets there is Cohen's kappa for each pair of people; with
--verdicts also for each person and the judge.

examples:
  blind-sheet import --key key.json sheet.csv
  blind-sheet import --key key.json ann.csv ben.csv --verdicts scores/belle-base --out human.json
"""


def parser() -> Parser:
    """The words of the action."""
    codes = EXIT_CODES.replace("  2 ", "  1    verdicts are missing or unknown\n  2 ", 1)
    words = Parser(
        "blind-sheet import",
        usage="blind-sheet import --key FILE SHEET [SHEET ...] [OPTIONS]",
        description="Reads the sheets that people filled in, checks that they are whole and belong to the key, and "
        "tells wins, ties and agreement.",
        epilog=f"{_NOTES}\n{codes}",
    )
    words.add_argument("sheets", metavar="SHEET", nargs="+", help="a filled sheet; one per person")
    words.add_argument("--key", metavar="FILE", required=True, help="the key that export wrote")
    words.add_argument("--verdicts", metavar="FOLDER", help="what compare wrote: how far do people and judge agree")
    words.add_argument("--allow-missing", action="store_true", help="count rows without a verdict as missing")
    words.add_argument("--out", metavar="FILE", help="write every verdict and all numbers there, .json")
    words.add_argument("--seed", metavar="N", type=whole_number, default=0, help="of the intervals (0)")
    words.add_argument("--force", action="store_true", help="write over a file that is there")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Read the sheets and print what they say.

    Returns:
        0; or 1 if verdicts are missing and may not be.

    Raises:
        BelleError: Wrong use or input, or the result cannot be written.
    """
    from belle_train.judge.filled_sheet import read_filled_sheets  # noqa: PLC0415 - `--help` needs none of it
    from belle_train.judge.human_verdicts import human_verdicts, read_verdicts  # noqa: PLC0415
    from belle_train.judge.sheet_export import check_result, json_content, write_whole  # noqa: PLC0415
    from belle_train.judge.sheet_key import read_key  # noqa: PLC0415

    if options.out is not None:
        check_result(options.out, [options.key, *options.sheets], force=options.force)
    key = read_key(options.key)
    people = read_filled_sheets(options.sheets, key)
    judge = None if options.verdicts is None else read_verdicts(options.verdicts, key)
    if not (options.quiet and options.allow_missing):
        _tell_problems(people, allowed=options.allow_missing)
    if any(person.problems for person in people) and not options.allow_missing:
        return INCOMPLETE
    found = human_verdicts(key, people, judge, seed=options.seed)
    if options.out is not None:
        write_whole(options.out, json_content(found))
    if options.json:
        emit_json({**found, "people": [{**one, "rows": len(one["rows"])} for one in found["people"]]})
    elif not options.quiet:
        for line in _lines(found):
            emit(line)
    return 0


def _tell_problems(people: list[FilledSheet], *, allowed: bool) -> None:
    """List the rows without a verdict that counts."""
    problems = [problem for person in people for problem in person.problems]
    for problem in problems[:_SHOWN]:
        sys.stderr.write(f"{printable(str(problem))}\n")
    if len(problems) > _SHOWN:
        sys.stderr.write(f"… and {len(problems) - _SHOWN:,} more\n")
    if problems:
        counted = "they count as missing" if allowed else "--allow-missing counts them as missing"
        sys.stderr.write(f"{len(problems):,} verdicts are missing or unknown; {counted}\n")
    for person in people:
        if not person.unicode:
            sys.stderr.write(
                f"note: {printable(person.path)}: saved in GB18030, so only letters and digits are compared\n"
            )


def _lines(found: dict[str, Any]) -> list[str]:
    a, b = (printable(found[side]["name"]) for side in ("a", "b"))
    lines = []
    for person in found["people"]:
        wins = person["wins"]
        lines += [printable(person["sheet"]), f"  {a} wins / {b} wins / ties ({person['both_bad']:,} of them both bad)"]
        width = max(map(len, ["overall", *wins["categories"]]))
        for name, one in [("overall", wins["overall"]), *wins["categories"].items()]:
            lines.append(f"  {padded(printable(name), width)}  {_rate(one, a)}")
        place = wins["overall"]["first_place"]
        if place is not None:
            lines.append(f"  the left answer is chosen in {place:.1%} of {wins['overall']['placed']:,} decided rows")
    for one in found["agreement"]:
        pair = f"{printable(one['first'])} and {printable(one['second'])}"
        lines.append(f"{pair}: {_kappa(one)}")
    return lines


def _rate(one: dict[str, Any], name: str) -> str:
    counts = f"{one['wins']:,} / {one['losses']:,} / {one['ties']:,}"
    if one["missing"]:
        counts += f", {one['missing']:,} missing"
    if one["win_rate"] is None:
        return f"{counts}; no win rate"
    rate = f"{name} {one['win_rate']:.1%}"
    if one["low"] is not None:
        rate += f" [{one['low']:.1%}, {one['high']:.1%}]"
    if one["missing"]:
        rate += f", {one['bound_low']:.1%} to {one['bound_high']:.1%} whatever the missing are"
    return f"{counts}; {rate}" + ("" if one["p_value"] is None else f", sign test p = {one['p_value']:.3g}")


def _kappa(one: dict[str, Any]) -> str:
    from belle_train.judge.bootstrap import WHY_NULL  # noqa: PLC0415 - numpy

    if one["kappa"] is None:
        return f"kappa is not defined: {WHY_NULL[one['reason']]} ({one['rows']:,} rows)"
    interval = "" if one["low"] is None else f" [{one['low']:.3f}, {one['high']:.3f}]"
    return f"kappa {one['kappa']:.3f}{interval}, equal in {one['agreement']:.1%} of {one['rows']:,} rows"
