"""Conversations as ids, with what is learned of them: the answers, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

ROLES = frozenset({"system", "user", "assistant"})
NO_ANSWER, SPECIAL_PIECE, NOTHING_LEARNED, BOUNDARY, OTHER_ROLE, EMPTY, PLAIN_TEXT = (
    "no_answer",
    "special_piece",
    "nothing_learned",
    "boundary",
    "other_role",
    "no_turns",
    "plain_text",
)
REASONS = {
    NO_ANSWER: "there is no turn of the assistant",
    SPECIAL_PIECE: "a text has a special piece of the tokenizer in it, such as </s>",
    NOTHING_LEARNED: "the answer begins after the longest sequence ends",
    BOUNDARY: "a piece lies across the beginning or the end of an answer",
    OTHER_ROLE: "a turn has a role that the template does not know",
    EMPTY: "there is no turn",
    PLAIN_TEXT: "the row is plain text, and no conversation",
}
"""Why a row is left out."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A conversation as ids.

    Attributes:
        ids: Ids of its pieces.
        learned: For each, whether it is learned.
        boundary: Whether a piece lies across the beginning or the end of an answer; then `learned` has not both.
    """

    ids: list[int]
    learned: list[bool]
    boundary: bool = False


def encode(tokenizer: PreTrainedTokenizerBase, conversations: Sequence[list[dict[str, str]]]) -> list[Encoded]:
    """Write conversations with the tokenizer's chat template and cut them into pieces.

    What the template has between ``{% generation %}`` and ``{% endgeneration %}`` is learned.

    Args:
        tokenizer: A fast one with a chat template.
        conversations: Each a list of turns with ``role`` and ``content``; none gives none.
    """
    from transformers.utils.chat_template_utils import render_jinja_template  # noqa: PLC0415 - seconds

    if not conversations:
        return []
    texts, spans = render_jinja_template(
        conversations=list(conversations),
        chat_template=tokenizer.chat_template,
        return_assistant_tokens_mask=True,
        **tokenizer.special_tokens_map,
    )
    backend: Any = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    encodings = backend.encode_batch(texts, add_special_tokens=False)
    return [_encoded(encoding, marks) for encoding, marks in zip(encodings, spans, strict=True)]


def _encoded(encoding: Any, spans: list[tuple[int, int]]) -> Encoded:
    learned = [False] * len(encoding)
    boundary = False
    for start, end in spans:
        if start == end:
            continue
        first, last = encoding.char_to_token(start), encoding.char_to_token(end - 1)
        if first is None or last is None:
            boundary = True
            continue
        # All bytes of a character that has no piece lie at the place of the character.
        boundary |= encoding.token_to_chars(first)[0] < start or encoding.token_to_chars(last)[1] > end
        while last + 1 < len(learned) and encoding.token_to_chars(last + 1) == encoding.token_to_chars(last):
            last += 1
        learned[first : last + 1] = [True] * (last + 1 - first)
    return Encoded(encoding.ids, learned, boundary)


def reason_against(turns: Sequence[dict[str, str]], special: Sequence[str]) -> str | None:
    """Say why a conversation cannot be learned, before it is cut into pieces; None if it can.

    Args:
        turns: With ``role`` and ``content``.
        special: Texts that the tokenizer takes for one special piece wherever they stand.
    """
    if not turns:
        return EMPTY
    if all(turn["role"] == "text" for turn in turns):
        return PLAIN_TEXT
    if any(turn["role"] not in ROLES for turn in turns):
        return OTHER_ROLE
    if all(turn["role"] != "assistant" for turn in turns):
        return NO_ANSWER
    if any(piece in turn["content"] for turn in turns for piece in special):
        return SPECIAL_PIECE
    return None


def check_prompt_is_a_prefix(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[list[dict[str, str]]], encoded: Sequence[Encoded]
) -> None:
    """Refuse a tokenizer for which what is learned is not what will be generated.

    The ids of all that stands before the first answer, written as ``generate`` writes it, must be the first ids of the
    conversation. Else the model is asked at a place that it has never seen.

    Raises:
        SourceError: They are not.
    """
    for turns, whole in zip(conversations, encoded, strict=True):
        first = next(place for place, turn in enumerate(turns) if turn["role"] == "assistant")
        prompt: Any = tokenizer.apply_chat_template(
            turns[:first], add_generation_prompt=True, tokenize=True, return_dict=False
        )
        before = whole.learned.index(True) if True in whole.learned else len(whole.ids)
        if list(prompt) != whole.ids[:before]:
            raise SourceError(
                "a prompt has other ids by itself than before its answer, so that what is learned is not what is asked",
                value=turns[0]["content"],
                hint="the chat template must end a prompt where the answer's first piece begins",
            )
