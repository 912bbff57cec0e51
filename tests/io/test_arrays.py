import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.io.arrays import load_array, load_arrays, load_integers


class Evil:
    """A pickle of it creates a file when it is loaded by pickle.load."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_pickle_with_anything_but_arrays_is_refused_and_not_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps((np.eye(3), Evil(made))))
    with pytest.raises(InputFileError, match=r"asks to load posix\.mkdir.*nothing of it was run"):
        load_arrays(path)
    assert not made.exists()


@pytest.mark.parametrize(
    "name", ["builtins.eval", "os.system", "numpy.load", "numpy.core.multiarray.fromfile", "functools.partial"]
)
def test_other_globals_are_refused_by_name(tmp_path: Path, name: str) -> None:
    module, _, function = name.rpartition(".")
    path = tmp_path / "a.pkl"
    path.write_bytes(f"c{module}\n{function}\n.".encode())
    with pytest.raises(InputFileError, match=name):
        load_arrays(path)


def test_object_arrays_cannot_bring_code_in(tmp_path: Path) -> None:
    made = tmp_path / "made"
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(np.array([Evil(made)], dtype=object)))
    with pytest.raises(InputFileError, match="nothing of it was run"):
        load_arrays(path)
    assert not made.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    value = (np.arange(12.0).reshape(3, 4), [np.int64(3), 4], {"a": np.arange(2, dtype="f4")})
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    found = load_arrays(path)
    np.testing.assert_array_equal(found[0], value[0])
    assert found[1] == [3, 4]


def test_every_shared_pickle_is_arrays_only(shared_data: Path) -> None:
    files = sorted((shared_data / "particles").rglob("*.pkl"))
    assert len(files) >= 20
    for path in files:
        value = load_arrays(path)
        assert isinstance(value[0] if isinstance(value, tuple) else value, np.ndarray), path


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps(np.arange(100))[:-30]])
def test_damaged_pickle_gets_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="is no readable pickle"):
        load_arrays(path)


def test_one_array_from_each_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(np.array([0.0, 2.0])))
    np.save(tmp_path / "a.npy", [0, 2])
    (tmp_path / "a.txt").write_text("0\n2\n")
    (tmp_path / "a.csv").write_text("0,2\n")
    for suffix in ("pkl", "npy", "txt", "csv"):
        found = load_integers(tmp_path / f"a.{suffix}")
        assert found.tolist() == [0, 2]
        assert found.dtype == np.int64


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("zero\n")
    with pytest.raises(InputFileError, match="cannot be read as numbers"):
        load_array(tmp_path / "a.txt")
    np.save(tmp_path / "a.npy", [0.5])
    with pytest.raises(InputFileError, match=r"holds 0\.5, and whole numbers are needed"):
        load_integers(tmp_path / "a.npy")
    with pytest.raises(InputFileError, match="does not exist"):
        load_array(tmp_path / "none.npy")
