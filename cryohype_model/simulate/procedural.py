"""Procedural complexes: protein-like assemblies of many shapes, made from a number and no file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cryohype_model.simulate.chain import Domain, fill_domains
from cryohype_model.simulate.models import Atoms
from cryohype_model.simulate.symmetry import Matrices, cyclic, dihedral, octahedral, orbit, tetrahedral, turn

RESIDUE_ELECTRONS = 60.0  # a mean amino acid, hydrogens included: 110 Da
_X, _Y, _Z = np.eye(3)

# a subunit's domains and the point group that copies them
Plan = tuple[list[Domain], Matrices]


def procedural_complex(index: int, seed: int = 0) -> Atoms:
    """Complex number ``index`` of a catalogue without end: the same for the same (index, seed) everywhere.

    The family (ring, antibody, barrel, rod, star, ...) goes by ``index`` modulo their number; order of the symmetry, sizes,
    tilts and side domains vary from one to the next. About 500 to 4000 pseudo-residues, 80 to 190 Å; all are chiral.

    Parameters
    ----------
    index : 0, 1, 2, ...
    seed : of the random sizes and tilts.
    """
    rng = np.random.default_rng([seed, index])
    names = list(FAMILIES)
    name = names[index % len(names)]
    domains, group = FAMILIES[name](index // len(names), rng)
    return _atoms(orbit(fill_domains(domains, rng), group), f"{name}-{index // len(names) + 1}")


def procedural_hinge(angle_deg: float, seed: int = 0) -> Atoms:
    """One complex whose arm turns about a hinge: a conformational series; the body stays where it is.

    Parameters
    ----------
    angle_deg : of the arm, 0 is straight.
    seed : of the chains.
    """
    rng = np.random.default_rng([seed, 1])
    body = fill_domains([_domain((0, 0, 0), (26, 20, 34), turn(_Y, 60)), _domain((-24, 16, -12), (14, 14, 18))], rng)
    arm = fill_domains([_domain((24, 0, 22), (11, 11, 30), turn(_Y, 50)), _domain((50, 10, 40), (15, 15, 15))], rng)
    hinge = np.array([8.0, 0.0, 10.0])
    moved = (arm - hinge) @ turn(_Y, angle_deg).T + hinge
    return _atoms(np.concatenate([body, moved]), f"hinge{angle_deg:+.0f}", centre=np.zeros(3, np.float32))


def _atoms(points: npt.NDArray[np.float64], name: str, centre: npt.NDArray[np.float32] | None = None) -> Atoms:
    """Residues of equal weight."""
    return Atoms(points.astype(np.float32), np.full(len(points), RESIDUE_ELECTRONS, np.float32), name, centre)


def _domain(centre: npt.ArrayLike, semi_axes: npt.ArrayLike, axes: npt.ArrayLike | None = None) -> Domain:
    """A domain from plain numbers in Å; its axes are x, y, z unless turned."""
    turned = np.eye(3) if axes is None else np.asarray(axes, dtype=np.float64)
    return Domain(np.asarray(centre, dtype=np.float64), np.asarray(semi_axes, dtype=np.float64), turned)


def _ring(variant: int, rng: np.random.Generator) -> Plan:
    """Cn: a propeller of long domains around a pore, a small domain below each."""
    order = (6, 8, 5, 7, 9, 4)[variant % 6]
    radius = max(5.4 * order, 24.0) + rng.uniform(0, 4)
    length = rng.uniform(20, 26)
    blade = _domain((radius, 0, 0), (13, 11, length), turn(_X, rng.uniform(25, 40)))
    side = turn(_Z, 110.0 / order) @ np.array([radius + 10, 0, -length])
    return [blade, _domain(side, (9, 9, 11), turn(_X, 50))], cyclic(order)


def _antibody(variant: int, rng: np.random.Generator) -> Plan:
    """C2 or C1: a stem and two arms of two lobes each, spread like a Y."""
    spread = rng.uniform(40, 75)
    arm = turn(_Y, spread)
    twist = turn(_Z, rng.uniform(20, 40))
    near, far = arm @ np.array([0, 8, 34]), arm @ np.array([0, -6, 68])
    stem = [_domain((8, 9, -28 - 6 * (variant % 2)), (12, 13, 24 + 5 * (variant % 3)), twist)]
    if variant % 2:
        stem.append(_domain((14, 14, -66), (13, 11, 15), turn(_X, 40)))
    return [_domain(near, (14, 14, 19), arm), _domain(far, (13, 18, 17), arm @ twist), *stem], cyclic(2)


def _barrel(variant: int, rng: np.random.Generator) -> Plan:
    """Dn: two rings back to back around a cavity, like a chaperonin."""
    order = (7, 4, 6, 5, 8)[variant % 5]
    radius = 4.8 * order + rng.uniform(6, 10)
    height = rng.uniform(19, 23)
    equator = _domain((radius, 4, height), (13, 12, height - 1), turn(_X, rng.uniform(15, 30)))
    apical = turn(_Z, 130.0 / order) @ np.array([radius - 4, 0, 2 * height + rng.uniform(6, 14)])
    return [equator, _domain(apical, (10, 15, 10), turn(_Z, 30))], dihedral(order)


def _rod(variant: int, rng: np.random.Generator) -> Plan:
    """C1: beads along a wide right-handed spiral, 150 Å and more, with a branch."""
    count = 5 + variant % 2
    pitch, sway = rng.uniform(24, 28), rng.uniform(6, 12)
    beads = [
        _domain(
            (sway * np.cos(1.2 * i), sway * np.sin(1.2 * i), (i - (count - 1) / 2) * pitch),
            (rng.uniform(11, 15), rng.uniform(10, 14), 16),
            turn(_X, rng.uniform(-25, 25)),
        )
        for i in range(count)
    ]
    place = rng.choice([-1.0, 1.0]) * pitch * rng.uniform(0.7, 1.5)
    return [*beads, _domain((0, 27, place), (10, 18, 10), turn(_X, 30))], cyclic(1)


def _star(variant: int, rng: np.random.Generator) -> Plan:
    """Cn: long thin arms like a pinwheel from a hub, their tips bent up."""
    order = (3, 5, 4, 6)[variant % 4]
    arm, hub = rng.uniform(24, 30), 10.0 + 2 * order
    along = turn(_Z, rng.uniform(15, 30)) @ turn(_Y, 90)
    tip = turn(_Z, rng.uniform(20, 30)) @ np.array([hub + 2 * arm - 6, 0, rng.uniform(12, 18)])
    axis = _domain((5, 3, -8), (12 + order, 12 + order, 15))
    return [axis, _domain((hub + arm - 6, 6, 0), (10, 10, arm), along), _domain(tip, (11, 11, 16), turn(_X, 20))], cyclic(order)


def _shell(variant: int, rng: np.random.Generator) -> Plan:
    """T or O: a hollow cage of lobes."""
    octahedron = variant % 2 == 1
    radius = rng.uniform(48, 54) if octahedron else rng.uniform(36, 44)
    place = np.array([rng.uniform(0.35, 0.5), rng.uniform(0.05, 0.2), 1.0])
    place *= radius / np.linalg.norm(place)
    lobe = _domain(place, (13, 16, rng.uniform(12, 16)), turn(_Z, 35))
    spur = _domain(turn((1, 1, 1), 25) @ place * rng.uniform(1.05, 1.2), (8, 8, 11), turn(_Y, 40))
    return [lobe, spur], octahedral() if octahedron else tetrahedral()


def _mushroom(variant: int, rng: np.random.Generator) -> Plan:
    """C1: a broad cap on a bent stalk, one lobe on the cap."""
    cap = rng.uniform(28, 36)
    bend = rng.uniform(20, 45)
    stalk = turn(_Y, bend) @ np.array([0, 0, -34.0])
    foot = stalk + turn(_Y, -bend) @ np.array([0, 10, -38.0])
    domains = [
        _domain((0, 0, 12), (cap, cap * rng.uniform(0.6, 0.8), 18), turn(_Z, 20)),
        _domain(stalk, (11, 11, 28), turn(_Y, bend)),
        _domain(foot, (12 + 4 * (variant % 3), 14, 14), turn(_X, 35)),
        _domain((cap * 0.6, 14, 36), (13, 11, 15), turn(_X, 40)),
    ]
    return domains, cyclic(1)


def _cross(variant: int, rng: np.random.Generator) -> Plan:
    """D2 or D3: crossed long domains with a window between them."""
    group = dihedral(3) if variant % 2 else dihedral(2)
    spread, angle = rng.uniform(13, 19), rng.uniform(25, 60)
    bar = _domain((spread, 5, 12), (12, 13, rng.uniform(28, 36)), turn(_X, angle))
    knob = _domain((spread + 18, -20, 30 + rng.uniform(0, 12)), (10, 12, 12), turn(_Y, 30))
    return [bar, knob], group


def _spiral(variant: int, rng: np.random.Generator) -> Plan:
    """C1: an open lock-washer that climbs by more than a turn or less."""
    count = 6 + variant % 3
    radius, rise, step = rng.uniform(26, 32), rng.uniform(10, 15), rng.uniform(50, 62)
    domains = []
    for i in range(count):
        centre = turn(_Z, step * i) @ np.array([radius, 0, 0]) + np.array([0, 0, (i - count / 2) * rise])
        domains.append(_domain(centre, (15, 13, 20), turn(_Z, step * i) @ turn(_X, 50)))
    return domains, cyclic(1)


def _cluster(variant: int, rng: np.random.Generator) -> Plan:
    """C1: globular domains of unequal size, each grown on a random earlier one."""
    radii = rng.uniform(13, 23, 5 + variant % 3)
    centres = [np.zeros(3)]
    while len(centres) < len(radii):
        parent = rng.integers(len(centres))
        direction = rng.standard_normal(3)
        touch = 0.9 * (radii[parent] + radii[len(centres)])
        place = centres[parent] + touch * direction / np.linalg.norm(direction)
        gaps = [np.linalg.norm(place - c) - 0.85 * (r + radii[len(centres)]) for c, r in zip(centres, radii, strict=False)]
        if min(gaps) > 0 and np.linalg.norm(place) < 62:
            centres.append(place)
    return [
        _domain(c, r * rng.uniform(0.85, 1.15, 3), turn(rng.standard_normal(3), 60)) for c, r in zip(centres, radii, strict=True)
    ], cyclic(1)


# in the order of ``index``: neighbours differ at a glance
FAMILIES: dict[str, Callable[[int, np.random.Generator], Plan]] = {
    "ring": _ring,
    "antibody": _antibody,
    "barrel": _barrel,
    "rod": _rod,
    "star": _star,
    "shell": _shell,
    "mushroom": _mushroom,
    "cross": _cross,
    "spiral": _spiral,
    "cluster": _cluster,
}
