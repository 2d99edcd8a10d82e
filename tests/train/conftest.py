"""Small vocabularies and models that the tests of training share, and how they run a command."""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ("torch", "transformers", "sentencepiece")


@pytest.fixture(scope="session", autouse=True)
def train_extra() -> None:
    """Skip where the extra is not installed, or fail if BELLE_REQUIRE_TRAIN is set, so that CI cannot pass by it."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if not missing:
        return
    reason = f"needs the extra train: {', '.join(missing)}"
    if os.environ.get("BELLE_REQUIRE_TRAIN"):
        pytest.fail(f"{reason}, and BELLE_REQUIRE_TRAIN is set")
    pytest.skip(reason)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def command(*arguments: str | float | Path) -> Done:
    """Run a command of belle_train within this process, which imports torch once for all."""
    main = import_module("belle_train.cli").main
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(map(str, arguments)))
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def base_piece_model(train_extra: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """An English sentencepiece model of 600 pieces, settings as LLaMA's."""
    from tests.vocab.conftest import CHINESE, english_lines, train

    # Characters with marks between them: as in LLaMA, no piece of the base has two of them.
    lines = [*english_lines(1000), *[".".join(dict.fromkeys("".join(CHINESE)))] * 2]
    return train(lines, tmp_path_factory.mktemp("base") / "base.model", 600)


@pytest.fixture(scope="session")
def merged_folder(base_piece_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a vocabulary: `base_piece_model` with Chinese pieces, padded to a multiple of 64."""
    from tests.vocab.conftest import chinese_lines, train

    from belle_data.vocab.merged_folder import write_merged
    from belle_data.vocab.merging import merge
    from belle_data.vocab.piece_model import load_piece_model

    folder = tmp_path_factory.mktemp("merged")
    added = train(chinese_lines(1000), folder / "zh.model", 600)
    write_merged(merge(load_piece_model(base_piece_model), load_piece_model(added)), folder / "merged")
    return folder / "merged"


@pytest.fixture(scope="session")
def tiny_model(merged_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LLaMA of two layers with the merged vocabulary, float32. Never write into it."""
    from belle_train.tiny import init_tiny

    out = tmp_path_factory.mktemp("tiny") / "tiny"
    init_tiny(merged_folder, out)
    return out


@pytest.fixture(scope="session")
def tiny_base(base_piece_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the base's pieces only: what `extend` enlarges. Never write into it."""
    from belle_train.tiny import init_tiny

    out = tmp_path_factory.mktemp("tiny") / "tiny-base"
    init_tiny(base_piece_model, out)
    return out
