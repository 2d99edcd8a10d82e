"""What a calibration found, as values that JSON knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from belle_data.calibration.rates import Rate


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many cosines lie in each of the bins of equal width from 0 to 1; what is below 0 is in the first."""

    name: str
    """``nearest``, ``random``, ``duplicates`` or ``different``."""
    values: int
    counts: list[int]
    apart: list[int]
    """Those among the counts that the guard keeps apart, whatever the threshold; zeros where it was not asked."""


@dataclass(frozen=True, slots=True)
class Level:
    """What one threshold does.

    `rows` and `rows_guarded` are the prompts of the sample that go, without and with the guard; None where there were
    too many pairs to look at all. `false_removal` and `recall` are shares of the pairs, with the guard if it counts.
    """

    threshold: float
    rows: int | None
    rows_guarded: int | None
    false_removal: float | None
    recall: float | None
    false_removal_unguarded: float | None


@dataclass(frozen=True, slots=True)
class Kind:
    """The pairs of one kind at the proposed threshold: how many would be removed, with and without the guard."""

    kind: str
    duplicate: bool
    pairs: int
    removed: int | None
    removed_unguarded: int | None


@dataclass(frozen=True, slots=True)
class Example:
    """A pair to look at; `difference` is what the guard sees, None if nothing."""

    left: str
    right: str
    duplicate: bool
    kind: str
    cosine: float
    difference: str | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold, and what it does with the pairs.

    `threshold` is None if no threshold keeps to the wanted rate, or if there is no pair that is no duplicate.
    `sure_threshold` is the smallest of which the pairs show with 95 % that it keeps to the rate, None if there is none.
    """

    threshold: float | None
    sure_threshold: float | None
    false_removal: Rate
    recall: Rate


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `calibrate` gives."""

    inputs: list[str]
    rows: int
    empty_prompts: int
    distinct_prompts: int
    sampled_prompts: int
    embedder: str
    fingerprint: str
    fields: list[str]
    """The texts that must be near, each by itself. Cosines are those of the first; see `field_threshold`."""
    field_threshold: float
    """Cosine below which two texts of a further field keep a pair apart, whatever the threshold."""
    guard: bool
    """Whether the proposal counts on the guard."""
    pairs_from: str | None
    """The file of labelled pairs; None if they were made by rule."""
    wanted: float
    """The share of pairs that are no duplicates which may be removed, at most."""
    pairs_needed: int
    """Pairs that are no duplicates that it takes to show so small a share with 95 %."""
    proposal: Proposal
    without_guard: Proposal
    """The same without the guard."""
    guard_differences: dict[str, int]
    """In how many of the pairs of prompts at 0.7 or more that were compared the guard sees which difference."""
    histograms: list[Histogram]
    levels: list[Level]
    kinds: list[Kind]
    closest_different: list[Example]
    """Pairs that are no duplicates with the largest cosines which the guard lets pass."""
    farthest_duplicates: list[Example]
    """Duplicates with the smallest cosines."""
    notes: list[str]

    @property
    def setting(self) -> str | None:
        """What to write into the recipe, or to give to ``--set``; None if nothing is proposed."""
        threshold = self.proposal.threshold
        return None if threshold is None else f"semantic_dedup.threshold={threshold:g}"

    @property
    def is_too_small(self) -> bool:
        """Whether there are too few pairs to show the wanted rate, even if none of them were removed."""
        return self.proposal.false_removal.pairs < self.pairs_needed

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON knows it."""
        return {**asdict(self), "setting": self.setting, "is_too_small": self.is_too_small}
