"""From a latent to a map, coarse shells first; nothing is computed twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cryohype_model.errors import ConfigError
from cryohype_model.imaging.fourier import fourier_to_volume, scatter_half_sphere
from cryohype_model.imaging.grid import FourierGrid
from cryohype_model.imaging.preprocess import ImageScale
from cryohype_model.nets.hypernetwork import HyperNetwork

# numbers of one layer's activations held at once: on a CPU what its caches hold, on a GPU what keeps it busy
CHUNK_NUMBERS = {"cpu": 1 << 20, "cuda": 1 << 28}


@dataclass(frozen=True)
class Stage:
    """A map of growing box.

    Attributes
    ----------
    volume : (d, d, d) float32 (z, y, x); the density of the stored sampling, low-passed to the shells so far.
    pixel_size_angstrom : of this map, so that its physical size is that of the last one.
    last : whether this is the whole map.
    """

    volume: npt.NDArray[np.float32]
    pixel_size_angstrom: float
    last: bool


@dataclass(frozen=True)
class Coefficients:
    """A molecule as the volumes have it that were fitted before the networks: U_0 + Σ z U, or the mean of the classes' volumes.

    Attributes
    ----------
    z : (1, count) coefficients, and behind them the probabilities of the classes where there are some.
    """

    z: Tensor


class VolumeGenerator:
    """Maps from latents, or from coefficients of the basis volumes.

    Parameters
    ----------
    model : trained networks, in evaluation mode on their device.
    scale : constants of the data set.
    mixed : compute the networks in bfloat16, as they were trained; Fourier transforms stay in float32.
    """

    def __init__(self, model: HyperNetwork, scale: ImageScale, mixed: bool = False) -> None:
        self.model = model
        self.scale = scale
        self.mixed = mixed
        self.device = next(model.parameters()).device
        hidden = max(max(shape) for shape in model.inr.weight_shapes)
        self.chunk = max(1024, CHUNK_NUMBERS.get(self.device.type, CHUNK_NUMBERS["cpu"]) // hidden)

    def volume(self, code: Tensor | Coefficients, box_px: int | None = None) -> npt.NDArray[np.float32]:
        """The whole map of a latent (1, tokens, width), at any even box: smaller is low-passed, larger is zero-padded."""
        *_, stage = self.stages(code, box_px, coarsest_px=None)
        return stage.volume

    def stages(
        self,
        code: Tensor | Coefficients,
        box_px: int | None = None,
        *,
        coarsest_px: int | None = 16,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[Stage]:
        """Maps of growing box from the same latent; the shells of one are kept for the next.

        Parameters
        ----------
        code : latent (1, tokens, width), or coefficients.
        box_px : of the last map; None for the training box.
        coarsest_px : box of the first map, doubled at each stage; None for the last one only.
        cancelled : asked between chunks; the iterator ends early when it answers True.

        Raises
        ------
        ConfigError : an odd or tiny box.
        """
        final = self.scale.box_px if box_px is None else box_px
        if final < 8 or final % 2:
            raise ConfigError(f"a map's box must be even and at least 8 px, not {final}")
        reach = min(final, self.scale.box_px)  # shells that the network was trained on
        with torch.inference_mode():
            field = self._field(code)
            pixels, values, inner = [], [], 0
            for box in _stage_boxes(reach, coarsest_px):
                shell = FourierGrid(self.scale.box_px).shell_pixels(inner, box // 2)
                inner = box // 2
                found = []
                for part in shell.split(self.chunk):
                    if cancelled():
                        return
                    coordinates = FourierGrid(self.scale.box_px).coordinates(part).to(self.device)
                    found.append(field(coordinates))
                pixels.append(shell.to(self.device))
                values.append(torch.cat(found))
                last = box == reach
                out_box = final if last else box
                volume = self._to_volume(torch.cat(values), torch.cat(pixels), out_box)
                size = self.scale.pixel_size_angstrom * self.scale.box_px / out_box
                yield Stage(volume, size, last)

    def _field(self, code: Tensor | Coefficients) -> Callable[[Tensor], Tensor]:
        """The molecule as a function of (m, 3) coordinates."""
        if isinstance(code, Coefficients):
            basis, z = self.model.basis, code.z.to(self.device)
            assert basis is not None  # whose coefficients they are
            return lambda coordinates: basis.predict(z, coordinates[None])[0]
        with self._precision():
            weights = self.model.decode(code.to(self.device))
        return lambda coordinates: self._values(weights, coordinates)

    def _values(self, weights: object, coordinates: Tensor) -> Tensor:
        """Complex values at (m, 3) coordinates; a Hartley answer needs the value at -k as well."""
        inr = self.model.inr
        with self._precision():
            value: Tensor = inr(weights, coordinates[None])[0]
            if inr.complex_output:
                return value
            opposite: Tensor = inr(weights, -coordinates[None])[0]
        # H(k) = Re F - Im F and H(-k) = Re F + Im F
        return torch.complex((value + opposite) / 2, (opposite - value) / 2)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.mixed)

    def _to_volume(self, values: Tensor, pixels: Tensor, box_px: int) -> npt.NDArray[np.float32]:
        coefficients = scatter_half_sphere(values, pixels, box_px)
        # the inverse transform divides by box³: a density keeps its value on every box
        factor = self.scale.density_factor * (box_px / self.scale.box_px) ** 3
        return (fourier_to_volume(coefficients, box_px) * factor).cpu().numpy().astype(np.float32)


def _stage_boxes(reach: int, coarsest_px: int | None) -> list[int]:
    """Boxes coarsest, 2 · coarsest … and reach."""
    boxes = []
    box = reach if coarsest_px is None else coarsest_px
    while box < reach:
        boxes.append(box)
        box *= 2
    return [*boxes, reach]
