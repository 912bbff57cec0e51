"""Single columns of particle files, as the whole readers see them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.io import columns
from cryohype_model.io.columns import CsColumns, StarColumns
from cryohype_model.io.star import particle_block
from cryohype_model.io.star_file import read_star_file

STAR = """# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
"group one" 1
'group two' 2

data_particles

loop_
_rlnImageName #1
_rlnMicrographName #2
_rlnOpticsGroup #3
_rlnFigureOfMerit #4
1@data_7.mrcs   mics/a#1.mrc  1   0.5
2@data_7.mrcs   mics/b.mrc    2   -1e2

# a remark between rows
3@data_7.mrcs   mics/a#1.mrc  1   nan

data_more

loop_
_rlnImageName #1
9@other.mrcs
"""


@pytest.fixture(params=[4 << 20, 40], ids=["in one piece", "in many"])
def star(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(columns, "PIECE_BYTES", request.param)
    path = tmp_path / "particles.star"
    path.write_text(STAR)
    return path


def test_numbers_and_words_of_the_particles_alone(star: Path) -> None:
    table = StarColumns(star)
    assert table.names == ["rlnImageName", "rlnMicrographName", "rlnOpticsGroup", "rlnFigureOfMerit"]
    group = table.read("rlnOpticsGroup").values
    assert group.dtype == np.int64 and group.tolist() == [1, 2, 1]
    merit = table.read("rlnFigureOfMerit").values
    assert merit.dtype == np.float32 and merit[:2].tolist() == [0.5, -100] and np.isnan(merit[2])
    micrograph = table.read("rlnMicrographName")
    assert (micrograph.values.tolist(), micrograph.names) == ([0, 1, 0], ("mics/a#1.mrc", "mics/b.mrc"))
    assert table.block("optics") == {"rlnOpticsGroupName": ["group one", "group two"], "rlnOpticsGroup": ["1", "2"]}
    assert table.block("nothing") is None


def test_a_compressed_file_and_quoted_words(star: Path) -> None:
    packed = star.with_suffix(".star.gz")
    packed.write_bytes(gzip.compress(STAR.replace("mics/b.mrc", '"my mics/b.mrc"').encode()))
    table = StarColumns(packed)
    assert table.read("rlnMicrographName").names == ("mics/a#1.mrc", "my mics/b.mrc")
    assert table.read("rlnFigureOfMerit").values[1] == -100


def test_numbers_that_become_words_later_are_words(star: Path) -> None:
    star.write_text(STAR.replace("2   -1e2", "two   -1e2"))
    column = StarColumns(star).read("rlnOpticsGroup")
    assert (column.values.tolist(), column.names) == ([0, 1, 0], ("1", "two"))


def test_the_table_may_have_any_name_but_relions_wins(tmp_path: Path) -> None:
    path = tmp_path / "odd.star"
    path.write_text("data_x\nloop_\n_rlnImageName\n_a\n1@s 1\n2@s 2\n")
    assert StarColumns(path).read("a").values.tolist() == [1, 2]
    path.write_text(path.read_text() + "data_particles\nloop_\n_rlnImageName\n_a\n1@s 7\n")
    assert StarColumns(path).read("a").values.tolist() == [7]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("data_x\nloop_\n_a\n1\n", "no table of particles"),
        ("", "no table of particles"),
        ("data_\nloop_\n_rlnImageName\n_a\n1@s 'a b'\n2@s\n", "torn"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "bad.star"
    path.write_text(text)
    with pytest.raises(InputFileError, match=sentence):
        StarColumns(path).read("a")


def test_names_of_everything_are_no_groups(star: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST_NAMES", 2)
    with pytest.raises(InputFileError, match="no groups"):
        StarColumns(star).read("rlnImageName")


CS = [
    ("uid", "<u8"), ("blob/path", "S20"), ("ctf/exp_group_id", "<u4"), ("alignments3D/error", "<f4"),
    ("alignments3D/shift", "<f4", (2,)), ("blob/shape", "<u4", (2,)), ("alignments3D/components", "<f4", (9,)),
]  # fmt: skip


def test_a_cryosparc_table_and_what_passes_through(tmp_path: Path) -> None:
    rows, other = (
        np.zeros(3, CS),
        np.zeros(4, [("uid", "<u8"), ("location/micrograph_path", "S9"), ("alignments3D/error", "<f4")]),
    )
    rows["uid"], other["uid"] = [30, 10, 20], [10, 20, 30, 40]
    rows["alignments3D/error"], rows["alignments3D/shift"] = [3, 1, 2], [[0, 1], [2, 3], [4, 5]]
    other["location/micrograph_path"] = [b"a", b"b", b"a", b"z"]
    for name, table in (("p.cs", rows), ("q.cs", other)):
        with (tmp_path / name).open("wb") as file:
            np.save(file, table)
    table = CsColumns(tmp_path / "p.cs", [tmp_path / "q.cs"])
    shifts = ["alignments3D_shift_0", "alignments3D_shift_1"]
    assert {*shifts, "ctf_exp_group_id", "alignments3D_error", "location_micrograph_path"} < set(table.names)
    assert not {"uid", "blob_path", "alignments3D_components_0"} & set(table.names)
    assert table.read("alignments3D_error").values.tolist() == [3, 1, 2]
    assert table.read("alignments3D_shift_1").values.tolist() == [1, 3, 5]
    micrograph = table.read("location_micrograph_path")
    assert [micrograph.names[place] for place in micrograph.values] == ["a", "a", "b"]
    with (tmp_path / "q.cs").open("wb") as file:
        np.save(file, other[:2])
    with pytest.raises(InputFileError, match="lacks particles"):
        CsColumns(tmp_path / "p.cs", [tmp_path / "q.cs"]).read("location_micrograph_path")
    (tmp_path / "p.cs").write_bytes(b"no table")
    with pytest.raises(InputFileError, match="no cryoSPARC table"):
        CsColumns(tmp_path / "p.cs")


def test_real_tables_are_read_as_the_whole_reader_reads_them(shared_data: Path) -> None:
    for path in (path for path in sorted((shared_data / "particles").rglob("*.star")) if path.stat().st_size < 2_000_000):
        try:
            block = particle_block(read_star_file(path))
        except InputFileError:
            continue
        table = StarColumns(path)
        assert table.names == block.columns, path
        for name, words in block.text(block.columns).items():
            column = table.read(name)
            if column.names:
                assert [column.names[place] for place in column.values] == words, (path, name)
            else:
                np.testing.assert_array_equal(column.values, np.array(words, np.float64).astype(column.values.dtype))
