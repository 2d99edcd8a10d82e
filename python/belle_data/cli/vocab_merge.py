"""``vocab merge``: joins two sentencepiece models and writes the folder that is used with a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json, padded

if TYPE_CHECKING:
    import argparse

_NOTES = """\
modes:
  safe           only pieces of Han characters, at most a space before them: no text without a Han character
                 changes; scores fall from the base's lowest ordinary one, no two are equal; pieces that no text
                 can produce are left out
  paper          every piece that is not there yet, with its own score, as BELLE did
  chinese-llama  every piece that is not there yet, with the score 0, as Chinese-LLaMA did

the folder:
  tokenizer.model, tokenizer.json          the vocabulary, for sentencepiece and for tokenizers and transformers
  tokenizer_config.json, special_tokens_map.json   special pieces and chat template
  row_map.json      for each new row of the embeddings, the rows of the base whose mean it may start from
  pieces.jsonl      each piece of the added model: added, duplicate, filtered (why) or unreachable
  merge.json        counts, and the SHA-256 of both models and of each file

examples:
  vocab merge --base llama.tokenizer.model --add zh.model --out merged
  vocab merge --base llama.tokenizer.model --add zh.model --out merged --mode paper --json
"""


def parser() -> Parser:
    """The words of the action."""
    words = Parser(
        "vocab merge",
        usage="vocab merge --base MODEL --add MODEL --out FOLDER [OPTIONS]",
        description="Appends the pieces of a second sentencepiece BPE model to those of the first, whose ids, scores "
        "and types stay as they are.",
        epilog=f"{_NOTES}\n{EXIT_CODES}",
    )
    words.add_argument("--base", metavar="MODEL", required=True, help="the model that is enlarged, such as LLaMA's")
    words.add_argument("--add", metavar="MODEL", required=True, help="the model whose pieces are added")
    words.add_argument("--out", metavar="FOLDER", required=True, help="where the merged vocabulary goes")
    words.add_argument("--mode", metavar="MODE", default="safe", help="safe, paper or chinese-llama (safe)")
    words.add_argument(
        "--pad-to",
        metavar="N",
        type=whole_number,
        default=64,
        help="rows of the embeddings are a multiple of N (64); 0 for no padding; no text produces a padded row",
    )
    words.add_argument(
        "--max-length",
        metavar="N",
        type=whole_number,
        default=2048,
        help="tokens of the longest text that the language model takes (2048)",
    )
    words.add_argument("--force", action="store_true", help="replace the folder of an earlier merge")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Merge as the options say and print the ledger of counts.

    Raises:
        BelleError: Wrong use or input, or the folder cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` needs none of it
    from belle_data.vocab.merged_folder import check_out, write_merged  # noqa: PLC0415
    from belle_data.vocab.merging import merge  # noqa: PLC0415
    from belle_data.vocab.piece_model import load_piece_model  # noqa: PLC0415

    with listening(quiet=options.quiet):
        check_out(options.out, force=options.force)
        merged = merge(
            load_piece_model(options.base), load_piece_model(options.add), mode=options.mode, pad_to=options.pad_to
        )
        summary = write_merged(merged, options.out, max_length=options.max_length, force=options.force)
    if options.json:
        emit_json({"folder": options.out, **summary})
    elif not options.quiet:
        emit("\n".join(_lines(options.out, summary)))
    return 0


def _lines(out: str, summary: dict[str, Any]) -> list[str]:
    counts: list[tuple[str, int]] = [
        ("pieces of the base", summary["base"]),
        ("pieces to add", summary["candidates"]),
        ("  added", summary["added"]),
        ("  duplicate", summary["duplicate"]),
        ("  filtered", summary["filtered"]),
        *((f"    {reason}", count) for reason, count in summary["filtered_by_reason"].items()),
        ("  unreachable", summary["unreachable"]),
        ("pieces together", summary["pieces"]),
        ("padded", summary["padded"]),
        ("rows of the embeddings", summary["rows"]),
    ]
    return [
        f"{printable(out)}  merged in the mode {summary['mode']}",
        *(f"  {padded(name, 24)}{count:>9,}" for name, count in counts),
    ]
