"""What the tests of embedders share."""

from collections.abc import Iterator

import pytest
from tests.embed.server import EmbeddingServer

KEY = "sk-test-4c9d1e77b0a2"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingServer]:
    """A server on this machine, and a key for it in the environment."""
    pytest.importorskip("openai", reason="needs the package openai")
    for name in ("OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    started = EmbeddingServer()
    yield started
    started.close()
