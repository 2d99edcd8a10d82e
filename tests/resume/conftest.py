"""Generated corpora, each written once."""

from pathlib import Path

import pytest
from tests.resume.generated import write_corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,000 rows."""
    path = tmp_path_factory.mktemp("corpus") / "raw.jsonl"
    write_corpus(path, 5_000)
    return path


@pytest.fixture(scope="session")
def large_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500,000 rows."""
    path = tmp_path_factory.mktemp("large") / "raw.jsonl"
    write_corpus(path, 500_000)
    return path
