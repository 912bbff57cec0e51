"""A UMAP of the particles of a stored selection alone, kept in the run beside the latents.

cryohype embed RUN --selection open-state

`cryohype analyze` comes first. Deleting the selection deletes its embedding.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.cli.stages import stages

if TYPE_CHECKING:
    from cryohype_model.config import AnalysisConfig, RunConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cryohype embed`; what is not given comes from the run's configuration."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--selection", required=True, metavar="NAME", help="a selection stored in the run")
    parser.add_argument("--checkpoint", metavar="NAME", help="whose latents, default: those of the newest analysis")
    parser.add_argument("--neighbors", type=int, metavar="N", help="UMAP's neighbourhood, default 15")
    parser.add_argument("--min-dist", type=float, metavar="D", help="UMAP's smallest distance, default 0.1")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Embed and say where it is."""
    from cryohype_model.analysis.embed import embed_selection
    from cryohype_model.runs.latents import read_latents
    from cryohype_model.runs.run import open_run, read_config

    began = time.monotonic()
    opened = open_run(args.run_folder)
    config = _config(read_config(opened), args)
    space = read_latents(opened, args.checkpoint)
    with stages() as progress:
        embedding = embed_selection(opened, space, args.selection, config, progress)
    seconds = time.monotonic() - began
    console.print(f"written to {embedding.path} in {seconds:.0f} s", markup=False, highlight=False, soft_wrap=True)
    if args.json:
        record = {"selection": embedding.name, "particles": embedding.meta["count"], "checkpoint": space.checkpoint}
        print_json(record | {"file": str(embedding.path), "seconds": round(seconds, 2)})
    return 0


def _config(config: RunConfig, args: argparse.Namespace) -> AnalysisConfig:
    """The run's analysis section with the options given; ConfigError for an impossible value."""
    from cryohype_model.config import validate_config

    given = {"umap_neighbors": args.neighbors, "umap_min_dist": args.min_dist}
    tree = config.model_dump()
    tree["analysis"] |= {key: value for key, value in given.items() if value is not None}
    return validate_config(tree).analysis
