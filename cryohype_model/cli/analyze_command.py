"""Latents of every particle of a run: principal components, UMAP, clusters, maps of their medoids beside the particles, figures.

An earlier analysis of the same checkpoint is replaced, once the new one is whole.
"""

from __future__ import annotations

import argparse
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.cli.quality_table import print_quality, quality_record
from cryohype_model.cli.stages import stages
from cryohype_model.errors import ConfigError, RunError

if TYPE_CHECKING:
    from cryohype_model.analysis.analyze import AnalysisResult
    from cryohype_model.config import AnalysisConfig, RunConfig
    from cryohype_model.inference.processes import Processes
    from cryohype_model.inference.trained import TrainedRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cryohype analyze`; what is not given comes from the run's configuration."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--checkpoint", default="last", metavar="NAME", help="last (default), best, or a step's file name")
    found = parser.add_argument_group("clusters, found among the principal components")
    found.add_argument("--clusters", type=int, metavar="K", help="how many; default: as many as known labels, else by the BIC")
    found.add_argument("--method", choices=("kmeans", "gmm", "hdbscan"), help="default kmeans; hdbscan finds their number itself")
    found.add_argument("--components", type=int, metavar="Q", help="principal components kept, default 32")
    parts = parser.add_argument_group("what is made")
    parts.add_argument("--no-umap", action="store_true", help="no two-dimensional picture of the latents")
    parts.add_argument("--no-volumes", action="store_true", help="no maps of the medoids")
    parts.add_argument("--mean", action="store_true", help="also a map of the mean latent of each cluster")
    parts.add_argument("--linear", action="store_true", help="also a map of each cluster by the basis volumes alone")
    parts.add_argument("--no-quality", action="store_true", help="do not compare the maps with the particles of their clusters")
    parts.add_argument("--activations", action="store_true", help="also look into the INRs (the paper's Figs. 7 and 8)")
    parser.add_argument("--accelerator", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute, default auto")
    shared = parser.add_argument_group("several processes, each of which encodes its share (docs/scaling.md)")
    shared.add_argument("--devices", type=int, default=1, metavar="N", help="GPUs (or CPU processes) of each machine, default 1")
    shared.add_argument("--nodes", type=int, default=1, metavar="N", help="machines, under torchrun or SLURM, default 1")
    add_json_option(parser)


def run(args: argparse.Namespace, processes: Processes | None = None) -> int:
    """Analyse and say what was found.

    Parameters
    ----------
    processes : those that are there already, as after a training; None to begin alone and start the others as the options say.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing half made is left
    try:
        return _run(args, processes)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args: argparse.Namespace, met: Processes | None) -> int:
    from cryohype_model.analysis.analyze import Parts, analyze, assist

    trained, config, processes = _open(args) if met is None else _open_shared(args, met)
    if not processes.is_first:
        assist(trained, processes)
        return 0
    parts = Parts(
        umap=not args.no_umap, medoid_volumes=not args.no_volumes, mean_volumes=args.mean, linear_volumes=args.linear,
        activations=args.activations, quality=not args.no_quality,
    )  # fmt: skip
    with stages() as progress:
        result = analyze(trained, config, progress, parts, processes)
    _print_result(result)
    if args.json:
        print_json(_record(result))
    return 0


def _open(args: argparse.Namespace) -> tuple[TrainedRun, AnalysisConfig, Processes]:
    """The run on this process's device, what to do with it, and the processes that share the work."""
    from cryohype_model.inference.processes import ALONE, check_started, launch, launcher
    from cryohype_model.inference.trained import open_trained_run

    if min(args.devices, args.nodes) < 1:
        raise ConfigError(f"--devices {args.devices} --nodes {args.nodes}: at least 1 of each is needed")
    check_started(args.devices, args.nodes, "--devices and --nodes")
    if args.devices * args.nodes == 1:
        trained = open_trained_run(args.run_folder, args.checkpoint, args.accelerator)
        return trained, _config(trained.config, args), ALONE
    if launcher() is not None:
        return _open_shared(args, launch(args.accelerator, args.devices, args.nodes))
    # what is wrong with the input is told once, here before the others are started
    _config(open_trained_run(args.run_folder, args.checkpoint, "cpu").config, args)
    return _open_shared(args, launch(args.accelerator, args.devices, args.nodes))


def _open_shared(args: argparse.Namespace, processes: Processes) -> tuple[TrainedRun, AnalysisConfig, Processes]:
    """The same in each of several processes that have met; where one cannot, the first says why."""
    from cryohype_model.inference.trained import open_trained_run

    with processes.together():
        trained = open_trained_run(args.run_folder, args.checkpoint, "cpu")
        config = _config(trained.config, args)
    checkpoint: str = processes.of_first(lambda: trained.checkpoint)
    with processes.together():
        if trained.checkpoint != checkpoint:
            raise RunError(f"the run just got checkpoint {trained.checkpoint} after {checkpoint}; name one with --checkpoint")
    return replace(trained, model=trained.model.to(processes.device), device=processes.device), config, processes


def _config(config: RunConfig, args: argparse.Namespace) -> AnalysisConfig:
    """The run's analysis section with the options given; ConfigError for an impossible value."""
    from cryohype_model.config import validate_config

    given = {"clusters": args.clusters, "cluster_method": args.method, "pca_components": args.components}
    tree = config.model_dump()
    tree["analysis"] |= {key: value for key, value in given.items() if value is not None}
    if args.method == "hdbscan" and args.clusters is None:
        tree["analysis"]["clusters"] = None  # the run's number is not meant for it
    return validate_config(tree).analysis


def _print_result(result: AnalysisResult) -> None:
    clustering, ratio = result.clustering, result.variance_ratio
    sizes = sorted(clustering.sizes)
    spread = f", {sizes[0]:,} to {sizes[-1]:,} particles each" if sizes else ""
    lines = [
        f"{len(result.latents):,} particles, {len(ratio)} components with {ratio.sum():.0%} of the variance",
        f"{clustering.count} clusters by {clustering.method} ({clustering.criterion}){spread}",
    ]
    if result.accuracy is not None:
        index = result.adjusted_rand_index
        lines.append(f"clusters against labels: accuracy {result.accuracy:.3f}, adjusted Rand index {index:.3f}")
    lines += [f"{len(series)} maps in {series.path}" for series in result.series]
    lines.append(f"written to {result.latents.path} in {result.seconds:.0f} s")
    if result.quality is not None:
        print_quality(console, result.quality)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _record(result: AnalysisResult) -> dict[str, Any]:
    """What ``--json`` prints."""
    clustering = result.clustering
    record: dict[str, Any] = {
        "particles": len(result.latents),
        "q": len(result.variance_ratio),
        "explained_variance": float(result.variance_ratio.sum()),
        "method": clustering.method,
        "clusters": clustering.count,
        "cluster_sizes": clustering.sizes,
        "noise": int((clustering.assignment < 0).sum()),
    }
    if result.accuracy is not None:
        record |= {"accuracy": result.accuracy, "ari": result.adjusted_rand_index}
    return record | {
        "checkpoint": result.latents.checkpoint,
        "quality": None if result.quality is None else quality_record(result.quality),
        "volumes": [str(series.path) for series in result.series],
        "figures": [str(path) for path in result.figures],
        "folder": str(result.latents.path),
        "seconds": round(result.seconds, 2),
    }
