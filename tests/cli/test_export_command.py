import json
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.cli import main
from cryohype_model.io.arrays import load_integers
from cryohype_model.io.cryodrgn import read_poses
from cryohype_model.io.particles import read_particles
from cryohype_model.io.star_file import read_star_file
from cryohype_model.io.write import write_star


@pytest.fixture
def star(shared_data: Path) -> Path:
    return shared_data / "particles/real_aspire_17/sample_particles_relion31.star"


def _names(path: Path) -> list[str]:
    block = read_star_file(path).block("particles")
    assert block is not None
    return block.text(["rlnImageName"])["rlnImageName"]


def test_rows_of_a_table(star: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(star), "--rows", "3,16", "-o", str(tmp_path / "two.star"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["particles"], facts["of"], facts["source"]) == (2, 17, str(star))
    assert _names(tmp_path / "two.star") == ["000004@sample.mrcs", "000017@sample.mrcs"]


def test_rows_from_a_file(star: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", [5])
    assert main(["export", str(star), "--rows", str(tmp_path / "rows.npy"), "-o", str(tmp_path / "one.star")]) == 0
    assert _names(tmp_path / "one.star") == ["000006@sample.mrcs"]


def test_selection_of_a_run_goes_back_to_the_original(star: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "manifest.json").write_text("{}")
    write_star(read_particles(star)[[2, 4, 6]], run / "particles.star")
    chosen = {"bent": np.array([0, 2])}
    monkeypatch.setattr("cryohype_model.runs.selections.read_selection", lambda _, name: chosen[name])
    assert main(["export", str(run), "--selection", "bent", "-o", str(tmp_path / "bent.star")]) == 0
    assert _names(tmp_path / "bent.star") == ["000003@sample.mrcs", "000007@sample.mrcs"]
    assert read_star_file(tmp_path / "bent.star").block("optics") is not None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--selection", "bent", "-o", "{}/a.star"], "is no run"),
        (["--rows", "17", "-o", "{}/a.star"], "particle 17 is asked for"),
        (["--rows", "none.npy", "-o", "{}/a.star"], "does not exist"),
        (["--rows", "1", "-o", "{}/a.cs"], "ends in .star or .pkl"),
        (["--rows", "1", "-o", "{}/none/a.pkl"], "folder does not exist"),
    ],
)
def test_bad_requests(star: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert main(["export", str(star), *(word.format(tmp_path) for word in words)]) == 2
    message = capsys.readouterr().err.strip()
    assert sentence in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_original_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.star"
    path.write_text("data_\nloop_\n_rlnImageName\n1@a.mrcs\n2@a.mrcs\n")
    assert main(["export", str(path), "--rows", "1", "-o", str(path)]) == 2
    assert "is the file that the rows come from" in capsys.readouterr().err
    assert path.read_text().count("@") == 2


def test_all_particles_with_pickles_for_cryodrgn(mixture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = read_particles(mixture)
    assert table.label is not None
    words = ["-o", str(tmp_path / "b.star"), "--cryodrgn", str(tmp_path / "rival"), "--json"]
    assert main(["export", str(mixture), "--rows", "5,2", *words]) == 0
    names = [Path(name).name for name in json.loads(capsys.readouterr().out)["cryodrgn"]]
    assert names == ["poses.pkl", "ctf.pkl", "labels.pkl"]
    rotation, shift = read_poses(tmp_path / "rival/poses.pkl")
    np.testing.assert_array_equal(rotation, table.rotation[[5, 2]])
    np.testing.assert_allclose(shift, table.shift_px[[5, 2]] / table.box_px, rtol=3e-7)
    assert load_integers(tmp_path / "rival/labels.pkl").tolist() == table.label[[5, 2]].tolist()
    assert main(["export", str(mixture), "--all", *words]) == 0
    assert len(read_poses(tmp_path / "rival/poses.pkl")[0]) == len(table)


def test_indices_do_not_go_with_the_poses_of_a_part(mixture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(mixture), "--all", "-o", str(tmp_path / "a.pkl"), "--cryodrgn", str(tmp_path / "rival")]) == 2
    assert "goes with the poses of all particles" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
