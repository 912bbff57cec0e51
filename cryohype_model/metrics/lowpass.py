"""A map without its finest detail."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from cryohype_model.errors import ConfigError

Map = npt.NDArray[np.float32]


def low_passed(volume: Map, pixel_size_angstrom: float, resolution_angstrom: float) -> Map:
    """The map through a Gaussian that falls to a half at the resolution, as pictures of particles are.

    Parameters
    ----------
    volume : (z, y, x), of any box.

    Raises
    ------
    ConfigError : a resolution that is none.
    """
    if not 0 < resolution_angstrom < float("inf"):
        raise ConfigError(f"a low-pass must be a positive number of Å, not {resolution_angstrom:g}")
    depth, height, width = volume.shape
    along_z, along_y = (fft.fftfreq(side, pixel_size_angstrom).astype(np.float32) ** 2 for side in (depth, height))
    along_x = fft.rfftfreq(width, pixel_size_angstrom).astype(np.float32) ** 2
    squared = along_z[:, None, None] + along_y[None, :, None] + along_x[None, None, :]
    coefficients = fft.rfftn(volume) * np.float32(0.5) ** (squared * np.float32(resolution_angstrom**2))
    return np.ascontiguousarray(fft.irfftn(coefficients, volume.shape), dtype=np.float32)
