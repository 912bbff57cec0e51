"""Atomic models: PDB and mmCIF files, gzip'd too, to positions and weights."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError

FloatArray = npt.NDArray[np.float32]

MODEL_SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif")
_PDB_ID = re.compile(r"[0-9][a-z0-9]{3}(?![a-z0-9])", re.IGNORECASE)
_PREFIX_LENGTH = 3  # Sim2Struct keeps one structure per first three characters of the PDB id
_CARBON = 6  # the weight of an atom whose element the file does not name


@dataclass(frozen=True)
class Atoms:
    """A structure as weighted points.

    Attributes
    ----------
    positions_angstrom : (n, 3) float32 (x, y, z).
    weight : (n,) float32, electrons (atomic number, or their sum where a point stands for a residue).
    name : what the structure is called in maps and tables.
    centre_angstrom : (3,) the point that goes to the centre of the box, or None for the centroid.
    """

    positions_angstrom: FloatArray
    weight: FloatArray
    name: str
    centre_angstrom: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def centred_angstrom(self) -> FloatArray:
        """(n, 3) positions relative to the point that goes to the centre of the box."""
        centre = self.positions_angstrom.mean(0) if self.centre_angstrom is None else self.centre_angstrom
        return self.positions_angstrom - centre


def bounding_side_angstrom(atoms: Atoms) -> float:
    """The largest side of the box, parallel to the axes, that holds all atoms (Å)."""
    return float(np.ptp(atoms.positions_angstrom, axis=0).max())


def model_name(path: Path) -> str:
    """The file's name without folders and endings: ``models/1abc.pdb.gz`` to ``1abc``."""
    name = path.name
    for suffix in (".gz", *MODEL_SUFFIXES):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def distinct_by_prefix(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The first file of every 3-character prefix of the PDB id (ids of one study are alike), and those left out.

    Files whose name does not start with a PDB id are all kept.
    """
    seen: set[str] = set()
    kept: list[Path] = []
    dropped: list[Path] = []
    for path in paths:
        prefix = path.name[:_PREFIX_LENGTH].lower() if _PDB_ID.match(path.name) else ""
        (dropped if prefix in seen else kept).append(path)
        seen |= {prefix} if prefix else set()
    return kept, dropped


def read_atoms(path: str | Path) -> Atoms:
    """Atoms of the first model of a PDB or mmCIF file: no water, no hydrogen, the first of alternative positions.

    Parameters
    ----------
    path : .pdb, .ent, .cif or .mmcif, plain or .gz.
    """
    path = Path(path)
    structure = _read_structure(path)
    if len(structure) == 0:
        raise InputFileError(f"{path} holds no atoms; give a PDB or mmCIF file with atomic coordinates")
    structure.remove_alternative_conformations()
    structure.remove_waters()
    structure.remove_hydrogens()
    atoms = [site.atom for site in structure[0].all()]
    if not atoms:
        raise InputFileError(f"{path} holds no atoms apart from water and hydrogen; give a file with a molecule's coordinates")
    positions = np.array([atom.pos.tolist() for atom in atoms], dtype=np.float32)
    if not np.isfinite(positions).all():
        row = int(np.flatnonzero(~np.isfinite(positions).all(1))[0])
        raise InputFileError(f"{path}: atom {row + 1} has coordinates {positions[row].tolist()}; mend or remove it")
    weight = np.array([atom.element.atomic_number or _CARBON for atom in atoms], dtype=np.float32)
    return Atoms(positions, weight, model_name(path))


def _read_structure(path: Path) -> gemmi.Structure:
    """The parsed file, or one sentence about why it cannot be parsed."""
    if not path.is_file():
        raise InputFileError(f"{path} does not exist; check the path of the atomic model")
    if path.stat().st_size == 0:
        raise InputFileError(f"{path} is empty (0 bytes); fetch the atomic model again")
    if not path.name.lower().removesuffix(".gz").endswith(MODEL_SUFFIXES):
        raise InputFileError(f"{path} is no atomic model by its name; expected {', '.join(MODEL_SUFFIXES)}, with or without .gz")
    try:
        raw = gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
        return _parse(raw.decode("utf-8", errors="replace"), path)
    except (RuntimeError, ValueError, OSError, EOFError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise InputFileError(f"{path} cannot be read as an atomic model ({reason}); fetch it again or convert it") from error


def _parse(text: str, path: Path) -> gemmi.Structure:
    """PDB or mmCIF by the name of the file; of a mmCIF file, the first block with atoms."""
    if path.name.lower().removesuffix(".gz").endswith((".pdb", ".ent")):
        return gemmi.read_pdb_string(text)
    blocks = [block for block in gemmi.cif.read_string(text) if block.find_loop("_atom_site.Cartn_x")]
    return gemmi.make_structure_from_block(blocks[0]) if blocks else gemmi.Structure()
