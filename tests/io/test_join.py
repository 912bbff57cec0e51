"""More particles behind those that are there: what may follow what, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.io.join import check_same_kind, joined, named_already
from cryohype_model.io.particles import read_particles
from cryohype_model.io.table import ParticleTable
from cryohype_model.io.write import write_star


@pytest.fixture
def table(mixture: Path) -> ParticleTable:
    return read_particles(mixture)


def test_a_joined_table_is_written_and_read_back(table: ParticleTable, tmp_path: Path) -> None:
    path = tmp_path / "both.star"
    last = table[np.arange(50, 60)]
    other = replace(last, source=replace(last.source, path=tmp_path / "other.star"))
    both = joined(table[np.arange(40)], other, path)
    write_star(both, path)
    read = read_particles(path)
    kept = np.concatenate([np.arange(40), np.arange(50, 60)])
    np.testing.assert_array_equal(read.frame, table.frame[kept])
    np.testing.assert_array_equal(read.label, table.label[kept])
    np.testing.assert_allclose(read.rotation, table.rotation[kept], atol=1e-6)
    np.testing.assert_array_equal(read.ctf.defocus_u_angstrom, table.ctf.defocus_u_angstrom[kept])
    assert read.source.path == path and read.source.row.tolist() == list(range(50))


def test_rows_of_one_file_stay_rows_of_it(table: ParticleTable, tmp_path: Path) -> None:
    both = joined(table[np.arange(40)], table[np.arange(50, 60)], tmp_path / "both.star")
    assert both.source.path == table.source.path
    assert both.source.row.tolist() == [*range(40), *range(50, 60)]


def test_images_are_known_by_file_and_section(table: ParticleTable, tmp_path: Path) -> None:
    first, more = table[np.arange(40)], table[np.arange(35, 45)]
    assert named_already(first, more).tolist() == [True] * 5 + [False] * 5
    link = tmp_path / "link.mrcs"
    link.symlink_to(table.stacks[0])
    assert named_already(first, replace(more, stacks=(link,))).tolist() == [True] * 5 + [False] * 5
    assert not named_already(first, replace(more, stacks=(tmp_path / table.stacks[0].name,))).any()


def test_what_one_knows_and_the_other_does_not(table: ParticleTable, tmp_path: Path) -> None:
    first, more = table[np.arange(40)], table[np.arange(50, 60)]
    path = tmp_path / "both.star"
    assert joined(replace(first, label=None), more, path).label.tolist() == [-1] * 40 + more.label.tolist()
    assert joined(first, replace(more, label=None), path).label.tolist() == first.label.tolist() + [-1] * 10
    assert joined(replace(first, label=None), replace(more, label=None), path).label is None
    assert joined(replace(first, ctf=None), more, path).ctf is None
    assert joined(replace(first, contrast_known=0), replace(more, contrast_known=1), path).contrast_known == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rotation": None}, "has no poses"),
        ({"box_px": 32}, "images of 32 px and the others have 16 px"),
        ({"pixel_size_angstrom": np.full(60, 12.6, np.float32)}, "pixels of 12.6 Å"),
        ({"ctf": None}, "no CTF"),
        ({"contrast_known": -1}, "density is dark .* says bright"),
    ],
)
def test_another_kind_of_particle_is_refused(table: ParticleTable, change: dict[str, object], sentence: str) -> None:
    table = replace(table, contrast_known=1)
    check_same_kind(table, table)
    with pytest.raises(InputFileError, match=sentence):
        check_same_kind(table, replace(table, **change))
