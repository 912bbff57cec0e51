"""The data sets of the benchmark: mixtures of real complexes, a rotating domain, near-identical pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gemmi
import numpy as np
import numpy.typing as npt

from benchmarks.quality.superpose import superposed
from cryohype_model.errors import ConfigError
from cryohype_model.io.cryodrgn import write_ctf, write_labels, write_poses
from cryohype_model.io.particles import read_particles
from cryohype_model.io.rotation import rotation_vector_to_matrix
from cryohype_model.metrics.pairs import labelled_truths
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.mixture import simulate_mixture
from cryohype_model.simulate.models import Atoms, bounding_side_angstrom, read_atoms
from cryohype_model.simulate.procedural import procedural_complex

FIT_FRACTION = 0.8  # the largest part of the box that a complex may take
PAIRS = (("3j95", "3j96"), ("6ahf", "6n8z"), ("3sn6", "3p0g"))
ANTIBODY = "models/1igy.cif.gz"  # chains A, B and C, D: light and heavy, twice
ARM = ("A", "B")  # the Fab that turns: the light chain, and the heavy one up to the hinge
HINGE = (226, 236)  # residues of the heavy chain whose CA atoms are the axis


@dataclass(frozen=True)
class Case:
    """What is simulated.

    Attributes
    ----------
    kind : "mixture", "rotation", "pairs" or "procedural" (made up, as in `cryohype demo`).
    structures : how many; images : of each. box_px, pixel_size_angstrom : of images and true maps.
    preset : configuration of CryoHype that this size is for.
    """

    kind: str
    structures: int
    box_px: int
    pixel_size_angstrom: float
    preset: str
    images: int = 1000
    snr: float = 0.1

    @property
    def box_angstrom(self) -> float:
        """Side of the box."""
        return self.box_px * self.pixel_size_angstrom

    def __str__(self) -> str:
        return (
            f"{self.structures} structures × {self.images} images of {self.box_px} px at {self.pixel_size_angstrom:g} Å/px, "
            f"SNR {self.snr:g}"
        )


CASES = {
    "demo": Case("procedural", 6, 32, 7.0, "demo", images=800, snr=0.3),
    "mix10": Case("mixture", 10, 32, 6.0, "cpu-small"),
    "mix10-snr001": Case("mixture", 10, 32, 6.0, "cpu-small", snr=0.01),
    "mix30": Case("mixture", 30, 64, 4.0, "sim2struct-100"),
    "mix30-snr001": Case("mixture", 30, 64, 4.0, "sim2struct-100", snr=0.01),
    "mix30-coarse": Case("mixture", 30, 32, 8.0, "cpu-small"),
    "mix100-coarse": Case("mixture", 100, 32, 8.0, "cpu-many"),
    "mix100": Case("mixture", 100, 64, 4.0, "sim2struct-100"),
    "mix100-snr001": Case("mixture", 100, 64, 4.0, "sim2struct-100", snr=0.01),
    "rotation": Case("rotation", 10, 32, 7.0, "cpu-small"),
    "pairs": Case("pairs", 6, 32, 9.0, "cpu-small"),
    "pairs64": Case("pairs", 6, 64, 4.5, "sim2struct-100"),
}


@dataclass(frozen=True)
class Data:
    """A simulated case on the disk, in our form and in cryoDRGN's.

    Attributes
    ----------
    folder : of all files. labels : (n,) structure of each image.
    truths : name and true map of each label.
    """

    folder: Path
    case: Case
    labels: npt.NDArray[np.int64]
    truths: dict[int, tuple[str, Path]]

    @property
    def star(self) -> Path:
        """The table of particles."""
        return self.folder / "particles.star"

    @property
    def stack(self) -> Path:
        """The images."""
        return self.folder / "particles.mrcs"

    @property
    def poses(self) -> Path:
        """Poses in cryoDRGN's form."""
        return self.folder / "poses.pkl"

    @property
    def ctf(self) -> Path:
        """CTF in cryoDRGN's form."""
        return self.folder / "ctf.pkl"


def simulated(case: Case, shared: Path, folder: Path, seed: int = 0) -> Data:
    """The data of a case: simulated, or read where the folder has them.

    Parameters
    ----------
    shared : folder of MIX100.txt and models/. folder : of the data set. seed : of poses, defocus and noise.
    """
    star = folder / "particles.star"
    if not star.exists():
        pixel = case.pixel_size_angstrom
        recipe = MixtureConfig(case.images, case.box_px, pixel, 2 * pixel, snr=case.snr, max_shift_px=2.0, seed=seed)
        simulate_mixture(structures_of(case, shared), folder, recipe)
    table = read_particles(star)
    if table.label is None:
        raise ConfigError(f"{star} has no labels, so it is none of the benchmark's data sets; give another output folder")
    for write, name in ((write_poses, "poses.pkl"), (write_ctf, "ctf.pkl"), (write_labels, "labels.pkl")):
        write(table, folder / name)
    return Data(folder, case, table.label, labelled_truths(folder))


def structures_of(case: Case, shared: Path) -> list[Atoms]:
    """The atoms of a case, in the order of their labels."""
    if case.kind == "procedural":
        return [procedural_complex(number) for number in range(case.structures)]
    if case.kind == "rotation":
        return rotating_arm(shared / ANTIBODY, case.structures)
    if case.kind == "pairs":
        files = {path.name[:4]: path for path in (shared / "models").iterdir()}
        return [atoms for one, other in PAIRS for atoms in superposed(files[one], files[other])]
    models = [shared / line for line in (shared / "MIX100.txt").read_text().split()]
    return fitting(models, FIT_FRACTION * case.box_angstrom, case.structures)


def fitting(models: Sequence[Path], side_angstrom: float, count: int) -> list[Atoms]:
    """The first models of a list whose bounding box fits.

    Raises
    ------
    ConfigError : fewer fit than are asked for.
    """
    found: list[Atoms] = []
    for path in models:
        if len(found) < count and bounding_side_angstrom(atoms := read_atoms(path)) <= side_angstrom:
            found.append(atoms)
    if len(found) < count:
        raise ConfigError(f"only {len(found)} of {len(models)} models fit {side_angstrom:.0f} Å and {count} are asked for")
    return found


def rotating_arm(path: Path, steps: int) -> list[Atoms]:
    """An antibody whose one Fab turns about the hinge once around in ``steps`` steps, as CryoBench's IgG-1D; the rest stays.

    Parameters
    ----------
    path : a model of an antibody with the chains of :data:`ARM` and the residues of :data:`HINGE`.
    """
    structure = gemmi.read_structure(str(path))
    structure.remove_alternative_conformations()
    structure.remove_waters()
    structure.remove_hydrogens()
    sites = list(structure[0].all())
    positions = np.array([site.atom.pos.tolist() for site in sites], dtype=np.float32)
    weight = np.array([site.atom.element.atomic_number or 6 for site in sites], dtype=np.float32)
    light, heavy = ARM
    turns = np.array([_on_arm(site, light, heavy) for site in sites])
    ends = [_alpha_carbon(structure[0][heavy], number) for number in HINGE]
    axis = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    centre = positions.mean(axis=0)
    states = []
    for step, matrix in enumerate(rotation_vector_to_matrix(axis * 2 * np.pi * np.arange(steps)[:, None] / steps)):
        moved = positions.copy()
        moved[turns] = (positions[turns] - ends[0]) @ matrix.T.astype(np.float32) + ends[0]
        states.append(Atoms(moved, weight, f"{360 * step / steps:03.0f}-degrees", centre))
    return states


def _on_arm(site: gemmi.CRA, light: str, heavy: str) -> bool:
    """Whether an atom belongs to the Fab that turns."""
    name = site.chain.name
    return bool(name == light or (name == heavy and _number(site.residue) <= HINGE[0]))


def _number(residue: gemmi.Residue) -> int:
    """Of a residue in its chain."""
    return residue.seqid.num or 0


def _alpha_carbon(chain: gemmi.Chain, number: int) -> npt.NDArray[np.float32]:
    """(3,) position of the CA atom of a residue, or of the nearest one in number that has one."""
    found = [(abs(_number(residue) - number), residue["CA"][0].pos.tolist()) for residue in chain if "CA" in residue]
    return np.array(min(found)[1], dtype=np.float32)


def resized(case: Case, images: int | None, snr: float | None) -> Case:
    """A case with other numbers, None for its own."""
    return replace(case, images=images or case.images, snr=snr or case.snr)
