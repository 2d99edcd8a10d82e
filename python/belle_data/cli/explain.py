"""``explain``: what happened to a row, for a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli.terminal import emit, emit_json, may_colour
from belle_data.errors import escaped

if TYPE_CHECKING:
    import argparse

    from belle_data.report.difference import Part
    from belle_data.report.explain import Explanation, Explanations, Link
    from belle_data.report.finished_run import Row

CONTEXT = 30
"""Characters of equal text that are shown on each side of a difference."""
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"
_INDENT = "    "


def explain_command(options: argparse.Namespace) -> int:
    """Explain the row that the options name.

    Raises:
        BelleError: There is no such run or row.
    """
    from belle_data.report.explain import explain  # noqa: PLC0415 - `--help` must not wait for it

    found = explain(options.run, options.row_id)
    if options.json:
        emit_json(found.to_dict())
    else:
        emit(_Page(colour=may_colour(sys.stdout), whole=options.verbose).text(found))
    return 0


class _Page:
    """Writes explanations.

    Args:
        colour: Mark differences by colour, else by ``[-…-]`` and ``{+…+}``.
        whole: Show equal text whole, however long.
    """

    def __init__(self, *, colour: bool, whole: bool) -> None:
        self._colour, self._whole = colour, whole

    def text(self, found: Explanations) -> str:
        lines: list[str] = []
        if found.found > 1:
            lines.append(f"{found.found:,} rows have the id {printable(found.row_id)}")
        for explanation in found.rows:
            if lines:
                lines.append("")
            lines += self._explanation(explanation)
        if found.found > len(found.rows):
            lines += ["", f"{found.found - len(found.rows):,} more rows have this id"]
        return "\n".join(lines)

    def _explanation(self, explanation: Explanation) -> list[str]:
        row = explanation.row
        lines = [self._bold(printable(row.id)) + f"  {printable(row.file)}:{row.line} (byte {row.byte:,})"]
        for link in explanation.chain:
            if link is not explanation.chain[0]:
                lines += ["", self._bold(printable(link.removed.id)) + f"  {_place(link.removed)}"]
            lines += self._link(link)
        if not explanation.chain:
            lines.append("  kept")
            if explanation.turns is not None:
                for role, text in explanation.turns:
                    lines.append(f"  {role}:")
                    lines.append(_INDENT + _lines(text))
        if explanation.removed_for_it:
            ids = ", ".join(printable(row_id) for row_id in explanation.removed_ids)
            more = ", …" if explanation.removed_for_it > len(explanation.removed_ids) else ""
            rows = "row was" if explanation.removed_for_it == 1 else "rows were"
            lines.append(f"  {explanation.removed_for_it:,} {rows} removed for it: {ids}{more}")
        lines += [f"  note: {escaped(note)}" for note in explanation.notes]
        return lines

    def _link(self, link: Link) -> list[str]:
        removed, kept = link.removed, link.kept
        lines = [f"  removed by {removed.stage}: {removed.reason}"]
        if removed.similarity is not None:
            of = "" if link.compared in {None, "conversation"} else f" of the {link.compared}"
            threshold = "" if link.threshold is None else f", the threshold is {link.threshold:g}"
            lines.append(f"  similarity{of} {_similarity(removed.similarity, link.threshold)}{threshold}")
        if kept is not None:
            state = "which is kept" if kept.kept else f"which {kept.stage} removed later"
            lines.append(f"  for {printable(kept.id)}  {_place(kept)}, {state}")
        elif removed.kept_id is not None:
            lines.append(
                f"  for {printable(removed.kept_id)}; several rows have this id, and stages/ no longer says which"
            )
        if link.difference is not None:
            old, new = (
                self._marked("removed", "only in the removed row"),
                self._marked("kept", "only in the row it went for"),
            )
            same = all(kind == "same" for _, parts in link.difference for kind, _ in parts)
            lines.append("  the texts are the same:" if same else f"  {old} {new}:")
            for role, parts in link.difference:
                lines.append(f"  {role}:")
                lines.append(_INDENT + self._parts(parts))
        return lines

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
        if self._whole or len(text) <= 3 * CONTEXT:
            return _lines(text)
        # At the end of a turn there is no difference to show the text around.
        start = "" if first and not last else _lines(text[:CONTEXT])
        end = "" if last and not first else _lines(text[-CONTEXT:])
        left_out = len(text) - CONTEXT * (2 if bool(start) and bool(end) else 1)
        return f"{start}…({left_out:,} characters)…{end}"

    def _marked(self, kind: str, text: str) -> str:
        shown = _lines(text, visible=True)
        if self._colour:
            return f"{_RED if kind == 'removed' else _GREEN}{shown}{_PLAIN}"
        return f"[-{shown}-]" if kind == "removed" else f"{{+{shown}+}}"

    def _bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_PLAIN}" if self._colour else text


def printable(text: str) -> str:
    """Write everything that could steer a terminal as an escape; the ideographic space is text."""
    return "\u3000".join(escaped(piece) for piece in text.split("\u3000"))


def _lines(text: str, *, visible: bool = False) -> str:
    """Text with its line breaks, indented; in a difference they are to be seen."""
    return f"{'⏎' if visible else ''}\n{_INDENT}".join(printable(line) for line in text.split("\n"))


def _place(row: Row) -> str:
    return f"({printable(row.file)}:{row.line})"


def _similarity(similarity: float, threshold: float | None) -> str:
    """The similarity with as many digits as show on which side of the threshold it is."""
    shown = f"{similarity:.4f}"
    if threshold is not None and (float(shown) >= threshold) != (similarity >= threshold):
        return repr(similarity)
    return shown
