"""Mixtures: how they are written, what is no mixture, and which rows of which files they take."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.train.conftest import command
from tests.train.training_runs import Run, words
from tests.vocab.conftest import chinese_lines, english_lines

from belle_data.errors import UsageError
from belle_train.mixture import Member, named_sources, parse_mixture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("a", [("a", None)]),
        ("  a  ", [("a", None)]),
        ("a+b", [("a", None), ("b", None)]),
        ("zh(a)", [("a", "zh")]),
        ("en ( a + b )", [("a", "en"), ("b", "en")]),
        ("zh(alpaca-3.5 + alpaca-4) + sharegpt", [("alpaca-3.5", "zh"), ("alpaca-4", "zh"), ("sharegpt", None)]),
        ("a + zh(b) + en(c) + d", [("a", None), ("b", "zh"), ("c", "en"), ("d", None)]),
        ("zh + en", [("zh", None), ("en", None)]),
        ("zh(en)", [("en", "zh")]),
        ("q&a_1.0-x", [("q&a_1.0-x", None)]),
        ("数据", [("数据", None)]),
    ],
)
def test_a_mixture_is_understood(text: str, members: list[tuple[str, str | None]]) -> None:
    assert parse_mixture(text) == tuple(Member(name, language) for name, language in members)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "breaks off"),
        ("   ", "breaks off"),
        ("a +", "breaks off"),
        ("zh(a", "breaks off"),
        ("zh(", "breaks off"),
        ("zh()", "from character 4 on"),
        ("+ a", "from character 1 on"),
        ("a b", "from character 2 on"),
        ("a + + b", "from character 4 on"),
        ("a)", "from character 2 on"),
        ("zh(a))", "from character 6 on"),
        ("zh(en(a))", "from character 4 on"),
        ("fr(a)", "from character 3 on"),
        ("zh(a) b", "from character 6 on"),
        ("a, b", "from character 2 on"),
        ("a + a", "names a data set twice"),
        ("zh(a) + en(a)", "names a data set twice"),
    ],
)
def test_what_is_no_mixture_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as found:
        parse_mixture(text)
    assert found.value.hint == "for example zh(alpaca-3.5 + alpaca-4) + sharegpt"


NAMES = st.lists(st.from_regex(r"[a-z0-9._&-]{1,6}", fullmatch=True), min_size=1, max_size=8, unique=True)
LANGUAGE = st.sampled_from([None, "zh", "en"])


@given(NAMES.flatmap(lambda names: st.tuples(*[st.tuples(st.just(name), LANGUAGE) for name in names])), st.data())
def test_what_is_written_is_read(members: tuple[tuple[str, str | None], ...], data: st.DataObject) -> None:
    def gap() -> str:
        return data.draw(st.sampled_from(["", " ", "  "]))

    parts: list[str] = []
    number = 0
    while number < len(members):
        name, language = members[number]
        group = [name]
        while (
            language and number + 1 < len(members) and members[number + 1][1] == language and data.draw(st.booleans())
        ):
            number += 1
            group.append(members[number][0])
        number += 1
        joined = f"{gap()}+{gap()}".join(group)
        parts.append(joined if language is None else f"{language}{gap()}({gap()}{joined}{gap()})")
    assert parse_mixture(f"{gap()}+{gap()}".join(parts)) == tuple(Member(*member) for member in members)


def test_sources_have_names() -> None:
    assert named_sources([]) == {}
    assert named_sources(["a=x.jsonl", "b=y=z.jsonl"]) == {"a": "x.jsonl", "b": "y=z.jsonl"}


@pytest.mark.parametrize("given_sources", [["x.jsonl"], ["=x.jsonl"], ["a="], [""], ["a=x", "a=y"]])
def test_sources_without_a_name_of_their_own_are_refused(given_sources: list[str]) -> None:
    with pytest.raises(UsageError, match="a source is"):
        named_sources(given_sources)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """6 Chinese and 4 English rows, and 3 and 2 others."""
    folder = tmp_path_factory.mktemp("sources")
    chinese, english = chinese_lines(18), english_lines(12)
    files = []
    for name, first, second in (("a", (0, 6), (0, 4)), ("b", (6, 9), (4, 6))):
        pairs = [chinese[2 * number : 2 * number + 2] for number in range(*first)]
        pairs += [english[2 * number : 2 * number + 2] for number in range(*second)]
        rows = [
            {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}
            for asked, answer in pairs
        ]
        files.append(folder / f"{name}.jsonl")
        files[-1].write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return files[0], files[1]


def sft(model: Path, out: Path, *given: str | Path) -> Run:
    """One step of `sft` in this process, whose variables stay as they were."""
    before = dict(os.environ)
    try:
        done = command(*words("sft", out, "--model", model, "--max-steps", "1", *given)[3:])
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Run(done.code, done.out, done.err, out)


@pytest.mark.parametrize(
    ("mixture", "rows", "languages"),
    [
        ("a + b", 15, [None, None]),
        ("zh(a + b)", 9, ["zh", "zh"]),
        ("en(b + a)", 6, ["en", "en"]),
        ("zh(a) + b", 11, ["zh", None]),
    ],
)
def test_a_mixture_takes_the_rows_in_its_languages(
    mixture: str, rows: int, languages: list[str | None], sources: tuple[Path, Path], tiny_model: Path, tmp_path: Path
) -> None:
    first, second = sources
    run = sft(tiny_model, tmp_path / "out", "--mixture", mixture, "--source", f"a={first}", "--source", f"b={second}")
    assert run.code == 0, run.err
    data = run.report["data"]
    assert data["rows"] == data["conversations"] == rows
    assert [source["language"] for source in data["sources"]] == languages
    assert run.report["recipe"]["data"]["mixture"] == mixture


@pytest.mark.parametrize(
    ("given_words", "told"),
    [
        (["--mixture", "a + c", "--source", "a=A"], "the mixture names data sets that no --source gives"),
        (["--mixture", "a", "--source", "a=A", "--source", "b=A"], "the mixture does not have this data set"),
        (["--mixture", "a", "--source", "a=A", "--data", "A"], "a mixture takes its data from --source"),
        (["--source", "a=A"], "--source names data sets for a mixture"),
        ([], "no data is named"),
        (["--mixture", "zh(a", "--source", "a=A"], "the mixture breaks off"),
        (["--mixture", "a", "--source", "a=A.missing"], "A.missing"),
    ],
)
def test_a_mixture_and_its_sources_go_together(
    given_words: list[str], told: str, sources: tuple[Path, Path], tiny_model: Path, tmp_path: Path
) -> None:
    run = sft(tiny_model, tmp_path / "out", *[word.replace("A", str(sources[0])) for word in given_words])
    assert run.code == 2
    assert told.replace("A", str(sources[0])) in run.err.replace("\n", "")
    assert "Traceback" not in run.err
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_a_mixture_without_a_row_is_an_error(tiny_model: Path, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "请写一个问题"}, {"role": "assistant", "content": "我们可以使用这个模型学习"}]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"messages": turns}) + "\n", encoding="utf-8")
    run = sft(tiny_model, tmp_path / "out", "--mixture", "en(a)", "--source", f"a={path}")
    assert run.code == 2
    assert "no row is left to learn" in run.err
