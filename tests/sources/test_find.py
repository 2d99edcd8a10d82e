import errno
import io
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.sources.conftest import LINES, ROWS, gzipped, zstandarded

from belle_data.errors import BelleError, SourceError, UsageError
from belle_data.sources import find_sources


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data with everything that is to be left out; it is the current folder, so names are short."""
    for name in ("b.jsonl", "a.json", "c.ndjson", "sub/d.JSONL", "sub/deep/e.jsonl", "读/我.jsonl"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(LINES)
    (tmp_path / "data/z.jsonl.gz").write_bytes(gzipped(LINES))
    (tmp_path / "data/y.json.zst").write_bytes(zstandarded(LINES))
    for name in ("README.md", ".hidden.jsonl", "notes.txt", ".cache/f.jsonl", "only.gz", "._b.jsonl"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not data")
    (tmp_path / "data/sub/deep/loop").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "data/self.jsonl").symlink_to("self.jsonl")
    monkeypatch.chdir(tmp_path)
    return tmp_path


EVERYTHING = [
    "data/a.json",
    "data/b.jsonl",
    "data/c.ndjson",
    "data/sub/d.JSONL",
    "data/sub/deep/e.jsonl",
    "data/y.json.zst",
    "data/z.jsonl.gz",
    "data/读/我.jsonl",
]


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (["data"], EVERYTHING),
        (["data/"], EVERYTHING),
        (["data/**"], EVERYTHING),
        (["data/*"], EVERYTHING),
        (["d*/**/**/*.json*", "data/**/*.JSONL"], [name for name in EVERYTHING if ".json" in name] + EVERYTHING[3:4]),
        (["data/**/e.jsonl"], ["data/sub/deep/e.jsonl"]),
        (["data/s?b/*"], ["data/sub/d.JSONL", "data/sub/deep/e.jsonl"]),
        (["data/[ab].*"], ["data/a.json", "data/b.jsonl"]),
        (["data/not*.txt"], ["data/notes.txt"]),
        (["data/.hidden.jsonl"], ["data/.hidden.jsonl"]),
        (["data/b.jsonl", "data/a.json"], ["data/b.jsonl", "data/a.json"]),
        (["data/b.jsonl", "data/*.json*"], ["data/b.jsonl", "data/a.json", "data/y.json.zst", "data/z.jsonl.gz"]),
        (["./data/b.jsonl", "data/sub/../b.jsonl"], ["./data/b.jsonl"]),
        (["data/notes.txt"], ["data/notes.txt"]),
        ("data/b.jsonl", ["data/b.jsonl"]),
    ],
)
def test_what_inputs_name(tree: Path, inputs: list[str], names: list[str]) -> None:
    assert tree.is_dir()
    assert [source.name for source in find_sources(inputs)] == names


def test_absolute_globs_and_file_urls(tree: Path) -> None:
    assert [source.name for source in find_sources([f"{tree}/data/*/d.*"])] == [f"{tree}/data/sub/d.JSONL"]
    assert [source.name for source in find_sources([f"file://{tree}/data/b.jsonl"])] == [f"{tree}/data/b.jsonl"]


@pytest.mark.parametrize(
    ("inputs", "text", "hint"),
    [
        ([], "no input is named", "name files"),
        ([""], "an input is empty", "name a file"),
        (["data/bb.jsonl"], "data/bb.jsonl: no such file", "did you mean data/b.jsonl?"),
        (["nowhere/b.jsonl"], "nowhere/b.jsonl: no such file", "the folder nowhere does not exist either"),
        (["data/*.csv"], "data/*.csv: no file matches", "hidden files are skipped"),
        (["empty"], "empty: the folder holds no data", "data files end in .jsonl"),
        (["gone"], "gone: the link leads to nothing", ""),
        (["self://x/y"], "self://x/y: the protocol self:// is unknown", "s3://"),
        (["s3://bucket/x.jsonl"], "s3:// needs a package that is not installed", "pip install s3fs"),
        (["hf://datasets/a/b"], "hf:// needs a package that is not installed", "pip install huggingface_hub"),
        (["memory://nothing.jsonl"], "memory://nothing.jsonl: no such file", ""),
        (["memory://*.jsonl"], "memory://*.jsonl: no file matches", "data files end in"),
        (["a\0b"], r"a\x00b: no such file", ""),
        (["x" * 5000], "File name too long", ""),
    ],
)
def test_inputs_that_name_nothing(
    tree: Path, monkeypatch: pytest.MonkeyPatch, inputs: list[str], text: str, hint: str
) -> None:
    for backend in ("s3fs", "huggingface_hub"):
        monkeypatch.setitem(sys.modules, backend, None)
    (tree / "empty").mkdir()
    (tree / "gone").symlink_to("nothing")
    with pytest.raises(BelleError) as caught:
        find_sources(inputs)
    assert text in str(caught.value)
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 2


def test_a_missing_package_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UsageError, match="reading zstd needs the package zstandard") as caught:
        find_sources([str(tree / "data/y.json.zst")])
    assert caught.value.hint == "pip install zstandard"


def test_a_dangling_link_in_a_folder_is_an_error(tree: Path) -> None:
    (tree / "data/sub/lost.jsonl").symlink_to("/nowhere/lost.jsonl")
    with pytest.raises(SourceError, match=r"data/sub/lost\.jsonl: the link leads to nothing"):
        find_sources(["data"])


def test_what_may_not_be_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file = Path.open

    def refuse(path: Path, mode: str = "r") -> object:
        # The superuser may read everything, so rights alone would not show it.
        if path.name == "b.jsonl":
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_file(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match=r"data/b\.jsonl: no permission to read it"):
        find_sources([str(tree / "data")])


def test_sockets_and_devices_are_refused() -> None:
    with pytest.raises(SourceError, match="/dev/null: neither a file nor a folder nor a pipe"):
        find_sources(["/dev/null"])


@pytest.mark.usefixtures("tree")
def test_sources_say_what_they_are() -> None:
    for source in find_sources(["data"]):
        status = Path(source.name).stat()
        assert source.size == status.st_size
        assert source.stamp == str(status.st_mtime_ns)
        assert source.kind == "jsonl"
        expected = {".gz": "gzip", ".zst": "zstd"}.get(Path(source.name).suffix, "none")
        assert source.compression == expected


def test_names_that_are_no_text_or_look_alike(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff.jsonl"
    Path(os.fsdecode(raw)).write_bytes(LINES)
    (tmp_path / "\\xff.jsonl").write_bytes(LINES)
    (tmp_path / "s3:").mkdir()
    names = [source.name for source in find_sources([str(tmp_path)])]
    assert names == [f"{tmp_path}/\\xff.jsonl", f"{tmp_path}/\\xff.jsonl#2"]


def test_a_local_file_named_like_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data::v2.jsonl").write_bytes(LINES)
    assert [source.name for source in find_sources(["data::v2.jsonl"])] == ["./data::v2.jsonl"]


def test_fsspec(memory: MemoryFileSystem) -> None:
    memory.pipe("/in/b.jsonl", LINES)
    memory.pipe("/in/a/c.jsonl.gz", gzipped(LINES))
    memory.pipe("/in/readme.md", b"# no data")
    memory.pipe("/in/.hidden/x.jsonl", LINES)
    expected = ["memory:///in/a/c.jsonl.gz", "memory:///in/b.jsonl"]
    for given in ("memory://in", "memory://in/", "memory://in/**/*.json*"):
        found = find_sources([given])
        assert [source.name for source in found][:2] == expected
    first, second = find_sources(["memory://in"])
    assert (first.compression, second.compression, second.size) == ("gzip", "none", len(LINES))
    memory.pipe("/in/b.jsonl", LINES)
    assert find_sources(["memory://in/b.jsonl"])[0].stamp != second.stamp


def test_files_within_an_archive(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("d/a.jsonl", LINES)
        file.writestr("d/b.jsonl", LINES)
    found = find_sources([f"zip://d/*.jsonl::{archive}"])
    assert [source.name for source in found] == [f"zip://d/a.jsonl::{archive}", f"zip://d/b.jsonl::{archive}"]
    assert find_sources([source.location for source in found]) == found


def test_secrets_are_not_shown(memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.pipe("/a.jsonl", LINES)

    def open_nothing(*_arguments: object, **_options: object) -> None:
        message = "no route to memory://me:hunter2@a.jsonl?X-Signature=abc"
        raise ConnectionError(message)

    (source,) = find_sources(["memory://a.jsonl"])
    assert "location" not in repr(source)
    monkeypatch.setattr(MemoryFileSystem, "info", open_nothing)
    with pytest.raises(SourceError) as caught:
        find_sources(["memory://me:hunter2@a.jsonl?X-Signature=abc"])
    assert "memory://me:***@a.jsonl?X-Signature=***: cannot be read (ConnectionError" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_standard_input_and_pipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzipped(LINES))))
    (source,) = find_sources(["-", "-"])
    assert (source.name, source.size, source.compression) == ("-", None, "gzip")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"PAR1",))
    writer.start()
    (source,) = find_sources([str(pipe)])
    writer.join()
    assert (source.name, source.size, source.kind) == (str(pipe), None, "parquet")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input is closed"):
        find_sources(["-"])


def test_plain_files_need_no_heavy_package(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    code = (
        "import sys, pathlib; from belle_data.sources import *;"
        f"materialise(find_sources([{str(path)!r}])[0], pathlib.Path({str(tmp_path)!r}), None);"
        "print([name for name in ('fsspec', 'pyarrow', 'zstandard', 'numpy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
    assert len(ROWS) == LINES.count(b"\n")
