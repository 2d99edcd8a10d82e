"""``init-tiny``: a small random LLaMA with a given tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json
from belle_train.cli.parser import Parser, need_training_packages

if TYPE_CHECKING:
    import argparse

_NOTES = """\
The model knows nothing. It is for trying out the other commands, and for tests: with the defaults it has some hundred
thousand parameters and trains on a processor.

examples:
  init-tiny --tokenizer merged --out tiny
  init-tiny --tokenizer llama.tokenizer.model --out tiny-base --layers 4 --hidden 128 --dtype bfloat16
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "init-tiny",
        usage="init-tiny --tokenizer FOLDER --out FOLDER [OPTIONS]",
        description="Writes a small LLaMA with random weights, with the tokenizer's files beside it.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument(
        "--tokenizer",
        metavar="FOLDER",
        required=True,
        help="what vocab merge wrote, another folder with a tokenizer, or a sentencepiece model",
    )
    words.add_argument("--out", metavar="FOLDER", required=True, help="where the model goes")
    words.add_argument("--layers", metavar="N", type=whole_number, default=2, help="decoder layers (2)")
    words.add_argument("--hidden", metavar="N", type=whole_number, default=64, help="hidden size (64)")
    words.add_argument("--heads", metavar="N", type=whole_number, default=4, help="attention heads (4)")
    words.add_argument(
        "--positions", metavar="N", type=whole_number, default=2048, help="tokens of the longest text (2048)"
    )
    words.add_argument("--tie", action="store_true", help="one matrix for input and output; LLaMA has two")
    words.add_argument("--seed", metavar="N", type=whole_number, default=42, help="of the weights (42)")
    words.add_argument("--dtype", metavar="TYPE", default="float32", help="float32, bfloat16 or float16 (float32)")
    words.add_argument("--force", action="store_true", help="replace an earlier model of this command")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Write the model and say how large it is.

    Raises:
        BelleError: Wrong use or input, or the folder cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` needs none of it
    from belle_train.tiny import init_tiny  # noqa: PLC0415

    need_training_packages()
    with listening(quiet=options.quiet):
        summary = init_tiny(
            options.tokenizer,
            options.out,
            layers=options.layers,
            hidden=options.hidden,
            heads=options.heads,
            positions=options.positions,
            seed=options.seed,
            dtype=options.dtype,
            tie=options.tie,
            force=options.force,
        )
    if options.json:
        emit_json({"folder": options.out, **summary})
    elif not options.quiet:
        emit(
            f"{printable(options.out)}  a random LLaMA of {summary['parameters']:,} parameters, "
            f"{summary['rows']:,} rows of embeddings, {summary['dtype']}"
        )
    return 0
