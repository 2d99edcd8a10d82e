"""The stages of `clean`, in the order in which they run. Read this first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle_data.errors import InternalError
from belle_data.stages.decontaminate import Decontaminate
from belle_data.stages.diversity import Diversity
from belle_data.stages.exact_dedup import ExactDedup
from belle_data.stages.near_dedup import NearDedup
from belle_data.stages.normalise import Normalise
from belle_data.stages.quality import Quality
from belle_data.stages.rules import Rules
from belle_data.stages.semantic_dedup import SemanticDedup

if TYPE_CHECKING:
    from belle_data.config import Recipe
    from belle_data.stages.stage import Stage

STAGES = (
    Normalise,
    Rules,
    ExactDedup,
    NearDedup,
    SemanticDedup,
    Decontaminate,
    Quality,
    Diversity,
)

READ_COLUMNS = ("row", "id", "has_id", "content_hash", "non_text_parts", "turns", "changes")
"""Columns that reading gives to the first stage."""


def stages_of(recipe: Recipe) -> list[Stage]:
    """Make the stages that a recipe names, in the order of `STAGES`, and check that each finds its columns.

    Raises:
        InternalError: A stage needs a column that nothing before it adds.
    """
    stages: list[Stage] = [stage(getattr(recipe, stage.name)) for stage in STAGES if stage.name in recipe.stages]
    columns = set(READ_COLUMNS)
    for stage in stages:
        missing = [column for column in stage.needs if column not in columns]
        if missing:
            raise InternalError(f"{stage.name} needs columns that no stage before it adds", value=missing)
        columns.update(stage.adds)
    return stages
