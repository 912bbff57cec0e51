"""The small trained run that CryoHype ships, and the particles that it was trained on: unpacked, and mended where damaged."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path, PurePosixPath

from cryohype_model.config import dump_config, load_config
from cryohype_model.errors import CryoHypeError, InputFileError, RunError
from cryohype_model.io.atomic import fresh_partial, write_atomically
from cryohype_model.io.particles import read_particles
from cryohype_model.io.write import write_star
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import Manifest, read_manifest
from cryohype_model.runs.shipped import archive_path

RUN, PARTICLES = "demo", "demo-particles"  # folders in the archive and in the store
MARK = ".cryohype-demo"  # in each of them: which archive it came from
LARGEST_BYTES = 1 << 26  # of the archive, unpacked
ARTEFACTS = {"latents", "volumes", "evaluation"}  # whole folders with a meta.json, which the user may have made anew
GROWING = {"metrics.jsonl", "log.txt"}  # later commands write into them

Files = Mapping[str, bytes]  # by name below a folder


@dataclass(frozen=True)
class Demo:
    """The demo in a store."""

    store: Path

    @property
    def run(self) -> Run:
        """The trained run."""
        return Run(self.store / RUN)

    @property
    def particles(self) -> Path:
        """What it was trained on; the true maps lie beside it."""
        return self.store / PARTICLES / "particles.star"

    def run_id(self) -> str:
        """Identity of the run."""
        return read_manifest(self.run).id


def user_folder() -> Path:
    """Where a user's demo lies who names no other place; another release has another one."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "cryohype" / f"demo-{_digest(archive_path())}"


def find_demo(store: Path) -> Demo | None:
    """The demo of this release in a store, if it is there."""
    demo = Demo(store)
    try:
        mark = (demo.run.path / MARK).read_text(encoding="utf-8")
        return demo if mark == _digest(archive_path()) and demo.particles.is_file() else None
    except (OSError, ValueError, CryoHypeError):
        return None


def unpack_demo(store: Path) -> Demo:
    """Put the demo into a store; what is there already stays, what is damaged is made good.

    Parameters
    ----------
    store : folder, made if it does not exist; ``demo`` and ``demo-particles`` appear in it, each complete or not at all.

    Raises
    ------
    RunError : the shipped file is missing or damaged. InputFileError : the store cannot be written to, is a run, or holds
    something else under these names.
    """
    demo, archive = Demo(store.absolute()), archive_path()
    mark = _digest(archive)
    members = _members(archive)
    if (demo.store / "manifest.json").exists():
        raise InputFileError(
            f"{demo.store} is a run; give the folder that holds it, or another: cryohype-app serve FOLDER --demo"
        )
    for name in (RUN, PARTICLES):
        _refuse_others(demo.store / name, mark)
    try:
        demo.store.mkdir(parents=True, exist_ok=True)
        _provide(demo.store / PARTICLES, {**members[PARTICLES], MARK: mark.encode()})
        _provide(demo.run.path, {**_run_files(demo, members[RUN]), MARK: mark.encode()})
    except OSError as error:
        reason = error.strerror or error
        raise InputFileError(
            f"the demo cannot be unpacked into {demo.store} ({reason}); name a folder that can be written to: "
            "cryohype-app serve FOLDER --demo"
        ) from None
    return demo


@cache
def _digest(archive: Path) -> str:
    with _damage_told(archive):
        return hashlib.sha256(archive.read_bytes()).hexdigest()[:8]


@contextmanager
def _damage_told(archive: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise RunError(
            f"the demo that CryoHype ships, {archive}, is missing or damaged ({error}); install CryoHype again"
        ) from None


def _members(archive: Path) -> dict[str, Files]:
    """Contents of the archive by folder and by name below it; nothing that leads elsewhere."""
    found: dict[str, dict[str, bytes]] = {RUN: {}, PARTICLES: {}}
    with _damage_told(archive), zipfile.ZipFile(archive) as opened:
        if sum(info.file_size for info in opened.infolist()) > LARGEST_BYTES:
            raise ValueError("it is far too large")
        for info in opened.infolist():
            folder, *below = PurePosixPath(info.filename).parts
            if folder not in found or not below or ".." in below or "\\" in info.filename:
                raise ValueError(f"it holds {info.filename!r}")
            found[folder]["/".join(below)] = opened.read(info)
        if "manifest.json" not in found[RUN] or "particles.star" not in found[PARTICLES]:
            raise ValueError("it lacks the run or its particles")
    return dict(found)


def _refuse_others(folder: Path, mark: str) -> None:
    """InputFileError where a folder is there that this release did not make."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        known = (folder / MARK).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise InputFileError(
            f"{folder} exists and is not the demo; give another folder: cryohype-app serve FOLDER --demo"
        ) from None
    if known != mark:
        raise InputFileError(
            f"{folder} is the demo of another release; delete {folder.parent / RUN} and {folder.parent / PARTICLES}, "
            "or give another folder: cryohype-app serve FOLDER --demo"
        )


def _run_files(demo: Demo, shipped: Files) -> Files:
    """The files of the run as they are to lie in its store: paths absolute, the particles as `cryohype train` writes them."""
    files = dict(shipped)
    checkpoint = next(name for name in files if name.startswith("checkpoints/"))
    files |= {f"checkpoints/{name}.ckpt": files[checkpoint] for name in ("last", "best")}
    manifest = Manifest.model_validate_json(files["manifest.json"])
    manifest = manifest.model_copy(update={"source": str(demo.particles)})
    files["manifest.json"] = manifest.model_dump_json(indent=2).encode() + b"\n"
    scratch = fresh_partial(demo.store / ".demo-text")
    try:
        (scratch / "config.toml").write_bytes(files["config.toml"])
        config = load_config(scratch / "config.toml")
        data = config.data.model_copy(update={"particles": str(demo.particles)})
        files["config.toml"] = dump_config(config.model_copy(update={"data": data})).encode()
        write_star(read_particles(demo.particles), scratch / "particles.star")
        files["particles.star"] = (scratch / "particles.star").read_bytes()
    finally:
        shutil.rmtree(scratch)
    return files


def _provide(folder: Path, files: Files) -> None:
    """Make a folder, complete or not at all; mend one that is there."""
    if folder.is_dir() and any(folder.iterdir()):
        _mend(folder, files)
        return
    partial = fresh_partial(folder.with_name(f".{folder.name}"))
    for name, content in files.items():
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).write_bytes(content)
    partial.rename(folder)


def _mend(folder: Path, files: Files) -> None:
    """Write what is missing or differs; what the user made with the run since is left alone."""
    for artefact, names in groupby(sorted(files), _artefact):
        if artefact and _is_users(folder / artefact / "meta.json", files[f"{artefact}/meta.json"]):
            continue
        for name in names:
            if not _is_good(folder / name, name, files[name]):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(folder / name, files[name])


def _artefact(name: str) -> str:
    """The artefact folder that a file is in: ``latents/step-00000010``, or nothing."""
    parts = PurePosixPath(name).parts
    return "/".join(parts[:2]) if parts[0] in ARTEFACTS and len(parts) > 2 else ""


def _is_users(meta: Path, shipped: bytes) -> bool:
    return meta.is_file() and meta.read_bytes() != shipped


def _is_good(path: Path, name: str, content: bytes) -> bool:
    if not path.is_file():
        return False
    if name == "manifest.json":  # its status and date may change
        try:
            return read_manifest(Run(path.parent)).source == Manifest.model_validate_json(content).source
        except CryoHypeError:
            return False
    return name in GROWING or path.read_bytes() == content
