"""Small stacks and tables, made anew for each test."""

from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import pytest

HEADER = ["rlnImageName", "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginX", "rlnOriginY", "rlnDetectorPixelSize"]

WriteStar = Callable[..., Path]
WriteStack = Callable[..., np.ndarray]


@pytest.fixture
def write_stack() -> WriteStack:
    """Write random images (count, box, box) to an .mrcs file and return them."""

    def write(path: Path, count: int = 4, box: int = 8, seed: int = 0) -> np.ndarray:
        images = np.random.default_rng(seed).standard_normal((count, box, box)).astype(np.float32)
        with mrcfile.new(path, overwrite=True) as mrc:
            mrc.set_data(images)
            mrc.set_image_stack()
            mrc.voxel_size = 2.5
        return images

    return write


@pytest.fixture
def write_table() -> WriteStar:
    """Write a RELION 3.0 table; each row is a list of words after the image name, by default an ordinary one."""

    def write(path: Path, images: list[str], columns: list[str] | None = None, row: str = "10 20 30 1 -1 2.5") -> Path:
        names = [HEADER[0], *(columns or HEADER[1:])]
        header = "".join(f"_{name} #{number}\n" for number, name in enumerate(names, 1))
        path.write_text("data_\n\nloop_\n" + header + "".join(f"{image} {row}\n" for image in images) + "\n")
        return path

    return write
