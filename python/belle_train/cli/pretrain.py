"""``pretrain``: trains the embeddings of a model, or all of it, on plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, whole_number
from belle_data.errors import UsageError
from belle_train.cli.parser import Parser, need_training_packages
from belle_train.cli.training import add_training, path_of, recipe_of, run_training

if TYPE_CHECKING:
    import argparse

_NOTES = """\
what learns:
  new-rows     the rows that extend added, of the input and the output matrix; the default
  embeddings   both matrices whole, as BELLE did
  all          the whole model

What does not learn is no part of what the optimiser is given, so neither weight decay nor rounding moves it. A hash of
it is taken before and after, and in the written model it is byte for byte that of the old one.

examples:
  pretrain --model llama-ext --text zh.txt.zst --out llama-ext-pt
  pretrain --model llama-ext --text zh.txt.zst --only embeddings --out llama-ext-pt --processes 8 --zero 2
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "pretrain",
        usage="pretrain --model FOLDER --text FILE --out FOLDER [OPTIONS]",
        description="Trains a language model on plain text, packed; only its word embeddings, unless told otherwise.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("--model", metavar="FOLDER", required=True, help="the model that is trained, with its tokenizer")
    words.add_argument(
        "--text",
        metavar="FILE",
        action="append",
        default=[],
        help="text, one a line (.txt, .txt.gz, .txt.zst), or rows",
    )
    words.add_argument("--out", metavar="FOLDER", required=True, help="where the new model goes")
    words.add_argument("--only", metavar="WHAT", default="new-rows", help="embeddings, new-rows or all (new-rows)")
    words.add_argument(
        "--old-rows", metavar="N", type=whole_number, help="rows that stay with new-rows (what extend.json says)"
    )
    add_training(words, "training.learning_rate=1e-4")
    return words


def run(options: argparse.Namespace) -> int:
    """Train as the options say.

    Raises:
        BelleError: Wrong use or input, or the training went wrong.
    """
    if options.only not in {"embeddings", "new-rows", "all"}:
        raise UsageError("unknown choice of what learns", value=options.only, hint="embeddings, new-rows or all")
    need_training_packages()
    from belle_train.training import Job  # noqa: PLC0415

    job = Job(
        kind="pretrain",
        model=path_of(options.model),
        out=path_of(options.out),
        recipe=recipe_of(options),
        text=tuple(options.text),
        only=options.only,
        old_rows=options.old_rows,
        limit=options.limit,
        cpu=options.cpu,
        force=options.force,
    )
    return run_training(options, job, ["pretrain", *options.words])
