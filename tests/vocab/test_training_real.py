"""The paper's vocabulary on real text: 50,000 pieces within 4 GiB."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import Shell
from tests.vocab.test_training import tree_memory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_fifty_thousand_pieces_within_four_gibibytes(tmp_path: Path, shared_data: Path) -> None:
    shell = Shell(tmp_path)
    text, llama = shared_data / "zh_text.txt.zst", shared_data / "llama.tokenizer.model"
    command = ("vocab", "train", text, "--size", "50000", "--max-memory", "4G", "--held-out", "5000")
    process = subprocess.Popen(
        shell.command(*command, "--out", "zh.model", "--json"),
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate(timeout=1800)
    watcher.join()
    assert process.returncode == 0, err
    told = json.loads(out)
    assert 1 << 30 < peak <= told["memory"]["promised"] <= 4 << 30
    assert told["lines"]["trained_on"] == 644_964, "all lines but those held out"
    counted = shell.here("tokens", "zh.held-out.txt", "--tokenizer", llama, "--tokenizer", "zh.model", "--json").json()
    assert counted["lines"] == 5000
    assert counted["tokenizers"][1]["ratio_to_first"] <= 291 / 733
