"""One optimiser step on a batch: in one piece, or in parts that memory has room for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from cryohype_model.config import RunConfig
from cryohype_model.imaging.particles import ParticleBatch
from cryohype_model.nets.loss import SliceLoss
from cryohype_model.training.memory import StepPlan, free_bytes, kept_bytes, plan_step
from cryohype_model.training.schedule import coordinate_rows, hidden_coefficients, learning_rate, token_mask


class TrainingStep:
    """Loss, gradient, optimiser.

    Parameters
    ----------
    loss : of the data set. model, optimizer : as Fabric set them up.

    Attributes
    ----------
    plan : how steps are cut; made at the first one.
    """

    def __init__(
        self, config: RunConfig, fabric: Fabric, loss: SliceLoss, model: Any, optimizer: Any, steps_per_epoch: int
    ) -> None:
        self.config, self.fabric, self.loss = config, fabric, loss
        self.model, self.optimizer = model, optimizer
        self.steps_per_epoch = steps_per_epoch
        self.plan: StepPlan | None = None

    def __call__(self, batch: ParticleBatch, position: int) -> Tensor:
        """Take the step; the mean loss of the batch, without gradient.

        Parameters
        ----------
        batch : this process's share, on the device. position : steps since the beginning, for the schedules.

        Raises
        ------
        TrainingError : not even one image fits into memory.
        """
        options = self.config.training
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(options, position, self.steps_per_epoch)
        rows = coordinate_rows(options, self.loss.radius_squared, position, self.steps_per_epoch)
        hidden = hidden_coefficients(options, len(self.loss.preprocessor.half_disc), position)
        keep = self._token_mask(batch, position)
        if self.plan is None:
            self.plan = self._plan(batch, keep, hidden)
        while (loss := self._accumulate(batch, rows, keep, hidden)) is None:
            self._halve()
        if options.gradient_clip > 0:
            # error_if_nonfinite would cost a synchronisation each step; the loss is looked at instead
            self.fabric.clip_gradients(self.model, self.optimizer, max_norm=options.gradient_clip, error_if_nonfinite=False)
        self.optimizer.step()
        return loss

    def _accumulate(self, batch: ParticleBatch, rows: Tensor | None, keep: Tensor | None, hidden: Tensor | None) -> Tensor | None:
        """Gradients of the mean over the batch, part after part; the loss, or None where memory ran out and less may do."""
        assert self.plan is not None
        count, at_once = len(batch.index), self.plan.images
        mean = torch.zeros((), device=self.fabric.device)
        self.optimizer.zero_grad(set_to_none=True)
        try:
            for start in range(0, count, at_once):
                part = slice(start, start + at_once)
                shown = None if keep is None else keep[part]
                share = (min(count, part.stop) - start) / count
                # the gradients of all processes are added up once, with the last part
                waits = self.fabric.world_size > 1 and part.stop < count
                with self.fabric.no_backward_sync(self.model, enabled=waits):
                    losses = self.loss(self.model, batch[part], rows, shown, hidden)
                    self.fabric.backward(losses.total(self.config.training.basis_loss) * share)
                mean += losses.image.detach().mean() * share
        except torch.cuda.OutOfMemoryError:
            # several processes would no longer take the same steps; and what is fixed by hand stays
            if at_once == 1 or self.fabric.world_size > 1 or self.config.training.images_at_once is not None:
                raise
            return None
        return mean

    def _halve(self) -> None:
        """After memory ran out: somebody else has taken some of it since the plan was made."""
        assert self.plan is not None
        self.optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        self.plan = replace(self.plan, images=self.plan.images // 2)

    def _plan(self, batch: ParticleBatch, keep: Tensor | None, hidden: Tensor | None) -> StepPlan:
        options, network = self.config.training, self.model.module
        # of the last step: from coarse to fine, the first ones use a few coordinates only
        last = options.epochs * self.steps_per_epoch
        rows = coordinate_rows(options, self.loss.radius_squared, last, self.steps_per_epoch)

        def of_images(count: int) -> int:
            shown = None if keep is None else keep[:count]
            with self.fabric.autocast():
                return kept_bytes(lambda: self.loss(network, batch[:count], rows, shown, hidden).total())

        def of_image(recompute: bool) -> int:
            network.inr.recompute = recompute
            one = of_images(1)
            return of_images(2) - one if len(batch.index) > 1 else one

        parameters = sum(parameter.numel() for parameter in network.parameters())
        free = free_bytes(self.fabric.device, parameters, options.devices)
        share = -(-options.batch_size // self.fabric.world_size)  # the batch at hand may be the short last one
        plan = plan_step(options, share, free, of_image)
        network.inr.recompute = plan.recompute
        return plan

    def _token_mask(self, batch: ParticleBatch, position: int) -> Tensor | None:
        tokens = (self.loss.preprocessor.scale.box_px // self.config.model.patch_px) ** 2
        rank, world = self.fabric.global_rank, self.fabric.world_size
        keep = token_mask(self.config.training, len(batch.index), tokens, position, rank, world)
        return None if keep is None else keep.to(self.fabric.device)
