"""What can go wrong, as the user sees it: one class per kind of mistake, all of them a `BelleError`.

A function of this package that fails for a reason outside of it raises one of these; the command line prints the
text, then the hint on a line of its own, and leaves with `exit_code`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN_VALUE = 200
"""Characters of a wrong value that an error shows; the rest is cut."""


class BelleError(Exception):
    """What went wrong, where, with which value, and what to do about it.

    The text is ``path:line (byte N): message: value`` with whatever of it is known. Control characters are escaped, so
    a hostile file name or value cannot write to the terminal.

    Args:
        message: What is wrong and which rule it breaks, one sentence without a full stop.
        path: The file, folder or URL that it is about.
        line: The line in `path`, counted from 1.
        byte: The byte offset in `path` as it is stored, counted from 0.
        value: The wrong value; shown as its `repr`, cut after `SHOWN_VALUE` characters.
        hint: What the user can do, one sentence without a full stop.
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        message: str,
        *,
        path: object = None,
        line: int | None = None,
        byte: int | None = None,
        value: object = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = None if path is None else str(path)
        self.line = line
        self.byte = byte
        self.value = value
        self.hint = hint

    def __str__(self) -> str:
        text = escaped(self.message)
        where = self._where()
        if where:
            text = f"{where}: {text}"
        if self.value is not None:
            shown = repr(self.value)
            if len(shown) > SHOWN_VALUE:
                shown = shown[:SHOWN_VALUE] + "…"
            text = f"{text}: {shown}"
        return text

    def _where(self) -> str:
        parts = [] if self.path is None else [escaped(self.path)]
        if self.line is not None:
            parts.append(str(self.line) if parts else f"line {self.line}")
        where = ":".join(parts)
        if self.byte is not None:
            where = f"{where} (byte {self.byte})" if where else f"byte {self.byte}"
        return where


class UsageError(BelleError):
    """The command or the call asks for something that does not exist or does not go together."""


class RecipeError(BelleError):
    """One mistake in a recipe, or several: then `mistakes` holds each of them and the text has a line for each.

    Args:
        message: As for `BelleError`; for several mistakes a heading, such as "2 mistakes in the recipe".
        mistakes: The single mistakes; empty when this is one itself.
    """

    def __init__(
        self,
        message: str,
        *,
        mistakes: Sequence[RecipeError] = (),
        path: object = None,
        line: int | None = None,
        byte: int | None = None,
        value: object = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, path=path, line=line, byte=byte, value=value, hint=hint)
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        lines = [super().__str__()]
        for mistake in self.mistakes:
            lines.append(f"  {mistake}")
            if mistake.hint:
                lines.append(f"    hint: {escaped(mistake.hint)}")
        return "\n".join(lines)

    @classmethod
    def of(cls, mistakes: Sequence[RecipeError], path: object = None) -> RecipeError:
        """Make one error of all `mistakes`; a single one is returned as it is.

        Raises:
            ValueError: `mistakes` is empty.
        """
        if not mistakes:
            message = "no mistake to report"
            raise ValueError(message)
        if len(mistakes) == 1:
            return mistakes[0]
        return cls(f"{len(mistakes)} mistakes in the recipe", mistakes=mistakes, path=path)


class SourceError(BelleError):
    """An input file cannot be read, breaks off, or is not what it says it is."""


class RunFolderError(BelleError):
    """A run folder cannot be written, is in use, or belongs to another run."""


class InternalError(BelleError):
    """A mistake of this program: something that the code takes to be impossible."""


def was_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C led to an error.

    What goes wrong while an interruption ends what was at work, such as a file that is closed twice, is no error of its
    own.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__context__
    return cause is not None


def escaped(text: str) -> str:
    """Write line breaks, control characters and lone surrogates of `text` as escapes; Chinese stays as it is."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
