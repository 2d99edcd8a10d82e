"""belle_data: from raw instruction samples to a clean set, with the reason for every removed row.

    >>> from belle_data import clean
    >>> report = clean("raw.jsonl", out="runs/raw")  # doctest: +SKIP

`belle_data.pipeline` has the stages in order, `belle_data.kernels` the kernels on Arrow data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from belle_data import kernels
    from belle_data.calibration import Calibration, calibrate
    from belle_data.config import Recipe, load_recipe
    from belle_data.conversion import ConvertReport, convert
    from belle_data.engine.local import clean
    from belle_data.engine.redecide import rethreshold, undo
    from belle_data.errors import BelleError
    from belle_data.page.data_statistics import stats
    from belle_data.page.run_page import run_page
    from belle_data.page.word_statistics import words
    from belle_data.report.explain import explain
    from belle_data.report.inspect import inspect
    from belle_data.report.similar import similar
    from belle_data.report.summary import RunReport
    from belle_data.vocab.token_counts import tokens

__version__ = "0.1.0"

__all__ = [
    "BelleError",
    "Calibration",
    "ConvertReport",
    "Recipe",
    "RunReport",
    "__version__",
    "calibrate",
    "clean",
    "convert",
    "explain",
    "inspect",
    "kernels",
    "load_recipe",
    "rethreshold",
    "run_page",
    "similar",
    "stats",
    "tokens",
    "undo",
    "words",
]

_HOMES = {
    "BelleError": "belle_data.errors",
    "Calibration": "belle_data.calibration",
    "Recipe": "belle_data.config",
    "ConvertReport": "belle_data.conversion",
    "RunReport": "belle_data.report.summary",
    "calibrate": "belle_data.calibration",
    "clean": "belle_data.engine.local",
    "convert": "belle_data.conversion",
    "explain": "belle_data.report.explain",
    "inspect": "belle_data.report.inspect",
    "load_recipe": "belle_data.config",
    "rethreshold": "belle_data.engine.redecide",
    "run_page": "belle_data.page.run_page",
    "similar": "belle_data.report.similar",
    "stats": "belle_data.page.data_statistics",
    "tokens": "belle_data.vocab.token_counts",
    "undo": "belle_data.engine.redecide",
    "words": "belle_data.page.word_statistics",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for, so that importing the package takes no time."""
    if name == "kernels":
        import belle_data.kernels  # noqa: PLC0415

        return belle_data.kernels
    if name in _HOMES:
        import importlib  # noqa: PLC0415

        return getattr(importlib.import_module(_HOMES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
