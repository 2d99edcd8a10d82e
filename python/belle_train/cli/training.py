"""What the commands that train have in common: options, starting of processes, and what is shown at the end."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.cli.page import printable
from belle_data.cli.parser import add_loudness, whole_number
from belle_data.cli.terminal import emit, emit_json, human_bytes, human_seconds, padded
from belle_data.errors import UsageError
from belle_train.processes import LAUNCHED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from belle_data.cli.parser import Parser
    from belle_train.recipe import TrainingRecipe
    from belle_train.training import Job

# Flag, and its place in the recipe.
_RECIPE_FLAGS = {
    "precision": ("training", "precision"),
    "zero": ("training", "zero"),
    "epochs": ("training", "epochs"),
    "max_steps": ("training", "max_steps"),
    "learning_rate": ("training", "learning_rate"),
    "mixture": ("data", "mixture"),
    "max_length": ("data", "max_length"),
}


def add_training(words: Parser, example: str) -> None:
    """Add the options of a command that trains."""
    words.add_argument(
        "--recipe",
        metavar="FILE",
        help="settings in TOML, or the name of a recipe that comes with belle, such as sft-belle-7b",
    )
    words.add_argument(
        "--set",
        metavar="TABLE.KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help=f"one setting on top of the recipe, such as {example}; may be repeated",
    )
    words.add_argument("--epochs", metavar="N", help="how often each sequence is seen")
    words.add_argument("--max-steps", metavar="N", help="end after so many steps, if before")
    words.add_argument("--learning-rate", metavar="RATE", help="the highest, after the warm-up")
    words.add_argument("--precision", metavar="NAME", help="bf16 or fp32")
    words.add_argument("--zero", metavar="STAGE", help="stage of DeepSpeed's ZeRO: 0 for none, 2 or 3")
    words.add_argument("--limit", metavar="N", type=whole_number, help="only the first N rows or lines of each input")
    started = words.add_argument_group("processes")
    started.add_argument(
        "--processes", metavar="N", type=whole_number, help="on this machine (one for each GPU, else 1)"
    )
    started.add_argument("--nodes", metavar="N", type=whole_number, default=1, help="machines (1)")
    started.add_argument("--node-rank", metavar="N", type=whole_number, default=0, help="which of them this is, from 0")
    started.add_argument("--master", metavar="HOST:PORT", help="the first machine, where there are several")
    started.add_argument("--cpu", action="store_true", help="train without a GPU, also where there is one")
    started.add_argument(
        "--threads", metavar="N", type=whole_number, help="of each process on a CPU (1); may change the last bits"
    )
    words.add_argument("--force", action="store_true", help="begin anew where a training ended or was interrupted")
    words.add_argument("--json", action="store_true", help="print one JSON object: what train_report.json holds")
    add_loudness(words)
    words.add_argument("-h", "--help", action="help", help="show this and leave")


def recipe_of(options: argparse.Namespace) -> TrainingRecipe:
    """The recipe, with ``--set`` on top of the file, and on top of these the flags.

    Raises:
        RecipeError: There are mistakes; all of them are named.
    """
    from belle_train.recipe import load_training_recipe  # noqa: PLC0415 - a tenth of a second

    overrides: dict[str, dict[str, Any]] = {}
    for flag, (table, key) in _RECIPE_FLAGS.items():
        value = getattr(options, flag, None)
        if value is not None:
            overrides.setdefault(table, {})[key] = int(value) if flag == "zero" and value.isdigit() else value
    return load_training_recipe(options.recipe, options.settings, overrides)


def run_training(options: argparse.Namespace, job: Job, arguments: list[str]) -> int:
    """Train, in this process or in several that are started.

    Args:
        options: Those of the command line.
        job: What is trained.
        arguments: The words of the command line, for the processes.

    Returns:
        The exit code.

    Raises:
        BelleError: Wrong use or input, or the training went wrong.
    """
    from belle_train.processes import EXPECTED, Nodes, Place, place, processes_wanted  # noqa: PLC0415

    nodes = Nodes(options.nodes, options.node_rank, options.master)
    _check_nodes(nodes)
    started = place(os.environ)
    wanted = processes_wanted(options.processes, started, 0 if options.cpu else _gpus(), nodes.count)
    from belle_train.training import REPORT, check_job, train  # noqa: PLC0415

    job = check_job(job, wanted)
    finished = job.out / REPORT
    if finished.is_file() and not job.force:
        raise UsageError("a training has ended here already", path=job.out, hint="--force begins anew")
    if options.threads:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if started is None and wanted > 1:
        return _start(options, arguments, wanted // nodes.count, nodes)
    here = started or Place(0, 1)
    expected = int(os.environ.get(EXPECTED, here.size))
    from belle_data.cli.progress import listening  # noqa: PLC0415

    kept = "checkpoints stay; the same command goes on from the last one"
    with listening(quiet=options.quiet or here.rank > 0, interrupted=kept) as listener, _only_first(here.rank):
        report = train(job, Place(here.rank, expected), listener)
    if report is not None:
        if options.json:
            emit_json({"folder": str(job.out), **report})
        elif not options.quiet:
            emit("\n".join(_lines(job, report)))
    return 0


def _gpus() -> int:
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("torch") is None:
        return 0
    import torch  # noqa: PLC0415 - seconds

    return int(torch.cuda.device_count())


def _check_nodes(nodes: Any) -> None:
    if nodes.count < 1 or not 0 <= nodes.rank < nodes.count:
        raise UsageError("--node-rank must be below --nodes", value=nodes.rank)
    host, _, port = (nodes.master or "").rpartition(":")
    if nodes.count > 1 and not (host and port.isdigit()):
        hint = "--master 10.0.0.1:29500, the same on every machine"
        raise UsageError("several machines need --master HOST:PORT", value=nodes.master, hint=hint)


def _start(options: argparse.Namespace, arguments: list[str], each: int, nodes: Any) -> int:
    from belle_data.cli.progress import listening  # noqa: PLC0415
    from belle_train.processes import child_environment, command_line, start  # noqa: PLC0415

    cpu = options.cpu or not _gpus()
    os.environ.update(child_environment(each * nodes.count, cpu=cpu, threads=options.threads))
    words = _without(arguments, {"--processes", "--nodes", "--node-rank", "--master"})
    if not options.quiet:
        print(f"starts: {command_line(words, each, nodes)}", file=sys.stderr, flush=True)
    kept = "checkpoints stay; the same command goes on from the last one"
    with listening(quiet=True, interrupted=kept):
        return start(words, each, nodes)


def _without(arguments: list[str], flags: set[str]) -> list[str]:
    """The words without some options and their values."""
    words, skip = [], False
    for word in arguments:
        if skip:
            skip = False
            continue
        name, equals, _ = word.partition("=")
        if name in flags:
            skip = not equals
            continue
        words.append(word)
    return words


@contextmanager
def _only_first(rank: int) -> Iterator[None]:
    """Let the first process speak: the others tell an error only if they are not ended by it a moment later."""
    try:
        yield
    except KeyboardInterrupt:
        if os.environ.get(LAUNCHED):
            sys.exit(130)
        raise
    except Exception:
        if rank:
            time.sleep(5)
        raise


def _lines(job: Job, report: dict[str, Any]) -> list[str]:
    data = report["data"]
    lines = [
        ("rows", f"{data['rows']:,}"),
        *((f"  left out: {reason}", f"{count:,}") for reason, count in data["left_out"].items()),
        ("  cut to the longest", f"{data['cut']:,}"),
        ("conversations" if job.kind == "sft" else "texts", f"{data['conversations']:,}"),
        ("  held out", f"{data['held_out']:,}"),
        ("sequences", f"{data['sequences']:,}"),
        ("pieces", f"{data['tokens']:,}"),
        ("  learned", f"{data['learned_tokens']:,}"),
        ("parameters that learn", f"{report['learned_parameters']:,} of {report['parameters']:,}"),
        ("frozen tensors", f"{report['frozen_tensors']:,}, the same before and after"),
        ("steps", f"{report['steps']:,} of {report['sequences_a_step']} sequences"),
        ("loss, first and last", f"{report['loss_first']:.4f}  {report['loss_last']:.4f}"),
    ]
    if report["held_out_loss_before"] is not None:
        before, after = report["held_out_loss_before"], report["held_out_loss_after"]
        lines.append(("held-out loss", f"{before:.4f}  {after:.4f}"))
    shown = [f"  {padded(name, 26)}{value:>14}" for name, value in lines]
    where = f"{printable(str(job.out))}"
    took = f"{human_seconds(report['seconds'])}, {human_bytes(report['peak_memory_bytes'])} of memory at most"
    if report["tokens_per_second"]:
        took = f"{took}, {report['tokens_per_second']:,.0f} pieces/s"
    processes = "1 process" if report["processes"] == 1 else f"{report['processes']} processes"
    return [where, *shown, f"  {took}, {processes} on {report['device']}"]


def path_of(text: str) -> Path:
    """A folder as the user names it."""
    return Path(text)
