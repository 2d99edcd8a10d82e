"""Real rows for whole runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from tests.end_to_end.runs import cleaned
from tests.resume.generated import write_corpus


def unpacked(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())


@pytest.fixture(scope="session")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the plain JSONL file of a real corpus by its name."""
    folder = tmp_path_factory.mktemp("real")

    def find(name: str) -> Path:
        path = folder / f"{name}.jsonl"
        if not path.exists():
            path.write_bytes(unpacked(shared_data / f"{name}.jsonl.zst"))
        return path

    return find


SPECIAL = (
    {
        "id": "en-1",
        "instruction": "Name three primary colours and say why.",
        "input": "",
        "output": "Red, yellow, blue.",
    },
    {
        "id": "en-2",
        "instruction": "Name three primary colours and say why.",
        "input": "",
        "output": "Red, yellow, blue.",
    },
    {"id": "短", "instruction": "你好", "input": "", "output": "好"},
    {"id": "escapes", "instruction": '引号"与\\斜线\n换行\t制表', "input": "\u0001", "output": "😀 é e\u0301 ＡＢＣ"},
    {"id": "7", "instruction": "", "input": "", "output": "没有问题的回答"},
)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,005 rows, some equal or nearly so, none of them bad."""
    path = tmp_path_factory.mktemp("sample") / "raw.jsonl"
    write_corpus(path, 3_000)
    rows = [line for line in path.read_bytes().splitlines() if line.startswith(b'{"id"') and line.endswith(b"}")]
    assert len(rows) == 3_000
    rows += [json.dumps(row, ensure_ascii=False).encode() for row in SPECIAL]
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path


@pytest.fixture(scope="session")
def plain(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of `sample` with every default."""
    out = tmp_path_factory.mktemp("plain") / "out"
    cleaned(sample, out=out)
    return out
