"""Reconstruction quality of CryoHype, its variants and cryoDRGN on the same images, beside back-projection with true labels.

    .venv/bin/python -m benchmarks.quality mix10 -o /tmp/quality --minutes 10 --seeds 3 --rival-python E/bin/python
    .venv/bin/python -m benchmarks.quality mix10 -o /tmp/table3 --epochs 12 --methods tokens,tokens-concat,tokens-mlp,tokens-unet

The data of a case are made once, from seed 0; the seeds differ in the methods only. Every method gets the same stack, poses and
CTF, the same budget, and makes its maps from the same first images of each structure; all are evaluated by one code.
Sizes mix30 and mix100 are meant for a GPU; -coarse are the same complexes in images of half as many pixels, for a CPU.
results.md and results.json are written into the output folder, correlations.png and the programs' messages into the folder
of each run.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.quality.bound import BackProjection
from benchmarks.quality.cases import CASES, Case, Data, resized, simulated
from benchmarks.quality.drgn import CryoDrgn
from benchmarks.quality.known import KnownMaps
from benchmarks.quality.ours import VARIANTS, CryoHype
from benchmarks.quality.processes import Budget
from benchmarks.quality.protocol import Method
from benchmarks.quality.scores import scores, write_picture
from benchmarks.quality.table import class_table, correlation_table, pair_tables, quality_table
from cryohype_model.errors import ConfigError, CryoHypeError
from cryohype_model.metrics.report import without_nan

# at 32 px on one thread, one of the two best settings tried for equal processor time (benchmarks/results/quality-rival.md)
SMALL_RIVAL = "-b 16 --lr 1e-3 --enc-dim 256 --enc-layers 3 --dec-dim 128 --dec-layers 3"
LARGE_RIVAL = "-b 32 --lr 1e-4 --enc-dim 1024 --enc-layers 3 --dec-dim 1024 --dec-layers 3"


def main() -> int:
    """Run the case; the exit status."""
    args = arguments()
    case = resized(CASES[args.case], args.images, args.snr)
    try:
        budget = Budget(None if args.minutes is None else 60 * args.minutes, args.epochs, args.clock)
        methods = chosen(args, case)
        data = simulated(case, args.data, args.output / "data")
        results, notes = measured(methods, data, args, budget)
    except CryoHypeError as error:
        print(error, file=sys.stderr)
        return 2
    text = report(args, case, budget, results, notes)
    (args.output / "results.md").write_text(text)
    content = {"case": args.case, "commit": commit(), "machine": machine(), "results": results, "notes": notes}
    (args.output / "results.json").write_text(json.dumps(without_nan(content), indent=1))
    print(text)
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="data found there are used again")
    parser.add_argument("--methods", default="bound,ours,cryodrgn", metavar="A,B",
                        help=f"bound, known (what one image allows), cryodrgn, {', '.join(VARIANTS)}; "
                             "default bound,ours,cryodrgn")  # fmt: skip
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, metavar="M", help="of training, for each method and seed")
    budget.add_argument("--epochs", type=int, metavar="E", help="of training, for each method and seed")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="what --minutes counts; cpu where other work runs on the machine (default wall)")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each method (default 1)")
    parser.add_argument("--images", type=int, metavar="N", help="of each structure, instead of the case's number")
    parser.add_argument("--snr", type=float, help="instead of the case's")
    parser.add_argument("--maps", type=int, default=3, metavar="K", help="maps of each structure, from its first K images")
    parser.add_argument("--preset", help="of CryoHype, instead of the case's")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="for all of ours")
    parser.add_argument("--rival-python", type=Path, default=Path("/tmp/rival/bin/python"), help="of cryoDRGN's environment")
    parser.add_argument("--rival-options", metavar="'-b 8 …'", help="architecture and optimiser of cryoDRGN's train_vae")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of MIX100.txt and models/")
    parser.add_argument("--keep", action="store_true", help="keep the runs and maps")
    return parser.parse_args()


def chosen(args: argparse.Namespace, case: Case) -> list[Method]:
    """The methods asked for, the bound first."""
    names = args.methods.split(",")
    known = ["bound", "known", "cryodrgn", *VARIANTS]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"there is no method {unknown[0]!r}; give of {', '.join(known)}")
    rival = (args.rival_options or (SMALL_RIVAL if case.box_px <= 32 else LARGE_RIVAL)).split()
    methods: list[Method] = [BackProjection()] if "bound" in names else []
    methods += [KnownMaps()] if "known" in names else []
    for name in names:
        if name in VARIANTS:
            methods.append(CryoHype(name, args.preset or case.preset, (*VARIANTS[name], *args.overrides)))
        elif name == "cryodrgn":
            methods.append(CryoDrgn("cryoDRGN", args.rival_python, tuple(rival)))
    return methods


def measured(
    methods: list[Method], data: Data, args: argparse.Namespace, budget: Budget
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """The scores of every run of every method, and what a reader must know of each; a run that was measured is not repeated."""
    results: dict[str, list[dict[str, Any]]] = {}
    notes = []
    for method in methods:
        absent = method.missing()
        if absent:
            notes.append(absent)
            continue
        for seed in range(1 if isinstance(method, BackProjection | KnownMaps) else args.seeds):
            folder = args.output / method.name.replace(", ", "-").replace(" ", "-") / f"seed-{seed}"
            score = measured_once(method, data, folder, budget, seed, args)
            results.setdefault(method.name, []).append(score)
        notes.append(results[method.name][0]["how"])
    return results, notes


def measured_once(
    method: Method, data: Data, folder: Path, budget: Budget, seed: int, args: argparse.Namespace
) -> dict[str, Any]:
    """One run of one method, scored; read from scores.json where the same was measured before."""
    asked = {"case": str(data.case), "budget": str(budget), "maps": args.maps, "method": repr(method)}
    file = folder / "scores.json"
    if file.exists() and (before := json.loads(file.read_text()))["asked"] == asked:
        return dict(before)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    outcome = method.reconstruct(data, folder, budget, seed, args.maps)
    score = without_nan(scores(data, outcome, seed) | {"how": outcome.how, "asked": asked})
    write_picture(data, outcome, method.name, folder / "correlations.png")
    if not args.keep:
        for part in [part for part in folder.iterdir() if part.is_dir()]:
            shutil.rmtree(part)
    file.write_text(json.dumps(score, indent=1))
    return score


def report(
    args: argparse.Namespace, case: Case, budget: Budget, results: dict[str, list[dict[str, Any]]], notes: list[str]
) -> str:
    """All tables, with what they need to be understood."""
    bound = results.get(BackProjection.name)
    parts = [
        f"# {args.case}: {case}",
        f"`{' '.join(['python -m benchmarks.quality', *sys.argv[1:]])}`, commit {commit()}, {machine()}.",
        f"Budget of each method: {budget}. Data from seed 0, the same for all; ± is the standard deviation over seeds of the "
        f"method. {args.maps} map(s) of each structure, each from a single image; no mask.",
        quality_table(results, bound[0]["fsc_auc"] if bound else None),
        class_table(results),
        "FSC-AUC against the other metrics over all maps of the first seed, Pearson / Spearman.",
        correlation_table(results),
        pair_tables(results),
        "\n".join(f"- {note}" for note in notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def commit() -> str:
    """Of this repository, marked where files have changed since."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """Processor and accelerator."""
    import torch

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{model}, {torch.get_num_threads()} thread(s), {device}"


if __name__ == "__main__":
    sys.exit(main())
