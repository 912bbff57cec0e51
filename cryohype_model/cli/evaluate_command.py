"""Compare maps with the truth: FSC-AUC as CryoBench, resolution, vIoU, Chamfer distance, classification.

Of a run: one map is generated from a single image of each structure and compared with that structure's true map.
Of a folder with any program's maps: they are paired with the truth by equal file names, else in natural order.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from cryohype_model.cli.evaluation_sources import classification, folder_pairs, is_run, run_pairs, truth_maps
from cryohype_model.cli.evaluation_table import print_evaluation
from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.errors import InputFileError, MetricError
from cryohype_model.metrics.published import PUBLISHED, published_rows

if TYPE_CHECKING:
    from cryohype_model.metrics.pairs import MapPair
    from cryohype_model.metrics.report import Evaluation

EVALUATION_FORMAT_VERSION = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cryohype evaluate``."""
    parser.add_argument("source", type=Path, metavar="RUN|VOLUMES", help="a run folder, or a folder of maps of any program")
    parser.add_argument(
        "--truth", type=Path, required=True, metavar="DIR", help="true maps, or a data set that `cryohype simulate` wrote"
    )
    parser.add_argument("--mask", type=Path, help="map between 0 and 1 that both are multiplied with before the FSC")
    parser.add_argument(
        "--level", default="best", help="level of vIoU and Chamfer distance: a density, mass:KDA, or best (default)"
    )
    parser.add_argument("--pixel-size", type=float, metavar="A", help="pixel size in Å, instead of what the headers say")
    parser.add_argument("--pairs", type=Path, metavar="CSV", help="columns map,truth[,name]: which map belongs to which truth")
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="known class of each particle: .npy, or text with one integer a line"
    )
    parser.add_argument("--clusters", type=Path, metavar="FILE", help="class found for each particle, same formats")
    parser.add_argument("--dataset", metavar="NAME", help=f"print the paper's numbers beside: {', '.join(PUBLISHED)}")
    parser.add_argument(
        "--back-projection", type=Path, metavar="DIR", help="maps from the true labels, evaluated as the upper bound"
    )
    run = parser.add_argument_group("for a run")
    run.add_argument(
        "--images-per-structure", type=_at_least_one, default=1, metavar="K", help="maps generated of each structure (default 1)"
    )
    run.add_argument("--checkpoint", default="last", metavar="NAME", help="which checkpoint generates (default last)")
    run.add_argument(
        "--average",
        type=_at_least_one,
        default=1,
        metavar="K",
        help="decode the mean latent of the K nearest particles (default 1)",
    )
    run.add_argument("--keep-volumes", action="store_true", help="keep the generated maps in the output folder")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="default: RUN/evaluation/CHECKPOINT, or VOLUMES_evaluation"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an evaluation of other maps in the output folder")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print, and write the output folder: beside its place, renamed when complete."""
    from cryohype_model.io.atomic import fresh_partial, replace_folder

    started = time.monotonic()
    output, identity = _output_folder(args), _identity(args.source)
    _check_output(output, identity, args.overwrite)
    _check_options(args)
    partial = fresh_partial(output)
    try:
        evaluation = _evaluate(args, partial)
        print_evaluation(console, evaluation)
        record = _write(partial, args, evaluation, identity)
        replace_folder(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    console.print(f"Written to {output}", markup=False, highlight=False, soft_wrap=True)
    if args.json:
        print_json(record | {"output": str(output), "seconds": round(time.monotonic() - started, 2)})
    return 0


def _evaluate(args: argparse.Namespace, partial: Path) -> Evaluation:
    """All numbers; maps generated from a run go into ``partial/volumes``."""
    from cryohype_model.metrics.evaluation import EvaluationTable, evaluate_maps
    from cryohype_model.metrics.pairs import list_maps, pair_folders
    from cryohype_model.metrics.report import Evaluation
    from cryohype_model.metrics.threshold import ThresholdPolicy

    policy = ThresholdPolicy.parse(args.level)
    published = published_rows(args.dataset) if args.dataset else ()
    classes = classification(args)
    pairs, pairing = run_pairs(args, partial / "volumes") if is_run(args.source) else folder_pairs(args)

    def compare(pairs: Sequence[MapPair], what: str) -> EvaluationTable:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(what, total=len(pairs))
            return evaluate_maps(pairs, policy, args.mask, args.pixel_size, lambda _: bar.advance(task))

    table = compare(pairs, "maps")
    bound = None
    if args.back_projection is not None:
        bound = compare(pair_folders(list_maps(args.back_projection), truth_maps(args.truth))[0], "back-projections")
    return Evaluation(table, bound, classes, published, pairing)


def _write(partial: Path, args: argparse.Namespace, evaluation: Evaluation, identity: str) -> dict[str, Any]:
    """Tables, figures and, last, meta.json; the record that ``--json`` prints is returned."""
    from cryohype_model.metrics.report import flat_record, write_figures, write_report
    from cryohype_model.runs.manifest import utc_now

    write_report(partial, evaluation)
    try:
        write_figures(partial, evaluation)
    except ImportError:
        console.print("No figures: matplotlib is not installed; `pip install 'cryohype[train]'` brings it.", markup=False)
    if not args.keep_volumes:
        shutil.rmtree(partial / "volumes", ignore_errors=True)
    record = flat_record(evaluation)
    facts = {"format_version": EVALUATION_FORMAT_VERSION, "created": utc_now().isoformat(), "source": identity,
             "truth": str(args.truth.resolve()), "mask": None if args.mask is None else str(args.mask.resolve()),
             "levels": record["levels"], "pairing": record["pairing"], "command": sys.argv}  # fmt: skip
    (partial / "meta.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return record


def _identity(source: Path) -> str:
    """What tells one evaluated thing from another: a run's id, else the folder's path."""
    from cryohype_model.runs.layout import Run
    from cryohype_model.runs.manifest import read_manifest

    return f"run {read_manifest(Run(source)).id}" if is_run(source) else str(source.resolve())


def _output_folder(args: argparse.Namespace) -> Path:
    """Where the evaluation goes; absolute, so that `.` and `..` have a name and a parent."""
    from cryohype_model.runs.layout import Run, check_name

    source = args.source.resolve()
    if args.output is not None:
        return Path(args.output).resolve()
    if is_run(source):
        return Run(source).evaluation / check_name(args.checkpoint, "checkpoint")
    return source.with_name(f"{source.name}_evaluation")


def _check_output(output: Path, identity: str, overwrite: bool) -> None:
    """Refuse to replace a folder that no evaluation made, or without being told to an evaluation of something else."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    try:
        earlier = json.loads((output / "meta.json").read_text(encoding="utf-8"))["source"]
        (output / "summary.json").stat()
    except (OSError, ValueError, KeyError, TypeError):
        raise InputFileError(f"{output} exists and holds no evaluation; give another folder with -o") from None
    if earlier != identity and not overwrite:
        raise InputFileError(
            f"{output} holds the evaluation of {earlier}; give another folder with -o, or --overwrite to replace it"
        )


def _check_options(args: argparse.Namespace) -> None:
    """Refuse options that contradict the source, before anything is computed."""
    if not args.source.is_dir():
        raise InputFileError(f"{args.source} is not a folder; give a run, or the folder that holds the maps")
    if not args.truth.is_dir():
        raise InputFileError(f"{args.truth} is not a folder; give the folder of the true maps with --truth")
    if is_run(args.source) and args.pairs is not None:
        raise MetricError("--pairs is for folders of maps: the maps of a run are paired by label; leave it out")
    if not is_run(args.source) and (args.labels is None) != (args.clusters is None):
        raise MetricError("--labels and --clusters belong together for a folder of maps; give both or neither")
    if args.pixel_size is not None and not 0 < args.pixel_size < float("inf"):
        raise MetricError(f"the pixel size must be positive, not {args.pixel_size:g}; give it in Å")


def _at_least_one(text: str) -> int:
    """An argument that counts something."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text}")
    return value
