"""Trains language models on files, and saves them."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from belle_data.engine.progress import Listener, Silent, polled
from belle_data.errors import BelleError, RunFolderError, SourceError, UsageError
from belle_data.language_model.model import Model, open_model
from belle_data.language_model.text_files import is_text_name, lines_of, mapped_text, not_utf8
from belle_data.language_model.tokenizer import CHARACTERS, Pieces, tokenizer_of
from belle_data.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from belle_data import _native
    from belle_data.config import Recipe

ORDER = 5
"""Tokens of the longest n-grams, unless another number is given."""
MEMORY = 2 << 30
"""Bytes that training may use at most, unless other ones are given."""
_WRITTEN_AT_ONCE = 16 << 20


def train(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    order: int = ORDER,
    memory: int = MEMORY,
    tokens: str = CHARACTERS,
    arpa: str | Path | None = None,
    recipe: Recipe | None = None,
    threads: int | None = None,
    listener: Listener | None = None,
) -> Model:
    """Train a model on texts and save it.

    The result depends on the texts alone: not on their order, the memory, or the threads.

    Args:
        inputs: Either files of plain text with a text on each line (.txt, also .txt.gz and .txt.zst), or rows in any
            format that `clean` reads: then each turn is a text.
        out: Where the model goes; a file that is there is replaced once the model is whole.
        order: Tokens of the longest n-grams, 1 to 6.
        memory: Bytes that may be used at most, mapped input not counted.
        tokens: ``characters``, or ``sentencepiece:FILE`` for the pieces of such a model.
        arpa: Write the model in the ARPA format too, into this file.
        recipe: Says how rows are read and normalised.
        threads: Number of threads; one per processor without it.
        listener: Is told about the progress.

    Returns:
        The saved model.

    Raises:
        UsageError: A setting is out of range, the memory is too small, or the inputs do not go together.
        SourceError: An input cannot be read, or there is no text in it.
        RunFolderError: The model cannot be written.
        KeyboardInterrupt: The user pressed Ctrl-C. Nothing is written then.
    """
    from belle_data.engine.local import use_threads  # noqa: PLC0415 - loads the kernels

    names = [str(name) for name in inputs]
    if not 1 <= order <= 6:
        raise UsageError("the order must be 1 to 6", value=order)
    if memory < 1:
        raise UsageError("the memory must be above 0", value=memory)
    kinds = {is_text_name(name) for name in names}
    if len(kinds) != 1:
        hint = "train on .txt files or on rows, not on both"
        raise UsageError(
            "no input is named" if not names else "files of text and of rows do not go together", hint=hint
        )
    pieces = tokenizer_of(tokens)
    _check_folder(out)
    _check_folder(arpa)
    use_threads(threads)
    job = _Job(order, memory, pieces, listener or Silent())
    with temporary_folder("belle-lm-") as work:
        texts = _Lines(names, Path(work), job) if kinds == {True} else _Rows(names, Path(work), recipe, job)
        with _saving(arpa) as arpa_file:
            model = job.run(texts, None if arpa_file is None else arpa_file.write)
            _save(model, out)
    return open_model(out)


def import_arpa(
    path: str | Path, out: str | Path, *, threads: int | None = None, listener: Listener | None = None
) -> Model:
    """Read a model of this or another tool in the ARPA format and save it.

    Args:
        path: The file, plain or compressed with gzip or zstd.
        out: Where the model goes; a file that is there is replaced once the model is whole.
        threads: Number of threads; one per processor without it.
        listener: Is told about the progress.

    Raises:
        UsageError: There is no such file.
        SourceError: It cannot be read, or a line of it is wrong.
        RunFolderError: The model cannot be written.
        KeyboardInterrupt: The user pressed Ctrl-C. Nothing is written then.
    """
    from belle_data import _native  # noqa: PLC0415 - importing this module must be quick
    from belle_data.engine.local import use_threads  # noqa: PLC0415

    _check_folder(out)
    use_threads(threads)
    listener = listener or Silent()
    with temporary_folder("belle-lm-") as work:
        buffer = mapped_text(str(path), Path(work), listener)
        steps = _native.LanguageModelSteps()
        listener.begin("read ARPA", len(buffer), "steps")
        try:
            with polled(listener, steps.state):
                model = _native.LanguageModel.from_arpa(buffer, steps=steps)
        except ValueError as error:
            line = error.args[1] if len(error.args) > 1 else None
            message = str(error.args[0]).removeprefix(f"line {line}: ")
            raise SourceError(message, path=path, line=line) from None
        listener.end(_summary(model))
        _save(model, out)
    return open_model(out)


class _Job:
    """A training: its settings, and the one way into the kernel."""

    def __init__(self, order: int, memory: int, pieces: Pieces | None, listener: Listener) -> None:
        self.order, self.memory, self.pieces, self.listener = order, memory, pieces, listener

    def run(self, texts: _Lines | _Rows, write: Callable[[bytes], object] | None) -> _native.LanguageModel:
        from belle_data import _native  # noqa: PLC0415

        steps = _native.LanguageModelSteps()
        settings: dict[str, Any] = {"order": self.order, "memory": self.memory, "steps": steps, "arpa": write}
        pieces = self.pieces
        ids = ends = b""
        if pieces is not None:
            self.listener.begin("cut into pieces", 0, "steps")
            ids, ends, count = pieces.encode(texts.each())
            self.listener.end(f"{len(ids) // 4:,} pieces of {count:,} texts")
        self.listener.begin("train", 0, "steps")
        try:
            with polled(self.listener, steps.state):
                if pieces is None:
                    model = texts.train(settings)
                else:
                    train_ids = _native.LanguageModel.train_ids
                    model = train_ids(ids, ends, pieces.names(), notes=pieces.notes(), **settings)
        except MemoryError as error:
            raise self._too_little(error) from None
        except ValueError as error:
            raise SourceError(str(error.args[0]), path=", ".join(texts.names)) from None
        self.listener.end(_summary(model))
        return model

    def _too_little(self, error: MemoryError) -> BelleError:
        needed = error.args[1] if len(error.args) > 1 else 0
        hint = f"give at least {-(-needed // (1 << 20))}MiB, or train on fewer texts or with a lower order"
        return UsageError(str(error.args[0]) if error.args else "out of memory", hint=hint if needed else None)


class _Lines:
    """Texts on the lines of files."""

    def __init__(self, names: Sequence[str], work: Path, job: _Job) -> None:
        self.names = names
        self._buffers = [mapped_text(name, work, job.listener) for name in names]

    def train(self, settings: dict[str, Any]) -> _native.LanguageModel:
        from belle_data import _native  # noqa: PLC0415

        try:
            return _native.LanguageModel.train_lines(self._buffers, **settings)
        except ValueError as error:
            if len(error.args) == 3:
                raise self._not_utf8() from None
            raise

    def _not_utf8(self) -> SourceError:
        """Find the file: the kernel knows its line only."""
        for name, buffer in zip(self.names, self._buffers, strict=True):
            try:
                for _ in lines_of(name, buffer):
                    pass
            except SourceError as error:
                return error
        return not_utf8(self.names[0], 1, 0)

    def each(self) -> Iterator[str]:
        for name, buffer in zip(self.names, self._buffers, strict=True):
            yield from lines_of(name, buffer)


class _Rows:
    """Texts in the turns of rows."""

    def __init__(self, names: Sequence[str], work: Path, recipe: Recipe | None, job: _Job) -> None:
        from belle_data.config import Recipe as DefaultRecipe  # noqa: PLC0415 - a tenth of a second
        from belle_data.engine.corpus import open_sources, read_corpus  # noqa: PLC0415
        from belle_data.engine.local import sources_of  # noqa: PLC0415
        from belle_data.engine.run_folder import RunFolder  # noqa: PLC0415
        from belle_data.stages.normalise import Normalise  # noqa: PLC0415

        recipe = recipe or DefaultRecipe()
        self.names = names
        self._texts: list[Any] = []
        sources = sources_of(names, recipe.input.dataset_info)
        normalise = Normalise(recipe.normalise) if "normalise" in recipe.stages else None
        folder = RunFolder(work / "run")
        opened = open_sources(sources, recipe, folder, job.listener)
        scan = [] if job.pieces is None else [self._remember]
        try:
            self._corpus, _ = read_corpus(opened, recipe, folder, normalise, scan, job.listener)
        except SourceError as error:
            # The list of bad lines goes with the folder; `clean` leaves one that stays.
            where = str(folder.path / "rejected" / "rejected.jsonl")
            if error.hint and where in error.hint:
                error.hint = error.hint.replace(where, "rejected/ in the run folder of clean, which lists them")
            raise

    def _remember(self, batch: Any) -> None:
        self._texts.append(batch["turns"].flatten().field("text"))

    def train(self, settings: dict[str, Any]) -> _native.LanguageModel:
        from belle_data import _native  # noqa: PLC0415

        return _native.LanguageModel.train_rows(self._corpus, None, **settings)

    def each(self) -> Iterator[str]:
        for texts in self._texts:
            yield from texts.to_pylist()


def _summary(model: _native.LanguageModel) -> str:
    return f"{sum(model.info()['ngrams']):,} n-grams"


def _check_folder(path: str | Path | None) -> None:
    """A training is too long to find at its end that there is no such folder."""
    if path is not None and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        what = "is a folder" if Path(path).is_dir() else "lies in no folder"
        raise UsageError(f"the file that is to be written {what}", path=path)


@contextmanager
def _saving(path: str | Path | None) -> Iterator[BinaryIO | None]:
    """Open a file that appears under its name only when it is whole; none without a name."""
    if path is None:
        yield None
        return
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(target)
        except OSError as error:
            raise RunFolderError(f"the file cannot be written ({error.strerror})", path=target) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _save(model: _native.LanguageModel, out: str | Path) -> None:
    with _saving(out) as handle:
        if handle is not None:
            for start in range(0, len(model), _WRITTEN_AT_ONCE):
                handle.write(model.image(start, min(len(model), start + _WRITTEN_AT_ONCE)))
