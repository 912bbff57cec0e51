"""What the slices of some images add up to on the lattice of a volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor

from cryohype_model.imaging.lattice import Corners, HalfLattice
from cryohype_model.nets.inputs import ObservedSlices


@dataclass(frozen=True)
class SliceSums:
    """Some images, as a pass of expectation maximisation needs them.

    Attributes
    ----------
    observed : without coordinates, which the corners stand for.
    weight : (lattice points, images) sum of the shares · CTF². data : the same of the shares · CTF · Y.
    """

    observed: ObservedSlices
    corners: Corners
    weight: sparse.csr_matrix
    data: sparse.csr_matrix


def slice_sums(lattice: HalfLattice, observed: ObservedSlices) -> SliceSums:
    """Each slice spread trilinearly, as in any back-projection."""
    corners = lattice.corners(observed.coordinates)
    images, numbers = observed.values.shape
    values = observed.values.flatten()
    folded = torch.complex(values.real, values.imag * corners.sign) * observed.ctf.flatten()
    row = corners.row.flatten().numpy().astype(np.int32)
    column = np.repeat(np.arange(images, dtype=np.int32), numbers * corners.row.shape[1])

    def summed(of_coordinates: Tensor) -> sparse.csr_matrix:
        spread: npt.NDArray[np.generic] = (corners.share * of_coordinates[:, None]).flatten().numpy()
        return sparse.csr_matrix((spread, (row, column)), shape=(lattice.size, images))

    few = Corners(corners.row.int(), corners.share, corners.sign)
    seen = ObservedSlices(observed.values, observed.ctf, observed.coordinates[:, :0])
    return SliceSums(seen, few, summed(observed.ctf.flatten().square()), summed(folded))


def shell_mean(shell: Tensor, values: Tensor) -> Tensor:
    """Mean of values at lattice points over each shell, by the number of a point's shell."""
    return torch.bincount(shell, values) / torch.bincount(shell)
