"""The folder of a CryoBench data set: images, poses, CTF and true latents by their customary names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryohype_model.errors import InputFileError
from cryohype_model.io.arrays import load_array


@dataclass(frozen=True)
class CryoBenchFolder:
    """Files of one data set; None where the folder does not have one.

    Attributes
    ----------
    images : the list of stacks.
    labels : ground-truth latents, where they are classes (whole numbers).
    volumes, masks : folders of the true maps and masks.
    """

    images: Path
    poses: Path | None
    ctf: Path | None
    labels: Path | None
    volumes: Path | None
    masks: Path | None


def find_cryobench(folder: Path) -> CryoBenchFolder:
    """Look up the files of a data set.

    Raises
    ------
    InputFileError : no list of stacks below ``images/``, or several.
    """
    lists = sorted(folder.glob("images/**/sorted_particles*.txt")) or sorted(folder.glob("images/**/*.txt"))
    if not lists:
        raise InputFileError(
            f"{folder} is a folder and no CryoBench data set (images/*/sorted_particles*.txt); give a .star, .cs, .txt or .mrcs"
        )
    if len(lists) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in lists[:4])
        raise InputFileError(
            f"{folder} has {len(lists)} lists of particles ({names}); give the one that is meant, with --poses and --ctf"
        )
    return CryoBenchFolder(
        images=lists[0],
        poses=_if_there(folder / "combined_poses.pkl"),
        ctf=_if_there(folder / "combined_ctfs.pkl"),
        labels=_classes(folder / "gt_latents.pkl"),
        volumes=_if_there(folder / "vols"),
        masks=_if_there(folder / "init_mask"),
    )


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None


def _classes(path: Path) -> Path | None:
    """The latents file where it holds one whole number a particle; continuous latents are no classes."""
    if not path.exists():
        return None
    values = load_array(path)
    one_column = values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)
    return path if one_column and np.array_equal(values, np.round(values)) else None
