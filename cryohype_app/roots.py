"""Which folders the browser may look into; everything else does not exist for it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryohype_model.errors import InputFileError

PARTICLE_SUFFIXES = (".star", ".cs", ".mrcs", ".mrc", ".txt", ".pkl", ".npy", ".csv")


@dataclass(frozen=True)
class FolderEntry:
    """One line of the file browser."""

    name: str
    path: Path
    is_folder: bool
    bytes: int


@dataclass(frozen=True)
class Roots:
    """Folders that were allowed when the server was started, symbolic links resolved."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Iterable[Path]) -> Roots:
        """Each folder once, links resolved."""
        return cls(tuple(dict.fromkeys(folder.resolve() for folder in folders)))

    def checked(self, path: str | Path) -> Path:
        """The real path of something under a root.

        Raises
        ------
        InputFileError : it is not under any root, also by way of a symbolic link or "..", or no path at all.
        """
        try:
            resolved = Path(os.path.expanduser(path)).resolve()
        except (OSError, RuntimeError, ValueError):  # links in a circle, a zero byte
            raise InputFileError(f"{str(path)!r} is no path of this machine; give that of a file or folder") from None
        if not any(resolved.is_relative_to(root) for root in self.folders):
            known = ", ".join(map(str, self.folders))
            raise InputFileError(f"{path} is outside of the folders that this server may read ({known}); start it with --root")
        return resolved

    def entries(self, path: str | Path, suffixes: tuple[str, ...] = PARTICLE_SUFFIXES) -> list[FolderEntry]:
        """Folders first, then the files with these endings; hidden ones and links that lead outside are left out.

        Raises
        ------
        InputFileError : no folder, not readable, or outside of the roots.
        """
        folder = self.checked(path)
        try:
            children = sorted(folder.iterdir(), key=lambda child: child.name.lower())
        except OSError as error:
            raise InputFileError(f"{folder} cannot be listed ({error.strerror}); choose another folder") from None
        found = [entry for child in children if (entry := self._entry(child, suffixes)) is not None]
        return sorted(found, key=lambda entry: not entry.is_folder)

    def _entry(self, child: Path, suffixes: tuple[str, ...]) -> FolderEntry | None:
        if child.name.startswith("."):
            return None
        try:
            self.checked(child)
            is_folder = child.is_dir()
            if not is_folder and child.suffix.lower() not in suffixes:
                return None
            return FolderEntry(child.name, child, is_folder, 0 if is_folder else child.stat().st_size)
        except (InputFileError, OSError):
            return None
