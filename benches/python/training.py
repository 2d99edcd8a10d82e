"""Measures fine-tuning: pieces per second beside plain TRL, with the same model, rows and settings.

    python benches/python/training.py MODEL ROWS --work WORK [--steps 40] [--rounds 3]

MODEL is a model folder such as init-tiny writes, with its tokenizer; ROWS are rows in the format `messages`. Ours and
TRL's take turns, each in a process of its own and with one thread; TRL once with its packing, once with padding. What
is timed is the training itself: neither reading nor tokenising. With --gpu nothing is kept from using one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Take turns, and print the best round of each."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("model", type=Path)
    words.add_argument("rows", type=Path)
    words.add_argument("--work", type=Path, required=True)
    words.add_argument("--steps", type=int, default=40)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--length", type=int, default=512)
    words.add_argument("--precision", default="fp32")
    words.add_argument("--gpu", action="store_true")
    words.add_argument("--trl", choices=("packing", "padding"), help="only this, in this process")
    options = words.parse_args()
    if options.trl:
        print(json.dumps(plain_trl(options)))
        return
    rates: dict[str, list[float]] = {"belle": [], "TRL, packing": [], "TRL, padding": []}
    for _ in range(options.rounds):
        rates["belle"].append(ours(options))
        for kind in ("packing", "padding"):
            rates[f"TRL, {kind}"].append(apart(options, kind))
    best = {name: max(found) for name, found in rates.items()}
    for name, rate in best.items():
        print(f"{name:<14}{rate:>10,.0f} pieces/s, {best['belle'] / rate:.2f} times as many by belle")


def ours(options: argparse.Namespace) -> float:
    """Pieces per second of `sft`."""
    out = options.work / "belle"
    shutil.rmtree(out, ignore_errors=True)
    options.work.mkdir(parents=True, exist_ok=True)
    settings = {
        "training.precision": options.precision,
        "training.global_batch": 8,
        "training.micro_batch": 8,
        "training.learning_rate": 1e-4,
        "data.max_length": options.length,
    }
    flags = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "belle_train", "sft", "--model", str(options.model), "--data", str(options.rows)]
    command += ["--out", str(out), "--max-steps", str(options.steps), "--epochs", "1000", "--json", "--quiet", *flags]
    command += [] if options.gpu else ["--cpu"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["tokens_per_second"])


def apart(options: argparse.Namespace, kind: str) -> float:
    """Pieces per second of TRL, in a process of its own."""
    command = [sys.executable, __file__, str(options.model), str(options.rows), "--work", str(options.work)]
    command += ["--steps", str(options.steps), "--length", str(options.length), "--precision", options.precision]
    command += ["--trl", kind, *(["--gpu"] if options.gpu else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(json.loads(done.stdout.splitlines()[-1])["rate"])


def plain_trl(options: argparse.Namespace) -> dict[str, Any]:
    """Train as TRL's documents show it, with loss on the answers only."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    lines = options.rows.read_text(encoding="utf-8").split("\n")
    rows = [{"messages": json.loads(line)["messages"]} for line in lines if line]
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    arguments = SFTConfig(
        output_dir=str(options.work / "trl"),
        max_steps=options.steps,
        per_device_train_batch_size=8,
        learning_rate=1e-4,
        max_length=options.length,
        packing=options.trl == "packing",
        assistant_only_loss=True,
        gradient_checkpointing=False,
        bf16=options.precision == "bf16",
        use_cpu=not options.gpu,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        logging_steps=10,
    )
    dtype = torch.float32
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype)
    trainer = SFTTrainer(model=model, args=arguments, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    found = trainer.train()
    seen = trainer.state.log_history
    tokens = max(line.get("num_tokens", 0) for line in seen)
    return {"rate": tokens / found.metrics["train_runtime"], "tokens": tokens}


if __name__ == "__main__":
    main()
