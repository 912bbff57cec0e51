"""Read particles from any program's files, check them, and write one RELION table.

cryohype import J24/particles.cs -o particles.star
cryohype import particles.mrcs --poses poses.pkl --ctf ctf.pkl -o particles.star
cryohype import particles.cs passthrough_particles.cs -o particles.star
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.errors import InputFileError

if TYPE_CHECKING:
    from cryohype_model.io.table import ParticleTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cryohype import`."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help=".star, .cs, .txt (list of stacks), .mrcs, or a CryoBench folder; after it pass-through .cs, poses.pkl, ctf.pkl",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="STAR", help="the table to write")
    parser.add_argument("--poses", type=Path, metavar="PKL", help="cryoDRGN's poses.pkl, instead of the file's own poses")
    parser.add_argument("--ctf", type=Path, metavar="PKL", help="cryoDRGN's ctf.pkl, instead of the file's own CTF")
    parser.add_argument("--indices", type=Path, metavar="FILE", help="keep these zero-based rows (.pkl, .npy, .txt)")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="known class of each particle (.pkl, .npy, .txt)")
    parser.add_argument("--datadir", type=Path, metavar="DIR", help="folder of the images, when they are not where the file says")
    parser.add_argument("--passthrough", type=Path, action="append", default=[], metavar="CS", help="further .cs of the same job")
    parser.add_argument("--optics-group", type=int, metavar="N", help="keep this optics group only")
    parser.add_argument("--no-images", action="store_true", help="convert the table alone, where the images are elsewhere")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="default: beside the table, with its name")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Read, check, write the table and its picture, and say what was found."""
    from cryohype_model.io.particles import read_particles
    from cryohype_model.io.write import write_star

    start = time.monotonic()
    given = _sorted_inputs(args)
    if args.output.suffix != ".star":
        raise InputFileError(f"the output {args.output} is a RELION table; give it a name that ends in .star")
    if args.output.exists() and any(args.output.samefile(file) for file in args.files if file.exists()):
        raise InputFileError(f"{args.output} is the file that is read; choose another name for the output")
    table = read_particles(
        indices=args.indices,
        labels=args.labels,
        datadir=args.datadir,
        optics_group=args.optics_group,
        need_images=not args.no_images,
        **given,
    )
    contrast = _contrast(table, args.no_images)
    picture = _picture(table, args)
    write_star(table, args.output)
    facts = describe(table) | {
        "contrast": contrast,
        "output": str(args.output),
        "picture": str(picture) if picture else None,
        "seconds": round(time.monotonic() - start, 2),
    }
    _show(facts)
    if args.json:
        print_json(facts)
    return 0


def _sorted_inputs(args: argparse.Namespace) -> dict[str, Any]:
    """Which of the files is the table, and which are pass-through, poses and CTF of it."""
    given: dict[str, Any] = {"poses": args.poses, "ctf": args.ctf, "passthrough": list(args.passthrough)}
    tables: list[Path] = []
    for file in args.files:
        if file.suffix == ".pkl":
            kind = _pickle_kind(file)
            if given[kind] is not None:
                raise InputFileError(f"{file} is a second file of {kind} beside {given[kind]}; give one")
            given[kind] = file
        elif file.suffix == ".cs" and tables and tables[0].suffix == ".cs":
            given["passthrough"].append(file)
        else:
            tables.append(file)
    if len(tables) != 1:
        found = ", ".join(map(str, tables)) or "none"
        raise InputFileError(
            f"one table of particles or stack is imported at a time and there are {len(tables)} ({found}); give one"
        )
    return {"path": tables[0], **given}


def _pickle_kind(path: Path) -> str:
    """Which of --poses and --ctf it is, by what the pickle holds."""
    import numpy as np

    from cryohype_model.io.arrays import load_arrays

    value = load_arrays(path)
    first = value[0] if isinstance(value, tuple | list) and len(value) else value
    shape = np.shape(first)
    if len(shape) == 3 and shape[1:] == (3, 3):
        return "poses"
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] == 9:
        return "ctf"
    raise InputFileError(f"{path} holds neither poses nor CTF; say what it is with --indices or --labels")


def describe(table: ParticleTable) -> dict[str, Any]:
    """Facts of a table for people and scripts: counts, sizes, ranges, notes."""
    import numpy as np

    groups, sizes = np.unique(table.optics_group, return_counts=True)
    facts: dict[str, Any] = {
        "particles": len(table),
        "stacks": len(table.stacks),
        "box_px": table.box_px,
        "pixel_size_angstrom": sorted({round(float(size), 4) for size in np.unique(table.pixel_size_angstrom)}),
        "optics_groups": dict(zip(groups.tolist(), sizes.tolist(), strict=True)),
        "poses": table.rotation is not None,
        "largest_shift_px": float(np.abs(table.shift_px).max(initial=0.0)),
        "labels": None if table.label is None else len(np.unique(table.label)),
        "ctf": None,
        "notes": list(table.notes),
    }
    if table.ctf is not None:
        defocus = (table.ctf.defocus_u_angstrom + table.ctf.defocus_v_angstrom) / 2
        facts["ctf"] = {
            "defocus_angstrom": [float(defocus.min()), float(defocus.max())],
            "voltage_kv": _different(table.ctf.voltage_kv),
            "cs_mm": _different(table.ctf.cs_mm),
            "amplitude_contrast": _different(table.ctf.amplitude_contrast),
            "phase_shift_deg": [float(table.ctf.phase_shift_deg.min()), float(table.ctf.phase_shift_deg.max())],
        }
    return facts


def _different(values: Any) -> list[float]:
    return sorted({round(float(value), 4) for value in set(values.tolist())})


def _contrast(table: ParticleTable, no_images: bool) -> dict[str, Any]:
    """What the file says of the contrast and what a quick back-projection shows."""
    said = {1: "the file says that density is bright", -1: "the file says that density is dark", 0: "the file does not say"}
    contrast: dict[str, Any] = {"known": table.contrast_known, "detected": None, "sentence": said[table.contrast_known]}
    if no_images or table.rotation is None:
        return contrast
    try:
        import torch  # noqa: F401  the check needs the extra [train]
    except ImportError:
        contrast["sentence"] += "; it is not checked without torch (pip install cryohype[train])"
        return contrast
    from cryohype_model.inference.contrast import detect_contrast

    contrast["detected"], sentence = detect_contrast(table)
    contrast["sentence"] += f". {sentence}"
    return contrast


def _picture(table: ParticleTable, args: argparse.Namespace) -> Path | None:
    path: Path = args.picture or args.output.with_suffix(".png")
    try:
        import matplotlib  # noqa: F401  figures need the extra [train]
    except ImportError:
        console.print("no picture is made without matplotlib (pip install cryohype\\[train])")
        return None
    from cryohype_model.cli.import_picture import draw_table

    draw_table(table, path, with_images=not args.no_images)
    return path


def _show(facts: dict[str, Any]) -> None:
    """The summary as a table on standard error."""
    from rich.table import Table

    ctf = facts["ctf"]
    rows = {
        "particles": f"{facts['particles']} in {facts['stacks']} stacks",
        "box": f"{facts['box_px']} px" if facts["box_px"] else "not known without the images",
        "pixel size": ", ".join(f"{size:g}" for size in facts["pixel_size_angstrom"]) + " Å",
        "optics groups": ", ".join(f"{group} ({size} particles)" for group, size in facts["optics_groups"].items()),
        "poses": f"yes, shifts up to {facts['largest_shift_px']:.1f} px" if facts["poses"] else "no: training needs them",
        "classes known": str(facts["labels"] or "no"),
        "CTF": "no: taken as 1",
        "contrast": facts["contrast"]["sentence"],
    }
    if ctf is not None:
        low, high = ctf["defocus_angstrom"]
        words = {name: "/".join(f"{value:g}" for value in ctf[name]) for name in ("voltage_kv", "cs_mm", "amplitude_contrast")}
        rows["CTF"] = (
            f"defocus {low:.0f} to {high:.0f} Å, {words['voltage_kv']} kV, Cs {words['cs_mm']} mm, "
            f"amplitude contrast {words['amplitude_contrast']}"
        )
    summary = Table(show_header=False, box=None)
    for name, text in rows.items():
        summary.add_row(name, text)
    console.print(summary, highlight=False)
    for note in facts["notes"]:
        console.print(f"note: {note}", highlight=False, markup=False)
    console.print(f"written: {facts['output']}", highlight=False, markup=False, soft_wrap=True)
