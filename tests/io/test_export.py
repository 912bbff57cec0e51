import pickle
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.io.arrays import load_integers
from cryohype_model.io.export import export_selection
from cryohype_model.io.particles import read_particles
from cryohype_model.io.star_file import read_star_file
from cryohype_model.io.table import ParticleTable
from cryohype_model.io.write import write_star

ROWS = [14, 3, 7]


def _via_our_table(source: Path, folder: Path) -> ParticleTable:
    """As a run has it: imported, written as particles.star, read again."""
    write_star(read_particles(source, need_images=False), folder / "particles.star")
    return read_particles(folder / "particles.star", need_images=False)


@pytest.mark.parametrize(
    "name",
    [
        "real_relion31_5/relion31.6opticsgroups.star",
        "real_relion31_5/relion5.star",
        "real_aspire_17/sample_particles_relion30.star",
        "real_aspire_17/sample_particles_relion31.star",
        "real_sta_ribosome_220/sta_testing_bin8.star",
    ],
)
def test_star_rows_are_the_original_ones_to_the_letter(shared_data: Path, tmp_path: Path, name: str) -> None:
    source = shared_data / "particles" / name
    table = _via_our_table(source, tmp_path)
    assert table.source.path == source
    export_selection(table, ROWS, tmp_path / "out.star")
    original, written = read_star_file(source), read_star_file(tmp_path / "out.star")
    assert [block.name for block in written.blocks] == [block.name for block in original.blocks]
    for before, after in zip(original.blocks, written.blocks, strict=True):
        assert after.columns == before.columns
        kept = ROWS if "rlnImageName" in before.columns else range(len(before.lines))
        wanted = [original.lines[before.lines[row]].rstrip() for row in kept]
        assert [written.lines[line].rstrip() for line in after.lines] == wanted
    again = read_particles(tmp_path / "out.star", need_images=False)
    np.testing.assert_array_equal(again.rotation, read_particles(source, need_images=False)[ROWS].rotation)


def test_particles_before_optics(shared_data: Path, tmp_path: Path) -> None:
    table = read_particles(shared_data / "particles/real_relion31_5/relion31.v2.star")
    export_selection(table, [4], tmp_path / "out.star")
    blocks = {block.name: block for block in read_star_file(tmp_path / "out.star").blocks}
    assert (len(blocks["particles"]), len(blocks["optics"])) == (1, 1)


def test_cs_rows_keep_every_column(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "particles/meta_cryosparc_2019/cryosparc_P12_J24_001_particles.cs"
    export_selection(_via_our_table(source, tmp_path), ROWS, tmp_path / "out.cs")
    written = np.load(tmp_path / "out.cs", allow_pickle=False)
    original = np.load(source, allow_pickle=False)
    assert written.dtype == original.dtype
    assert written.tobytes() == original[ROWS].tobytes()


def test_selection_of_a_selection_goes_back_to_the_first_file(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "particles/meta_cryosparc_2019/cryosparc_P12_J24_001_particles.cs"
    table = _via_our_table(source, tmp_path)[[100, 200, 300]]
    write_star(table, tmp_path / "some.star")
    again = read_particles(tmp_path / "some.star", need_images=False)
    export_selection(again, [2, 0], tmp_path / "out.pkl")
    assert load_integers(tmp_path / "out.pkl").tolist() == [300, 100]
    assert isinstance(pickle.loads((tmp_path / "out.pkl").read_bytes()), np.ndarray)  # noqa: S301  as cryoDRGN does


def test_cs_as_star_is_our_table(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "particles/meta_cryosparc_2019/cryosparc_P12_J24_001_particles.cs"
    table = read_particles(source, need_images=False)
    export_selection(table, ROWS, tmp_path / "out.star")
    found = read_particles(tmp_path / "out.star", need_images=False)
    np.testing.assert_allclose(found.rotation, table[ROWS].rotation, atol=3e-7)
    assert found.source.row.tolist() == ROWS


@pytest.mark.parametrize(
    ("rows", "name", "sentence"),
    [
        ([17], "out.star", "particle 17 is asked for and .* has 17"),
        ([-1], "out.star", "particle -1 is asked for"),
        ([], "out.star", "no particle is selected"),
        ([0], "out.cs", r"cannot be written from .*; choose a name that ends in \.star or \.pkl"),
        ([0], "out.csv", "choose a name that ends in"),
    ],
)
def test_bad_requests(shared_data: Path, tmp_path: Path, rows: list[int], name: str, sentence: str) -> None:
    table = read_particles(shared_data / "particles/real_aspire_17/sample_particles_relion31.star")
    with pytest.raises(InputFileError, match=sentence):
        export_selection(table, rows, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_source_that_is_gone_or_changed(tmp_path: Path, write_stack, write_table) -> None:
    write_stack(tmp_path / "a.mrcs")
    star = write_table(tmp_path / "a.star", ["1@a.mrcs", "2@a.mrcs"])
    table = _via_our_table(star, tmp_path)
    write_table(star, ["1@a.mrcs"])
    with pytest.raises(InputFileError, match="has 1 rows and row 1 is wanted"):
        export_selection(table, [1], tmp_path / "out.star")
    star.unlink()
    with pytest.raises(InputFileError, match="is gone, and its columns with it"):
        export_selection(table, [1], tmp_path / "out.star")
    export_selection(table, [1], tmp_path / "out.pkl")
