"""The words of the command line."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from belle_data.cli.parser import Parser as DataParser
from belle_data.cli.parser import Program
from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Parser(DataParser):
    """A parser of a command of ``belle_train``."""

    package = "belle_train"


PROGRAM = Program(
    "belle_train",
    "Trains Chinese instruction models on data that belle_data cleaned, and judges them.",
    {
        "init-tiny": "make a small random LLaMA, for trying things out",
        "extend": "give a model the rows of a merged vocabulary",
        "pretrain": "train the embeddings, only the new rows of them, or all on plain text",
        "sft": "fine-tune on the shards of a cleaned run, whole or with LoRA",
        "inspect-data": "show the tokens of rows with what is learned of them, lengths, truncation and packing",
        "generate": "answer prompts with a model, or with one behind a server",
        "merge-lora": "join a LoRA adapter and its model",
        "judge": "let a model score answers from 0 to 1, by category",
        "compare": "let a model say which of two systems answers better, in both orders",
        "blind-sheet": "let people say which of two systems answers better, without knowing which is which",
        "report": "make a page of scores and verdicts: tables, tests, cases side by side, provenance",
    },
    top=Parser,
)
"""The commands, each in the module of its name."""

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def need_training_packages(packages: Sequence[str] = PACKAGES) -> None:
    """Refuse to begin where the packages for training are missing.

    Args:
        packages: Those that the command imports.

    Raises:
        UsageError: One of them is not installed.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        hint = "make setup-train, or pip install 'belle-data[train]'"
        raise UsageError(f"training needs the package {missing[0]}, which is not installed", hint=hint)
