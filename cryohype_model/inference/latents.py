"""Latents of every particle in bounded memory: fit the PCA on a sample, then encode each particle once (docs/model.md)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cryohype_model.errors import RunError
from cryohype_model.inference.principal import IncrementalPca
from cryohype_model.inference.processes import ALONE, Processes
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.runs.latents import LatentShard, LatentWriter

FIT_BATCH = 256
TURN_ROWS = 1024  # images that a process encodes between two questions to the others


@dataclass(frozen=True)
class PcaBasis:
    """Principal axes of the flattened latents, T · d = L numbers each.

    Attributes
    ----------
    mean : (L,). components : (q, L), orthonormal. variance_ratio : (q,) explained variance.
    """

    mean: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]
    variance_ratio: npt.NDArray[np.float64]

    def project(self, flat: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(b, L) latents to (b, q) coordinates."""
        projected: npt.NDArray[np.float32] = ((flat - self.mean) @ self.components.T).astype(np.float32)
        return projected

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """For ``pca_basis.npz``."""
        return {"mean": self.mean, "components": self.components, "variance_ratio": self.variance_ratio}


def fit_basis(trained: TrainedRun, components: int, sample: int, seed: int, report: Callable[[int], None]) -> PcaBasis:
    """Incremental PCA on a random sample of the particles.

    Parameters
    ----------
    components : q, at most. sample : particles encoded for the fit. report : called with images done.
    """
    count = len(trained.particles)
    rows = np.random.default_rng(seed).permutation(count)[:sample]  # in random order: files are often sorted by class
    q = min(components, len(rows) - 1, trained_latent_size(trained))
    if q < 2:
        raise RunError(f"an analysis needs at least 3 particles, and {trained.run.path} has {count}")
    pca = IncrementalPca(q)
    waiting: list[Tensor] = []
    for part, latent in trained.latents_of(rows):
        waiting.append(latent.flatten(1).float())
        if sum(map(len, waiting)) >= max(FIT_BATCH, 2 * q):
            pca.update(torch.cat(waiting))
            waiting = []
        report(len(part))
    if waiting:
        pca.update(torch.cat(waiting))
    return PcaBasis(pca.mean.cpu().numpy(), pca.signed_axes().cpu().numpy(), pca.variance_ratio().cpu().numpy())


def trained_latent_size(trained: TrainedRun) -> int:
    """L: numbers in one latent."""
    _, latent = next(iter(trained.latents_of([0])))
    return int(latent[0].numel())


def encode_all(
    trained: TrainedRun, basis: PcaBasis, writer: LatentWriter, report: Callable[[int], None], processes: Processes = ALONE
) -> None:
    """Encode every particle once and keep its q coordinates and its loss.

    Parameters
    ----------
    report : called with images done.
    processes : this one is the first of them, and encodes its share; the others do theirs by :func:`encode_share`.
    """
    count = len(trained.particles)
    first, *others = processes.shares(count)
    told = 0

    processes.agree()  # the others have their files

    def report_all(done: int) -> None:  # all are about equally far
        nonlocal told
        now = count * done // len(first)
        report(now - told)
        told = now

    _encode(trained, basis, first, writer.write, report_all, processes)
    for share in others:
        writer.take_in(share)


def encode_share(trained: TrainedRun, basis: PcaBasis, processes: Processes) -> None:
    """Encode the share of a process beside the first, into a file that the first takes in; on an error nothing is left of it."""
    share = processes.shares(len(trained.particles))[processes.rank]
    processes.agree()  # the first has made the folder
    with ExitStack() as undo:
        with processes.together():
            shard = LatentShard(trained.run, trained.checkpoint, share, len(basis.components))
            undo.callback(shard.abandon)
        _encode(trained, basis, share, shard.write, lambda _: None, processes, shard.close)
        undo.pop_all()


def _encode(
    trained: TrainedRun,
    basis: PcaBasis,
    share: range,
    write: Callable[[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]], None],
    report: Callable[[int], None],
    processes: Processes,
    close: Callable[[], None] = lambda: None,
) -> None:
    """Encode a share, agreeing with the other processes after each TURN_ROWS: the failure of one is soon that of all."""
    batches = trained.encode_rows(np.arange(share.start, share.stop))
    # the largest share says how often, whatever the batches are: each process must ask the same number of times
    turns = -(-len(processes.shares(len(trained.particles))[0]) // TURN_ROWS)
    done = 0
    for turn in range(1, turns + 1):
        with processes.together():
            while done < min(turn * TURN_ROWS, len(share)):
                rows, latent, loss = next(batches)
                write(rows, basis.project(latent.flatten(1).float().cpu().numpy()), loss.float().cpu().numpy())
                done += len(rows)
                report(done)
            if turn == turns:
                close()
