"""Volumes of classes by expectation maximisation, after the basis volumes and before the networks (:class:`ClassVolumes`).

3-D classification at known poses and CTF (Scheres 2012): every pass finds the probability of each class for each image, then the
volumes, the shares of the classes and the noise that explain the images best under it. It begins with k-means of the
coefficients of the basis volumes. Where a class says little, its volume is that of its mean coefficients, U_0 + Σ z U: the
prior of their difference is Gaussian, with a variance of each shell that is fitted as well (empirical Bayes, MacKay 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from scipy import sparse
from sklearn.cluster import KMeans
from torch import Tensor

from cryohype_model.nets.class_volumes import ClassVolumes
from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.inputs import ObservedSlices
from cryohype_model.training.slice_sums import SliceSums, shell_mean, slice_sums

K_MEANS_SAMPLE = 10_000  # coefficients that the first classes are found from
VARIANCE_ROUNDS = 3  # of the prior's variances, in each pass
LAST_PASSES = 2  # in which more images are looked at: which class is which is known by then
NEGLIGIBLE = 1e-3  # probability of a class, of which its volume takes no notice
TINY = 1e-12


class ClassFit:
    """Expectation maximisation on the CPU.

    Parameters
    ----------
    volumes : basis volumes that are fitted, on the CPU, with classes to be fitted.
    batches : called once a pass for the images, prepared.
    """

    def __init__(self, volumes: GridVolumes, batches: Callable[[], Iterable[ObservedSlices]], seed: int) -> None:
        assert volumes.classes is not None
        self.volumes, self.batches, self.seed = volumes, batches, seed
        self.classes: ClassVolumes = volumes.classes
        self.shell = volumes.lattice.pixels().double().square().sum(1).sqrt().round().long()
        linear = volumes.table.unflatten(1, (2, volumes.count + 1))
        self.linear = torch.complex(linear[:, 0], linear[:, 1])
        self.variance = shell_mean(self.shell, self.linear[:, 1:].abs().square().sum(1)).clamp_min(TINY)
        self.classes.noise.copy_(2 * torch.exp(2 * volumes.log_sigma))

    def begin(self) -> None:
        """The first volumes, of classes of like coefficients."""
        coefficients = torch.cat([self._coefficients(part) for part in self._parts()])
        order = torch.randperm(len(coefficients), generator=torch.Generator().manual_seed(self.seed))
        sample = coefficients[order[:K_MEANS_SAMPLE]].numpy()
        count = min(self.classes.count, len(np.unique(sample.round(4), axis=0)))
        found = KMeans(count, n_init=3, random_state=self.seed).fit(sample)
        label = torch.from_numpy(found.predict(coefficients.numpy())).long()
        certain = torch.nn.functional.one_hot(label, self.classes.count).float()
        start = 0

        def given(part: SliceSums) -> Tensor:
            nonlocal start
            start += len(part.observed.values)
            return certain[start - len(part.observed.values) : start]

        self._pass(given)

    def step(self) -> float:
        """One pass; the noise variance of a coefficient under the classes as they were before it."""
        misfit, numbers = 0.0, 0

        def found(part: SliceSums) -> Tensor:
            nonlocal misfit, numbers
            left = self.classes.misfit(part.observed, part.corners)
            probability = torch.softmax(self.classes.log_weight - left / self.classes.noise, dim=1)
            misfit += float((probability * left).sum() + part.observed.values.abs().square().sum())
            numbers += part.observed.values.numel()
            return probability

        self._pass(found)
        self.classes.noise.fill_(max(misfit / numbers, TINY))
        return float(self.classes.noise)

    def _parts(self) -> Iterator[SliceSums]:
        for observed in self.batches():
            yield slice_sums(self.volumes.lattice, observed)

    def _coefficients(self, part: SliceSums) -> Tensor:
        return self.volumes.posterior(*self.volumes.design(part.observed, part.corners)).mean()

    def _pass(self, responsibility: Callable[[SliceSums], Tensor]) -> None:
        """Volumes and shares under the probabilities of each image's classes."""
        count, size = self.classes.count, self.volumes.lattice.size
        weight, right = np.zeros((size, count), np.float32), np.zeros((size, count), np.complex64)
        number, mean = torch.zeros(count), torch.zeros(count, self.volumes.count)
        for part in self._parts():
            of = responsibility(part)
            few = sparse.csr_matrix(torch.where(of > NEGLIGIBLE, of, 0.0).numpy())
            weight += (part.weight @ few).toarray()
            right += (part.data @ few).toarray()
            number += of.sum(dim=0)
            mean += of.T @ self._coefficients(part)
        lattice = self.volumes.lattice
        weights, rights = lattice.fold(torch.from_numpy(weight)), lattice.fold(torch.from_numpy(right))
        ones = torch.ones(count, 1)
        centre = self.linear @ torch.cat([ones, mean / number.clamp_min(TINY)[:, None]], dim=1).T.to(self.linear.dtype)
        self.classes.set(centre + self._differences(weights, rights - weights * centre), number / number.sum())

    def _differences(self, weight: Tensor, right: Tensor) -> Tensor:
        """(lattice points, K) of the classes' volumes from their centres, and the variances that make them most probable."""
        noise = self.classes.noise
        for _ in range(VARIANCE_ROUNDS):
            normal = weight + (noise / self.variance)[self.shell, None]
            difference = right / normal
            self.variance = shell_mean(self.shell, (difference.abs().square() + noise / normal).mean(dim=1)).clamp_min(TINY)
        return difference


def fit_class_volumes(
    volumes: GridVolumes,
    batches: Callable[[], Iterable[ObservedSlices]],
    passes: int,
    seed: int,
    report: Callable[[int, float], bool],
    last: Callable[[], Iterable[ObservedSlices]] | None = None,
) -> bool:
    """Fit the volumes of classes in place; whether they are fitted.

    Parameters
    ----------
    volumes : fitted, on the CPU. batches : called once a pass for prepared images, a few hundred each, always the same.
    last : the same for more images, of the last :data:`LAST_PASSES` passes.
    report : called with each pass and its noise variance; fitting ends early, unfinished, where it answers False.
    """
    with torch.no_grad():
        fit = ClassFit(volumes, batches, seed)
        fit.begin()
        for number in range(1, passes + 1):
            if last is not None and number > passes - LAST_PASSES:
                fit.batches = last
            if not report(number, fit.step()):
                return False
    return True
