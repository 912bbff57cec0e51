"""RELION's own CTF and projections against ours (docs/conventions.md)."""

from pathlib import Path

import numpy as np
import pytest
import starfile
import torch

from cryohype_model.imaging.ctf import contrast_transfer
from cryohype_model.imaging.fourier import fourier_to_image
from cryohype_model.imaging.project import pad_for_slicing, project_coefficients
from cryohype_model.imaging.shift import phase_ramp, rfft_pixels
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.rotation import euler_to_matrix

ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]


def test_ctf_is_relions(shared_data: Path) -> None:
    folder = shared_data / "particles/rig_relion_2015_tests"
    expected = read_volume(folder / "ref_3D_ctf.mrc")[0].squeeze()  # half transform, 32 x 17
    row = starfile.read(folder / "ap_s_c2d_red.star").iloc[0]
    pixel_angstrom = row["rlnDetectorPixelSize"] * 1e4 / row["rlnMagnification"]
    assert pixel_angstrom == pytest.approx(3.540002, abs=1e-6)
    columns = ["rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"]
    parameters = torch.tensor([[*(float(row[c]) for c in columns), 0.0, 0.0, 1.0]], dtype=torch.float64)
    frequencies = rfft_pixels(32).reshape(-1, 2).to(torch.float64) / (100 * pixel_angstrom)
    ours = contrast_transfer(frequencies, parameters).reshape(32, 17).numpy()
    assert ours[0, 0] == pytest.approx(0.1)  # CTF(0) = +amplitude contrast
    difference = np.delete(np.abs(ours - expected), 16, axis=0)  # RELION's Nyquist row is ky = +16
    assert np.median(difference) <= 1e-7
    assert difference.max() <= 1e-5


def _project_70s(folder: Path, angles: np.ndarray, origin_px: np.ndarray) -> np.ndarray:
    """Our projections (n, 65, 65) of the 70S volume: the odd box, centre 32, goes into 66 px, centre 33, and out again."""
    volume, _, _ = read_volume(folder / "clean70SRibosome_vol_65p.mrc")
    even = np.zeros((66, 66, 66), np.float32)
    even[1:, 1:, 1:] = volume
    rotation = torch.from_numpy(euler_to_matrix(angles).astype(np.float32))
    coefficients = project_coefficients(pad_for_slicing(torch.from_numpy(even)), rotation, 66)
    # RELION centres images of an odd box one pixel further than the volume: (+1, +1)
    shift = torch.from_numpy(1.0 - origin_px.astype(np.float32))
    images = fourier_to_image(coefficients * phase_ramp(rfft_pixels(66), shift, 66), 66)
    return images[:, 1:, 1:].numpy()


def _read(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, angles (n, 3) and origins (n, 2) of a RELION projection set."""
    blocks = starfile.read(folder / f"{name}.star")
    table = blocks["particles"] if isinstance(blocks, dict) else blocks
    images, _, _ = read_volume(folder / f"{name}.mrcs")
    has_origin = "rlnOriginX" in table
    origin = table[["rlnOriginX", "rlnOriginY"]].to_numpy() if has_origin else np.zeros((len(table), 2))
    return images, table[ANGLES].to_numpy(), origin


@pytest.mark.parametrize("name", ["rln_proj_65", "rln_proj_65_centered"])
def test_projections_are_relions(shared_data: Path, name: str) -> None:
    folder = shared_data / "particles/rig_relion_projections_70S"
    expected, angles, origin = _read(folder, name)
    ours = _project_70s(folder, angles, origin)
    for mine, theirs in zip(ours, expected, strict=True):
        assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] >= 0.9999
    assert (ours * expected).sum() / (ours**2).sum() == pytest.approx(1.0, abs=1e-3)  # the scale too: a plain sum over z


def test_shifted_projections_are_relions(shared_data: Path) -> None:
    folder = shared_data / "particles/rig_relion_projections_70S"
    expected, angles, origin = _read(folder, "rln_proj_65_shifted")
    assert np.abs(origin).max() == 13
    window = slice(14, -14)  # what is shifted out comes back on the other side, one pixel apart in 65 and 66 px
    ours = _project_70s(folder, angles, origin)[:, window, window]
    for mine, theirs in zip(ours, expected[:, window, window], strict=True):
        assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] >= 0.9995
