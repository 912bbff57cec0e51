import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cryohype_model.cli import main
from cryohype_model.cli.import_picture import montage
from cryohype_model.io.particles import read_particles


@pytest.fixture(autouse=True)
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    """The back-projection behind the contrast check has its own tests."""
    check = SimpleNamespace(detect_contrast=lambda *_: (1, "back-projection shows bright density"))
    monkeypatch.setitem(sys.modules, "cryohype_model.inference.contrast", check)


def _run(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    assert main(["import", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


SETS = {
    "real_aspire_17/sample_particles_relion31.star": (17, 200, True),
    "real_relion31_5/relion31.star": (5, 256, True),
    "real_empiar10076_7/empiar_10076_7.cs": (7, 320, False),
    "real_sta_ribosome_220/sta_testing_bin8.star": (219, 64, True),
    "sim_10076_DE_labelled/10076_both_32_sim.star": (1296, 32, True),
}


@pytest.mark.parametrize("name", SETS)
def test_real_sets_go_in_with_no_preparation(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    count, box, poses = SETS[name]
    facts = _run(capsys, shared_data / "particles" / name, "-o", tmp_path / "particles.star")
    assert (facts["particles"], facts["box_px"], facts["poses"]) == (count, box, poses)
    assert facts["contrast"]["detected"] == (1 if poses else None)
    assert len(read_particles(tmp_path / "particles.star")) == count
    assert (tmp_path / "particles.png").read_bytes()[:4] == b"\x89PNG"
    assert {path.name for path in tmp_path.iterdir()} == {"particles.star", "particles.png"}


@pytest.mark.parametrize("spelled", [True, False])
def test_pickles_are_told_apart_by_what_they_hold(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spelled: bool
) -> None:
    folder = shared_data / "particles/sim_cryodrgn_toy_1000"
    poses, ctf = folder / "toy_rot_trans.pkl", folder / "test_ctf.pkl"
    given = ["--ctf", ctf, "--poses", poses] if spelled else [ctf, poses]
    picture = tmp_path / "look.png"
    facts = _run(capsys, folder / "toy_projections.mrcs", *given, "-o", tmp_path / "p.star", "--picture", picture)
    assert facts["poses"]
    assert facts["ctf"]["voltage_kv"] == [300]
    assert picture.exists()


def test_table_alone_where_images_are_elsewhere(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = shared_data / "particles/meta_cryosparc_2019/cryosparc_P12_J24_001_particles.cs"
    facts = _run(capsys, source, "--no-images", "-o", tmp_path / "p.star")
    assert facts["contrast"]["known"] == -1
    assert facts["contrast"]["detected"] is None
    assert facts["ctf"]["defocus_angstrom"] == pytest.approx([7305.2, 45450.6], abs=0.1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sample_incomplete_ctf_params.star", "-o", "{}/p.star"], "lacks _rlnVoltage"),
        (["none.star", "-o", "{}/p.star"], "does not exist"),
        (["sample_particles_relion31.star", "sample_particles_relion30.star", "-o", "{}/p.star"], "there are 2"),
        (["sample_particles_relion31.star", "-o", "{}/p.mrcs"], "ends in .star"),
        (["sample_particles_relion31.star", "-o", "sample_particles_relion31.star"], "is the file that is read"),
        (["sample_particles_relion31.star", "-o", "{}/none/p.star"], "folder does not exist"),
        (["sample_particles_relion31.star", "../meta_cryosparc_2019/pose.cs.pkl", "-o", "{}/p.star"], "has 2019 poses"),
        (["sample_particles_relion31.star", "../sim_cryodrgn_toy_1000/ind100.pkl", "-o", "{}/p.star"], "neither poses nor CTF"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    shared_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(shared_data / "particles/real_aspire_17")
    assert main(["import", *(word.format(tmp_path) for word in words)]) == 2
    message = capsys.readouterr().err.strip()
    assert sentence in message
    assert message.startswith("cryohype import: ")
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_montage_shows_each_image_in_its_place() -> None:
    images = np.zeros((5, 130, 130), dtype=np.float32)
    for number, image in enumerate(images):
        image[:, : 20 * (number + 1)] = 1
    picture = montage(images)
    side = 130 // 3 + 1
    assert picture.shape == (2 * side, 4 * side)
    assert picture[0, side - 2] == 0  # right edge of the first image
    assert picture[side, 0] == 1  # left edge of the fifth
    assert picture[-1].min() == 1  # the white line below
