"""Speed of CryoHype beside its rivals on the same images, interleaved in one run: one table.

    .venv/bin/python -m benchmarks.speed -o /tmp/speed
    .venv/bin/python -m benchmarks.speed -o /tmp/speed --what train,volume --rounds 9 --threads 1

Rivals are the formulation of the paper written plainly (plain.py) and cryoDRGN, which is left out where its environment is not.
Each contender works in a process of its own that stays warm; in a round each does the same work once, one after the other, and
the ratio of a round compares neighbours in time, which is what counts on a machine that has other work. results.md and
results.json are written into the output folder.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.quality.__main__ import commit, machine
from benchmarks.speed.case import Sizes, made_data, our_config, write_settings
from benchmarks.speed.comparison import Comparison
from benchmarks.speed.networks import DRGN, contenders, training, volumes
from benchmarks.speed.table import speed_table
from cryohype_model.errors import ConfigError, CryoHypeError

PARTS = ("train", "volume")


def main(words: list[str] | None = None) -> int:
    """Measure; the exit status."""
    args = arguments(words)
    if args.threads:
        os.environ["OMP_NUM_THREADS"] = str(args.threads)  # of the contenders, which are started later
    try:
        comparisons, notes = measured(args)
    except CryoHypeError as error:
        print(error, file=sys.stderr)
        return 2
    text = report(args, comparisons, notes)
    (args.output / "results.md").write_text(text)
    content: dict[str, Any] = {
        "commit": commit(),
        "machine": machine(),
        "rows": [row.record() for row in comparisons],
        "notes": notes,
    }
    (args.output / "results.json").write_text(json.dumps(content, indent=1))
    print(text)
    return 0


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="data found there are used again")
    parser.add_argument("--what", default=",".join(PARTS), metavar="A,B", help=f"of {', '.join(PARTS)}; default all")
    parser.add_argument("--box", type=int, default=64, metavar="PX", help="default 64")
    parser.add_argument("--hidden", type=int, default=256, help="width of the INR, default 256")
    parser.add_argument("--layers", type=int, default=5, help="linear layers of the INR, default 5: cryoDRGN's 256×3")
    parser.add_argument("--batch", type=int, default=16, help="images a step, default 16")
    parser.add_argument("--images", type=int, default=512, metavar="N", help="of the data set, default 512")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="that count, after one that warms up; default 5")
    parser.add_argument("--steps", type=int, default=1, metavar="N", help="of training in a round, default 1")
    parser.add_argument("--maps", type=int, default=1, metavar="N", help="in a round, default 1")
    parser.add_argument("--threads", type=int, metavar="N", help="of each contender (default: as OMP_NUM_THREADS says)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="for ours and plain")
    parser.add_argument("--rivals", default="plain,cryodrgn", metavar="A,B", help="default plain,cryodrgn")
    parser.add_argument("--rival-python", type=Path, default=Path("/tmp/rival/bin/python"), help="of cryoDRGN's environment")
    return parser.parse_args(words)


def measured(args: argparse.Namespace) -> tuple[list[Comparison], list[str]]:
    """The rows of all parts asked for, and what a reader must know of them."""
    what, rivals = _chosen(args.what, PARTS, "part"), _chosen(args.rivals, ("plain", "cryodrgn"), "rival")
    sizes = Sizes(args.box, args.hidden, args.layers, args.batch, args.images)
    data = made_data(sizes, args.output / f"data-{sizes.box_px}-{sizes.images}")
    config = our_config(sizes, data, args.device, args.overrides)
    ours, settings = write_settings(sizes, data, config, args.device, args.output)
    notes = [f"Equal for all: {sizes}."]
    if args.device == "cuda":
        notes.append("Nothing of this benchmark was ever measured on a GPU before this run: read its GPU figures with care.")
    with_drgn = "cryodrgn" in rivals and args.rival_python.is_file()
    if "cryodrgn" in rivals and not with_drgn:
        notes.append(f"{DRGN} is left out: {args.rival_python} does not exist; "
                     "`python -m venv E; E/bin/pip install torch cryodrgn`, and --rival-python E/bin/python.")  # fmt: skip
    rows: list[Comparison] = []
    with contenders(ours, settings if with_drgn else None, args.rival_python, args.output, "plain" in rivals) as found:
        if "train" in what:
            part, flops = training(found, sizes, args.rounds, args.steps)
            rows += part
            notes.append(
                "Training, counted GFLOP an image: " + ", ".join(f"{name} {n / 1e9:.2f}" for name, n in flops.items()) + "."
            )
        if "volume" in what:
            part, flops = volumes(found, sizes, args.rounds, args.maps)
            rows += part
            notes.append("Volume, counted GFLOP: " + ", ".join(f"{name} {n / 1e9:.1f}" for name, n in flops.items()) + ".")
    return rows, [*notes, *_rates(rows)]


def _rates(rows: list[Comparison]) -> list[str]:
    """The measured rates of matrix products."""
    found = {row.what: max(a.facts["flops"] / a.wall for a in row.limit) for row in rows if row.limit}
    return [
        f"Arithmetic limit of {what}: {rate / 1e9:.0f} GFLOP/s in matrix products of the INR's sizes, best round."
        for what, rate in found.items()
    ]


def _chosen(text: str, known: tuple[str, ...], kind: str) -> list[str]:
    """Names of a list with commas."""
    names = text.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"there is no {kind} {unknown[0]!r}; give of {', '.join(known)}")
    return names


def report(args: argparse.Namespace, comparisons: list[Comparison], notes: list[str]) -> str:
    """The table with what it needs to be understood."""
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    missed = [f"{row.what} against {row.rival}" for row in comparisons if row.missed]
    parts = [
        "# Speed",
        f"`{' '.join(['python -m benchmarks.speed', *sys.argv[1:]])}`, commit {commit()}, {machine()}, "
        f"OMP_NUM_THREADS {threads}, {args.rounds} rounds.",
        "Figures are medians; a ratio is the median over the rounds of rival's time / ours, with lowest and highest.",
        speed_table(comparisons),
        f"Missed: {'; '.join(missed)}." if missed else "",
        "\n".join(f"- {note}" for note in notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    sys.exit(main())
