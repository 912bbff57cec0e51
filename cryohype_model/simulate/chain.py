"""Chains of pseudo-residues that fill ellipsoidal domains: bundles of helices joined by loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

# an α-helix: rise and turn a residue, radius of the Cα trace; at 10 Å spacing a residue takes 130 Å³, as in proteins
RISE_ANGSTROM = 1.5
TURN_DEG = 100.0
RADIUS_ANGSTROM = 2.3
SPACING_ANGSTROM = 10.0
LOOP_STEP_ANGSTROM = 3.8


@dataclass(frozen=True)
class Domain:
    """An ellipsoid to fill: centre (3,), semi-axes (3,), both in Å, and the rotation (3, 3) of its axes (columns)."""

    centre_angstrom: Points
    semi_axes_angstrom: Points
    axes: Points


def fill_domain(domain: Domain, rng: np.random.Generator) -> Points:
    """(n, 3) positions in Å of one chain that fills the domain: right-handed helices along its third axis, joined by loops."""
    strands = [_helix(x, y, low, high, rng) for x, y, low, high in _columns(domain.semi_axes_angstrom, rng)]
    for i in range(1, len(strands), 2):
        strands[i] = strands[i][::-1]  # up one helix, down the next
    pieces = strands[:1]
    for before, after in pairwise(strands):
        pieces += [_loop(before[-1], after[0]), after]
    return np.concatenate(pieces) @ domain.axes.T + domain.centre_angstrom


def fill_domains(domains: Sequence[Domain], rng: np.random.Generator) -> Points:
    """(n, 3) positions of the chains of several domains."""
    return np.concatenate([fill_domain(domain, rng) for domain in domains])


def _columns(semi_axes: Points, rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """(x, y, z of the lower end, z of the upper end) of the helices: a hexagonal lattice cut by the ellipsoid, row by row."""
    reach = int(max(semi_axes[:2]) / SPACING_ANGSTROM) + 2
    offset_x, offset_y = rng.uniform(-0.25, 0.25, 2) * SPACING_ANGSTROM
    columns = []
    for row in range(-reach, reach + 1):
        line = range(-reach, reach + 1) if row % 2 else range(reach, -reach - 1, -1)
        for step in line:
            x = (step + 0.5 * (row % 2)) * SPACING_ANGSTROM + offset_x
            y = row * SPACING_ANGSTROM * np.sqrt(0.75) + offset_y
            chord = 1.0 - (x / semi_axes[0]) ** 2 - (y / semi_axes[1]) ** 2
            if chord > 0.04:
                half = semi_axes[2] * float(np.sqrt(chord))
                columns.append((x, y, -half + rng.uniform(-1, 1), half + rng.uniform(-1, 1)))
    return columns


def _helix(x: float, y: float, low: float, high: float, rng: np.random.Generator) -> Points:
    """(n, 3) residues of one right-handed helix along z, a little tilted."""
    count = max(2, int((high - low) / RISE_ANGSTROM))
    angle = np.deg2rad(TURN_DEG) * np.arange(count) + rng.uniform(0, 2 * np.pi)
    z = np.linspace(low, high, count)
    lean_x, lean_y = rng.normal(0.0, 0.08, 2)
    return np.stack(
        [x + lean_x * z + RADIUS_ANGSTROM * np.cos(angle), y + lean_y * z + RADIUS_ANGSTROM * np.sin(angle), z], axis=1
    )


def _loop(start: Points, end: Points) -> Points:
    """(n, 3) residues between two ends, neither included."""
    count = int(np.linalg.norm(end - start) / LOOP_STEP_ANGSTROM)
    fraction = (np.arange(count) + 1.0)[:, None] / (count + 1)
    return start + fraction * (end - start)
