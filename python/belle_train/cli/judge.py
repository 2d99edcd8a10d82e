"""``judge``: lets a model score answers from 0 to 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.cli.parser import whole_number
from belle_data.cli.terminal import emit, emit_json, padded
from belle_data.errors import UsageError
from belle_train.cli.judge_options import (
    CODES,
    INTERRUPTED,
    add_judge,
    add_results,
    budget_of,
    category_name,
    closing_lines,
    code_of,
    estimate_line,
    estimate_of,
    server_of,
    show_estimate,
)
from belle_train.cli.parser import Parser

if TYPE_CHECKING:
    import argparse

    from belle_train.judge.judging import Job, Judged

LABELS = ("factor", "base", "data")
_NOTES = """\
Every row ends with a score or with a reason why it has none: a failure is a missing value, never a number. Replies are
stored as they come; the same command asks for what is missing and makes no call twice. The key is read from
OPENAI_API_KEY. What it will cost is told before it starts; --max-cost is never passed.

The folder holds scores.jsonl (a line for each row, with the judge's words), summary.json (means by category, macro
averages with and without others, intervals), manifest.json (where all of it comes from) and replies.jsonl.

examples:
  judge --answers answers.jsonl --eval eval.jsonl --judge gpt-3.5-turbo --max-cost 5.00 --out scores/belle
  judge --answers answers.jsonl --eval eval.jsonl --judge qwen --base-url http://localhost:8000/v1 --out scores/belle
  judge --answers answers.jsonl --eval eval.jsonl --judge gpt-4 --repeats 3 --temperature 0.7 --out scores/belle-gpt-4
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "judge",
        usage="judge --answers FILE --eval FILE --judge MODEL --out FOLDER [OPTIONS]",
        description="Lets a model score answers from 0 to 1 by category, with the reference where there is one.",
        epilog=f"{_NOTES}\n{CODES}",
    )
    words.add_argument("--answers", metavar="FILE", required=True, help="what generate wrote")
    words.add_argument(
        "--eval", metavar="FILE", required=True, dest="evaluation", help="the evaluation set that evalset build wrote"
    )
    words.add_argument("--out", metavar="FOLDER", required=True, help="where the scores go")
    words.add_argument(
        "--recipe", metavar="NAME", default="judge-zh", help="how the judge is asked: judge-zh, judge-en or a file"
    )
    words.add_argument(
        "--repeats", metavar="N", type=whole_number, default=1, help="judge each answer so often; a score is the mean"
    )
    words.add_argument("--human", metavar="FILE", help="scores of people, CSV or JSON lines with id and score")
    words.add_argument("--name", metavar="TEXT", help="of the system in tables (the name of the file of answers)")
    words.add_argument(
        "--label",
        metavar="KEY=TEXT",
        action="append",
        default=[],
        dest="labels",
        help="factor, base or data: columns of the paper's Table 2; may be repeated",
    )
    add_judge(words)
    add_results(words)
    return words


def run(options: argparse.Namespace) -> int:
    """Judge as the options say and print the scores.

    Returns:
        0; or 1 if more rows are missing than may be.

    Raises:
        BelleError: Wrong use or input, the server cannot be asked, or the folder cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` needs none of it
    from belle_train.judge import judging  # noqa: PLC0415

    job, server, budget = _job(options), server_of(options), budget_of(options)
    with listening(quiet=options.quiet, interrupted=INTERRUPTED) as listener:
        planned = judging.plan(job, server)
        expected = estimate_of(job, planned, server, budget)
        if options.dry_run:
            show_estimate(expected, as_json=options.json)
            return 0
        listener.message(estimate_line(expected))
        judged = judging.judge(job, planned, server, budget, listener)
    missing = sum(judged.summary["missing"].values())
    code = code_of(missing, judged.summary["rows"], options.max_missing)
    if options.json:
        emit_json({"scores": options.out, **judged.summary, "replies": judged.manifest["replies"]})
    elif not options.quiet:
        emit("\n".join(_lines(options.out, judged, too_many=code != 0)))
    return code


def _job(options: argparse.Namespace) -> Job:
    from belle_train.judge.judge_prompts import load_judge_recipe  # noqa: PLC0415
    from belle_train.judge.judging import Job  # noqa: PLC0415

    return Job(
        answers=Path(options.answers),
        evaluation=Path(options.evaluation),
        out=Path(options.out),
        recipe=load_judge_recipe(options.recipe),
        recipe_name=options.recipe,
        repeats=options.repeats,
        name=options.name,
        labels=_labels(options.labels),
        human=None if options.human is None else Path(options.human),
        limit=options.limit,
        force=options.force,
    )


def _labels(given: list[str]) -> dict[str, str | None]:
    labels: dict[str, str | None] = {}
    for one in given:
        key, sign, text = one.partition("=")
        if not sign or key not in LABELS:
            raise UsageError("a label is factor, base or data with a text", value=one, hint="such as base=LLaMA-7B")
        labels[key] = text
    return labels


def _lines(out: str, judged: Judged, *, too_many: bool) -> list[str]:
    summary = judged.summary
    lines = [f"{padded('', 24)}{'rows':>6}{'missing':>9}{'score':>8}   interval"]
    lines += [_line(category_name(name), figures) for name, figures in summary["categories"].items()]
    lines += [_line("macro average", summary["macro"]), _line("  without others", summary["macro_without_others"])]
    replies = judged.manifest["replies"]
    closing = closing_lines(out, summary["missing"], summary["rows"], judged.unused, replies, too_many=too_many)
    return [*lines, *closing]


def _line(name: str, figures: dict[str, Any]) -> str:
    missing = sum(figures["missing"].values())
    mean = "–" if figures["mean"] is None else f"{figures['mean']:.3f}"
    interval = "" if figures["low"] is None else f"{figures['low']:.3f}–{figures['high']:.3f}"
    bounds = f"   if missing are 0 or 1: {figures['bound_low']:.3f}–{figures['bound_high']:.3f}" if missing else ""
    return f"{padded(name, 24)}{figures['rows']:>6,}{missing:>9,}{mean:>8}   {interval}{bounds}"
