"""Reconstruct all or selected particles: a map, its half maps and their FSC.

cryohype backproject run_data.star -o check                 before training: are poses, CTF and contrast right?
cryohype backproject myrun --selection bent -o bent_map      the honest map of a selection
cryohype backproject particles.star --by-label -o bound      one map a known class: the upper bound of an evaluation
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.errors import ConfigError, InputFileError

if TYPE_CHECKING:
    from cryohype_model.imaging.preprocess import ImageScale
    from cryohype_model.inference.backproject import Reconstruction
    from cryohype_model.io.table import ParticleTable

Rows = npt.NDArray[np.int64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cryohype backproject``."""
    parser.add_argument("source", type=Path, metavar="PARTICLES|RUN", help="any particle file, or a run folder")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the maps (default backproject-NAME)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--selection", metavar="NAME", help="of a run: these particles only")
    which.add_argument("--rows", type=Path, metavar="FILE", help="these particles only: zero-based, .pkl, .npy or .txt")
    which.add_argument("--by-label", action="store_true", help="one map for each known class")
    which.add_argument("--by-cluster", action="store_true", help="of an analysed run: one map for each cluster")
    parser.add_argument("--box", type=int, metavar="PX", help="Fourier-downsample to this even box")
    parser.add_argument(
        "--contrast", choices=("auto", "bright", "dark"), default="auto", help="of density in the images (default auto)"
    )
    for name in ("datadir", "poses", "ctf", "labels"):
        parser.add_argument(f"--{name}", type=Path, metavar="PATH", help=f"as for `cryohype import --{name}`")
    parser.add_argument("--accelerator", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (default auto)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier back-projection in the folder")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Read, back-project, write maps, figure and facts."""
    from cryohype_model.inference.reconstruct import write_facts
    from cryohype_model.io.atomic import fresh_partial, replace_folder

    started = time.monotonic()
    output: Path = (args.output or Path(f"backproject-{args.source.stem}")).absolute()
    _refuse_foreign(output, args.overwrite)
    table, scale, sentence = _open(args)
    console.print(sentence, highlight=False, markup=False)
    groups = _groups(args, table)
    partial = fresh_partial(output)
    try:
        maps = _reconstruct_groups(args, table, scale, groups, partial)
        facts = {"source": str(args.source), "contrast": scale.contrast, "maps": maps, "seconds": time.monotonic() - started}
        write_facts(partial, facts)
        replace_folder(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if args.json:
        print_json({"folder": str(output), **facts, **(maps[0] if len(maps) == 1 else {})})
    return 0


def _open(args: argparse.Namespace) -> tuple[ParticleTable, ImageScale, str]:
    """The particles, how to prepare them, and what was found about their contrast."""
    from cryohype_model.inference.contrast import known_contrast
    from cryohype_model.inference.reconstruct import reconstruction_scale
    from cryohype_model.io.particles import read_particles

    if (args.source / "manifest.json").is_file():
        return _open_run(args)
    if args.selection or args.by_cluster:
        raise ConfigError("--selection and --by-cluster are of a run, and this is a particle file; use --rows FILE")
    given = {name: getattr(args, name) for name in ("datadir", "poses", "ctf", "labels")}
    table = read_particles(args.source, **given)
    for note in table.notes:
        console.print(note, highlight=False, markup=False)
    contrast, sentence = known_contrast(table, args.contrast)
    return table, reconstruction_scale(table, args.box, contrast), sentence


def _open_run(args: argparse.Namespace) -> tuple[ParticleTable, ImageScale, str]:
    """A run's particles, with the contrast that it was trained with."""
    from cryohype_model.inference.contrast import known_contrast
    from cryohype_model.inference.reconstruct import reconstruction_scale
    from cryohype_model.nets.checkpoint import checkpoint_path, load_checkpoint
    from cryohype_model.runs.manifest import read_manifest
    from cryohype_model.runs.particles import read_run_particles
    from cryohype_model.runs.run import open_run

    run_folder = open_run(args.source)
    table = read_run_particles(run_folder)
    box = args.box or read_manifest(run_folder).box_px
    last = checkpoint_path(run_folder)
    if args.contrast == "auto" and last.is_file():
        contrast, sentence = load_checkpoint(last).scale.contrast, "Contrast: as the run was trained."
    else:
        contrast, sentence = known_contrast(table, args.contrast)
    return table, reconstruction_scale(table, box, contrast), sentence


def _groups(args: argparse.Namespace, table: ParticleTable) -> dict[str, Rows | None]:
    """Name and rows of each map; None stands for all particles."""
    if args.rows is not None:
        from cryohype_model.io.arrays import load_integers

        rows = load_integers(args.rows)
        wrong = rows[(rows < 0) | (rows >= len(table))]
        if len(wrong):
            raise InputFileError(f"{args.rows} names particle {wrong[0]}, but there are {len(table)}, numbered from 0")
        return {"map": rows}
    if args.selection:
        from cryohype_model.runs.selections import read_selection

        return {"map": read_selection(args.source, args.selection)}
    if args.by_label:
        if table.label is None:
            raise InputFileError(f"{args.source} has no labels; give them with --labels FILE")
        return _by_number("class", table.label)
    if args.by_cluster:
        from cryohype_model.runs.latents import read_latents
        from cryohype_model.runs.run import open_run

        cluster = read_latents(open_run(args.source)).cluster
        if cluster is None:
            raise InputFileError(f"{args.source} has no clusters; run `cryohype analyze {args.source}`")
        return _by_number("cluster", cluster)
    return {"map": None}


def _by_number(kind: str, numbers: Rows) -> dict[str, Rows | None]:
    groups: dict[str, Rows | None] = {}
    for number in np.unique(numbers[numbers >= 0]):
        rows = np.flatnonzero(numbers == number)
        if len(rows) < 2:
            console.print(f"{kind} {number} is left out: one particle makes no half maps", highlight=False)
            continue
        groups[f"{kind}_{number:04d}"] = rows
    if not groups:
        raise InputFileError(f"no {kind} has the 2 particles that half maps need")
    return groups


def _reconstruct_groups(
    args: argparse.Namespace, table: ParticleTable, scale: ImageScale, groups: dict[str, Rows | None], folder: Path
) -> list[dict[str, Any]]:
    from rich.progress import Progress

    from cryohype_model.imaging.particles import Particles
    from cryohype_model.inference.backproject import backproject
    from cryohype_model.inference.reconstruct import write_reconstruction
    from cryohype_model.inference.trained import pick_device

    particles = Particles(table)
    device = pick_device(args.accelerator)
    results: dict[str, Reconstruction] = {}
    maps = []
    with Progress(console=console) as progress:
        task = progress.add_task("back-projecting", total=sum(len(table) if r is None else len(r) for r in groups.values()))
        for name, rows in groups.items():
            results[name] = backproject(particles, scale, rows, device=device, report=lambda done: progress.advance(task, done))
            maps.append(write_reconstruction(results[name], folder, name))
    _draw(results, folder)
    for facts in maps:
        console.print(
            f"{facts['map']}: {facts['particles']} particles, {facts['resolution_0143_angstrom']:.1f} Å at FSC 0.143, "
            f"{facts['resolution_05_angstrom']:.1f} Å at FSC 0.5",
            highlight=False,
        )
    return maps


def _draw(results: dict[str, Reconstruction], folder: Path) -> None:
    """backproject.png: half-map FSC curves and projections of the first maps."""
    from cryohype_model.inference.reconstruct import reconstruction_figure

    reconstruction_figure(results).savefig(folder / "backproject.png", dpi=120)


def _refuse_foreign(output: Path, overwrite: bool) -> None:
    """Never replace a folder that is not an earlier back-projection."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    ours = (output / "meta.json").is_file() and (output / "halves").is_dir()
    if not ours:
        raise InputFileError(f"{output} exists and is not a back-projection; choose another folder with -o")
    if not overwrite:
        raise InputFileError(
            f"{output} holds an earlier back-projection; replace it with --overwrite, or choose another folder with -o"
        )
