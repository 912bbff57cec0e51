"""cryoDRGN's parsed pickles as an outside truth for the .star and .cs readers."""

from pathlib import Path

import numpy as np
import pytest

from cryohype_model.io.arrays import load_array
from cryohype_model.io.cryodrgn import read_ctf, read_poses
from cryohype_model.io.particles import read_particles
from cryohype_model.io.table import ParticleTable

# cryoDRGN computed these in float32: at worst its own rounding is 4e-7
TYPICAL, WORST = 3e-7, 5e-7


def _assert_rotations_agree(table: ParticleTable, poses: Path) -> None:
    rotation, _ = read_poses(poses)
    assert table.rotation is not None
    difference = np.abs(table.rotation - rotation).reshape(len(table), -1).max(axis=1)
    assert np.quantile(difference, 0.95) <= TYPICAL
    assert difference.max() <= WORST


def _assert_shifts_agree(table: ParticleTable, poses: Path) -> None:
    shift = read_poses(poses)[1]
    assert shift is not None
    np.testing.assert_allclose(table.shift_px / table.box_px, shift, atol=1e-7)
    assert np.abs(shift).max() > 0


def _assert_ctf_agrees(table: ParticleTable, ctf: Path, columns: slice = slice(2, 9)) -> None:
    assert table.ctf is not None
    ours = np.concatenate([np.zeros((len(table), 2)), table.ctf.as_array()[:, :7]], axis=1)
    np.testing.assert_allclose(ours[:, columns], read_ctf(ctf)[:, columns], rtol=1e-6)


def test_cryosparc_table(shared_data: Path) -> None:
    folder = shared_data / "particles/meta_cryosparc_2019"
    table = read_particles(folder / "cryosparc_P12_J24_001_particles.cs", need_images=False)
    assert (len(table), table.box_px, table.contrast_known) == (2019, 180, -1)
    assert table.pixel_size_angstrom[0] == pytest.approx(2.95)
    _assert_rotations_agree(table, folder / "pose.cs.pkl")
    _assert_shifts_agree(table, folder / "pose.cs.pkl")
    _assert_ctf_agrees(table, folder / "ctf2.pkl")


def test_relion30_table_with_origins_in_px(shared_data: Path) -> None:
    # pose.star.pkl and ctf1.pkl were parsed from this table, with the box and the amplitude contrast given by hand
    folder = shared_data / "particles/real_relion31_5"
    star = folder / "FinalRefinement-OriginalParticles-PfCRT.star"
    table = read_particles(star, ctf=folder / "ctf1.pkl", need_images=False)
    assert table.box_px == 300
    _assert_rotations_agree(table, folder / "pose.star.pkl")
    _assert_shifts_agree(table, folder / "pose.star.pkl")


def test_tilt_images(shared_data: Path) -> None:
    folder = shared_data / "particles/real_sta_ribosome_220"
    table = read_particles(folder / "sta_testing_bin8.star")
    _assert_rotations_agree(table, folder / "sta_pose.pkl")
    _assert_ctf_agrees(table, folder / "sta_ctf.pkl")


def test_simulated_class(shared_data: Path) -> None:
    folder = shared_data / "particles/sim_10076_DE_labelled/data"
    for name in "DE":
        table = read_particles(folder / f"10076_class{name}_32_sim.star")
        _assert_rotations_agree(table, folder / f"pose_class{name}.pkl")
        _assert_shifts_agree(table, folder / f"pose_class{name}.pkl")
        _assert_ctf_agrees(table, folder / f"ctf_class{name}.pkl")


def test_star_and_pickles_of_one_set_give_one_table(shared_data: Path) -> None:
    folder = shared_data / "particles/sim_10076_DE_labelled/data"
    star = read_particles(folder / "10076_classD_32_sim.star")
    pickles = read_particles(folder / "10076_classD_32_sim.mrcs", poses=folder / "pose_classD.pkl", ctf=folder / "ctf_classD.pkl")
    assert star.rotation is not None
    np.testing.assert_allclose(pickles.rotation, star.rotation, atol=WORST)
    np.testing.assert_allclose(pickles.shift_px, star.shift_px, atol=1e-5)
    np.testing.assert_allclose(pickles.pixel_size_angstrom, star.pixel_size_angstrom)
    assert not any("has no" in note for note in pickles.notes)


def test_indices_select_poses_and_ctf_with_the_images(shared_data: Path) -> None:
    folder = shared_data / "particles/sim_cryodrgn_toy_1000"
    given = {"poses": folder / "toy_rot_trans.pkl", "ctf": folder / "test_ctf.pkl"}
    table = read_particles(folder / "toy_projections.txt", indices=folder / "ind100-rand.pkl", **given)
    index = load_array(folder / "ind100-rand.pkl")
    assert table.frame.tolist() == index.tolist()
    rotation, shift = read_poses(folder / "toy_rot_trans.pkl")
    assert shift is not None
    np.testing.assert_allclose(table.rotation, rotation[index], atol=1e-7)
    np.testing.assert_allclose(table.shift_px, shift[index] * 30, atol=1e-5)


@pytest.mark.parametrize("poses", ["hand_rot.pkl", "hand_rot_trans.pkl"])
def test_poses_with_and_without_shifts(shared_data: Path, poses: str) -> None:
    folder = shared_data / "particles/sim_cryodrgn_hand_100"
    table = read_particles(folder / "hand.mrcs", poses=folder / poses)
    assert table.rotation is not None
    assert bool(table.shift_px.any()) == poses.startswith("hand_rot_trans")
