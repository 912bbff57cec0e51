"""Make particle images of known structures: particles.star, particles.mrcs, the true maps in volumes/, labels in truth.json.

cryohype simulate --procedural 6 -o mixture --box 64 --pixel-size 4 --resolution 12 --snr 0.1
cryohype simulate MIX100.txt -o mixture            (atomic models: the Sim2Struct recipe, 128 px at 3 Å, SNR 0.01)
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.simulate.config import MixtureConfig

if TYPE_CHECKING:
    from cryohype_model.simulate.structures import Structure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cryohype simulate`; the defaults are those of MixtureConfig."""
    recipe = MixtureConfig()
    parser.add_argument("models", nargs="*", metavar="MODEL", help=".pdb, .cif, .mrc, a folder, or a .txt list of such files")
    parser.add_argument("--procedural", type=int, default=0, metavar="K", help="add the first K procedural complexes")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="new folder for the data set")
    parser.add_argument("--overwrite", action="store_true", help="replace a data set that is there already")

    def number(group: argparse._ArgumentGroup, flag: str, default: float, unit: str, text: str) -> None:
        group.add_argument(
            flag, type=type(default), default=default, metavar=unit, help=f"{text}, default {default:g}".lstrip(", ")
        )

    images = parser.add_argument_group("images")
    number(images, "--images-per-structure", recipe.images_per_structure, "N", "")
    number(images, "--box", recipe.box_px, "PX", "side of the images")
    number(images, "--pixel-size", recipe.pixel_size_angstrom, "ANGSTROM", "")
    number(images, "--resolution", recipe.resolution_angstrom, "ANGSTROM", "of the density")
    number(images, "--snr", recipe.snr, "RATIO", "variance of the clean images / of the noise, inf for no noise")
    number(images, "--max-shift", recipe.max_shift_px, "PX", "shifts are uniform in ± this")
    number(images, "--seed", recipe.seed, "N", "of everything random")
    optics = parser.add_argument_group("microscope")
    low, high = recipe.defocus_angstrom
    optics.add_argument(
        "--defocus", type=float, nargs=2, default=(low, high), metavar=("MIN", "MAX"), help=f"in Å, default {low:g} {high:g}"
    )
    number(optics, "--voltage", recipe.voltage_kv, "KV", "")
    number(optics, "--cs", recipe.cs_mm, "MM", "spherical aberration")
    number(optics, "--amplitude-contrast", recipe.amplitude_contrast, "W", "")
    optics.add_argument("--no-ctf", action="store_true", help="images without CTF")
    choice = parser.add_argument_group("which atomic models are taken")
    number(choice, "--fit-fraction", 0.5, "F", "largest side of a model / side of the box")
    choice.add_argument(
        "--keep-similar-names", action="store_true", help="also models whose PDB ids share the first three characters"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda; default auto")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Choose structures, write the data set, say where it is."""
    from cryohype_model.errors import ConfigError
    from cryohype_model.simulate.folder import check_target
    from cryohype_model.simulate.procedural import procedural_complex
    from cryohype_model.simulate.structures import choose_structures, expand_paths

    config = MixtureConfig(
        images_per_structure=args.images_per_structure,
        box_px=args.box,
        pixel_size_angstrom=args.pixel_size,
        resolution_angstrom=args.resolution,
        snr=args.snr,
        max_shift_px=args.max_shift,
        defocus_angstrom=tuple(args.defocus),
        voltage_kv=args.voltage,
        cs_mm=args.cs,
        amplitude_contrast=args.amplitude_contrast,
        ctf=not args.no_ctf,
        seed=args.seed,
    )
    check_target(args.output, args.overwrite)
    if args.procedural < 0:
        raise ConfigError(f"--procedural must be 0 or above, not {args.procedural}")
    choice = choose_structures(
        expand_paths(args.models), config.box_angstrom, args.fit_fraction, distinct=not args.keep_similar_names
    )
    for sentence in choice.skipped:
        console.print(f"left out: {sentence}", highlight=False, markup=False)
    structures = [*choice.structures, *(procedural_complex(i, args.seed) for i in range(args.procedural))]
    if not structures and choice.skipped:
        raise ConfigError(
            f"all {len(choice.skipped)} models were left out; give a larger --box or --pixel-size, or a larger --fit-fraction"
        )
    star, seconds = _simulate(structures, config, args)
    console.print(
        f"{len(structures)} structures, {len(structures) * config.images_per_structure} images in {seconds:.0f} s: {star}"
    )
    if args.json:
        print_json(
            {
                "star": str(star),
                "structures": len(structures),
                "images": len(structures) * config.images_per_structure,
                "skipped": choice.skipped,
                "seconds": seconds,
            }
        )
    return 0


def _simulate(structures: list[Structure], config: MixtureConfig, args: argparse.Namespace) -> tuple[Path, float]:
    """The path of the table and the seconds it took, with a progress bar on standard error."""
    from rich.progress import Progress, TimeRemainingColumn

    from cryohype_model.simulate.mixture import simulate_mixture

    start = time.monotonic()
    with Progress(*Progress.get_default_columns()[:-1], TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("making images", total=None)
        star = simulate_mixture(
            structures,
            args.output,
            config,
            device=_device(args.device),
            overwrite=args.overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    return star, time.monotonic() - start


def _device(name: str) -> str:
    """The torch device that a word on the command line means."""
    import torch

    from cryohype_model.errors import ConfigError

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("--device cuda, but torch sees no CUDA device here; give --device cpu")
    if name != "cpu" and not name.startswith("cuda"):
        raise ConfigError(f"--device {name} is unknown; give auto, cpu or cuda")
    return name
