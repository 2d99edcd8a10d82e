"""``evalset``: lists what can be done with evaluation sets, and hands over to the action that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.actions import ActionsParser, action_module

if TYPE_CHECKING:
    import argparse

    from belle_data.cli.parser import Parser

ACTIONS = {
    "build": "make a set of nine categories out of questions: labels cleaned, duplicates out, overlap found",
}
"""The actions, each in the module ``evalset_`` and its name, and what it does."""


def parser() -> Parser:
    """The words of the command."""
    return ActionsParser("evalset", "Makes evaluation sets, and shows what is in them.", ACTIONS)


def run(options: argparse.Namespace) -> int:
    """Do what the action says.

    Raises:
        BelleError: Wrong use or input.
    """
    code: int = action_module("evalset", options.action).run(options)
    return code
