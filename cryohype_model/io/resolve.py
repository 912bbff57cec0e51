"""Find the image stacks that a table names, however its paths were written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from cryohype_model.errors import InputFileError

SEARCHED_ENTRIES = 50_000


class StackFinder:
    """Turns the image names of one table into files.

    A name is tried as it stands, below ``datadir``, below the table's folder and each of its parents (RELION and cryoSPARC
    write names from the project's root), then with leading folders taken off one by one, and last by its file name anywhere
    below ``datadir`` or the table's folder.

    Parameters
    ----------
    table : the file that holds the names.
    datadir : the folder that the user says the images are in.
    """

    def __init__(self, table: Path, datadir: Path | None) -> None:
        self.table = table
        folder = table.absolute().parent
        if datadir is not None and not datadir.is_dir():
            raise InputFileError(f"{datadir}, given as the folder of the images, is no folder; correct --datadir")
        self._near = [folder] if datadir is None else [datadir.absolute(), folder]
        self._roots = [*self._near, *folder.parents]
        self._found: dict[str, Path] = {}
        self._files: dict[str, list[Path]] | None = None
        self.moved: dict[str, Path] = {}

    def find(self, name: str) -> Path:
        """The file of one image name, absolute.

        Raises
        ------
        InputFileError : nothing fits, or several files do; the sentence names ``--datadir``.
        """
        path = PurePosixPath(name.replace("\\", "/"))
        folder = str(path.parent)
        known = self._found.get(folder)
        if known is not None and (known / path.name).is_file():
            return known / path.name
        for candidate in self._candidates(path):
            if candidate.is_file():
                return self._remember(folder, candidate)
        return self._remember(folder, self._search(path))

    def note(self) -> str | None:
        """What was replaced in the names, for the user; None where they were right."""
        if not self.moved:
            return None
        before, after = next(iter(self.moved.items()))
        return f"image paths of {self.table.name} were not right as written: {before or '.'} was found as {after}"

    def _remember(self, folder: str, file: Path) -> Path:
        self._found[folder] = file.parent
        if folder not in {".", "/"} and not str(file.parent).endswith(folder):
            self.moved[folder] = file.parent
        return file

    def _candidates(self, path: PurePosixPath) -> Iterator[Path]:
        if path.is_absolute():
            yield Path(path)
        else:
            yield from (Path(os.path.normpath(root / path)) for root in self._roots)
        parts = [part for part in path.parts if part not in {"/", ".."}]
        for dropped in range(len(parts)):
            yield from (root.joinpath(*parts[dropped:]) for root in self._near)

    def _search(self, path: PurePosixPath) -> Path:
        if self._files is None:
            self._files = _files_below(self._near)
        matches = self._files.get(path.name, [])
        if len(matches) == 1:
            return matches[0]
        where = " and ".join(map(str, self._near))
        if matches:
            raise InputFileError(
                f"{path}, named in {self.table}, fits {len(matches)} files below {where} ({matches[0]}, {matches[1]}); "
                "pass --datadir with the folder that is meant"
            )
        raise InputFileError(f"{path}, named in {self.table}, is not below {where}; pass --datadir with the folder that holds it")


def _files_below(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """File name to files, over a bounded part of the trees, nothing counted twice."""
    files: dict[str, list[Path]] = {}
    seen = 0
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                file = Path(parent) / name
                if file not in files.setdefault(name, []):
                    files[name].append(file)
            seen += len(names) + 1
            if seen > SEARCHED_ENTRIES:
                return files
    return files


def locate_stacks(
    names: Iterable[str], table: Path, datadir: Path | None, need_images: bool
) -> tuple[tuple[Path, ...], list[str]]:
    """Files of the stack names of a table, and notes on what had to be searched for.

    Parameters
    ----------
    names : as the table has them.
    table : the file that has them.
    datadir : folder of the images, if the user named one.
    need_images : False leaves names unchecked, for a table whose images may be elsewhere.
    """
    if not need_images:
        base = (datadir or table.parent).absolute()
        return tuple(Path(os.path.normpath(base / name)) for name in names), []
    finder = StackFinder(table, datadir)
    found = tuple(finder.find(name) for name in names)
    note = finder.note()
    return found, [note] if note else []
