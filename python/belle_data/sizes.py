"""Sizes as people write them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_UNITS |= {"k": 2**10, "m": 2**20, "g": 2**30}


def bytes_of(size: object) -> object:
    """Read a size such as ``"64MiB"``, ``"1.5 GB"`` or ``"4096"`` as bytes; anything else is given back unchanged."""
    if not isinstance(size, str):
        return size
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)", size.strip().replace("_", "").lower(), re.ASCII)
    unit = _UNITS.get(match[2]) if match else None
    if match is None or unit is None:
        return size
    count = float(match[1]) * unit
    return int(count) if count == int(count) else size
