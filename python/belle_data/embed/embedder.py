"""What turns texts into vectors, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


class Embedder(Protocol):
    """One model, or one file of vectors. Not to be used by two threads at once."""

    @property
    def name(self) -> str:
        """As the recipe has it, such as ``openai:text-embedding-3-small``."""

    @property
    def fingerprint(self) -> str:
        """Everything that decides the vectors, in one line of text; neither keys nor passwords of URLs.

        Raises:
            BelleError: The model or the file is not there.
        """

    @property
    def dimensions(self) -> int | None:
        """Numbers in a vector; None until the first batch is embedded, where only that tells."""

    @property
    def batch(self) -> int:
        """How many texts it likes to get at once; any number is right."""

    @property
    def of_rows(self) -> bool:
        """Whether a vector belongs to a row, whatever its text: then equal texts may have different ones."""

    def tolerance(self, cosine: float) -> float:
        """How far a cosine about as high may be from that of the same two texts embedded `precisely`; 0 if it is it."""

    def cost(self, texts: pa.Array) -> Cost | None:
        """What embedding these texts would cost, without asking anyone; None if it costs nothing.

        Costs of batches can be added up, as long as no text is in two of them.
        """

    def embed(self, texts: pa.Array, rows: pa.Array, *, precisely: bool = False) -> npt.NDArray[np.float32]:
        """Give the vectors of texts.

        Args:
            texts: Strings [n] of any Arrow type; null counts as empty.
            rows: ``uint32 [n]``, the number of the row that each text is of; for errors, and for `numpy:FILE`.
            precisely: Take longer, for vectors that depend neither on the other texts of the batch nor, where
                `tolerance` says that the others do, on the machine.

        Returns:
            ``float32 [n, dimensions]``; the norm of a row is 1, or 0 if its text has nothing but white space.

        Raises:
            UsageError: A package, a model or a right to use it is missing.
            SourceError: A file or a server gives no vectors, or wrong ones.
        """

    def close(self) -> None:
        """Let go of connections and files; a second time does nothing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What it costs to embed texts.

    Attributes:
        texts: Distinct texts that would be sent.
        stored: Texts whose vectors are stored already, so that they cost nothing.
        tokens: Tokens of the texts that would be sent, estimated from their characters.
        money: In US dollars; None if the price is unknown.
    """

    texts: int
    stored: int
    tokens: int
    money: float | None

    def __add__(self, other: Cost) -> Cost:
        money = None if self.money is None or other.money is None else self.money + other.money
        return Cost(self.texts + other.texts, self.stored + other.stored, self.tokens + other.tokens, money)

    def __str__(self) -> str:
        """In words, for the terminal."""
        if self.texts == 0:
            return f"nothing to send, {self.stored:,} vectors are stored"
        price = "price unknown" if self.money is None else f"about ${self.money:,.{2 if self.money >= 1 else 4}f}"
        stored = f"; {self.stored:,} more are stored" if self.stored else ""
        return f"{self.texts:,} texts to send, about {self.tokens:,} tokens, {price}{stored}"
