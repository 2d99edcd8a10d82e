"""The losses of a training as a page."""

from __future__ import annotations

from typing import Any


def loss_page(report: dict[str, Any], losses: list[dict[str, Any]]) -> str:  # noqa: ARG001
    """Nothing yet."""
    return ""
