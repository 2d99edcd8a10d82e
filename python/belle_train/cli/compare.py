"""``compare``: lets a model say which of two systems answers better, pair by pair and in both orders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.terminal import emit, emit_json, padded
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

    from belle_train.judge.comparing import Compared, Job

_NOTES = """\
Each pair is shown twice, with either answer first. A system wins a row if it wins in both orders; where the orders
differ the row is a tie, and counts against the judge's consistency. Rows without a verdict are missing, with a reason.
Replies are stored; the same command makes no call twice. The recipes compare-zh and compare-en ask for a verdict; with
way = "scores" a recipe asks for two scores of 1 to 10, as Vicuna and LLaMA-GPT4 were judged.

examples:
  compare --a belle.jsonl --b base.jsonl --eval eval.jsonl --judge gpt-4 --max-cost 10 --out scores/belle-base
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "compare",
        usage="compare --a FILE --b FILE --eval FILE --judge MODEL --out FOLDER [OPTIONS]",
        description="Lets a model say which of two answers is better, in both orders: wins, ties, consistency.",
        epilog=f"{_NOTES}\n{CODES}",
    )
    words.add_argument("--a", metavar="FILE", required=True, help="answers of one system, as generate writes them")
    words.add_argument("--b", metavar="FILE", required=True, help="answers of the other")
    words.add_argument(
        "--eval", metavar="FILE", required=True, dest="evaluation", help="the evaluation set that evalset build wrote"
    )
    words.add_argument("--out", metavar="FOLDER", required=True, help="where the verdicts go")
    words.add_argument(
        "--recipe",
        metavar="NAME",
        default="compare-zh",
        help="how the judge is asked: compare-zh, compare-en or a file",
    )
    words.add_argument("--name-a", metavar="TEXT", help="of the first system in tables (the name of its file)")
    words.add_argument("--name-b", metavar="TEXT", help="of the second")
    add_judge(words)
    add_results(words)
    return words


def run(options: argparse.Namespace) -> int:
    """Compare as the options say and print the win rates.

    Returns:
        0; or 1 if more rows are missing than may be.

    Raises:
        BelleError: Wrong use or input, the server cannot be asked, or the folder cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` needs none of it
    from belle_train.judge import comparing  # noqa: PLC0415

    job, server, budget = _job(options), server_of(options), budget_of(options)
    with listening(quiet=options.quiet, interrupted=INTERRUPTED) as listener:
        planned = comparing.plan(job, server)
        expected = estimate_of(job, planned, server, budget)
        if options.dry_run:
            show_estimate(expected, as_json=options.json)
            return 0
        listener.message(estimate_line(expected))
        compared = comparing.compare(job, planned, server, budget, listener)
    overall = compared.summary["overall"]
    code = code_of(overall["missing"], overall["rows"], options.max_missing)
    if options.json:
        emit_json({"verdicts": options.out, **compared.summary, "replies": compared.manifest["replies"]})
    elif not options.quiet:
        emit("\n".join(_lines(options.out, compared, too_many=code != 0)))
    return code


def _job(options: argparse.Namespace) -> Job:
    from belle_train.judge.comparing import Job  # noqa: PLC0415
    from belle_train.judge.judge_prompts import load_compare_recipe  # noqa: PLC0415

    return Job(
        a=Path(options.a),
        b=Path(options.b),
        evaluation=Path(options.evaluation),
        out=Path(options.out),
        recipe=load_compare_recipe(options.recipe),
        recipe_name=options.recipe,
        name_a=options.name_a,
        name_b=options.name_b,
        limit=options.limit,
        force=options.force,
    )


def _lines(out: str, compared: Compared, *, too_many: bool) -> list[str]:
    summary, manifest = compared.summary, compared.manifest
    overall = summary["overall"]
    names = [printable(manifest[side]["name"]) for side in ("a", "b")]
    lines = [
        f"a is {names[0]}, b is {names[1]}",
        f"{padded('', 24)}{'rows':>6}{'a wins':>8}{'ties':>6}{'b wins':>8}{'missing':>9}{'win rate of a':>15}",
    ]
    lines += [_line(category_name(name), rate) for name, rate in summary["categories"].items()]
    lines.append(_line("all", overall))
    if overall["consistent"] is not None:
        lines.append(f"both orders agree in {overall['consistent']:.1%} of {overall['both_orders']:,} rows")
    if overall["first_place"] is not None:
        lines.append(f"of the verdicts for one side {overall['first_place']:.1%} are for the first place")
    if overall["p_value"] is not None:
        p_value = overall["p_value"]
        lines.append(f"sign test: p {'< 0.0001' if p_value < 0.0001 else f'= {p_value:.4f}'}")
    relative = summary.get("relative_score")
    if relative is not None and relative["ratio"] is not None:
        lines.append(
            f"sum of scores: a {relative['a']:,.1f}, b {relative['b']:,.1f}, a is {relative['ratio']:.1%} of b"
        )
    reasons, replies = summary["missing_reasons"], manifest["replies"]
    closing = closing_lines(out, reasons, overall["rows"], compared.unused, replies, too_many=too_many)
    return [*lines, *closing]


def _line(name: str, rate: dict[str, Any]) -> str:
    share = "–" if rate["win_rate"] is None else f"{rate['win_rate']:.3f}"
    interval = "" if rate["low"] is None else f"   {rate['low']:.3f}–{rate['high']:.3f}"
    counts = f"{rate['rows']:>6,}{rate['wins']:>8,}{rate['ties']:>6,}{rate['losses']:>8,}{rate['missing']:>9,}"
    return f"{padded(name, 24)}{counts}{share:>15}{interval}"
