"""Write selected particles back to their original .star or .cs file, all columns intact, or as cryoDRGN's index file.

cryohype export RUN --selection open-state -o open.star
cryohype export RUN --cluster 1,4 -o clusters.star
cryohype export particles.cs --rows 3,17 -o two.cs
cryohype export RUN --all -o all.star --cryodrgn rival
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.errors import InputFileError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from cryohype_model.io.table import ParticleTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cryohype export`."""
    parser.add_argument("source", type=Path, metavar="RUN|STAR|CS", help="a run folder, or a table of particles")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--selection", metavar="NAME", help="a selection stored in the run")
    which.add_argument("--cluster", metavar="1,4", help="clusters that `cryohype analyze` found in the run")
    which.add_argument("--rows", metavar="FILE|3,17", help="zero-based particles: numbers, or a .npy, .txt or .pkl file of them")
    which.add_argument("--all", action="store_true", help="all particles")
    parser.add_argument(
        "--cryodrgn",
        type=Path,
        metavar="DIR",
        help="put poses.pkl, ctf.pkl and labels.pkl of the same particles there, as cryoDRGN reads them beside the .star or .cs",
    )
    parser.add_argument("--passthrough", type=Path, action="append", default=[], metavar="CS", help="further .cs of the same job")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="its ending decides: .star, .cs or .pkl")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Find the particles and their original rows, and write these."""
    from cryohype_model.io.export import export_selection
    from cryohype_model.io.particles import read_particles

    is_run = (args.source / "manifest.json").exists()
    asked = "--selection" if args.selection is not None else "--cluster" if args.cluster is not None else None
    if asked is not None and not is_run:
        raise InputFileError(f"{args.source} is no run, and {asked} asks for what is stored in runs; give a run, or --rows")
    star = args.source / "particles.star" if is_run else args.source
    table = read_particles(star, passthrough=args.passthrough, need_images=False)
    if args.output.exists() and args.output.resolve() in {star.resolve(), table.source.path.resolve()}:
        raise InputFileError(f"{args.output} is the file that the rows come from; choose another name for the output")
    rows = _rows(args, len(table))
    if args.cryodrgn is not None and args.output.suffix == ".pkl":
        raise InputFileError(
            f"cryoDRGN's --ind {args.output.name} goes with the poses of all particles; write a .star or .cs beside --cryodrgn"
        )
    export_selection(table, rows, args.output)
    pickles = [] if args.cryodrgn is None else _write_pickles(table[rows], args.cryodrgn)
    console.print(
        f"{len(rows)} of {len(table)} particles written to {args.output}", highlight=False, markup=False, soft_wrap=True
    )
    if args.output.suffix == ".star" and args.output.absolute().parent != table.source.path.parent:
        console.print("image names are as in the original: they are found from where the original is", highlight=False)
    if args.json:
        print_json({"particles": len(rows), "of": len(table), "source": str(table.source.path), "output": str(args.output),
                    "cryodrgn": [str(path) for path in pickles]})  # fmt: skip
    return 0


def _write_pickles(table: ParticleTable, folder: Path) -> list[Path]:
    """What is known of the particles in cryoDRGN's form; tells what its files cannot hold."""
    import numpy as np

    from cryohype_model.io.cryodrgn import write_ctf, write_labels, write_poses

    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "poses.pkl"]
    write_poses(table, written[0])
    if table.ctf is not None:
        written.append(folder / "ctf.pkl")
        write_ctf(table, written[-1])
        if np.any(table.ctf.b_factor_angstrom2 != 0) or np.any(table.ctf.scale != 1):
            console.print("ctf.pkl has no column for B-factors and scales: they are left out", highlight=False)
    if table.label is not None:
        written.append(folder / "labels.pkl")
        write_labels(table, written[-1])
    names = ", ".join(path.name for path in written)
    console.print(f"{names} of the same particles in {folder}", highlight=False, markup=False, soft_wrap=True)
    return written


def _rows(args: argparse.Namespace, count: int) -> npt.NDArray[np.int64]:
    """The (m,) particles asked for, of ``count``."""
    import numpy as np

    if args.all:
        return np.arange(count, dtype=np.int64)
    if args.selection is not None:
        from cryohype_model.runs.selections import read_selection

        return read_selection(args.source, args.selection)
    if args.cluster is not None:
        return _clusters(args.source, args.cluster)
    if re.fullmatch(r"\d+(,\d+)*", args.rows):
        return np.array([int(word) for word in args.rows.split(",")], dtype=np.int64)
    from cryohype_model.io.arrays import load_integers

    return load_integers(args.rows)


def _clusters(source: Path, text: str) -> npt.NDArray[np.int64]:
    """The (m,) particles of some clusters of the newest analysis."""
    import numpy as np

    from cryohype_model.runs.latents import read_latents
    from cryohype_model.runs.run import open_run

    found = read_latents(open_run(source)).cluster
    known = np.empty(0, np.int64) if found is None else np.unique(found)
    numbers = [int(word) for word in text.split(",")] if re.fullmatch(r"\d+(,\d+)*", text) else []
    if found is None or not numbers or not np.isin(numbers, known).all():
        raise InputFileError(f"--cluster {text} is not among the clusters of {source}, {', '.join(map(str, known)) or 'none'}")
    return np.flatnonzero(np.isin(found, numbers))
