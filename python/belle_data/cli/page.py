"""How texts, differences and rows are written on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.errors import escaped

if TYPE_CHECKING:
    from belle_data.report.difference import Part
    from belle_data.report.evaluation_matches import EvaluationMatch
    from belle_data.report.finished_run import Row

CONTEXT = 30
"""Characters of equal text that are shown on each side of a difference."""
MOST_OF_SPAN = 200
"""Characters of a place that are shown."""
INDENT = "    "
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


class Page:
    """Writes rows and their differences.

    Args:
        colour: Mark differences by colour, else by ``[-…-]`` and ``{+…+}``.
        whole: Show equal text whole, however long.
    """

    def __init__(self, *, colour: bool, whole: bool) -> None:
        self._colour, self.whole = colour, whole

    def turns(self, turns: list[tuple[str, str]], most: int | None = None) -> list[str]:
        """The turns of a row; of each at most so many characters unless whole texts are wanted."""
        shown = []
        for role, text in turns:
            cut = most is not None and not self.whole and len(text) > most
            rest = f"…({len(text) - most:,} more characters)" if cut and most is not None else ""
            shown += [f"  {role}:", INDENT + lines(text[:most] if cut else text) + rest]
        return shown

    def difference(self, difference: list[tuple[str, list[Part]]], removed: str, kept: str) -> list[str]:
        """The difference of two rows; `removed` and `kept` say whose text is marked how."""
        same = all(kind == "same" for _, parts in difference for kind, _ in parts)
        legend = f"  {self._marked('removed', removed)} {self._marked('kept', kept)}:"
        shown = ["  the texts are the same:" if same else legend]
        for role, parts in difference:
            shown += [f"  {role}:", INDENT + self._parts(parts)]
        return shown

    def span(self, span: tuple[int, str, str, str]) -> list[str]:
        """The place of a turn that decided, marked, with some of the text around it."""
        turn, before, within, after = span
        before = before if self.whole or len(before) <= CONTEXT else f"…{before[-CONTEXT:]}"
        after = after if self.whole or len(after) <= CONTEXT else f"{after[:CONTEXT]}…"
        if not self.whole and len(within) > MOST_OF_SPAN:
            within = f"{within[:MOST_OF_SPAN]}…({len(within) - MOST_OF_SPAN:,} more characters)"
        return [f"  in turn {turn + 1}:", f"{INDENT}{lines(before)}{self._marked('removed', within)}{lines(after)}"]

    def bold(self, text: str) -> str:
        """A text that is seen first."""
        return f"{_BOLD}{text}{_PLAIN}" if self._colour else text

    def _parts(self, parts: list[Part]) -> str:
        shown = []
        for at, (kind, text) in enumerate(parts):
            if kind == "same":
                shown.append(self._context(text, first=at == 0, last=at == len(parts) - 1))
            else:
                shown.append(self._marked(kind, text))
        return "".join(shown)

    def _context(self, text: str, *, first: bool, last: bool) -> str:
        """Equal text; its middle is left out where it is long."""
        if self.whole or len(text) <= 3 * CONTEXT:
            return lines(text)
        # At the end of a turn there is no difference to show the text around.
        start = "" if first and not last else lines(text[:CONTEXT])
        end = "" if last and not first else lines(text[-CONTEXT:])
        left_out = len(text) - CONTEXT * (2 if bool(start) and bool(end) else 1)
        return f"{start}…({left_out:,} characters)…{end}"

    def _marked(self, kind: str, text: str) -> str:
        shown = lines(text, visible=True)
        if self._colour:
            return f"{_RED if kind == 'removed' else _GREEN}{shown}{_PLAIN}"
        return f"[-{shown}-]" if kind == "removed" else f"{{+{shown}+}}"


def printable(text: str) -> str:
    """Write everything that could steer a terminal as an escape; the ideographic space is text."""
    return "\u3000".join(escaped(piece) for piece in text.split("\u3000"))


def lines(text: str, *, visible: bool = False) -> str:
    """Text with its line breaks, indented; in a difference they are to be seen."""
    return f"{'⏎' if visible else ''}\n{INDENT}".join(printable(line) for line in text.split("\n"))


def place(row: Row) -> str:
    """File and line of a row."""
    return f"({printable(row.file)}:{row.line})"


def similarity_text(similarity: float, threshold: float | None) -> str:
    """The similarity with as many digits as show on which side of the threshold it is."""
    shown = f"{similarity:.4f}"
    if threshold is not None and (float(shown) >= threshold) != (similarity >= threshold):
        return repr(similarity)
    return shown


_STAYED = {
    "number": "it stayed because the two differ in a number",
    "negation": "it stayed because the two differ in a negation",
    "name": "it stayed because the two differ in a name, or in another word that counts as much",
    "input": "it stayed because one has an input and the other has none",
    "instruction": "it stayed because the instructions are not near",
    "prompt": "it stayed because the prompts are not near",
    "output": "it stayed because the answers are not near",
    "below_threshold": "it stayed because that is below the threshold",
}


def stayed_text(why: str) -> str:
    """Why a row stayed, from the word of a near miss."""
    return _STAYED.get(why, f"it stayed because of: {printable(why)}")


def evaluation_lines(match: EvaluationMatch, page: Page) -> list[str]:
    """Which evaluation row a row holds a text of, how much of it, and where."""
    name = f"{printable(match.against)}, row {match.against_row:,}"
    if match.against_id is not None:
        name += f" ({printable(match.against_id)})"
    values = f"{match.covered:.2%} of it in {match.ngrams:,} shared n-grams"
    if match.similarity is not None:
        values = f"similarity {match.similarity:.4f}, {values}"
    says = "holds" if match.reason is not None else "resembles, not enough to go,"
    span = [] if match.span is None else page.span(match.span)
    return [f"  {says} the {match.part} of {name}: {values}", *span]
