"""Procedural complexes: the same each time, distinct, of protein-like size, handed."""

import numpy as np
import pytest

from cryohype_model.simulate.chain import Domain, fill_domain
from cryohype_model.simulate.density import atoms_to_density
from cryohype_model.simulate.models import Atoms, bounding_side_angstrom
from cryohype_model.simulate.procedural import FAMILIES, procedural_complex, procedural_hinge
from cryohype_model.simulate.symmetry import cyclic, dihedral, octahedral, orbit, tetrahedral

COMPLEXES = [procedural_complex(index) for index in range(100)]


def _distances(points: np.ndarray) -> np.ndarray:
    """Histogram of pair distances, 5 Å bins: it does not change with the pose."""
    sample = points[:: max(1, len(points) // 400)].astype(np.float64)
    pairs = np.linalg.norm(sample[:, None] - sample[None], axis=-1)
    histogram = np.histogram(pairs, bins=np.arange(0, 205, 5))[0].astype(float)
    return histogram / histogram.sum()


def _map(points: np.ndarray) -> np.ndarray:
    """Flattened density at 20 Å."""
    atoms = Atoms(points.astype(np.float32), np.ones(len(points), np.float32), "x")
    return atoms_to_density(atoms, 24, 10.0, 20.0, oversampling=1).numpy().ravel()


def _principal(points: np.ndarray) -> np.ndarray:
    """Points in the frame of their axes of inertia, turned properly."""
    centred = points - points.mean(0)
    axes = np.linalg.eigh(centred.T @ centred)[1]
    axes[:, 0] *= np.linalg.det(axes)
    return centred @ axes


def _mirror_similarity(atoms: Atoms) -> float:
    """Correlation at 20 Å with the mirror image in the best pose that keeps the axes of symmetry or inertia."""
    points = atoms.positions_angstrom - atoms.positions_angstrom.mean(0)
    mirrored, family = points * [1, -1, 1], atoms.name.partition("-")[0]
    poses = dihedral(90)
    if family in {"rod", "mushroom", "spiral", "cluster"}:
        points, mirrored, poses = _principal(points), _principal(mirrored), dihedral(2)
    elif family == "shell":
        poses = octahedral()
    return max(np.corrcoef(_map(points), _map(mirrored @ pose.T))[0, 1] for pose in poses)


def test_the_same_number_gives_the_same_complex() -> None:
    np.testing.assert_array_equal(procedural_complex(7, 3).positions_angstrom, procedural_complex(7, 3).positions_angstrom)
    assert not np.array_equal(procedural_complex(7, 3).positions_angstrom, procedural_complex(7, 4).positions_angstrom)


def test_sizes_and_names() -> None:
    sides = [bounding_side_angstrom(atoms) for atoms in COMPLEXES]
    assert min(sides) > 70
    assert max(sides) < 190
    assert all(400 < len(atoms) < 4000 for atoms in COMPLEXES)
    assert len({atoms.name for atoms in COMPLEXES}) == len(COMPLEXES)


def test_all_are_distinct() -> None:
    shapes = np.stack([_distances(atoms.positions_angstrom) for atoms in COMPLEXES])
    difference = np.abs(shapes[:, None] - shapes[None]).sum(-1) + np.eye(len(shapes))
    assert difference.min() > 0.01
    first = len(FAMILIES)
    assert difference[:first, :first].min() > 0.2  # those of the demo differ at a glance


def test_residues_are_spaced_like_a_chain() -> None:
    points = procedural_complex(0).positions_angstrom
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert 3.0 < np.median(steps) < 4.2  # Cα to Cα is 3.8 Å


def test_helices_are_right_handed() -> None:
    domain = Domain(np.zeros(3), np.array([4.0, 4.0, 30.0]), np.eye(3))
    points = fill_domain(domain, np.random.default_rng(0))
    a, b, c = (points[1 + i : len(points) - 2 + i] - points[i : len(points) - 3 + i] for i in range(3))
    assert (np.einsum("ij,ij->i", np.cross(a, b), c) > 0).all()


@pytest.mark.parametrize("index", range(len(FAMILIES)))
def test_every_family_has_a_hand_at_20_angstrom(index: int) -> None:
    assert _mirror_similarity(COMPLEXES[index]) < 0.97


def test_mirror_similarity_of_an_object_without_hand() -> None:
    ring = orbit([[30.0, 0.0, 0.0], [30.0, 0.0, 20.0], [40.0, 0.0, 5.0]], cyclic(5))
    assert _mirror_similarity(Atoms(ring.astype(np.float32), np.ones(15, np.float32), "ring-0")) > 0.99


@pytest.mark.parametrize(("group", "order"), [(cyclic(5), 5), (dihedral(7), 14), (tetrahedral(), 12), (octahedral(), 24)])
def test_point_groups_are_closed(group: np.ndarray, order: int) -> None:
    def rounded(matrices: np.ndarray) -> set[bytes]:
        return {(np.round(m, 6) + 0.0).tobytes() for m in matrices}

    assert len(rounded(group)) == order
    assert rounded((group[:, None] @ group[None]).reshape(-1, 3, 3)) == rounded(group)
    np.testing.assert_allclose(np.linalg.det(group), 1.0)
    assert orbit([[1.0, 2.0, 3.0]], group).shape == (order, 3)


def test_the_hinge_moves_only_the_arm() -> None:
    straight, bent = procedural_hinge(0.0), procedural_hinge(40.0)
    moved = np.linalg.norm(straight.positions_angstrom - bent.positions_angstrom, axis=1)
    still = moved < 1e-3
    assert 0.3 < still.mean() < 0.9
    assert moved.max() > 30
    np.testing.assert_array_equal(straight.centred_angstrom[still], bent.centred_angstrom[still])
