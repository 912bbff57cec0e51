"""STAR files as blocks of untouched lines: columns are parsed when asked for, rows can be copied out byte for byte."""

from __future__ import annotations

import gzip
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError
from cryohype_model.io.table import LARGEST_NUMBER

TOKEN = re.compile(r'"([^"]*)"(?!\S)|\'([^\']*)\'(?!\S)|(\S+)')


def split_row(line: str) -> list[str]:
    """The values of one row, quotes taken off."""
    if '"' not in line and "'" not in line:
        return line.split()
    return [next(group for group in match.groups() if group is not None) for match in TOKEN.finditer(line)]


@dataclass(frozen=True, eq=False, repr=False)
class StarBlock:
    """One table of a STAR file.

    Attributes
    ----------
    name : what follows ``data_``.
    columns : names without the leading underscore.
    lines : the (n,) numbers of the lines of the rows; empty for a block of single values.
    values : the one row of a block without a loop.
    """

    file: StarFile
    name: str
    columns: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines) or bool(self.values)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        if self.values:
            yield 0, self.values
        for number in self.lines:
            row = split_row(self.file.lines[number])
            if len(row) != len(self.columns):
                raise InputFileError(
                    f"{self.file.path} line {number + 1} has {len(row)} values and the table data_{self.name} "
                    f"has {len(self.columns)} columns; correct that line"
                )
            yield number, row

    def text(self, columns: Sequence[str]) -> dict[str, list[str]]:
        """Values of these columns as written."""
        places = [self.columns.index(column) for column in columns]
        values: list[list[str]] = [[] for _ in columns]
        for _, row in self._rows():
            for place, column in zip(places, values, strict=True):
                column.append(row[place])
        return dict(zip(columns, values, strict=True))

    def numbers(self, columns: Sequence[str]) -> dict[str, npt.NDArray[np.float64]]:
        """Values of these columns as numbers; anything not a finite number is refused with its line and column."""
        places = [self.columns.index(column) for column in columns]
        flat = array("d")
        for _, row in self._rows():
            try:
                flat.extend([float(row[place]) for place in places])
            except ValueError:
                flat.extend([np.nan] * len(places))
        values = np.array(flat, dtype=np.float64).reshape(len(self), len(places))
        bad = np.flatnonzero(~(np.abs(values) <= LARGEST_NUMBER).all(axis=1))
        if len(bad):
            self._refuse_number(int(bad[0]), columns, places)
        return {column: values[:, place] for place, column in enumerate(columns)}

    def _refuse_number(self, position: int, columns: Sequence[str], places: list[int]) -> None:
        number, row = next(islice(self._rows(), position, None))
        for column, place in zip(columns, places, strict=True):
            if not _is_finite(row[place]):
                raise InputFileError(
                    f"{self.file.path} line {number + 1} has {row[place]!r} for _{column}, which is not a finite number; "
                    "correct that line"
                )


def _is_finite(word: str) -> bool:
    try:
        return abs(float(word)) <= LARGEST_NUMBER
    except ValueError:
        return False


@dataclass(frozen=True, eq=False, repr=False)
class StarFile:
    """A STAR file: its lines with their ends, and the blocks found among them."""

    path: Path
    lines: list[str]
    blocks: list[StarBlock] = field(default_factory=list)

    def block(self, name: str) -> StarBlock | None:
        """The first block of this name."""
        return next((block for block in self.blocks if block.name == name), None)

    def copy_rows(self, block: StarBlock, rows: npt.ArrayLike) -> str:
        """The whole text with only these rows of one block, in the order given, everything else untouched."""
        chosen = [self.lines[block.lines[row]].rstrip("\r\n") + "\n" for row in np.asarray(rows, dtype=np.int64)]
        of_block = set(block.lines)
        first, last = block.lines[0], block.lines[-1]
        before = self.lines[:first]
        after = [line for number, line in enumerate(self.lines[first : last + 1], first) if number not in of_block] + self.lines[
            last + 1 :
        ]
        return "".join([*before, *chosen, *after])


def read_star_file(path: Path) -> StarFile:
    """Find the blocks of a STAR file, which may be compressed with gzip.

    Header lines may carry the column's number, any number, none, or a remark; several loops may share one block name.
    """
    file = StarFile(path, _text(path).splitlines(keepends=True))
    block = StarBlock(file, "")
    in_loop = False
    for number, line in enumerate(file.lines):
        word = line.strip()
        if not word or word[0] == "#":
            continue
        if word.startswith("data_"):
            block, in_loop = _begin(file, word.split()[0][5:]), False
        elif word == "loop_":
            block, in_loop = (_begin(file, block.name) if block.columns else block), True
        elif not file.blocks:
            _refuse_start(path, word)
        elif word[0] == "_" and not block.lines:
            name, *values = split_row(word)
            block.columns.append(name[1:])
            if not in_loop:
                block.values.append(values[0] if values else "")
        else:
            block.lines.append(number)
    if not file.blocks:
        raise InputFileError(f"{path} is no STAR file: it has no line that begins with data_; give a .star file")
    return file


def _begin(file: StarFile, name: str) -> StarBlock:
    file.blocks.append(StarBlock(file, name))
    return file.blocks[-1]


def _refuse_start(path: Path, word: str) -> None:
    if word.startswith("version https://git-lfs"):
        raise InputFileError(f"{path} is a Git LFS pointer and not the file itself; fetch it with `git lfs pull`")
    raise InputFileError(f"{path} is no STAR file: it begins with {word[:40]!r} and not with data_; give a .star file")


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except FileNotFoundError as error:
        raise InputFileError(f"{path} does not exist; check the name") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputFileError(f"{path} cannot be read ({error}); fetch it again") from error
    if b"\0" in raw[:4096]:
        raise InputFileError(f"{path} is no STAR file: it is not text; give a .star file")
    return raw.decode("utf-8", errors="surrogateescape")
