"""What one image allows when the true maps are known: the mean of the maps, each as probable as the image makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.quality.cases import Data
from benchmarks.quality.processes import Budget
from benchmarks.quality.protocol import Outcome, Rows, Space, first_images
from cryohype_model.config import DataConfig
from cryohype_model.imaging.fourier import gather_half_disc
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import Preprocessor
from cryohype_model.imaging.project import pad_for_slicing, project_coefficients
from cryohype_model.io.mrc import read_volume, write_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.training.prepare import image_scale

BATCH = 250


@dataclass(frozen=True)
class KnownMaps:
    """Bayes' rule over the true maps, with poses, CTF and noise known: E[map | image], which minimises the mean square error."""

    name: str = "true maps known"

    def missing(self) -> str | None:
        """It is always here."""
        return None

    def reconstruct(self, data: Data, folder: Path, budget: Budget, seed: int, maps: int) -> Outcome:
        """Maps of single images; budget and seed do not matter to it. Its latents are the logarithms of the probabilities."""
        del budget, seed
        probability = probabilities(data)
        volumes = [read_volume(data.truths[label][1])[0] for label in sorted(data.truths)]
        single = []
        for label, row in first_images(data.labels, maps):
            path = folder / f"map_{row:06d}.mrc"
            mean = sum(float(share) * volume for share, volume in zip(probability[row], volumes, strict=True))
            write_volume(path, np.asarray(mean, dtype=np.float32), data.case.pixel_size_angstrom)
            single.append((label, path))
        right = float((probability.argmax(1) == data.labels).mean())
        space: Space = np.log(probability + 1e-6).astype(np.float32)
        how = f"true maps known: their mean by their probability; the most probable is right for {right:.3f} of the images"
        return Outcome(single, None, space, None, how)


def probabilities(data: Data) -> npt.NDArray[np.float64]:
    """(n, structures) probability of each true map, all equally frequent; noise and scale are measured with the true labels."""
    table = read_particles(data.star)
    particles = Particles(table)
    preprocessor = Preprocessor(image_scale(particles, DataConfig(particles=str(data.star)), contrast=1))
    truths = [torch.from_numpy(read_volume(data.truths[label][1])[0]) for label in sorted(data.truths)]
    transforms = [pad_for_slicing(truth) for truth in truths]
    pixels = preprocessor.grid.half_disc_pixels
    rows = np.arange(len(table))
    parts: list[Rows] = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    powers, cross, squares = [], [], []
    for batch in particles.prefetch(parts):
        prepared = preprocessor.prepare(batch.images, batch.shift_px, batch.ctf)
        seen, ctf = gather_half_disc(prepared.coefficients, pixels), gather_half_disc(prepared.ctf, pixels)
        box = data.case.box_px
        expected = [gather_half_disc(project_coefficients(each, batch.rotation, box), pixels) * ctf for each in transforms]
        powers.append(torch.stack([each.abs().square().sum(1) for each in expected], dim=1))
        cross.append(torch.stack([(each.conj() * seen).real.sum(1) for each in expected], dim=1))
        squares.append(seen.abs().square().sum(1))
    power, product, square = (torch.cat(each).double() for each in (powers, cross, squares))
    own = torch.from_numpy(data.labels)[:, None]
    scale = product.gather(1, own).sum() / power.gather(1, own).sum()
    misfit = square[:, None] - 2 * scale * product + scale**2 * power  # of each map, up to the noise
    noise = misfit.gather(1, own).sum() / (len(rows) * len(pixels))
    found: npt.NDArray[np.float64] = torch.softmax(-misfit / noise, dim=1).numpy()
    return found
