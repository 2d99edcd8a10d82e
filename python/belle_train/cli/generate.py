"""``generate``: answers prompts with a model, or with one behind a server."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json
from belle_data.errors import UsageError, escaped
from belle_train.cli.parser import Parser, need_training_packages

if TYPE_CHECKING:
    from belle_data.engine.progress import Listener
    from belle_train.answers_file import AnswersFile
    from belle_train.generation import Sampling
    from belle_train.prompts import Prompt

BROKEN = 1
_CODES = EXIT_CODES.replace("  2 ", "  1    rows failed for a reason that may pass: run it again\n  2 ", 1)
_NOTES = """\
Prompts are rows in any format that belle_data reads; the answer that ends a row is its reference and is not shown to
the model. The answers are JSON lines in the order of the prompts: id, row, category, prompt, reference, answer, finish
(stop, length or error), prompt_tokens and answer_tokens. A row that cannot be asked has an error that says why.

The same command goes on where it was interrupted, and asks again what failed for a reason that may have passed. The
settings lie beside the answers in a file with .json at its end; with others the command refuses to go on.

examples:
  generate --model belle-sft --prompts eval.jsonl --out answers.jsonl
  generate --model belle-sft --prompts eval.jsonl --out answers.jsonl --greedy --max-new-tokens 1024
  generate --server http://localhost:8000/v1 --model belle --prompts eval.jsonl --out answers.jsonl
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "generate",
        usage="generate --model FOLDER --prompts FILE --out FILE [OPTIONS]",
        description="Answers prompts, in batches and reproducibly, and goes on where it was interrupted.",
        epilog=f"{_NOTES}\n{_CODES}",
    )
    words.add_argument("--model", metavar="FOLDER", required=True, help="the model; with --server its name there")
    words.add_argument("--prompts", metavar="FILE", required=True, help="the rows to answer")
    words.add_argument("--out", metavar="FILE", required=True, help="where the answers go, as JSON lines")
    how = words.add_mutually_exclusive_group()
    how.add_argument(
        "--temperature", metavar="T", type=_number, default=0.001, help="of the draws (0.001, as BELLE was evaluated)"
    )
    how.add_argument("--greedy", action="store_true", help="take the most probable piece each time")
    words.add_argument(
        "--max-new-tokens", metavar="N", type=whole_number, default=512, help="tokens of the longest answer (512)"
    )
    words.add_argument("--seed", metavar="N", type=whole_number, default=42, help="of the draws (42)")
    words.add_argument("--limit", metavar="N", type=whole_number, help="only the first N rows")
    words.add_argument("--batch-size", metavar="N", type=whole_number, help="prompts at once on this machine (8)")
    words.add_argument(
        "--precision", metavar="TYPE", help="auto (as stored), float32, bfloat16 or float16, on this machine (auto)"
    )
    words.add_argument(
        "--server", metavar="URL", help="ask a server with OpenAI's API; the key is read from OPENAI_API_KEY"
    )
    words.add_argument("--connections", metavar="N", type=whole_number, help="requests to the server at a time (8)")
    words.add_argument("--timeout", metavar="SECONDS", type=_number, help="that an answer of the server may take (600)")
    words.add_argument("--force", action="store_true", help="begin anew where answers are there already")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Answer as the options say and tell how the answers ended.

    Returns:
        0; or 1 if rows have an error that another try may not meet.

    Raises:
        BelleError: Wrong use or input, or the answers cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` needs none of it
    from belle_train.answers_file import TRANSIENT  # noqa: PLC0415

    _check(options)
    with listening(quiet=options.quiet, interrupted="the same command goes on where this one ended") as listener:
        answers = _answer(options, listener)
    summary = {
        "rows": sum(answers.counts.values()),
        **{finish: answers.counts[finish] for finish in ("stop", "length", "error")},
        "errors": dict(sorted(answers.errors.items())),
        "kept": answers.kept,
    }
    if options.json:
        emit_json({"answers": options.out, **summary})
    elif not options.quiet:
        emit(_line(options.out, summary))
    return BROKEN if any(reason.startswith(TRANSIENT) for reason in answers.errors) else 0


def _check(options: argparse.Namespace) -> None:
    """Refuse options of one way of answering for the other."""
    local = {"--batch-size": options.batch_size, "--precision": options.precision}
    remote = {"--connections": options.connections, "--timeout": options.timeout}
    for flags, wrong, hint in (
        (local, options.server is not None, "leave it out with --server"),
        (remote, options.server is None, "it is for --server"),
    ):
        given = next((flag for flag, value in flags.items() if value is not None), None)
        if given is not None and wrong:
            raise UsageError(f"{given} means nothing here", hint=hint)
    if options.batch_size is not None and not 1 <= options.batch_size <= 1 << 16:
        raise UsageError("a batch has 1 to 65,536 prompts", value=options.batch_size)


def _answer(options: argparse.Namespace, listener: Listener) -> AnswersFile:
    from belle_train.generation import Sampling  # noqa: PLC0415 - `--help` needs none of it

    sampling = Sampling(None if options.greedy else options.temperature, options.max_new_tokens, options.seed)
    sampling.check()
    return (_on_this_machine if options.server is None else _by_a_server)(options, sampling, listener)


def _on_this_machine(options: argparse.Namespace, sampling: Sampling, listener: Listener) -> AnswersFile:
    from belle_train.generation import PRECISIONS, LocalModel, model_digest  # noqa: PLC0415
    from belle_train.model_history import model_history  # noqa: PLC0415

    need_training_packages()
    precision = options.precision or "auto"
    if precision not in PRECISIONS:
        raise UsageError("unknown precision", value=precision, hint=f"one of {', '.join(PRECISIONS)}")
    settings = {"model": model_digest(options.model), "precision": precision, **sampling.settings()}
    answers, prompts = _opened(options, settings, listener, model_history(options.model))
    if answers.todo:
        model = LocalModel(options.model, precision)
        with answers:
            todo = [(place, prompts[place]) for place in answers.todo]
            model.answer(todo, sampling, options.batch_size or 8, answers.add, listener)
    return answers


def _by_a_server(options: argparse.Namespace, sampling: Sampling, listener: Listener) -> AnswersFile:
    from belle_train.server_generation import Server  # noqa: PLC0415

    timeout = 600.0 if options.timeout is None else options.timeout
    connections = 8 if options.connections is None else options.connections
    server = Server(options.server, options.model, connections, timeout)
    server.check()
    settings = {"server": options.server, "model": options.model, **sampling.settings()}
    answers, prompts = _opened(options, settings, listener, {"model": options.model, "training": None})
    if answers.todo:
        with answers:
            server.answer([(place, prompts[place]) for place in answers.todo], sampling, answers.add, listener)
    return answers


def _opened(
    options: argparse.Namespace, settings: dict[str, Any], listener: Listener, made_from: dict[str, Any]
) -> tuple[AnswersFile, list[Prompt]]:
    """The file of answers, and the prompts that it is for."""
    from belle_train.answers_file import AnswersFile  # noqa: PLC0415 - `--help` needs none of it
    from belle_train.prompts import read_prompts  # noqa: PLC0415

    prompts, digest = read_prompts(options.prompts, listener)
    prompts = prompts[: options.limit]
    asked = {"prompts": digest, **settings}
    return AnswersFile(options.out, asked, prompts, force=options.force, made_from=made_from), prompts


def _line(out: str, summary: dict[str, Any]) -> str:
    counts = [f"{summary['rows']:,} rows", f"{summary['stop']:,} ended", f"{summary['length']:,} cut at the longest"]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in summary["errors"].items())
    errors = [f"{summary['error']:,} errors ({reasons})"] if summary["error"] else []
    kept = [f"{summary['kept']:,} were there"] if summary["kept"] else []
    return f"{printable(out)}  {', '.join([*counts, *errors, *kept])}"


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        message = f"must be a number from 0, not {escaped(text)!r}"
        raise argparse.ArgumentTypeError(message)
    return number
