"""Scores by a local causal language model: what an answer costs given its prompt, and alone."""

from __future__ import annotations

from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from belle_data import _native
from belle_data.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from belle_data.stages.stage import Workplace

TOKENS_AT_ONCE = 8192
"""Tokens of a batch, padding included."""
MOST_TOKENS = 4096
"""Longer rows are cut, if the model takes so much at all: what it says of the start is enough."""
_ROWS_AT_ONCE = 2048
_FILES = (".json", ".jinja", ".model", ".safetensors", ".txt")
_CUT = "what is longer than {most:,} tokens was cut: {rows:,} rows"


class CausalModel:
    """A causal language model of the package transformers, in a folder, without code of its own.

    Rows of about one length are computed together, padded at the right with a mask. The sums are those of float32
    logarithms; on other machines, and in batches of other rows, they differ in the last digits.

    Args:
        folder: Holds `config.json`, the tokenizer and the weights as safetensors: nothing is unpickled or fetched.

    Raises:
        UsageError: A package is missing, or the folder holds no model.
    """

    def __init__(self, folder: str) -> None:
        missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
        if missing:
            raise UsageError(
                f"the model hf:{folder} needs {' and '.join(missing)}, which is not installed",
                hint=f"pip install {' '.join(missing)}, or leave quality.model at rows",
            )
        self._folder = Path(folder)
        if not (self._folder / "config.json").is_file():
            raise UsageError(
                "there is no language model in the folder",
                value=folder,
                hint="name a folder with config.json, a tokenizer and safetensors, such as save_pretrained writes",
            )
        self._done, self._total = 0, 0
        self._loaded: tuple[Any, Any] | None = None

    @property
    def fingerprint(self) -> str:
        """The hash of its files."""
        digest = blake2b(digest_size=16)
        for path in sorted(self._folder.iterdir()):
            if path.suffix in _FILES and path.is_file():
                digest.update(f"{path.name} {path.stat().st_size}\n".encode())
                with path.open("rb") as handle:
                    while block := handle.read(1 << 20):
                        digest.update(block)
        return f"hf {digest.hexdigest()}"

    def score(
        self, rows: _native.Corpus | _native.ArrowRows, ledger: _native.Ledger | None, workplace: Workplace
    ) -> pa.Table:
        """Score the rows that stand, by `sums_of`.

        Raises:
            SourceError: The files are no model that transformers loads.
            KeyboardInterrupt: The user pressed Ctrl-C.
        """
        standing = pa.record_batch(_native.row_languages(rows, ledger))["row"]
        model, tokenizer = self._load()
        self._total, parts, cut = len(standing), [], 0
        for start in range(0, len(standing), _ROWS_AT_ONCE):
            numbers = standing.slice(start, _ROWS_AT_ONCE)
            texts = pa.record_batch(_native.row_texts(rows, numbers))
            sums, shortened = sums_of(model, tokenizer, texts["prompt"].to_pylist(), texts["output"].to_pylist())
            cut += shortened
            parts.append(_columns(numbers, sums))
            self._done += len(numbers)
        if cut:
            workplace.listener.message(f"quality: {_CUT.format(most=_most_tokens(model), rows=cut)}")
        return pa.concat_tables(parts) if parts else _columns(standing, np.zeros((0, 6)))

    def tokens(self, text: str, fold: int) -> pa.RecordBatch | None:
        """None: its tokens are not those of a reader."""
        del text, fold
        return None

    def progress(self) -> tuple[int, int]:
        """Rows that are scored, and how many there are."""
        return self._done, self._total

    def close(self) -> None:
        """Let go of the model."""
        self._loaded = None

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch  # noqa: PLC0415 - takes seconds
            from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

            try:
                tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
                model = AutoModelForCausalLM.from_pretrained(self._folder, local_files_only=True, use_safetensors=True)
            except Exception as error:  # transformers raises what its parts please
                raise SourceError(
                    f"transformers cannot load the language model ({error})",
                    path=self._folder,
                    hint="it needs config.json, a tokenizer and weights as safetensors",
                ) from error
            loaded: Any = model
            self._loaded = loaded.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer
        return self._loaded


def sums_of(
    model: Any, tokenizer: Any, prompts: Sequence[str], answers: Sequence[str]
) -> tuple[np.ndarray[Any, Any], int]:
    """Log-probabilities of prompts, of answers given their prompts, and of answers alone.

    A prompt and its answer are joined by a line feed. The first token is predicted from the tokenizer's beginning of
    text; without one it is not counted.

    Returns:
        ``float64 [rows, 6]``: sum and number of tokens of the prompt, of the answer given it, and of the answer alone;
        and how many rows were cut.
    """
    first = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    most, sums, cut = _most_tokens(model), np.zeros((len(prompts), 6)), 0
    jobs: list[tuple[list[int], int, int, int]] = []
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        asked = tokenizer(prompt + "\n" if prompt else "", add_special_tokens=False)["input_ids"]
        said = tokenizer(answer, add_special_tokens=False)["input_ids"]
        joined, alone = [*first, *asked, *said], [*first, *said]
        cut += len(joined) > most
        jobs.append((joined[:most], min(len(first) + len(asked), most), row, 0))
        jobs.append((alone[:most], len(first), row, 4))
    # Texts of about one length stand together; equal ones in any order give equal sums.
    jobs.sort(key=lambda job: (len(job[0]), job[0]))
    for batch in _batches(jobs):
        for (ids, border, row, column), values in zip(batch, _log_probabilities(model, batch), strict=True):
            # The value at i is that of token i + 1.
            before, after = values[: max(border - 1, 0)], values[max(border - 1, 0) : len(ids) - 1]
            if column == 0:
                sums[row, :4] = before.sum(), len(before), after.sum(), len(after)
            else:
                sums[row, 4:] = after.sum(), len(after)
    return sums, cut


def _most_tokens(model: Any) -> int:
    limit = getattr(model.config, "max_position_embeddings", None)
    return min(MOST_TOKENS, limit) if isinstance(limit, int) and limit > 0 else MOST_TOKENS


def _batches(jobs: list[tuple[list[int], int, int, int]]) -> Iterator[list[tuple[list[int], int, int, int]]]:
    start = 0
    for end in range(1, len(jobs) + 1):
        if end == len(jobs) or (end + 1 - start) * len(jobs[end][0]) > TOKENS_AT_ONCE:
            yield jobs[start:end]
            start = end


def _log_probabilities(model: Any, batch: list[tuple[list[int], int, int, int]]) -> list[Any]:
    """For each text the logarithm of the probability of every token but the first, float64."""
    import torch  # noqa: PLC0415

    longest = max(len(ids) for ids, *_ in batch)
    if longest < 2:
        return [np.zeros(0) for _ in batch]
    tokens = torch.zeros((len(batch), longest), dtype=torch.long)
    mask = torch.zeros((len(batch), longest), dtype=torch.long)
    for at, (ids, *_) in enumerate(batch):
        tokens[at, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        mask[at, : len(ids)] = 1
    tokens, mask = tokens.to(model.device), mask.to(model.device)
    with torch.inference_mode():
        logits = model(input_ids=tokens, attention_mask=mask).logits[:, :-1].float()
        values = torch.log_softmax(logits, dim=-1).gather(2, tokens[:, 1:, None])[..., 0].double().cpu().numpy()
    return [values[at, : max(len(ids) - 1, 0)] for at, (ids, *_) in enumerate(batch)]


def _columns(numbers: pa.Array, sums: Any) -> pa.Table:
    with np.errstate(invalid="ignore", divide="ignore"):
        given, alone = -sums[:, 2] / sums[:, 3], -sums[:, 4] / sums[:, 5]
        difficulty = np.where((sums[:, 3] > 0) & (sums[:, 5] > 0), given / alone, np.nan)
    return pa.table(
        {
            "row": numbers,
            "prompt_log_probability": sums[:, 0],
            "prompt_tokens": sums[:, 1].astype(np.uint32),
            "answer_log_probability": sums[:, 2],
            "answer_tokens": sums[:, 3].astype(np.uint32),
            "fold": np.zeros(len(sums), np.uint8),
            "answer_alone_log_probability": sums[:, 4],
            "answer_alone_tokens": sums[:, 5].astype(np.uint32),
            "difficulty": difficulty,
        }
    )
