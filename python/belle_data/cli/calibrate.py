"""``calibrate``: similarities of the user's prompts and a proposed threshold, for a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from belle_data.cli.measurement import measure_and_show
from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_machine, whole_number
from belle_data.cli.recipe_options import add_reading, add_recipe, recipe_of
from belle_data.cli.terminal import cut
from belle_data.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from belle_data.calibration.result import Calibration, Example, Histogram
    from belle_data.engine.progress import Listener

CHART_LINES = 5
EXAMPLES = 3
_WIDE = 76
_FEED = "\n"
_BLOCKS, _PLAIN_BLOCKS = " ▁▂▃▄▅▆▇█", " .:|#"


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "calibrate",
        usage="calibrate INPUT [INPUT ...] [--pairs FILE] [OPTIONS]",
        description="Shows how similar the prompts of a data set are, and proposes the threshold of semantic_dedup "
        "that removes at most a wanted share of the pairs that are no duplicates. The pairs are labelled ones of a "
        "file, or made of the data's own prompts by rule. Writes nothing but the page that is asked for.",
        epilog=EXIT_CODES,
    )
    words.add_argument("inputs", metavar="INPUT", nargs="+", help="files, folders, globs, URLs or -, as for clean")
    words.add_argument(
        "--pairs", metavar="FILE", help="JSON lines with the texts left and right and the truth value duplicate"
    )
    words.add_argument(
        "--false-removal-rate",
        metavar="SHARE",
        default="0.01",
        help="the share of pairs that are no duplicates which may be removed (0.01)",
    )
    words.add_argument(
        "--rows", metavar="N", type=whole_number, default=20_000, help="distinct prompts that are compared (20000)"
    )
    words.add_argument("--embedder", metavar="NAME", help="in place of the recipe's semantic_dedup.embedder")
    words.add_argument("--html", metavar="FILE", help="write the pictures and tables as a page")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    reading = words.add_argument_group("settings, as for clean")
    add_recipe(reading, "semantic_dedup.guard=false")
    add_reading(reading)
    machine = words.add_argument_group("other")
    machine.add_argument("--cache", metavar="FOLDER", help="keep vectors that cost money here")
    add_machine(machine)
    return words


def run(options: argparse.Namespace) -> int:
    """Calibrate as the options say and print what was found.

    Raises:
        BelleError: Wrong use, recipe, input or pairs.
    """
    rate = _share(options.false_removal_rate)
    if options.threads is not None and options.threads > 0 and "numpy" not in sys.modules:
        # numpy's products have threads of their own, whose number is read when it is loaded.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", str(options.threads))
    from belle_data.calibration import calibrate  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.calibration.page import page_text  # noqa: PLC0415

    recipe = recipe_of(options)

    def measure(listener: Listener) -> Calibration:
        return calibrate(
            options.inputs,
            pairs=options.pairs,
            false_removal_rate=rate,
            rows=options.rows,
            embedder=options.embedder,
            recipe=recipe,
            cache=None if options.cache is None else Path(options.cache),
            threads=options.threads,
            listener=listener,
        )

    return measure_and_show(
        options, measure, page=page_text, lines=lambda result: _lines(result, whole=options.verbose)
    )


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError("the false removal rate must be 0.0001 to 0.5", value=text, hint="such as 0.01") from None


def _lines(result: Calibration, *, whole: bool) -> list[str]:
    inputs = cut(printable(", ".join(result.inputs)), _WIDE)
    compared = f"{result.sampled_prompts:,} of {result.distinct_prompts:,} distinct prompts compared"
    lines = [inputs, f"  {result.rows:,} rows, {compared}", f"  embedder {printable(result.embedder)}"]
    from belle_data.calibration.page import TITLES  # noqa: PLC0415

    for histogram in result.histograms:
        if histogram.values:
            apart = sum(histogram.apart)
            guarded = f", of which the guard keeps {apart:,} apart" if apart else ""
            lines += ["", f"{TITLES[histogram.name]}: {histogram.values:,}{guarded}"]
            lines += _chart(histogram, result.proposal.threshold)
    lines += ["", *_table(result, whole=whole), "", *_kinds(result)]
    if result.closest_different:
        guard = ", the guard sees no difference" if result.guard else ""
        lines += ["", f"no duplicates, and yet nearest{guard}:"]
        lines += _examples(result.closest_different, whole=whole)
    if result.farthest_duplicates:
        lines += ["", "duplicates, and yet farthest:", *_examples(result.farthest_duplicates, whole=whole)]
    return [*lines, "", *_proposal(result)]


def _can_draw() -> bool:
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    return encoding == "utf8"


def _chart(histogram: Histogram, threshold: float | None) -> list[str]:
    """Columns of blocks, over an axis from 0 to 1 on which the threshold is marked."""
    blocks = _BLOCKS if _can_draw() else _PLAIN_BLOCKS
    parts, most = len(blocks) - 1, max(histogram.counts)
    # A count that is there is seen, however small it is beside the largest.
    heights = [max(round(count / most * CHART_LINES * parts), 1) if count else 0 for count in histogram.counts]
    rows = []
    for line in reversed(range(CHART_LINES)):
        columns = "".join(blocks[min(max(height - line * parts, 0), parts)] for height in heights)
        label = f"{most:>9,}" if line == CHART_LINES - 1 else " " * 9
        rows.append(f"{label} {columns}".rstrip())
    bins = len(histogram.counts)
    axis, marks = ["─" if _can_draw() else "-"] * bins, [" "] * (bins + 4)
    for step in range(6):
        at = step * bins // 5
        marks[at : at + 3] = f"{step / 5:.1f}"
    if threshold is not None:
        axis[min(int(threshold * bins + 1e-6), bins - 1)] = "┴" if _can_draw() else "+"
    return [*rows, " " * 10 + "".join(axis), (" " * 10 + "".join(marks)).rstrip()]


def _table(result: Calibration, *, whole: bool) -> list[str]:
    """What thresholds do, every third of them; all with ``-v``."""
    lines = ["threshold  prompts that go  with the guard  others removed  duplicates found"]
    for at, level in enumerate(result.levels):
        chosen = level.threshold == result.proposal.threshold
        if not (whole or chosen or at % 3 == 0):
            continue
        counts = ["?" if count is None else f"{count:,}" for count in (level.rows, level.rows_guarded)]
        shares = ["?" if share is None else f"{share:.2%}" for share in (level.false_removal, level.recall)]
        mark = "*" if chosen else ""
        lines.append(
            f"{level.threshold:>9.2f}{mark:<1} {counts[0]:>16} {counts[1]:>15} {shares[0]:>15} {shares[1]:>17}"
        )
    return lines


def _kinds(result: Calibration) -> list[str]:
    if result.proposal.threshold is None:
        return [f"{kind.pairs:,} pairs of {kind.kind}" for kind in result.kinds]
    lines = [f"pairs at {result.proposal.threshold:g}{'':<12}removed  of      without the guard"]
    for kind in result.kinds:
        what = "duplicate" if kind.duplicate else "different"
        lines.append(
            f"  {what} {kind.kind:<13} {kind.removed or 0:>6,}  {kind.pairs:<7,} {kind.removed_unguarded or 0:,}"
        )
    return lines


def _examples(examples: list[Example], *, whole: bool) -> list[str]:
    lines = []
    for one in examples if whole else examples[:EXAMPLES]:
        seen = "" if one.difference is None else f", the guard sees another {one.difference}"
        lines.append(f"  {one.cosine:.3f} {one.kind}{seen}")
        texts = _apart(one.left, one.right)
        lines += [f"    {cut(printable(text.replace(_FEED, '⏎')), _WIDE - 4)}" for text in texts]
    return lines


def _apart(left: str, right: str) -> list[str]:
    """Two texts from shortly before the place where they part, so that the difference is seen."""
    most = min(len(left), len(right))
    start = next((at for at in range(most) if left[at] != right[at]), most)
    begin = 0 if start <= 20 else start - 12
    return [("…" if begin else "") + text[begin:] for text in (left, right)]


def _proposal(result: Calibration) -> list[str]:
    from belle_data.calibration.page import rate_text  # noqa: PLC0415

    proposal = result.proposal
    lines = []
    if result.setting is not None:
        level = next(one for one in result.levels if one.threshold == proposal.threshold)
        gone = level.rows_guarded if result.guard else level.rows
        lines += [
            f"proposal  {result.setting}",
            f"  of pairs that are no duplicates it removes {rate_text(proposal.false_removal)}",
            f"  of duplicates it finds {rate_text(proposal.recall)}",
        ]
        if gone is not None:
            lines.append(f"  of the prompts that were compared it removes {gone:,} of {result.sampled_prompts:,}")
        sure = proposal.sure_threshold
        certain = "no threshold is" if sure is None else f"a threshold of {sure:g} is"
        lines.append(f"  with 95 % certainty {certain} enough for {result.wanted:.4g}")
        if result.guard:
            other = result.without_guard.threshold
            needed = "no threshold would do" if other is None else f"the threshold would be {other:g}"
            lines.append(f"  without the guard {needed}")
    else:
        lines.append("proposal  none")
    for note in result.notes:
        lines += _note(note)
    return lines


def _note(text: str) -> list[str]:
    import textwrap  # noqa: PLC0415

    return textwrap.wrap(printable(f"note: {text}"), 79, subsequent_indent="  ")
