"""Words that `judge` and `compare` share: the server, its limits, the budget, and what is shown before they ask."""

from __future__ import annotations

import argparse
import json
import math
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json
from belle_data.errors import UsageError, escaped

if TYPE_CHECKING:
    from belle_data.cli.parser import Parser
    from belle_train.judge import comparing, judging
    from belle_train.judge.asking import Estimate
    from belle_train.judge.budget import Budget
    from belle_train.judge.judge_server import JudgeServer

TOO_MANY_MISSING = 1
CODES = EXIT_CODES.replace("  2 ", "  1    more rows are missing than --max-missing allows\n  2 ", 1)
_NOTHING = object()
INTERRUPTED = "stored replies stay; the same command asks for the rest"


def add_judge(words: Parser) -> None:
    """Add what says which judge is asked, how fast, and for how much money."""
    judge = words.add_argument_group("the judge")
    judge.add_argument("--judge", metavar="MODEL", required=True, help="the model that judges, such as gpt-3.5-turbo")
    judge.add_argument(
        "--base-url", metavar="URL", help="a server with OpenAI's API, such as http://localhost:8000/v1 (OpenAI's own)"
    )
    judge.add_argument("--temperature", metavar="T", type=number, default=0.0, help="0 to 2 (0)")
    judge.add_argument(
        "--reply-tokens", metavar="N", type=whole_number, default=1024, help="tokens of the longest reply (1024)"
    )
    judge.add_argument(
        "--structured",
        metavar="WHEN",
        default="auto",
        help="ask for replies as JSON: auto (if the server can), yes or no (auto)",
    )
    judge.add_argument(
        "--accept-model",
        metavar="NAME",
        action="append",
        default=[],
        help="a name that replies may carry besides MODEL and its dated versions; may be repeated",
    )
    judge.add_argument(
        "--field",
        metavar="KEY=JSON",
        action="append",
        default=[],
        dest="fields",
        help="another field of each request, such as max_completion_tokens=2048; null leaves one out; may be repeated",
    )
    pace = words.add_argument_group("pace and money")
    pace.add_argument("--connections", metavar="N", type=whole_number, default=8, help="requests at a time (8)")
    pace.add_argument("--timeout", metavar="SECONDS", type=number, default=60.0, help="that a reply may take (60)")
    pace.add_argument(
        "--retries", metavar="N", type=whole_number, default=6, help="tries after the first, with growing pauses (6)"
    )
    pace.add_argument("--requests-per-minute", metavar="N", type=whole_number, help="never more than so many")
    pace.add_argument("--tokens-per-minute", metavar="N", type=whole_number, help="never more than so many")
    pace.add_argument("--max-cost", metavar="DOLLARS", type=number, help="never spend more in this folder of results")
    pace.add_argument(
        "--max-total-tokens", metavar="N", type=whole_number, help="never use more tokens in this folder of results"
    )
    pace.add_argument("--price-in", metavar="DOLLARS", type=number, help="of a million tokens of prompts")
    pace.add_argument("--price-out", metavar="DOLLARS", type=number, help="of a million tokens of replies")


def add_results(words: Parser) -> None:
    """Add what says which rows count, and what is written and printed."""
    results = words.add_argument_group("results")
    results.add_argument("--limit", metavar="N", type=whole_number, help="only the first N rows of the evaluation set")
    results.add_argument(
        "--max-missing",
        metavar="SHARE",
        type=number,
        default=0.05,
        help="exit with 1 if more of the rows are missing, from 0 to 1 (0.05)",
    )
    results.add_argument("--dry-run", action="store_true", help="say what it would ask and cost, and ask nothing")
    results.add_argument("--force", action="store_true", help="replace results of other settings in the folder")
    results.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")


def server_of(options: argparse.Namespace) -> JudgeServer:
    """The server that the options say."""
    from belle_train.judge.judge_server import JudgeServer  # noqa: PLC0415 - `--help` needs none of it

    if not 0 <= options.max_missing <= 1:
        raise UsageError("the share that may be missing is 0 to 1", value=options.max_missing)
    return JudgeServer(
        options.judge,
        options.base_url,
        connections=options.connections,
        timeout=options.timeout,
        retries=options.retries,
        requests_per_minute=options.requests_per_minute,
        tokens_per_minute=options.tokens_per_minute,
        temperature=options.temperature,
        max_tokens=options.reply_tokens,
        structured=options.structured,
        accepted_models=tuple(options.accept_model),
        fields=_fields(options.fields),
    )


def _fields(given: list[str]) -> tuple[tuple[str, Any], ...]:
    fields: dict[str, Any] = {}
    for one in given:
        key, sign, text = one.partition("=")
        try:
            value = json.loads(text) if sign and key else _NOTHING
        except (ValueError, RecursionError):
            value = _NOTHING
        if value is _NOTHING:
            hint = "such as max_completion_tokens=2048 or temperature=null; a text stands in quotation marks"
            raise UsageError("a field of a request is a name with a value in JSON", value=one, hint=hint)
        fields[key] = value
    return tuple(sorted(fields.items()))


def budget_of(options: argparse.Namespace) -> Budget:
    """The budget that the options say, with the price that they or the list of prices give.

    Raises:
        UsageError: One price is given without the other, or there is a limit in money and no price.
    """
    from belle_train.judge.budget import Budget  # noqa: PLC0415
    from belle_train.judge.prices import Price, price_of  # noqa: PLC0415

    given = (options.price_in, options.price_out)
    if given.count(None) == 1:
        raise UsageError("a price has two parts", hint="give both --price-in and --price-out")
    # The list is that of OpenAI's own server: what others charge for a model of the same name is not known.
    price = price_of(options.judge) if options.base_url is None else None
    if options.price_in is not None:
        price = Price(options.price_in, options.price_out)
    return Budget(options.max_cost, options.max_total_tokens, price)


def estimate_of(
    job: judging.Job | comparing.Job, planned: judging.Plan | comparing.Plan, server: JudgeServer, budget: Budget
) -> Estimate:
    """What a job would ask, use and cost, with the stored replies left out; nothing is written.

    Raises:
        BelleError: The stored replies are damaged.
    """
    from belle_train.judge.asking import estimate  # noqa: PLC0415

    with planned.folder.stored_replies() as store:
        return estimate(server, planned.questions, job.recipe.reply_schema, store, budget)


def estimate_line(found: Estimate) -> str:
    """An estimate in words."""
    stored = f"; {found.stored:,} replies are stored" if found.stored else ""
    if not found.calls:
        return f"nothing to ask{stored}"
    tokens = f"about {found.expected.total:,} tokens, at most {found.most.total:,}"
    money = ""
    if found.expected_cost is not None and found.most_cost is not None:
        money = f", about ${found.expected_cost:,.2f}, at most ${found.most_cost:,.2f}"
    room = "" if found.fits else "; the budget may not be enough for all"
    return f"{found.calls:,} requests, {tokens}{money}{stored}{room}"


def show_estimate(found: Estimate, *, as_json: bool) -> None:
    """Print what a dry run found."""
    if as_json:
        emit_json(estimate_facts(found))
    else:
        emit(estimate_line(found))


def estimate_facts(found: Estimate) -> dict[str, Any]:
    """An estimate as JSON."""
    return {
        "calls": found.calls,
        "stored": found.stored,
        "tokens": found.expected.total,
        "most_tokens": found.most.total,
        "cost": found.expected_cost,
        "most_cost": found.most_cost,
        "spent_tokens": found.spent.total,
        "spent_cost": found.spent_cost,
        "fits_budget": found.fits,
    }


def code_of(missing: int, rows: int, most: float) -> int:
    """The exit code: 1 if a larger share of the rows is missing than may be."""
    return TOO_MANY_MISSING if missing > most * rows else 0


def category_name(name: str) -> str:
    """A category as the terminal shows it."""
    from belle_data.evalset.categories import CATEGORY_NAMES  # noqa: PLC0415

    return CATEGORY_NAMES[name].en if name in CATEGORY_NAMES else name


def closing_lines(
    out: str, missing: dict[str, int], rows: int, unused: int, replies: dict[str, Any], *, too_many: bool
) -> list[str]:
    """What is missing and why, answers without a row, and what the replies took."""
    lines = []
    if missing:
        words = ", ".join(f"{reason} {count:,}" for reason, count in missing.items())
        end = "; more than --max-missing allows" if too_many else ""
        lines.append(f"missing {sum(missing.values()):,} of {rows:,}: {words}{end}")
    if unused:
        lines.append(f"{unused:,} answers belong to no row of the evaluation set")
    cost = "" if replies["cost"] is None else f", ${replies['cost']:,.2f}"
    tokens = replies["prompt_tokens"] + replies["answer_tokens"]
    return [*lines, f"{printable(out)}  {replies['count']:,} replies, {tokens:,} tokens{cost}"]


def number(text: str) -> float:
    """A number from 0 of the command line."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        message = f"must be a number from 0, not {escaped(text)!r}"
        raise argparse.ArgumentTypeError(message)
    return value
