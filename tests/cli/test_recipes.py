"""The recipe that comes with the project, and the page about recipes, are those of the models."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from belle_data.config import Recipe, load_recipe
from belle_data.recipe_docs import recipe_page, recipe_toml, write
from belle_data.sizes import bytes_of

ROOT = Path(__file__).resolve().parents[2]
HINT = "run: python -m belle_data.recipe_docs"


def test_the_files_are_fresh() -> None:
    assert (ROOT / "recipes" / "clean.toml").read_text(encoding="utf-8") == recipe_toml(), HINT
    assert (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8") == recipe_page(), HINT


def test_the_recipe_is_that_of_no_recipe() -> None:
    assert load_recipe(ROOT / "recipes" / "clean.toml") == Recipe()


def test_every_setting_is_there() -> None:
    values = tomllib.loads(recipe_toml().replace("\n#", "\n").replace(" =\n", " = 0\n").replace("\n ", "\n# "))
    expected = Recipe().model_dump()
    assert values.keys() == expected.keys()
    for table, settings in expected.items():
        if isinstance(settings, dict):
            assert values[table].keys() == settings.keys(), table
            for name in settings:
                assert f"| `{name}` |" in recipe_page()


def test_it_writes_where_it_is_told(tmp_path: Path) -> None:
    assert write(tmp_path) == [tmp_path / "recipes" / "clean.toml", tmp_path / "docs" / "recipes.md"]
    assert (tmp_path / "docs" / "recipes.md").read_text(encoding="utf-8") == recipe_page()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096), ("64MiB", 64 << 20), ("1.5 GB", 1_500_000_000), ("2k", 2048), ("10_000", 10_000), (" 1 b ", 1),
        (77, 77), ("", ""), ("MiB", "MiB"), ("0.3B", "0.3B"), ("-1", "-1"), ("1e9", "1e9"), ("٣", "٣"),
        ("9" * 99, "9" * 99),
    ],
)  # fmt: skip
def test_sizes(text: object, size: object) -> None:
    """What is no size is given back as it is, for the validation to name."""
    assert bytes_of(text) == size


@pytest.mark.parametrize("target", ["0.9999", '"0.9999"'])
def test_a_target_recall_derives_the_bands(target: str) -> None:
    recipe = load_recipe(None, [f"near_dedup.target_recall={target}"])
    bands, width = recipe.near_dedup.bands, recipe.near_dedup.rows_per_band
    assert 1 - (1 - 0.8**width) ** bands >= 0.9999
    assert (bands, width) != (Recipe().near_dedup.bands, Recipe().near_dedup.rows_per_band)
