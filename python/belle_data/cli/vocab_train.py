"""``vocab train``: trains a sentencepiece BPE model on texts, within a bound of memory."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_machine, whole_number
from belle_data.cli.recipe_options import add_reading, recipe_of
from belle_data.cli.terminal import emit, emit_json, human_bytes
from belle_data.errors import UsageError, escaped
from belle_data.language_model.text_files import is_text_name

if TYPE_CHECKING:
    from belle_data.vocab.training import TrainingSettings

_EXAMPLES = """\
examples:
  vocab train zh_text.txt.zst --size 50000 --out zh.model --max-memory 4GiB
  vocab train rows.jsonl --size 20000 --out zh.model --held-out 5000
"""


def parser() -> Parser:
    """The words of the action."""
    words = Parser(
        "vocab train",
        usage="vocab train INPUT [INPUT ...] --out MODEL [OPTIONS]",
        description="Trains a sentencepiece BPE model on lines of text or on the lines of rows. As many lines are "
        "drawn, evenly over the input, as fit into the memory; before it starts it is told how much it takes at most. "
        "Beside the model goes a file that says what it was made of.",
        epilog=f"{_EXAMPLES}\n{EXIT_CODES}",
    )
    words.add_argument("inputs", metavar="INPUT", nargs="+", help=".txt files, also .txt.gz and .txt.zst; or rows")
    words.add_argument("--out", metavar="MODEL", help="where the model goes")
    words.add_argument("--size", metavar="N", type=whole_number, help="pieces (50000)")
    words.add_argument("--max-memory", metavar="SIZE", help="memory of the whole command (half of the machine's)")
    words.add_argument("--lines", metavar="N", type=whole_number, help="train on so many lines at most")
    words.add_argument(
        "--character-coverage",
        metavar="SHARE",
        type=_share,
        help="share of the characters that get a piece of their own; others are written in bytes (0.9995)",
    )
    words.add_argument(
        "--normalisation",
        metavar="NAME",
        help="identity, nmt_nfkc or nfkc (identity); the others turn a full-width comma into another one",
    )
    words.add_argument(
        "--held-out", metavar="N", type=whole_number, help="lines that are kept apart and never trained on"
    )
    words.add_argument("--held-out-file", metavar="FILE", help="where they go (beside the model)")
    words.add_argument("--seed", metavar="N", type=whole_number, help="which lines are drawn (0)")
    words.add_argument("--force", action="store_true", help="write over files that are there")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_reading(words.add_argument_group("reading, as for clean"))
    words.set_defaults(recipe=None, settings=[])
    add_machine(words.add_argument_group("other"))
    return words


def run(options: argparse.Namespace) -> int:
    """Train as the options say.

    Raises:
        BelleError: Wrong use or input, or a file cannot be written.
    """
    if options.out is None:
        raise UsageError("it is not said where the model goes", hint="--out zh.model")
    for name in ("format", "dataset_info"):
        if getattr(options, name) and all(is_text_name(one) for one in options.inputs):
            raise UsageError(f"--{name.replace('_', '-')} is for rows, and the inputs are files of text")
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.vocab.training import train  # noqa: PLC0415

    with listening(quiet=options.quiet) as listener:
        told = train(
            options.inputs,
            options.out,
            _settings(options),
            held_out_file=options.held_out_file,
            force=options.force,
            recipe=recipe_of(options),
            threads=options.threads,
            verbose=options.verbose,
            listener=listener,
        )
    if options.json:
        emit_json(told)
    elif not options.quiet:
        emit("\n".join(_lines(options.out, told)))
    return 0


def _settings(options: argparse.Namespace) -> TrainingSettings:
    from belle_data.vocab.training import TrainingSettings  # noqa: PLC0415

    names = ("size", "lines", "character_coverage", "normalisation", "held_out", "seed")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    memory = None if options.max_memory is None else _size(options.max_memory)
    return TrainingSettings(max_memory=memory, **given)


def _size(text: str) -> int:
    from belle_data.sizes import bytes_of  # noqa: PLC0415

    size = bytes_of(text)
    if isinstance(size, float):
        size = int(size)
    if isinstance(size, str) and size.isascii() and size.isdigit():
        size = int(size)
    if not isinstance(size, int) or not 1 <= size < 2**63:
        raise UsageError("--max-memory must be a size from 1 byte", value=text, hint="such as 512MiB or 4GiB")
    return size


def _share(text: str) -> float:
    """Read a share for an option.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        message = f"must be above 0 and at most 1, not {escaped(text)!r}"
        raise argparse.ArgumentTypeError(message)
    return value


def _lines(out: str, told: dict[str, Any]) -> list[str]:
    lines, measured, memory = told["lines"], told["measured"], told["memory"]
    peaks = [measured[name] for name in ("peak_trainer", "peak_reader")]
    used = "" if None in peaks else f"{human_bytes(sum(peaks))} used, "
    shown = [
        f"{printable(out)}  {told['model']['size']:,} pieces, {human_bytes(told['model']['bytes'])}",
        f"  trained on  {lines['trained_on']:,} of {lines['read']:,} lines",
        f"  memory      {used}{human_bytes(memory['promised'])} promised, {human_bytes(memory['limit'])} allowed",
    ]
    if lines["held_out"]:
        equal = f"; {lines['equal_to_held_out']:,} equal lines were left out" if lines["equal_to_held_out"] else ""
        shown.append(f"  held out    {lines['held_out']:,} lines{equal}")
    if lines["cut"]:
        shown.append(f"  cut         {lines['cut']:,} lines of more than 4,096 characters")
    if told["characters"]["left_out"]:
        shown.append(f"  left out    {told['characters']['left_out']:,} characters U+2585, which the trainer reserves")
    return shown
