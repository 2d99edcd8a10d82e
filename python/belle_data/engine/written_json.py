"""What the JSON files of a run folder hold, so that a damaged one is noticed before it is used."""

from __future__ import annotations

from typing import Any

_NUMBER = (int, float)
_COUNTS = {str: int}

INPUTS: Any = [
    {
        "name": str,
        "size": (int, type(None)),
        "format": str,
        "hash": str,
        "lines": int,
        "rows": int,
        "rejected": int,
    }
]
MANIFEST: Any = {
    "inputs": INPUTS,
    "recipe": {
        "input": {"max_line_bytes": int, "max_ratio?": int, "dataset_info?": (str, type(None)), str: None},
        "stages": [str],
        str: dict,
    },
    "stages": [
        {
            "name": str,
            "version": int,
            "fingerprint": str,
            "reads?": str,
            "rows_in": int,
            "removed": _COUNTS,
            "files": {str: (str, type(None))},
            "statistics?": dict,
        }
    ],
    "shards?": [{"name": str, "rows": int, "bytes": int, "keys": [str]}],
    str: None,
}
"""`manifest.json`; `shards` is not there before the run is finished."""
REPORT: Any = {
    "folder": str,
    "inputs": INPUTS,
    "rows_in": int,
    "rows_out": int,
    "rejected": int,
    "repeated_ids": int,
    "repeated_id_examples": [str],
    "stages": [
        {
            "name": str,
            "rows_in": int,
            "removed": _COUNTS,
            "rows_out": int,
            "reused": bool,
            "seconds": _NUMBER,
            "cpu_seconds": _NUMBER,
            "peak_private_bytes?": (int, type(None)),
            "statistics?": dict,
        }
    ],
    "shards": int,
    "threads": int,
    "read": {str: (*_NUMBER, type(None))},
    "write": {str: (*_NUMBER, type(None))},
    "texts": {"before": dict, "after": dict},
    "seconds": _NUMBER,
    "cpu_seconds": _NUMBER,
    "peak_private_bytes": (int, type(None)),
    str: None,
}
"""`report.json`."""
FOUND: Any = [{"name": str, "size": (int, type(None)), "stamp": str}]
"""`found` of `work/inputs.json`."""


def is_like(value: Any, shape: Any) -> bool:
    """Tell whether a value read from JSON has a shape.

    Args:
        value: The value.
        shape: A type or several; a list with the shape of every element; a dict with the shape of each key, where
            ``key?`` may be missing and `str` stands for all other keys, which otherwise may not be there; None for
            anything. A number must not be negative.
    """
    if shape is None:
        return True
    if isinstance(shape, list):
        return isinstance(value, list) and all(is_like(one, shape[0]) for one in value)
    if not isinstance(shape, dict):
        return isinstance(value, shape) and (isinstance(value, str | dict | type(None)) or value >= 0)
    if not isinstance(value, dict):
        return False
    named = {key.removesuffix("?"): inner for key, inner in shape.items() if isinstance(key, str)}
    if not all(key in value or f"{key}?" in shape for key in named):
        return False
    others = str in shape
    return all(
        is_like(one, named[key]) if key in named else others and is_like(one, shape[str]) for key, one in value.items()
    )
