import gzip
from pathlib import Path

import numpy as np
import pytest
import starfile

from cryohype_model.errors import InputFileError
from cryohype_model.io.particles import read_particles
from cryohype_model.io.rotation import euler_to_matrix
from cryohype_model.io.star_file import read_star_file, split_row

REFUSED = {
    "cs/job096_run_data.star": "is a Git LFS pointer",
    "cs/4k_dataset.cs": "names no images",
    "star/aspire_sample_planets.star": "no table of particles",
    "star/cryocat_relion_4.0.star.gz": "lists sub-tomograms, which are volumes",
    "star/cryolike_particle_data.star": "lists positions in micrographs and no images",
    "star/starfile_basic_double_quote.star": "no table of particles",
    "star/starfile_basic_single_quote.star": "no table of particles",
    "star/starfile_default_pipeline.star": "no table of particles",
    "star/starfile_empty_loop.star": "no table of particles",
    "star/starfile_loop_double_quote.star": "no table of particles",
    "star/starfile_loop_single_quote.star": "no table of particles",
    "star/starfile_one_loop.star": "lists sub-tomograms",
    "star/starfile_postprocess.star": "no table of particles",
    "star/starfile_relion_tutorial_run_it025_optimiser_2D.star": "no table of particles",
    "star/starfile_relion_tutorial_run_it025_optimiser_3D.star": "no table of particles",
    "star/starfile_relion_tutorial_run_it025_sampling_2D.star": "no table of particles",
    "star/starfile_relion_tutorial_run_it025_sampling_3D.star": "no table of particles",
    "star/starfile_rln3.1_data_style.star": "has 2 tables with _rlnImageName",
    "star/starfile_single_line_end_of_multiblock.star": "has 2 tables with _rlnImageName",
    "star/starfile_single_line_middle_of_multiblock.star": "has 2 tables with _rlnImageName",
    "star/starfile_two_basic_blocks.star": "no table of particles",
    "star/starfile_two_single_line_loop_blocks.star": "no table of particles",
}
OPENS = {"star/cryolike_relion_style_particles.star": (106, 384, 0.725, True)}

# real table: particles, box, pixel size, poses, CTF
REAL = {
    "real_aspire_17/sample_particles_relion30.star": (17, 200, 1.338, True, True),
    "real_aspire_17/sample_particles_relion31.star": (17, 200, 1.4, True, True),
    "real_aspire_17/sample_relion_symmetry_group_D4.star": (17, 200, 1.338, True, True),
    "real_empiar10076_7/empiar_10076_7.star": (7, 320, 1.31, False, True),
    "real_relion31_5/relion31.star": (5, 256, 2.806, True, True),
    "real_relion31_5/relion31.v2.star": (5, 256, 2.806, True, True),
    "real_sta_ribosome_220/sta_testing_bin8.star": (219, 64, 1.96, True, True),
    "rig_relion_project_betagal/relion_proj_batch.star": (24, 64, 3.54, True, True),
    "rig_relion_projections_70S/rln_proj_65.star": (5, 65, 1.0, True, False),
    "sim_10076_DE_labelled/10076_both_32_sim.star": (1296, 32, 13.1, True, True),
    "sim_10076_DE_labelled/10076_both_32_sim_vols.star": (144, 32, 13.1, True, True),
    "sim_cryodrgn_toy_1000/toy_projections.star": (1000, 30, 1.0, False, True),
}
TABLES_ALONE = {
    "real_relion31_5/relion31.6opticsgroups.star": (139, 196, 1.25, True, True),
    "real_relion31_5/relion5.star": (17, 448, 0.89, True, True),
    "rig_relion_2015_tests/ap_s_c2d.star.gz": (8915, 0, 3.540002, False, True),
    "rig_relion_2015_tests/ref_output/out_it005_data.star": (9, 0, 3.540002, True, True),
}


@pytest.mark.parametrize("name", REFUSED)
def test_odd_table_is_refused_with_a_sentence(shared_data: Path, name: str) -> None:
    with pytest.raises(InputFileError, match=REFUSED[name]) as caught:
        read_particles(shared_data / "odd" / name, need_images=False)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", OPENS)
def test_odd_table_opens_rightly(shared_data: Path, name: str) -> None:
    count, box, pixel, poses = OPENS[name]
    table = read_particles(shared_data / "odd" / name, need_images=False)
    assert (len(table), table.box_px, table.rotation is not None) == (count, box, poses)
    assert table.pixel_size_angstrom[0] == pytest.approx(pixel)
    np.testing.assert_allclose(table.shift_px[0] * pixel, [0.162908, 2.218803], rtol=1e-5)


def test_every_odd_table_is_expected(shared_data: Path) -> None:
    found = {f"{path.parent.name}/{path.name}" for kind in ("star", "cs") for path in (shared_data / "odd" / kind).iterdir()}
    assert found == REFUSED.keys() | OPENS.keys()


@pytest.mark.parametrize("name", [*REAL, *TABLES_ALONE])
def test_real_table_opens_as_it_is(shared_data: Path, name: str) -> None:
    count, box, pixel, poses, ctf = (REAL | TABLES_ALONE)[name]
    table = read_particles(shared_data / "particles" / name, need_images=name in REAL)
    assert (len(table), table.box_px, table.rotation is not None, table.ctf is not None) == (count, box, poses, ctf)
    assert table.pixel_size_angstrom[0] == pytest.approx(pixel, rel=1e-4)


def test_optics_groups_are_told_apart(shared_data: Path) -> None:
    six = read_particles(shared_data / "particles/real_relion31_5/relion31.6opticsgroups.star", need_images=False)
    assert six.ctf is not None
    assert np.unique(six.optics_group).tolist() == [1, 2, 3, 4, 5, 6]
    assert np.unique(six.pixel_size_angstrom).tolist() == pytest.approx([1.24, 1.25])
    assert np.unique(six.ctf.cs_mm[six.optics_group == 4]).tolist() == pytest.approx([2.6])
    assert any("different pixel sizes (1.24, 1.25 Å)" in note for note in six.notes)
    one = read_particles(shared_data / "particles/real_relion31_5/relion31.6opticsgroups.star", need_images=False, optics_group=4)
    assert set(one.optics_group) == {4}
    assert len(one.stacks) == len(set(one.stack_index)) == len(one)


def test_groups_of_a_relion30_table_follow_its_optics(shared_data: Path) -> None:
    old = read_particles(shared_data / "particles/real_aspire_17/sample_particles_relion30.star")
    assert old.ctf is not None
    assert {(int(g), float(v)) for g, v in zip(old.optics_group, old.ctf.voltage_kv, strict=True)} == {(1, 300.0), (2, 200.0)}


def test_values_agree_with_starfile(shared_data: Path) -> None:
    path = shared_data / "particles/real_relion31_5/relion31.star"
    table = read_particles(path)
    blocks = starfile.read(path)
    rows, optics = blocks["particles"], blocks["optics"]
    assert table.ctf is not None
    np.testing.assert_allclose(table.ctf.defocus_u_angstrom, rows["rlnDefocusU"], rtol=1e-7)
    np.testing.assert_allclose(table.ctf.voltage_kv, optics["rlnVoltage"].item())
    np.testing.assert_allclose(table.rotation, euler_to_matrix(rows[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]]), atol=1e-7)
    np.testing.assert_allclose(table.shift_px * 2.806, rows[["rlnOriginXAngst", "rlnOriginYAngst"]], rtol=1e-5)


def test_stack_smaller_than_the_table_says_is_taken_as_rescaled(shared_data: Path) -> None:
    table = read_particles(shared_data / "particles/sim_cryodrgn_toy_1000/toy_projections_13.star")
    assert table.box_px == 30
    assert table.pixel_size_angstrom[0] == pytest.approx(10.35)
    assert any("300 px and the images have 30" in note for note in table.notes)


def test_incomplete_ctf_names_the_columns(shared_data: Path) -> None:
    with pytest.raises(InputFileError, match=r"has CTF columns but lacks _rlnVoltage; .*--ctf"):
        read_particles(shared_data / "particles/real_aspire_17/sample_incomplete_ctf_params.star")


def test_tilt_series_and_their_set_get_a_sentence(shared_data: Path) -> None:
    stem = shared_data / "particles/real_warptools_sta_40/warptools_test_4-tomos_10-ptcls_box-32_angpix-12"
    with pytest.raises(InputFileError, match="as tilt series, one stack a particle"):
        read_particles(stem.with_name(stem.name + ".star"))
    with pytest.raises(InputFileError, match="optimisation set"):
        read_particles(stem.with_name(stem.name + "_optimisation_set.star"))


def test_negative_b_factors_are_damping(shared_data: Path) -> None:
    table = read_particles(shared_data / "particles/real_sta_ribosome_220/sta_testing_bin8.star")
    assert table.ctf is not None
    assert table.ctf.b_factor_angstrom2[0] == 13
    assert any("negative B-factors" in note for note in table.notes)


def test_quotes_remarks_and_compression(tmp_path: Path) -> None:
    text = 'data_particles # remark\nloop_\n_rlnImageName #1 [of the image]\n_rlnAngleRot\n# remark\n"1@my stack.mrcs" 3\n\n'
    path = tmp_path / "a.star.gz"
    path.write_bytes(gzip.compress(text.encode()))
    table = read_particles(path, need_images=False)
    assert table.stacks == (tmp_path / "my stack.mrcs",)
    assert split_row("a 'b c' \"\" it's") == ["a", "b c", "", "it's"]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("1@a.mrcs 10", "line 6 has 2 values and the table data_particles has 1 columns"),
        ("x@a.mrcs", "particle 0 has the image name 'x@a.mrcs'"),
        ("0@a.mrcs", "which is not NUMBER@STACK"),
        ("", "without a row"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, rows: str, sentence: str) -> None:
    path = tmp_path / "a.star"
    path.write_text(f"data_particles\n\nloop_\n_rlnImageName\n\n{rows}\n")
    with pytest.raises(InputFileError, match=sentence):
        read_particles(path, need_images=False)


@pytest.mark.parametrize("word", ["nan", "inf", "none"])
def test_what_is_no_number_is_named_with_line_and_column(tmp_path: Path, word: str) -> None:
    path = tmp_path / "a.star"
    path.write_text(f"data_\nloop_\n_rlnImageName\n_rlnAngleRot\n1@a.mrcs 1\n2@a.mrcs {word}\n")
    with pytest.raises(InputFileError, match=f"line 6 has '{word}' for _rlnAngleRot"):
        read_particles(path, need_images=False)


def test_group_without_optics_row(tmp_path: Path) -> None:
    path = tmp_path / "a.star"
    optics = "data_optics\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n1 2\n\n"
    path.write_text(optics + "data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n1@a 2\n")
    with pytest.raises(InputFileError, match="particles of optics group 2, which data_optics does not list"):
        read_particles(path, need_images=False)


def test_boxes_mixed_among_groups_are_named_and_one_group_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.star"
    optics = "data_optics\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n_rlnImageSize\n1 2 64\n2 2 128\n\n"
    path.write_text(optics + "data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n1@a 1\n1@b 2\n")
    with pytest.raises(InputFileError, match=r"64 px in group 1, 128 px in group 2.*--optics-group"):
        read_particles(path, need_images=False)
    assert read_particles(path, need_images=False, optics_group=2).box_px == 128
    with pytest.raises(InputFileError, match="no particle of optics group 3; its groups are 1, 2"):
        read_particles(path, need_images=False, optics_group=3)


def test_ctf_of_the_row_goes_before_that_of_its_group(tmp_path: Path) -> None:
    names = ["rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnVoltage"]
    optics = "data_optics\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n1 300\n\n"
    header = "".join(f"_{name}\n" for name in ["rlnImageName", "rlnOpticsGroup", *names])
    path = tmp_path / "a.star"
    path.write_text(f"{optics}data_particles\nloop_\n{header}1@a 1 1 2 3 2.7 0.1 200\n")
    table = read_particles(path, need_images=False)
    assert table.ctf is not None
    assert table.ctf.voltage_kv.tolist() == [200]


def test_name_without_number_is_one_image_and_no_volume(tmp_path: Path, write_stack) -> None:
    write_stack(tmp_path / "a.mrcs", 1)
    (tmp_path / "a.star").write_text("data_\nloop_\n_rlnImageName\na.mrcs\n")
    assert read_particles(tmp_path / "a.star").frame.tolist() == [0]
    write_stack(tmp_path / "a.mrcs", 8)
    with pytest.raises(InputFileError, match="without an image number, and that file has 8 sections"):
        read_particles(tmp_path / "a.star")


def test_lines_are_kept_as_they_are(shared_data: Path) -> None:
    path = shared_data / "odd/star/starfile_postprocess.star"
    assert "".join(read_star_file(path).lines).encode() == path.read_bytes()
