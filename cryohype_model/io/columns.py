"""Single columns of a particle file, read piece by piece without the rest: what particles can be coloured by."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from cryohype_model.errors import InputFileError
from cryohype_model.io.cryosparc import load_rows
from cryohype_model.io.star_file import split_row

PIECE_BYTES = 4 << 20
MOST_NAMES = 50_000  # more words than this are no groups, such as the names of images
MOST_PARTS = 3  # numbers of a .cs field that are columns of their own
NEXT_BLOCK = re.compile(rb"\n[ \t]*(?:data_|loop_)")
REMARK = re.compile(rb"\n[ \t]*#[^\n]*")


@dataclass(frozen=True, eq=False)
class Column:
    """One value a particle.

    Attributes
    ----------
    values : (n,) float32 or int64.
    names : of a column of words, which its values are places in.
    """

    values: npt.NDArray[Any]
    names: tuple[str, ...] = ()

    def __getitem__(self, rows: npt.ArrayLike) -> Column:
        return Column(self.values[np.asarray(rows)], self.names)


@dataclass
class _Loop:
    """A table of a STAR file; ``rows`` are those before the table of particles, ``start`` is the place of its first row."""

    name: str
    columns: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    start: int = 0


class StarColumns:
    """The particle table of a STAR file.

    Raises
    ------
    InputFileError : it cannot be read, or holds no particles.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loops = _loops(path)
        self._particles = self._loops[-1]

    @property
    def names(self) -> list[str]:
        """Columns as the file names them, without the underscore."""
        return list(self._particles.columns)

    def block(self, name: str) -> dict[str, list[str]] | None:
        """Columns of a small table before that of the particles, as written."""
        for loop in self._loops[:-1]:
            if loop.name == name:
                rows = [split_row(row) for row in loop.rows]
                return {column: [row[place] for row in rows] for place, column in enumerate(loop.columns)}
        return None

    def read(self, name: str) -> Column:
        """One column.

        Raises
        ------
        InputFileError : a row is torn, or the words are too many to be groups.
        """
        place = self._particles.columns.index(name)
        pieces = []
        for piece in self._pieces(place):
            if not pd.api.types.is_numeric_dtype(piece):
                return _groups(self.path, name, (part.astype(str).tolist() for part in self._pieces(place, str)))
            pieces.append(piece.to_numpy())
        return _numbers(np.concatenate(pieces))

    def _pieces(self, place: int, dtype: type | None = None) -> Iterator[Any]:
        count = len(self._particles.columns)
        with _opened(self.path) as file:
            file.seek(self._particles.start)
            for text in _row_text(file):
                try:
                    yield _parsed(text, place, count, dtype)
                except (ValueError, IndexError) as error:  # pandas' ParserError is a ValueError
                    raise InputFileError(f"{self.path} has a row that is torn ({error}); correct the file") from None


class CsColumns:
    """A cryoSPARC table with its pass-through files; a field of three numbers is three columns.

    Raises
    ------
    InputFileError : it is no .cs file.
    """

    def __init__(self, path: Path, passthrough: Sequence[Path] = ()) -> None:
        self.path = path
        self._fields: dict[str, tuple[Path, str, int | None]] = {}
        for file in (path, *passthrough):
            for name, dtype in _fields(file):
                self._add(file, name, dtype)

    @property
    def names(self) -> list[str]:
        """Columns by names that a condition can hold: ``alignments3D_error``, ``ctf_shift_A_0``."""
        return list(self._fields)

    def read(self, name: str) -> Column:
        """One column, in the order of the rows of ``path``.

        Raises
        ------
        InputFileError : a file is damaged, or lacks particles.
        """
        file, field_name, part = self._fields[name]
        values = _mapped(file)[field_name]
        values = np.array(values if part is None else values.reshape(len(values), int(np.prod(values.shape[1:])))[:, part])
        if file != self.path:
            values = values[_matched(self.path, file)]
        if values.dtype.kind in "SU":
            return _groups(file, name, [[os.fsdecode(word) if isinstance(word, bytes) else word for word in values.tolist()]])
        return _numbers(values)

    def _add(self, file: Path, name: str, dtype: np.dtype[Any]) -> None:
        plain = re.sub(r"\W", "_", name)
        parts = int(np.prod(dtype.shape))
        if dtype.base.kind not in "iufbSU" or name in {"uid", "blob/path"} or parts > MOST_PARTS:
            return
        if not dtype.shape:
            self._fields.setdefault(plain, (file, name, None))
            return
        for part in range(parts):
            self._fields.setdefault(f"{plain}_{part}", (file, name, part))


def _loops(path: Path) -> list[_Loop]:
    """The tables up to that of the particles, which is the last; RELION's name wins where several hold images."""
    found: list[_Loop] = []
    other: list[_Loop] = []
    with _opened(path) as file:
        for loop in _walk(file):
            found.append(loop)
            if "rlnImageName" in loop.columns and loop.name in {"particles", "images", ""}:
                return found
            if "rlnImageName" in loop.columns and not other:
                other = list(found)
    if not other:
        raise InputFileError(f"{path} has no table of particles (no column _rlnImageName); give a particles .star file")
    return other


def _walk(file: IO[bytes]) -> Iterator[_Loop]:
    """Each table with rows; one of particles comes at its first row, the others with all of theirs."""
    loop, begins = _Loop(""), 0
    for line in iter(file.readline, b""):
        word = line.strip().decode("utf-8", errors="surrogateescape")
        starts_anew = word.startswith("data_") or word == "loop_"
        if starts_anew and loop.rows:
            yield loop
        if word.startswith("data_"):
            loop = _Loop(word.split()[0][5:])
        elif word == "loop_":
            loop = _Loop(loop.name)
        elif word.startswith("_") and not loop.rows:
            loop.columns.append(word.split()[0][1:])
        elif word and word[0] != "#":
            if "rlnImageName" in loop.columns and not loop.start:
                loop.start = begins
                yield loop
            elif not loop.start:
                loop.rows.append(word)
        begins = file.tell()
    if loop.rows:
        yield loop


def _opened(path: Path) -> IO[bytes]:
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        return cast(IO[bytes], gzip.open(path)) if is_packed else path.open("rb")
    except OSError as error:
        raise InputFileError(f"{path} cannot be read ({error.strerror}); restore it") from None


def _row_text(file: IO[bytes]) -> Iterator[bytes]:
    """Whole rows in pieces, up to the next table."""
    while piece := file.read(PIECE_BYTES):
        piece = b"\n" + piece + file.readline()
        end = NEXT_BLOCK.search(piece) if b"data_" in piece or b"loop_" in piece else None
        text = piece[: end.start()] if end else piece
        text = REMARK.sub(b"", text) if b"#" in text else text
        if text.strip():
            yield text
        if end:
            return


def _parsed(text: bytes, place: int, count: int, dtype: type | None) -> Any:
    """Values of one column of some rows, as numbers where all are."""
    if b'"' in text or b"'" in text:
        rows = [split_row(line) for line in text.decode("utf-8", errors="surrogateescape").splitlines() if line.strip()]
        return pd.Series(_as_numbers([row[place] for row in rows], (str,) if dtype is str else (int, float, str)))
    how = {"dtype": {place: dtype}, "na_filter": dtype is None} if dtype else {}
    return pd.read_csv(
        io.BytesIO(text), sep=r"\s+", header=None, names=range(count), usecols=[place], quoting=csv.QUOTE_NONE,
        index_col=False, encoding_errors="surrogateescape", low_memory=False, **how,
    )[place]  # fmt: skip


def _as_numbers(words: list[str], kinds: tuple[type, ...]) -> list[Any]:
    """The words as the first kind that all of them are."""
    for kind in kinds:
        try:
            return [kind(word) for word in words]
        except ValueError:
            continue
    return words


def _numbers(values: npt.NDArray[Any]) -> Column:
    """Whole numbers as they are, anything else in single precision."""
    with np.errstate(over="ignore", invalid="ignore"):
        return Column(values.astype(np.int64 if values.dtype.kind in "iub" else np.float32))


def _groups(path: Path, name: str, pieces: Any) -> Column:
    """Words by their order of appearance."""
    known: dict[str, int] = {}
    places = []
    for words in pieces:
        places.append(np.fromiter((known.setdefault(word, len(known)) for word in words), np.int64, len(words)))
        if len(known) > MOST_NAMES:
            raise InputFileError(f"{path} has over {MOST_NAMES:,} different words in {name}, which are no groups; choose another")
    return Column(np.concatenate(places), tuple(known))


def _fields(path: Path) -> list[tuple[str, np.dtype[Any]]]:
    dtype = _mapped(path).dtype
    return [(name, dtype[name]) for name in dtype.names or ()]


def _mapped(path: Path) -> npt.NDArray[np.void]:
    """Rows of a .cs file, memory-mapped."""
    try:
        return cast(npt.NDArray[np.void], np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return load_rows(path)  # says in one sentence what is wrong


def _matched(path: Path, other: Path) -> npt.NDArray[np.int64]:
    """Row of ``other`` for each row of ``path``, by uid."""
    uid, theirs = np.array(_mapped(path)["uid"]), np.array(_mapped(other)["uid"])
    order = np.argsort(theirs)
    found = order[np.searchsorted(theirs, uid, sorter=order).clip(max=len(theirs) - 1)]
    if (theirs[found] != uid).any():
        raise InputFileError(f"{other} lacks particles of {path} (by uid); give the pass-through file of the same job")
    return found.astype(np.int64)
