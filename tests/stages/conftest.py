"""What the tests of stages share."""

from typing import Any

import pytest

from belle_data.embed import DEFAULT_EMBEDDER, embedder_of


@pytest.fixture(scope="session", autouse=True)
def encoder() -> Any:
    """The encoder, loaded once: who asks for it while it is in use gets the same."""
    embedder: Any = embedder_of(DEFAULT_EMBEDDER)
    return embedder.kernel
