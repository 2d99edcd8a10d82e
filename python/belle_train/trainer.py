"""The trainers of transformers and TRL, with what they leave to chance made sure."""

from __future__ import annotations

import functools
import json
import math
import time
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback
from trl import SFTTrainer

from belle_data.errors import InternalError, SourceError
from belle_train import resuming
from belle_train.frozen_rows import frozen_hash
from belle_train.packing import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from belle_data.engine.progress import Listener

MOST_LEAK = 1e-3
"""A conversation's logits may differ by rounding alone when the one before it changes: in parts of their spread."""


class TrainingError(SourceError):
    """The training itself went wrong."""


class _Sure:
    """What both trainers share."""

    def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
        """The data set has its order already, over all epochs."""
        trainer = cast("Trainer", self)
        return SequentialSampler(cast("Any", trainer.train_dataset))

    def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:
        """One micro batch.

        Raises:
            TrainingError: Its loss is not a number.
        """
        loss: torch.Tensor = super().training_step(*arguments, **named)  # type: ignore[misc]
        if not torch.isfinite(loss):
            step = cast("Trainer", self).state.global_step + 1
            hint = "a lower learning rate, a longer warm-up or --precision fp32; and inspect-data shows what is learned"
            raise TrainingError(f"the loss of step {step:,} is {loss.item()}", hint=hint)
        return loss


class TextTrainer(_Sure, Trainer):
    """Learns text."""


class AnswerTrainer(_Sure, SFTTrainer):
    """Learns answers: scores only what is learned, and reads no weight outside of its module, as ZeRO-3 needs."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        base: Any = self.model
        add_answer_loss(base.get_base_model() if hasattr(base, "get_base_model") else base)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The sum of the negative log-probabilities of a micro batch over the pieces that a whole step learns."""
        if return_outputs:
            raise InternalError("the loss of answers has no outputs")
        loss = model(**inputs, answer_loss=True, use_cache=False)
        # Gradients are averaged over the processes, and the number of pieces is that of all of them.
        return loss * self.accelerator.num_processes / torch.as_tensor(num_items_in_batch).clamp(min=1)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none into checkpoints."""


def add_answer_loss(model: Any) -> None:
    """Let a causal language model give the summed cross-entropy of its labels, with ``answer_loss=True``.

    Only places with a label go through the output layer, so that it costs what is learned and not what is read.
    """
    original = model.forward

    @functools.wraps(original)
    def forward(*arguments: Any, answer_loss: bool = False, **named: Any) -> Any:
        if not answer_loss:
            return original(*arguments, **named)
        targets = named.pop("labels")[:, 1:]
        hidden = model.base_model(*arguments, **named).last_hidden_state[:, :-1]
        counts = targets != IGNORED
        logits = model.get_output_embeddings()(hidden[counts]).float()
        return torch.nn.functional.cross_entropy(logits, targets[counts], reduction="sum")

    model.forward = forward


class Watch(TrainerCallback):
    """Shows and records how the training goes, marks checkpoints, and proves what did not move.

    Args:
        listener: Is told about the progress; only in the first process.
        log: The file of losses, a line for each logged step.
        folder: Of the checkpoints.
        keep: How many stay.
        facts: What a checkpoint's mark says.
        held_out: Gives the held-out loss; None where nothing is held out.
        zero: The stage of ZeRO that was asked for.
        tried: Two conversations, by which it is tried whether one in a packed sequence sees the one before it; None
            where sequences are not packed.
        held_out_before: The held-out loss before the first step, of a run that goes on.
    """

    def __init__(
        self,
        listener: Listener,
        log: Path,
        folder: Path,
        keep: int,
        facts: dict[str, Any],
        held_out: Callable[[], float] | None,
        zero: int,
        tried: tuple[list[int], list[int]] | None,
        held_out_before: float | None,
    ) -> None:
        self.tried = tried
        self.listener, self.log_file, self.folder, self.keep = listener, log, folder, keep
        self.facts, self.held_out, self.zero = facts, held_out, zero
        self.trainer: Any = None
        self.losses: list[dict[str, Any]] = []
        self.held_out_before = held_out_before
        self.held_out_after: float | None = None
        self.frozen_before: tuple[int, str] | None = None
        self.frozen_after: tuple[int, str] | None = None
        self.seconds = 0.0
        self.steps_done = 0
        self._began = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Check that DeepSpeed is on where it was asked for, and take the first measures."""
        if self.zero:
            import deepspeed  # noqa: PLC0415 - seconds

            engine = self.trainer.model_wrapped
            stage = engine.zero_optimization_stage() if isinstance(engine, deepspeed.DeepSpeedEngine) else 0
            if stage != self.zero:
                raise TrainingError(
                    f"DeepSpeed's ZeRO {self.zero} was asked for and is not on (stage {stage})",
                    hint="start without `accelerate launch --cpu`, which drops DeepSpeed; --processes does it",
                )
        self.frozen_before = frozen_hash(self.trainer.model)
        if self.tried is not None:
            with self.trainer.accelerator.autocast():
                check_no_leak(self.trainer.model_wrapped, *self.tried)
        self.losses = _read_log(self.log_file, state.global_step) if state.is_world_process_zero else []
        if self.held_out is not None and self.held_out_before is None:
            self.held_out_before = self.held_out()
        self.steps_done = -state.global_step
        self._began = time.perf_counter()
        if state.is_world_process_zero:
            self._write_log()
            self.listener.begin("train", state.max_steps, "steps")
            self.listener.update(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Show the progress."""
        if state.is_world_process_zero:
            self.listener.update(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Record the loss."""
        if state.is_world_process_zero and logs and "loss" in logs:
            names = {"loss": "loss", "learning_rate": "learning_rate", "grad_norm": "gradient_norm"}
            line = {"step": state.global_step, **{new: logs[old] for old, new in names.items() if old in logs}}
            self.losses.append(line)
            with self.log_file.open("a", encoding="utf-8") as handle:
                handle.write(json.dumps(line) + "\n")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Mark the checkpoint as whole when every process has written its part."""
        wait_for_all()
        if state.is_world_process_zero:
            found = {"step": state.global_step, "held_out_loss_before": self.held_out_before}
            resuming.mark(self.folder / f"checkpoint-{state.global_step}", {**found, **self.facts})
            resuming.prune(self.folder, self.keep)
        wait_for_all()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Take the last measures."""
        self.seconds = time.perf_counter() - self._began
        self.steps_done += state.global_step
        self.frozen_after = frozen_hash(self.trainer.model)
        if self.held_out is not None:
            self.held_out_after = self.held_out()
        if state.is_world_process_zero:
            self.listener.end(f"{state.global_step:,} steps")

    def _write_log(self) -> None:
        self.log_file.write_text("".join(json.dumps(line) + "\n" for line in self.losses), encoding="utf-8")


def _read_log(path: Path, step: int) -> list[dict[str, Any]]:
    """The lines of a log up to a step; what a killed process logged after its last checkpoint is logged again."""
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            break
        if line["step"] > step:
            break
        lines.append(line)
    return lines


def wait_for_all() -> None:
    """Wait until every process is here; nothing where there is one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def sum_over_all(values: torch.Tensor) -> torch.Tensor:
    """Add up what each process has."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(values)
    return values


def cross_entropy_sum(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Sum of the negative log-probabilities of the labels that count, in nats, and their number: ``float64 [2]``."""
    logits = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
    labels = batch["labels"][:, 1:]
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return torch.stack([losses.double(), (labels != IGNORED).sum().double()])


def held_out_loss(trainer: Trainer, dataset: Any, collator: Callable[[Any], Any], batch_size: int) -> float:
    """The mean loss of a piece over a data set that is not learned, in nats.

    Every process goes through equally many batches, as ZeRO-3 needs.
    """
    model = trainer.model_wrapped
    rank, size = trainer.args.process_index, trainer.args.world_size
    count = len(dataset)
    batches = math.ceil(count / batch_size)
    total = torch.zeros(2, dtype=torch.float64, device=trainer.args.device)
    was_training = model.training
    model.eval()
    with torch.no_grad(), trainer.accelerator.autocast():
        for number in range(rank, math.ceil(batches / size) * size, size):
            first = number * batch_size
            counts = first < count
            places = range(first, min(first + batch_size, count)) if counts else range(1)
            rows = [dataset[place] for place in places]
            batch = {name: value.to(trainer.args.device) for name, value in collator(rows).items()}
            total += cross_entropy_sum(model, batch) * counts
    model.train(was_training)
    total = sum_over_all(total)
    return (total[0] / total[1]).item() if total[1] else math.nan


def check_no_leak(model: torch.nn.Module, first: Sequence[int], second: Sequence[int]) -> None:
    """Refuse a model of which a conversation in a packed sequence sees the one before it.

    Args:
        model: On its device.
        first: Ids of a conversation; its place is also taken by the same ids in reverse.
        second: Ids of the one after it.

    Raises:
        TrainingError: What the model says of the second depends on the first.
    """
    device = next(model.parameters()).device
    positions = torch.cat([torch.arange(len(first)), torch.arange(len(second))])[None].to(device)
    was_training = model.training
    model.eval()
    found = []
    with torch.no_grad():
        for before in (list(first), list(first)[::-1]):
            ids = torch.tensor([[*before, *second]], device=device)
            logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
            found.append(logits[0, len(first) :].float())
    model.train(was_training)
    spread = found[0].std().item()
    # What is not a number passes here, and ends the first step with an error of its own.
    if (found[0] - found[1]).abs().max().item() > MOST_LEAK * max(spread, 1e-6):
        raise TrainingError(
            "with this model a conversation in a packed sequence sees the one before it",
            hint="--set data.packing=false; or another attention, --set training.attention=eager",
        )


def check_world(expected: int) -> None:
    """Refuse to train where the processes do not know of each other.

    Raises:
        TrainingError: There are fewer than were started.
    """
    here = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
    if here != expected:
        raise TrainingError(
            f"{expected} processes were to train one model, and this one knows of {here}",
            hint="start them with --processes, or with torchrun",
        )


def check_trainer(trainer: Trainer, processes: int, zero: int) -> None:
    """Refuse a trainer that has lost the other processes, or DeepSpeed, on its way.

    Raises:
        TrainingError: It has.
    """
    if trainer.accelerator.num_processes != processes or trainer.args.world_size != processes:
        raise TrainingError(
            f"{processes} processes were to train one model, and the trainer knows of {trainer.args.world_size}",
            hint="start them with --processes, or with torchrun",
        )
    if bool(zero) != trainer.is_deepspeed_enabled:
        raise TrainingError(
            f"DeepSpeed's ZeRO {zero} was asked for, and the trainer has DeepSpeed {'off' if zero else 'on'}"
        )


def check_frozen(before: tuple[int, str] | None, after: tuple[int, str] | None) -> None:
    """Refuse a result in which something moved that was frozen.

    Raises:
        InternalError: A frozen tensor differs.
    """
    if before is None or before != after:
        raise InternalError("a frozen tensor has changed while the others were trained; the model is not written")
