"""How many processes train, and how they are started.

What fails without a word elsewhere is refused here: processes that do not know of each other train as many models into
one folder.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXPECTED = "BELLE_PROCESSES"
"""The variable by which a started process knows how many there are to be."""
LAUNCHED = "BELLE_LAUNCHED"
"""The variable by which a process knows that `start` started it, which then speaks of Ctrl-C for all."""
_SLURM = {"RANK": "SLURM_PROCID", "LOCAL_RANK": "SLURM_LOCALID", "WORLD_SIZE": "SLURM_NTASKS"}


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the processes this is.

    Attributes:
        rank: From 0.
        size: How many there are.
    """

    rank: int
    size: int


def place(environment: Mapping[str, str]) -> Place | None:
    """Which of several processes this is, by the variables of torchrun, DeepSpeed or Slurm; None if it is by itself.

    Raises:
        UsageError: The variables contradict each other.
    """
    try:
        if "RANK" in environment and "WORLD_SIZE" in environment:
            found = Place(int(environment["RANK"]), int(environment["WORLD_SIZE"]))
        elif int(environment.get("SLURM_NTASKS", "1")) > 1 and "SLURM_PROCID" in environment:
            found = Place(int(environment["SLURM_PROCID"]), int(environment["SLURM_NTASKS"]))
        else:
            return None
    except ValueError:
        raise UsageError(
            "RANK or WORLD_SIZE of the environment is no number", hint="unset them, or use torchrun"
        ) from None
    if not 0 <= found.rank < found.size:
        raise UsageError("RANK of the environment is not below WORLD_SIZE", value=found.rank, hint="use torchrun")
    return found


def join_slurm(environment: dict[str, str]) -> None:
    """Write what Slurm calls its processes under the names that torch knows; nothing where this is none of its tasks.

    Raises:
        UsageError: Nobody says where the first process is.
    """
    # A shell that salloc gave knows how many tasks there are to be, and is none of them.
    if "RANK" in environment or not all(theirs in environment for theirs in _SLURM.values()):
        return
    if int(environment["SLURM_NTASKS"]) < 2:
        return
    for name, theirs in _SLURM.items():
        environment[name] = environment[theirs]
    if "MASTER_ADDR" not in environment:
        hint = 'export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1) MASTER_PORT=29500'
        raise UsageError("under Slurm MASTER_ADDR must name the first machine", hint=hint)
    environment.setdefault("MASTER_PORT", "29500")


def processes_wanted(asked: int | None, found: Place | None, gpus: int, nodes: int) -> int:
    """How many processes there are to be in all.

    Args:
        asked: On each machine, as the user says; None for one per GPU, else one.
        found: Which process this is, if somebody started several.
        gpus: Of this machine.
        nodes: Machines.

    Raises:
        UsageError: The user asks for another number than was started, or for more than there are GPUs.
    """
    if found is not None:
        if asked is not None and asked * nodes != found.size:
            hint = "leave --processes out where torchrun, deepspeed or Slurm starts them"
            raise UsageError(f"--processes asks for {asked * nodes}, and {found.size} were started", hint=hint)
        return found.size
    each = asked if asked is not None else max(gpus, 1)
    if each < 1:
        raise UsageError("there must be at least 1 process", value=each)
    if gpus and each > gpus:
        raise UsageError(f"--processes asks for {each}, and this machine has {gpus} GPUs", hint="--cpu trains without")
    return each * nodes


@dataclass(frozen=True, slots=True)
class Nodes:
    """Several machines.

    Attributes:
        count: How many.
        rank: Which this one is, from 0.
        master: ``HOST:PORT`` of the first.
    """

    count: int = 1
    rank: int = 0
    master: str | None = None


def child_environment(processes: int, *, cpu: bool, threads: int | None) -> dict[str, str]:
    """Variables that every training process is started with.

    Args:
        processes: In all.
        cpu: Whether no GPU is used.
        threads: Of each process; without it 1 on a CPU, since processes of several threads wait for each other.
    """
    variables = {EXPECTED: str(processes), "TOKENIZERS_PARALLELISM": "true"}
    if cpu:
        variables |= {"DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    if threads is not None or (cpu and "OMP_NUM_THREADS" not in os.environ):
        variables["OMP_NUM_THREADS"] = str(threads or 1)
    return variables


def start(arguments: Sequence[str], processes: int, nodes: Nodes) -> int:
    """Start training processes with torch's launcher, which ends all when one fails, and wait for them.

    Args:
        arguments: Of ``python -m belle_train``.
        processes: On this machine.
        nodes: The machines.

    Returns:
        The exit code: 0, or that of the process that failed first.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C; all processes have ended.
    """
    import logging  # noqa: PLC0415

    from torch.distributed.elastic.multiprocessing.api import (  # noqa: PLC0415 - seconds
        DefaultLogsSpecs,
        SignalException,
    )
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch  # noqa: PLC0415

    # The processes say themselves what went wrong.
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed.elastic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    os.environ[LAUNCHED] = "1"
    endpoint = nodes.master or f"127.0.0.1:{free_port()}"
    config = LaunchConfig(
        min_nodes=nodes.count,
        max_nodes=nodes.count,
        nproc_per_node=processes,
        rdzv_endpoint=endpoint,
        rdzv_backend="static",
        rdzv_configs={"rank": nodes.rank, "timeout": 900},
        run_id="belle",
        max_restarts=0,
        monitor_interval=0.2,
        # The processes write to where this one does, so nothing is left in a folder for their output.
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
    )
    try:
        elastic_launch(config, sys.executable)("-u", "-m", "belle_train", *arguments)
    except ChildFailedError as error:
        code = error.get_first_failure()[1].exitcode
        return code if code > 0 else 2
    except SignalException as stop:
        if stop.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        return 128 + int(stop.sigval)
    return 0


def command_line(arguments: Sequence[str], processes: int, nodes: Nodes) -> str:
    """The command that starts the same processes by hand."""
    import shlex  # noqa: PLC0415

    where = (
        ["--standalone"]
        if nodes.count == 1
        else [
            f"--nnodes={nodes.count}",
            f"--node-rank={nodes.rank}",
            f"--master-addr={(nodes.master or '').rpartition(':')[0]}",
            f"--master-port={(nodes.master or '').rpartition(':')[2]}",
        ]
    )
    return shlex.join(["torchrun", *where, f"--nproc-per-node={processes}", "-m", "belle_train", *arguments])


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
