"""Writing blind sheets, their pages and their key."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import RunFolderError, UsageError
from belle_data.page.page_file import check_page, write_page
from belle_data.page.render import check_language
from belle_train.judge.blind_sheet import (
    MOST_PEOPLE,
    arrange,
    check_names,
    draw,
    key_of,
    long_cells,
    naming,
    sheet_csv,
)
from belle_train.judge.sheet_answers import read_pairs
from belle_train.judge.sheet_page import sheet_page

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetJob:
    """What is to be written.

    Attributes:
        a: Answers of the first system.
        b: Answers of the second.
        out: The sheet; with several people a number stands before its ending.
        key: What tells whose answers are whose.
        html: The sheet as a page; None for none.
        rows: How many are drawn; None takes all.
        seed: Of all that is drawn.
        names: Of both systems; None takes the names of the files.
        people: How many sheets there are.
        language: Of headings and pages.
        force: Write over files that are there.
    """

    a: str
    b: str
    out: str
    key: str
    html: str | None = None
    rows: int | None = None
    seed: int = 0
    names: tuple[str | None, str | None] = (None, None)
    people: int = 1
    language: str = "en"
    force: bool = False

    def named(self) -> tuple[str, str]:
        """The names of both systems."""
        files = [Path(path).name.removesuffix(".jsonl") for path in (self.a, self.b)]
        first, second = (file if name is None else name for name, file in zip(self.names, files, strict=True))
        return first, second

    def check(self) -> None:
        """Refuse what cannot be done before anything is read.

        Raises:
            UsageError: A number or a name means nothing, or a file would be written over.
        """
        check_language(self.language)
        if self.rows == 0:
            raise UsageError("a sheet has at least one row", value=self.rows, hint="such as --rows 100")
        if not 1 <= self.people <= MOST_PEOPLE:
            raise UsageError(f"a sheet is for 1 to {MOST_PEOPLE} people", value=self.people)
        check_names(dict(zip(("--name-a", "--name-b"), self.named(), strict=True)))
        for option, path, ending in (("--out", self.out, ".csv"), ("--key", self.key, ".json")):
            if not path.lower().endswith(ending):
                raise UsageError(
                    f"the name of the file must end in {ending}", value=path, hint=f"{option} name{ending}"
                )
        if self.html is not None:
            check_page(self.html, "--html sheet.html")
        written = [*self.sheets(), self.key, *self.pages()]
        places = [Path(path).resolve() for path in (*written, self.a, self.b)]
        if len(set(places[: len(written)])) < len(written) or set(places[: len(written)]) & set(places[len(written) :]):
            raise UsageError("two of the files are the same", value=written[0])
        for path in written:
            if not Path(path).absolute().parent.is_dir() or Path(path).is_dir():
                raise UsageError("the file cannot be written there", path=path, hint="name a file in a folder")
            if Path(path).exists() and not self.force:
                hint = "it may hold somebody's verdicts, or be the key to them; --force writes it anew"
                raise UsageError("the file is there already", path=path, hint=hint)

    def sheets(self) -> list[str]:
        """The files of the sheets."""
        return _numbered(self.out, self.people)

    def pages(self) -> list[str]:
        """The files of the pages."""
        return [] if self.html is None else _numbered(self.html, self.people)


def export_sheets(job: SheetJob) -> dict[str, Any]:
    """Write sheets, pages and key.

    Returns:
        What was written and left out, and what people should know: rows with texts that Excel would cut, by file, and
        how many rows name a system.

    Raises:
        BelleError: Wrong use or input, or a file cannot be written.
    """
    job.check()
    pairs = read_pairs(job.a, job.b)
    drawn = draw(pairs.rows, job.rows, job.seed)
    sheets, long = [], {}
    for person, path in enumerate(job.sheets(), 1):
        rows = arrange(drawn, job.seed, person)
        content = sheet_csv(rows, job.language)
        sheets.append((rows, content))
        long[path] = long_cells(rows)
    names = job.named()
    # The key is first: a sheet without its key is worth nothing.
    write_whole(job.key, json_content(key_of(pairs, names, sheets, job.seed)))
    for path, (_, content) in zip(job.sheets(), sheets, strict=True):
        write_whole(path, content)
    for path, (rows, content) in zip(job.pages(), sheets, strict=False):
        write_page(sheet_page(rows, content, job.language), path)
    categories: dict[str, int] = {}
    for row in drawn:
        categories[row.category] = categories.get(row.category, 0) + 1
    return {
        "rows": len(drawn),
        "of": len(pairs.rows),
        "categories": categories,
        "sheets": job.sheets(),
        "pages": job.pages(),
        "key": job.key,
        "left_out": pairs.left_out,
        "differences": pairs.differences,
        "long_rows": {path: numbers for path, numbers in long.items() if numbers},
        "naming_rows": naming(drawn, names),
    }


def check_result(path: str, inputs: Sequence[str], *, force: bool) -> None:
    """Refuse a place for the result of an import.

    Args:
        path: The file.
        inputs: Files that must not be written over.
        force: Whether a file that is there may be.

    Raises:
        UsageError: It is none of ``.json``, is not in a folder, or would be written over.
    """
    if not path.lower().endswith(".json"):
        raise UsageError("the name of the file must end in .json", value=path, hint="--out human.json")
    place = Path(path)
    if not place.absolute().parent.is_dir() or place.is_dir():
        raise UsageError("the file cannot be written there", path=path, hint="name a file in a folder")
    if place.resolve() in {Path(one).resolve() for one in inputs}:
        raise UsageError("the result would be written over an input", path=path)
    if place.exists() and not force:
        raise UsageError("the file is there already", path=path, hint="--force writes it anew")


def _numbered(path: str, people: int) -> list[str]:
    if people == 1:
        return [path]
    place = Path(path)
    return [str(place.with_name(f"{place.stem}-{person}{place.suffix}")) for person in range(1, people + 1)]


def json_content(value: Any) -> bytes:
    """JSON with a line feed at its end; halves of characters, which ids may have, are written as escapes."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"


def write_whole(path: str, content: bytes) -> None:
    """Write a file that appears when it is whole.

    Raises:
        RunFolderError: It cannot be written.
    """
    temporary = Path(f"{path}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise RunFolderError(f"cannot write here ({error.strerror or error})", path=path) from None
    finally:
        temporary.unlink(missing_ok=True)
