"""What the tests of asking a judge share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.judge.fault_server import KEY, FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("belle_data.openai_server.FIRST_WAIT", 0.001)
    running = FaultServer()
    yield running
    running.close()
