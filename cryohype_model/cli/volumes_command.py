"""Make maps from a trained run: for particles, clusters or a selection.

cryohype volumes myrun --particles 3,17 -o maps            what the network sees in single images
cryohype volumes myrun --cluster 4 --method mean            the cluster's latents averaged, decoded once: less noisy
cryohype volumes myrun --cluster all                        the medoid of every cluster
cryohype volumes myrun --cluster all --method linear        their means by the basis volumes alone: noisy data, or many classes
cryohype volumes myrun --selection bent --box 256           zero-padded beyond the training box
cryohype volumes myrun --path 3,17 --steps 12               a series along the line between two particles
"""

from __future__ import annotations

import argparse
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.errors import ConfigError, RunError

if TYPE_CHECKING:
    from cryohype_model.inference.trained import TrainedRun

Rows = npt.NDArray[np.int64]

# what a map can be of: the latent that is decoded unless --method says another
DEFAULT_METHOD = {"particles": "particle", "cluster": "medoid", "selection": "mean", "path": "neighbours"}


@dataclass(frozen=True)
class Wanted:
    """One map to make: its file name, the particles behind it, and what it stands for."""

    file: str
    rows: Rows
    subject: dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cryohype volumes``."""
    parser.add_argument("source", type=Path, metavar="RUN", help="a trained run")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--particles", metavar="N,N…", help="zero-based particle numbers: one map each")
    which.add_argument("--cluster", metavar="N|all", help="a cluster that `cryohype analyze` found, or all of them")
    which.add_argument("--selection", metavar="NAME", help="a selection stored in the run: one map")
    which.add_argument("--path", metavar="A,B", help="the particles nearest to the straight line from A to B in latent space")
    parser.add_argument("--steps", type=int, default=10, metavar="N", help="points of --path, both ends included (default 10)")
    parser.add_argument(
        "--method",
        choices=("medoid", "mean", "neighbours", "particle", "linear"),
        help="latent that is decoded: of the medoid (default for clusters), the mean of all (default for selections), mean of "
        "the particle's or medoid's nearest neighbours (default for paths), or the particle's own (default for particles); "
        "linear: no latent but the mean coefficients of all, and the basis volumes (or those of classes, where the run has some) "
        "in place of the hypernetwork",
    )
    parser.add_argument("--neighbours", type=int, default=50, metavar="K", help="of --method neighbours (default 50)")
    parser.add_argument("--box", type=int, metavar="PX", help="box of the maps: smaller is low-passed, larger is zero-padded")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the maps (default RUN/volumes/NAME)")
    parser.add_argument("--checkpoint", default="last", metavar="NAME", help="last, best or a step's name (default last)")
    parser.add_argument("--accelerator", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (default auto)")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Open the run, make the maps one by one, finish the series."""
    from cryohype_model.inference.trained import open_trained_run
    from cryohype_model.runs.volumes import start_volume_series, write_volume_series

    started = time.monotonic()
    if args.neighbours < 1:
        raise ConfigError(f"--neighbours must be at least 1, not {args.neighbours}")
    trained = open_trained_run(args.source, args.checkpoint, args.accelerator)
    method = args.method or DEFAULT_METHOD[_kind(args)]
    wanted = _wanted(args, trained)
    place, name = (args.output.absolute().parent, args.output.name) if args.output else (trained.run, _default_name(args, method))
    folder = start_volume_series(place, name)
    try:
        entries = _make_maps(args, trained, method, wanted, folder)
        facts = {"method": method, "checkpoint": trained.checkpoint, "run": str(trained.run.path)}
        facts |= (
            {} if args.path is None else {"path": "between", "first": entries[0]["particle"], "last": entries[-1]["particle"]}
        )
        series = write_volume_series(place, name, entries, facts)
    finally:  # it has its final name now, or something went wrong
        shutil.rmtree(folder, ignore_errors=True)
    console.print(f"{len(entries)} map(s) in {series.path}", highlight=False, markup=False, soft_wrap=True)
    if args.json:
        print_json({"folder": str(series.path), "maps": entries, "seconds": time.monotonic() - started})
    return 0


def _kind(args: argparse.Namespace) -> str:
    return next(name for name in DEFAULT_METHOD if getattr(args, name) is not None)


def _default_name(args: argparse.Namespace, method: str) -> str:
    kind = _kind(args)
    what = str(getattr(args, kind)).replace(",", "-")[:40]
    return f"{what}-{method}" if kind == "selection" else f"{kind}-{what}-{method}"


def _wanted(args: argparse.Namespace, trained: TrainedRun) -> list[Wanted]:
    """The maps that the options ask for."""
    from cryohype_model.inference.trained import check_rows
    from cryohype_model.runs.selections import read_selection

    if args.path is not None:
        return _wanted_path(args, trained)
    if args.particles is not None:
        rows = check_rows(_numbers(args.particles, "--particles"), len(trained.particles))
        return [Wanted(f"particle_{row:07d}.mrc", np.array([row]), {"particle": int(row)}) for row in rows]
    if args.selection is not None:
        rows = check_rows(read_selection(trained.run, args.selection), len(trained.particles))
        if not len(rows):
            raise RunError(f"the selection {args.selection!r} holds no particle; select at least one")
        return [Wanted(f"{args.selection}.mrc".replace(" ", "_"), rows, {"selection": args.selection})]
    return _wanted_clusters(args.cluster, trained)


def _numbers(text: str, option: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise ConfigError(f"{option} wants numbers such as 3,17, not {text!r}") from None


def _wanted_path(args: argparse.Namespace, trained: TrainedRun) -> list[Wanted]:
    from cryohype_model.inference.trained import check_rows
    from cryohype_model.runs.latents import read_latents
    from cryohype_model.runs.traversal import path_between

    ends = check_rows(_numbers(args.path, "--path"), len(trained.particles))
    if len(ends) != 2 or ends[0] == ends[1] or args.steps < 2:
        raise ConfigError(f"--path wants two particles such as 3,17 and at least 2 --steps, not {args.path!r} and {args.steps}")
    rows = path_between(read_latents(trained.run, trained.checkpoint).pca, int(ends[0]), int(ends[1]), args.steps)
    return [Wanted(f"path_{number:04d}.mrc", np.array([row]), {"particle": int(row)}) for number, row in enumerate(rows)]


def _wanted_clusters(text: str, trained: TrainedRun) -> list[Wanted]:
    from cryohype_model.runs.latents import read_latents

    cluster = read_latents(trained.run, trained.checkpoint).cluster
    if cluster is None:
        raise RunError(f"{trained.run.path} has no clusters; run `cryohype analyze {trained.run.path}`")
    known = [int(number) for number in np.unique(cluster) if number >= 0]
    if not known:
        raise RunError(f"the analysis of {trained.run.path} found no cluster; run `cryohype analyze` with --method kmeans")
    if text != "all" and not (text.isdigit() and int(text) in known):
        raise RunError(f"there is no cluster {text!r}; the run has {known[0]} to {known[-1]}, or say all")
    numbers = known if text == "all" else [int(text)]
    return [Wanted(f"cluster_{number:04d}.mrc", np.flatnonzero(cluster == number), {"cluster": number}) for number in numbers]


def _make_maps(
    args: argparse.Namespace, trained: TrainedRun, method: str, wanted: list[Wanted], folder: Path
) -> list[dict[str, Any]]:
    from rich.progress import Progress

    from cryohype_model.io.mrc import write_volume
    from cryohype_model.metrics.threshold import otsu_level
    from cryohype_model.runs.volumes import MEANS

    generator = trained.generator
    box = args.box or trained.scale.box_px
    pixel_size = trained.scale.pixel_size_angstrom * trained.scale.box_px / box
    entries = []
    with Progress(console=console) as progress:
        for item in progress.track(wanted, description="maps"):
            rows = _rows_to_decode(trained, item.rows, method, args.neighbours)
            volume = generator.volume(trained.mean_code(rows, method), box)
            write_volume(folder / item.file, volume, pixel_size)
            # the particle itself, the medoid, or the particle whose neighbours these are
            particle = {"particle": int(rows[0])} if method not in MEANS else {}
            facts = {
                "method": method,
                "pixel_size_angstrom": pixel_size,
                "checkpoint": trained.checkpoint,
                "level": float(otsu_level(volume)),
            }
            entries.append({"file": item.file, **particle, **item.subject, **facts})
    return entries


def _rows_to_decode(trained: TrainedRun, rows: Rows, method: str, count: int) -> Rows:
    """Particles whose latents are averaged for one map."""
    from cryohype_model.analysis.medoids import medoid
    from cryohype_model.inference.evaluate_run import neighbours_of
    from cryohype_model.runs.latents import read_latents
    from cryohype_model.runs.volumes import MEANS

    if method in MEANS:
        return rows
    centre = int(rows[0]) if len(rows) == 1 else medoid(read_latents(trained.run, trained.checkpoint).pca, rows)
    return neighbours_of(trained, centre, count) if method == "neighbours" else np.array([centre])
