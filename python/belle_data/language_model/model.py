"""A saved language model, mapped from its file, and what it says about texts."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_data.language_model.tokenizer import Pieces, pieces_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data import _native


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says about texts.

    Attributes:
        log_probability: For each text the natural logarithm of its probability.
        tokens: For each text its number of tokens, the end of the text counted as one: never 0.
    """

    log_probability: list[float]
    tokens: list[int]

    @property
    def perplexity(self) -> list[float]:
        """For each text the geometric mean of how many tokens each of its tokens was one of."""
        return [perplexity(sum_, count) for sum_, count in zip(self.log_probability, self.tokens, strict=True)]


def perplexity(log_probability: float, tokens: int) -> float:
    """The perplexity of so many tokens; NaN of none, infinite beyond the numbers of the machine."""
    if not tokens:
        return math.nan
    try:
        return math.exp(-log_probability / tokens)
    except OverflowError:
        return math.inf


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token of a text: its place in characters (for pieces: in pieces), what it is, and how probable it was.

    Attributes:
        start: First character, from 0.
        end: The character after the last.
        text: The characters, the piece, or ``</s>`` for the end of the text.
        log_probability: Natural logarithm of its probability after all tokens before it.
        order: Tokens of the longest n-gram of the model that ends with it.
        known: Whether the model's vocabulary has it.
    """

    start: int
    end: int
    text: str
    log_probability: float
    order: int
    known: bool


class Model:
    r"""A language model that cuts texts as it was trained to.

    Args:
        native: The kernel's model.
        sentencepiece: Where the model's sentencepiece file is, if not where it was.

    Example:
        >>> from belle_data import _native
        >>> from belle_data.language_model import Model
        >>> text = "今天天气很好\n今天很好\n".encode()
        >>> model = Model(_native.LanguageModel.train_lines([text], order=3, memory=1 << 28))
        >>> good, bad = model.score(["今天天气好", "天好气今天"]).perplexity
        >>> good < bad
        True
    """

    def __init__(self, native: _native.LanguageModel, sentencepiece: str | None = None) -> None:
        self.native = native
        self._sentencepiece = sentencepiece
        self._pieces: Pieces | None = None

    @property
    def info(self) -> dict[str, Any]:
        """What the model is: ``tokens``, ``order``, ``ngrams``, ``bytes``, ``rounding`` and ``notes``."""
        return self.native.info()

    def _cut(self) -> Pieces | None:
        if self._pieces is None and self.info["tokens"] == "pieces":
            self._pieces = pieces_of(self.info["notes"], self._sentencepiece)
        return self._pieces

    def score(self, texts: Sequence[str] | Any) -> Scores:
        """Score texts: a list of strings, or an Arrow array of such; null is the empty text.

        Raises:
            UsageError, SourceError: The tokenizer that the model needs is not at hand.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        import pyarrow as pa  # noqa: PLC0415 - importing this module must be quick

        arrow: Any = pa.array(texts, pa.large_string()) if isinstance(texts, list | tuple) else texts
        pieces = self._cut()
        if pieces is None:
            batch = pa.record_batch(self.native.score_texts(arrow))
        else:
            strings = texts if isinstance(texts, list | tuple) else pa.array(arrow).to_pylist()
            ids, ends, _ = pieces.encode(text or "" for text in strings)
            batch = pa.record_batch(self.native.score_ids(ids, ends))
        return Scores(batch["log_probability"].to_pylist(), batch["tokens"].to_pylist())

    def tokens(self, text: str) -> list[TokenScore]:
        """Give each token of a text with its probability, the end of the text the last.

        Raises:
            UsageError, SourceError: The tokenizer that the model needs is not at hand.
        """
        import pyarrow as pa  # noqa: PLC0415

        pieces = self._cut()
        if pieces is None:
            told = pa.record_batch(self.native.tokens_of(text)).to_pylist()
            shown = [text[one["start"] : one["end"]] for one in told]
        else:
            numbers = pieces.processor.encode(text)
            ids, _, _ = pieces.encode([text])
            told = pa.record_batch(self.native.tokens_of_ids(ids)).to_pylist()
            shown = [pieces.processor.id_to_piece(number) for number in numbers] + [""]
        shown[-1] = "</s>"
        return [
            TokenScore(one["start"], one["end"], what, one["log_probability"], one["order"], one["token"] != 0)
            for one, what in zip(told, shown, strict=True)
        ]


def open_model(path: str | Path, *, sentencepiece: str | None = None) -> Model:
    """Map a saved model; the file must not change while it is used.

    Args:
        path: The file.
        sentencepiece: Where the model's sentencepiece file is, if not where it was when it was trained.

    Raises:
        UsageError: There is no such file.
        SourceError: It cannot be read, is no language model, or a damaged one.
    """
    from belle_data import _native  # noqa: PLC0415 - importing this module must be quick

    try:
        with Path(path).open("rb") as handle:
            size = handle.seek(0, 2)
            image: Any = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except FileNotFoundError:
        raise UsageError("there is no such language model", path=path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"the language model cannot be read ({reason})", path=path) from None
    try:
        return Model(_native.LanguageModel(image), sentencepiece)
    except ValueError as error:
        hint = "belle_data lm train makes one, belle_data lm import reads an ARPA file"
        raise SourceError(str(error), path=path, hint=hint) from None
