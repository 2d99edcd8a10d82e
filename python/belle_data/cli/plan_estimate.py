"""What `semantic_dedup` will take, from the heads of the files: time, memory, room on the disk, and money."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from belle_data.cli.terminal import human_bytes, human_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from belle_data.config import Recipe
    from belle_data.embed import Embedder
    from belle_data.sources import Source

TRIED = 512
"""Texts of the heads that are embedded, to see how fast it goes."""
MILLION = 1_000_000
_BASE_BYTES = 640 << 20
"""Private memory of a run beside the search: the encoder with its table, the index of rows, Arrow."""
_CLUSTERED = 84.0
"""CPU seconds of a search over 1.6 million vectors; they grow with the power 1.5 of the number."""
_EXACT = 6.0
"""CPU seconds of a search over 143,000 vectors pair by pair; they grow with the square."""


def estimate(recipe: Recipe, heads: Sequence[tuple[Source, bytes | None]]) -> dict[str, Any]:
    """What the stage takes for a million different prompts, and at most for these inputs where their size tells.

    The rate of embedding is measured here and now, on the first prompts; what costs money is not asked for.

    Returns:
        ``rows_at_most`` (None if unknown), ``seconds``, ``memory_bytes``, ``disk_bytes`` for `rows` different prompts,
        ``cost`` in words or None, and ``words``: all this for a terminal.

    Raises:
        BelleError: The embedder is not there.
    """
    import pyarrow as pa  # noqa: PLC0415 - `--help` must not wait for it

    from belle_data import _native  # noqa: PLC0415
    from belle_data.embed import embedder_of  # noqa: PLC0415

    config = recipe.semantic_dedup
    threads = _native.set_threads(0)
    embedder = embedder_of(config.embedder, settings=config)
    texts = _first_texts(recipe, heads)
    at_most = _rows_at_most(recipe, heads)
    rows = MILLION if at_most is None else at_most
    # Some prompts have a first line that is embedded by itself.
    share = len(texts) / max(texts.groups, 1)
    batch = pa.record_batch(texts.column(0, min(TRIED, len(texts))))
    dimensions, each, cost = _tried(embedder, batch, round(rows * share))
    embedder.close()
    exact = config.mode == "exact" or rows < 100_000
    search = _EXACT * (rows / 143_000) ** 2 if exact else _CLUSTERED * (rows / 1_600_000) ** 1.5
    seconds = None if each is None else rows * share * each + search / threads
    found = {
        "rows_at_most": at_most,
        "rows": rows,
        "seconds": seconds,
        "memory_bytes": _BASE_BYTES + _native.search_memory(rows, dimensions, exact),
        "disk_bytes": int(rows * share * (4 * dimensions + 24)),
        "cost": cost,
    }
    return {**found, "words": _words(found, threads)}


def _first_texts(recipe: Recipe, heads: Sequence[tuple[Source, bytes | None]]) -> Any:
    """The compared texts of the first rows."""
    from belle_data import _native  # noqa: PLC0415

    corpus = _native.Corpus()
    for _, head in heads:
        if not head:
            continue
        form = recipe.input.format if recipe.input.format != "auto" else _native.detect_format(head) or "mixed"
        number = corpus.add_source(head, form, None)
        corpus.read(number, 0, len(head), recipe.input.max_line_bytes, MILLION)
    return _native.ComparedTexts.read(corpus, None, list(recipe.semantic_dedup.fields))


def _rows_at_most(recipe: Recipe, heads: Sequence[tuple[Source, bytes | None]]) -> int | None:
    """How many rows there are about, if the sizes of the files tell; as many prompts there are at most."""
    rows = 0.0
    for source, head in heads:
        if not head or source.size is None or source.compression != "none" or source.kind == "parquet":
            return recipe.input.limit
        rows += source.size * head.count(b"\n") / len(head)
    return min(round(rows), recipe.input.limit or round(rows))


def _tried(embedder: Embedder, batch: pa.RecordBatch, texts: int) -> tuple[int, float | None, str | None]:
    """Numbers in a vector, seconds for a text, and what all of them cost in words."""
    first = embedder.cost(batch["text"])
    if first is not None:
        scale = texts / max(batch.num_rows, 1)
        money = "price unknown" if first.money is None else f"about ${first.money * scale:,.2f}"
        tokens = round(first.tokens * scale)
        return embedder.dimensions or 1536, None, f"{texts:,} texts, about {tokens:,} tokens, {money}"
    if batch.num_rows == 0:
        return embedder.dimensions or 512, None, None
    # The first call loads the model, and makes what texts have in common.
    embedder.embed(batch["text"], batch["row"])
    before = time.perf_counter()
    vectors = embedder.embed(batch["text"], batch["row"])
    return vectors.shape[1], (time.perf_counter() - before) / batch.num_rows, None


def _words(found: dict[str, Any], threads: int) -> list[str]:
    if found["rows_at_most"] is None:
        head = f"for {found['rows']:,} different prompts"
    else:
        head = f"for at most {found['rows']:,} different prompts"
    took = "" if found["seconds"] is None else f"about {human_seconds(found['seconds'])} on {threads} threads, "
    lines = [
        f"{head}: {took}{human_bytes(found['memory_bytes'])} of memory, {human_bytes(found['disk_bytes'])} on disk"
    ]
    if found["cost"] is not None:
        lines.append(f"costs at most: {found['cost']}")
    return lines
