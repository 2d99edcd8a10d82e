"""`vocab check`: the certificate holds where nothing was touched, and says what was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import sentencepiece
from tests.vocab.conftest import edited

from belle_data.vocab.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Shell


pytest.importorskip("tokenizers", reason="needs the package tokenizers")

MERGE = ("vocab", "merge", "--base", "base.model", "--add", "zh.model", "--out", "merged")
CHECK = ("vocab", "check", "merged", "--base", "base.model", "--text", "zh=zh.txt", "--text", "en=en.txt")


@pytest.fixture
def merged(shell: Shell) -> Shell:
    assert shell.here(*MERGE, "-q").code == 0
    return shell


def states(certificate: dict[str, Any]) -> dict[str, str]:
    return {promise["name"]: promise["state"] for promise in certificate["promises"]}


def exceptions(certificate: dict[str, Any]) -> dict[str, int]:
    return {promise["name"]: promise["exceptions"] for promise in certificate["promises"]}


def test_every_promise_of_safe_holds(merged: Shell) -> None:
    done = merged(*CHECK, "--fuzz", "3000", "--json")
    assert done.code == 0, done.err
    found = done.json()
    assert states(found) == dict.fromkeys(PROMISES, "holds")
    assert set(exceptions(found).values()) == {0}
    assert found == json.loads((merged.folder / "merged" / "certificate.json").read_text(encoding="utf-8"))
    assert (found["mode"], found["holds"], found["made_strings"]["count"]) == ("safe", True, 3000)
    assert found["runtimes"][0].startswith("sentencepiece ")
    assert "tokenizers " in found["runtimes"][1]


def test_what_is_counted_is_what_sentencepiece_gives(merged: Shell) -> None:
    found = merged.here(*CHECK, "--fuzz", "0", "--json", "-q").json()["texts"]
    loaded = {
        name: sentencepiece.SentencePieceProcessor(model_file=str(merged.folder / path))
        for name, path in (("base", "base.model"), ("merged", "merged/tokenizer.model"))
    }
    for name in ("zh", "en"):
        lines = (merged.folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        base, new = (loaded[which].encode(lines) for which in ("base", "merged"))
        assert found[name]["units"] == len(lines) == 300
        assert found[name]["unit"] == "line"
        assert found[name]["characters"] == sum(map(len, lines))
        assert found[name]["tokens"] == sum(map(len, new))
        assert found[name]["base_tokens"] == sum(map(len, base))
        assert found[name]["ratio"] == pytest.approx(sum(map(len, new)) / sum(map(len, base)), abs=1e-6)
        assert found[name]["changed"] == sum(one != other for one, other in zip(base, new, strict=True))
    assert found["zh"]["ratio"] < 0.6
    assert (found["en"]["changed"], found["en"]["without_han"], found["en"]["ratio"]) == (0, 300, 1.0)


def test_rows_are_counted_as_rows(merged: Shell) -> None:
    rows = [{"instruction": "one two", "input": "", "output": "我们"}, {"instruction": "three", "output": "four"}]
    merged.write("rows.jsonl", [*rows, *rows])
    done = merged.here(*CHECK[:5], "--text", "rows=rows.jsonl", "--limit", "3", "--fuzz", "0", "--json", "-q")
    found = done.json()["texts"]["rows"]
    assert (found["unit"], found["units"], found["changed"], found["without_han"]) == ("row", 3, 2, 1)
    assert found["characters"] == 2 * len("one two我们") + len("threefour")


@pytest.mark.parametrize("mode", ["paper", "chinese-llama"])
def test_other_modes_are_measured_and_promise_less(shell: Shell, mode: str) -> None:
    assert shell.here(*MERGE, "--mode", mode, "-q").code == 0
    done = shell.here(*CHECK, "--fuzz", "500", "--json", "-q")
    found = done.json()
    assert (done.code, found["holds"], found["mode"]) == (0, True, mode)
    assert states(found)["other-text-unchanged"] == states(found)["fast-is-sentencepiece"] == "not promised"
    assert states(found)["base-unmoved"] == states(found)["round-trip"] == "holds"
    if mode == "chinese-llama":
        assert exceptions(found)["fast-is-sentencepiece"] > 0
        assert exceptions(found)["scores-fall"] > 200


def test_the_table(merged: Shell) -> None:
    done = merged.here(*CHECK, "--fuzz", "100")
    assert done.code == 0
    for name, (says, _) in PROMISES.items():
        assert any(line.split()[-len(says.split()) - 1 :] == [name, *says.split()] for line in done.out.split("\n"))
    assert any(line.split()[:3] == ["en", "300", "lines"] for line in done.out.split("\n"))
    assert "every promise holds" in done.out.split("\n")[0]


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def swap_ids(content: Any) -> None:
    vocabulary = content["model"]["vocab"]
    vocabulary["我"], vocabulary["们"] = vocabulary["们"], vocabulary["我"]


def turn_merges(content: Any) -> None:
    content["model"]["merges"].reverse()


def drop_row(content: Any) -> None:
    del content["new"][3]


def foreign_row(content: Any) -> None:
    content["new"][3]["from"] = [100_000]


def move_padding(content: Any) -> None:
    content["padded"][0] -= 1


@pytest.mark.parametrize(
    ("name", "change", "broken"),
    [
        ("tokenizer.json", swap_ids, {"tokenizer-json-agrees", "fast-is-sentencepiece", "round-trip"}),
        ("tokenizer.json", turn_merges, {"tokenizer-json-agrees", "fast-is-sentencepiece"}),
        ("row_map.json", drop_row, {"rows-mapped"}),
        ("row_map.json", foreign_row, {"rows-mapped"}),
        ("row_map.json", move_padding, {"rows-mapped"}),
        ("tokenizer_config.json", lambda content: content.update(model_max_length=7), set()),
    ],
)
def test_a_file_that_was_changed(merged: Shell, name: str, change: Callable[[Any], object], broken: set[str]) -> None:
    rewrite(merged.folder / "merged" / name, change)
    done = merged.here(*CHECK, "--fuzz", "500", "--json", "-q")
    assert done.code == 1
    found = done.json()
    assert {one for one, state in states(found).items() if state == "broken"} == {"files-as-written", *broken}
    assert found["promises"][0]["examples"] == [{"file": name}]
    assert all(promise["examples"] for promise in found["promises"] if promise["state"] == "broken")
    assert all(len(promise["examples"]) <= 5 for promise in found["promises"])


def with_latin(message: Any) -> None:
    message.pieces.add(piece="e1", score=-5e6)


def move_base(message: Any) -> None:
    message.pieces[300].score += 0.5


def tie(message: Any) -> None:
    message.pieces[-1].score = message.pieces[-2].score


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (with_latin, {"digits-alone", "rows-mapped"}),
        (move_base, {"base-unmoved"}),
        (lambda message: message.pieces.add(piece="▁to▁and", score=-5e6), {"other-text-unchanged", "rows-mapped"}),
        (tie, {"scores-fall"}),
        (lambda message: message.pieces.add(piece="龘靐甲", score=-5e6), {"all-reachable", "rows-mapped"}),
    ],
)
def test_a_model_edited_after_the_merge(merged: Shell, change: Callable[[Any], object], broken: set[str]) -> None:
    path = merged.folder / "merged" / "tokenizer.model"
    path.write_bytes(edited(path, change))
    done = merged.here(*CHECK, "--fuzz", "200", "--json", "-q")
    assert done.code == 1, done.err
    found = {name for name, state in states(done.json()).items() if state == "broken"}
    assert found >= {"files-as-written", *broken}
    assert "loaded-as-it-is" not in found


def test_counterexamples_are_shown(merged: Shell) -> None:
    rewrite(merged.folder / "merged" / "tokenizer.json", swap_ids)
    (merged.folder / "zh.txt").write_text("\x1b[2J我\n", encoding="utf-8")
    done = merged.here(*CHECK, "--fuzz", "0")
    assert done.code == 1
    assert "promises broken" in done.out.split("\n")[0]
    assert "fast-is-sentencepiece is broken:" in done.out
    assert "\x1b" not in done.out
    assert r"\x1b[2J我" in done.out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), "the folder has no tokenizer.json"),
        (lambda folder: (folder / "tokenizer.json").write_text("{", encoding="utf-8"), "not valid JSON"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}", encoding="utf-8"), "does not take the file"),
        (lambda folder: (folder / "tokenizer.json").write_bytes(b"\xff"), "not valid JSON"),
        (lambda folder: (folder / "tokenizer.model").write_bytes(b"x"), "no sentencepiece model"),
        (lambda folder: (folder / "merge.json").unlink(), "the folder has no merge.json"),
        (lambda folder: (folder / "merge.json").write_text("[]", encoding="utf-8"), "holds no JSON object"),
        (lambda folder: (folder / "merge.json").write_text("{}", encoding="utf-8"), "not one that vocab merge wrote"),
        (lambda folder: (folder / "row_map.json").write_text("{}", encoding="utf-8"), "not one that vocab merge"),
        (
            lambda folder: rewrite(folder / "row_map.json", lambda rows: rows.update(rows="9")),
            "not one that vocab merge",
        ),
    ],
)
def test_a_damaged_folder(merged: Shell, spoil: Callable[[Path], object], message: str) -> None:
    spoil(merged.folder / "merged")
    done = merged.here(*CHECK, "--fuzz", "10", "-q")
    assert (done.code, done.out, message in done.err) == (2, "", True), done.err
    assert not (merged.folder / "merged" / "certificate.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vocab", "check"], "are required: --base"),
        (["vocab", "check", "none", "--base", "base.model"], "there is no such folder"),
        (["vocab", "check", "zh.txt", "--base", "base.model"], "this is a file, and no folder"),
        (["vocab", "check", "merged", "--base", "zh.model"], "another base than that of the merge"),
        ([*CHECK, "--text", "zh.txt"], "--text is given as NAME=FILE"),
        ([*CHECK, "--text", "de=none.txt"], "there is no such file"),
        ([*CHECK, "--text", "zh=zh.model"], "do not go together"),
        ([*CHECK, "--limit", "0"], "at least 1"),
        ([*CHECK, "--out", "none/certificate.json"], "cannot be written there"),
    ],
)
def test_wrong_use(merged: Shell, arguments: list[str], message: str) -> None:
    done = merged.here(*arguments, "-q")
    assert (done.code, done.out, message in done.err) == (2, "", True), done.err
    assert not (merged.folder / "merged" / "certificate.json").exists()


def test_without_transformers_the_library_tokenizers_is_asked(merged: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    found = merged.here(*CHECK, "--fuzz", "200", "--json", "-q").json()
    assert found["runtimes"][1].startswith("tokenizers ")
    assert found["holds"]


def test_ctrl_c_leaves_no_certificate(merged: Shell) -> None:
    process = subprocess.Popen(
        merged.command(*CHECK, "--fuzz", "5000000"),
        cwd=merged.folder,
        env=merged.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("read en.txt"):
            break
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), error
    assert "interrupted: nothing was written" in error
    assert not [path.name for path in (merged.folder / "merged").iterdir() if "certificate" in path.name]


def test_the_certificate_goes_where_it_is_told(merged: Shell) -> None:
    assert merged.here(*CHECK, "--fuzz", "10", "-q", "--out", "proof.json").code == 0
    proof = (merged.folder / "proof.json").read_bytes()
    assert not (merged.folder / "merged" / "certificate.json").exists()
    assert merged.here(*CHECK, "--fuzz", "10", "-q").code == 0
    assert (merged.folder / "merged" / "certificate.json").read_bytes() == proof
    assert merged.here(*MERGE, "--force", "-q").code == 0, "a certificate is no file of somebody else"
