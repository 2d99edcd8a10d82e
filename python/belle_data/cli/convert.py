"""``convert``: the options, the conversion, its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json
from belle_data.errors import UsageError, escaped

if TYPE_CHECKING:
    import argparse


def parser() -> Parser:
    """The words of the command."""
    words = Parser(
        "convert",
        usage="convert INPUT [INPUT ...] --to NAME --out PATH [OPTIONS]",
        description="Writes rows in another format. What that cannot hold is kept in the row, under belle_source, so "
        "that converting back gives the line as it was, byte for byte. Into a folder it writes a file for each "
        "source and a dataset_info.json, with which LLaMA-Factory trains on them.",
        epilog=EXIT_CODES,
    )
    words.add_argument("inputs", metavar="INPUT", nargs="*", help="files, folders, globs, URLs or -, as for clean")
    words.add_argument("--to", metavar="NAME", required=True, help="messages, alpaca, belle, sharegpt or text")
    words.add_argument(
        "--out", metavar="PATH", required=True, help="x.jsonl, x.jsonl.gz or x.jsonl.zst for all rows, or a folder"
    )
    words.add_argument("--format", metavar="NAME", default="auto", help="shape of the input's rows (auto)")
    words.add_argument(
        "--dataset-info", metavar="FILE[:NAME]", help="a dataset_info.json that names the files' columns"
    )
    words.add_argument("--compress", metavar="KIND", help="compression of the files: none, gz, zst")
    words.add_argument(
        "--plain",
        action="store_true",
        help="only the keys of the format, with the same types in all rows, "
        "which every training program can load: rows cannot come back byte for byte",
    )
    words.add_argument("--force", action="store_true", help="replace files that are there")
    words.add_argument(
        "--max-bad-lines",
        metavar="N",
        type=whole_number,
        help="fail above so many lines that are no rows (1 %% of the lines, at least 10)",
    )
    words.add_argument("--max-line-bytes", metavar="SIZE", help="a longer line is no row (64MiB)")
    words.add_argument(
        "--max-ratio",
        metavar="N",
        type=whole_number,
        help="compressed data that grows more than so many times is a bomb (1000)",
    )
    words.add_argument("--threads", metavar="N", type=int, help="threads (one per processor)")
    words.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Convert what the options name and print a summary.

    Raises:
        BelleError: Wrong use or input.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415
    from belle_data.conversion import MAX_LINE_BYTES, convert  # noqa: PLC0415 - loads the kernels

    if not options.inputs and options.dataset_info is None:
        raise UsageError("no input is named", hint="name files, folders, globs or URLs")
    from belle_data.sources.decode import MAX_RATIO  # noqa: PLC0415

    longest = options.max_line_bytes
    with listening(quiet=options.quiet) as listener:
        report = convert(
            options.inputs,
            to=options.to,
            out=options.out,
            format=options.format,
            dataset_info=options.dataset_info,
            compress=options.compress,
            lossless=not options.plain,
            force=options.force,
            max_bad_lines=options.max_bad_lines,
            max_line_bytes=MAX_LINE_BYTES if longest is None else _size("--max-line-bytes", longest),
            max_ratio=MAX_RATIO if options.max_ratio is None else options.max_ratio,
            threads=options.threads,
            listener=listener,
        )
    if options.json:
        emit_json(report.to_dict())
        return 0
    lines = [f"{report.out}  {report.rows:,} rows in {report.to}"]
    if report.rejected:
        lines.append(f"{report.rejected:,} lines are no rows: {report.rejected_file}")
    if report.dataset_info:
        lines.append(f"described in {report.dataset_info}")
    if report.undescribed:
        lines.append(f"note: {report.undescribed}")
    emit("\n".join(map(escaped, lines)))
    return 0


def _size(flag: str, text: str) -> int:
    from belle_data.sizes import bytes_of  # noqa: PLC0415

    size = bytes_of(text)
    if isinstance(size, str) and size.isascii() and size.isdigit():
        size = int(size)
    if not isinstance(size, int) or not 1 <= size < 2**31:
        raise UsageError(f"{flag} must be a size from 1 byte to 2 GiB", value=text, hint="such as 1000000 or 64MiB")
    return size
