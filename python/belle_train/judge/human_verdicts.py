"""What people's verdicts say: wins of each person, and how far people and a judge agree."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError
from belle_train.judge.agreement import cohens_kappa
from belle_train.judge.blind_sheet import KIND
from belle_train.judge.json_lines import read_json_lines
from belle_train.judge.judged_folder import MANIFEST, VERDICTS
from belle_train.judge.win_rates import VERDICTS as WORDS
from belle_train.judge.win_rates import win_rates
from belle_train.model_folder import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from belle_train.judge.filled_sheet import FilledSheet
    from belle_train.judge.sheet_key import Key

JUDGE = "judge"


def human_verdicts(
    key: Key, people: Sequence[FilledSheet], judge: Mapping[str, str | None] | None, *, seed: int = 0
) -> dict[str, Any]:
    """Count what people said.

    Args:
        key: Of the sheets.
        people: Their sheets.
        judge: The verdicts of a judge by id, if they are to be compared.
        seed: Of the intervals.

    Returns:
        A dict for JSON: both systems, of each person the win rate of the first system and the rows, and the kappas.
    """
    series: list[tuple[str, dict[str, str | None]]] = [
        (one.path, {row.id: row.verdict for row in one.rows}) for one in people
    ]
    if judge is not None:
        series.append((JUDGE, dict(judge)))
    return {
        "kind": KIND,
        **{side: {"name": key.names[at], "sha256": key.digests[at]} for at, side in enumerate(("a", "b"))},
        "people": [
            {
                "sheet": one.path,
                "sha256": one.sha256,
                "both_bad": sum(row.both_bad for row in one.rows),
                "wins": win_rates((row.counted() for row in one.rows), seed=seed).to_dict(),
                "rows": [row.to_dict() for row in one.rows],
            }
            for one in people
        ],
        "agreement": [
            {
                "first": first,
                "second": second,
                **cohens_kappa(((ours[row], theirs.get(row)) for row in ours), seed=seed).to_dict(),
            }
            for (first, ours), (second, theirs) in combinations(series, 2)
        ],
    }


def read_verdicts(folder: str | Path, key: Key) -> dict[str, str | None]:
    """Read the verdicts of a judge on the systems of a key.

    Args:
        folder: What ``compare`` wrote.
        key: Of the sheets. If ``compare`` had the systems the other way round, verdicts are turned.

    Returns:
        ``a``, ``b``, ``tie`` or None by the row's id.

    Raises:
        UsageError: There is no such folder or file.
        SourceError: It is damaged, unfinished, or compares other answers.
    """
    place = Path(folder)
    manifest = read_json(place / MANIFEST)
    hint = "name a folder that compare wrote for the same two files of answers"
    try:
        digests = tuple(str(manifest[side]["sha256"]) for side in ("a", "b"))
    except (KeyError, TypeError):
        raise SourceError("the manifest is not that of compare", path=place / MANIFEST, hint=hint) from None
    if digests not in {key.digests, key.digests[::-1]}:
        raise SourceError("the folder compares other answers than the sheets", path=folder, hint=hint)
    turned = digests != key.digests
    meaning: dict[str | None, str | None] = {word: word for word in WORDS} | {None: None}
    if turned:
        meaning |= {"a": "b", "b": "a"}
    lines, _ = read_json_lines(place / VERDICTS, "the verdicts of compare")
    found: dict[str, str | None] = {}
    for number, line in lines:
        own, verdict = line.get("id"), line.get("verdict")
        if not isinstance(own, str) or own in found or not isinstance(verdict, str | None) or verdict not in meaning:
            raise SourceError("the line is no verdict", path=place / VERDICTS, line=number, value=own)
        found[own] = meaning[verdict]
    known = {row.id for row in key.sheets[0].values()}
    if not known & found.keys():
        raise SourceError("no row of the sheets has a verdict there", path=place / VERDICTS, hint=hint)
    return found
