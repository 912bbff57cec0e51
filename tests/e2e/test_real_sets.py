"""Files that other programs wrote, from the table as it is to maps: every command a user would give, nothing prepared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryohype_model.cli import main
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.metrics.fsc import fourier_shell_correlation


@dataclass(frozen=True)
class RealSet:
    """A set of ../shared/data/particles: its table or stack, the files that belong to it, and what reading must find."""

    path: str
    particles: int
    box_px: int
    pixel_size_angstrom: float
    options: tuple[tuple[str, str], ...] = ()


SETS = {
    "aspire, RELION 3.1": RealSet("real_aspire_17/sample_particles_relion31.star", 17, 200, 1.4),
    "aspire, RELION 3.0": RealSet("real_aspire_17/sample_particles_relion30.star", 17, 200, 1.338),
    "filament, RELION 3.1": RealSet("real_relion31_5/relion31.star", 5, 256, 2.8057),
    "sub-tomogram ribosomes": RealSet("real_sta_ribosome_220/sta_testing_bin8.star", 219, 64, 1.96),
    "toy, cryoDRGN's pickle": RealSet(
        "sim_cryodrgn_toy_1000/toy_projections.mrcs", 1000, 30, 1.0, (("--poses", "sim_cryodrgn_toy_1000/toy_angles.pkl"),)
    ),
    "hand, cryoDRGN's pickle": RealSet(
        "sim_cryodrgn_hand_100/hand.mrcs", 100, 64, 1.0, (("--poses", "sim_cryodrgn_hand_100/hand_rot.pkl"),)
    ),
    "two ribosomes, tomodrgn": RealSet("sim_10076_DE_labelled/10076_both_32_sim.star", 1296, 32, 13.1),
}


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Any:
    """A function that runs a command which has to succeed, and returns its JSON object."""

    def run(*words: str | Path) -> dict[str, Any]:
        code = main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        assert code == 0, err
        return dict(json.loads(out.splitlines()[-1]))

    return run


@pytest.mark.parametrize("name", SETS)
def test_from_the_table_to_maps(shared_data: Path, tmp_path: Path, command: Any, name: str) -> None:
    real = SETS[name]
    folder = shared_data / "particles"
    options = [word for option, file in real.options for word in (option, folder / file)]
    found = command("import", folder / real.path, *options, "-o", tmp_path / "particles.star")
    assert (found["particles"], found["box_px"]) == (real.particles, real.box_px)
    assert found["pixel_size_angstrom"] == [pytest.approx(real.pixel_size_angstrom, rel=1e-3)]
    assert Path(found["picture"]).stat().st_size > 10_000

    check = command("backproject", folder / real.path, *options, "--box", min(32, real.box_px), "-o", tmp_path / "check")
    assert check["particles"] == real.particles
    run = tmp_path / "run"
    command("train", folder / real.path, *options, "--epochs", "2", "-o", run)  # the settings are those for this machine
    analysed = command("analyze", run, "--clusters", "2")
    assert sum(analysed["cluster_sizes"]) == real.particles
    made = command("volumes", run, "--cluster", "all", "-o", tmp_path / "maps")
    for entry in made["maps"]:
        volume, pixel_size, _ = read_volume(tmp_path / "maps" / entry["file"])
        assert len(volume) * pixel_size == pytest.approx(real.box_px * real.pixel_size_angstrom, rel=1e-2)
        assert np.isfinite(volume).all() and volume.std() > 0


def test_each_class_of_two_is_back_projected_onto_its_own_map(shared_data: Path, tmp_path: Path, command: Any) -> None:
    folder = shared_data / "particles/sim_10076_DE_labelled"
    labels = tmp_path / "labels.npy"  # the folder's own label files are of 144 particles with nine images each
    np.save(labels, read_particles(folder / "10076_both_32_sim.star").stack_index)
    made = command("backproject", folder / "10076_both_32_sim.star", "--labels", labels, "--by-label", "-o", tmp_path / "classes")
    assert [entry["map"] for entry in made["maps"]] == ["class_0000.mrc", "class_0001.mrc"]
    for entry, letter in zip(made["maps"], "DE", strict=True):
        truth, _, _ = read_volume(folder / f"data/10076_class{letter}_32.mrc")
        curve = fourier_shell_correlation(read_volume(tmp_path / "classes" / entry["map"])[0], truth)
        assert curve[1] >= 0.99 and curve[3] >= 0.94 and curve[5] >= 0.88


@pytest.mark.parametrize("file", ["empiar_10076_7.star", "empiar_10076_7.cs"])
def test_without_poses_training_says_so(
    shared_data: Path, tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    table = shared_data / "particles/real_empiar10076_7" / file
    found = command("import", table, "-o", tmp_path / "particles.star")
    assert (found["particles"], found["box_px"], found["poses"]) == (7, 320, False)
    for words in (["train", str(table), "-o", str(tmp_path / "run")], ["backproject", str(table), "-o", str(tmp_path / "map")]):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert "poses" in error and "--poses" in error and "Traceback" not in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["particles.png", "particles.star"]


@pytest.mark.parametrize("file", ["cryosparc_P12_J24_001_particles.cs", "cryosparc_J2_particles_exported.cs"])
def test_a_cryosparc_table_without_its_images(shared_data: Path, tmp_path: Path, command: Any, file: str) -> None:
    table = shared_data / "particles/meta_cryosparc_2019" / file
    found = command("import", table, "--no-images", "-o", tmp_path / "particles.star")
    again = command("import", tmp_path / "particles.star", "--no-images", "-o", tmp_path / "again.star")
    assert found["particles"] > 0 and found["ctf"] is not None
    assert {key: again[key] for key in ("particles", "box_px", "pixel_size_angstrom", "poses")} == {
        key: found[key] for key in ("particles", "box_px", "pixel_size_angstrom", "poses")
    }
