"""What is written for cryoDRGN reads back the same, for a whole stack and for a part of one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.io.cryodrgn import read_ctf, read_poses, write_ctf, write_labels, write_poses
from cryohype_model.io.particles import read_particles


def test_pickles_and_stack_read_as_the_star_did(mixture: Path, tmp_path: Path) -> None:
    table = read_particles(mixture)
    for write, name in ((write_poses, "poses.pkl"), (write_ctf, "ctf.pkl"), (write_labels, "labels.pkl")):
        write(table, tmp_path / name)
    again = read_particles(
        mixture.with_name("particles.mrcs"),
        poses=tmp_path / "poses.pkl",
        ctf=tmp_path / "ctf.pkl",
        labels=tmp_path / "labels.pkl",
    )
    np.testing.assert_array_equal(again.rotation, table.rotation)
    np.testing.assert_allclose(again.shift_px, table.shift_px, rtol=3e-7)
    assert table.shift_px.any()
    assert table.ctf is not None and again.ctf is not None
    np.testing.assert_array_equal(again.ctf.as_array(), table.ctf.as_array())
    np.testing.assert_array_equal(again.label, table.label)


def test_cryodrgn_columns_come_out_as_its_own_parser_wrote_them(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "particles/sim_10076_DE_labelled/data"
    table = read_particles(folder / "10076_classD_32_sim.star")
    write_poses(table, tmp_path / "poses.pkl")
    write_ctf(table, tmp_path / "ctf.pkl")
    for found, expected in zip(read_poses(tmp_path / "poses.pkl"), read_poses(folder / "pose_classD.pkl"), strict=True):
        np.testing.assert_allclose(found, expected, atol=5e-7)
    np.testing.assert_allclose(read_ctf(tmp_path / "ctf.pkl"), read_ctf(folder / "ctf_classD.pkl"), rtol=1e-6)


def test_what_the_table_lacks_is_told(mixture: Path, tmp_path: Path) -> None:
    bare = replace(read_particles(mixture), rotation=None, ctf=None, label=None)
    for write, missing in ((write_poses, "no poses"), (write_ctf, "no CTF"), (write_labels, "no labels")):
        with pytest.raises(InputFileError, match=missing):
            write(bare, tmp_path / "a.pkl")
    assert list(tmp_path.iterdir()) == []
