"""The exports of a run on disk, in its folder ``exports``: begun beside, named when complete, never overwritten."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cryohype_app.roots import Roots
from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.runs.layout import Run, check_name
from cryohype_model.runs.manifest import utc_now

REPORT = "report.html"
PARTIAL = ".partial"
STORED_SUFFIXES = {".mrc"}  # noise does not compress


@dataclass(frozen=True)
class Export:
    """A finished export: a folder or a .zip."""

    name: str
    path: Path
    bytes: int
    facts: dict[str, Any]

    @property
    def is_zip(self) -> bool:
        """Whether it is one file to download."""
        return self.path.suffix == ".zip"

    @property
    def has_report(self) -> bool:
        """Whether it holds a report."""
        return "report" in self.facts.get("wish", {}).get("forms", ())


def exports_folder(run: Run, roots: Roots) -> Path:
    """Where the exports of a run lie, links resolved.

    Raises
    ------
    InputFileError : that is outside of the folders that this server may use.
    """
    return roots.checked(run.exports)


def list_exports(folder: Path) -> list[Export]:
    """The finished exports of a run, newest first; what is not an export is left out."""
    if not folder.is_dir():
        return []
    found = [export for path in folder.iterdir() if not path.name.startswith(".") and (export := _read(path)) is not None]
    return sorted(found, key=lambda export: (str(export.facts.get("exported", "")), export.name), reverse=True)


def find_export(folder: Path, name: str) -> Export:
    """One of them.

    Raises
    ------
    RunError : there is none of the name.
    """
    found = _read(folder / check_name(name, "export"))
    if found is None:
        raise RunError(f"there is no export {name!r} in {folder}; it was deleted or is not complete")
    return found


def delete_export(folder: Path, name: str) -> None:
    """Remove one of them for good."""
    path = find_export(folder, name).path
    with disk_told(folder):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def report_of(export: Export) -> bytes:
    """The report's page.

    Raises
    ------
    RunError : the export has none.
    """
    try:
        if not export.is_zip:
            return (export.path / REPORT).read_bytes()
        with zipfile.ZipFile(export.path) as file:
            return file.read(f"{export.path.stem}/{REPORT}")
    except (OSError, KeyError, zipfile.BadZipFile):
        raise RunError(f"the export {export.name!r} holds no report; export it again with one") from None


def begin_export(folder: Path, name: str, suffix: str, needed_bytes: int) -> tuple[Path, Path]:
    """An empty folder to make an export in, and the path that the finished one will have.

    Parameters
    ----------
    folder : of the run's exports. name : for people; the date is put behind it, and a number where that is taken.
    needed_bytes : about what will be written.

    Raises
    ------
    RunError : the disk has not enough room, or the folder cannot be written to.
    """
    with disk_told(folder):
        folder.mkdir(exist_ok=True)
        _sweep(folder)
        _check_room(folder, needed_bytes)
        final = _free_path(folder, f"{name}-{utc_now():%Y-%m-%d}", suffix)
        partial = folder / f".{final.name}.{socket.gethostname()}.{os.getpid()}{PARTIAL}"
        inside = partial / final.name.removesuffix(".zip")
        shutil.rmtree(partial, ignore_errors=True)
        inside.mkdir(parents=True)
    return inside, final


def clear_away(inside: Path) -> None:
    """Remove what :func:`begin_export` made, and all in it that was not finished."""
    shutil.rmtree(inside.parent, ignore_errors=True)


def finish_folder(inside: Path, final: Path) -> bool:
    """Give a made folder, or a packed file, its name; an older one is never replaced."""
    if final.exists():
        raise RunError(f"{final} appeared while the export was made; export it again under another name")
    os.rename(inside, final)
    return True


def finish_zip(inside: Path, final: Path, told: Callable[[int, int], None], cancelled: Callable[[], bool]) -> bool:
    """Pack a made folder into its .zip, each file removed as it is packed: the disk holds little more than the export.

    Parameters
    ----------
    told : hears bytes done and total. cancelled : asked between files.

    Returns
    -------
    Whether it was finished, not cancelled.
    """
    files = sorted(path for path in inside.rglob("*") if path.is_file())
    total, done = sum(path.stat().st_size for path in files), 0
    packed = inside.with_name("packed.zip")
    with zipfile.ZipFile(packed, "x", allowZip64=True) as archive:
        for path in files:
            if cancelled():
                return False
            size = path.stat().st_size
            how = zipfile.ZIP_STORED if path.suffix in STORED_SUFFIXES else zipfile.ZIP_DEFLATED
            archive.write(path, str(Path(inside.name) / path.relative_to(inside)), how)
            path.unlink()
            done += size
            told(done, total)
    return finish_folder(packed, final)


@contextmanager
def disk_told(folder: Path) -> Iterator[None]:
    """What the disk refuses becomes one sentence."""
    try:
        yield
    except CryoHypeError:
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise RunError(f"the disk of {folder} is full; free some room or export less, nothing was left behind") from None
        raise RunError(f"the export cannot be made in {folder} ({error}); check the disk and its permissions") from None


def _read(path: Path) -> Export | None:
    """A finished export, None for anything else."""
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as file:
                facts = json.loads(file.read(f"{path.stem}/meta.json"))
            return Export(path.name, path, path.stat().st_size, dict(facts))
        facts = json.loads((path / "meta.json").read_text(encoding="utf-8"))
        return Export(path.name, path, int(facts["bytes"]), dict(facts))
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        return None


def _free_path(folder: Path, stem: str, suffix: str) -> Path:
    path, number = folder / f"{stem}{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{suffix}"
    return path


def _check_room(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise RunError(
            f"the export takes about {needed_bytes / 1e6:,.0f} MB and the disk of {folder} has {free / 1e6:,.0f} MB left; "
            "free some room, or export less"
        )


def _sweep(folder: Path) -> None:
    """Remove what servers of this machine left that were killed while they exported."""
    for path in folder.glob(f".*.{socket.gethostname()}.*{PARTIAL}"):
        pid = path.name.removesuffix(PARTIAL).rpartition(".")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(path, ignore_errors=True)
