"""Where a model comes from, as far as its folder tells: so that a score can be traced to the rows that were learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_REPORT = "train_report.json"
_KEPT = ("kind", "model", "recipe_sha256", "steps", "epochs", "lora")


def model_history(folder: str | Path) -> dict[str, Any]:
    """Read what a folder tells of its model.

    Args:
        folder: Of a model; need not be one that belle trained.

    Returns:
        ``model``, its folder's name, and ``training``: what was trained of what with which recipe on which files by
        hash; None where no report of a training lies there, or one that cannot be read.
    """
    place = Path(folder).absolute()
    try:
        report = json.loads((place / _REPORT).read_bytes())
        data = report["data"]
        training = {
            **{key: report.get(key) for key in _KEPT},
            "data": [{key: source.get(key) for key in ("name", "hash", "rows")} for source in data["sources"]],
            "fingerprint": data.get("fingerprint"),
        }
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        training = None
    return {"model": place.name, "training": training}
