"""Real rows for whole runs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard


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


@pytest.fixture(scope="session")
def sample(real: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 rows of real instructions, a tenth of them equal to others or with another last character."""
    lines = real("alpaca_zh").read_bytes().splitlines()[:2_700]
    again = [line.replace(b'"id": "alpaca-zh-', b'"id": "again-') for line in lines[::9]]
    changed = [line[:-2] + "！".encode() + line[-2:] if number % 2 else line for number, line in enumerate(again)]
    path = tmp_path_factory.mktemp("sample") / "raw.jsonl"
    path.write_bytes(b"\n".join(lines + changed) + b"\n")
    return path
