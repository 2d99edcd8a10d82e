"""`vocab train` through the command line.

With a character coverage of 1 each character that is trained on has a piece: the pieces tell which lines were.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tests.cli.conftest import Shell
from tests.vocab.made_tokenizers import example_lines, write_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

SPECIAL = 3 + 256
"""The unknown piece, start, end, and the bytes."""


@pytest.fixture
def belle(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def marked(belle: Shell) -> list[str]:
    """A file of 200 lines, each with a character that no other has, and words that many have; its lines."""
    lines = [f"{chr(0x4E00 + 7 * at)}今天天气很好，我们去公园 {at % 10}。" for at in range(200)]
    write_lines(belle.folder / "zh.txt", lines)
    return lines


def processor_of(path: Path) -> Any:
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def proto_of(path: Path) -> Any:
    proto: Any = getattr(sentencepiece_model_pb2, "ModelProto")()  # noqa: B009 - made when it is loaded
    proto.ParseFromString(path.read_bytes())
    return proto


def pieces_of(path: Path) -> set[str]:
    processor = processor_of(path)
    return {processor.id_to_piece(number) for number in range(processor.get_piece_size())}


def trained_on(path: Path, lines: Sequence[str]) -> list[int]:
    """The numbers of the lines whose own character has a piece."""
    known = pieces_of(path)
    return [at for at, line in enumerate(lines) if line[0] in known]


def told(path: Path) -> Any:
    return json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))


ALL = ("--character-coverage", "1", "--threads", "1")


def test_a_model_and_what_it_was_made_of(belle: Shell) -> None:
    lines = example_lines()
    text = write_lines(belle.folder / "zh.txt", [*lines, ""])
    done = belle.here("vocab", "train", text, "--size", "2500", "--out", "zh.model", "--max-memory", "1GiB")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].split() == ["zh.model", "2,500", "pieces,", *done.out.split()[3:5]]
    assert sorted(path.name for path in belle.folder.iterdir()) == ["zh.model", "zh.model.json", "zh.txt"]
    model = belle.folder / "zh.model"
    processor = processor_of(model)
    assert processor.get_piece_size() == 2500
    for line in lines:
        assert processor.decode(processor.encode(line)) == line
    digits = [piece for piece in pieces_of(model) if any(map(str.isdecimal, piece)) and not piece.startswith("<0x")]
    assert digits
    assert {len(piece) for piece in digits} == {1}
    found = told(model)
    assert found["model"]["sha256"] == sha256(model.read_bytes()).hexdigest()
    assert found["inputs"] == [
        {
            "name": str(text), "size": text.stat().st_size, "sha256": sha256(text.read_bytes()).hexdigest(),
            "lines": len(lines) + 1, "rejected": 0,
        }
    ]  # fmt: skip
    assert found["lines"]["read"] == found["lines"]["trained_on"] == len(lines)
    assert found["characters"]["read"] == found["characters"]["trained_on"] == sum(map(len, lines))
    assert found["memory"]["limit"] == 1 << 30
    assert f"memory: at most {found['memory']['promised'] >> 20:,} MiB of 1,024 MiB" in done.err
    assert 0 < found["measured"]["peak_trainer"] < found["memory"]["promised"]


def test_the_same_bytes_for_any_number_of_threads_and_others_for_another_seed(belle: Shell, marked: list[str]) -> None:
    models = []
    for at, arguments in enumerate((("--threads", "1"), ("--threads", "2"), ("--seed", "1"))):
        name = f"{at}.model"
        command = ("vocab", "train", "zh.txt", "--size", "500", "--lines", "90", "--held-out", "10", "--out", name)
        done = belle.here(*command, *ALL[:2], *arguments, "-q")
        assert (done.code, done.out, done.err) == (0, "", "")
        models.append(
            ((belle.folder / name).read_bytes(), (belle.folder / f"{at}.held-out.txt").read_bytes()),
        )
    assert models[0] == models[1]
    assert models[0][0] != models[2][0]
    assert models[0][1] != models[2][1]
    assert proto_of(belle.folder / "0.model").trainer_spec.input == []
    assert trained_on(belle.folder / "0.model", marked) != trained_on(belle.folder / "2.model", marked)


def test_lines_are_drawn_evenly(belle: Shell, marked: list[str]) -> None:
    done = belle.here("vocab", "train", "zh.txt", "--size", "400", "--lines", "50", *ALL, "--out", "zh.model", "--json")
    used = trained_on(belle.folder / "zh.model", marked)
    # One of each four neighbours.
    assert [at // 4 for at in used] == list(range(50))
    assert len({at % 4 for at in used}) == 4
    assert done.json() == told(belle.folder / "zh.model")
    assert done.json()["lines"] == {
        "read": 200, "held_out": 0, "drawn": 50, "equal_to_held_out": 0, "trained_on": 50, "cut": 0,
    }  # fmt: skip


@pytest.mark.parametrize("lines", [None, 40])
def test_held_out_lines_are_never_trained_on(lines: int | None, belle: Shell, marked: list[str]) -> None:
    # Each line is there three times: what is held out must not come back from another place.
    write_lines(belle.folder / "zh.txt", [*marked, *marked[::-1], *marked])
    more = () if lines is None else ("--lines", str(lines))
    command = ("vocab", "train", "zh.txt", "--size", "500", "--held-out", "30", "--held-out-file", "kept.txt", *more)
    done = belle.here(*command, *ALL, "--out", "zh.model")
    assert done.code == 0, done.err
    held = (belle.folder / "kept.txt").read_text(encoding="utf-8").splitlines()
    assert len(held) == 30
    assert set(held) <= set(marked)
    used = trained_on(belle.folder / "zh.model", marked)
    assert not {marked[at] for at in used} & set(held)
    found = told(belle.folder / "zh.model")["lines"]
    assert (found["held_out"], found["read"]) == (30, 600)
    if lines is None:
        assert len(used) == 200 - len(set(held))
        assert found["trained_on"] == 600 - 3 * len(set(held))
        assert found["equal_to_held_out"] == 3 * len(set(held)) - 30
    else:
        assert (found["drawn"], found["trained_on"] + found["equal_to_held_out"]) == (40, 40)


def test_identity_keeps_the_full_width_comma_and_nfkc_loses_it(belle: Shell, marked: list[str]) -> None:
    assert marked
    for name in ("identity", "nfkc", "nmt_nfkc"):
        out = f"{name}.model"
        done = belle.here("vocab", "train", "zh.txt", "--size", "600", "--normalisation", name, *ALL, "--out", out)
        assert done.code == 0, done.err
        processor = processor_of(belle.folder / out)
        comma = processor.decode(processor.encode("今天，我们"))
        assert comma == ("今天，我们" if name == "identity" else "今天,我们")
    silent = belle.here("vocab", "train", "zh.txt", "--size", "600", *ALL, "--out", "silent.model")
    assert silent.code == 0
    assert (belle.folder / "silent.model").read_bytes() == (belle.folder / "identity.model").read_bytes()


def test_digits_and_white_space_are_as_in_llama(belle: Shell, marked: list[str], shared_data: Path) -> None:
    assert marked
    assert belle.here("vocab", "train", "zh.txt", "--size", "600", "--out", "zh.model").code == 0
    ours, llama = proto_of(belle.folder / "zh.model"), proto_of(shared_data / "llama.tokenizer.model")
    same = (
        "model_type", "split_by_unicode_script", "split_by_whitespace", "split_by_number", "split_digits",
        "treat_whitespace_as_suffix", "allow_whitespace_only_pieces", "byte_fallback", "max_sentencepiece_length",
        "unk_id", "bos_id", "eos_id", "pad_id", "unk_piece", "bos_piece", "eos_piece",
    )  # fmt: skip
    for name in same:
        assert getattr(ours.trainer_spec, name) == getattr(llama.trainer_spec, name), name
    for name in ("name", "precompiled_charsmap", "add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces"):
        assert getattr(ours.normalizer_spec, name) == getattr(llama.normalizer_spec, name), name


def test_rows_give_the_lines_of_their_turns(belle: Shell, marked: list[str]) -> None:
    fours = [marked[at : at + 4] for at in range(0, 200, 4)]
    rows: list[Any] = [
        {"instruction": f"{one}\n\n{two}", "input": "", "output": f"{three}\r\n{four}"}
        for one, two, three, four in fours
    ]
    belle.write("rows.jsonl", [*rows, "no row"])
    (belle.folder / "zh.txt.gz").write_bytes(gzip.compress((belle.folder / "zh.txt").read_bytes()))
    models = []
    for name in ("zh.txt", "zh.txt.gz", "rows.jsonl"):
        done = belle.here("vocab", "train", name, "--size", "600", *ALL, "--out", f"{name}.model")
        assert done.code == 0, done.err
        models.append((belle.folder / f"{name}.model").read_bytes())
    assert models[0] == models[1] == models[2]
    found = told(belle.folder / "rows.jsonl.model")
    assert (found["lines"]["trained_on"], found["inputs"][0]["rejected"]) == (200, 1)


def test_what_the_trainer_would_drop_is_kept(belle: Shell) -> None:
    """Lines over 4,192 bytes, words of more than 65,535 characters, and lines with U+2585."""
    own = [chr(0x5000 + at) for at in range(6)]
    long = f"{own[0]}{'好' * 70_000}{own[1]}"
    lines = [long, f"{own[2]}今天▅天气{own[3]}", f"▅{own[4]}", "▅", f"{own[5]}好"]
    write_lines(belle.folder / "zh.txt", lines)
    done = belle.here("vocab", "train", "zh.txt", "--size", "300", *ALL, "--out", "zh.model")
    assert done.code == 0, done.err
    assert set(own) <= pieces_of(belle.folder / "zh.model")
    found = told(belle.folder / "zh.model")
    assert found["lines"]["cut"] == 1
    assert found["characters"]["left_out"] == 3
    assert "3 characters U+2585" in done.out
    assert "1 lines of more than 4,096 characters" in done.out


def test_the_largest_and_the_smallest_size_are_named(belle: Shell, marked: list[str]) -> None:
    characters = len({character for line in marked for character in line if character != " "}) + 1
    too_large = belle.here("vocab", "train", "zh.txt", "--size", "50000", *ALL, "--out", "zh.model")
    assert too_large.code == 2
    assert "the text does not fill a vocabulary of 50,000 pieces; the largest possible is " in too_large.err
    largest = int(too_large.err.split("hint: --size ")[1].split(",")[0])
    too_small = belle.here("vocab", "train", "zh.txt", "--size", "300", *ALL, "--out", "zh.model")
    assert too_small.code == 2
    smallest = int(too_small.err.split("hint: --size ")[1].split(" ")[0])
    assert smallest == SPECIAL + characters
    assert list(belle.folder.iterdir()) == [belle.folder / "zh.txt"]
    for size, code in ((smallest - 1, 2), (smallest, 0), (largest, 0), (largest + 1, 2)):
        done = belle.here("vocab", "train", "zh.txt", "--size", str(size), *ALL, "--out", f"{size}.model")
        assert done.code == code, (size, done.err)


def test_one_line_is_enough_whatever_else_is_in_the_folder(belle: Shell) -> None:
    write_lines(belle.folder / "one.txt", ["今天今天天气"])
    # The trainer's process must not take a module from the folder that it runs in.
    for name in ("sentencepiece", "json", "belle_data"):
        (belle.folder / f"{name}.py").write_text("raise SystemExit(9)", encoding="utf-8")
    done = belle.here("vocab", "train", "one.txt", "--size", "264", *ALL, "--out", "one.model")
    assert done.code == 0, done.err
    assert "今天" in pieces_of(belle.folder / "one.model")


def random_text(path: Path, lines: int) -> Path:
    """Ideographs in no order: nearly every pair of neighbours is another, which costs the trainer most."""
    chance = random.Random(3)
    alphabet = [chr(0x4E00 + at) for at in range(8000)]
    return write_lines(path, ["".join(chance.choices(alphabet, k=50)) for _ in range(lines)])


def tree_memory(process: int) -> int:
    """Bytes of a process and of those that it started."""
    total = 0
    for one in [process, *_started(process)]:
        try:
            status = Path(f"/proc/{one}/status").read_text(encoding="ascii")
            total += int(status.split("VmRSS:")[1].split()[0]) * 1024
        except (OSError, IndexError):
            continue
    return total


def _started(process: int) -> list[int]:
    try:
        return [
            int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
        ]
    except OSError:
        return []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the memory of processes from /proc")
def test_memory_stays_within_the_bound(belle: Shell) -> None:
    random_text(belle.folder / "zh.txt", 40_000)
    command = belle.command("vocab", "train", "zh.txt", "--size", "12000", "--max-memory", "512MiB", "--out", "a.model")
    process = subprocess.Popen(command, cwd=belle.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, err = process.communicate(timeout=120)
    watcher.join()
    assert process.returncode == 0, err
    found = told(belle.folder / "a.model")
    assert 100 << 20 < peak <= found["memory"]["promised"] <= found["memory"]["limit"] == 512 << 20
    assert 1000 < found["lines"]["drawn"] < 40_000, "fewer lines than there are, so that they fit"


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="only Linux refuses memory")
def test_more_memory_than_promised_is_refused(belle: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text may be worse than all that was measured: then training ends, and the promise is kept."""
    for name in ("_OF_SYMBOL", "_OF_PAIR"):
        monkeypatch.setattr(f"belle_data.vocab.training_memory.{name}", 1)
    random_text(belle.folder / "zh.txt", 40_000)
    done = belle.here("vocab", "train", "zh.txt", "--size", "12000", "--max-memory", "512MiB", "--out", "a.model")
    assert (done.code, "training needs more memory than was promised" in done.err) == (2, True), done.err
    assert [path.name for path in belle.folder.iterdir()] == ["zh.txt"]


def test_ctrl_c_ends_the_trainer_too(belle: Shell) -> None:
    random_text(belle.folder / "zh.txt", 40_000)
    command = ("vocab", "train", "zh.txt", "--size", "20000", "--held-out", "10", "--out", "zh.model", "-v")
    process = subprocess.Popen(
        belle.command(*command), cwd=belle.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "merges=" in line:
            break
    started = _started(process.pid)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "interrupted: nothing was written")
    assert time.monotonic() - began < 3
    assert [path.name for path in belle.folder.iterdir()] == ["zh.txt"]
    assert [one for one in started if Path(f"/proc/{one}").exists()] == []


def test_files_that_are_there_stay_unless_it_is_asked_for(belle: Shell, marked: list[str]) -> None:
    assert marked
    command = ("vocab", "train", "zh.txt", "--size", "600", *ALL, "--held-out", "5", "--out", "zh.model")
    for name in ("zh.model", "zh.model.json", "zh.held-out.txt"):
        (belle.folder / name).write_text("mine", encoding="utf-8")
        refused = belle.here(*command)
        assert (refused.code, f"{name}: the file is there already" in refused.err) == (2, True), refused.err
        assert "--force" in refused.err
        assert (belle.folder / name).read_text(encoding="utf-8") == "mine"
        (belle.folder / name).unlink()
    assert belle.here(*command).code == 0
    first = (belle.folder / "zh.model").read_bytes()
    assert belle.here(*command, "--force", "--seed", "9").code == 0
    assert (belle.folder / "zh.model").read_bytes() != first


@pytest.mark.parametrize("module", ["sentencepiece", "google.protobuf"])
def test_an_absent_package_is_named(
    module: str, belle: Shell, marked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert marked
    monkeypatch.setitem(sys.modules, module, None)
    done = belle.here("vocab", "train", "zh.txt", "--out", "zh.model")
    assert done.code == 2
    assert f"needs the package {module.removeprefix('google.')}, which is not installed" in done.err
    assert "hint: pip install 'belle-data[vocab]'" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zh.txt"], "it is not said where the model goes"),
        (["zh.txt", "--out", ""], "has no name"),
        (["zh.txt", "--out", "zh.model", "--threads", "0"], "threads must be 1 to 1024"),
        (["zh.txt", "--out", "absent/zh.model"], "lies in no folder"),
        (["zh.txt", "--out", "folder"], "is a folder"),
        (["zh.txt", "--out", "zh.txt", "--force"], "is an input"),
        (["zh.txt", "--out", "zh.model", "--size", "100"], "the size must be 260 to"),
        (["zh.txt", "--out", "zh.model", "--size", "many"], "must be a whole number"),
        (["zh.txt", "--out", "zh.model", "--lines", "0"], "must be at least 1"),
        (["zh.txt", "--out", "zh.model", "--max-memory", "much"], "--max-memory must be a size"),
        (["zh.txt", "--out", "zh.model", "--max-memory", "100MiB"], "the memory must be at least 512 MiB"),
        (["zh.txt", "--out", "zh.model", "--character-coverage", "2"], "must be above 0 and at most 1"),
        (["zh.txt", "--out", "zh.model", "--normalisation", "nfc"], "unknown normalisation"),
        (["zh.txt", "--out", "zh.model", "--held-out", "200"], "no line would be left to train on"),
        (["zh.txt", "--out", "zh.model", "--held-out-file", "a.txt"], "how many lines are held out"),
        (["zh.txt", "--out", "zh.model", "--held-out", "3", "--held-out-file", "a.jsonl"], "must end in .txt"),
        (["zh.txt", "--out", "zh.model", "--format", "alpaca"], "--format is for rows"),
        (["zh.txt", "rows.jsonl", "--out", "zh.model"], "do not go together"),
        (["absent.txt", "--out", "zh.model"], "there is no such file"),
        (["empty.txt", "--out", "zh.model"], "there is no line in the input"),
        (["blank.txt", "--out", "zh.model"], "there is no character in the input"),
        (["binary.txt", "--out", "zh.model"], "binary.txt:1 (byte 1): this is no text"),
        (["rows.jsonl", "--out", "zh.model"], "no line of the input is a row"),
    ],
)
def test_wrong_use(arguments: list[str], message: str, belle: Shell, marked: list[str]) -> None:
    assert marked
    (belle.folder / "folder").mkdir()
    files = {"empty.txt": b"", "blank.txt": b"\n\n\n", "binary.txt": b"a\0b\n", "rows.jsonl": b"no row\n"}
    for name, content in files.items():
        (belle.folder / name).write_bytes(content)
    before = {path: path.read_bytes() if path.is_file() else None for path in belle.folder.iterdir()}
    done = belle.here("vocab", "train", *arguments)
    assert (done.code, message in done.err) == (2, True), done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert {path: path.read_bytes() if path.is_file() else None for path in belle.folder.iterdir()} == before
