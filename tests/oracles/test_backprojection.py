"""Images that other programs simulated, back-projected, against the volumes that they were made from (docs/conventions.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import ImageScale
from cryohype_model.inference.backproject import backproject
from cryohype_model.inference.contrast import known_contrast
from cryohype_model.inference.reconstruct import reconstruction_scale
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.metrics.fsc import cryobench_curve, fourier_shell_correlation


@pytest.mark.parametrize("letter", ["D", "E"])
def test_poses_shifts_ctf_and_contrast_of_tomodrgns_simulation(shared_data: Path, letter: str) -> None:
    folder = shared_data / "particles/sim_10076_DE_labelled/data"
    table = read_particles(folder / f"10076_class{letter}_32_sim.star")
    truth, _, _ = read_volume(folder / f"10076_class{letter}_32.mrc")
    contrast, sentence = known_contrast(table, "auto")
    assert contrast == -1, sentence  # the file does not say, and the images are dark on light
    result = backproject(Particles(table), reconstruction_scale(table, None, contrast))
    curve = fourier_shell_correlation(result.volume, truth)
    # measured: D .993 .975 .885, E .992 .979 .930
    assert curve[1] >= 0.99 and curve[3] >= 0.94 and curve[5] >= 0.88


def _toy_curve(shared_data: Path, transposed: bool) -> np.ndarray:
    """CryoBench shells 1 … 15 of the back-projection of cryoDRGN's toy data against its volume."""
    folder = shared_data / "particles/sim_cryodrgn_toy_1000"
    # toy_rot_trans.pkl belongs to other images
    table = read_particles(folder / "toy_projections.mrcs", poses=folder / "toy_angles.pkl")
    truth, _, _ = read_volume(folder / "toymodel_small_nocenter.mrc")
    assert table.rotation is not None and len(table) == 1000
    if transposed:
        table = replace(table, rotation=np.ascontiguousarray(table.rotation.transpose(0, 2, 1)))
    particles = Particles(table)
    box = particles.even_box_px
    whole_image = ImageScale(box, box, 1.0, 1, 1.0, 0.0, window_radius=1.5, window_softness=0.0)
    return cryobench_curve(backproject(particles, whole_image).volume, truth)[1]


def test_rotations_are_not_transposed(shared_data: Path) -> None:
    right, wrong = _toy_curve(shared_data, False), _toy_curve(shared_data, True)
    assert right.min() >= 0.99  # measured .9902, at the last shell
    assert wrong[-1] < 0.4
