"""How training processes end: not in the middle of Python's own end, where a thread of gloo may abort them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.train.training_runs import TIME_LIMIT, environment, rows_file, words

if TYPE_CHECKING:
    from pathlib import Path

# Python imports this in every process. What it holds is let go of when Python is torn down.
WITNESS = """
import atexit, os
def tell(what, open=open, path=os.environ["WITNESSED"], rank=os.environ.get("RANK", "launcher")):
    open(f"{path}/{rank} {what}", "w").close()
class Held:
    def __del__(self, tell=tell):
        tell("was torn down")
held = Held()
atexit.register(tell, "ran its exit handlers")
"""


def test_a_training_process_is_not_torn_down(tiny_model: Path, tmp_path: Path) -> None:
    rows = rows_file(tmp_path / "rows.jsonl", 8)
    witnessed, temporary, modules = (tmp_path / name for name in ("witnessed", "temporary", "modules"))
    for folder in (witnessed, temporary, modules):
        folder.mkdir()
    (modules / "sitecustomize.py").write_text(WITNESS, encoding="utf-8")
    given = ("--model", tiny_model, "--data", rows, "--max-steps", "1", "--processes", "2")
    done = subprocess.run(
        words("sft", tmp_path / "out", *given),
        check=False,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        env={
            **environment(),
            "PYTHONPATH": str(modules),
            "WITNESSED": str(witnessed),
            "TMPDIR": str(temporary),
        },
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stdout
    assert sorted(path.name for path in witnessed.iterdir()) == [
        "0 ran its exit handlers",
        "1 ran its exit handlers",
        "launcher ran its exit handlers",
        "launcher was torn down",
    ]
    # Nor does the launcher leave a folder for output behind.
    assert not list(temporary.glob("torchelastic_*"))
