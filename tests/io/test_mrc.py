import bz2
import gzip
import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.io.mrc import read_header, read_volume, write_volume
from cryohype_model.io.stack_writer import StackWriter

# file: shape (z, y, x), voxel size (x, y, z), origin (x, y, z), greatest value
OPENS = {
    "EMD-3001.map": ((73, 25, 43), (0.44825, 0.3925, 0.45875), (-9.41325, -4.71, 0), 0.721610),
    "EMD-3197.map.bz2": ((20, 20, 20), (11.4,) * 3, (-22.8, 0, 0), 5.576737),
    "emd_3197.map.gz": ((20, 20, 20), (11.4,) * 3, (-22.8, 0, 0), 5.576737),
    "bioem_OneImage.mrc": ((1, 220, 220), (2.441406e-4,) * 3, (0.403076, 0.359131, 0), 69967.71),
    "cryodrgn_50S-vol.mrc": ((128, 32, 32), (4,) * 3, (0, 0, 0), 3.565646),
    "cryodrgn_spike-vol.mrc": ((128, 16, 16), (8,) * 3, (0, 0, 0), 26.10244),
    "cryojax_000000.mrcs": ((3, 16, 16), (1, 12, 12), (0, 0, 0), 0.0356778),
    "gemmi_5i55_tiny.ccp4": ((10, 8, 6), (0.490833, 0.4375, 0.495), (-3.926667, 21.875, 19.8), 2.398828),
    "gemmi_iota_yzx.ccp4.gz": ((2, 1, 4), (30, 22, 20), (30, 440, -60), 187),
    "hetchallenge_gt_1_16.mrc": ((16, 16, 16), (0, 0, 0), (0, 0, 0), 9.803664e-4),
    "hetchallenge_mask_4d_ispg401.mrc": ((16, 16, 16), (0, 0, 0), (0, 0, 0), 1.205568),
    "imp_mini.mrc": ((8, 10, 8), (4,) * 3, (55, 75, -44), 1.172165),
    "mainmast_region0_440.mrc.gz": ((440, 440, 440), (0.67,) * 3, (0, 0, 0), 3.57083),
    "maptools_file_trailing_bytes.mrc": ((10, 20, 30), (1 / 3, 1, 3), (0, 0, 0), 0),
    "merged_mask.mrc": ((10, 10, 10), (1,) * 3, (0, 0, 0), 7),
    "ngl_3pqr-mode0.ccp4": ((59, 69, 100), (0.958532, 0.958532, 0.915521), (-93.936112, -41.216866, 11.901771), 127),
    "test_data_multi0.map": ((36, 30, 32), (14.5, 18.333333, 17.277778), (0, 0, 0), 1),
    "test_unfixable_mask.map": ((46, 46, 46), (4.6,) * 3, (0, 0, 0), 1),
    "tiny1.map": ((3, 3, 3), (1,) * 3, (0, 0, 0), 9),
}
REFUSED = {
    "emd_3197.png.gz": "is not an MRC file",
    "empty1.map": "is empty",
    "imp_invalid_axes.mrc": r"axes \(MAPC, MAPR, MAPS\) are \(10, 11, 12\)",
    "imp_mini.map": "has 8 bytes and the header alone takes 1024",
    "test_data_corrupt_header.map": "34280108 bytes, but the file has 1108",
}


@pytest.mark.parametrize("name", OPENS)
def test_odd_map_opens_rightly(shared_data: Path, name: str) -> None:
    shape, voxel, origin, greatest = OPENS[name]
    path = shared_data / "odd/mrc" / name
    volume, voxel_x, found_origin = read_volume(path)
    assert volume.shape == shape
    assert volume.dtype == np.float32
    assert volume.max() == pytest.approx(greatest, rel=1e-5)
    assert read_header(path).voxel_size_angstrom == pytest.approx(voxel, rel=1e-5)
    assert voxel_x == pytest.approx(voxel[0], rel=1e-5)
    assert found_origin == pytest.approx(origin, rel=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_odd_map_is_refused_with_a_sentence(shared_data: Path, name: str) -> None:
    with pytest.raises(InputFileError, match=REFUSED[name]):
        read_volume(shared_data / "odd/mrc" / name)


def test_every_odd_map_is_expected(shared_data: Path) -> None:
    assert {path.name for path in (shared_data / "odd/mrc").iterdir()} == OPENS.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", ["EMD-3197.map.bz2", "ngl_3pqr-mode0.ccp4", "merged_mask.mrc"])
def test_volume_agrees_with_mrcfile(shared_data: Path, name: str) -> None:
    path = shared_data / "odd/mrc" / name
    with mrcfile.open(path, permissive=True) as mrc:
        order = [
            3 - int(np.argwhere([mrc.header.maps == a, mrc.header.mapr == a, mrc.header.mapc == a])[0, 0]) for a in (3, 2, 1)
        ]
        expected = mrc.data.transpose([3 - place for place in order]).astype(np.float32)
    np.testing.assert_array_equal(read_volume(path)[0], expected)


def _raw(values: np.ndarray, mode: int, order: str = "<", **words: tuple[int, bytes]) -> bytes:
    """A header without MAP id and machine stamp, and the values (z, y, x) after it."""
    header = bytearray(1024)
    nz, ny, nx = values.shape
    header[:16] = struct.pack(f"{order}4i", nx, ny, nz, mode)
    for position, word in words.values():
        header[position : position + len(word)] = word
    return bytes(header) + values.tobytes()


@pytest.mark.parametrize(("mode", "kind"), [(0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
@pytest.mark.parametrize("order", ["<", ">"])
def test_modes_and_byte_orders_without_any_signature(tmp_path: Path, mode: int, kind: str, order: str) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(order + kind)
    path = tmp_path / "a.mrc"
    path.write_bytes(_raw(values, mode, order))
    np.testing.assert_array_equal(read_volume(path)[0], values.astype(np.float32))


def test_imod_unsigned_bytes(tmp_path: Path) -> None:
    values = np.array([[[200, 255], [0, 1]]], dtype=np.uint8)
    path = tmp_path / "a.mrc"
    path.write_bytes(_raw(values, 0, stamp=(152, struct.pack("<2i", 1146047817, 0))))
    assert read_volume(path)[0].max() == 255
    path.write_bytes(_raw(values, 0, stamp=(152, struct.pack("<2i", 1146047817, 1))))
    assert read_volume(path)[0].min() == -56


def test_extended_header_is_passed_over(tmp_path: Path) -> None:
    values = np.arange(8, dtype="<f4").reshape(2, 2, 2)
    raw = _raw(values, 2, extended=(92, struct.pack("<i", 80)))
    path = tmp_path / "a.mrc"
    path.write_bytes(raw[:1024] + b"\xff" * 80 + raw[1024:])
    np.testing.assert_array_equal(read_volume(path)[0], values)


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 1, 2), (2, 1, 3), (3, 2, 1)])
def test_any_order_of_axes_gives_zyx(tmp_path: Path, axes: tuple[int, int, int]) -> None:
    expected = np.arange(24, dtype=np.float32).reshape(2, 3, 4)  # z, y, x
    columns, rows, sections = axes
    stored = expected.transpose(3 - sections, 3 - rows, 3 - columns)
    path = tmp_path / "a.mrc"
    path.write_bytes(_raw(np.ascontiguousarray(stored, dtype="<f4"), 2, axes=(64, struct.pack("<3i", *axes))))
    np.testing.assert_array_equal(read_volume(path)[0], expected)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"MRC", "3 bytes"),
        (_raw(np.zeros((2, 2, 2), "<f4"), 2)[:-1], "is truncated: its header promises 2 x 2 x 2"),
        (_raw(np.zeros((2, 2, 2), "<f4"), 4), "mode 4 .complex"),
        (_raw(np.zeros((2, 2, 2), "<f4"), 2, dims=(0, struct.pack("<i", -2))), "dimensions -2 x 2 x 2"),
        (_raw(np.zeros((2, 2, 2), "<f4"), 2, dims=(0, struct.pack("<3i", 1 << 16, 1 << 16, 1 << 20))), "is truncated"),
        (_raw(np.full((2, 2, 2), np.nan, "<f4"), 2), "8 values that are not finite"),
        (gzip.compress(_raw(np.zeros((2, 2, 2), "<f4"), 2)[:-9]), "is truncated"),
        (gzip.compress(_raw(np.random.default_rng(0).random((4, 4, 4), "f4"), 2))[:-99], "cannot be unpacked"),
        (bz2.compress(b"text"), "4 bytes"),
        (b"data_\n" * 400, "is not an MRC file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_file_gets_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "bad.mrc"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=sentence) as caught:
        read_volume(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="does not exist"):
        read_header(tmp_path / "none.mrc")


def test_cubic_refuses_other_boxes(tmp_path: Path) -> None:
    write_volume(tmp_path / "a.mrc", np.zeros((4, 4, 6)), 1.0)
    with pytest.raises(InputFileError, match="6 x 4 x 4 and a cube is needed"):
        read_volume(tmp_path / "a.mrc", cubic=True)


def test_written_volume_is_valid_and_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = np.random.default_rng(0).standard_normal((6, 6, 6)).astype(np.float32)
    path = tmp_path / "map.mrc"
    write_volume(path, volume, 1.7, (1.0, -2.0, 3.0))
    assert mrcfile.validate(path), capsys.readouterr().out
    with mrcfile.open(path) as mrc:
        assert mrc.header.ispg == 1
    found, voxel, origin = read_volume(path, cubic=True)
    np.testing.assert_array_equal(found, volume)
    assert voxel == pytest.approx(1.7, rel=1e-6)
    assert origin == (1.0, -2.0, 3.0)
    assert [file.name for file in tmp_path.iterdir()] == ["map.mrc"]


def test_volume_into_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="folder does not exist"):
        write_volume(tmp_path / "none/map.mrc", np.zeros((2, 2, 2)), 1.0)


def test_stack_written_in_pieces_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = np.random.default_rng(0).standard_normal((7, 6, 6)).astype(np.float32)
    path = tmp_path / "a.mrcs"
    with StackWriter(path, 7, 6, 1.25) as stack:
        stack.append(images[:3])
        assert not path.exists()
        stack.append(images[3:])
    assert mrcfile.validate(path), capsys.readouterr().out
    with mrcfile.open(path) as mrc:
        assert mrc.is_image_stack()
        assert mrc.header.ispg == 0
        np.testing.assert_array_equal(mrc.data, images)
        assert mrc.header.dmean == pytest.approx(images.mean(), abs=1e-6)
        assert mrc.header.rms == pytest.approx(images.std(), rel=1e-5)
        assert mrc.voxel_size.x == pytest.approx(1.25)


def test_stack_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with StackWriter(tmp_path / "a.mrcs", 2, 4, 1.0) as stack:
            stack.append(np.zeros((1, 4, 4)))
            raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_stack_with_too_few_images_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="1 of 2 images"), StackWriter(tmp_path / "a.mrcs", 2, 4, 1.0) as stack:
        stack.append(np.zeros((1, 4, 4)))
    assert list(tmp_path.iterdir()) == []
