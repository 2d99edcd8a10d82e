"""``lm``: trains, reads and asks n-gram language models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_machine
from belle_data.cli.recipe_options import add_reading, add_recipe, recipe_of
from belle_data.cli.terminal import emit, emit_json, human_bytes
from belle_data.errors import SourceError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from belle_data.engine.progress import Listener
    from belle_data.language_model import Model

ACTIONS = {
    "train": "lm train TEXT [TEXT ...] --out MODEL: train a model",
    "score": "lm score MODEL [TEXT ...]: the perplexity of each line and of all; standard input without a file",
    "import": "lm import ARPA --out MODEL: read a model of another tool",
    "info": "lm info MODEL: what a model is",
}
_OF_TRAIN = (
    *("order", "memory", "tokens", "arpa", "recipe", "settings", "format", "dataset_info", "limit"),
    *("max_bad_lines", "max_line_bytes", "max_ratio"),
)
_SCORED_AT_ONCE = 20_000
_EXAMPLES = """\
actions:
  train   a text is a line of a .txt file (also .txt.gz, .txt.zst), or a turn of a row in any format
          that clean reads; interpolated modified Kneser-Ney smoothing
  score   perplexity, log-probability in nats, tokens and the text, with tabs between; the end of each
          line counts as a token
  import  an ARPA file of an order of at most 6, as this or another tool writes it
  info    order, tokens and number of n-grams

examples:
  lm train texts.txt.zst --out model.lm
  lm train rows.jsonl --out model.lm --order 4 --memory 4GiB --arpa model.arpa
  lm score model.lm texts.txt --json
  echo 今天天气很好 | lm score model.lm --each-token
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "lm",
        usage="lm train TEXT [TEXT ...] --out MODEL [OPTIONS]\n"
        "       lm score MODEL [TEXT ...] [OPTIONS]\n"
        "       lm import ARPA --out MODEL\n"
        "       lm info MODEL",
        description="Trains n-gram language models over characters or pieces, and tells how probable texts are by one.",
        epilog=f"{_EXAMPLES}\n{EXIT_CODES}",
    )
    words.add_argument("action", metavar="ACTION", help=", ".join(ACTIONS))
    words.add_argument("files", metavar="FILE", nargs="*", help="as the action says")
    training = words.add_argument_group("train and import")
    training.add_argument("--out", metavar="MODEL", help="where the model goes")
    training.add_argument("--order", metavar="N", type=int, help="tokens of the longest n-grams, 1 to 6 (5)")
    training.add_argument("--memory", metavar="SIZE", help="memory that training may use at most (2GiB)")
    training.add_argument("--tokens", metavar="KIND", help="characters, or sentencepiece:FILE (characters)")
    training.add_argument("--arpa", metavar="FILE", help="write the model in the ARPA format too")
    scoring = words.add_argument_group("score")
    scoring.add_argument("--each-token", action="store_true", help="show each token with its probability")
    scoring.add_argument(
        "--sentencepiece", metavar="FILE", help="where the model's sentencepiece file is now, if it was moved"
    )
    scoring.add_argument("--json", action="store_true", help="print one JSON object; for info too")
    reading = words.add_argument_group("rows that are trained on, as for clean")
    add_recipe(reading, "normalise.space=true")
    add_reading(reading)
    add_machine(words.add_argument_group("other"))
    return words


def run(options: argparse.Namespace) -> int:
    """Do what the action says.

    Raises:
        BelleError: Wrong use, input or model.
    """
    action = options.action
    if action not in ACTIONS:
        raise UsageError("unknown action", value=action, hint=f"the actions are {', '.join(ACTIONS)}")
    _check_options(options)
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` must not wait for it

    with listening(quiet=options.quiet) as listener:
        if action in {"train", "import"}:
            _make(options, listener)
        elif action == "score":
            _score(options)
        else:
            _info(_opened(options.files[0], options), options)
    return 0


def _check_options(options: argparse.Namespace) -> None:
    """Refuse what the action has no use for: an option that does nothing is a mistake."""
    action, files = options.action, options.files
    allowed = {
        "train": {"out", *_OF_TRAIN},
        "import": {"out"},
        "score": {"each_token", "sentencepiece", "json"},
        "info": {"json"},
    }[action]
    for name in ("out", *_OF_TRAIN, "each_token", "sentencepiece", "json"):
        if getattr(options, name) and name not in allowed:
            flag = "--set" if name == "settings" else f"--{name.replace('_', '-')}"
            raise UsageError(f"lm {action} has no {flag}", hint=ACTIONS[action])
    if not files or (action in {"import", "info"} and len(files) > 1):
        raise UsageError("no file is named" if not files else "one file too many", hint=ACTIONS[action])
    if "out" in allowed and options.out is None:
        raise UsageError("it is not said where the model goes", hint=ACTIONS[action])


def _make(options: argparse.Namespace, listener: Listener) -> None:
    from belle_data import language_model  # noqa: PLC0415

    if options.action == "import":
        model = language_model.import_arpa(options.files[0], options.out, threads=options.threads, listener=listener)
    else:
        model = language_model.train(
            options.files,
            options.out,
            order=language_model.ORDER if options.order is None else options.order,
            memory=language_model.MEMORY if options.memory is None else _size(options.memory),
            tokens=options.tokens or "characters",
            arpa=options.arpa,
            recipe=recipe_of(options),
            threads=options.threads,
            listener=listener,
        )
    if not options.quiet:
        info = model.info
        ngrams = f"{sum(info['ngrams']):,} n-grams of {info['tokens']}, order {info['order']}"
        emit(f"{printable(options.out)}  {ngrams}, {human_bytes(info['bytes'])}")


def _size(text: str) -> int:
    from belle_data.sizes import bytes_of  # noqa: PLC0415

    size = bytes_of(text)
    if isinstance(size, str) and size.isascii() and size.isdigit():
        size = int(size)
    if not isinstance(size, int) or not 1 <= size < 2**63:
        raise UsageError("--memory must be a size from 1 byte", value=text, hint="such as 512MiB or 2GiB")
    return size


def _opened(path: str, options: argparse.Namespace) -> Model:
    from belle_data.language_model import open_model  # noqa: PLC0415

    return open_model(path, sentencepiece=options.sentencepiece)


def _info(model: Model, options: argparse.Namespace) -> None:
    info = model.info
    notes = info["notes"].decode("utf-8", "replace")
    if options.json:
        emit_json({**info, "notes": notes})
        return
    lines = [f"{printable(options.files[0])}  {human_bytes(info['bytes'])}", f"  tokens    {info['tokens']}"]
    lines += [f"  {order}-grams   {count:,}" for order, count in enumerate(info["ngrams"], 1)]
    lines += [f"  notes     {printable(notes)}"] if notes else []
    emit("\n".join(lines))


def _score(options: argparse.Namespace) -> None:
    from belle_data.engine.local import use_threads  # noqa: PLC0415
    from belle_data.language_model.model import perplexity  # noqa: PLC0415

    use_threads(options.threads)
    model = _opened(options.files[0], options)
    files, total, tokens, texts = [], 0.0, 0, 0
    for name in options.files[1:] or ["-"]:
        scored = []
        for block in _blocks(name):
            scores = model.score(block)
            for text, sum_, count, value in zip(
                block, scores.log_probability, scores.tokens, scores.perplexity, strict=True
            ):
                total, tokens, texts = total + sum_, tokens + count, texts + 1
                each = _tokens(model, text) if options.each_token else None
                if options.json:
                    line = {"perplexity": _number(value), "log_probability": sum_, "tokens": count}
                    scored.append(line if each is None else {**line, "each_token": each})
                else:
                    emit(_line(text, sum_, count, value, each))
        files.append({"file": name, "lines": scored})
    overall = perplexity(total, tokens)
    if options.json:
        sums = {"texts": texts, "tokens": tokens, "log_probability": total, "perplexity": _number(overall)}
        emit_json({**sums, "files": files})
    else:
        emit(f"total\t{overall:.2f}\t{total:.2f}\t{tokens}\t{texts:,} texts")


def _line(text: str, log_probability: float, tokens: int, perplexity: float, each: list[Any] | None) -> str:
    lines = [f"{perplexity:.2f}\t{log_probability:.2f}\t{tokens}\t{printable(text)}"]
    for one in each or []:
        known = "" if one["known"] else "\tunknown"
        lines.append(f"\t{one['log_probability']:.3f}\t{one['order']}\t{printable(one['text'])}{known}")
    return "\n".join(lines)


def _tokens(model: Model, text: str) -> list[dict[str, Any]]:
    names = ("start", "end", "text", "log_probability", "order", "known")
    return [{name: getattr(one, name) for name in names} for one in model.tokens(text)]


def _number(value: float) -> float | None:
    """JSON has neither NaN nor infinity."""
    return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 - NaN is not itself


def _blocks(name: str) -> Iterator[list[str]]:
    """Give the lines of a file, so many at once."""
    from belle_data.engine.progress import Silent  # noqa: PLC0415
    from belle_data.language_model.text_files import lines_of, mapped_text  # noqa: PLC0415
    from belle_data.temporary import temporary_folder  # noqa: PLC0415

    with temporary_folder("belle-lm-") as work:
        buffer = sys.stdin.buffer.read() if name == "-" else mapped_text(name, Path(work), Silent())
        block: list[str] = []
        for text in lines_of("standard input" if name == "-" else name, buffer):
            if "\0" in text:
                raise SourceError(
                    "this is no text", path=name, hint="lm score reads files of text, a text on each line"
                )
            block.append(text)
            if len(block) == _SCORED_AT_ONCE:
                yield block
                block = []
        if block:
            yield block
