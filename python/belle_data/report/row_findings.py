"""What the stages that judge a row by itself make of it: `normalise` and `rules`, computed again from its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.report.difference import turn_differences
from belle_data.report.texts import turns_of
from belle_data.stages.normalise import Normalise, NormaliseConfig
from belle_data.stages.rules import Rules, RulesConfig

if TYPE_CHECKING:
    from belle_data.report.difference import Part


@dataclass(frozen=True, slots=True)
class Changes:
    """What `normalise` changes in a row."""

    names: list[str]
    """The kinds of change."""
    difference: list[tuple[str, list[Part]]]
    """Speaker and parts of each turn: ``removed`` is only in the row as it came, ``kept`` in the normalised one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule finds in a row."""

    rule: str
    reason: str
    value: float | None
    """None if it cannot be computed, such as the language of no answer."""
    comparison: str
    """A row goes if its value is ``<``, ``>`` or ``>=`` the threshold."""
    threshold: float | None
    """None if the rule is off."""
    fired: bool
    span: tuple[int, str, str, str] | None
    """The place that decided: the turn, from 0, and its text before, in and after the place. None without one."""


def normalised(batch: Any, settings: dict[str, Any]) -> tuple[Any, Changes | None]:
    """Normalise the only row of a batch as a run with these settings does.

    Returns:
        The batch as later stages saw it, and what changed; None if nothing.
    """
    import pyarrow as pa  # noqa: PLC0415 - a wrong path must be told before Arrow is loaded

    from belle_data import _native  # noqa: PLC0415

    found = pa.record_batch(Normalise(NormaliseConfig(**settings)).kernel.apply(batch))
    changes = found["changes"][0].as_py()
    if not changes:
        return batch, None
    names = [name for bit, name in enumerate(_native.change_names()) if changes >> bit & 1]
    column = batch.schema.get_field_index("turns")
    changed = batch.set_column(column, "turns", found["turns"])
    return changed, Changes(names, turn_differences(turns_of(batch), turns_of(changed)))


def findings(batch: Any, settings: dict[str, Any]) -> list[Finding]:
    """What each rule finds in the only row of a batch, in the order in which the rules are asked."""
    import pyarrow as pa  # noqa: PLC0415

    found = pa.record_batch(Rules(RulesConfig(**settings)).findings(batch)).to_pylist()
    turns = turns_of(batch)
    return [
        Finding(
            rule=one["rule"],
            reason=one["reason"],
            value=one["value"],
            comparison=one["comparison"],
            threshold=one["threshold"],
            fired=one["fired"],
            span=_span(turns, one),
        )
        for one in found
    ]


def _span(turns: list[tuple[str, str]], finding: dict[str, Any]) -> tuple[int, str, str, str] | None:
    if finding["turn"] is None or finding["turn"] >= len(turns):
        return None
    text = turns[finding["turn"]][1].encode()
    start, end = finding["start"], finding["end"]
    before, within, after = (part.decode("utf-8", "replace") for part in (text[:start], text[start:end], text[end:]))
    return finding["turn"], before, within, after
