"""``sft``: fine-tunes a model on the rows of shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES
from belle_train.cli.parser import Parser, need_training_packages
from belle_train.cli.training import add_training, path_of, recipe_of, run_training

if TYPE_CHECKING:
    import argparse

_NOTES = """\
what is learned:
  the turns of the assistant, with the piece that ends them; everything else is read and not learned. The chat template
  of the model's folder says which turns these are. Rows that cannot be learned are counted, and named in
  prepared/left_out.jsonl

the folder:
  the model, or with --lora its adapters, with the tokenizer
  train_report.json     data by hash, recipe, losses, held-out loss, speed, versions; written last
  loss.html, log.jsonl  the losses as a picture and as lines; tensorboard/ for TensorBoard
  prepared/             the rows as sequences of ids
  checkpoints/          while it trains; the same command goes on from the last whole one

examples:
  sft --recipe sft-belle-7b --data runs/x/shards --model llama-ext --out llama-sft --processes 8 --zero 3
  sft --data runs/x/shards --model llama-ext --out llama-lora --lora --recipe lora-baize-7b
  sft --mixture 'zh(alpaca-3.5 + alpaca-4) + sharegpt' --source alpaca-3.5=a.jsonl --source alpaca-4=b.jsonl
      --source sharegpt=c.jsonl --model llama-ext --out llama-sft
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "sft",
        usage="sft --data ROWS --model FOLDER --out FOLDER [OPTIONS]",
        description="Fine-tunes a language model on conversations, on one process or many; the same steps whatever "
        "their number.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("--data", metavar="ROWS", action="append", default=[], help="shards, files or folders of rows")
    words.add_argument("--mixture", metavar="TEXT", help="data sets by name, such as 'zh(a + b) + c'")
    words.add_argument(
        "--source", metavar="NAME=ROWS", action="append", default=[], dest="sources", help="a data set of the mixture"
    )
    words.add_argument("--model", metavar="FOLDER", required=True, help="the model that is trained, with its tokenizer")
    words.add_argument("--out", metavar="FOLDER", required=True, help="where the new model goes")
    words.add_argument("--lora", action="store_true", help="train low-rank adapters in place of the model")
    add_training(words, "training.learning_rate=1e-5")
    return words


def run(options: argparse.Namespace) -> int:
    """Train as the options say.

    Raises:
        BelleError: Wrong use or input, or the training went wrong.
    """
    need_training_packages()
    from belle_train.training import Job  # noqa: PLC0415

    job = Job(
        kind="sft",
        model=path_of(options.model),
        out=path_of(options.out),
        recipe=recipe_of(options),
        data=tuple(options.data),
        sources=tuple(options.sources),
        lora=options.lora,
        limit=options.limit,
        cpu=options.cpu,
        force=options.force,
    )
    return run_training(options, job, ["sft", *options.words])
