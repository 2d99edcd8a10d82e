"""What tokens cost at OpenAI's own server: its list prices as of September 2025, in dollars per million tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

from belle_data.errors import UsageError


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens.

    Attributes:
        input: Of a prompt.
        output: Of a reply.

    Raises:
        UsageError: One of them is negative, infinite or no number.
    """

    input: float
    output: float

    def __post_init__(self) -> None:
        for name, price in (("input", self.input), ("output", self.output)):
            if not (math.isfinite(price) and price >= 0):
                raise UsageError(f"the price of {name} is 0 dollars per million tokens or more", value=price)


PRICES = {
    "gpt-3.5-turbo": Price(0.5, 1.5),
    "gpt-3.5-turbo-0125": Price(0.5, 1.5),
    "gpt-3.5-turbo-1106": Price(1.0, 2.0),
    "gpt-4": Price(30.0, 60.0),
    "gpt-4-0613": Price(30.0, 60.0),
    "gpt-4-1106-preview": Price(10.0, 30.0),
    "gpt-4-0125-preview": Price(10.0, 30.0),
    "gpt-4-turbo": Price(10.0, 30.0),
    "gpt-4-turbo-2024-04-09": Price(10.0, 30.0),
    "gpt-4o": Price(2.5, 10.0),
    "gpt-4o-2024-05-13": Price(5.0, 15.0),
    "gpt-4o-2024-08-06": Price(2.5, 10.0),
    "gpt-4o-2024-11-20": Price(2.5, 10.0),
    "gpt-4o-mini": Price(0.15, 0.6),
    "gpt-4o-mini-2024-07-18": Price(0.15, 0.6),
    "gpt-4.1": Price(2.0, 8.0),
    "gpt-4.1-2025-04-14": Price(2.0, 8.0),
    "gpt-4.1-mini": Price(0.4, 1.6),
    "gpt-4.1-mini-2025-04-14": Price(0.4, 1.6),
    "gpt-4.1-nano": Price(0.1, 0.4),
    "gpt-4.1-nano-2025-04-14": Price(0.1, 0.4),
}


def price_of(model: str) -> Price | None:
    """The price of a model by its exact name; None if the table has none, since a guess would make a budget void."""
    return PRICES.get(model)
