"""What `quality` found of a row: its perplexity among the rows like it, and the tokens that were strangest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from belle_data.report.finished_run import FinishedRun

STAGE = "quality"


@dataclass(frozen=True, slots=True)
class StrangeToken:
    """A token that made the perplexity of a row high."""

    part: str
    """``prompt`` or ``output``."""
    start: int
    """Where it is, in characters of that part, whose turns are joined by line feeds."""
    end: int
    text: str | None
    """None if the row cannot be read any more."""
    probability: float


@dataclass(frozen=True, slots=True)
class Perplexity:
    """The perplexity of a row among those of its language and length."""

    perplexity: float
    language: str
    shortest: int
    """Fewest and most tokens of the rows like it."""
    longest: int
    rows: int
    """How many rows are like it, itself included."""
    lower: int
    """How many of these have a lower perplexity."""
    highest_kept: float | None
    """The highest perplexity in the stratum that does not go for it; None where none goes."""
    lowest_kept: float | None
    """The lowest one that does not go for it."""
    difficulty: float | None
    """The answer's loss given its prompt, divided by its loss alone; None but for ``hf:`` models."""
    belonging: float | None
    """How well the answer belongs to its prompt, -1 to 1; None where that was not scored."""
    tokens: list[StrangeToken]
    """The least probable tokens, the least probable first; empty for a row of which they were not noted."""


class Perplexities:
    """The perplexities of a finished run.

    Args:
        run: The run.

    Raises:
        RunFolderError: They are damaged.
    """

    def __init__(self, run: FinishedRun) -> None:
        import numpy as np  # noqa: PLC0415 - a wrong path must be told before it is loaded

        from belle_data.quality.strata import judged, tails  # noqa: PLC0415
        from belle_data.stages.quality import QualityConfig  # noqa: PLC0415

        self.settings = QualityConfig(**run.settings_of(STAGE))
        self._tokens = run.evidence(STAGE, "tokens")
        self._scores = run.evidence(STAGE, "perplexities")
        self.rows = np.zeros(0, np.uint32) if self._scores is None else self._scores["row"].to_numpy()
        self.values, self.strata = np.zeros(0), np.zeros(0, np.int64)
        if self._scores is not None:
            self.values, self.strata = judged(self._scores, self.settings.text)
        self.low, self.high = tails(
            self.values, self.strata, self.settings.lowest, self.settings.highest, self.settings.least_rows
        )

    def place_of(self, row: int) -> int | None:
        """Where a row stands in `rows`; None if it was not judged: it fell before, or has no text."""
        import numpy as np  # noqa: PLC0415

        place = int(np.searchsorted(self.rows, row))
        if place == len(self.rows) or self.rows[place] != row or math.isnan(self.values[place]):
            return None
        return place

    def margins(self) -> Any:
        """How far each row that stays is from the border of its stratum's upper tail and from that of the lower one.

        Returns:
            ``float64 [rows, 2]``: the difference of the cross-entropies; infinite for a row that goes, or where the
            stratum loses none.
        """
        import numpy as np  # noqa: PLC0415

        margins = np.full((len(self.rows), 2), np.inf)
        for stratum in np.unique(self.strata):
            members = self.strata == stratum
            for column, (tail, other, sign) in enumerate(((self.high, self.low, 1), (self.low, self.high, -1))):
                gone = self.values[members & tail]
                if len(gone):
                    border = sign * (sign * gone).min()
                    stays = members & ~tail & ~other & ~np.isnan(self.values)
                    margins[stays, column] = sign * (border - self.values[stays])
        return margins

    def doubt_margins(self) -> Any:
        """How far each row's answer is from not belonging to its prompt, by the score that comes nearest to it.

        Returns:
            ``float64 [rows]``; infinite for a row that goes for it, or that has no score with a border.
        """
        import numpy as np  # noqa: PLC0415

        margins = np.full(len(self.rows), np.inf)
        for column, border, sign in (
            ("belonging", self.settings.least_belonging, 1),
            ("difficulty", self.settings.most_difficulty, -1),
        ):
            if border != "off" and self._scores is not None and column in self._scores.column_names:
                distance = sign * (self._scores[column].to_numpy() - border)
                margins = np.where(np.isnan(distance), margins, np.minimum(margins, distance))
        return np.where(margins >= 0, margins, np.inf)

    def of(self, row: int, texts: dict[str, str] | None) -> Perplexity | None:
        """What was found of a row.

        Args:
            row: Its number.
            texts: Its ``prompt`` and ``output``; None if they cannot be read.
        """
        import numpy as np  # noqa: PLC0415

        from belle_data import _native  # noqa: PLC0415

        place = self.place_of(row)
        if place is None:
            return None
        members = self.strata == self.strata[place]
        known = self.values[members][~np.isnan(self.values[members])]
        language, digits = divmod(int(self.strata[place]), 64)
        kept = self.values[members & ~self.low & ~self.high]
        kept = kept[~np.isnan(kept)]
        return Perplexity(
            perplexity=math.exp(min(self.values[place], 700.0)),
            language=_native.language_names()[language],
            shortest=1 << max(digits - 1, 0),
            longest=(1 << digits) - 1,
            rows=len(known),
            lower=int((known < self.values[place]).sum()),
            highest_kept=math.exp(kept.max()) if (members & self.high).any() and len(kept) else None,
            lowest_kept=math.exp(kept.min()) if (members & self.low).any() and len(kept) else None,
            difficulty=self._value("difficulty", place),
            belonging=self._value("belonging", place),
            tokens=self._tokens_of(row, texts),
        )

    def _value(self, column: str, place: int) -> float | None:
        if column not in self._scores.column_names:
            return None
        value = self._scores[column][place].as_py()
        return None if value is None or math.isnan(value) else float(value)

    def _tokens_of(self, row: int, texts: dict[str, str] | None) -> list[StrangeToken]:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        if self._tokens is None:
            return []
        own = self._tokens.filter(pc.equal(self._tokens["row"], pa.scalar(row, pa.uint32())))
        tokens = [
            StrangeToken(
                part=one["part"],
                start=one["start"],
                end=one["end"],
                text=None if texts is None else texts[one["part"]][one["start"] : one["end"]],
                probability=math.exp(one["log_probability"]),
            )
            for one in own.to_pylist()
        ]
        return sorted(tokens, key=lambda token: token.probability)


def parts_of(batch: Any) -> dict[str, str]:
    """``prompt`` and ``output`` of the only row of a batch, as the stage saw them."""
    import pyarrow as pa  # noqa: PLC0415

    from belle_data import _native  # noqa: PLC0415

    texts = pa.record_batch(_native.row_texts(_native.ArrowRows(batch), pa.array([0], pa.uint32())))
    return {name: texts[name][0].as_py() for name in ("prompt", "output")}
