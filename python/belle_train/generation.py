"""Answers prompts with a model on this machine: batches of prompts of about the same length, padded on the left.

An answer depends on its prompt, the settings and the place of its row, and not on the rows that happen to share its
batch. Sampling is what makes that hard: drawing from one generator for a whole batch gives each row the numbers that
are left over by the others. So each row has a generator of its own, and the next piece is the one with the highest sum
of logit / temperature and Gumbel noise, which is a draw from the softmax of logit / temperature (Gumbel 1954).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_train.answers_file import LENGTH, STOP, failed, row_seed
from belle_train.checkpoint import config_of, open_checkpoint
from belle_train.model_folder import GENERATION_CONFIG, MODEL_CONFIG, TOKENIZER_FILES, check_model, digest
from belle_train.quiet_libraries import quiet_libraries
from belle_train.tokenizer import load_tokenizer
from belle_train.tokenizer_source import highest_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from belle_data.engine.progress import Listener
    from belle_train.prompts import Prompt

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
WINDOW_BATCHES = 16
"""Batches whose prompts are put in the order of their lengths; so many at most are lost by an interruption."""
ROLES = frozenset({"system", "user", "assistant"})
PROMPT_TOO_LONG, NO_PROMPT, OTHER_ROLE, SPECIAL_PIECE, TEMPLATE = (
    "prompt_too_long",
    "no_prompt",
    "other_role",
    "special_piece",
    "chat_template",
)
REASONS = {
    PROMPT_TOO_LONG: "the prompt and the longest answer together have more tokens than the model has positions",
    NO_PROMPT: "there is no turn to be answered",
    OTHER_ROLE: "a turn has a role that the chat template does not know",
    SPECIAL_PIECE: "a text has a special piece of the tokenizer in it, such as </s>, which would steer the model",
    TEMPLATE: "the chat template refuses the turns",
}
"""Why a row is not given to the model."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn.

    Attributes:
        temperature: Above 0; None takes the most probable piece each time.
        max_new_tokens: Tokens of the longest answer.
        seed: Of the draws.
    """

    temperature: float | None = 0.001
    max_new_tokens: int = 512
    seed: int = 42

    def check(self) -> None:
        """Refuse what means nothing.

        Raises:
            UsageError: A number is out of its range.
        """
        if self.temperature is not None and not 1e-6 <= self.temperature <= 100:
            hint = "--greedy takes the most probable piece each time"
            raise UsageError("the temperature is from 0.000001 to 100", value=self.temperature, hint=hint)
        if not 1 <= self.max_new_tokens <= 1 << 20:
            raise UsageError("an answer has 1 to 1,048,576 tokens at most", value=self.max_new_tokens)
        if not 0 <= self.seed < 1 << 63:
            raise UsageError("a seed is from 0 to 2^63 - 1", value=self.seed)

    def settings(self) -> dict[str, Any]:
        """What of it changes answers."""
        facts = {"temperature": self.temperature, "max_new_tokens": self.max_new_tokens}
        return {**facts, "seed": None if self.temperature is None else self.seed}


def without_answer(prompt: Prompt) -> dict[str, Any] | None:
    """The answer of a row that no model is asked about; None if one is."""
    if not prompt.turns or prompt.turns[-1]["role"] == "text":
        return failed(NO_PROMPT)
    if any(turn["role"] not in ROLES for turn in prompt.turns):
        return failed(OTHER_ROLE)
    return failed(NO_PROMPT) if prompt.turns[-1]["role"] != "user" else None


def model_digest(model: str | Path) -> str:
    """The SHA-256 of all files of a model that an answer depends on.

    Raises:
        UsageError: The folder is no model with safetensors.
        SourceError: A file is damaged.
    """
    folder = check_model(model)
    files = [file.path for file in open_checkpoint(folder).files]
    files += [folder / name for name in (MODEL_CONFIG, GENERATION_CONFIG, *TOKENIZER_FILES)]
    digests = {path.name: digest(path) for path in files if path.is_file()}
    return sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


class LocalModel:
    """A model with its tokenizer, ready to answer.

    Args:
        folder: The model.
        precision: One of `PRECISIONS`; ``auto`` is the type in which the model is stored.

    Raises:
        UsageError: The precision is unknown, or tokenizer and model do not go together.
        SourceError: The model or its tokenizer cannot be loaded.
    """

    def __init__(self, folder: str | Path, precision: str = "auto") -> None:
        if precision not in PRECISIONS:
            raise UsageError("unknown precision", value=precision, hint=f"one of {', '.join(PRECISIONS)}")
        place = check_model(folder)
        open_checkpoint(place)
        self._folder = place
        with quiet_libraries():
            self._tokenizer = load_tokenizer(place)
            config = config_of(place)
            self._check(config)
            self._load(precision)
        self._positions: int | None = getattr(config, "max_position_embeddings", None)
        self._highest = highest_id(self._tokenizer)
        self._special = [str(piece) for piece in self._tokenizer.all_special_tokens]

    def answer(
        self,
        prompts: Sequence[tuple[int, Prompt]],
        sampling: Sampling,
        batch_size: int,
        put: Callable[[int, dict[str, Any]], object],
        listener: Listener,
    ) -> None:
        """Answer prompts.

        Args:
            prompts: Places and prompts, in their order.
            sampling: How answers are drawn.
            batch_size: Prompts at once.
            put: Is given place and answer, in the order in which they are made.
            listener: Is told about the progress.

        Raises:
            UsageError: A batch does not fit into the memory of the accelerator.
        """
        listener.begin("generate", len(prompts), "rows")
        done = 0
        window = batch_size * WINDOW_BATCHES
        for start in range(0, len(prompts), window):
            ready: list[tuple[int, Prompt, list[int]]] = []
            for place, prompt in prompts[start : start + window]:
                encoded = self._encode(prompt, sampling.max_new_tokens)
                if isinstance(encoded, dict):
                    put(place, encoded)
                    done += 1
                else:
                    ready.append((place, prompt, encoded))
            # The longest first: if memory does not suffice, that shows at once.
            ready.sort(key=lambda one: (-len(one[2]), one[0]))
            for first in range(0, len(ready), batch_size):
                batch = ready[first : first + batch_size]
                made = self._generate([one[2] for one in batch], [one[1].row for one in batch], sampling)
                for (place, _, ids), (text, finish, tokens) in zip(batch, made, strict=True):
                    counts = {"prompt_tokens": len(ids), "answer_tokens": tokens}
                    put(place, {"answer": text, "finish": finish, **counts})
                done += len(batch)
                listener.update(done)
        listener.end(f"{len(prompts):,} rows")

    def _check(self, config: Any) -> None:
        rows = getattr(config.get_text_config(), "vocab_size", None)
        most = highest_id(self._tokenizer)
        if rows is None or most >= rows:
            message = f"the tokenizer has the id {most:,}, and the model only {rows or 0:,} rows of embeddings"
            hint = "extend gives a model the rows of a merged vocabulary"
            raise UsageError(message, path=self._folder, hint=hint)
        if not self._tokenizer.chat_template:
            hint = "vocab merge and extend write a chat template"
            raise SourceError("the tokenizer has no chat template", path=self._folder, hint=hint)

    def _load(self, precision: str) -> None:
        import torch  # noqa: PLC0415 - seconds
        from transformers import AutoModelForCausalLM, GenerationConfig  # noqa: PLC0415

        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = precision if precision == "auto" else getattr(torch, precision)
        try:
            model = AutoModelForCausalLM.from_pretrained(
                str(self._folder), dtype=dtype, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).split("\n", 1)[0]
            raise SourceError(f"transformers do not take the model ({reason})", path=self._folder) from None
        stored = getattr(model.generation_config, "eos_token_id", None)
        ends = {*(stored if isinstance(stored, list) else [stored]), self._tokenizer.eos_token_id} - {None}
        self._ends = sorted(ends)
        padding = self._tokenizer.pad_token_id
        self._padding = padding if padding is not None else (self._ends[0] if self._ends else 0)
        # What the model's own settings say about sampling must not mix with the user's.
        model.generation_config = GenerationConfig()
        self._model = model.to(device).eval()

    def _encode(self, prompt: Prompt, max_new_tokens: int) -> list[int] | dict[str, Any]:
        """The ids of a prompt, or the answer of a row that cannot be asked."""
        from jinja2 import TemplateError  # noqa: PLC0415 - loaded by then

        refused = without_answer(prompt)
        if refused is not None:
            return refused
        if any(piece in turn["content"] for turn in prompt.turns for piece in self._special):
            return failed(SPECIAL_PIECE)
        try:
            ids = self._tokenizer.apply_chat_template(
                list(prompt.turns), add_generation_prompt=True, tokenize=True, return_dict=False
            )
        except TemplateError as error:
            return failed(TEMPLATE, str(error))
        if self._positions is not None and len(ids) + max_new_tokens > self._positions:
            detail = f"{len(ids)} tokens and {max_new_tokens} for the answer, of {self._positions}"
            return failed(PROMPT_TOO_LONG, detail, len(ids))
        return list(ids)

    def _generate(
        self, prompts: Sequence[list[int]], rows: Sequence[int], sampling: Sampling
    ) -> Iterator[tuple[str, str, int]]:
        """Text, finish and number of tokens of each prompt's answer."""
        import torch  # noqa: PLC0415 - loaded by then
        from transformers import GenerationConfig, LogitsProcessorList  # noqa: PLC0415

        longest = max(map(len, prompts))
        padded = [[self._padding] * (longest - len(ids)) + ids for ids in prompts]
        mask = [[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts]
        device = self._model.device
        config = GenerationConfig(
            max_new_tokens=sampling.max_new_tokens,
            do_sample=False,
            num_beams=1,
            eos_token_id=self._ends or None,
            pad_token_id=self._padding,
        )
        try:
            with torch.inference_mode(), quiet_libraries():
                made = self._model.generate(
                    input_ids=torch.tensor(padded, device=device),
                    attention_mask=torch.tensor(mask, device=device),
                    generation_config=config,
                    logits_processor=LogitsProcessorList([_Drawing(sampling, rows, self._highest + 1)]),
                )
        except torch.OutOfMemoryError:
            hint = "the same command with a smaller --batch-size goes on where it ended"
            raise UsageError("a batch does not fit into memory", value=len(prompts), hint=hint) from None
        return map(self._answer, made[:, longest:].tolist())

    def _answer(self, ids: list[int]) -> tuple[str, str, int]:
        ends = set(self._ends)
        length = next((place for place, number in enumerate(ids) if number in ends), None)
        text = self._tokenizer.decode(ids[:length], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return (text, LENGTH, len(ids)) if length is None else (text, STOP, length)


class _Drawing:
    """Turns logits into scores whose highest is the next piece: with noise of the row's own, or without.

    Ids that no piece has, as those of padded rows, are never drawn.
    """

    def __init__(self, sampling: Sampling, rows: Sequence[int], pieces: int) -> None:
        import torch  # noqa: PLC0415 - loaded by then

        self._temperature, self._pieces = sampling.temperature, pieces
        self._generators = [torch.Generator().manual_seed(row_seed(sampling.seed, row)) for row in rows]

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ARG002 - what transformers call it with
        import torch  # noqa: PLC0415 - loaded by then

        scores[:, self._pieces :] = -torch.inf
        if self._temperature is None:
            return scores
        scores = scores.double()
        scores -= scores.max(dim=-1, keepdim=True).values
        scores /= self._temperature
        count = min(self._pieces, scores.shape[1])
        # On the processor, so that every accelerator gets the same noise.
        drawn = [torch.rand(count, generator=one, dtype=torch.float64) for one in self._generators]
        scores[:, :count] -= (-torch.stack(drawn).log_()).log_().to(scores.device)
        return scores
