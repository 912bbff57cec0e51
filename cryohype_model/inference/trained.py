"""A trained run, opened to make latents and volumes: networks, preprocessing, particles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cryohype_model.config import RunConfig
from cryohype_model.errors import ConfigError, RunError
from cryohype_model.imaging.particles import ParticleBatch, Particles
from cryohype_model.imaging.preprocess import ImageScale, Preprocessor
from cryohype_model.inference.generate import Coefficients, VolumeGenerator
from cryohype_model.nets.basis import BasisVolumes
from cryohype_model.nets.checkpoint import checkpoint_path, load_checkpoint, restore_model
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.nets.loss import SliceLoss
from cryohype_model.runs.layout import Run
from cryohype_model.runs.particles import read_run_particles
from cryohype_model.runs.run import open_run

ENCODE_BATCH = 256
# numbers of INR weights and activations held at once: on a CPU what its caches hold, on a GPU what fits a small one
ENCODE_NUMBERS = {"cpu": 1 << 24, "cuda": 1 << 30}


@dataclass(frozen=True)
class TrainedRun:
    """Networks of one checkpoint on a device.

    Attributes
    ----------
    checkpoint : its name, ``step-00001000``.
    """

    run: Run
    checkpoint: str
    config: RunConfig
    scale: ImageScale
    model: HyperNetwork
    device: torch.device

    @cached_property
    def particles(self) -> Particles:
        """The particles as trained on."""
        return Particles(read_run_particles(self.run))

    @cached_property
    def loss(self) -> SliceLoss:
        """Preprocessing and the loss."""
        return SliceLoss(Preprocessor(self.scale, self.device), self.config.model)

    @property
    def mixed(self) -> bool:
        """Whether the networks are computed in bfloat16: where they were trained so, and the device is fast at it."""
        return self.config.training.precision == "bf16-mixed" and multiplies_bfloat16(self.device)

    @cached_property
    def generator(self) -> VolumeGenerator:
        """Maps from latents."""
        return VolumeGenerator(self.model, self.scale, self.mixed)

    @cached_property
    def encode_batch(self) -> int:
        """Images encoded at a time: as many as fit memory with the weights and activations of their INRs."""
        shapes = self.model.inr.weight_shapes
        weights = sum(fan_in * out for fan_in, out in shapes)
        activations = len(self.loss.sample[0]) * max(max(shape) for shape in shapes)
        budget = ENCODE_NUMBERS.get(self.device.type, ENCODE_NUMBERS["cpu"])
        return max(1, min(ENCODE_BATCH, budget // (3 * (weights + activations))))

    def latents_of(self, rows: npt.ArrayLike) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """Latents of any particles in batches, (rows, latents on the device); without the loss, which costs more than they do."""
        for part, batch in self._batches(rows):
            with torch.inference_mode():
                inputs = self.loss.encoder_input(batch.to(self.device))[1]
                with self._precision():
                    latent = self.model.encode(inputs)
            yield part, latent

    def coefficients_of(self, rows: npt.ArrayLike) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """Coefficients (b, count) of the basis volumes of any particles in batches, on the device.

        Where there are classes, their probabilities stand behind them, (b, count + classes).

        Raises
        ------
        RunError : the run has no basis volumes.
        """
        basis = self.check_basis()
        for part, batch in self._batches(rows):
            with torch.inference_mode():
                slices = self.loss.encoder_input(batch.to(self.device))[1].slices
                assert slices is not None  # where there are basis volumes
                coefficients = basis.fit(slices)
            yield part, coefficients

    def check_basis(self) -> BasisVolumes:
        """The basis volumes.

        Raises
        ------
        RunError : there are none.
        """
        if self.model.basis is None:
            raise RunError(
                f"{self.run.path} has no basis volumes (model.basis_volumes = 0), so it has no linear maps; choose another method"
            )
        return self.model.basis

    def codes_of(self, rows: npt.ArrayLike, method: str) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """What :func:`code_of` averages for a method: coefficients for "linear", latents for all others."""
        return self.coefficients_of(rows) if method == "linear" else self.latents_of(rows)

    @torch.inference_mode()
    def encode(self, batch: ParticleBatch) -> tuple[Tensor, Tensor]:
        """Latents (b, tokens, width) of a batch on the device, and the loss (b,) of each image."""
        prepared, inputs = self.loss.encoder_input(batch)
        with self._precision():
            latent = self.model.encode(inputs)
            return latent, self.loss.of_latent(self.model, latent, prepared, batch.rotation)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.mixed)

    def encode_rows(self, rows: npt.ArrayLike) -> Iterator[tuple[npt.NDArray[np.int64], Tensor, Tensor]]:
        """Latents of any particles in batches: (rows, latents on the device, losses)."""
        for part, batch in self._batches(rows):
            yield part, *self.encode(batch.to(self.device))

    def _batches(self, rows: npt.ArrayLike) -> Iterator[tuple[npt.NDArray[np.int64], ParticleBatch]]:
        index = np.asarray(rows, dtype=np.int64)
        parts = [index[start : start + self.encode_batch] for start in range(0, len(index), self.encode_batch)]
        yield from zip(parts, self.particles.prefetch(parts), strict=True)

    def mean_latent(self, rows: npt.ArrayLike) -> Tensor:
        """(1, tokens, width) mean latent of some particles, encoded anew."""
        return _mean(self.latents_of(rows))

    def mean_code(self, rows: npt.ArrayLike, method: str) -> Tensor | Coefficients:
        """The mean of some particles as a method decodes it: of their coefficients for "linear", of their latents otherwise."""
        return code_of(_mean(self.codes_of(rows, method)), method)


def code_of(mean: Tensor, method: str) -> Tensor | Coefficients:
    """A mean of :meth:`TrainedRun.codes_of` as the generator wants it."""
    return Coefficients(mean) if method == "linear" else mean


def _mean(batches: Iterator[tuple[npt.NDArray[np.int64], Tensor]]) -> Tensor:
    total, count = None, 0
    for part, codes in batches:
        subtotal = codes.sum(dim=0, keepdim=True, dtype=torch.float32)
        total = subtotal if total is None else total + subtotal
        count += len(part)
    if total is None:
        raise RunError("a volume was asked for no particles at all; select at least one")
    return total / count


def open_trained_run(path: Path, checkpoint: str = "last", accelerator: str = "auto") -> TrainedRun:
    """Open a run and one of its checkpoints.

    Parameters
    ----------
    path : run folder. checkpoint : "last", "best" or a step's name. accelerator : "auto", "cpu" or "cuda".

    Raises
    ------
    RunError : no run, no such checkpoint, other version.
    """
    run = open_run(path)
    file = checkpoint_path(run, checkpoint)
    content = load_checkpoint(file)
    device = pick_device(accelerator)
    model = restore_model(content).to(device)
    name = f"step-{content.step:08d}"
    return TrainedRun(run, name, content.config, content.scale, model, device)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether it has instructions for such products: a GPU, or a CPU with AMX or AVX-512 BF16. Others would take longer."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # an old PyTorch does not tell
    return device.type == "cuda" or any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


def pick_device(accelerator: str) -> torch.device:
    """The device for inference.

    Raises
    ------
    ConfigError : a GPU was asked for and there is none.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError("a GPU was asked for, but PyTorch sees none here; leave the device at auto")
    if accelerator in {"auto", "cuda"} and torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def check_rows(rows: Sequence[int] | npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Particle numbers as an array.

    Raises
    ------
    RunError : a number outside 0 … count - 1.
    """
    index = np.asarray(rows, dtype=np.int64)
    wrong = index[(index < 0) | (index >= count)]
    if len(wrong):
        raise RunError(f"there is no particle {wrong[0]}; the run has {count}, numbered 0 to {count - 1}")
    return index
