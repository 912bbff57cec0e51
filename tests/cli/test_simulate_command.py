"""`cryohype simulate` as a user runs it."""

import json
from pathlib import Path

import pytest

from cryohype_model.cli import main
from cryohype_model.io.particles import read_particles

SMALL = [
    "--images-per-structure",
    "3",
    "--box",
    "32",
    "--pixel-size",
    "6",
    "--resolution",
    "15",
    "--snr",
    "0.5",
    "--device",
    "cpu",
]


def _last_json(text: str) -> dict[str, object]:
    return json.loads(text.strip().splitlines()[-1])


def test_procedural_complexes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--procedural", "2", "-o", str(tmp_path / "out"), "--no-ctf", "--json", *SMALL]) == 0
    captured = capsys.readouterr()
    result = _last_json(captured.out)
    assert result["structures"] == 2
    assert result["images"] == 6
    assert len(captured.out.strip().splitlines()) == 1
    assert len(read_particles(str(result["star"]))) == 6


def test_a_list_of_models(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Relative paths are looked for beside the list and above; what is left out is said."""
    folder = tmp_path / "lists" / "deep"
    folder.mkdir(parents=True)
    (tmp_path / "models").symlink_to(shared_data / "models")
    listing = folder / "mix.txt"
    listing.write_text("# three\nmodels/1u19.cif.gz\nmodels/1f34.pdb.gz  # small\n\nmodels/4v4r-30s.pdb.gz\n")
    assert main(["simulate", str(listing), "-o", str(tmp_path / "out"), "--json", *SMALL]) == 0
    captured = capsys.readouterr()
    result = _last_json(captured.out)
    assert result["structures"] == 2
    assert len(result["skipped"]) == 1
    assert "left out: 4v4r-30s.pdb.gz: 198 Å is more than 0.5 of the 192 Å box" in captured.err.replace("\n", " ")
    assert sorted(path.name for path in (tmp_path / "out/volumes").iterdir()) == ["000_1u19.mrc", "001_1f34.mrc"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "there is no structure to simulate"),
        (["missing.pdb"], "missing.pdb does not exist"),
        (["missing.mrc"], "missing.mrc does not exist"),
        (["missing.txt"], "missing.txt cannot be read as a list"),
        (["list.txt"], "list.txt names models/none.pdb"),
        (["empty"], "empty holds no atomic models or maps"),
        (["--procedural", "1", "--box", "31"], "even number"),
        (["--procedural", "1", "--device", "abacus"], "--device abacus is unknown"),
        (["--procedural", "1", "--pixel-size", "1"], "give a larger box or pixel size"),
        (["--procedural", "-1"], "--procedural"),
    ],
)
def test_mistakes_get_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("models/none.pdb\n")
    (tmp_path / "empty").mkdir()
    assert main(["simulate", "-o", "out", *SMALL, *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()
