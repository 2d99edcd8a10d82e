"""``explain``: what happened to a row, for a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from belle_data.cli.page import Page, evaluation_lines, place, printable, similarity_text, stayed_text
from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness
from belle_data.cli.perplexity import perplexity_lines
from belle_data.cli.terminal import emit, emit_json, may_colour
from belle_data.errors import escaped
from belle_data.report.choice import choice_text

if TYPE_CHECKING:
    import argparse

    from belle_data.report.explain import Explanation, Explanations, Link


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "explain",
        usage="explain RUN ROW_ID [OPTIONS]",
        description="Says what happened to a row of a finished run: kept, or removed by which stage, why, and for "
        "which row; then shows both texts with the difference marked: [-only in the removed row-]{+only in the row it "
        "went for+}.",
        epilog=EXIT_CODES,
    )
    words.add_argument("run", metavar="RUN", help="the run folder")
    words.add_argument("row_id", metavar="ROW_ID", help="the row's own id, or file:line")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Explain the row that the options name.

    Raises:
        BelleError: There is no such run or row.
    """
    from belle_data.report.explain import explain  # noqa: PLC0415 - `--help` must not wait for it

    found = explain(options.run, options.row_id)
    if options.json:
        emit_json(found.to_dict())
    else:
        emit(_Explanations(Page(colour=may_colour(sys.stdout), whole=options.verbose)).text(found))
    return 0


class _Explanations:
    """Writes explanations on a page."""

    def __init__(self, page: Page) -> None:
        self._page = page

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
        lines = [self._page.bold(printable(row.id)) + f"  {printable(row.file)}:{row.line} (byte {row.byte:,})"]
        if explanation.changes is not None:
            lines.append(f"  changed by normalise: {', '.join(explanation.changes.names)}")
            if not explanation.chain or explanation.chain[0].removed.stage == "rules":
                lines += self._page.difference(
                    explanation.changes.difference, "only in the row as it came", "only in the normalised row"
                )
        lines += self._findings(explanation)
        if explanation.perplexity is not None:
            lines += perplexity_lines(explanation.perplexity)
        for match in explanation.evaluation:
            lines += evaluation_lines(match, self._page)
        if explanation.choice is not None:
            lines.append(f"  {printable(choice_text(explanation.choice))}")
        for link in explanation.chain:
            if link is not explanation.chain[0]:
                lines += ["", self._page.bold(printable(link.removed.id)) + f"  {place(link.removed)}"]
            lines += self._link(link)
        if not explanation.chain:
            for miss in explanation.nearest:
                near = f"{miss.similarity:.4f} to {printable(miss.other.id)}  {place(miss.other)}, which is kept too"
                why = f"; {stayed_text(miss.why)}" if miss.why else ""
                lines.append(f"  nearly removed by {miss.stage}: similarity {near}{why}")
            lines.append("  kept")
            if explanation.turns is not None:
                lines += self._page.turns(explanation.turns)
        if explanation.removed_for_it:
            ids = ", ".join(printable(row_id) for row_id in explanation.removed_ids)
            more = ", …" if explanation.removed_for_it > len(explanation.removed_ids) else ""
            rows = "row was" if explanation.removed_for_it == 1 else "rows were"
            lines.append(f"  {explanation.removed_for_it:,} {rows} removed for it: {ids}{more}")
        lines += [f"  note: {escaped(note)}" for note in explanation.notes]
        return lines

    def _findings(self, explanation: Explanation) -> list[str]:
        """What the rules found: the one that fired with its place, else how many were asked; all of them with -v."""
        asked = [finding for finding in explanation.findings if finding.threshold is not None]
        fired = next((finding for finding in asked if finding.fired), None)
        lines = []
        if fired is not None and fired.value is not None:
            value = f"{fired.value:.4g} {fired.comparison} {fired.threshold:g}"
            lines.append(f"  fired: {fired.rule}, {value}")
            if fired.span is not None:
                lines += self._page.span(fired.span)
        elif asked:
            lines.append(f"  passed {len(asked)} rules")
        if self._page.whole:
            for finding in explanation.findings:
                value = "cannot be computed" if finding.value is None else f"{finding.value:.4g}"
                limit = "off" if finding.threshold is None else f"goes if {finding.comparison} {finding.threshold:g}"
                lines.append(f"    {finding.rule:<21}  {value:<18}  {limit}")
        return lines

    def _link(self, link: Link) -> list[str]:
        removed, kept = link.removed, link.kept
        lines = [f"  removed by {removed.stage}: {removed.reason}"]
        if removed.similarity is not None:
            of = "" if link.compared in {None, "conversation"} else f" of the {link.compared}"
            threshold = "" if link.threshold is None else f", the threshold is {link.threshold:g}"
            lines.append(f"  similarity{of} {similarity_text(removed.similarity, link.threshold)}{threshold}")
        if kept is not None:
            state = "which is kept" if kept.kept else f"which {kept.stage} removed later"
            lines.append(f"  for {printable(kept.id)}  {place(kept)}, {state}")
        elif removed.kept_id is not None:
            lines.append(
                f"  for {printable(removed.kept_id)}; several rows have this id, and stages/ no longer says which"
            )
        if link.difference is not None:
            lines += self._page.difference(link.difference, "only in the removed row", "only in the row it went for")
        return lines
