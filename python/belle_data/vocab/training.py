"""Trains sentencepiece BPE models within a bound of memory that is told before it starts."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data import __version__
from belle_data.config import Recipe, load_recipe
from belle_data.engine.progress import Silent
from belle_data.errors import RunFolderError, SourceError, UsageError
from belle_data.vocab.drawing import Draw
from belle_data.vocab.text_lines import TextLines
from belle_data.vocab.token_counts import texts_or_rows
from belle_data.vocab.trainer import Trainer
from belle_data.vocab.training_lines import LONGEST, Corpus, Prepared, RowCorpus, TextCorpus
from belle_data.vocab.training_memory import LEAST, TextMeasure, TextSize, machine_memory, peak_memory, reading_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belle_data.engine.progress import Listener
    from belle_data.vocab.trainer import Trained

SIZE = 50_000
"""Pieces of a vocabulary, unless another number is given: the paper's."""
CHARACTER_COVERAGE = 0.9995
NORMALISATIONS = ("identity", "nmt_nfkc", "nfkc")
_INSTALL = "pip install 'belle-data[vocab]'"
_HELD_OUT, _SAMPLED = 1, 2
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a vocabulary is trained.

    Attributes:
        size: Pieces, those of bytes and the special ones counted.
        max_memory: Bytes that the whole command may have at once; None takes half of the machine's.
        lines: Lines that are trained on at most; None takes as many as fit into the memory.
        character_coverage: Share of the text's characters, most frequent first, that get a piece each, above 0 to 1;
            the others are written with the pieces of their bytes.
        normalisation: What is done to text before it is cut, one of `NORMALISATIONS`.
        held_out: Lines that are drawn first and never trained on.
        seed: Which lines are drawn, from 0.
    """

    size: int = SIZE
    max_memory: int | None = None
    lines: int | None = None
    character_coverage: float = CHARACTER_COVERAGE
    normalisation: str = "identity"
    held_out: int = 0
    seed: int = 0

    def check(self) -> None:
        """Refuse what is out of range.

        Raises:
            UsageError: A setting is.
        """
        if not 260 <= self.size <= _LARGEST:
            raise UsageError(f"the size must be 260 to {_LARGEST:,} pieces: 256 are bytes, 3 special", value=self.size)
        if self.max_memory is not None and self.max_memory < LEAST:
            message = f"the memory must be at least {LEAST >> 20} MiB"
            raise UsageError(message, value=self.max_memory, hint=f"--max-memory {LEAST >> 20}MiB")
        if self.lines is not None and self.lines < 1:
            raise UsageError("the number of lines must be at least 1", value=self.lines)
        if not 0 < self.character_coverage <= 1:
            raise UsageError("the character coverage must be above 0 and at most 1", value=self.character_coverage)
        if self.normalisation not in NORMALISATIONS:
            hint = f"known are {', '.join(NORMALISATIONS)}"
            raise UsageError("unknown normalisation", value=self.normalisation, hint=hint)
        if self.held_out < 0 or not 0 <= self.seed < 2**63:
            raise UsageError("the number of held-out lines and the seed must be whole numbers from 0")

    def options(self, threads: int) -> dict[str, Any]:
        """The options of the trainer: digits and white space as LLaMA's model has them."""
        return {
            "model_type": "bpe",
            "vocab_size": self.size,
            "character_coverage": self.character_coverage,
            "normalization_rule_name": self.normalisation,
            "byte_fallback": True,
            "split_digits": True,
            "split_by_number": True,
            "split_by_unicode_script": True,
            "split_by_whitespace": True,
            "allow_whitespace_only_pieces": True,
            "add_dummy_prefix": True,
            "remove_extra_whitespaces": False,
            "max_sentencepiece_length": 16,
            "max_sentence_length": 8 * LONGEST,
            "input_sentence_size": 0,
            "shuffle_input_sentence": False,
            "num_threads": threads,
        }


def train(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    settings: TrainingSettings | None = None,
    *,
    held_out_file: str | os.PathLike[str] | None = None,
    force: bool = False,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    threads: int | None = None,
    verbose: bool = False,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Train a sentencepiece BPE model on texts.

    The same input and settings give the same bytes on every machine with the same version of sentencepiece, if
    `max_memory` or `lines` is given; the number of threads does not count.

    Args:
        inputs: Either files of plain text (.txt, also .txt.gz and .txt.zst), or rows as for `clean`: then the lines of
            all turns.
        out: Where the model goes; beside it goes what it was made of, under the same name with ``.json`` after it.
        settings: How; every default without it.
        held_out_file: Where the held-out lines go; beside the model without it.
        force: Write over files that are there.
        recipe: A recipe, or the path of one: its table `input` counts.
        threads: Threads of the trainer; one per processor without it.
        verbose: Tell the listener what the trainer logs.
        listener: Is told about the progress.

    Returns:
        What was written beside the model.

    Raises:
        UsageError: A setting is out of range or does not fit the text, or a file is there already.
        RecipeError: The recipe has mistakes.
        SourceError: An input cannot be read, or holds no line.
        RunFolderError: A file cannot be written.
        KeyboardInterrupt: The user pressed Ctrl-C. Nothing is written then.
    """
    from belle_data.engine.local import use_threads  # noqa: PLC0415 - loads the kernels

    settings = settings or TrainingSettings()
    settings.check()
    _check_package()
    names = [os.fspath(name) for name in ([inputs] if isinstance(inputs, str | os.PathLike) else inputs)]
    of_text = texts_or_rows(names)
    targets = _targets(Path(out), settings, held_out_file)
    _check_targets(targets, names, force=force)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(None if recipe is None else os.fspath(recipe))
    used_threads = use_threads(threads)
    corpus: Corpus = (
        TextCorpus(TextLines(names, recipe.input, used_threads)) if of_text else RowCorpus(names, recipe, threads)
    )
    return _Training(corpus, settings, targets, used_threads, listener or Silent(), verbose=verbose).run()


class _Training:
    """One training: reads the corpus to measure it, once more for the held-out lines, and once to train."""

    def __init__(
        self,
        corpus: Corpus,
        settings: TrainingSettings,
        targets: list[Path],
        threads: int,
        listener: Listener,
        *,
        verbose: bool,
    ) -> None:
        self._corpus, self._settings, self._targets = corpus, settings, targets
        self._threads, self._listener, self._verbose = threads, listener, verbose
        self._memory = settings.max_memory or max(LEAST, machine_memory() // 2)
        self._prepared = Prepared()
        self._fed = self._characters = self._equal = 0

    def run(self) -> dict[str, Any]:
        """Train, and write the files."""
        began = time.perf_counter()
        measure = TextMeasure()
        self._corpus.each(measure.add, self._listener, "measure")
        text = measure.size()
        del measure
        held, sampled = self._draws(text)
        held_lines = self._held_out(held)
        trained = self._train(held, sampled, held_lines)
        model = _unified(trained.model)
        told = self._told(text, held_lines, sampled, model)
        told["measured"] = {
            "seconds": round(time.perf_counter() - began, 1),
            "peak_trainer": trained.peak,
            "peak_reader": peak_memory(),
        }
        contents = [model, (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace")]
        if self._settings.held_out:
            contents.append("".join(f"{line}\n" for line in held_lines.to_pylist()).encode("utf-8"))
        _write(list(zip(self._targets, contents, strict=True)))
        return told

    def _draws(self, text: TextSize) -> tuple[Draw, Draw]:
        """Which lines are held out, and which of the others are trained on."""
        settings = self._settings
        if not text.lines:
            names = ", ".join(str(file["name"]) for file in self._corpus.files())
            raise SourceError("there is no character in the input", path=names, byte=0)
        if settings.held_out >= text.lines:
            message = f"no line would be left to train on: the input has {text.lines:,} lines that are not empty"
            raise UsageError(message, value=settings.held_out, hint="lower --held-out")
        held = Draw(text.lines, settings.held_out, settings.seed, _HELD_OUT)
        left = text.lines - settings.held_out
        files = self._corpus.files()
        rows = sum(file.get("rows", 0) for file in files)
        self._reading = reading_memory(rows, sum(file["size"] or 0 for file in files), text)
        fit = text.lines_within(self._memory - self._reading, settings.size)
        if not fit:
            least = -(-(text.needed(settings.size, 1 / text.lines) + self._reading) >> 20)
            raise UsageError("the memory is too small to train on a single line", hint=f"--max-memory {least}MiB")
        count = min(left, fit, settings.lines or left)
        promised = self._reading + text.needed(settings.size, count / text.lines)
        self._promised = promised
        self._listener.message(
            f"memory: at most {promised >> 20:,} MiB of {self._memory >> 20:,} MiB, for {count:,} of {left:,} lines"
        )
        return held, Draw(left, count, settings.seed, _SAMPLED)

    def _held_out(self, held: Draw) -> Any:
        """The held-out lines: an Arrow array of strings."""
        import pyarrow as pa  # noqa: PLC0415

        parts: list[Any] = []
        seen = 0

        def take(lines: Any) -> None:
            nonlocal seen
            parts.append(lines.take(pa.array(held.between(seen, seen + len(lines)) - seen)))
            seen += len(lines)

        if held.count:
            self._corpus.each(take, self._listener, "hold out")
        return pa.concat_arrays(parts) if parts else pa.array([], pa.string())

    def _train(self, held: Draw, sampled: Draw, held_lines: Any) -> Trained:
        import numpy as np  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        seen = left = 0
        options = self._settings.options(self._threads)
        with ExitStack() as stack:
            trainer = stack.enter_context(
                Trainer(options, self._memory - self._reading, self._listener, verbose=self._verbose)
            )

            def take(lines: Any) -> None:
                nonlocal seen, left
                others = np.ones(len(lines), np.bool_)
                others[held.between(seen, seen + len(lines)) - seen] = False
                rest = np.flatnonzero(others)
                chosen = lines.take(pa.array(rest[sampled.between(left, left + len(rest)) - left]))
                seen, left = seen + len(lines), left + len(rest)
                if held.count:
                    equal = pc.is_in(chosen, value_set=held_lines)
                    self._equal += pc.sum(equal).as_py() or 0
                    chosen = chosen.filter(pc.invert(equal))
                self._fed += len(chosen)
                self._characters += pc.sum(pc.utf8_length(chosen)).as_py() or 0
                trainer.feed(self._prepared.of(chosen))

            self._corpus.each(take, self._listener, "load")
            if not self._fed:
                raise UsageError("every line that was drawn is equal to a held-out one", hint="lower --held-out")
            self._listener.begin("train", self._settings.size, "merges")
            trained = trainer.finish()
            self._listener.end(f"{self._settings.size:,} pieces")
        return trained

    def _told(self, text: TextSize, held_lines: Any, sampled: Draw, model: bytes) -> dict[str, Any]:
        from hashlib import sha256  # noqa: PLC0415

        import sentencepiece  # noqa: PLC0415

        settings = self._settings
        return {
            "model": {
                "file": self._targets[0].name,
                "sha256": sha256(model).hexdigest(),
                "size": settings.size,
                "bytes": len(model),
            },
            "inputs": self._corpus.files(),
            "lines": {
                "read": text.lines,
                "held_out": len(held_lines),
                "drawn": sampled.count,
                "equal_to_held_out": self._equal,
                "trained_on": self._fed,
                "cut": self._prepared.cut,
            },
            "characters": {
                "read": text.characters,
                "trained_on": self._characters - self._prepared.reserved,
                "left_out": self._prepared.reserved,
            },
            "memory": {"limit": self._memory, "promised": self._promised},
            "seed": settings.seed,
            "options": {name: value for name, value in settings.options(0).items() if name != "num_threads"},
            "versions": {"belle_data": __version__, "sentencepiece": sentencepiece.__version__},
        }


def _unified(model: bytes) -> bytes:
    """The model without the number of threads that trained it."""
    from importlib import import_module  # noqa: PLC0415

    proto = import_module("sentencepiece.sentencepiece_model_pb2").ModelProto()
    proto.ParseFromString(model)
    proto.trainer_spec.ClearField("num_threads")
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def _check_package() -> None:
    from importlib import import_module  # noqa: PLC0415

    for module in ("sentencepiece", "google.protobuf"):
        try:
            import_module(module)
        except ImportError:
            name = module.removeprefix("google.")
            raise UsageError(f"training needs the package {name}, which is not installed", hint=_INSTALL) from None


def _targets(out: Path, settings: TrainingSettings, held_out_file: str | os.PathLike[str] | None) -> list[Path]:
    """The files that are written: the model, what it was made of, and the held-out lines."""
    if held_out_file is not None and not settings.held_out:
        raise UsageError("it is not said how many lines are held out", hint="--held-out N")
    if not out.name:
        raise UsageError("the file that is to be written has no name", value=str(out), hint="--out zh.model")
    targets = [out, out.with_name(f"{out.name}.json")]
    if settings.held_out:
        held = Path(held_out_file) if held_out_file is not None else out.with_name(f"{out.stem}.held-out.txt")
        if held.suffix.lower() != ".txt":
            raise UsageError("the name of the held-out lines must end in .txt", value=str(held))
        targets.append(held)
    return targets


def _check_targets(targets: list[Path], names: Sequence[str], *, force: bool) -> None:
    """A training is too long to find at its end that its result cannot be written."""
    inputs = {Path(name).resolve() for name in names}
    for path in targets:
        if path.is_dir() or not path.absolute().parent.is_dir():
            what = "is a folder" if path.is_dir() else "lies in no folder"
            raise UsageError(f"the file that is to be written {what}", path=path)
        if path.resolve() in inputs:
            raise UsageError("the file that is to be written is an input", path=path)
        if path.exists() and not force:
            raise UsageError("the file is there already", path=path, hint="name another one, or write over it: --force")
        if not os.access(path.absolute().parent, os.W_OK):
            raise RunFolderError("cannot write here (Permission denied)", path=path)
    if len({path.resolve() for path in targets}) < len(targets):
        raise UsageError("two files that are to be written have one name", path=targets[0])


def _write(files: list[tuple[Path, bytes]]) -> None:
    """Write files; each appears under its name only when all are whole."""
    temporaries = [path.with_name(f".{path.name}.{os.getpid()}.tmp") for path, _ in files]
    try:
        for temporary, (path, content) in zip(temporaries, files, strict=True):
            try:
                with temporary.open("wb") as handle:
                    handle.write(content)
                    handle.flush()
                    os.fsync(handle.fileno())
            except OSError as error:
                raise RunFolderError(f"the file cannot be written ({error.strerror})", path=path) from None
        for temporary, (path, _) in zip(temporaries, files, strict=True):
            temporary.replace(path)
    finally:
        for temporary in temporaries:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
