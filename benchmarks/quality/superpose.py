"""Two states of one complex in one frame, as a consensus refinement would put their images."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import numpy.typing as npt

from cryohype_model.errors import ConfigError
from cryohype_model.simulate.models import Atoms, read_atoms

F64 = npt.NDArray[np.float64]
Chains = dict[str, dict[tuple[int, str], list[float]]]  # CA positions by chain, then by number and name of the residue
FEWEST_COMMON = 100  # residues that two chains must share to be the same protein


def superposed(first: Path, twin: Path) -> list[Atoms]:
    """Two models, the second laid over the first by the residues that they share; the middle of the two goes to the box's centre.

    Chains of one name belong together; in a ring any turn of the second is tried, and the one of least deviation taken. Without
    such chains the two that share most residues decide.

    Raises
    ------
    ConfigError : the models share too little.
    """
    chains = [_alpha_carbons(path) for path in (first, twin)]
    fits = [_fit(*points) for points in _matched(*chains) if len(points[0]) >= FEWEST_COMMON]
    if not fits:
        raise ConfigError(
            f"{first.name} and {twin.name} share fewer than {FEWEST_COMMON} residues; give two states of one complex"
        )
    rotation, shift, _ = min(fits, key=lambda fit: fit[2])
    one, other = read_atoms(first), read_atoms(twin)
    moved = (other.positions_angstrom @ rotation.T + shift).astype(np.float32)
    centre = (one.positions_angstrom.mean(axis=0) + moved.mean(axis=0)) / 2
    return [Atoms(one.positions_angstrom, one.weight, one.name, centre), Atoms(moved, other.weight, other.name, centre)]


def _alpha_carbons(path: Path) -> Chains:
    """CA atoms of the first model of a file."""
    model = gemmi.read_structure(str(path))[0]
    return {
        chain.name: {(each.seqid.num or 0, each.name): each["CA"][0].pos.tolist() for each in chain if "CA" in each}
        for chain in model
    }


def _matched(first: Chains, twin: Chains) -> list[tuple[F64, F64]]:
    """Pairs of (n, 3) positions of the same residues, one pair for each way to match the chains."""
    ring = [name for name in first if name in twin and len(first[name].keys() & twin[name].keys()) >= FEWEST_COMMON]
    if ring:
        orders = [ring[turn:] + ring[:turn] for turn in range(len(ring))]
        turns = [list(zip(ring, order, strict=True)) for order in orders]
    else:
        every = [(one, other) for one in first for other in twin]
        turns = [[max(every, key=lambda names: len(first[names[0]].keys() & twin[names[1]].keys()))]]
    return [_positions(first, twin, turn) for turn in turns]


def _positions(first: Chains, twin: Chains, pairs: list[tuple[str, str]]) -> tuple[F64, F64]:
    """Positions of the residues that matched chains share."""
    shared = [(one, other, key) for one, other in pairs for key in sorted(first[one].keys() & twin[other].keys())]
    return np.array([first[one][key] for one, _, key in shared]), np.array([twin[other][key] for _, other, key in shared])


def _fit(fixed: F64, moving: F64) -> tuple[F64, F64, float]:
    """Rotation (3, 3) and shift (3,) that lay ``moving`` over ``fixed`` (n, 3), and the deviation left in Å (Kabsch 1976)."""
    a, b = fixed - fixed.mean(axis=0), moving - moving.mean(axis=0)
    left, _, right = np.linalg.svd(a.T @ b)
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ handed @ right
    deviation = float(np.sqrt(((a - b @ rotation.T) ** 2).sum(axis=1).mean()))
    return rotation, fixed.mean(axis=0) - rotation @ moving.mean(axis=0), deviation
