import gzip
import pickle
import shutil
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.io.images import ImageStacks
from cryohype_model.io.particles import read_particles
from cryohype_model.io.rotation import random_rotations

ORDINARY = ["1@a.mrcs", "2@a.mrcs", "3@a.mrcs"]


def _pickle(path: Path, value: object) -> Path:
    path.write_bytes(pickle.dumps(value))
    return path


def test_more_rows_than_images(tmp_path: Path, write_stack, write_table) -> None:
    write_stack(tmp_path / "a.mrcs", 2)
    star = write_table(tmp_path / "a.star", ORDINARY)
    with pytest.raises(InputFileError, match=r"more rows than images: particle 2 wants image 3 of .*a\.mrcs, which holds 2"):
        read_particles(star)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda raw: raw[:0], "is empty"),
        (lambda raw: raw[:-5], "is truncated"),
        (lambda raw: raw[:500], "500 bytes"),
        (lambda raw: raw[:4] + (9).to_bytes(4, "little") + raw[8:], "is truncated"),
        (lambda raw: raw[:4] + (4).to_bytes(4, "little") + raw[8:], "8 x 4 px and they must be square"),
        (lambda raw: (-1).to_bytes(4, "little", signed=True) + raw[4:], "damaged MRC header"),
        (gzip.compress, "is compressed and images are read in any order"),
    ],
)
def test_damaged_stack(tmp_path: Path, write_stack, write_table, damage, sentence: str) -> None:
    write_stack(tmp_path / "a.mrcs")
    (tmp_path / "a.mrcs").write_bytes(damage((tmp_path / "a.mrcs").read_bytes()))
    with pytest.raises(InputFileError, match=sentence) as caught:
        read_particles(write_table(tmp_path / "a.star", ORDINARY))
    assert "a.mrcs" in str(caught.value)


def test_mixed_boxes(tmp_path: Path, write_stack, write_table) -> None:
    write_stack(tmp_path / "a.mrcs", box=8)
    write_stack(tmp_path / "b.mrcs", box=10)
    with pytest.raises(InputFileError, match=r"mixes boxes, 8 px in .*a\.mrcs and 10 px in .*b\.mrcs"):
        read_particles(write_table(tmp_path / "a.star", ["1@a.mrcs", "1@b.mrcs"]))


def test_missing_files(tmp_path: Path, write_table) -> None:
    with pytest.raises(InputFileError, match="does not exist"):
        read_particles(tmp_path / "none.star")
    star = write_table(tmp_path / "a.star", ORDINARY)
    with pytest.raises(InputFileError, match=r"a\.mrcs, named in .* pass --datadir"):
        read_particles(star)
    with pytest.raises(InputFileError, match="is no folder"):
        read_particles(star, datadir=tmp_path / "none")


def test_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II")
    with pytest.raises(InputFileError, match="is of no kind that is read"):
        read_particles(tmp_path / "a.tif")


def test_counts_must_agree(tmp_path: Path, write_stack) -> None:
    write_stack(tmp_path / "a.mrcs", 4)
    poses = _pickle(tmp_path / "poses.pkl", (np.tile(np.eye(3), (3, 1, 1)), np.zeros((3, 2))))
    with pytest.raises(InputFileError, match=r"has 3 poses and .* has 4 particles"):
        read_particles(tmp_path / "a.mrcs", poses=poses)
    ctf = _pickle(tmp_path / "ctf.pkl", np.ones((5, 9)))
    with pytest.raises(InputFileError, match=r"has 5 CTF rows and .* has 4 particles"):
        read_particles(tmp_path / "a.mrcs", ctf=ctf)
    labels = _pickle(tmp_path / "labels.pkl", np.zeros(2))
    with pytest.raises(InputFileError, match="has 2 labels"):
        read_particles(tmp_path / "a.mrcs", labels=labels)
    indices = _pickle(tmp_path / "indices.pkl", np.array([0, 4]))
    with pytest.raises(InputFileError, match=r"names particle 4 and .* has 4"):
        read_particles(tmp_path / "a.mrcs", indices=indices)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.zeros((4, 9)), "holds no poses"),
        (np.zeros((4, 3, 3)), "no rotations"),
        ((np.tile(np.eye(3), (4, 1, 1)), np.zeros((4, 3))), "shifts of shape"),
        ({"poses": 1}, "holds no poses"),
    ],
)
def test_what_is_no_poses_file(tmp_path: Path, write_stack, value: object, sentence: str) -> None:
    write_stack(tmp_path / "a.mrcs", 4)
    with pytest.raises(InputFileError, match=sentence):
        read_particles(tmp_path / "a.mrcs", poses=_pickle(tmp_path / "poses.pkl", value))


@pytest.mark.parametrize("form", ["tuple", "single", "bare"])
def test_three_forms_of_poses(tmp_path: Path, write_stack, form: str) -> None:
    write_stack(tmp_path / "a.mrcs", 4)
    rotations = random_rotations(4, np.random.default_rng(0))
    value = {"tuple": (rotations, np.full((4, 2), 0.25)), "single": (rotations,), "bare": rotations}[form]
    table = read_particles(tmp_path / "a.mrcs", poses=_pickle(tmp_path / "poses.pkl", value))
    np.testing.assert_allclose(table.rotation, rotations, atol=1e-7)
    assert set(table.shift_px.ravel()) == {2.0 if form == "tuple" else 0.0}


@pytest.mark.parametrize("written", ["a.mrcs", "Extract/job3/a.mrcs", "/gone/project/Extract/job3/a.mrcs", "elsewhere/a.mrcs"])
@pytest.mark.parametrize("table_at", ["Refine/job4", "."])
def test_images_are_found_however_they_were_written(
    tmp_path: Path, write_stack, write_table, written: str, table_at: str
) -> None:
    project = tmp_path / "project"
    (project / "Extract/job3").mkdir(parents=True)
    (project / table_at).mkdir(parents=True, exist_ok=True)
    write_stack(project / "Extract/job3/a.mrcs")
    star = write_table(project / table_at / "run_data.star", [f"1@{written}"])
    table = read_particles(star, datadir=project)
    assert table.stacks == (project / "Extract/job3/a.mrcs",)
    assert any("was found as" in note for note in table.notes) == (written not in {"a.mrcs", "Extract/job3/a.mrcs"})


def test_names_from_the_root_of_the_project_need_no_help(tmp_path: Path, write_stack, write_table) -> None:
    (tmp_path / "Extract").mkdir()
    (tmp_path / "Refine3D/job4").mkdir(parents=True)
    write_stack(tmp_path / "Extract/a.mrcs")
    table = read_particles(write_table(tmp_path / "Refine3D/job4/run_data.star", ["1@Extract/a.mrcs"]))
    assert table.stacks == (tmp_path / "Extract/a.mrcs",)
    assert table.notes[-1:] == ("run_data.star has no CTF columns: the images are taken as if CTF = 1",)


def test_name_that_fits_two_files_is_not_guessed(tmp_path: Path, write_stack, write_table) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_stack(tmp_path / folder / "a.mrcs")
    star = write_table(tmp_path / "a.star", ["1@gone/a.mrcs"])
    with pytest.raises(InputFileError, match=r"fits 2 files.*pass --datadir"):
        read_particles(star)
    assert read_particles(star, datadir=tmp_path / "two").stacks == (tmp_path / "two/a.mrcs",)


def test_list_of_stacks(tmp_path: Path, write_stack) -> None:
    data = np.concatenate([write_stack(tmp_path / "b.mrcs", 2, seed=1), write_stack(tmp_path / "a.mrcs", 3, seed=2)])
    (tmp_path / "list.txt").write_text("b.mrcs\n\na.mrcs\n")
    table = read_particles(tmp_path / "list.txt")
    np.testing.assert_array_equal(ImageStacks(table).read(np.arange(5)), data)
    assert table.pixel_size_angstrom[0] == 2.5
    assert table.rotation is None


def _cryobench(folder: Path, write_stack, latents: np.ndarray) -> np.ndarray:
    (folder / "images/snr0.01").mkdir(parents=True)
    write_stack(folder / "images/snr0.01/part1.mrcs", 3)
    write_stack(folder / "images/snr0.01/part2.mrcs", 3)
    (folder / "images/snr0.01/sorted_particles.128.txt").write_text("part1.mrcs\npart2.mrcs\n")
    rotations = random_rotations(6, np.random.default_rng(0))
    _pickle(folder / "combined_poses.pkl", (rotations, np.zeros((6, 2))))
    _pickle(folder / "combined_ctfs.pkl", np.tile([16, 1.5, 1e4, 1.1e4, 30, 300, 2.7, 0.1, 0], (6, 1)))
    _pickle(folder / "gt_latents.pkl", latents)
    return rotations


def test_cryobench_folder(tmp_path: Path, write_stack) -> None:
    rotations = _cryobench(tmp_path, write_stack, np.arange(6.0)[:, None])
    table = read_particles(tmp_path)
    assert table.ctf is not None
    assert table.label is not None
    np.testing.assert_allclose(table.rotation, rotations, atol=1e-7)
    assert table.label.tolist() == [0, 1, 2, 3, 4, 5]
    assert table.pixel_size_angstrom[0] == 3.0  # the CTF table was made at 16 px and 1.5 Å
    assert table.ctf.defocus_v_angstrom[0] == pytest.approx(1.1e4)


def test_continuous_latents_are_no_labels(tmp_path: Path, write_stack) -> None:
    _cryobench(tmp_path, write_stack, np.linspace(0, 1, 6))
    assert read_particles(tmp_path).label is None


def test_folder_without_a_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="is a folder and no CryoBench data set"):
        read_particles(tmp_path)


def test_two_lists_in_a_cryobench_folder(tmp_path: Path, write_stack) -> None:
    _cryobench(tmp_path, write_stack, np.arange(6))
    shutil.copytree(tmp_path / "images/snr0.01", tmp_path / "images/snr0.1")
    with pytest.raises(InputFileError, match="has 2 lists of particles"):
        read_particles(tmp_path)


def _cs(path: Path, **columns: np.ndarray) -> Path:
    names = {name.replace("__", "/"): values for name, values in columns.items()}
    rows = np.empty(len(next(iter(names.values()))), dtype=[(name, v.dtype, v.shape[1:]) for name, v in names.items()])
    for name, values in names.items():
        rows[name] = values
    with path.open("wb") as file:
        np.save(file, rows)
    return path


def test_cryosparc_with_passthrough(tmp_path: Path, write_stack) -> None:
    (tmp_path / "J1/imported").mkdir(parents=True)
    (tmp_path / "J5").mkdir()
    write_stack(tmp_path / "J1/imported/a.mrc", 3)
    uid = np.array([30, 10, 20], dtype=np.uint64)
    poses = _cs(
        tmp_path / "J5/particles.cs",
        uid=uid,
        alignments3D__pose=np.array([[0, 0, np.pi / 2], [0, 0, 0], [0, 0, 0]], dtype="f4"),
        alignments3D__shift=np.array([[2, 4], [0, 0], [0, 0]], dtype="f4"),
        alignments3D__psize_A=np.full(3, 5, dtype="f4"),
    )
    blobs = _cs(
        tmp_path / "J5/passthrough.cs",
        uid=np.sort(uid),
        blob__path=np.array([b">J1/imported/a.mrc"] * 3),
        blob__idx=np.array([0, 1, 2], dtype="u4"),
        blob__psize_A=np.full(3, 2.5, dtype="f4"),
        blob__sign=np.full(3, -1, dtype="f4"),
    )
    with pytest.raises(InputFileError, match=r"names no images .*--passthrough"):
        read_particles(poses)
    table = read_particles(poses, passthrough=[blobs])
    assert table.frame.tolist() == [2, 0, 1]
    assert table.stacks == (tmp_path / "J1/imported/a.mrc",)
    assert table.shift_px[0].tolist() == [4, 8]  # found at 5 Å a pixel, the images have 2.5
    np.testing.assert_allclose(np.asarray(table.rotation)[0], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-6)
    assert table.contrast_known == -1
    assert table.ctf is None
    short = _cs(tmp_path / "J5/short.cs", uid=uid[:2])
    with pytest.raises(InputFileError, match="lacks 1 of the 3 particles"):
        read_particles(poses, passthrough=[short])


def test_two_dimensional_alignments_are_no_poses(shared_data: Path) -> None:
    path = shared_data / "particles/meta_cryosparc_2019/cryosparc_J2_particles_exported.cs"
    table = read_particles(path, need_images=False)
    assert table.rotation is None
    assert any("2-D alignments only" in note for note in table.notes)
    assert table.stacks[0].name == "000090334788266266069_18jam15b_0345_ali_DW.mrcs"
    assert ">" not in str(table.stacks[0])


def test_cs_that_is_none(tmp_path: Path, write_stack) -> None:
    path = tmp_path / "a.cs"
    path.write_bytes(pickle.dumps({"uid": [1]}))
    with pytest.raises(InputFileError, match="is no cryoSPARC table"):
        read_particles(path)
    with path.open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputFileError, match="is no cryoSPARC table"):
        read_particles(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(InputFileError, match="without named columns"):
        read_particles(path)


def test_real_cs_and_star_of_one_set_agree(shared_data: Path) -> None:
    folder = shared_data / "particles/real_empiar10076_7"
    cs, star = read_particles(folder / "empiar_10076_7.cs"), read_particles(folder / "empiar_10076_7.star")
    assert cs.ctf is not None
    assert star.ctf is not None
    np.testing.assert_allclose(cs.ctf.as_array(), star.ctf.as_array(), rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(cs.pixel_size_angstrom, star.pixel_size_angstrom, rtol=1e-6)
    np.testing.assert_array_equal(ImageStacks(cs).read([0, 6]), ImageStacks(star).read([0, 6]))
    with mrcfile.open(folder / "empiar_10076_7.mrc") as mrc:
        np.testing.assert_array_equal(ImageStacks(cs).read([3])[0], mrc.data[3])
