"""``vocab price``: which size of a merged vocabulary pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.measurement import measure_and_show
from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness, whole_number
from belle_data.cli.stats import add_showing
from belle_data.cli.vocab_check import texts_of

if TYPE_CHECKING:
    import argparse

    from belle_data.engine.progress import Listener
    from belle_data.vocab.pricing import Price

_NOTES = """\
The added pieces are taken in the order of their scores, single characters first. Work is the number of
multiplications for each character: 12 x layers x hidden size^2 for each token, and pieces x hidden size in the last
layer. The proposed size is the smallest one that takes at most 0.5 % more work than the cheapest.

examples:
  vocab price merged --base llama.tokenizer.model --text zh=zh_text.txt.zst --limit 50000
  vocab price merged --base llama.tokenizer.model --text zh=rows.jsonl --hidden-size 2048 --layers 24 --points 16
"""
_HEAD = ("added", "pieces", "tokens/unit", "ratio", "unused", "rare", "parameters", "last layer", "work")
_WIDTHS = (9, 9, 13, 8, 9, 9, 12, 12, 9)


def parser() -> Parser:
    """The words of the action."""
    words = Parser(
        "vocab price",
        usage="vocab price FOLDER --base MODEL --text NAME=FILE [--text NAME=FILE ...] [OPTIONS]",
        description="Shows for more and more of the added pieces how many tokens they save on texts, what they cost, "
        "and how many of them the texts never use; and proposes a size.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("folder", metavar="FOLDER", help="what vocab merge wrote")
    words.add_argument("--base", metavar="MODEL", required=True, help="the base of the merge")
    words.add_argument(
        "--text",
        metavar="NAME=FILE",
        action="append",
        required=True,
        dest="texts",
        help="texts, as for vocab check; all count together",
    )
    words.add_argument(
        "--points", metavar="N", type=whole_number, default=8, help="sizes that are measured beside the base (8)"
    )
    words.add_argument(
        "--hidden-size", metavar="N", type=whole_number, default=4096, help="numbers in a row of the embeddings (4096)"
    )
    words.add_argument("--layers", metavar="N", type=whole_number, default=32, help="layers of the model (32)")
    words.add_argument("--limit", metavar="N", type=whole_number, help="only the first N lines or rows of each name")
    add_showing(words)
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Measure as the options say and print the curve.

    Raises:
        BelleError: Wrong use or input, or the page cannot be written.
    """
    from belle_data.page.price_page import price_page  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.page.render import check_language  # noqa: PLC0415
    from belle_data.vocab.pricing import price  # noqa: PLC0415

    check_language(options.lang)
    texts = texts_of(options.texts)

    def measure(listener: Listener) -> Price:
        return price(
            options.folder,
            options.base,
            texts,
            points=options.points,
            hidden_size=options.hidden_size,
            layers=options.layers,
            limit=options.limit,
            listener=listener,
        )

    return measure_and_show(
        options,
        measure,
        page=lambda found: price_page(found, options.folder, language=options.lang),
        lines=lambda found: _lines(options.folder, found),
    )


def _lines(folder: str, found: Price) -> list[str]:
    measured = f"{found.units:,} units, {found.characters:,} characters"
    lines = [
        f"{printable(folder)}  {measured}; {found.layers} layers, hidden size {found.hidden_size:,}",
        "",
        _row(_HEAD),
    ]
    for place, size in enumerate(found.to_dict()["sizes"]):
        cells = (
            f"{size['added']:,}",
            f"{size['pieces']:,}",
            f"{size['tokens_per_unit']:,.2f}",
            f"{size['ratio']:.4f}",
            f"{size['unused']:,}",
            f"{size['rare']:,}",
            f"{size['parameters'] / 1e6:,.1f} M",
            f"{size['softmax_share']:.2%}",
            f"{size['work_ratio']:.4f}",
        )
        lines.append(_row(cells) + ("  proposed" if place == found.proposed else ""))
    return lines


def _row(cells: tuple[str, ...]) -> str:
    return "".join(f"{cell:>{size}}" for cell, size in zip(cells, _WIDTHS, strict=True))
