"""Add particles to an analysed run: a new run, with the same networks.

cryohype extend RUN more.star -o NEW_RUN

Only the new particles are encoded. They follow those of RUN, get a place in its UMAP among their neighbours and one of its
clusters; nothing that was there moves. Images that RUN has already are left out. The new particles need poses, and the box,
pixel size and contrast of the old ones. Selections, the maps of the medoids and of single particles come along; maps that are
means over particles, qualities and evaluations stay with RUN, which is not changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.cli.stages import stages

if TYPE_CHECKING:
    from cryohype_model.analysis.extend import Extension


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cryohype extend`."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the run's folder, analysed")
    parser.add_argument("particles", type=Path, metavar="PARTICLES", help=".star, .cs, stack, list of stacks or CryoBench folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NEW_RUN", help="folder of the new run")
    parser.add_argument("--poses", type=Path, metavar="PKL", help="cryoDRGN's poses.pkl, instead of the file's own poses")
    parser.add_argument("--ctf", type=Path, metavar="PKL", help="cryoDRGN's ctf.pkl, instead of the file's own CTF")
    parser.add_argument("--indices", type=Path, metavar="FILE", help="add these zero-based rows only (.pkl, .npy, .txt)")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="known class of each particle (.pkl, .npy, .txt)")
    parser.add_argument("--datadir", type=Path, metavar="DIR", help="folder of the images, when they are not where the file says")
    parser.add_argument("--passthrough", type=Path, action="append", default=[], metavar="CS", help="further .cs of the same job")
    parser.add_argument("--optics-group", type=int, metavar="N", help="add this optics group only")
    parser.add_argument("--checkpoint", metavar="NAME", help="whose latents, default: those of the newest analysis")
    parser.add_argument("--accelerator", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute, default auto")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Read, extend, say what came of it."""
    from cryohype_model.analysis.extend import extend, open_analysed_run
    from cryohype_model.io.particles import read_particles
    from cryohype_model.runs.run import refuse_occupied
    from cryohype_model.training.prepare import table_fingerprint

    refuse_occupied(args.output.absolute())
    trained, space = open_analysed_run(args.run_folder, args.checkpoint, args.accelerator)
    table = read_particles(
        args.particles,
        poses=args.poses,
        ctf=args.ctf,
        indices=args.indices,
        labels=args.labels,
        datadir=args.datadir,
        passthrough=args.passthrough,
        optics_group=args.optics_group,
    )
    for note in table.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    with stages() as progress:
        result = extend(trained, space, table, args.output, ["cryohype", *sys.argv[1:]], table_fingerprint, progress)
    _print_result(result)
    if args.json:
        print_json(_record(result))
    return 0


def _print_result(result: Extension) -> None:
    lines = [f"{result.added:,} particles added, {len(result.latents):,} in all"]
    sizes = _sizes(result)
    if sizes:
        lines.append("of the clusters: " + ", ".join(f"{cluster}: {size:,}" for cluster, size in sizes.items()))
    added, before = _losses(result)
    lines.append(f"mean loss of the added {added:.4f}, of those that were there {before:.4f}")
    lines += [f"{len(series)} maps taken over in {series.path}" for series in result.series]
    lines.append(f"written to {result.run.path} in {result.seconds:.0f} s")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _sizes(result: Extension) -> dict[int, int]:
    """How many were added to each cluster (-1: none)."""
    import numpy as np

    names, counts = np.unique(result.clusters, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _losses(result: Extension) -> tuple[float, float]:
    """Mean loss of the particles that were added, and of those that were there: alike where the networks know both alike."""
    loss = result.latents.table["loss"].to_numpy(float)
    known = len(loss) - result.added
    return float(loss[known:].mean()), float(loss[:known].mean())


def _record(result: Extension) -> dict[str, Any]:
    """What ``--json`` prints."""
    added, before = _losses(result)
    return {
        "run": str(result.run.path),
        "particles": len(result.latents),
        "added": result.added,
        "left_out": result.left_out,
        "added_by_cluster": _sizes(result),
        "mean_loss_added": added,
        "mean_loss_before": before,
        "checkpoint": result.latents.checkpoint,
        "folder": str(result.latents.path),
        "volumes": [str(series.path) for series in result.series],
        "seconds": round(result.seconds, 2),
    }
