"""The Python interface does what the command line does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import belle_data
from belle_data.cli.parser import COMMANDS

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Rows = list[dict[str, Any]]


def test_every_command_is_a_function() -> None:
    # A recipe is loaded, and then it is a value; the others have packages of their own.
    assert {*COMMANDS, "load_recipe", "run_page"} - {"recipe", "lm", "report", "vocab", "evalset"} <= set(
        belle_data.__all__
    )
    assert len(belle_data.__all__) >= 8
    for name in belle_data.__all__:
        assert getattr(belle_data, name) is not None
    assert {*belle_data.__all__} >= belle_data._HOMES.keys()


def test_the_same_result_as_the_command(belle: Shell, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    belle.write("raw.jsonl", rows)
    monkeypatch.chdir(belle.folder)
    setting = "near_dedup.threshold=0.9"
    said = belle.here("clean", "raw.jsonl", "--set", setting, "--limit", "6", "--out", "command", "--json").json()
    recipe = belle_data.load_recipe(None, [setting], {"input": {"limit": 6}})
    report = belle_data.clean("raw.jsonl", recipe=recipe, out="function").to_dict()
    same = ("inputs", "rows_in", "rows_out", "rejected", "repeated_ids", "shards", "threads")
    assert {key: report[key] for key in same} == {key: said[key] for key in same}
    shown = belle.here("explain", "function", "a", "--json").json()
    assert json.loads(json.dumps(belle_data.explain("function", "a").to_dict())) == shown


def test_every_error_is_one_class(belle: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(belle.folder)
    for wrong in ([], "none.jsonl", [""]):
        with pytest.raises(belle_data.BelleError):
            belle_data.clean(wrong)
    with pytest.raises(belle_data.BelleError):
        belle_data.explain("none", "a")
    with pytest.raises(belle_data.BelleError):
        belle_data.load_recipe(None, ["near_dedup.threshold=2"])
    assert list(belle.folder.iterdir()) == []
