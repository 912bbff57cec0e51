"""What the generated INRs have in common and where they differ (the paper's Figs. 7 and 8), on a sample of particles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cryohype_model.imaging.grid import FourierGrid, fold_half_space
from cryohype_model.inference.trained import TrainedRun

SAMPLE_PARTICLES = 400
SAMPLE_COORDINATES = 256
MOST_NUMBERS = 1 << 26  # activations held at once: 256 MB
DECODE_AT_ONCE = 8  # images whose INR weights are held at once


@dataclass(frozen=True)
class Probe:
    """n generated INRs, looked into.

    Attributes
    ----------
    rows : (n,) the particles. activations : (n, 2) principal components of the last hidden layer's activations.
    variance_ratio : (2,) the share of the activations' variance that each explains.
    weight_spread : (in, out) standard deviation over the INRs of the first layer's weights.
    weight_scale : root mean square of these weights, to compare the spread with.
    shared_weights : the weights are the same for all images (concat conditioning), so their spread is 0 by construction.
    """

    rows: npt.NDArray[np.int64]
    activations: npt.NDArray[np.float32]
    variance_ratio: npt.NDArray[np.float64]
    weight_spread: npt.NDArray[np.float32]
    weight_scale: float
    shared_weights: bool


def sample_rows(count: int, seed: int) -> npt.NDArray[np.int64]:
    """The particles that :func:`probe` looks at: SAMPLE_PARTICLES random ones, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:SAMPLE_PARTICLES])


@torch.inference_mode()
def probe(trained: TrainedRun, rows: npt.NDArray[np.int64], seed: int) -> Probe:
    """Activations and first weights of the INRs that these particles generate.

    Parameters
    ----------
    rows : (n,) particles, at least 3.
    seed : of the coordinates, common to all INRs.
    """
    inr = trained.model.inr
    hidden = inr.weight_shapes[-1][0]
    most = max(1, min(SAMPLE_COORDINATES, MOST_NUMBERS // (len(rows) * hidden)))
    coordinates = probe_coordinates(trained.scale.box_px, most, seed).to(trained.device)
    if inr.fold:
        coordinates, _ = fold_half_space(coordinates)
    activations = np.empty((len(rows), len(coordinates) * hidden), dtype=np.float32)
    first_weights = torch.zeros(2, *inr.weight_shapes[0], dtype=torch.float64)  # sums of the weights and of their squares
    done, shared = 0, False
    for _, latents in trained.latents_of(rows):
        for latent in latents.split(DECODE_AT_ONCE):
            weights = trained.model.decode(latent)
            values = inr.hidden_activations(weights, coordinates.expand(len(latent), -1, -1))
            activations[done : done + len(latent)] = values.flatten(1).float().cpu().numpy()
            shared = weights[0].weight.dim() == 2
            first = weights[0].weight.double().cpu().expand(len(latent), -1, -1)
            first_weights += torch.stack([first.sum(0), first.square().sum(0)])
            done += len(latent)
    mean, mean_square = first_weights / len(rows)
    spread = torch.zeros_like(mean) if shared else (mean_square - mean**2).clamp_min(0).sqrt()
    components, ratio = two_components(activations)
    return Probe(rows, components, ratio, spread.float().numpy(), float(mean_square.mean().sqrt()), shared)


def probe_coordinates(box_px: int, count: int, seed: int) -> Tensor:
    """(m, 3) random frequencies of the half sphere, cycles/pixel: at most ``count``."""
    grid = FourierGrid(box_px)
    pixels = grid.shell_pixels(0, box_px // 2)
    chosen = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed))[:count]
    return grid.coordinates(pixels[chosen])


def two_components(
    values: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """First two principal components of few long vectors, by their n × n Gram matrix; ``values`` (n, p) is centred in place.

    Returns
    -------
    (n, 2) components and their (2,) shares of the variance.
    """
    values -= values.mean(axis=0)
    gram = (values @ values.T).astype(np.float64)
    variance, vectors = np.linalg.eigh(gram)
    leading = np.maximum(variance[:-3:-1], 0)
    components = vectors[:, :-3:-1] * np.sqrt(leading)
    return components.astype(np.float32), leading / max(float(np.trace(gram)), 1e-30)
