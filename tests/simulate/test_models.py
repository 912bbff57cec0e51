"""Atomic models: files that open, files that get their sentence."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.simulate.models import bounding_side_angstrom, distinct_by_prefix, model_name, read_atoms

PDB = """\
ATOM      1  N   SER A   1      10.000  20.000  30.000  1.00 10.00           N
ATOM      2  CA ASER A   1      11.000  20.000  30.000  0.50 10.00           C
ATOM      3  CA BSER A   1      15.000  20.000  30.000  0.50 10.00           C
ATOM      4  H   SER A   1      10.000  21.000  30.000  1.00 10.00           H
HETATM    5 FE   HEM A   2      10.000  20.000  38.000  1.00 10.00          FE
HETATM    6  O   HOH A   3      90.000  90.000  90.000  1.00 10.00           O
END
"""


def test_waters_hydrogens_and_second_positions_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "1abc.pdb"
    path.write_text(PDB)
    atoms = read_atoms(path)
    np.testing.assert_allclose(atoms.positions_angstrom, [[10, 20, 30], [11, 20, 30], [10, 20, 38]])
    np.testing.assert_allclose(atoms.weight, [7, 6, 26])
    assert atoms.name == "1abc"
    assert bounding_side_angstrom(atoms) == pytest.approx(8.0)
    np.testing.assert_allclose(atoms.centred_angstrom.mean(0), 0, atol=1e-5)


def test_only_the_first_model_is_read(tmp_path: Path) -> None:
    path = tmp_path / "nmr.ent.gz"
    lines = PDB.splitlines()[0]
    path.write_bytes(gzip.compress(f"MODEL        1\n{lines}\nENDMDL\nMODEL        2\n{lines}\nENDMDL\nEND\n".encode()))
    assert len(read_atoms(path)) == 1


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("absent.pdb", None, "does not exist"),
        ("empty.pdb", b"", "is empty"),
        ("text.pdb", b"nothing of use\n", "holds no atoms"),
        ("text.cif", b"data_x\n_cell.length_a 1\n", "holds no atoms"),
        ("broken.cif", b"loop_ ???", "cannot be read"),
        ("cut.pdb.gz", gzip.compress(PDB.encode(), mtime=0)[:40], "cannot be read"),  # no time in the name of a test
        ("lie.pdb.gz", b"this is no gzip file", "cannot be read"),
        ("bytes.cif", bytes(range(256)) * 8, "cannot be read"),
        ("water.pdb", PDB.splitlines()[5].encode(), "apart from water"),
        ("nan.pdb", PDB.replace("  10.000  20.000  38.000", "     nan  20.000  38.000").encode(), "coordinates"),
        ("model.xyz", b"1", "no atomic model by its name"),
    ],
)
def test_bad_files_get_a_sentence(tmp_path: Path, name: str, content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputFileError, match=sentence) as error:
        read_atoms(tmp_path / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_odd_models_open(shared_data: Path) -> None:
    counts = {path.name: len(read_atoms(path)) for path in (shared_data / "odd/models").iterdir()}
    assert counts == {"biotite_altloc.cif": 6, "biotite_hetatm.pdb": 5, "biotite_res_ids.cif": 251}


@pytest.mark.parametrize(("name", "side_angstrom", "atoms"), [("1bfr.cif.gz", 123.2, 31740), ("1de4.pdb.gz", 124.2, 13042)])
def test_models_have_the_size_the_manifest_gives(shared_data: Path, name: str, side_angstrom: float, atoms: int) -> None:
    model = read_atoms(shared_data / "models" / name)
    assert bounding_side_angstrom(model) == pytest.approx(side_angstrom, abs=0.05)
    assert len(model) == atoms


def test_one_model_per_prefix_of_the_pdb_id() -> None:
    paths = [
        Path(name) for name in ("1abc.pdb", "1abd.cif.gz", "2abc.pdb", "1ABE.pdb", "pdbdev_1.cif", "pdbdev_2.cif", "1abfoo.pdb")
    ]
    kept, dropped = distinct_by_prefix(paths)
    assert [path.name for path in dropped] == ["1abd.cif.gz", "1ABE.pdb"]
    assert len(kept) == 5


def test_names() -> None:
    assert model_name(Path("a/1abc.pdb.gz")) == "1abc"
    assert model_name(Path("model.v2.CIF")) == "model.v2"
