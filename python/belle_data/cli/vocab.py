"""``vocab``: lists what can be done with vocabularies, and hands over to the action that is named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, Parser, program
from belle_data.cli.terminal import closest
from belle_data.errors import UsageError

if TYPE_CHECKING:
    import argparse

ACTIONS = {
    "train": "train a sentencepiece BPE model on texts, within a bound of memory",
    "merge": "join two sentencepiece models, with a tokenizer.json, a chat template and a map of rows",
    "check": "prove what a merged vocabulary promises, on texts and on made strings",
    "price": "show which size pays: tokens saved against parameters and work",
}
"""The actions, each in the module ``vocab_`` and its name, and what it does."""


class _Actions(Parser):
    """Reads the action, and then what the action's own parser says."""

    def parse_known_intermixed_args(  # type: ignore[override]
        self, args: list[str], namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        if not args:
            raise UsageError("no action is named", hint=f"the actions are {', '.join(ACTIONS)}")
        action = args[0]
        if action.startswith("-"):
            return super().parse_known_intermixed_args(args, namespace)
        if action not in ACTIONS:
            near = closest(action, ACTIONS)
            hint = f"did you mean {near}?" if near else f"the actions are {', '.join(ACTIONS)}"
            raise UsageError("unknown action", value=action, hint=hint)
        inner: Parser = import_module(f"belle_data.cli.vocab_{action}").parser()
        # What is wrong is told with the options of the action.
        self.prog, self._actions = inner.prog, inner._actions  # noqa: SLF001 - there is no public list
        options, unknown = inner.parse_known_intermixed_args(args[1:], namespace)
        options.action = action
        return options, unknown


def parser() -> Parser:
    """The words of the command."""
    actions = "\n".join(f"  {name:<6}  {what}" for name, what in ACTIONS.items())
    words = _Actions(
        "vocab",
        usage="vocab ACTION [OPTIONS]",
        description="Makes vocabularies for Chinese out of sentencepiece models, and proves what they promise.",
        epilog=f"actions:\n{actions}\n\n{program()} vocab ACTION --help says more about an action.\n\n{EXIT_CODES}",
    )
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Do what the action says.

    Raises:
        BelleError: Wrong use or input.
    """
    code: int = import_module(f"belle_data.cli.vocab_{options.action}").run(options)
    return code
