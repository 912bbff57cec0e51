"""The contrast transfer function, in RELION's convention: CTF(0) = +amplitude contrast."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def contrast_transfer(frequencies: Tensor, parameters: Tensor) -> Tensor:
    """CTF at 2-D frequencies.

    Parameters
    ----------
    frequencies : (m, 2) or (b, m, 2), (kx, ky) in 1/Å.
    parameters : (b, 9) defocus U, V [Å], angle [deg], voltage [kV], Cs [mm], amplitude contrast, phase shift [deg],
        B-factor [Å²], scale: the columns of :meth:`cryohype_model.io.table.CtfTable.as_array`.

    Returns
    -------
    (b, m) CTF = -scale · exp(-B k²/4) · sin(γ - asin w - φ), γ = -π λ Δf k² + (π/2) Cs λ³ k⁴
    (Rohou & Grigorieff 2015; RELION's ctf.cpp has the same signs).
    """
    p = parameters.to(torch.float64 if frequencies.dtype == torch.float64 else torch.float32)
    u, v, angle, kilovolt, cs_mm, amplitude, phase, b_factor, scale = (column[:, None] for column in p.unbind(1))
    volt = kilovolt * 1e3
    wavelength = 12.2643247 / torch.sqrt(volt * (1.0 + 0.978466e-6 * volt))  # Å
    kx, ky = frequencies[..., 0], frequencies[..., 1]
    squared = kx**2 + ky**2
    azimuth = torch.atan2(ky, kx) - torch.deg2rad(angle)
    defocus = 0.5 * (u + v + (u - v) * torch.cos(2.0 * azimuth))
    gamma = -math.pi * wavelength * defocus * squared + 0.5 * math.pi * (cs_mm * 1e7) * wavelength**3 * squared**2
    oscillation = -torch.sin(gamma - torch.asin(amplitude) - torch.deg2rad(phase))
    return scale * torch.exp(-b_factor * squared / 4.0) * oscillation
