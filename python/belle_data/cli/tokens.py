"""``tokens``: how many tokens texts have, by any number of tokenizers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.measurement import measure_and_show
from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, whole_number
from belle_data.cli.recipe_options import inputs_of, recipe_of
from belle_data.cli.stats import add_settings, add_showing, shares, summary_lines, table
from belle_data.cli.terminal import cut
from belle_data.errors import UsageError
from belle_data.language_model.text_files import is_text_name

if TYPE_CHECKING:
    import argparse

    from belle_data.engine.progress import Listener
    from belle_data.vocab.token_counts import TokenCounts, TokenStatistics

_WIDE = 76
_NAME = 24
_EXAMPLES = """\
tokenizers:
  a sentencepiece .model, a tokenizer.json, a folder with tokenizer.json or tokenizer.model, or a tiktoken
  file under the name of its pattern: cl100k_base=FILE.tiktoken. No special tokens are added.

examples:
  tokens zh.txt.zst --tokenizer llama=llama.tokenizer.model --tokenizer merged/
  tokens rows.jsonl --tokenizer llama.tokenizer.model --tokenizer merged/ --by turn --html tokens.html
"""


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "tokens",
        usage="tokens INPUT [INPUT ...] --tokenizer [NAME=]PATH [--tokenizer ...] [OPTIONS]",
        description="Counts the tokens of texts by tokenizers side by side: per line, row or turn, per character and "
        "byte, of which kinds, and what they take of a context. Writes nothing but the page that is asked for.",
        epilog=f"{_EXAMPLES}\n{EXIT_CODES}",
    )
    words.add_argument("inputs", metavar="INPUT", nargs="+", help=".txt files, also .txt.gz and .txt.zst; or rows")
    words.add_argument(
        "--tokenizer", metavar="[NAME=]PATH", action="append", default=[], help="a tokenizer; the first is the base"
    )
    words.add_argument(
        "--by", metavar="UNIT", help="what is counted: line, row or turn (lines of text files, rows of data)"
    )
    words.add_argument("--context", metavar="N", type=whole_number, help="tokens of the context, for its cost (2048)")
    words.add_argument(
        "--pattern", metavar="NAME", help="how tiktoken files of no known name are cut: such as o200k_base, or a regex"
    )
    add_showing(words)
    add_settings(words)
    return words


def run(options: argparse.Namespace) -> int:
    """Count as the options say and print what was found.

    Raises:
        BelleError: Wrong use or input, or the page cannot be written.
    """
    from belle_data.page.render import check_language  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.tokens_page import tokens_page  # noqa: PLC0415
    from belle_data.vocab.token_counts import CONTEXT, tokens  # noqa: PLC0415

    check_language(options.lang)
    recipe = recipe_of(options)
    inputs = inputs_of(options, recipe)
    _check_reading(options)

    def measure(listener: Listener) -> TokenStatistics:
        return tokens(
            inputs,
            options.tokenizer,
            by=options.by,
            context=CONTEXT if options.context is None else options.context,
            pattern=options.pattern,
            recipe=recipe,
            threads=options.threads,
            listener=listener,
        )

    return measure_and_show(
        options,
        measure,
        page=lambda found: tokens_page(found, language=options.lang),
        lines=lambda found: _lines(found, whole=options.verbose),
    )


def _check_reading(options: argparse.Namespace) -> None:
    """Refuse what says how rows are read where there are none: an option that does nothing is a mistake."""
    for name in ("format", "dataset_info"):
        if getattr(options, name) and all(is_text_name(one) for one in options.inputs):
            raise UsageError(f"--{name.replace('_', '-')} is for rows, and the inputs are files of text")


def _lines(found: TokenStatistics, *, whole: bool) -> list[str]:
    lines = [*_read(found), f"  {found.characters:,} characters, {found.bytes:,} bytes"]
    lines += ["  no special tokens are added", ""]
    lines += _table(found)
    for one in found.tokenizers:
        lines += ["", f"{found.by}s by tokens: {printable(one.described.name)}"]
        lines += shares(
            [(class_name(low, high), count) for low, high, count in one.distribution.classes()], found.units
        )
    if whole:
        lines += ["", *(f"{printable(one.described.name)}: {_origin(one)}" for one in found.tokenizers)]
    return lines


def _origin(counts: TokenCounts) -> str:
    described = counts.described
    return f"{described.kind} {printable(described.path)}, SHA-256 {described.sha256}, encoded by {counts.encoder}"


def _read(found: TokenStatistics) -> list[str]:
    from belle_data.vocab.text_lines import TextLines  # noqa: PLC0415 - `--help` must not wait for it

    if not isinstance(found.source, TextLines):
        lines = summary_lines(found.source)
        return lines if found.by == "row" else [*lines, f"  {found.units:,} {found.by}s"]
    lines = [cut(printable(", ".join(found.source.names)), _WIDE), f"  {found.units:,} lines"]
    if found.empty:
        lines[-1] += f", {found.empty:,} of them empty"
    if found.source.bad:
        lines.append(f"  {found.source.bad:,} lines were left out, which --json names")
    return lines


def _table(found: TokenStatistics) -> list[str]:
    """A column for each tokenizer."""
    from belle_data.vocab.token_table import token_table  # noqa: PLC0415

    head = ["", *(cut(printable(one.described.name), _NAME) for one in found.tokenizers)]
    return table([head, *([f"  {text.en}", *figures] for text, figures in token_table(found))])


def class_name(low: int, high: int | None) -> str:
    """A class of the histogram as it is shown: ``8–15``, ``8,192+`` for the last."""
    if high is None:
        return f"{low:,}+"
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
