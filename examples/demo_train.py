"""The whole way on a small scale: raw rows, clean shards, a merged vocabulary, a tiny model, training, answers.

    python examples/demo_train.py --data examples/raw.jsonl --out runs/demo-train
    python examples/demo_train.py --data alpaca_zh.jsonl.zst --base llama.tokenizer.model --text zh.txt.zst --out runs/x

Each step is a command that could be typed, and is printed before it runs; a step whose result is there is not done
again. The model has a few hundred thousand random parameters: what it learns is how Chinese rows look, not what they
say.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run all steps."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, required=True, help="rows")
    words.add_argument("--out", type=Path, required=True, help="folder for everything")
    words.add_argument(
        "--base", type=Path, help="a sentencepiece model (a small one is trained on belle's own documents)"
    )
    words.add_argument("--text", type=Path, help="Chinese text for the vocabulary and the embeddings (the kept rows)")
    words.add_argument("--pieces", type=int, default=3000, help="pieces of the Chinese vocabulary before it is merged")
    words.add_argument("--hidden", type=int, default=64, help="width of the model")
    words.add_argument("--layers", type=int, default=2, help="layers of the model")
    words.add_argument("--rows", type=int, default=0, help="kept rows that are learned (all)")
    words.add_argument("--steps", type=int, default=60, help="steps of the fine-tuning at most")
    words.add_argument("--processes", type=int, default=1, help="processes that train")
    words.add_argument("--zero", type=int, default=0, help="stage of ZeRO")
    words.add_argument("--cpu", action="store_true", help="train without a GPU, also where there is one")
    options = words.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()

    clean = out / "clean"
    belle("belle_data", clean / "report.html", "clean", options.data, "--out", clean)
    base = options.base or small_base(out)
    text = options.text or clean / "shards"
    chinese, merged = out / "zh.model", out / "merged"
    belle("belle_data", chinese, "vocab", "train", text, "--size", options.pieces, "--out", chinese)
    belle("belle_data", merged, "vocab", "merge", "--base", base, "--add", chinese, "--out", merged)

    tiny, extended, pretrained, tuned = (out / name for name in ("tiny", "tiny-ext", "tiny-ext-pt", "tiny-sft"))
    shape = ("--hidden", options.hidden, "--layers", options.layers)
    belle("belle_train", tiny, "init-tiny", "--tokenizer", base, "--out", tiny, *shape)
    belle("belle_train", extended, "extend", "--model", tiny, "--tokenizer", merged, "--out", extended)
    how: tuple[object, ...] = ("--recipe", "tiny", "--processes", options.processes, "--zero", options.zero)
    how = (*how, "--cpu") if options.cpu else how
    steps = ("--max-steps", max(1, options.steps // 3), "--limit", 5000)
    belle("belle_train", pretrained / "train_report.json", "pretrain", "--model", extended, "--text", text,
          "--only", "new-rows", "--out", pretrained, *how, *steps)  # fmt: skip
    limit = ("--limit", options.rows) if options.rows else ()
    belle("belle_train", tuned / "train_report.json", "sft", "--model", pretrained, "--data", clean / "shards",
          "--out", tuned, *how, "--max-steps", options.steps, *limit)  # fmt: skip

    prompts, answers = out / "prompts.jsonl", out / "answers.jsonl"
    first_rows(clean, prompts, 8)
    belle("belle_train", answers, "generate", "--model", tuned, "--prompts", prompts, "--out", answers,
          "--max-new-tokens", 48)  # fmt: skip
    for line in answers.read_text(encoding="utf-8").split("\n")[:3]:
        print(line[:300])
    for folder in (pretrained, tuned):
        report = json.loads((folder / "train_report.json").read_bytes())
        before, after = report["held_out_loss_before"], report["held_out_loss_after"]
        print(f"{folder}: held-out loss {before:.3f} before, {after:.3f} after {report['steps']} steps")
    print(f"{out}: {time.perf_counter() - began:.0f} s")
    return 0


def belle(package: str, result: Path, *arguments: object) -> None:
    """Run a command, unless its result is there."""
    given = list(map(str, arguments))
    print(f"$ python -m {package} {' '.join(given)}", flush=True)
    if not result.exists():
        done = subprocess.run([sys.executable, "-m", package, *given], check=False)
        if done.returncode:
            sys.exit(done.returncode)


def small_base(out: Path) -> Path:
    """Train a small vocabulary on the documents of belle, in the place of LLaMA's."""
    text, model = out / "english.txt", out / "base.model"
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text.write_text("\n".join(page.read_text(encoding="utf-8") for page in pages), encoding="utf-8")
    belle("belle_data", model, "vocab", "train", text, "--size", 1500, "--out", model)
    return model


def first_rows(clean: Path, prompts: Path, count: int) -> None:
    """Write the prompts of the first rows."""
    rows = [row for row in kept(clean) if row.get("instruction")][:count]
    lines = [json.dumps({"id": str(number), **row}, ensure_ascii=False) for number, row in enumerate(rows)]
    prompts.write_text("\n".join(lines) + "\n", encoding="utf-8")


def kept(clean: Path) -> list[dict[str, str]]:
    """The rows of the shards."""
    rows = []
    for shard in sorted((clean / "shards").glob("*.jsonl")):
        rows += [json.loads(line) for line in shard.read_text(encoding="utf-8").split("\n") if line]
    return rows


if __name__ == "__main__":
    sys.exit(main())
