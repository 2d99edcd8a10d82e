"""What every stage promises, tested on each stage by itself: see `belle_data.stages.stage.Stage`."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import pyarrow as pa
import pytest

from belle_data import _native
from belle_data.config import Recipe, StageName
from belle_data.errors import InternalError, UsageError
from belle_data.kernels import run_stage
from belle_data.pipeline import READ_COLUMNS, STAGES, stages_of
from belle_data.stages.decontaminate import Decontaminate, DecontaminateConfig
from belle_data.stages.diversity import Diversity, DiversityConfig
from belle_data.stages.normalise import Normalise
from belle_data.stages.quality import Quality, QualityConfig
from belle_data.stages.rules import Rules
from belle_data.stages.stage import removals_schema, row_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator


class WithFile(Decontaminate):
    """decontaminate, against a file of these tests where none is named."""

    file: ClassVar[str] = ""

    def __init__(self, config: DecontaminateConfig | None = None) -> None:
        super().__init__(config or DecontaminateConfig(against=(self.file,)))


class FewRows(Diversity):
    """diversity with a number of rows, without which it does not run."""

    def __init__(self, config: DiversityConfig | None = None) -> None:
        super().__init__(config or DiversityConfig(target_rows=400))


class SmallStrata(Quality):
    """quality with tails that a few hundred rows have."""

    def __init__(self, config: QualityConfig | None = None) -> None:
        super().__init__(config or QualityConfig(least_rows=10, highest=0.1, lowest=0.1, memory=1 << 28))


KINDS: list[Any] = [
    {Decontaminate: WithFile, Quality: SmallStrata, Diversity: FewRows}.get(stage, stage) for stage in STAGES
]
every_stage = pytest.mark.parametrize("stage", KINDS, ids=[stage.name for stage in KINDS])
REMOVING: list[Any] = [stage for stage in KINDS if stage.reasons]
"""normalise changes texts and removes no row."""
every_removing_stage = pytest.mark.parametrize("stage", REMOVING, ids=[stage.name for stage in REMOVING])

TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))


@pytest.fixture(scope="session", autouse=True)
def _evaluation_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One prompt that many rows have, and the longest answer there is, of which some rows have a near copy."""
    longest = max((answer for _, answer in corpus(500)), key=len)
    rows = [{"instruction": "写一段话", "output": ""}, {"instruction": longest, "output": ""}]
    path = tmp_path_factory.mktemp("evaluation") / "evaluation.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    WithFile.file = str(path)


@pytest.fixture(autouse=True)
def _all_threads_again() -> Iterator[None]:
    yield
    _native.set_threads(0)


def conversations(texts: list[tuple[str, str]]) -> pa.RecordBatch:
    turns = [[{"role": "user", "text": asked}, {"role": "assistant", "text": answer}] for asked, answer in texts]
    return pa.record_batch({"turns": pa.array(turns, TURNS)})


def corpus(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Conversations of which each stage has something to do: same ones, near ones, empty ones, blanks at ends.

    Two of the prompts are near, and differ in a number.
    """
    chance = random.Random(seed)
    characters = "春夏秋冬风花雪月山水云雨江河湖海天地日月星辰东西南北金木水火土人口手足耳目"
    texts: list[tuple[str, str]] = []
    while len(texts) < count:
        kind = chance.random()
        if texts and kind < 0.2:
            texts.append(chance.choice(texts))
        elif texts and kind < 0.5:
            asked, answer = chance.choice(texts)
            at = chance.randrange(len(answer) + 1)
            texts.append((asked, answer[:at] + chance.choice(characters) + answer[at + 1 :]))
        elif kind < 0.6:
            texts.append((chance.choice(["", "嗯", "ok", "What is it?"]), chance.choice(["", "好", "Yes."])))
        else:
            answer = "".join(chance.choice(characters) for _ in range(chance.randrange(20, 120)))
            asked = chance.choice(
                ["写一段话", "写一段话", "写一篇300字的作文，题目是我的家乡。", "写一篇800字的作文，题目是我的家乡。"]
            )
            texts.append((asked, answer + chance.choice(["", "", " ", "\r\n", "e\u0301"])))
    return texts


def batched(data: pa.RecordBatch, size: int) -> pa.Table:
    return pa.Table.from_batches([data.slice(start, size) for start in range(0, data.num_rows, size)], data.schema)


def removed(removals: pa.RecordBatch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = removals.to_pylist()
    return rows


def found(stage: Any, data: Any) -> dict[str, list[dict[str, Any]]]:
    """All that a stage writes down: what it removes, and its further tables by name."""
    removals = removed(run_stage(stage, data))
    return {"removals": removals, **{name: table.to_pylist() for name, table in stage.evidence().items()}}


def test_the_pipeline_is_the_recipe() -> None:
    """A stage's name is its table in the recipe and stands in the list of names."""
    names = tuple(stage.name for stage in STAGES)
    assert names == get_args(StageName)
    assert Recipe().stages == tuple(name for name in names if name not in {"decontaminate", "diversity"})
    assert [stage.name for stage in KINDS if not stage.reasons] == ["normalise"]
    for stage in STAGES:
        assert type(getattr(Recipe(), stage.name)) is stage.Config


@every_stage
def test_it_says_what_it_is(stage: Any) -> None:
    assert stage.name.isidentifier()
    assert stage.name == stage.name.lower()
    assert stage.version >= 1
    assert len(set(stage.reasons)) == len(stage.reasons) <= 256
    assert stage.__doc__
    for name, setting in stage.Config.model_fields.items():
        assert setting.description, name
        assert not setting.is_required(), name
    assert stage(stage.Config()).config == stage.Config()


@every_stage
def test_settings_are_frozen_and_closed(stage: Any) -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(stage.Config(), next(iter(stage.Config.model_fields)), 1)
    with pytest.raises(ValueError, match="extra"):
        stage.Config(no_such_setting=1)


@every_stage
@pytest.mark.parametrize("data", [pa.record_batch({"turns": pa.array([], TURNS)}), pa.array([], pa.string())])
def test_no_row(stage: Any, data: Any) -> None:
    removals = run_stage(stage(), data)
    assert removals.schema == removals_schema()
    assert removals.num_rows == 0


@every_stage
@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("一句话。", []),
        ("", ["empty_answer"]),
        ("x", []),
        ("\U0001f600", []),
        ("长" * 100_000, ["answer_is_instruction"]),
    ],
    ids=["short", "empty", "letter", "emoji", "long"],
)
def test_one_row_goes_at_most_for_what_it_is(stage: Any, text: str, wrong: list[str]) -> None:
    """There is no row that it could be a duplicate of; only `rules` looks at what a row is."""
    removals = removed(run_stage(stage(), conversations([(text, text)])))
    assert [stage.reasons[row["reason"]] for row in removals] == (wrong if stage.name == "rules" else [])
    assert all(row["kept_row"] is None and row["similarity"] is None for row in removals)


@every_stage
def test_removals_are_in_order_declared_and_add_up(stage: Any) -> None:
    texts = corpus(2_000)
    one = stage()
    removals = run_stage(one, conversations(texts))
    assert removals.schema == removals_schema()
    rows = removed(removals)
    numbers = [row["row"] for row in rows]
    done = numbers if stage.reasons else one.evidence()["changes"]["row"].to_pylist()
    assert len(done) > 100, "the corpus has nothing for this stage"
    assert bool(numbers) == bool(stage.reasons)
    assert numbers == sorted(set(numbers))
    assert all(0 <= number < len(texts) for number in numbers)
    assert {row["reason"] for row in rows} <= set(range(len(one.reasons)))
    ledger = _native.Ledger(len(texts))
    ledger.remove(0, removals)
    assert ledger.kept() + len(rows) == len(texts)
    for row in rows:
        if row["kept_row"] is not None:
            assert ledger.stands(row["kept_row"])
        assert row["similarity"] is None or 0 <= row["similarity"] <= 1


@every_stage
def test_batches_and_threads_do_not_change_the_result(stage: Any) -> None:
    data = conversations(corpus(1_500))
    expected = found(stage(), data)
    assert any(expected.values())
    for threads in (1, 4):
        _native.set_threads(threads)
        for size in (1, 7, 1000):
            assert _comparable(found(stage(), batched(data, size))) == _comparable(expected), (threads, size)


@every_removing_stage
def test_the_order_of_rows_does_not_change_what_stays(stage: Any) -> None:
    texts = corpus(1_500)

    def stays(order: list[int]) -> list[tuple[str, str]]:
        gone = {row["row"] for row in removed(run_stage(stage(), conversations([texts[row] for row in order])))}
        return sorted(texts[row] for place, row in enumerate(order) if place not in gone)

    order = list(range(len(texts)))
    expected = stays(order)
    assert len(expected) < len(texts)
    random.Random(3).shuffle(order)
    assert stays(order) == expected
    assert stays(order[::-1]) == expected


@pytest.mark.parametrize(("stage", "table"), [(Normalise, "changes"), (Rules, "scores")], ids=["normalise", "rules"])
def test_a_row_is_looked_at_by_itself(stage: Any, table: str) -> None:
    """What is written down of a row does not depend on the other rows, or on its place among them."""
    texts = corpus(800)
    order = list(range(len(texts)))
    random.Random(4).shuffle(order)

    def by_row(rows: list[int]) -> dict[int, dict[str, Any]]:
        lines = found(stage(), conversations([texts[row] for row in rows]))[table]
        return {rows[line["row"]]: {**line, "row": None} for line in lines}

    expected = _comparable({"all": [{"row": row, **line} for row, line in sorted(by_row(order[::-1]).items())]})
    assert len(expected["all"]) > 80
    shuffled = by_row(order)
    assert _comparable({"all": [{"row": row, **line} for row, line in sorted(shuffled.items())]}) == expected
    alone = by_row(order[:1]).get(order[0])
    assert _comparable({"all": [alone or {}]}) == _comparable({"all": [shuffled.get(order[0]) or {}]})


@every_stage
def test_what_it_writes_down_beside_is_named_and_about_rows(stage: Any) -> None:
    data = conversations(corpus(500))
    one = stage()
    run_stage(one, data)
    tables = one.evidence()
    known = {
        "changes",
        "scores",
        "near_misses",
        "components",
        "texts",
        "perplexities",
        "tokens",
        "matches",
        "evaluation",
    }
    assert set(tables) <= known
    for name, table in tables.items():
        assert table.num_rows, name
        assert all(0 <= row < data.num_rows for row in table["row"].to_pylist()), name


@every_removing_stage
def test_rows_that_fell_before_take_no_part(stage: Any) -> None:
    """A stage neither removes them again nor keeps one of them for another row."""
    batch = _numbered(conversations(corpus(1_000)))
    ledger = _native.Ledger(batch.num_rows)
    fallen = list(range(0, batch.num_rows, 3))
    ledger.remove(
        0,
        pa.record_batch(
            [
                pa.array(fallen, pa.uint32()),
                pa.array([0] * len(fallen), pa.uint8()),
                pa.nulls(len(fallen), pa.uint32()),
                pa.nulls(len(fallen), pa.float64()),
            ],
            schema=removals_schema(),
        ),
    )
    one = stage()
    one.scan(batch)
    one.finish(_native.ArrowRows(batch), ledger)
    rows = removed(one.decide(batch))
    assert rows
    assert not {row["row"] for row in rows} & set(fallen)
    assert not {row["kept_row"] for row in rows} & set(fallen)
    done, total = one.progress()
    assert done == total


@every_stage
def test_decide_answers_for_the_rows_it_is_asked_about(stage: Any) -> None:
    batch = _numbered(conversations(corpus(1_000)))
    one = stage()
    with pytest.raises(ValueError, match="finish comes before decide"):
        one.decide(batch)
    one.scan(batch)
    one.finish(_native.ArrowRows(batch), None)
    whole = removed(one.decide(batch))
    assert bool(whole) == bool(stage.reasons)
    parts = [removed(one.decide(batch.slice(start, 7))) for start in range(0, batch.num_rows, 7)]
    assert [row for part in parts for row in part] == whole
    some = pa.record_batch({"row": pa.array([5, 900, 17, 400], pa.uint32())})
    assert {row["row"] for row in removed(one.decide(some))} == {row["row"] for row in whole} & {5, 900, 17, 400}
    assert removed(one.decide(some.slice(0, 0))) == []


@every_stage
def test_missing_columns_are_named(stage: Any) -> None:
    needed = [column for column in stage.needs if column != "row"]
    assert set(stage.needs) <= set(READ_COLUMNS) | {column for one in STAGES for column in one.adds}
    for column in needed:
        rest = {name: pa.array(["x"]) for name in [*needed, "other"] if name != column}
        with pytest.raises(UsageError, match=f"{stage.name} needs a column that the data lacks: '{column}'"):
            run_stage(stage(), pa.record_batch(rest))


def test_the_chain_of_columns_is_checked_before_a_byte_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tuple(stage.name for stage in stages_of(Recipe())) == Recipe().stages
    last: Any = next(stage for stage in STAGES if stage.name == Recipe().stages[-1])
    monkeypatch.setattr(last, "needs", (*last.needs, "perplexity"))
    with pytest.raises(InternalError, match=f"{last.name} needs columns that no stage before it adds.*perplexity"):
        stages_of(Recipe())


@pytest.mark.parametrize(("first", "count"), [(0, 0), (0, 1), (5, 3), (2**32 - 4, 3)])
def test_row_numbers(first: int, count: int) -> None:
    numbers = row_numbers(first, count)
    assert numbers.type == pa.uint32()
    assert numbers.to_pylist() == list(range(first, first + count))


def _comparable(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, str]]]:
    """Values as texts: a value that is not a number is no other's equal."""
    return {name: [{key: repr(value) for key, value in row.items()} for row in rows] for name, rows in tables.items()}


def _numbered(data: pa.RecordBatch) -> pa.RecordBatch:
    return pa.record_batch({"row": row_numbers(0, data.num_rows), "turns": data["turns"]})
