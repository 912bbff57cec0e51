"""Arrays from cryoDRGN's pickles and from .npy and text files; a pickle may hold arrays and nothing else."""

from __future__ import annotations

import pickle
import tokenize
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError

NUMPY_CORES = ("numpy.core", "numpy._core")
# all that np.load was seen to raise on a damaged .npy file: its header is a Python literal
DAMAGED_NPY = (ValueError, OSError, EOFError, MemoryError, SyntaxError, TypeError, tokenize.TokenError, zipfile.BadZipFile)
ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    *((f"{core}.multiarray", name) for core in NUMPY_CORES for name in ("_reconstruct", "scalar")),
    *((f"{core}.numeric", "_frombuffer") for core in NUMPY_CORES),
}


class _ArraysOnly(pickle.Unpickler):
    """Looks up what numpy arrays need to be rebuilt; any other global ends the reading before anything runs."""

    path: Path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise InputFileError(
                f"{self.path} is a pickle that asks to load {module}.{name}, and only arrays are read: nothing of it was run; "
                "save the arrays alone, with numpy or pickle"
            )
        return super().find_class(module, name)


def load_arrays(path: str | Path) -> Any:
    """The object in a pickle of arrays (a bare array, or tuples, lists and dictionaries of them).

    Raises
    ------
    InputFileError : the file is missing, is no pickle, or asks for anything but arrays.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            reader = _ArraysOnly(file, encoding="latin1")
            reader.path = path
            return reader.load()
    except FileNotFoundError as error:
        raise InputFileError(f"{path} does not exist; check the name") from error
    except InputFileError:
        raise
    except Exception as error:  # a damaged pickle can raise anything at all
        raise InputFileError(
            f"{path} is no readable pickle ({type(error).__name__}: {first_line(error)}); write it again"
        ) from error


def load_array(path: str | Path) -> npt.NDArray[Any]:
    """One array of numbers from a .pkl, .npy, .txt or .csv file.

    Raises
    ------
    InputFileError : the file is missing or holds anything but one array of numbers.
    """
    path = Path(path)
    if path.suffix == ".pkl":
        value = load_arrays(path)
        if isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], np.ndarray):
            value = value[0]
        array = np.asarray(value) if not isinstance(value, dict) else np.empty(0, dtype=object)
    else:
        try:
            array = (
                np.load(path, allow_pickle=False)
                if path.suffix == ".npy"
                else np.loadtxt(path, delimiter=_delimiter(path), ndmin=1)
            )
        except FileNotFoundError as error:
            raise InputFileError(f"{path} does not exist; check the name") from error
        except DAMAGED_NPY as error:
            raise InputFileError(
                f"{path} cannot be read as numbers ({first_line(error)}); give a .pkl, .npy, .txt or .csv of one array"
            ) from error
    if array.dtype.kind not in "biuf":
        raise InputFileError(f"{path} does not hold one array of numbers; give a .pkl, .npy, .txt or .csv of one array")
    return array


def first_line(error: Exception) -> str:
    """What an error of a library says, as part of a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _delimiter(path: Path) -> str | None:
    return "," if path.suffix == ".csv" else None


def load_integers(path: str | Path) -> npt.NDArray[np.int64]:
    """One array of whole numbers, whatever type it was saved as.

    Raises
    ------
    InputFileError : a value is no whole number.
    """
    array = load_array(path).reshape(-1)
    with np.errstate(invalid="ignore"):  # not-a-number is no whole number either, and refused below
        whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        raise InputFileError(
            f"{path} holds {array[whole != array][0]}, and whole numbers are needed; give one integer a particle"
        )
    return whole
