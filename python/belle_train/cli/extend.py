"""``extend``: enlarges the embeddings of a model for a merged vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json, padded
from belle_train.cli.parser import Parser, need_training_packages

if TYPE_CHECKING:
    import argparse

_NOTES = """\
how a new row starts, in the input and the output matrix:
  subtoken-mean  as the mean of the old rows that its piece was made of; row_map.json of the vocabulary says which
  mean           as the mean of all old rows
  random         normal, with the deviation initializer_range of the model
Padded rows, which no text uses, are the mean of all old rows. Old rows and all other tensors stay bit for bit.

The folder has the model, the tokenizer and its chat template, and extend.json: rows, and the SHA-256 of each file
before and after.

examples:
  extend --model llama-7b --tokenizer merged --out llama-7b-ext
  extend --model tiny --tokenizer merged --out tiny-ext --init mean --json
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "extend",
        usage="extend --model FOLDER --tokenizer FOLDER --out FOLDER [OPTIONS]",
        description="Writes a model whose embeddings have a row for each piece of a merged vocabulary. It goes from "
        "file to file and never loads the model.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("--model", metavar="FOLDER", required=True, help="the model, with safetensors")
    words.add_argument("--tokenizer", metavar="FOLDER", required=True, help="what vocab merge wrote")
    words.add_argument("--out", metavar="FOLDER", required=True, help="where the new model goes")
    words.add_argument(
        "--init", metavar="HOW", default="subtoken-mean", help="subtoken-mean, mean or random (subtoken-mean)"
    )
    words.add_argument("--seed", metavar="N", type=whole_number, default=42, help="of random rows (42)")
    words.add_argument("--force", action="store_true", help="replace an earlier model of this command")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Extend as the options say and print what the model has now.

    Raises:
        BelleError: Wrong use or input, or the folder cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` needs none of it
    from belle_train.extension import extend  # noqa: PLC0415

    need_training_packages()
    with listening(quiet=options.quiet) as listener:
        summary = extend(
            options.model,
            options.tokenizer,
            options.out,
            init=options.init,
            seed=options.seed,
            force=options.force,
            listener=listener,
        )
    if options.json:
        emit_json({"folder": options.out, **summary})
    elif not options.quiet:
        emit("\n".join(_lines(options.out, summary)))
    return 0


def _lines(out: str, summary: dict[str, Any]) -> list[str]:
    counts = [
        ("old rows", "old_rows"),
        ("new rows", "new_rows"),
        ("padded", "padded"),
        ("rows of the embeddings", "rows"),
    ]
    checked = summary["base_checked_by"]
    told = f"its {checked} is the base of the vocabulary" if checked else "it has no tokenizer: only rows were compared"
    return [
        f"{printable(out)}  new rows by {summary['init']}",
        *(f"  {padded(name, 24)}{summary[key]:>9,}" for name, key in counts),
        f"  {padded('enlarged', 24)}{', '.join(summary['tensors'])}",
        f"  {padded('the model', 24)}{told}",
    ]
