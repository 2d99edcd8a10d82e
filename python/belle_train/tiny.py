"""A small random LLaMA with a given tokenizer: a whole model folder for trying things out and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_data.errors import UsageError
from belle_train.model_folder import check_out, json_bytes, new_folder, versions
from belle_train.quiet_libraries import quiet_libraries
from belle_train.tokenizer_source import load_tokenizer_source

if TYPE_CHECKING:
    from pathlib import Path

MARKER = "tiny.json"
DTYPES = ("float32", "bfloat16", "float16")
POSITIONS = 2048
_LARGEST = 1 << 16


def init_tiny(
    tokenizer: str | Path,
    out: str | Path,
    *,
    layers: int = 2,
    hidden: int = 64,
    heads: int = 4,
    positions: int = POSITIONS,
    seed: int = 42,
    dtype: str = "float32",
    tie: bool = False,
    force: bool = False,
) -> dict[str, Any]:
    """Write a LLaMA with random weights and the tokenizer's files.

    Args:
        tokenizer: The folder of a merged vocabulary, whose padded rows count, any other folder with a tokenizer, or
            a sentencepiece model.
        out: The folder.
        layers: Decoder layers.
        hidden: Numbers in a row of the embeddings; the inner layer has 8/3 as many, as LLaMA has.
        heads: Attention heads.
        positions: Tokens of the longest text.
        seed: Of the weights: equal calls give equal bytes.
        dtype: One of `DTYPES`.
        tie: Use the input matrix for the output too.
        force: Replace an earlier model of this function.

    Returns:
        What ``tiny.json`` holds.

    Raises:
        UsageError: A number or the tokenizer is wrong, or the folder is in use.
        SourceError: The tokenizer is damaged.
        RunFolderError: The folder cannot be written.
    """
    _check(layers=layers, hidden=hidden, heads=heads, positions=positions, seed=seed, dtype=dtype)
    check_out(out, marker=MARKER, force=force)
    with quiet_libraries():
        source = load_tokenizer_source(tokenizer)

    import torch  # noqa: PLC0415 - seconds
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    config = LlamaConfig(
        vocab_size=source.rows,
        hidden_size=hidden,
        intermediate_size=_inner(hidden),
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=positions,
        bos_token_id=source.special.get("bos"),
        eos_token_id=source.special.get("eos"),
        pad_token_id=source.special.get("pad"),
        tie_word_embeddings=tie,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    model.config.dtype = getattr(torch, dtype)
    summary = {
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "positions": positions,
        "rows": source.rows,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tied": tie,
        "dtype": dtype,
        "seed": seed,
        "made_by": versions("torch", "transformers"),
    }
    with new_folder(out, marker=MARKER, force=force) as folder:
        with quiet_libraries():
            model.save_pretrained(folder)
        for name, content in source.files.items():
            (folder / name).write_bytes(content)
        (folder / MARKER).write_bytes(json_bytes(summary))
    return summary


def _inner(hidden: int) -> int:
    """8/3 of the hidden size, up to the next multiple of 16."""
    return -(-hidden * 8 // 3 // 16) * 16


def _check(*, layers: int, hidden: int, heads: int, positions: int, seed: int, dtype: str) -> None:
    numbers = {"layers": layers, "hidden size": hidden, "heads": heads, "positions": positions}
    for name, number in numbers.items():
        if not 1 <= number <= _LARGEST:
            raise UsageError(f"the number for {name} is from 1 to {_LARGEST:,}", value=number)
    if hidden % (2 * heads):
        # Rotary positions turn pairs of numbers within a head.
        raise UsageError("the hidden size is a multiple of twice the heads", value=hidden, hint=f"heads: {heads}")
    if not 0 <= seed < 1 << 63:
        raise UsageError("a seed is from 0 to 2^63 - 1", value=seed)
    if dtype not in DTYPES:
        raise UsageError("unknown dtype", value=dtype, hint=f"one of {', '.join(DTYPES)}")
