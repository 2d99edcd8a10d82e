"""The difference of two texts, character by character, in a time that no text can make long."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["same", "removed", "kept"]
Part = tuple[Kind, str]
"""Text that both rows have, or only the removed one, or only the kept one."""

STEPS = 400_000
"""Steps that the comparison of two texts may take: a few tenths of a second."""
_CLAUSE = re.compile(r"[^。！？!?；;，,、\n]*[。！？!?；;，,、\n]|[^。！？!?；;，,、\n]+")


def difference(removed: str, kept: str, steps: int = STEPS) -> list[Part]:
    """Cut two texts into what is the same and what is not; joined again, the parts give both texts.

    Texts that differ by so much that the comparison takes more than `steps` are compared clause by clause, and taken
    for wholly different if that is too much too.
    """
    start = _common_start(removed, kept)
    end = _common_start(removed[start:][::-1], kept[start:][::-1])
    parts: list[Part] = [("same", removed[:start])]
    parts += _middle(removed[start : len(removed) - end], kept[start : len(kept) - end], steps)
    parts.append(("same", removed[len(removed) - end :]))
    return _merged(parts)


def turn_differences(
    removed: Sequence[tuple[str, str]], kept: Sequence[tuple[str, str]]
) -> list[tuple[str, list[Part]]]:
    """The difference of two conversations: the speaker and the parts of each turn, turn beside turn."""
    turns: list[tuple[str, list[Part]]] = []
    # Of many turns each gets less time, so that all together stay within some seconds.
    steps = min(STEPS, 4 * STEPS // max(len(removed), len(kept), 1))
    for old, new in zip_longest(removed, kept):
        if new is None:
            turns.append((old[0], [("removed", old[1])]))
        elif old is None:
            turns.append((new[0], [("kept", new[1])]))
        else:
            role = old[0] if old[0] == new[0] else f"{old[0]} / {new[0]}"
            turns.append((role, difference(old[1], new[1], steps)))
    return turns


def _common_start(left: str, right: str) -> int:
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _middle(removed: str, kept: str, steps: int) -> list[Part]:
    if removed and kept:
        parts = _compared(removed, kept, steps) or _compared(_CLAUSE.findall(removed), _CLAUSE.findall(kept), steps)
        if parts is not None:
            return _readable(_merged(parts))
    return [("removed", removed), ("kept", kept)]


def _readable(parts: list[Part]) -> list[Part]:
    """Take a single character that happens to be the same amid changes for a part of the change."""
    joined: list[Part] = []
    for at, (kind, text) in enumerate(parts):
        if kind == "same" and len(text) == 1 and 0 < at < len(parts) - 1:
            joined += [("removed", text), ("kept", text)]
        else:
            joined.append((kind, text))
    return joined


def _compared(removed: Sequence[str], kept: Sequence[str], most_steps: int) -> list[Part] | None:
    """The shortest way from one sequence to the other (Myers 1986); None if that takes too many steps."""
    reached = {1: 0}
    rounds: list[dict[int, int]] = []
    steps = 0
    for edits in range(len(removed) + len(kept) + 1):
        rounds.append(reached.copy())
        steps += edits + 1
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1])
            at = reached[diagonal + 1] if down else reached[diagonal - 1] + 1
            first = at
            while at < len(removed) and at - diagonal < len(kept) and removed[at] == kept[at - diagonal]:
                at += 1
            reached[diagonal] = at
            steps += at - first
            if at >= len(removed) and at - diagonal >= len(kept):
                return list(_path(rounds, removed, kept))[::-1]
        if steps > most_steps:
            return None
    return None


def _path(rounds: list[dict[int, int]], removed: Sequence[str], kept: Sequence[str]) -> Iterator[Part]:
    """The edits that led to the end, from the last to the first."""
    at, kept_at = len(removed), len(kept)
    for edits in range(len(rounds) - 1, -1, -1):
        reached, diagonal = rounds[edits], at - kept_at
        down = diagonal == -edits or (diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1])
        before = diagonal + 1 if down else diagonal - 1
        before_at = reached[before]
        start = max(before_at if down else before_at + 1, 0) if edits else 0
        while at > start:
            at, kept_at = at - 1, kept_at - 1
            yield "same", removed[at]
        if not edits:
            return
        if down:
            kept_at -= 1
            yield "kept", kept[kept_at]
        else:
            at -= 1
            yield "removed", removed[at]


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Join what lies between two parts that are the same to one removed and one kept part; leave out what is empty."""
    merged: list[Part] = []
    waiting: dict[Kind, list[str]] = {"removed": [], "kept": []}
    same: list[str] = []

    def close(*kinds: Kind) -> None:
        for kind in kinds:
            pieces = same if kind == "same" else waiting[kind]
            text = "".join(pieces)
            pieces.clear()
            if text:
                merged.append((kind, text))

    for kind, text in parts:
        if not text:
            continue
        if kind == "same":
            close("removed", "kept")
            same.append(text)
        else:
            close("same")
            waiting[kind].append(text)
    close("same", "removed", "kept")
    return merged
