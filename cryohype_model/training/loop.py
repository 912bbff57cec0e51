"""The training loop (Lightning Fabric): batches in, metrics and checkpoints out."""

from __future__ import annotations

import copy
import math
import os
import signal
import time
from dataclasses import dataclass
from typing import Any, cast

import psutil
import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor

from cryohype_model.config import RunConfig, TrainingConfig
from cryohype_model.errors import TrainingError
from cryohype_model.imaging.preprocess import Preprocessor
from cryohype_model.inference.processes import check_met, check_started
from cryohype_model.nets.build import build_model, count_parameters
from cryohype_model.nets.checkpoint import Checkpoint
from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.loss import SliceLoss
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import update_manifest
from cryohype_model.runs.metrics_log import append_metrics, truncate_metrics
from cryohype_model.training.checkpoints import keep_checkpoint
from cryohype_model.training.first_volumes import fit_volumes
from cryohype_model.training.memory import StepPlan
from cryohype_model.training.precision import precision_plugin
from cryohype_model.training.prepare import TrainingSet
from cryohype_model.training.progress import TrainingProgress, memory_gb
from cryohype_model.training.schedule import (
    copies_noise,
    epoch_batches,
    steps_in_epoch,
)
from cryohype_model.training.step import TrainingStep
from cryohype_model.training.stop import StopRequest

LOG_EVERY = 20  # steps between two lines of metrics.jsonl and two looks at the loss
ASK_EVERY = 8  # steps between two questions of several processes to each other, whether to stop or save


@dataclass(frozen=True)
class TrainingResult:
    """How training ended: ``signal_number`` is None when it ran to the end."""

    epochs_done: int
    step: int
    loss: float
    images_per_s: float
    seconds: float
    signal_number: int | None


def make_fabric(config: TrainingConfig) -> Fabric:
    """Devices, precision and processes as configured; launched."""
    processes, asking = config.devices * config.nodes, "training.devices and training.nodes"
    check_started(config.devices, config.nodes, asking)
    if config.batch_size < processes:
        raise TrainingError(
            f"training.batch_size = {config.batch_size} is smaller than the number of processes, {processes}; "
            "raise it, or lower training.devices"
        )
    if config.accelerator == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "training.accelerator = 'cuda', but PyTorch sees no GPU here; use accelerator=auto, or run where one is"
        )
    try:
        fabric = Fabric(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.nodes,
            strategy="ddp" if processes > 1 else "auto",
            plugins=precision_plugin(config.precision, config.accelerator),
        )
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise TrainingError(
            f"training.devices = {config.devices} with training.accelerator = '{config.accelerator}' is not possible here "
            f"({reason}); lower the one or change the other"
        ) from None
    fabric.launch()
    check_met(fabric.world_size, config.devices, config.nodes, asking)
    return fabric


def train(run: Run, config: RunConfig, data: TrainingSet, fabric: Fabric, resume: Checkpoint | None = None) -> TrainingResult:
    """Fit the networks, from the beginning or from a checkpoint.

    Ctrl-C and SIGTERM write a checkpoint and return.

    Raises
    ------
    TrainingError : the loss is not a number, or memory ran out; the last checkpoint stays.
    """
    trainer = None
    try:
        with StopRequest() as stop:
            trainer = _Trainer(run, config, data, fabric, stop)
            if resume is not None:
                trainer.resume(resume)
            return trainer.run_epochs()
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        plan = None if trainer is None else trainer.take_step.plan
        fewer = max(1, (config.training.batch_size if plan is None else plan.images) // 2)
        raise TrainingError(
            f"memory ran out at training.batch_size = {config.training.batch_size}; "
            f"resume with --set training.images_at_once={fewer}, which gives the same result in less memory, "
            "or use fewer coordinates with --set training.coordinate_fraction=0.5"
        ) from None


def _is_out_of_memory(error: Exception) -> bool:
    """PyTorch has a class of its own for GPUs only; on the CPU its allocator raises a plain RuntimeError."""
    return isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)


def _adam_options(options: TrainingConfig) -> dict[str, Any]:
    """What a resumed run may change of the optimiser, besides its learning rate."""
    # with a gradient scaler a fused Adam unscales the gradients itself, too late for clipping
    fused = options.precision != "16-mixed"
    return {"betas": (0.9, options.adam_beta2), "weight_decay": options.weight_decay, "fused": fused}


class _Trainer:
    """The state of one training: networks, optimiser, and where we are."""

    def __init__(self, run: Run, config: RunConfig, data: TrainingSet, fabric: Fabric, stop: StopRequest) -> None:
        self.run, self.config, self.data, self.fabric, self.stop = run, config, data, fabric, stop
        options = config.training
        self.loss = SliceLoss(Preprocessor(data.scale, fabric.device), config.model)
        model = build_model(config.model, data.scale.box_px, options.seed)
        self.parameters = count_parameters(model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, **_adam_options(options))
        self.model: Any
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.steps_per_epoch = steps_in_epoch(len(data.particles), options.batch_size, fabric.world_size)
        self.take_step = TrainingStep(config, fabric, self.loss, self.model, self.optimizer, self.steps_per_epoch)
        self.told_plan: StepPlan | None = None
        self.epoch = self.batch = self.step = 0
        self.saved_step = -1
        self.saved_at = time.monotonic()
        self.best_loss = math.inf
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=fabric.device)
        self.images_per_s = 0.0
        self.copies_noise = False

    def resume(self, checkpoint: Checkpoint) -> None:
        """Continue exactly where a checkpoint was written."""
        self.model.load_state_dict(checkpoint.model)
        # the learning rate is set at every step
        groups = [group | _adam_options(self.config.training) for group in checkpoint.optimizer["param_groups"]]
        self.optimizer.load_state_dict(checkpoint.optimizer | {"param_groups": groups})
        self.epoch, self.best_loss = checkpoint.epoch, checkpoint.best_loss
        self.step = self.saved_step = checkpoint.step
        # an unfinished epoch that was cut into other batches begins again
        if checkpoint.config.training.batch_size == self.config.training.batch_size:
            self.batch = checkpoint.batch
            self.loss_sum += checkpoint.epoch_loss_sum
        if self.fabric.is_global_zero:
            truncate_metrics(self.run, self.step)

    @property
    def position(self) -> int:
        """Steps from the beginning as this configuration cuts the epochs: what the schedules depend on.

        Equal to ``step``, the optimiser steps done, unless a resumed run changed its batch size.
        """
        return self.epoch * self.steps_per_epoch + self.batch

    def run_epochs(self) -> TrainingResult:
        """All epochs that are left."""
        options, began = self.config.training, time.monotonic()
        total = options.epochs * self.steps_per_epoch
        loss = math.nan
        self._set_status("running", message="")
        with TrainingProgress(total, self.position, self.run.log, self.fabric.is_global_zero) as self.progress:
            self._introduce()
            self._fit_basis()
            while self.epoch < options.epochs and not self._must_stop():
                if self._run_epoch():
                    loss = self._finish_epoch()
            stopped = self.epoch < options.epochs
            if stopped:
                if self.saved_step != self.step:
                    self._save(is_best=False)
                self.progress.say(f"Stopped at step {self.step}. Go on with: cryohype train --resume {self.run.path}")
        self._set_status("stopped" if stopped else "finished", epochs_done=self.epoch, pid=None, process_created=None)
        number = (self.stop.signal_number or signal.SIGTERM) if stopped else None
        return TrainingResult(self.epoch, self.step, loss, self.images_per_s, time.monotonic() - began, number)

    def _fit_basis(self) -> None:
        """Basis volumes on a grid, once; nothing is kept of a fit that was stopped."""
        into = self.model.module.basis
        if not isinstance(into, GridVolumes) or bool(into.fitted):
            return
        fitted = None
        if self.fabric.is_global_zero:

            def report(what: str | None) -> bool:
                if what is not None:
                    self.progress.say(what)
                return self.stop.signal_number is None

            volumes = copy.deepcopy(into).cpu()
            if fit_volumes(volumes, self.data, self.config, report):
                fitted = volumes.state_dict()
        fitted = self.fabric.broadcast(fitted)
        if fitted is not None:
            into.load_state_dict(fitted)

    def _run_epoch(self) -> bool:
        """Steps of one epoch from the current batch; False when asked to stop."""
        options, fabric = self.config.training, self.fabric
        rows = epoch_batches(len(self.data.particles), options, self.epoch, self.batch, fabric.global_rank, fabric.world_size)
        mark, seen = time.monotonic(), 0
        for batch in self.data.particles.prefetch(rows, pin=fabric.device.type == "cuda"):
            value = self.take_step(batch.to(fabric.device), self.position)
            self._tell_plan(len(batch.index))
            self.loss_sum += value.double()
            self.batch += 1
            self.step += 1
            seen += len(batch.index) * fabric.world_size
            if self.step % LOG_EVERY == 0 or self.step == 1 or self.batch == self.steps_per_epoch:
                now = time.monotonic()
                self.images_per_s, mark, seen = seen / max(1e-9, now - mark), now, 0
                self._report(self._mean_over_processes(value))
            if self.batch == self.steps_per_epoch:
                break
            if fabric.world_size > 1 and self.step % ASK_EVERY:
                continue
            late = time.monotonic() - self.saved_at > 60 * options.checkpoint_minutes
            stop, overdue = self._anywhere(self.stop.signal_number is not None, late)
            if stop:
                return False
            if overdue:
                self._save(is_best=False)
        return True

    def _tell_plan(self, images: int) -> None:
        """Say how steps are cut, when that changed."""
        plan = self.take_step.plan
        if plan is not None and plan is not self.told_plan and (sentence := plan.sentence(images)):
            self.progress.say(sentence)
        self.told_plan = plan

    def _finish_epoch(self) -> float:
        """Book-keeping after a whole epoch; its mean loss."""
        options = self.config.training
        loss = self._mean_over_processes(self.loss_sum / self.steps_per_epoch)
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss_sum.zero_()
        if self.fabric.is_global_zero:
            append_metrics(self.run, self._facts(loss, split="epoch"))
        self.progress.say(
            f"epoch {self.epoch}/{options.epochs}  loss {loss:.4f} (noise floor {self.data.scale.noise_floor:.4f})  "
            f"{self.images_per_s:.0f} images/s  {memory_gb(self.fabric.device):.2f} GB"
        )
        self._look_at_the_floor(loss)
        if self.epoch % options.checkpoint_epochs == 0 or self.epoch == options.epochs or self._must_stop():
            is_best = loss < self.best_loss  # of those that have a checkpoint
            self.best_loss = min(loss, self.best_loss)
            self._save(is_best)
        self._set_status("running", epochs_done=self.epoch)
        return loss

    def _look_at_the_floor(self, loss: float) -> None:
        """Say once that the networks have begun to copy noise."""
        if self.copies_noise or not copies_noise(loss, self.data.scale.noise_floor):
            return
        self.copies_noise = True
        self.progress.say(
            f"The loss fell below the noise floor in epoch {self.epoch}: the networks copy noise out of the images that they are "
            "to predict, and maps of single images get worse from here. Use an earlier checkpoint, or train with "
            "--set training.held_out_fraction=0.5, which makes it impossible."
        )

    def _report(self, loss: float) -> None:
        if self.fabric.is_global_zero:
            append_metrics(self.run, self._facts(loss, split="step"))
        self.progress.step(self.position, self.epoch, loss, self.images_per_s, memory_gb(self.fabric.device))

    def _facts(self, loss: float, split: str) -> dict[str, Any]:
        return {
            "step": self.step,
            "epoch": self.epoch,
            "split": split,
            "loss": loss,
            "noise_floor": self.data.scale.noise_floor,
            "lr": self.optimizer.param_groups[0]["lr"],
            "images_per_s": round(self.images_per_s, 2),
            "memory_gb": round(memory_gb(self.fabric.device), 3),
            "time": round(time.time(), 3),
        }

    def _save(self, is_best: bool) -> None:
        """Write a checkpoint.

        Raises
        ------
        TrainingError : loss or weights are not finite; no checkpoint is written from such a state.
        """
        loss_sum = self._mean_over_processes(self.loss_sum)
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise self._diverged("the weights are no longer finite")
        if self.fabric.is_global_zero:
            checkpoint = Checkpoint(
                config=self.config,
                scale=self.data.scale,
                model=self.model.module.state_dict(),  # without the wrapper of DDP
                optimizer=self.optimizer.state_dict(),
                epoch=self.epoch,
                batch=self.batch,
                step=self.step,
                best_loss=self.best_loss,
                epoch_loss_sum=loss_sum,
            )
            keep_checkpoint(self.run, checkpoint, is_best, self.config.training.keep_checkpoints)
        self.saved_step, self.saved_at = self.step, time.monotonic()
        self.fabric.barrier()

    def _must_stop(self) -> bool:
        """Whether any process was asked to stop."""
        return self._anywhere(self.stop.signal_number is not None)[0]

    def _anywhere(self, *flags: bool) -> list[bool]:
        """Each flag, or-ed over the processes, so that all of them take the same way."""
        if self.fabric.world_size == 1:
            return list(flags)
        total = cast(Tensor, self.fabric.all_reduce(torch.tensor(flags, device=self.fabric.device).float(), reduce_op="sum"))
        return [value > 0 for value in total.tolist()]

    def _mean_over_processes(self, value: Tensor) -> float:
        """The mean of a loss as a number, the same in every process.

        Raises
        ------
        TrainingError : it is not finite.
        """
        mean = float(cast(Tensor, self.fabric.all_reduce(value.detach(), reduce_op="mean")))
        if not math.isfinite(mean):
            raise self._diverged(f"the loss became {mean}")
        return mean

    def _diverged(self, what: str) -> TrainingError:
        return TrainingError(
            f"{what} at step {self.step}; resume the last checkpoint with a smaller learning rate, "
            f"--set training.learning_rate={self.config.training.learning_rate / 3:.1e}, "
            "or with --set training.precision=32-true"
        )

    def _set_status(self, status: str, **changes: Any) -> None:
        if self.fabric.is_global_zero:
            if status == "running":
                changes |= {"pid": os.getpid(), "process_created": psutil.Process().create_time()}
            update_manifest(self.run, status=status, device=str(self.fabric.device), **changes)

    def _introduce(self) -> None:
        scale, options = self.data.scale, self.config.training
        for note in self.data.notes:
            self.progress.say(note)
        self.progress.say(
            f"{len(self.data.particles)} particles of {scale.box_px} px at {scale.pixel_size_angstrom:.3g} Å/px, "
            f"{self.parameters / 1e6:.1f} M parameters, {self.fabric.world_size} process(es) on {self.fabric.device} "
            f"({self.fabric.strategy.precision.precision}), "
            f"{options.epochs} epochs of {self.steps_per_epoch} steps"
        )
