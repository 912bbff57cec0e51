"""The structures of a mixture: atoms or maps, chosen by size and name, made into densities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from cryohype_model.errors import InputFileError
from cryohype_model.io.mrc import read_volume
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.density import atoms_to_density
from cryohype_model.simulate.models import MODEL_SUFFIXES, Atoms, bounding_side_angstrom, distinct_by_prefix, read_atoms

MAP_SUFFIXES = (".mrc", ".map", ".ccp4")


@dataclass(frozen=True)
class MapFile:
    """A density map used as it is: its box's centre goes to the centre of the images' box."""

    path: Path
    name: str


Structure = Atoms | MapFile


@dataclass(frozen=True)
class Choice:
    """Structures that were taken, and a sentence for each that was not."""

    structures: list[Structure]
    skipped: list[str]


def structure_density(structure: Structure, config: MixtureConfig, device: torch.device | str = "cpu") -> Tensor:
    """Density (D, D, D) float32 of a structure in the images' box."""
    if isinstance(structure, MapFile):
        return _map_density(structure, config).to(device)
    return atoms_to_density(
        structure, config.box_px, config.pixel_size_angstrom, config.resolution_angstrom, config.oversampling, device
    )


def choose_structures(paths: Sequence[Path], box_angstrom: float, fit_fraction: float = 0.5, distinct: bool = True) -> Choice:
    """Read models and maps; leave out models that are too large or share the start of their name.

    Parameters
    ----------
    paths : atomic models and maps.
    box_angstrom : side of the images.
    fit_fraction : the largest part of the box that a model's bounding box may take.
    distinct : keep one model per 3-character prefix of the PDB id.
    """
    skipped: list[str] = []
    models = [path for path in paths if not is_map(path)]
    if distinct:
        models, twins = distinct_by_prefix(models)
        skipped += [f"{path.name}: another model's PDB id starts with {path.name[:3]} too" for path in twins]
    structures: list[Structure] = []
    for path in paths:
        if is_map(path):
            structures.append(MapFile(path, path.name.removesuffix(".gz").rpartition(".")[0]))
        elif path in models:
            atoms = read_atoms(path)
            side = bounding_side_angstrom(atoms)
            if side <= fit_fraction * box_angstrom:
                structures.append(atoms)
            else:
                skipped.append(f"{path.name}: {side:.0f} Å is more than {fit_fraction:g} of the {box_angstrom:.0f} Å box")
    return Choice(structures, skipped)


def is_map(path: Path) -> bool:
    """Whether the name says that it is a density map."""
    return path.name.lower().removesuffix(".gz").endswith(MAP_SUFFIXES)


def read_list(path: Path) -> list[Path]:
    """Paths in a text file, one a line, # for comments; relative ones are looked for in the list's folder and its parents."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path} cannot be read as a list of models ({error}); give a text file, one path a line") from error
    entries = [line.partition("#")[0].strip() for line in lines]
    return [_resolve(entry, path) for entry in entries if entry]


def _resolve(entry: str, listing: Path) -> Path:
    """The first of the list's folder and its parents under which the entry exists."""
    for folder in listing.resolve().parents:
        if (folder / entry).is_file():
            return folder / entry
    raise InputFileError(
        f"{listing} names {entry}, which is neither in {listing.resolve().parent} nor in a folder above it; mend the list"
    )


def expand_paths(names: Sequence[str]) -> list[Path]:
    """Models and maps from the words of a command line: files, lists of files (.txt) and folders."""
    paths: list[Path] = []
    for word in names:
        path = Path(word)
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if is_map(p) or p.name.lower().removesuffix(".gz").endswith(MODEL_SUFFIXES))
            if not found:
                raise InputFileError(
                    f"{path} holds no atomic models or maps; expected {', '.join(MODEL_SUFFIXES + MAP_SUFFIXES)}"
                )
            paths += found
        elif path.suffix.lower() == ".txt":
            paths += read_list(path)
        else:
            paths.append(path)
    return paths


def _map_density(source: MapFile, config: MixtureConfig) -> Tensor:
    """A map resampled to the images' box: low-passed where the pixel grows, then interpolated about the box's centre."""
    volume, voxel_angstrom, _ = read_volume(source.path)
    if not voxel_angstrom > 0:
        raise InputFileError(f"{source.path} has a voxel size of {voxel_angstrom:g} Å in its header; write the right one into it")
    ratio = config.pixel_size_angstrom / voxel_angstrom
    if ratio > 1:
        volume = ndimage.gaussian_filter(volume, 0.5 * np.sqrt(ratio**2 - 1), mode="constant")
    axis = (np.arange(config.box_px) - config.box_px // 2) * ratio
    grids = np.meshgrid(*(axis + side // 2 for side in volume.shape), indexing="ij")
    return torch.from_numpy(ndimage.map_coordinates(volume, grids, order=3, mode="constant").astype(np.float32))
