"""Commands of several actions: each action has a module of its own, with its own options and help."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, Parser, program
from belle_data.cli.terminal import closest
from belle_data.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from types import ModuleType


class ActionsParser(Parser):
    """Reads the action, and then what the action's own parser says.

    Args:
        command: The command.
        description: What it is for.
        actions: Each action, in the module of the command, ``_`` and its name, and what it does.
    """

    def __init__(self, command: str, description: str, actions: Mapping[str, str]) -> None:
        self._command, self._known = command, actions
        width = max(map(len, actions)) + 1
        listed = "\n".join(f"  {name:<{width}} {what}" for name, what in actions.items())
        super().__init__(
            command,
            usage=f"{command} ACTION [OPTIONS]",
            description=description,
            epilog=f"actions:\n{listed}\n\n{program()} {command} ACTION --help says more about an action.\n\n"
            f"{EXIT_CODES}",
        )
        self.add_argument("-h", "--help", action="help", help="show this and leave")

    def parse_known_intermixed_args(  # type: ignore[override]
        self, args: list[str], namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Hand the arguments over to the action that comes first among them.

        Raises:
            UsageError: No action is named, or one that is not there.
        """
        names = ", ".join(self._known)
        several = f"the actions are {names}" if len(self._known) > 1 else f"the only action is {names}"
        if not args:
            raise UsageError("no action is named", hint=several)
        action = args[0]
        if action.startswith("-"):
            return super().parse_known_intermixed_args(args, namespace)
        if action not in self._known:
            near = closest(action, self._known)
            raise UsageError("unknown action", value=action, hint=f"did you mean {near}?" if near else several)
        inner: Parser = action_module(self._command, action).parser()
        # What is wrong is told with the options of the action.
        self.prog, self._actions = inner.prog, inner._actions  # noqa: SLF001 - there is no public list
        options, unknown = inner.parse_known_intermixed_args(args[1:], namespace)
        options.action = action
        return options, unknown


def action_module(command: str, action: str) -> ModuleType:
    """The module of an action."""
    return import_module(f"belle_data.cli.{command}_{action}")
