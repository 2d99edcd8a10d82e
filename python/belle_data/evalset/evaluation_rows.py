"""Rows of an evaluation set: labels cleaned, ids given, and what cannot be one refused with its lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, escaped
from belle_data.evalset.categories import CATEGORIES, CATEGORY_NAMES, WITHOUT_REFERENCE, category_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from belle_data.evalset.labelled_rows import LabelledRow

USER = "user"
_LABEL_CHARACTERS = 80
_LISTED = 10
"""Lines, or ids, that an error names; it counts them all."""


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """A row of an evaluation set.

    Attributes:
        line: Its line in the file that it came from, from 1.
        id: Its own id, or one made of its category and prompt; no two rows have the same.
        category: One of `CATEGORIES`.
        prompt: What is asked; not blank.
        reference: The answer to judge by; None in categories that are judged without, and where there is none.
    """

    line: int
    id: str
    category: str
    prompt: str
    reference: str | None

    @property
    def lacks_reference(self) -> bool:
        """Whether it has no reference, and its category is judged by one."""
        return self.reference is None and self.category not in WITHOUT_REFERENCE

    @property
    def shown_reference(self) -> str | None:
        """The reference that a judge sees: none in categories that are judged without."""
        return None if self.category in WITHOUT_REFERENCE else self.reference

    def place(self) -> dict[str, Any]:
        """Where it is found, as JSON knows it."""
        return {"id": self.id, "line": self.line, "category": self.category}


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """What became of the rows of a file.

    Attributes:
        rows: All of them, in their order.
        labels: For each label its category and how many rows have it, in the order in which they come first.
        references_left_out: Rows whose reference is left out because their category is judged without.
    """

    rows: tuple[EvaluationRow, ...]
    labels: dict[str, tuple[str, int]]
    references_left_out: int


class UnknownLabelsError(SourceError):
    """Labels that mean no category.

    Args:
        labels: Each label, or None for rows without one, with how many rows have it and the first line of these.
        path: The file.
        keys: Keys of a row that may hold a label.
    """

    def __init__(self, labels: dict[str | None, tuple[int, int]], *, path: object, keys: Sequence[str]) -> None:
        known = ", ".join(CATEGORY_NAMES[name].en for name in CATEGORIES)
        several = f"{len(labels):,} labels mean" if len(labels) > 1 else "a label means"
        super().__init__(
            f"{several} no category",
            path=path,
            hint=f"a row says under {' or '.join(keys)} what it is: {known}, math or code; case, blanks, _ and - make "
            "no difference",
        )
        self.labels = labels

    def __str__(self) -> str:
        lines = [super().__str__()]
        for label, (rows, line) in self.labels.items():
            shown = "no label" if label is None else repr(escaped(label[:_LABEL_CHARACTERS]))
            more = "…" if label is not None and len(label) > _LABEL_CHARACTERS else ""
            lines.append(f"  {shown}{more}: {rows:,} {'row' if rows == 1 else 'rows'}, first on line {line:,}")
        return "\n".join(lines)


def checked_rows(found: Sequence[LabelledRow], name: str, keys: Sequence[str]) -> CheckedRows:
    """Make rows of an evaluation set of the rows of a file.

    Args:
        found: At least one.
        name: The file, for errors.
        keys: Keys of a row that may hold a label, for errors.

    Raises:
        SourceError: A prompt is empty or is more than one turn of a user, a label is unknown or missing, or two rows
            have the same id. All rows with the same mistake are counted.
    """
    _refuse([one.line for one in found if not _has_prompt(one)], "the prompt is empty", name, "write a prompt")
    _refuse(
        [one.line for one in found if len(one.turns) > 1 or one.turns[0]["role"] != USER],
        "the prompt is not a single turn of a user",
        name,
        "an evaluation set has one question a row, so that each answer is judged for itself; leave out the other turns",
    )
    categories = _categories(found, name, keys)
    ids = _ids(found, [category for _, category in categories], name)
    rows, left_out = [], 0
    for one, row_id, (_, category) in zip(found, ids, categories, strict=True):
        reference = one.reference if one.reference is not None and one.reference.strip() else None
        if reference is not None and category in WITHOUT_REFERENCE:
            reference, left_out = None, left_out + 1
        rows.append(EvaluationRow(one.line, row_id, category, one.turns[0]["content"], reference))
    counts = Counter(categories)
    labels = {label: (category, count) for (label, category), count in counts.items()}
    return CheckedRows(tuple(rows), labels, left_out)


def _has_prompt(row: LabelledRow) -> bool:
    return any(turn["content"].strip() and turn["role"] != "text" for turn in row.turns)


def _refuse(lines: Sequence[int], what: str, name: str, hint: str) -> None:
    if not lines:
        return
    more = "" if len(lines) == 1 else f" on {len(lines):,} lines ({_listed(lines)})"
    raise SourceError(f"{what}{more}", path=name, line=lines[0], hint=hint)


def _listed(values: Sequence[int]) -> str:
    return ", ".join(str(value) for value in values[:_LISTED]) + (", …" if len(values) > _LISTED else "")


def _categories(found: Sequence[LabelledRow], name: str, keys: Sequence[str]) -> list[tuple[str, str]]:
    """Label and category of each row."""
    unknown: dict[str | None, tuple[int, int]] = {}
    known: list[tuple[str, str]] = []
    for one in found:
        category = None if one.label is None else category_of(one.label)
        if one.label is None or category is None:
            label = one.label if one.label and not one.label.isspace() else None
            rows, first = unknown.get(label, (0, one.line))
            unknown[label] = rows + 1, first
        else:
            known.append((one.label, category))
    if unknown:
        raise UnknownLabelsError(unknown, path=name, keys=keys)
    return known


def _ids(found: Sequence[LabelledRow], categories: Iterable[str], name: str) -> list[str]:
    """The id of each row: its own, or one that its category and prompt give."""
    lines: dict[str, list[int]] = defaultdict(list)
    for one in found:
        if one.id is not None:
            lines[one.id].append(one.line)
    repeated = {own: places for own, places in lines.items() if len(places) > 1}
    if repeated:
        own, places = next(iter(repeated.items()))
        more = "" if len(repeated) == 1 else f"{len(repeated):,} ids stand on more than one row, such as "
        raise SourceError(
            f"{more}the id {own[:_LABEL_CHARACTERS]!r} {'' if more else 'stands '}on the lines {_listed(places)}",
            path=name,
            line=places[1],
            hint="an answer is found by its row's id: give each row its own, or none",
        )
    taken = set(lines)
    ids = []
    for one, category in zip(found, categories, strict=True):
        own_id = one.id if one.id is not None else _made_id(category, one.turns[0]["content"], taken)
        taken.add(own_id)
        ids.append(own_id)
    return ids


def _made_id(category: str, prompt: str, taken: set[str]) -> str:
    digest = sha256(f"{category}\n{prompt}".encode()).hexdigest()[:16]
    made, number = f"eval-{digest}", 1
    while made in taken:
        # The same prompt again.
        number += 1
        made = f"eval-{digest}.{number}"
    return made
