"""Variants of the network on one mixture, at the same number of epochs, beside the back-projection bound.

    .venv/bin/python benchmarks/variants.py --data ../shared/data -o /tmp/variants
    .venv/bin/python benchmarks/variants.py --defaults -o /tmp/defaults

The first simulates ten complexes of MIX100.txt (1000 images each, 32 px at 6 Å/px, SNR 0.1) and trains ``cpu-small`` with each
conditioning and encoder. The second simulates the mixture of `cryohype demo` and changes one default at a time.
Every run is analysed and evaluated; a Markdown table is printed. ``results/`` holds what was measured.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

VARIANTS = {
    "hypernet + vit": [],
    "concat": ["model.conditioning=concat"],
    "unet": ["model.encoder=unet"],
    "mlp": ["model.encoder=mlp"],
}
DEFAULTS = {
    "as it is": [],
    "no folding": ["model.inr.fold=false"],
    "Hartley, whole disc": ["model.inr.output=hartley"],
    "no positional embedding": ["model.positional_embedding=false"],
    "real-space input": ["model.input_domain=real"],
    "pose and CTF tokens": ["model.pose_token=true", "model.ctf_token=true"],
    "half of the coordinates": ["training.coordinate_fraction=0.5"],
    "coarse to fine": ["training.coarse_to_fine_epochs=2"],
    "feature sigma 0.5": ["model.inr.feature_sigma=0.5"],
}


def cryohype(*words: str | Path) -> dict[str, Any]:
    """Run a command; its JSON object."""
    command = [str(Path(sys.executable).parent / "cryohype"), *map(str, words)]
    print("$ cryohype", *map(str, words), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    lines = done.stdout.strip().splitlines()
    return dict(json.loads(lines[-1])) if lines else {}


def simulate(data: Path, folder: Path, args: argparse.Namespace) -> Path:
    """The mixture and its bound."""
    stars = folder / "data" / "particles.star"
    if not stars.exists():
        if args.defaults:
            chosen: list[str | Path] = ["--procedural", str(args.structures)]
        else:
            models = [data / line for line in (data / "MIX100.txt").read_text().split()]
            fits = fitting(models, 0.8 * args.box * args.pixel_size, args.structures)
            chosen = [*fits, "--fit-fraction", "0.8", "--keep-similar-names"]
        cryohype(
            "simulate", *chosen, "--images-per-structure", args.images, "--box", args.box, "--pixel-size", args.pixel_size,
            "--resolution", 2 * args.pixel_size, "--snr", args.snr, "--max-shift", 2, "-o", folder / "data", "--json",
        )  # fmt: skip
        cryohype("backproject", stars, "--by-label", "-o", folder / "bound", "--json")
    return stars


def fitting(models: list[Path], side_angstrom: float, count: int) -> list[Path]:
    """The first models of the list whose bounding box fits."""
    from cryohype_model.simulate.models import bounding_side_angstrom, read_atoms

    found: list[Path] = []
    for path in models:
        if len(found) < count and bounding_side_angstrom(read_atoms(path)) <= side_angstrom:
            found.append(path)
    return found


def measure(name: str, options: list[str], stars: Path, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Train, analyse and evaluate one variant."""
    run = folder / file_name(name)
    sets = [word for option in (*options, *args.overrides) for word in ("--set", option)]
    trained = cryohype("train", stars, "--preset", args.preset, "--epochs", args.epochs, *sets, "-o", run, "--json")
    cryohype("analyze", run, "--no-umap", "--no-volumes", "--json")
    truth = ("--truth", folder / "data", "--back-projection", folder / "bound", "--images-per-structure", args.maps, "--json")
    single = cryohype("evaluate", run, *truth, "-o", run / "evaluation" / "single")
    averaged = cryohype("evaluate", run, *truth, "--average", 50, "-o", run / "evaluation" / "averaged")
    return {
        "name": name, "fsc_auc": single["fsc_auc"], "fsc_auc_average_50": averaged["fsc_auc"], "bound": single["fsc_auc_bound"],
        "viou": single["viou"], "viou_bound": single["viou_bound"], "chamfer_angstrom": single["chamfer_angstrom"],
        "chamfer_bound": single["chamfer_angstrom_bound"], "accuracy": single["accuracy"], "knn_accuracy": single["knn_accuracy"],
        "training_seconds": trained["training_seconds"], "loss": trained["loss"],
    }  # fmt: skip


def file_name(name: str) -> str:
    """A variant's name without what folders do not like."""
    return "".join(character if character.isalnum() else "-" for character in name)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| variant | FSC-AUC | averaged over 50 | vIoU | Chamfer (Å) | accuracy | kNN accuracy | training (s) |",
        "|---" * 8 + "|",
    ]
    for row in rows:
        chamfer = "not defined" if row["chamfer_angstrom"] is None else f"{row['chamfer_angstrom']:.2f}"
        lines.append(
            f"| {row['name']} | {row['fsc_auc']:.3f} | {row['fsc_auc_average_50']:.3f} | {row['viou']:.3f} | {chamfer} | "
            f"{row['accuracy']:.3f} | {row['knn_accuracy']:.3f} | {row['training_seconds']:.0f} |"
        )
    first = rows[0]
    bound = f"| back-projection, true labels | {first['bound']:.3f} | | {first['viou_bound']:.3f} | {first['chamfer_bound']:.2f} "
    bound += "| | | |"
    return "\n".join([*lines, bound])


def main() -> None:
    """All variants, or those named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=f"of {', '.join((*VARIANTS, *DEFAULTS))} (default all)")
    parser.add_argument("--defaults", action="store_true", help="the mixture of the demo, one default changed at a time")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of MIX100.txt and models/")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--structures", type=int, default=10)
    parser.add_argument("--images", type=int, default=1000, help="of each structure")
    parser.add_argument("--box", type=int, default=32)
    parser.add_argument("--pixel-size", type=float, default=6.0)
    parser.add_argument("--snr", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--maps", type=int, default=3, help="maps of each structure, from as many single images")
    parser.add_argument("--preset", default="cpu-small")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    if given.defaults:
        parser.set_defaults(structures=6, images=800, pixel_size=7.0, snr=0.3, epochs=6, preset="demo")
    args = parser.parse_args()
    known = DEFAULTS if args.defaults else VARIANTS
    args.output.mkdir(parents=True, exist_ok=True)
    stars = simulate(args.data, args.output, args)
    rows = [measure(name, known[name], stars, args.output, args) for name in args.variants or known]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    mixture = f"{args.structures} structures × {args.images} images of {args.box} px at {args.pixel_size} Å/px, SNR {args.snr}"
    print(f"\n{platform.machine()}, commit {commit}, {mixture}, preset {args.preset}, {args.epochs} epochs\n\n{table(rows)}")
    (args.output / f"rows-{'-'.join(file_name(row['name']) for row in rows)}.json").write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
