"""Runs of the command line in processes of their own, and what they leave behind."""

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard

RESULTS = ("shards", "stages", "rejected", "rows.parquet", "manifest.json")
"""What must be the same bytes however a run came to its end."""
STAGE_FILES = (
    "normalise.parquet",
    "normalise.changes.parquet",
    "rules.parquet",
    "rules.scores.parquet",
    "exact_dedup.parquet",
    "near_dedup.parquet",
    "near_dedup.near_misses.parquet",
    "near_dedup.components.parquet",
    "semantic_dedup.parquet",
    "semantic_dedup.near_misses.parquet",
    "semantic_dedup.texts.parquet",
    "quality.parquet",
    "quality.perplexities.parquet",
    "quality.tokens.parquet",
)
"""What the stages of a run with every default leave in stages/, and all that they leave there."""


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    out: str
    err: str

    def errors(self) -> list[str]:
        """The lines of standard error that say what is wrong."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


def clean_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "belle_data", "clean", *map(str, arguments)]


def run_clean(*arguments: object, cwd: Path | None = None, timeout: float = 600) -> Finished:
    """Run ``clean`` to its end, whatever that is."""
    done = subprocess.run(clean_command(*arguments), cwd=cwd, capture_output=True, timeout=timeout, check=False)
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def cleaned(*arguments: object, out: Path) -> dict[str, Any]:
    """Run ``clean``, which must succeed, and give its report."""
    done = run_clean(*arguments, "--out", out, "--json", "-q")
    assert done.code == 0, done.err
    report: dict[str, Any] = json.loads(done.out)
    return report


def start_clean(*arguments: object) -> subprocess.Popen[bytes]:
    """Start ``clean`` in a process group of its own, so that `kill_group` reaches all of it."""
    return subprocess.Popen(
        clean_command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def kill_group(process: subprocess.Popen[bytes]) -> bool:
    """Kill a process and its children at once, with no chance to tidy up; False if it had ended by itself."""
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def results(folder: Path) -> dict[str, str]:
    """A hash of every file of a run folder that must not depend on how the run went."""
    found = {}
    for name in RESULTS:
        path = folder / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found[str(file.relative_to(folder))] = hashlib.blake2b(file.read_bytes()).hexdigest()
    return found


def temporary_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.tmp"))


def kept_bytes(folder: Path) -> bytes:
    """The shards, decompressed, one after the other."""
    pieces = []
    for shard in sorted((folder / "shards").iterdir()):
        data = shard.read_bytes()
        if shard.suffix == ".gz":
            data = gzip.decompress(data)
        elif shard.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        pieces.append(data)
    return b"".join(pieces)


def kept_lines(folder: Path) -> list[bytes]:
    return kept_bytes(folder).split(b"\n")[:-1]


def kept_rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in kept_lines(folder)]


def ledger(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "rows.parquet").to_pylist()
    return rows


def rejected(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "rejected" / "rejected.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
