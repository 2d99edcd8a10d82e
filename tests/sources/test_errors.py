import pickle

import pytest

from belle_data.errors import BelleError, InternalError, RecipeError, RunFolderError, SourceError, UsageError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BelleError("bad"), "bad"),
        (BelleError("bad", path="a.jsonl"), "a.jsonl: bad"),
        (BelleError("bad", path="a.jsonl", line=3), "a.jsonl:3: bad"),
        (BelleError("bad", path="a.jsonl", line=3, byte=0), "a.jsonl:3 (byte 0): bad"),
        (BelleError("bad", path="a.jsonl", byte=7), "a.jsonl (byte 7): bad"),
        (BelleError("bad", line=3, byte=7), "line 3 (byte 7): bad"),
        (BelleError("bad", byte=7), "byte 7: bad"),
        (BelleError("bad", value="水"), "bad: '水'"),
        (BelleError("bad", value=0), "bad: 0"),
        (BelleError("bad", value="x" * 300), "bad: '" + "x" * 199 + "…"),
        (BelleError("b\x1b[2Jad", path="\x1b]0;x\x07.jsonl", value="\x1b"), r"\x1b]0;x\x07.jsonl: b\x1b[2Jad: '\x1b'"),
        (BelleError("bad", path="读\udcff.jsonl"), r"读\udcff.jsonl: bad"),
    ],
)
def test_texts(error: BelleError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("kind", [UsageError, RecipeError, SourceError, RunFolderError, InternalError])
def test_kinds(kind: type[BelleError]) -> None:
    error = kind("bad", path="a", line=1, byte=2, value=[3], hint="do better")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is kind
    assert str(copy) == str(error) == "a:1 (byte 2): bad: [3]"
    assert (copy.hint, copy.exit_code) == ("do better", 2)


def test_all_mistakes_of_a_recipe_at_once() -> None:
    first = RecipeError("unknown stage", path="r.toml", line=2, value="near_dedupe", hint="did you mean near_dedup?")
    second = RecipeError("must be at most 1", path="r.toml", line=5, value=1.5)
    assert RecipeError.of([first]) is first
    both = RecipeError.of([first, second], path="r.toml")
    assert both.mistakes == (first, second)
    assert str(both).splitlines() == [
        "r.toml: 2 mistakes in the recipe",
        "  r.toml:2: unknown stage: 'near_dedupe'",
        "    hint: did you mean near_dedup?",
        "  r.toml:5: must be at most 1: 1.5",
    ]
    assert str(pickle.loads(pickle.dumps(both))) == str(both)  # noqa: S301
    with pytest.raises(ValueError, match="no mistake"):
        RecipeError.of([])
