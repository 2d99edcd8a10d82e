"""Tokenizers of four kinds behind one interface: texts in, tokens of each text and occurrences of each id out.

No special tokens are added, and what looks like one in a text is text.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_data.vocab.token_kinds import PLAIN, kind_of_bytes, kinds_of_pieces, kinds_of_tokenizer_json
from belle_data.vocab.tokenizer_patterns import PATTERNS, pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

_INSTALL = "pip install 'belle-data[vocab]'"
_TOKENIZER_JSON, _TOKENIZER_MODEL = "tokenizer.json", "tokenizer.model"
_NAME = re.compile(r"([^=/\\]+)=(.+)", re.DOTALL)
_RANK = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")
# Lists of Python take some forty bytes a token: texts go to such libraries in small portions.
_PORTION = 1 << 19
_HINT = "a tokenizer is a sentencepiece .model, a tokenizer.json, a folder with one of them, or a .tiktoken file"


@dataclass(frozen=True, slots=True)
class Described:
    """What a tokenizer is.

    Attributes:
        name: What it is called in tables.
        path: Its file.
        sha256: Of the bytes of the file, in hexadecimal digits.
        kind: ``sentencepiece``, ``tokenizer.json`` or ``tiktoken``.
        size: Tokens of the vocabulary, special ones counted.
    """

    name: str
    path: str
    sha256: str
    kind: str
    size: int


class Tokenizer(ABC):
    """Cuts texts into tokens, to count them.

    Attributes:
        described: What it is.
        encoder: Who encodes: ``belle``, or the name of a library.
        kinds: For each id the kind of its token, as `belle_data.vocab.token_kinds` numbers them: ``uint8 [ids]``.
        takes_many: Whether it may measure several arrays at once, on threads of the caller.
    """

    described: Described
    encoder: str
    kinds: npt.NDArray[np.uint8]
    takes_many = False

    @abstractmethod
    def measure(self, texts: Any, threads: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        """Encode an Arrow array of strings, none null.

        Returns:
            Tokens of each text, ``uint32 [texts]``, and how often each id occurs, ``uint64 [ids]``. An empty text has
            no token, unless the tokenizer gives it one.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C.
        """


class _Native(Tokenizer):
    """A sentencepiece BPE model, encoded by the native code on the threads of `set_threads`."""

    encoder = "belle"
    takes_many = True

    def __init__(self, described: Described, kinds: npt.NDArray[np.uint8], encoder: Any) -> None:
        self.described, self.kinds, self._encoder = described, kinds, encoder

    def measure(self, texts: Any, threads: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:  # noqa: ARG002
        import numpy as np  # noqa: PLC0415

        # `to_numpy` would load pandas where it is installed.
        counts, occurrences = (np.from_dlpack(found) for found in self._encoder.histogram(texts))
        return counts.astype(np.uint32, copy=False), occurrences.astype(np.uint64, copy=False)


class _Library(Tokenizer):
    """A tokenizer whose library takes strings and gives lists of ids."""

    def __init__(
        self,
        described: Described,
        kinds: npt.NDArray[np.uint8],
        encoder: str,
        encode: Callable[[list[str], int], Sequence[Sequence[int]]],
    ) -> None:
        self.described, self.kinds, self.encoder, self._encode = described, kinds, encoder, encode

    def measure(self, texts: Any, threads: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        import numpy as np  # noqa: PLC0415

        counts = np.zeros(len(texts), np.uint32)
        occurrences = np.zeros(len(self.kinds), np.uint64)
        for start, end in _portions(texts):
            encoded = self._encode(texts[start:end].to_pylist(), threads)
            lengths = np.fromiter(map(len, encoded), np.uint32, end - start)
            ids = np.fromiter(itertools.chain.from_iterable(encoded), np.int64, int(lengths.sum()))
            counts[start:end] = lengths
            occurrences += np.bincount(ids, minlength=len(occurrences)).astype(np.uint64)
        return counts, occurrences


def _portions(texts: Any) -> list[tuple[int, int]]:
    """Cut an array into runs of about `_PORTION` bytes."""
    import numpy as np  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if not len(texts):
        return []
    ends = np.cumsum(pc.binary_length(texts).to_numpy())
    borders = np.searchsorted(ends, np.arange(_PORTION, int(ends[-1]), _PORTION), side="right")
    borders = np.unique(np.concatenate([[0], borders, [len(texts)]])).tolist()
    return list(itertools.pairwise(borders))


def load_tokenizers(given: Sequence[str], pattern: str | None = None) -> list[Tokenizer]:
    """Load tokenizers.

    Args:
        given: Each ``PATH`` or ``NAME=PATH``: a sentencepiece model, a ``tokenizer.json``, a folder with one of them,
            or a tiktoken file. Names that come twice get a number.
        pattern: How tiktoken files are cut into words where their names do not tell: a name of
            `belle_data.vocab.tokenizer_patterns.PATTERNS`, or a regular expression.

    Raises:
        UsageError: None is named, there is no such file, its package is not installed, or the pattern is missing.
        SourceError: A file cannot be read, or is no tokenizer.
    """
    if not given:
        raise UsageError("no tokenizer is named", hint="--tokenizer llama.tokenizer.model")
    loaded: list[Tokenizer] = []
    names: set[str] = set()
    for one in given:
        name, path = _named(one)
        distinct, number = name, 1
        while distinct in names:
            number += 1
            distinct = f"{name}#{number}"
        names.add(distinct)
        loaded.append(_load(distinct, path, pattern))
    return loaded


def _named(given: str) -> tuple[str, Path]:
    """The name and the file of a tokenizer."""
    match = None if Path(given).exists() else _NAME.fullmatch(given)
    name, path = (match[1], Path(match[2])) if match else ("", Path(given))
    if not str(given).strip() or not path.exists():
        raise UsageError("there is no such tokenizer", path=path, hint=_HINT)
    if path.is_dir():
        name = name or path.resolve().name
        files = [path / _TOKENIZER_JSON, path / _TOKENIZER_MODEL]
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            message = f"the folder has neither {_TOKENIZER_JSON} nor {_TOKENIZER_MODEL}"
            raise UsageError(message, path=path, hint=_HINT)
        return name, found
    return name or _default_name(path), path


def _default_name(path: Path) -> str:
    """The name of a file without its endings; that of its folder where files of that name are everywhere."""
    if path.name in {_TOKENIZER_JSON, _TOKENIZER_MODEL}:
        return path.resolve().parent.name or path.name
    stem = path.name
    for ending in (".model", ".json", ".tiktoken", ".tokenizer"):
        stem = stem.removesuffix(ending)
    return stem or path.name


def _load(name: str, path: Path, pattern: str | None) -> Tokenizer:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(f"the tokenizer cannot be read ({error.strerror})", path=path) from None
    start = content[:4096].lstrip()
    if start.startswith(b"{"):
        return _tokenizer_json(name, path, content)
    if _RANK.match(content):
        return _tiktoken(name, path, content, pattern)
    return _sentencepiece(name, path, content)


def _sentencepiece(name: str, path: Path, content: bytes) -> Tokenizer:
    from belle_data import _native  # noqa: PLC0415 - the kernels are loaded when they are needed

    sentencepiece = _package("sentencepiece", path)
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(content)
        size = processor.get_piece_size()
    except (RuntimeError, OSError, ValueError):
        size = 0
    if not size:
        raise SourceError("this is no tokenizer", path=path, hint=_HINT)
    described = _described(name, path, content, "sentencepiece", size)
    kinds = kinds_of_pieces(processor)
    # A unigram model, or one with pieces that sentencepiece takes and our encoder does not.
    with contextlib.suppress(ValueError):
        return _Native(described, kinds, _native.BytePairEncoder(content))

    def encode(texts: list[str], threads: int) -> Sequence[Sequence[int]]:
        ids: Sequence[Sequence[int]] = processor.encode(texts, num_threads=threads)
        return ids

    return _Library(described, kinds, "sentencepiece", encode)


def _tokenizer_json(name: str, path: Path, content: bytes) -> Tokenizer:
    library = _package("tokenizers", path)
    try:
        tokenizer = library.Tokenizer.from_str(content.decode("utf-8"))
    except Exception as error:  # noqa: BLE001 - the library raises nothing more special
        raise SourceError(f"this is no tokenizer.json ({error})", path=path, hint=_HINT) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    kinds = kinds_of_tokenizer_json(tokenizer)
    described = _described(name, path, content, "tokenizer.json", tokenizer.get_vocab_size(with_added_tokens=True))

    def encode_all(texts: list[str]) -> list[list[int]]:
        return [encoded.ids for encoded in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    return _Library(described, kinds, "tokenizers", _on_threads(encode_all))


def _on_threads(encode: Callable[[list[str]], list[list[int]]]) -> Callable[[list[str], int], list[list[int]]]:
    """Cut the texts in one part for each thread: the library itself has a setting for all or one, but no number."""

    def run(texts: list[str], threads: int) -> list[list[int]]:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        name = "TOKENIZERS_PARALLELISM"
        before = os.environ.get(name)
        os.environ[name] = "false"
        try:
            if threads < 2 or len(texts) < 2:
                return encode(texts)
            step = -(-len(texts) // threads)
            with ThreadPoolExecutor(threads, thread_name_prefix="belle-tokens") as pool:
                parts = list(pool.map(encode, [texts[at : at + step] for at in range(0, len(texts), step)]))
            return [ids for part in parts for ids in part]
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before

    return run


def _tiktoken(name: str, path: Path, content: bytes, pattern: str | None) -> Tokenizer:
    import base64  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    expression = pattern_of(name, path, pattern)
    library = _package("tiktoken", path)
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if line:
            try:
                token, rank = line.split()
                ranks[base64.b64decode(token, validate=True)] = int(rank)
            except ValueError:
                raise SourceError("the line is no token and rank", path=path, line=number, hint=_HINT) from None
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise SourceError("the ranks lack a byte, so that not every text can be cut", path=path, value=missing[0])
    try:
        encoding = library.Encoding(name, pat_str=expression, mergeable_ranks=ranks, special_tokens={})
    except Exception as error:  # noqa: BLE001 - a wrong expression is whatever the library raises
        hint = f"known are {', '.join(PATTERNS)}"
        raise UsageError(f"tiktoken refuses the pattern ({error})", value=expression, hint=hint) from None
    kinds = np.full(max(ranks.values()) + 1, PLAIN, np.uint8)
    for spelling, number in ranks.items():
        kinds[number] = kind_of_bytes(spelling)

    def encode(texts: list[str], threads: int) -> Sequence[Sequence[int]]:
        ids: Sequence[Sequence[int]] = encoding.encode_ordinary_batch(texts, num_threads=threads)
        return ids

    return _Library(_described(name, path, content, "tiktoken", len(ranks)), kinds, "tiktoken", encode)


def _described(name: str, path: Path, content: bytes, kind: str, size: int) -> Described:
    return Described(name, str(path), sha256(content).hexdigest(), kind, size)


def _package(module: str, path: Path) -> Any:
    from importlib import import_module  # noqa: PLC0415

    try:
        return import_module(module)
    except ImportError:
        message = f"the tokenizer needs the package {module}, which is not installed"
        raise UsageError(message, path=path, hint=_INSTALL) from None
