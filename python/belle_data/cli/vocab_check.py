"""``vocab check``: the certificate of a merged vocabulary."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import EXIT_CODES, Parser, add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json, padded
from belle_data.errors import RunFolderError, UsageError

if TYPE_CHECKING:
    import argparse

    from belle_data.vocab.certificate import Certificate

BROKEN = 1
_NOTES = """\
Ids are compared between sentencepiece, the fast tokenizer (transformers, or tokenizers where that is not
installed) and our encoder. Names of special pieces in a text are plain text here. What a mode does not
promise is measured too, and does not count as broken.

examples:
  vocab check merged --base llama.tokenizer.model --text zh=zh_text.txt.zst --text en=alpaca_en.jsonl.zst
  vocab check merged --base llama.tokenizer.model --text zh=a.txt --text zh=b.txt --fuzz 100000 --json
"""
_CODES = EXIT_CODES.replace("  2    wrong", "  1    a promise is broken\n  2    wrong")


def parser() -> Parser:
    """The words of the action."""
    words = Parser(
        "vocab check",
        usage="vocab check FOLDER --base MODEL [--text NAME=FILE ...] [OPTIONS]",
        description="Proves what a folder of vocab merge promises, on every text that is given and on made strings, "
        "and writes the certificate into it.",
        epilog=f"{_NOTES}\n{_CODES}",
    )
    words.add_argument("folder", metavar="FOLDER", help="what vocab merge wrote")
    words.add_argument("--base", metavar="MODEL", required=True, help="the base of the merge")
    words.add_argument(
        "--text",
        metavar="NAME=FILE",
        action="append",
        default=[],
        dest="texts",
        help="texts of a language, such as zh=FILE: lines of a .txt file (also .txt.gz, .txt.zst), or rows in any "
        "format that clean reads; may be repeated, for the same name too",
    )
    words.add_argument(
        "--fuzz", metavar="N", type=whole_number, default=20_000, help="strings that are made to break it (20000)"
    )
    words.add_argument("--seed", metavar="N", type=whole_number, default=0, help="another number makes others (0)")
    words.add_argument("--limit", metavar="N", type=whole_number, help="only the first N lines or rows of each name")
    words.add_argument("--out", metavar="FILE", help="write the certificate here (FOLDER/certificate.json)")
    words.add_argument("--json", action="store_true", help="print the certificate")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")
    return words


def run(options: argparse.Namespace) -> int:
    """Check as the options say, write the certificate and print it.

    Raises:
        BelleError: Wrong use or input, or the certificate cannot be written.
    """
    from belle_data.cli.progress import listening  # noqa: PLC0415 - `--help` must not wait for it
    from belle_data.vocab.certificate import check  # noqa: PLC0415
    from belle_data.vocab.merged_folder import CERTIFICATE  # noqa: PLC0415

    texts = texts_of(options.texts)
    out = Path(options.out) if options.out else Path(options.folder) / CERTIFICATE
    if options.out and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise UsageError("the certificate cannot be written there", path=out, hint="name a file in a folder")
    if out.absolute().parent.is_dir() and not os.access(out.absolute().parent, os.W_OK):
        raise UsageError("the certificate cannot be written there", path=out, hint="name another place with --out")
    with listening(quiet=options.quiet) as listener:
        certificate = check(
            options.folder,
            options.base,
            texts,
            fuzz=options.fuzz,
            seed=options.seed,
            limit=options.limit,
            listener=listener,
        )
        _write(certificate.to_dict(), out)
    if options.json:
        emit_json(certificate.to_dict())
    else:
        emit("\n".join(_lines(options.folder, certificate)))
    return 0 if certificate.holds else BROKEN


def texts_of(given: list[str]) -> dict[str, list[str]]:
    """The files of each name, as ``--text NAME=FILE`` gives them.

    Raises:
        UsageError: One is not given like that.
    """
    texts: dict[str, list[str]] = {}
    for one in given:
        name, equals, file = one.partition("=")
        if not (name and equals and file):
            raise UsageError("--text is given as NAME=FILE", value=one, hint="such as --text zh=zh_text.txt.zst")
        texts.setdefault(name, []).append(file)
    return texts


def _write(certificate: dict[str, Any], out: Path) -> None:
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(json.dumps(certificate, ensure_ascii=False, indent=2).encode("utf-8") + b"\n")
        temporary.replace(out)
    except OSError as error:
        raise RunFolderError(
            f"the certificate cannot be written ({error.strerror})", path=out, hint="name another place with --out"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def _lines(folder: str, certificate: Certificate) -> list[str]:
    from belle_data.vocab.promises import PROMISES  # noqa: PLC0415

    broken = [promise for promise in certificate.promises.values() if promise.state == "broken"]
    made = certificate.facts["made_strings"]
    lines = [
        f"{printable(folder)}  mode {certificate.mode}, {certificate.facts['pieces']:,} pieces; "
        + (f"{len(broken)} promises broken" if broken else "every promise holds"),
        f"  {'; '.join(certificate.facts['runtimes'])}",
        "",
    ]
    for promise in certificate.promises.values():
        count = f"{promise.exceptions:,}"
        lines.append(f"  {padded(promise.state, 13)}{count:>9}  {padded(promise.name, 23)}{PROMISES[promise.name][0]}")
    lines += ["", f"  {made['count']:,} made strings, seed {made['seed']}"]
    if certificate.languages:
        head = ("texts", "units", "base/unit", "merged/unit", "ratio", "changed", "without Han", "changed")
        widths = (8, 14, 11, 13, 8, 10, 13, 9)
        lines += ["", "  " + _row(head, widths)]
        lines += ["  " + _row(_cells(name, measured), widths) for name, measured in certificate.languages.items()]
    for promise in broken:
        lines += ["", f"{promise.name} is broken:"]
        lines += ["  " + "  ".join(f"{key}={value}" for key, value in one.items()) for one in promise.examples]
    return lines


def _cells(name: str, measured: Any) -> tuple[str, ...]:
    facts = measured.to_dict()
    share = facts["changed_share"]
    return (
        printable(name),
        f"{measured.units:,} {measured.unit}s",
        _number(facts["base_tokens_per_unit"], 2),
        _number(facts["tokens_per_unit"], 2),
        _number(facts["ratio"], 4),
        "-" if share is None else f"{share:.3%}",
        f"{measured.without_han:,}",
        f"{measured.changed_without_han:,}",
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _row(cells: tuple[str, ...], widths: tuple[int, ...]) -> str:
    first, *rest = cells
    return padded(first, widths[0]) + "".join(f"{cell:>{size}}" for cell, size in zip(rest, widths[1:], strict=True))
