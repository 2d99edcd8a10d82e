"""Pairs of prompts of which it is known whether they are duplicates: labelled ones of a file, or made by rule."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle_data.calibration.other_content import OtherWords, a_denial, another_number, same_template
from belle_data.calibration.prompts import Prompt, digest_of
from belle_data.calibration.rewordings import REWORDINGS, rewordings
from belle_data.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import BinaryIO

    from belle_data.calibration.other_content import Edit

REWORDED, SAME_TEMPLATE = 1000, 2500
"""Pairs of one rule, at most."""
EDITED, LEAST_EDITED = 0.2, 50
"""Pairs of one kind of edit, as a share of those of the same template; and how many there may always be.

Pairs that the data has itself count more, as edits are rare in data. The share is fixed, so that the mixture, and with
it the rate, depends little on the size of the sample.
"""
MOST_OF_ONE_EDIT = 10
"""Edits in which the same word was replaced by the same other one."""
LABELLED = "labelled"
"""Kind of the pairs of a file."""
DIFFERENT = ("same_template", "number", "negation", "name")
"""Kinds of the pairs that are made and are no duplicates."""
LONGEST_LINE = 1 << 24
MOST_PAIRS = 1_000_000
_FIELDS = {"left": str, "right": str, "duplicate": bool}
_HINT = 'such as {"left": "列出三种水果。", "right": "请列举三种水果", "duplicate": true}'


@dataclass(frozen=True, slots=True)
class Pair:
    """Two prompts, and whether one of them is to go for the other."""

    left: Prompt
    right: Prompt
    duplicate: bool
    kind: str
    """`LABELLED`, or the rule that made it."""


def read_pairs(path: str) -> list[Pair]:
    """Read labelled pairs: JSON lines with the texts `left` and `right` and the truth value `duplicate`.

    More keys are allowed, blank lines too. White space at the ends of a text does not count.

    Raises:
        SourceError: The file cannot be read, a line is no pair, or there is none; a wrong label moves the result, so no
            line is skipped.
    """
    try:
        # Larger than what a text may hold, so that a line without end is noticed before memory is full.
        with open(path, "rb") as handle:  # noqa: PTH123 - the name as it was given, a descriptor's too
            pairs = list(_lines(path, handle))
    except OSError as error:
        raise SourceError(
            f"the pairs cannot be read ({error.strerror or error})", path=path, hint="name a file of JSON lines"
        ) from None
    except ValueError as error:
        raise SourceError(f"the pairs cannot be read ({error})", path=path, hint="name a file of JSON lines") from None
    if not pairs:
        raise SourceError("there is no pair in the file", path=path, hint=f"a line is a pair, {_HINT}")
    return pairs


def _lines(path: str, handle: BinaryIO) -> Iterable[Pair]:
    number = byte = 0
    while line := handle.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise SourceError(f"the line has more than {LONGEST_LINE >> 20} MiB", path=path, line=number, byte=byte)
        if number > MOST_PAIRS:
            raise SourceError(f"there are more than {MOST_PAIRS:,} pairs", path=path, line=number, byte=byte)
        if line.strip():
            yield _pair(line, path, number, byte)
        byte += len(line)


def _pair(line: bytes, path: str, number: int, byte: int) -> Pair:
    def wrong(rule: str, value: object = None) -> SourceError:
        return SourceError(rule, path=path, line=number, byte=byte, value=value, hint=f"a line is a pair, {_HINT}")

    try:
        values = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        raise wrong("the line is not UTF-8") from None
    except (ValueError, RecursionError):
        raise wrong("the line is no JSON", line.decode("utf-8", "replace").strip()) from None
    if not isinstance(values, dict):
        raise wrong("the line is no JSON object", values)
    for name, kind in _FIELDS.items():
        if name not in values:
            raise wrong(f"the pair has no {name}", sorted(map(str, values)))
        if not isinstance(values[name], kind):
            raise wrong(f"{name} must be {'a text' if kind is str else 'true or false'}", values[name])
    texts = [values["left"].strip(), values["right"].strip()]
    for name, text in zip(("left", "right"), texts, strict=True):
        if not text:
            raise wrong(f"{name} is empty", values[name])
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise wrong(f"{name} holds half of a surrogate pair, which is no text", text)
    return Pair(Prompt.of_text(texts[0]), Prompt.of_text(texts[1]), values["duplicate"], LABELLED)


def made_pairs(prompts: Sequence[Prompt], *, reworded: bool = True) -> list[Pair]:
    """Make pairs by rule out of the distinct prompts of a data set, so many of each rule.

    Which ones depends on the set of prompts alone, not on their order.

    Args:
        prompts: The prompts.
        reworded: Make pairs with texts that are no prompts of the data; else only find such as are.
    """
    ordered = sorted(prompts, key=lambda prompt: (digest_of(prompt.text), prompt))
    whole = {prompt.text: prompt for prompt in reversed(ordered)}
    templates = same_template(list(whole))
    templates.sort(key=lambda pair: (digest_of(f"{pair[0]}\n{pair[1]}"), pair))
    pairs = [
        Pair(whole[left], whole[right], duplicate=False, kind="same_template")
        for left, right, *_ in templates[:SAME_TEMPLATE]
    ]
    if not reworded:
        return pairs
    edits = max(LEAST_EDITED, round(EDITED * len(pairs)))
    asked = [prompt for prompt in ordered if prompt.instruction]
    for rule in REWORDINGS:
        pairs += _reworded(asked, rule)
    words = OtherWords(templates)
    for kind, edit in (("number", another_number), ("negation", a_denial), ("name", words.in_place)):
        pairs += _edited(asked, kind, edit, edits)
    return pairs


def _reworded(prompts: Sequence[Prompt], rule: str) -> list[Pair]:
    pairs: list[Pair] = []
    for prompt in prompts:
        if len(pairs) == REWORDED:
            break
        found = rewordings(prompt.asked, rule)
        if found:
            other = prompt.with_asked(found[digest_of(prompt.text) % len(found)])
            pairs.append(Pair(prompt, other, duplicate=True, kind=rule))
    return pairs


def _edited(prompts: Sequence[Prompt], kind: str, edit: Callable[[str], Edit | None], most: int) -> list[Pair]:
    """Pairs of a prompt and its edit; no single edit makes more than a few, or one word decides the whole rate."""
    pairs: list[Pair] = []
    times: Counter[str] = Counter()
    for prompt in prompts:
        if len(pairs) == most:
            break
        edited = edit(prompt.asked)
        if edited is None or edited.text == prompt.asked or times[edited.what] == MOST_OF_ONE_EDIT:
            continue
        times[edited.what] += 1
        pairs.append(Pair(prompt, prompt.with_asked(edited.text), duplicate=False, kind=kind))
    return pairs
