"""Columns of a run's particles: its own, and those of the file that it was made of, row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryohype_model.errors import CryoHypeError
from cryohype_model.runs import columns
from cryohype_model.runs.columns import ParticleColumns, column_title
from cryohype_model.runs.layout import Run

ORIGINAL = """data_particles
loop_
_rlnImageName
_rlnMicrographName
_rlnAngleRot
_rlnFigureOfMerit
1@s.mrcs a.mrc 10 0.1
2@s.mrcs a.mrc 20 0.2
3@s.mrcs b.mrc 30 0.3
"""
OURS = """data_cryohype_source
loop_
_cryohypeSourcePath
_cryohypeSourceKind
_cryohypeContrast
{path} star 1

data_particles
loop_
_rlnImageName
_rlnAngleRot
_cryohypeSourceRow
3@s.mrcs 31 2
1@s.mrcs 11 0
"""


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "original.star"
    path.write_text(ORIGINAL)
    return path


@pytest.fixture
def made(tmp_path: Path, original: Path) -> Run:
    (tmp_path / "run").mkdir()
    run = Run(tmp_path / "run")
    run.particles_star.write_text(OURS.format(path=original))
    return run


def test_ours_first_then_what_only_the_original_has(made: Run) -> None:
    found = ParticleColumns(made)
    assert found.names == ("rlnAngleRot", "rlnMicrographName", "rlnFigureOfMerit")
    assert found.read("rlnAngleRot").values.tolist() == [31, 11]
    np.testing.assert_allclose(found.read("rlnFigureOfMerit").values, [0.3, 0.1])
    micrograph = found.read("rlnMicrographName")
    assert [micrograph.names[place] for place in micrograph.values] == ["b.mrc", "a.mrc"]


def test_without_the_original_ours_are_left(made: Run, original: Path) -> None:
    original.unlink()
    assert ParticleColumns(made).names == ("rlnAngleRot",)
    original.write_text("no table")
    assert ParticleColumns(made).names == ("rlnAngleRot",)


def test_an_original_that_became_shorter_is_told(made: Run, original: Path) -> None:
    original.write_text("\n".join(ORIGINAL.splitlines()[:-1]) + "\n")
    with pytest.raises(CryoHypeError, match="2 rows and row 2 is wanted"):
        ParticleColumns(made).read("rlnFigureOfMerit")


def test_a_column_is_read_once_and_only_a_few_are_kept(made: Run, original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "KEPT", 1)
    found = ParticleColumns(made)
    first = found.read("rlnFigureOfMerit")
    assert found.read("rlnFigureOfMerit") is first
    found.read("rlnAngleRot")
    assert found.read("rlnFigureOfMerit") is not first


def test_an_unknown_column_is_named(made: Run) -> None:
    with pytest.raises(CryoHypeError, match="no column 'rlnNothing'; there are rlnAngleRot, rlnMicrographName"):
        ParticleColumns(made).read("rlnNothing")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("rlnAngleRot", "rot (°)"), ("rlnGroupNumber", "group number"), ("ctf_exp_group_id", "ctf exp group id"),
        ("rlnCtfBfactor", "CTF B-factor (Å²)"), ("rlnAutopickFigureOfMerit", "autopick figure of merit"),
    ],
)  # fmt: skip
def test_titles(name: str, title: str) -> None:
    assert column_title(name) == title
