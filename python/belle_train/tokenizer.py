"""The tokenizer of a model folder, and what must hold of it before anything is learned."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TRIED = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """Read the tokenizer of a folder, from its files alone.

    Raises:
        UsageError: There is no such folder.
        SourceError: It has no tokenizer, a slow one, or a damaged one.
    """
    from transformers import AutoTokenizer  # noqa: PLC0415 - seconds

    if not Path(folder).is_dir():
        raise UsageError("there is no such folder", path=folder, hint="name a folder with a tokenizer.json")
    try:
        # Without the last word transformers ask on the terminal whether code of the folder may run.
        tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:
        message = str(error).strip().split("\n")[0]
        hint = "vocab merge and init-tiny write folders with a tokenizer.json"
        raise SourceError(f"the tokenizer cannot be read ({message})", path=folder, hint=hint) from error
    if not tokenizer.is_fast:
        raise SourceError("the folder has no tokenizer.json", path=folder, hint="convert the tokenizer to a fast one")
    return tokenizer


def tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256, in hexadecimal, of all that decides which ids a conversation gets."""
    parts = [tokenizer.backend_tokenizer.to_str(), str(tokenizer.chat_template), str(tokenizer.special_tokens_map)]
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def check_fits(tokenizer: PreTrainedTokenizerBase, rows: int, folder: str | Path) -> None:
    """Refuse a tokenizer with ids for which the model has no embedding.

    Args:
        tokenizer: The tokenizer.
        rows: Rows of the model's input embeddings.
        folder: Where the model is.

    Raises:
        UsageError: They do not go together.
    """
    pieces = len(tokenizer)
    if pieces > rows:
        hint = "python -m belle_train extend gives a model the rows of a merged vocabulary"
        raise UsageError(
            f"the tokenizer has {pieces:,} pieces and the model only {rows:,} rows of embeddings",
            path=folder,
            hint=hint,
        )


def check_template(tokenizer: PreTrainedTokenizerBase, folder: str | Path) -> None:
    """Refuse a chat template of which an answer's end, or what an answer is, cannot be learned.

    Raises:
        SourceError: There is no template, it marks no answers, or it leaves the piece that ends a text outside of them.
    """
    from belle_train.conversations import encode  # noqa: PLC0415 - each needs the other

    hint = "vocab merge writes a tokenizer folder with such a template"
    if not tokenizer.chat_template:
        raise SourceError("the tokenizer has no chat template", path=folder, hint=hint)
    if tokenizer.eos_token_id is None:
        raise SourceError("the tokenizer has no piece that ends a text (EOS)", path=folder, hint=hint)
    try:
        encoded = encode(tokenizer, [_TRIED])[0]
    except Exception as error:
        raise SourceError(f"the chat template cannot be used ({error})", path=folder, hint=hint) from error
    learned = [one for one, counts in zip(encoded.ids, encoded.learned, strict=True) if counts]
    if not learned:
        message = "the chat template marks no answers with {% generation %}, so nothing would be learned"
        raise SourceError(message, path=folder, hint=hint)
    if learned[-1] != tokenizer.eos_token_id:
        message = "the chat template leaves the end of an answer (EOS) outside of {% generation %}, so the model would "
        raise SourceError(f"{message}never learn to stop", path=folder, hint=hint)


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id for places that count for nothing: that of the padding, else of the end of a text, else 0."""
    for number in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if isinstance(number, int):
            return number
    return 0
