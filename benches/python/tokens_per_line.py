"""Section 5 of the BELLE paper in one command: python tokens_per_line.py --base BASE.model --out FOLDER TEXT...

Holds lines out, trains a vocabulary on the others, merges it into the base in every mode, and counts the tokens of the
held-out lines: the paper came from 733 to 291 a line. Everything goes through the command line of belle_data.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PAPER = (733, 291)
MODES = ("paper", "chinese-llama", "safe")
TARGETS = {"paper": 291 / 733, "safe": 0.42}


def main() -> int:
    """Run the experiment and print the table, or one JSON object."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    model, held_out = options.out / "zh.model", options.out / "zh.held-out.txt"
    if not (model.exists() and held_out.exists() and options.keep):
        run(
            "vocab", "train", *options.texts, "--size", options.size, "--max-memory", options.max_memory,
            "--out", model, "--held-out", options.held_out, "--held-out-file", held_out,
            "--seed", options.seed, "--force", "--quiet",
        )  # fmt: skip
    trained = json.loads(Path(f"{model}.json").read_text(encoding="utf-8"))
    tokenizers = [f"base={options.base}", f"trained={model}"]
    for mode in options.modes:
        folder = options.out / mode
        if not (folder.exists() and options.keep):
            run("vocab", "merge", "--base", options.base, "--add", model, "--out", folder, "--mode", mode)
        # The model, not tokenizer.json: it is encoded faster, and `vocab check` proves that they agree.
        tokenizers.append(f"{mode}={folder / 'tokenizer.model'}")
    named = [word for one in tokenizers for word in ("--tokenizer", one)]
    found = json.loads(run("tokens", held_out, *named, "--json", "--quiet"))
    result = {
        "paper": {"base": PAPER[0], "merged": PAPER[1], "ratio": PAPER[1] / PAPER[0]},
        "trained": trained,
        **found,
    }
    print(json.dumps(result, ensure_ascii=False, indent=2) if options.json else table(result))
    missed = [
        one["name"] for one in found["tokenizers"] if one["ratio_to_first"] > TARGETS.get(one["name"], float("inf"))
    ]
    if missed:
        print(f"above the target: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def arguments() -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser(description="Counts tokens per line before and after a merge, as the paper did.")
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="files of Chinese text, or rows")
    parser.add_argument("--base", required=True, help="the sentencepiece model that is extended")
    parser.add_argument("--out", required=True, type=Path, help="a folder for the models")
    parser.add_argument("--size", default="50000", help="pieces that are trained (50000)")
    parser.add_argument("--held-out", default="5000", help="lines that are counted and not trained on (5000)")
    parser.add_argument("--max-memory", default="4GiB", help="memory of the training (4GiB)")
    parser.add_argument("--seed", default="0", help="which lines are held out (0)")
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=MODES, help="how is merged (all)")
    parser.add_argument("--keep", action="store_true", help="go on with the models that are in the folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def run(*words: str | Path) -> str:
    """Run a command of belle_data; give what it printed."""
    command = [sys.executable, "-m", "belle_data", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout.decode("utf-8")


def table(result: dict[str, Any]) -> str:
    """The paper's line, and one for each tokenizer."""
    paper = result["paper"]
    counts = result["trained"]["lines"]
    lines = [
        f"{result['lines']:,} held-out lines of {counts['read']:,}; trained on {counts['trained_on']:,}",
        f"{'':<14}{'size':>8}{'tokens':>12}{'per line':>10}{'ratio':>8}{'target':>8}{'bytes':>8}{'used':>8}",
        f"{'paper':<14}{'':>8}{'':>12}{paper['base']:>10}{1:>8.4f}",
        f"{'paper, merged':<14}{'':>8}{'':>12}{paper['merged']:>10}{paper['ratio']:>8.4f}",
    ]
    for one in result["tokenizers"]:
        target = TARGETS.get(one["name"])
        lines.append(
            f"{one['name']:<14}{one['size']:>8,}{one['tokens']:>12,}{one['tokens_per_line']:>10.2f}"
            f"{one['ratio_to_first']:>8.4f}{'' if target is None else f'{target:.3f}':>8}"
            f"{one['byte_fallback']['share']:>8.2%}{one['vocabulary_used']['share']:>8.2%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
