"""Packages that are loaded only when an input needs them, because start-up time counts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from belle_data.errors import UsageError


def load(module: str, purpose: str, *, path: str | None = None) -> Any:
    """Import `module`, which `purpose` needs.

    Raises:
        UsageError: It is not installed; the hint says how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        message = f"{purpose} needs the package {package}, which cannot be imported"
        raise UsageError(message, path=path, hint=f"pip install {package}") from error
