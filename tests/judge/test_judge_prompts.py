"""Recipes of the judge: those that come along, copies with changes, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belle_data.errors import RecipeError
from belle_data.evalset.categories import CATEGORIES
from belle_train.judge import fence
from belle_train.judge.judge_prompts import (
    CompareRecipe,
    JudgeRecipe,
    compare_recipe_names,
    judge_recipe_names,
    load_compare_recipe,
    load_judge_recipe,
)
from belle_train.recipe import preset_names

ROOT = Path(__file__).resolve().parents[2]
ALL = [*judge_recipe_names(), *compare_recipe_names()]


def load(name: str) -> JudgeRecipe | CompareRecipe:
    return load_judge_recipe(name) if name.startswith("judge") else load_compare_recipe(name)


def test_they_come_along_in_both_languages_and_are_no_recipes_of_training() -> None:
    assert ALL == ["judge-en", "judge-zh", "compare-en", "compare-zh"]
    assert not set(ALL) & set(preset_names())
    for name in ALL:
        link = ROOT / "recipes" / f"{name}.toml"
        assert link.resolve() == ROOT / "python" / "belle_train" / "recipes" / f"{name}.toml"
        read = load_judge_recipe if name.startswith("judge") else load_compare_recipe
        assert read(link) == load(name)
        assert load(name).language == name[-2:]


@pytest.mark.parametrize("name", ALL)
def test_the_words_are_of_the_language(name: str) -> None:
    recipe = load(name)
    texts = [message["content"] for category in CATEGORIES for message in asked(recipe, category)]
    han = sum("\u4e00" <= sign <= "\u9fff" for text in texts for sign in text)
    share = han / sum(map(len, texts))
    assert share > 0.4 if recipe.language == "zh" else share == 0


def asked(
    recipe: JudgeRecipe | CompareRecipe, category: str, reference: str | None = "R1"
) -> tuple[dict[str, str], ...]:
    if isinstance(recipe, JudgeRecipe):
        return recipe.messages(category, "P1", reference, "A1")
    return recipe.messages(category, "P1", reference, "A1", "A2")


@pytest.mark.parametrize("name", ALL)
def test_the_same_input_gives_the_same_bytes(name: str) -> None:
    for category in CATEGORIES:
        assert json.dumps(asked(load(name), category)) == json.dumps(asked(load(name), category))


@pytest.mark.parametrize("name", judge_recipe_names())
def test_each_category_has_its_own_rubric(name: str) -> None:
    recipe = load_judge_recipe(name)
    systems = {category: asked(recipe, category)[0]["content"] for category in CATEGORIES}
    for category in CATEGORIES:
        rubric = getattr(recipe.rubric, category)
        assert len(rubric) > 40
        assert [one for one in CATEGORIES if rubric in systems[one]] == [category]
        assert systems[category].startswith(recipe.system)
    with pytest.raises(KeyError):
        asked(recipe, "poetry")


@pytest.mark.parametrize("name", ALL)
def test_the_texts_stand_in_their_order_and_what_to_reply_comes_last(name: str) -> None:
    recipe = load(name)
    system, user = asked(recipe, "closed_qa")
    texts = ["P1", "R1", "A1", "A2"][: 3 if isinstance(recipe, JudgeRecipe) else 4]
    places = [user["content"].index(f"\n{text}\n") for text in texts]
    assert places == sorted(places)
    assert user["content"].endswith(recipe.reply)
    assert not any(text in system["content"] for text in texts)
    assert "R1" not in asked(recipe, "closed_qa", None)[1]["content"]
    assert "R1" in asked(recipe, "rewrite")[1]["content"]


def copied(name: str, folder: Path, *changes: tuple[str, str]) -> Path:
    text = (ROOT / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_copy_can_be_changed(tmp_path: Path) -> None:
    own = load_judge_recipe("judge-zh")
    path = copied("judge-zh", tmp_path, ("show_reference = true", "show_reference = false"))
    changed = load_judge_recipe(path)
    assert changed.sha256 != own.sha256
    assert "R1" not in asked(changed, "closed_qa")[1]["content"]
    assert load_judge_recipe(str(path)).sha256 == changed.sha256
    commented = copied("judge-zh", tmp_path, ('kind = "judge"', '# mine\nkind  =  "judge"'))
    assert load_judge_recipe(commented).sha256 == own.sha256


def test_a_file_goes_before_a_recipe_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied("judge-zh", tmp_path, ("show_reference = true", "show_reference = false")).rename(tmp_path / "judge-zh")
    monkeypatch.chdir(tmp_path)
    assert not load_judge_recipe("judge-zh").show_reference


def test_two_scores_have_another_schema(tmp_path: Path) -> None:
    path = copied("compare-en", tmp_path, ('way = "verdict"', 'way = "scores"'))
    scores, verdict = load_compare_recipe(path).reply_schema, load_compare_recipe("compare-en").reply_schema
    assert list(scores.schema["properties"]) == ["reason", "score_1", "score_2"]
    assert list(verdict.schema["properties"]) == ["reason", "verdict"]
    assert verdict.schema["properties"]["verdict"]["enum"] == ["1", "2", "tie"]
    assert scores.name != verdict.name


@pytest.mark.parametrize("name", ALL)
def test_a_schema_asks_for_the_reason_first_and_allows_nothing_else(name: str) -> None:
    schema = load(name).reply_schema.schema
    assert next(iter(schema["properties"])) == "reason"
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False
    json.dumps(schema)


def test_all_mistakes_come_at_once_with_the_path(tmp_path: Path) -> None:
    path = copied(
        "judge-zh",
        tmp_path,
        ('language = "zh"', 'language = "fr"'),
        ("show_reference = true", 'show_reference = "yes"'),
        ("[rubric]\n", '[rubric]\npoetry = "x"\n'),
        ("extract = ", "extrakt = "),
        ('reply = """', 'reply = " "\nreplay = """'),
    )
    with pytest.raises(RecipeError) as found:
        load_judge_recipe(path)
    text = str(found.value)
    assert text.startswith(str(path))
    assert len(found.value.mistakes) == 7
    for told in (
        "`language` has an unknown value",
        "`show_reference`",
        "`rubric.poetry` is no setting",
        "`rubric.extrakt` is no setting",
        "did you mean extract?",
        "`rubric.extract`",
        "`reply`",
        "`replay` is no setting",
    ):
        assert told in text, text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "mistakes in the recipe"),
        ("kind = ", "the recipe is not TOML"),
        (b"\xff", "the recipe is not UTF-8"),
        ('rubric = "good"', "`rubric`"),
    ],
)
def test_what_is_no_recipe_is_told_with_its_path(content: str | bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for read in (load_judge_recipe, load_compare_recipe):
        with pytest.raises(RecipeError, match=told) as found:
            read(path)
        assert str(found.value).startswith(str(path))


def test_a_single_mistake_has_its_path_too(tmp_path: Path) -> None:
    path = copied("compare-zh", tmp_path, ('kind = "compare"', 'kind = "judge"'))
    with pytest.raises(RecipeError) as found:
        load_compare_recipe(path)
    assert str(found.value) == f"{path}: `kind` has an unknown value: 'judge'"
    assert "compare" in (found.value.hint or "")


def test_a_name_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(RecipeError) as found:
        load_judge_recipe("judge-fr")
    assert "judge-en, judge-zh" in (found.value.hint or "")
    with pytest.raises(RecipeError) as found:
        load_compare_recipe("judge-zh")
    assert "compare-en, compare-zh" in (found.value.hint or "")


def test_other_words_about_the_marks_are_another_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are sent with it, so scores that were given without them are not those of the same recipe."""
    before = load_judge_recipe("judge-zh").sha256
    monkeypatch.setitem(fence.WORDS, "zh", "别的话 {key}")
    assert load_judge_recipe("judge-zh").sha256 != before
