"""Principal components of long vectors that come in batches (Ross et al. 2008), by the Gram matrix of a few hundred rows."""

from __future__ import annotations

import torch
from torch import Tensor

GRAM_COLUMNS = 8192  # columns in double precision at a time


class IncrementalPca:
    """Keeps q axes of everything seen; a batch costs its rows squared times L, on the device of the vectors.

    Parameters
    ----------
    components : q, of vectors of any length L. The first batch must have more than q rows.

    Attributes
    ----------
    count : vectors seen. mean : (L,). axes : (q, L), orthonormal. singular : (q,) singular values of what was seen.
    """

    def __init__(self, components: int) -> None:
        self.components = components
        self.count = 0
        self.mean = torch.zeros(1)
        self.axes = torch.zeros(0, 1)
        self.singular = torch.zeros(0, dtype=torch.float64)
        self._sum_of_squares = 0.0

    def update(self, batch: Tensor) -> None:
        """Take in (b, L) float32 vectors."""
        batch_mean = batch.mean(dim=0)
        centred = batch - batch_mean
        rows = [centred]
        if self.count:
            # the two means differ: one more row makes up for it, and the old axes stand for all that was seen
            share = (self.count * len(batch) / (self.count + len(batch))) ** 0.5
            rows += [share * (self.mean - batch_mean)[None], self.singular.float()[:, None] * self.axes]
        total = self.count + len(batch)
        self.mean = batch_mean if not self.count else self.mean + (batch_mean - self.mean) * (len(batch) / total)
        stacked = torch.cat(rows)
        gram = _gram(stacked)
        self._sum_of_squares += float(gram.diagonal()[: len(batch) + (self.count > 0)].sum())
        self.count = total
        squared, vectors = torch.linalg.eigh(gram)
        self.singular = squared[-self.components :].flip(0).clamp_min(0).sqrt()
        self.axes = (vectors[:, -self.components :].flip(1) / self.singular.clamp_min(1e-30)).float().T @ stacked

    def variance_ratio(self) -> Tensor:
        """(q,) share of the variance that each axis explains."""
        return self.singular.square() / max(self._sum_of_squares, 1e-30)

    def signed_axes(self) -> Tensor:
        """The axes, each with its largest number positive: the same from one machine to the next."""
        largest = self.axes.gather(1, self.axes.abs().argmax(dim=1, keepdim=True))
        return torch.where(largest < 0, -self.axes, self.axes)


def _gram(rows: Tensor) -> Tensor:
    """(r, r) inner products of (r, L) float32 rows, in double precision: squaring would cost half the digits."""
    return sum(
        (part.double() @ part.double().T for part in rows.split(GRAM_COLUMNS, dim=1)),
        start=rows.new_zeros((), dtype=torch.float64),
    )
