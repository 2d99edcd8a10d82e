"""A budget in money and tokens that is never passed: what a request may cost at most is set aside before it is sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from belle_train.judge.prices import Price


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of prompts and of replies."""

    prompt: int = 0
    answer: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.prompt + self.answer

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt + other.prompt, self.answer + other.answer)

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt - other.prompt, self.answer - other.answer)


class Budget:
    """What may be spent in this invocation and was spent before for the same folder of replies, together.

    So running a command again does not spend its budget twice. Costs are exact: of whole tokens, without rounding.
    What servers count counts; where none counted, as when a reply did not arrive, the request is taken to have cost
    the most it could. The bound holds for servers whose count stays below a token for each byte of the prompt with its
    overhead, and the tokens a reply was allowed.

    Args:
        max_cost: Dollars; None for no limit.
        max_total_tokens: Tokens of prompts and replies together; None for no limit.
        price: Of the model; None if it is unknown.

    Raises:
        UsageError: A limit is no number of 0 or more, or there is one in money and no price.
    """

    def __init__(
        self, max_cost: float | None = None, max_total_tokens: int | None = None, price: Price | None = None
    ) -> None:
        if max_cost is not None and not (math.isfinite(max_cost) and max_cost >= 0):
            raise UsageError("the most that may be spent is 0 dollars or more", value=max_cost)
        if max_total_tokens is not None and max_total_tokens < 0:
            raise UsageError("the most tokens that may be used are 0 or more", value=max_total_tokens)
        if max_cost is not None and price is None:
            hint = "give it in dollars per million tokens with --price-in and --price-out, or set a limit of tokens"
            raise UsageError("a limit of money needs the model's price, which is not known here", hint=hint)
        self.max_cost, self.max_total_tokens, self.price = max_cost, max_total_tokens, price
        self._input = Fraction(str(price.input)) / 1_000_000 if price else Fraction(0)
        self._output = Fraction(str(price.output)) / 1_000_000 if price else Fraction(0)
        self._most = None if max_cost is None else Fraction(str(max_cost))
        self._now = Tokens()
        self._reserved = Tokens()
        self._before: dict[str, Tokens] = {}
        self.in_flight = 0
        """Reservations that are neither settled nor given back."""

    @property
    def spent(self) -> Tokens:
        """What was spent, before and now; reservations are not in it."""
        return sum(self._before.values(), self._now)

    @property
    def spent_now(self) -> Tokens:
        """What was spent in this invocation."""
        return self._now

    def cost(self, tokens: Tokens) -> float | None:
        """Dollars of tokens; None without a price."""
        return None if self.price is None else float(self._exact(tokens))

    def remember(self, where: str, tokens: Tokens) -> None:
        """Count what was spent earlier for a folder; said again of the same folder, it counts once."""
        self._before[where] = tokens

    def fits(self, tokens: Tokens) -> bool:
        """Tell whether so much may still be spent."""
        after = self.spent + self._reserved + tokens
        if self.max_total_tokens is not None and after.total > self.max_total_tokens:
            return False
        return self._most is None or self._exact(after) <= self._most

    def reserve(self, tokens: Tokens) -> bool:
        """Set aside the most that a request may cost; False, and nothing is set aside, if it does not fit."""
        if not self.fits(tokens):
            return False
        self._reserved += tokens
        self.in_flight += 1
        return True

    def settle(self, reserved: Tokens, spent: Tokens) -> None:
        """Replace a reservation by what the request did cost: nothing if it was refused."""
        self._reserved -= reserved
        self._now += spent
        self.in_flight -= 1

    def _exact(self, tokens: Tokens) -> Fraction:
        return tokens.prompt * self._input + tokens.answer * self._output
