"""The order of categories in tables."""

from __future__ import annotations

from belle_data.evalset.categories import CATEGORIES


def table_order(category: str) -> tuple[int, str]:
    """Where a category stands in tables, for sorting; those of other names follow the nine, by name."""
    return (CATEGORIES.index(category) if category in CATEGORIES else len(CATEGORIES), category)
