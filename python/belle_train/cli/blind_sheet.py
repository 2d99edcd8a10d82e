"""``blind-sheet``: hands over to ``export`` or ``import``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, program
from belle_data.cli.terminal import closest
from belle_data.errors import UsageError
from belle_train.cli.parser import Parser

if TYPE_CHECKING:
    import argparse

ACTIONS = {
    "export": "write sheets on which people compare two systems, and the key apart from them",
    "import": "read filled sheets, check them against the key, and count",
}
"""The actions, each in the module ``blind_sheet_`` and its name, and what it does."""


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
        inner: Parser = import_module(f"belle_train.cli.blind_sheet_{action}").parser()
        # What is wrong is told with the options of the action.
        self.prog, self._actions = inner.prog, inner._actions  # noqa: SLF001 - there is no public list
        options, unknown = inner.parse_known_intermixed_args(args[1:], namespace)
        options.action = action
        return options, unknown


def parser() -> Parser:
    """The words of the command."""
    actions = "\n".join(f"  {name:<6}  {what}" for name, what in ACTIONS.items())
    typed = program("belle_train")
    words = _Actions(
        "blind-sheet",
        usage="blind-sheet ACTION [OPTIONS]",
        description="Lets people say which of two systems answers better: the sides are hidden and shuffled, and a key "
        "that is kept apart tells them.",
        epilog=f"actions:\n{actions}\n\n{typed} blind-sheet ACTION --help says more about an action.\n\n{EXIT_CODES}",
    )
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Do what the action says.

    Raises:
        BelleError: Wrong use or input.
    """
    code: int = import_module(f"belle_train.cli.blind_sheet_{options.action}").run(options)
    return code
