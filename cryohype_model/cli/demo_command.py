"""Simulate a mixture of made-up complexes, train on it, analyse and evaluate it, and write a report page.

No file, no network and no GPU is needed; it takes a few minutes. Each step is an ordinary command, shown before it runs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.errors import ConfigError, CryoHypeError, InputFileError

STRUCTURES = 6
SNR = 0.3
BOX_PX = 32
PIXEL_SIZE_ANGSTROM = 7.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cryohype demo``."""
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("cryohype-demo"), metavar="DIR", help="folder (default cryohype-demo)"
    )
    parser.add_argument(
        "--structures", type=int, default=STRUCTURES, metavar="K", help=f"made-up complexes (default {STRUCTURES})"
    )
    parser.add_argument("--images", type=int, default=800, metavar="N", help="images of each (default 800)")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the images (default: of the preset demo)")
    parser.add_argument("--seed", type=int, default=0, help="of the images and of training (default 0)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier demo in the folder")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """All steps, then the report."""
    from cryohype_model.cli.demo_report import write_demo_report

    started = time.monotonic()
    if args.structures < 2 or args.images < 10:
        raise ConfigError("the demo needs at least 2 structures of 10 images each")
    folder: Path = args.output
    _prepare(folder, args.overwrite)
    commands = demo_commands(folder, args.structures, args.images, args.epochs, args.seed)
    seconds = {}
    for words in commands:
        began = time.monotonic()
        run_step(words)
        seconds[words[0]] = time.monotonic() - began
    facts = _facts(folder) | {
        "structures": args.structures,
        "images": args.structures * args.images,
        "seconds": time.monotonic() - started,
        "seconds_of": seconds,
    }
    report = write_demo_report(folder, facts, commands)
    console.print(f"\nReport: {report.absolute()}  (open it in a browser)", highlight=False, markup=False, soft_wrap=True)
    if args.json:
        print_json(facts | {"report": str(report)})
    return 0


def demo_commands(folder: Path, structures: int, images: int, epochs: int | None, seed: int) -> list[list[str]]:
    """The commands that the demo consists of, word by word: simulate, backproject, train, analyze, evaluate.

    Parameters
    ----------
    folder : of the demo. structures, images : made-up complexes, and images of each.
    epochs : None for those of the preset. seed : of the images and of training.
    """
    data, run_folder, bound = str(folder / "data"), str(folder / "run"), str(folder / "bound")
    stars = f"{data}/particles.star"
    longer = [] if epochs is None else ["--epochs", str(epochs)]
    simulate = [
        "simulate",
        "--procedural",
        str(structures),
        "--images-per-structure",
        str(images),
        "--box",
        str(BOX_PX),
    ]
    simulate += ["--pixel-size", str(PIXEL_SIZE_ANGSTROM), "--resolution", str(2 * PIXEL_SIZE_ANGSTROM), "--snr", str(SNR)]
    simulate += ["--max-shift", "2", "--seed", str(seed), "-o", data]
    return [
        simulate,
        ["backproject", stars, "--by-label", "-o", bound],
        ["train", stars, "--preset", "demo", *longer, "--set", f"training.seed={seed}", "-o", run_folder],
        ["analyze", run_folder],
        ["evaluate", run_folder, "--truth", data, "--back-projection", bound, "--images-per-structure", "3", "--keep-volumes"],
    ]


def run_step(words: list[str]) -> None:
    """Show and run one command in this process."""
    from cryohype_model.cli import command_parser

    console.rule(f"cryohype {' '.join(words)}", align="left")
    parsed = command_parser(words[0]).parse_args(words[1:])
    code = parsed.run(parsed)
    if code >= 128:
        raise KeyboardInterrupt
    if code:
        raise CryoHypeError(f"`cryohype {' '.join(words)}` ended with code {code}")


def _facts(folder: Path) -> dict[str, Any]:
    """The figures that the evaluation wrote."""
    summaries = sorted((folder / "run" / "evaluation").glob("*/summary.json"))
    if not summaries:
        raise InputFileError(f"{folder / 'run'} holds no evaluation; run the demo again")
    content = json.loads(summaries[-1].read_text(encoding="utf-8"))
    return dict(content["means"])


def _prepare(folder: Path, overwrite: bool) -> None:
    """An empty folder; never somebody else's."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not (folder / "data" / "truth.json").is_file():
            raise InputFileError(f"{folder} exists and holds no demo; choose another folder with -o")
        if not overwrite:
            raise InputFileError(f"{folder} holds an earlier demo; replace it with --overwrite, or choose another folder with -o")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
