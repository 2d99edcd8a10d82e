"""``vocab``: lists what can be done with vocabularies, and hands over to the action that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.actions import ActionsParser, action_module

if TYPE_CHECKING:
    import argparse

    from belle_data.cli.parser import Parser

ACTIONS = {
    "train": "train a sentencepiece BPE model on texts, within a bound of memory",
    "merge": "join two sentencepiece models, with a tokenizer.json, a chat template and a map of rows",
    "check": "prove what a merged vocabulary promises, on texts and on made strings",
    "price": "show which size pays: tokens saved against parameters and work",
}
"""The actions, each in the module ``vocab_`` and its name, and what it does."""


def parser() -> Parser:
    """The words of the command."""
    about = "Makes vocabularies for Chinese out of sentencepiece models, and proves what they promise."
    return ActionsParser("vocab", about, ACTIONS)


def run(options: argparse.Namespace) -> int:
    """Do what the action says.

    Raises:
        BelleError: Wrong use or input.
    """
    code: int = action_module("vocab", options.action).run(options)
    return code
