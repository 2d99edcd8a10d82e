"""``merge-lora``: joins a LoRA adapter and its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness
from belle_data.cli.terminal import emit, emit_json
from belle_train.cli.parser import Parser, need_training_packages

if TYPE_CHECKING:
    import argparse

_NOTES = """\
The model has the type of the base, and the tokenizer that lies with the adapter, or else the base's. An adapter that
was made for another model is refused.

examples:
  merge-lora --adapter belle-lora --out belle-merged
  merge-lora --adapter belle-lora --model llama-7b-ext --out belle-merged
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "merge-lora",
        usage="merge-lora --adapter FOLDER --out FOLDER [OPTIONS]",
        description="Writes a model of which a LoRA adapter is a part, so that it is used like any other.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("--adapter", metavar="FOLDER", required=True, help="what sft --lora wrote")
    words.add_argument("--model", metavar="FOLDER", help="the base (the one that the adapter names)")
    words.add_argument("--out", metavar="FOLDER", required=True, help="where the model goes")
    words.add_argument("--force", action="store_true", help="replace an earlier model of this command")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Merge as the options say.

    Raises:
        BelleError: Wrong use or input, or the folder cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` needs none of it
    from belle_train.lora import merge_lora  # noqa: PLC0415

    need_training_packages()
    with listening(quiet=options.quiet) as listener:
        summary = merge_lora(options.adapter, options.out, model=options.model, force=options.force, listener=listener)
    if options.json:
        emit_json({"folder": options.out, **summary})
    elif not options.quiet:
        emit(f"{printable(options.out)}  merged, rank {summary['rank']}, {summary['dtype']}")
    return 0
