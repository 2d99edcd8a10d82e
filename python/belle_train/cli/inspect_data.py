"""``inspect-data``: shows what `sft` would learn of rows, before anything is trained."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli.measurement import measure_and_show
from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness, whole_number
from belle_data.cli.stats import add_showing, shares
from belle_data.cli.terminal import may_colour, padded
from belle_train.cli.parser import Parser, need_training_packages
from belle_train.cli.training import recipe_of

if TYPE_CHECKING:
    import argparse

    from belle_data.engine.progress import Listener
    from belle_train.inspection import Inspection, ShownRow

_NOTES = """\
The pieces of a row stand with blanks between them, as the vocabulary writes them: \u2581 is a blank, <0x0A> a byte.
What is learned is green on a terminal, and elsewhere, or with NO_COLOR, stands in [[ ]].

Counts are those of sft with the same data, recipe and tokenizer; docs/inspect-data.md says what each reason means.
Lengths are those of conversations before anything is cut off. Nothing is kept; torch is not needed.

examples:
  inspect-data --data runs/x/shards --tokenizer merged
  inspect-data --data rows.jsonl --tokenizer merged --max-length 512 --rows 0 --html lengths.html
  inspect-data --data rows.jsonl --tokenizer merged --row r17 --row r18
"""
_GREEN, _PLAIN = "\x1b[32m", "\x1b[0m"
_NAME = 30


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "inspect-data",
        usage="inspect-data --data ROWS --tokenizer FOLDER [OPTIONS]",
        description="Shows the pieces of rows with what is learned of them, which rows are left out and why, how long "
        "conversations are, how many are cut, and how full packed sequences are.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("--data", metavar="ROWS", action="append", default=[], help="shards, files or folders of rows")
    words.add_argument("--mixture", metavar="TEXT", help="data sets by name, such as 'zh(a + b) + c'")
    words.add_argument(
        "--source", metavar="NAME=ROWS", action="append", default=[], dest="sources", help="a data set of the mixture"
    )
    words.add_argument(
        "--tokenizer", metavar="FOLDER", required=True, help="what vocab merge wrote, or a model with its tokenizer"
    )
    words.add_argument(
        "--recipe",
        metavar="FILE",
        help="settings in TOML, or the name of a recipe that comes with belle, such as sft-belle-7b",
    )
    words.add_argument(
        "--set",
        metavar="TABLE.KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="one setting on top of the recipe, such as data.packing=false; may be repeated",
    )
    words.add_argument("--max-length", metavar="N", help="pieces of a sequence at most, as data.max_length (2048)")
    words.add_argument(
        "--rows", metavar="N", type=whole_number, default=3, help="show the first N rows of each data set (3)"
    )
    words.add_argument(
        "--row", metavar="ID", action="append", default=[], dest="ids", help="show this row instead; may be repeated"
    )
    words.add_argument("--limit", metavar="N", type=whole_number, help="only the first N rows of each input")
    add_showing(words)
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Prepare as the options say and print what was found.

    Raises:
        BelleError: Wrong use or input, or the page cannot be written.
    """
    need_training_packages(("transformers",))
    from belle_data.page.render import check_language  # noqa: PLC0415 - `--help` must not wait for it
    from belle_train.inspection import inspect_rows  # noqa: PLC0415
    from belle_train.inspection_page import inspection_page  # noqa: PLC0415
    from belle_train.quiet_libraries import quiet_libraries  # noqa: PLC0415

    check_language(options.lang)
    config = recipe_of(options).data

    def measure(listener: Listener) -> Inspection:
        with quiet_libraries():
            return inspect_rows(
                options.data,
                options.sources,
                options.tokenizer,
                config,
                listener,
                first=options.rows,
                ids=options.ids,
                limit=options.limit,
            )

    return measure_and_show(
        options,
        measure,
        page=lambda found: inspection_page(found, language=options.lang),
        lines=lambda found: _lines(found, colour=may_colour(sys.stdout)),
    )


def _lines(found: Inspection, *, colour: bool) -> list[str]:
    from belle_data.page.render import share  # noqa: PLC0415

    lines = []
    if found.rows:
        learned = f"{_GREEN}green{_PLAIN}" if colour else "in [[ ]]"
        lines += [f"learned is what is {learned}", ""]
    for row in found.rows:
        lines += [*_row_lines(row, colour=colour), ""]
    counts = found.prepared
    shown = [
        ("rows", f"{counts.rows:,}"),
        *((f"  left out: {reason}", f"{count:,}") for reason, count in counts.left_out.items()),
        ("conversations", f"{counts.conversations:,}"),
        (f"  cut to {found.config.max_length:,} pieces", f"{counts.cut:,}"),
        ("  held out", f"{counts.held_out:,}"),
        ("packed sequences" if found.config.packing else "sequences", f"{counts.sequences:,}"),
        ("  filled to", share(found.filling, 1)),
        ("pieces", f"{counts.tokens:,}"),
        ("  learned", f"{counts.learned_tokens:,}"),
        ("  share learned", share(found.learned_share, 1)),
    ]
    shown += [(f"length, percentile {one}", f"{length:,}") for one, length in found.percentiles().items()]
    shown.append(("length, longest", f"{int(found.lengths[-1]):,}"))
    lines += [f"{padded(name, _NAME)}{value:>14}" for name, value in shown]
    classes = [(f"{low:,}" if low == high else f"{low:,}–{high:,}", count) for low, high, count in found.classes()]
    return [*lines, "", "conversations by pieces", *shares(classes, len(found.lengths))]


def _row_lines(row: ShownRow, *, colour: bool) -> list[str]:
    named = f"{printable(row.id)}  " if row.id is not None else ""
    lines = [f"{named}({printable(row.source)}, row {row.row:,} from 0)"]
    if row.reason is not None:
        from belle_train.conversations import REASONS  # noqa: PLC0415

        lines.append(f"  left out: {row.reason}: {REASONS[row.reason]}")
    before, after = (_GREEN, _PLAIN) if colour else ("[[ ", " ]]")
    stretches = []
    for learned, pieces in row.stretches():
        text = " ".join(map(printable, pieces))
        stretches.append(f"{before}{text}{after}" if learned else text)
    if stretches:
        lines.append(f"  {' '.join(stretches)}")
    if row.cut:
        lines.append(f"  {row.cut:,} more pieces are cut off")
    return lines
