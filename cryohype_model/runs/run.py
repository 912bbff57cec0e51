"""Create and open a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryohype_model.config import RunConfig, dump_config, load_config
from cryohype_model.errors import RunError
from cryohype_model.io.atomic import write_atomically
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import Manifest, read_manifest, write_manifest


def create_run(
    path: Path,
    config: RunConfig,
    command: list[str],
    data_fingerprint: str,
    particles_writer: Callable[[Path], None],
    **facts: Any,
) -> Run:
    """Make the folder of a new run; it appears complete or not at all.

    Parameters
    ----------
    path : the folder to make; an empty one may be there.
    config : written complete into config.toml; its training seed goes into the manifest.
    command : the command line, word by word.
    data_fingerprint : of the particle table.
    particles_writer : called with the path where particles.star is to be written.
    facts : further fields of the manifest: ``particles``, ``box_px``, ``pixel_size_angstrom``, ``source``, ``device``.

    Raises
    ------
    RunError : the folder holds another run or other files, or cannot be made.
    """
    path = Path(path).absolute()
    refuse_occupied(path)
    manifest = Manifest(command=tuple(command), data_fingerprint=data_fingerprint, seed=config.training.seed, **facts)
    partial = Run(path.with_name(f"{path.name}.partial-{os.getpid()}"))
    try:
        _build(partial, config, manifest, particles_writer)
        refuse_occupied(path)
        os.rename(partial.path, path)
    except PermissionError as error:
        raise RunError(f"cannot make the run folder {path}: {error.strerror}; choose another folder with -o") from None
    finally:
        shutil.rmtree(partial.path, ignore_errors=True)
    return Run(path)


def refuse_occupied(path: Path) -> None:
    """RunError if a new run cannot be made at ``path``; call it early, before long work.

    Parameters
    ----------
    path : the folder that a new run would take.
    """
    if not path.exists():
        return
    if not path.is_dir():
        raise RunError(f"{path} is a file; choose another folder with -o")
    if (path / "manifest.json").exists():
        raise RunError(f"{path} already holds a run; continue it with --resume {path}, or choose another folder with -o")
    if any(path.iterdir()):
        raise RunError(f"{path} is not empty and holds no run; choose another folder with -o")


def open_run(path: Path) -> Run:
    """A handle on an existing run; reads its manifest only, so that a million particles open at once.

    Raises
    ------
    RunError : not a run, or of another format version.
    """
    run = Run(Path(path).absolute())
    read_manifest(run)
    return run


def read_config(run: Run) -> RunConfig:
    """The configuration that the run was made with."""
    return load_config(run.config)


def write_config(run: Run, config: RunConfig) -> None:
    """Replace config.toml in one step: a resumed run may train longer, or at another rate."""
    write_atomically(run.config, dump_config(config))


def _build(run: Run, config: RunConfig, manifest: Manifest, particles_writer: Callable[[Path], None]) -> None:
    shutil.rmtree(run.path, ignore_errors=True)
    run.path.mkdir(parents=True)
    for folder in (run.checkpoints, run.latents, run.volumes, run.selections, run.evaluation):
        folder.mkdir()
    write_config(run, config)
    particles_writer(run.particles_star)
    write_manifest(run, manifest)
