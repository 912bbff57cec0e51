"""An image, its pose and its CTF as tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from cryohype_model.errors import ConfigError

POSE_NUMBERS = 9  # the rotation matrix
CTF_NUMBERS = 4  # defocus, astigmatism as a vector, phase shift


class ImageTokenizer(nn.Module):
    """Patches of the encoder's input, with optional position, pose and CTF (paper 2.2, step 1).

    Parameters
    ----------
    box_px, patch_px : side of the image and of a patch; the first must be a multiple of the second.
    dim : width of a token.
    positional_embedding, pose_token, ctf_token : what is added to the patches.
    """

    def __init__(
        self, *, box_px: int, patch_px: int, dim: int, positional_embedding: bool, pose_token: bool, ctf_token: bool
    ) -> None:
        super().__init__()
        if box_px % patch_px:
            raise ConfigError(f"model.patch_px = {patch_px} does not divide the box of {box_px} px; choose a divisor of {box_px}")
        self.patch_px = patch_px
        self.count = (box_px // patch_px) ** 2
        self.project = nn.Linear(patch_px**2, dim)
        self.position = nn.Parameter(torch.randn(self.count, dim) * 0.02) if positional_embedding else None
        self.pose = nn.Linear(POSE_NUMBERS, dim) if pose_token else None
        self.ctf = nn.Linear(CTF_NUMBERS, dim) if ctf_token else None

    def forward(self, images: Tensor, rotation: Tensor, ctf_summary: Tensor, keep: Tensor | None = None) -> Tensor:
        """(b, D, D) images, (b, 3, 3) rotations and (b, 4) CTF summaries to (b, T, dim) tokens.

        ``keep`` (b, T) bool blanks the patches of image tokens that are hidden from the encoder.
        """
        b, d, _ = images.shape
        p = self.patch_px
        patches = images.reshape(b, d // p, p, d // p, p).transpose(2, 3).reshape(b, self.count, p * p)
        if keep is not None:
            patches = patches * keep[..., None]
        tokens = self.project(patches)
        if self.position is not None:
            tokens = tokens + self.position
        extra = []
        if self.pose is not None:
            extra.append(self.pose(rotation.reshape(b, 1, POSE_NUMBERS)))
        if self.ctf is not None:
            extra.append(self.ctf(ctf_summary[:, None, :]))
        return torch.cat([tokens, *extra], dim=1) if extra else tokens


def low_pass_window(box_px: int, cutoff_px: float) -> Tensor:
    """(D, D) Gaussian exp(-r²/2c²) over centred Fourier pixels (paper, EMPIAR-10076)."""
    axis = torch.arange(box_px) - box_px // 2
    squared = (axis[:, None] ** 2 + axis[None, :] ** 2).float()
    return torch.exp(-squared / (2.0 * cutoff_px**2))


def ctf_summary(parameters: Tensor) -> Tensor:
    """(b, 9) CTF parameters to (b, 4) numbers of order one: mean defocus and astigmatism in µm, phase shift in units of π."""
    u, v, angle_deg, phase_deg = parameters[:, 0], parameters[:, 1], parameters[:, 2], parameters[:, 6]
    mean, difference = (u + v) / 2e4, (u - v) / 2e4
    double = 2.0 * torch.deg2rad(angle_deg)
    phase = torch.deg2rad(phase_deg) / math.pi
    return torch.stack([mean, difference * torch.cos(double), difference * torch.sin(double), phase], dim=1)
