"""How tiktoken files are used: the regular expressions that cut texts into words before ranks merge their bytes.

The file of ranks does not hold its expression. Those here are the ones that the models were published with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_R50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
_O200K = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _ENDINGS + "?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _ENDINGS + "?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
_SPACES = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {
    "r50k_base": _R50K,
    "p50k_base": _R50K,
    "cl100k_base": _CL100K,
    "o200k_base": _O200K,
    "llama3": _ENDINGS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _SPACES,
    "qwen": _ENDINGS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _SPACES,
}
"""Regular expressions by the names of their files."""


def pattern_of(name: str, path: Path, pattern: str | None) -> str:
    """Find the expression of a tiktoken file.

    Args:
        name: What the user calls it; a name of `PATTERNS` tells.
        path: The file, whose name without its ending may be one of `PATTERNS` too.
        pattern: Counts where neither tells: a name of `PATTERNS`, or an expression.

    Raises:
        UsageError: Nothing tells.
    """
    for known in (name.partition("#")[0], path.name.removesuffix(".tiktoken")):
        if known in PATTERNS:
            return PATTERNS[known]
    if pattern is None:
        hint = f"--tokenizer cl100k_base={path.name} or --pattern NAME; known are {', '.join(PATTERNS)}"
        raise UsageError("a tiktoken file does not say how texts are cut into words", path=path, hint=hint)
    return PATTERNS.get(pattern, pattern)
