"""How the commands run that measure data and change none: they show what was found, and write a page if asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from belle_data.cli.terminal import emit, emit_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from belle_data.engine.progress import Listener


class _Found(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


Found = TypeVar("Found", bound=_Found)


def measure_and_show(
    options: argparse.Namespace,
    measure: Callable[[Listener], Found],
    *,
    page: Callable[[Found], str],
    lines: Callable[[Found], Sequence[str]],
) -> int:
    """Measure, write the page that ``--html`` names, and print lines, or with ``--json`` one object.

    Args:
        options: The words of the command, with ``html``, ``json``, ``quiet`` and ``command``.
        measure: Gives what is found, and tells its progress.
        page: Makes the page of it.
        lines: Make of it what a terminal shows.

    Returns:
        The exit code.

    Raises:
        BelleError: As `measure` and `page` raise it, or, before the work, because the page cannot be written there.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.page_file import check_page, write_page  # noqa: PLC0415

    if options.html is not None:
        check_page(options.html, f"--html {options.command}.html")
    with listening(quiet=options.quiet) as listener:
        found = measure(listener)
        if options.html is not None:
            write_page(page(found), options.html)
    if options.json:
        emit_json(found.to_dict())
    else:
        emit("\n".join(lines(found)))
    return 0
