"""What the encoder is shown of a batch of particles."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ObservedSlices:
    """Coefficients of b images where the volume is looked at.

    Attributes
    ----------
    values : (b, n) complex, centred and normalised. ctf : (b, n).
    coordinates : (b, n, 3) in the volume's frame, cycles/pixel.
    """

    values: Tensor
    ctf: Tensor
    coordinates: Tensor


@dataclass(frozen=True)
class EncoderInput:
    """b particles, as the encoder sees them.

    Attributes
    ----------
    images : (b, D, D) phase-flipped Hartley or real images; None where the encoder reads none.
    rotation : (b, 3, 3). ctf_summary : (b, 4).
    keep : (b, T) of 0 and 1, the image tokens that are shown; None for all.
    slices : coefficients that the basis volumes are fitted to; None where the network has none.
    """

    images: Tensor | None
    rotation: Tensor
    ctf_summary: Tensor
    keep: Tensor | None = None
    slices: ObservedSlices | None = None

    def __len__(self) -> int:
        return len(self.rotation)
