"""What a judge is asked: recipes of our own, in Chinese and English, that a user can copy and change.

A recipe is a TOML file. Those of ``judge`` have a system text, a rubric for each of the nine categories, and what the
reply has to look like; those of ``compare`` have one standard for all, and ask for a verdict or for two scores. Texts
of others are fenced by `belle_train.judge.fence`, whose words come after those of the recipe, so none is without.
"""

from __future__ import annotations

import json
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from belle_data.errors import RecipeError
from belle_data.evalset.categories import CATEGORIES
from belle_data.toml_settings import mistake_of, read_toml
from belle_train.judge.fence import WORDS, Passage, fenced, key_of
from belle_train.judge.replies import Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

Message = dict[str, str]
_PRESETS = Path(__file__).parents[1] / "recipes"
_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_NAMES = {
    "zh": {"prompt": "题目", "reference": "参考答案", "answer": "待评回答", "first": "回答一", "second": "回答二"},
    "en": {
        "prompt": "question",
        "reference": "reference",
        "answer": "answer to judge",
        "first": "Answer 1",
        "second": "Answer 2",
    },
}
_RUBRIC_TITLES = {"zh": "本题类别的评分标准：", "en": "Standard for questions of this category:"}
_REASON = {"type": "string", "description": "A short reason."}


class Rubric(BaseModel):
    """What makes an answer good, for each category."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    others: _Words = Field(description="Mathematics, code and all that fits nowhere else.")
    rewrite: _Words = Field(description="Saying a text in another way.")
    classification: _Words = Field(description="Choosing among classes.")
    generation: _Words = Field(description="Writing a text.")
    summarization: _Words = Field(description="Saying a text in short.")
    extract: _Words = Field(description="Finding parts of a text.")
    open_qa: _Words = Field(description="Questions without a text that holds the answer.")
    brainstorming: _Words = Field(description="Ideas, lists of suggestions.")
    closed_qa: _Words = Field(description="Questions about a given text.")


class _Asking(BaseModel):
    """What both kinds of recipe have."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    language: Literal["zh", "en"] = Field(description="Of the words that are put around the texts.")
    system: _Words = Field(description="Who the judge is and how it judges, before the rubric.")
    show_reference: bool = Field(True, description="Show the reference answer where the row has one.")
    reply: _Words = Field(description="What the reply has to look like; stands after the texts.")

    @cached_property
    def sha256(self) -> str:
        """Of the content, with the words about the marks: comments and order in the file make no difference."""
        content = {**self.model_dump(mode="json"), "marks": WORDS[self.language]}
        return sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()

    def _messages(self, rubric: str | None, passages: Sequence[tuple[str, str | None]]) -> tuple[Message, ...]:
        names = _NAMES[self.language]
        shown = [
            Passage(names[name], text)
            for name, text in passages
            if text is not None and (name != "reference" or self.show_reference)
        ]
        key = key_of(self.sha256, shown)
        parts = [self.system]
        if rubric is not None:
            parts.append(f"{_RUBRIC_TITLES[self.language]}\n{rubric}")
        parts.append(WORDS[self.language].replace("{key}", key))
        return (
            {"role": "system", "content": "\n\n".join(parts)},
            {"role": "user", "content": f"{fenced(shown, key)}\n\n{self.reply}"},
        )


class JudgeRecipe(_Asking):
    """How a judge is asked for the score of one answer."""

    kind: Literal["judge"] = Field(description="What the recipe is for.")
    rubric: Rubric = Field(description="What makes an answer good, for each category.")

    @property
    def reply_schema(self) -> Schema:
        """A short reason, then the score from 0 to 1."""
        return Schema("judgement", _object({"reason": _REASON, "score": {"type": "number"}}))

    def messages(self, category: str, prompt: str, reference: str | None, answer: str) -> tuple[Message, ...]:
        """Ask for the score of an answer.

        Args:
            category: One of ``belle_data.evalset.categories.CATEGORIES``.
            prompt: What was asked.
            reference: A good answer; None, or a recipe that does not show it, leaves it out.
            answer: The one to judge.

        Returns:
            The system's message and the user's; the same input gives the same bytes.

        Raises:
            KeyError: The category is none.
        """
        if category not in CATEGORIES:
            raise KeyError(category)
        texts = [("prompt", prompt), ("reference", reference), ("answer", answer)]
        return self._messages(getattr(self.rubric, category), texts)


class CompareRecipe(_Asking):
    """How a judge is asked which of two answers is better."""

    kind: Literal["compare"] = Field(description="What the recipe is for.")
    way: Literal["verdict", "scores"] = Field(
        "verdict", description="Ask which answer is better, or for a score from 1 to 10 of each."
    )

    @property
    def reply_schema(self) -> Schema:
        """A short reason, then the verdict or the two scores."""
        if self.way == "verdict":
            verdict = {"type": "string", "enum": ["1", "2", "tie"]}
            return Schema("comparison", _object({"reason": _REASON, "verdict": verdict}))
        score = {"type": "number"}
        return Schema("comparison_scores", _object({"reason": _REASON, "score_1": score, "score_2": score}))

    def messages(
        self, category: str, prompt: str, reference: str | None, first: str, second: str
    ) -> tuple[Message, ...]:
        """Ask which of two answers is better.

        Args:
            category: One of ``belle_data.evalset.categories.CATEGORIES``.
            prompt: What was asked.
            reference: A good answer; None, or a recipe that does not show it, leaves it out.
            first: The answer that is shown first.
            second: The other.

        Returns:
            The system's message and the user's; the same input gives the same bytes.

        Raises:
            KeyError: The category is none.
        """
        if category not in CATEGORIES:
            raise KeyError(category)
        texts = [("prompt", prompt), ("reference", reference), ("first", first), ("second", second)]
        return self._messages(None, texts)


_R = TypeVar("_R", JudgeRecipe, CompareRecipe)


def judge_recipe_names() -> list[str]:
    """The recipes for `judge` that come with belle."""
    return sorted(path.stem for path in _PRESETS.glob("judge-*.toml"))


def compare_recipe_names() -> list[str]:
    """The recipes for `compare` that come with belle."""
    return sorted(path.stem for path in _PRESETS.glob("compare-*.toml"))


def load_judge_recipe(name_or_path: str | Path) -> JudgeRecipe:
    """Read a recipe for `judge`.

    Args:
        name_or_path: One of `judge_recipe_names`, or a file; a file of that name goes before it.

    Raises:
        RecipeError: The file cannot be read or is not TOML, or it has mistakes; all of them are named at once.
    """
    return _load(name_or_path, JudgeRecipe, judge_recipe_names())


def load_compare_recipe(name_or_path: str | Path) -> CompareRecipe:
    """Read a recipe for `compare`.

    Args:
        name_or_path: One of `compare_recipe_names`, or a file; a file of that name goes before it.

    Raises:
        RecipeError: The file cannot be read or is not TOML, or it has mistakes; all of them are named at once.
    """
    return _load(name_or_path, CompareRecipe, compare_recipe_names())


def _load(name_or_path: str | Path, model: type[_R], presets: list[str]) -> _R:
    preset = str(name_or_path) in presets and not Path(name_or_path).is_file()
    values = read_toml(_PRESETS / f"{name_or_path}.toml" if preset else Path(name_or_path), presets)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = RecipeError.of([mistake_of(one, model) for one in error.errors(include_url=False)], name_or_path)
        found.path = str(name_or_path)
        raise found from None


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
